//! What people are told: which facts of the journal are news, how much they matter, and their text
//! in each language. Nothing is sent here, and nothing is escaped: that is whoever carries it.
//!
//! One fact is at most one piece of news, and where several facts say the same, one of them speaks:
//! a rollback that the agent orders is told by the end of what it undoes, a rollback that a person
//! orders by its own end.

mod cause;
mod chosen;
mod ending;
mod phrase;
mod story;
mod text;

pub use self::text::{Line, Text};

use self::story::Story;
use crate::{
    environment::Environment,
    event::{Entry, Event},
    ids::{DeploymentNumber, EnvironmentName, Timestamp},
    lifecycle::{Deployment, Kind},
    notice::Severity,
    policy::VerifyWhen,
};

/// A language that people are told in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Locale {
    /// French.
    #[default]
    Fr,
    /// English.
    En,
}

impl Locale {
    /// Every language.
    pub const ALL: [Self; 2] = [Self::Fr, Self::En];
}

/// What a piece of news is about, as the configuration lets people choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// A deployment began, moved or ended.
    Deployments,
    /// A rollback began, moved or ended.
    Rollbacks,
    /// CI went red, or green after all.
    CiFailures,
    /// The application is down, or up again.
    Down,
    /// A human is needed: for everybody who is told anything of the environment.
    Stranded,
    /// The agent itself, for everybody: it started again, a certificate ends.
    Agent,
}

/// Where it happened, as the configuration describes it.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The environment.
    pub name: &'a EnvironmentName,
    /// What people call it.
    pub title: &'a str,
    /// Where its users find it.
    pub url: Option<&'a str>,
    /// The title of the environment whose commits it takes.
    pub promotes: Option<&'a str>,
}

/// What else has to be known, besides the fact and its deployment.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// When the fact was journaled.
    pub at: Timestamp,
    /// When the environment verifies its commits.
    pub verify: VerifyWhen,
    /// The environment as it is now.
    pub environment: Option<&'a Environment>,
    /// The deployment that [`counterpart`] names, as it is now.
    pub counterpart: Option<&'a Deployment>,
}

/// The other half of an undoing: the rollback that undoes `deployment`, else what it undoes itself.
#[must_use]
pub fn counterpart(deployment: &Deployment) -> Option<DeploymentNumber> {
    deployment.undone_by.or(match deployment.kind {
        Kind::Rollback { undoes, .. } => undoes,
        Kind::Deploy { .. } => None,
    })
}

/// One thing worth telling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    site: Site,
    story: Story,
}

/// A [`Place`] that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Site {
    name: EnvironmentName,
    title: String,
    url: Option<String>,
    promotes: Option<String>,
}

/// Whether there may be news in `event`; for whoever would have to look up the rest in vain.
#[must_use]
pub fn may_be_news(event: &Event) -> bool {
    !chosen::is_detail(event)
}

/// What people are to be told of `entry`, if anything. `deployment` is the one that the entry
/// speaks of, as it is now: a reader that is late knows what became of it.
#[must_use]
pub fn news(
    entry: &Entry,
    deployment: Option<&Deployment>,
    place: &Place<'_>,
    context: &Context<'_>,
) -> Option<News> {
    if !may_be_news(&entry.event) {
        return None;
    }
    let story = chosen::story(&entry.event, deployment, context)?;
    let site = Site {
        name: place.name.clone(),
        title: place.title.to_owned(),
        url: place.url.map(str::to_owned),
        promotes: place.promotes.map(str::to_owned),
    };
    Some(News { site, story })
}

impl News {
    /// What it is about.
    #[must_use]
    pub fn class(&self) -> Class {
        self.story.class()
    }

    /// How much it matters.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.story.severity()
    }

    /// The name that programs read; names are added, never changed.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.story.kind()
    }

    /// What people read.
    #[must_use]
    pub fn text(&self, locale: Locale) -> Text {
        text::text(&self.site, &self.story, locale)
    }
}

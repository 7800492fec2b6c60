//! Reads a world's journal the way those who tell people do: entry by entry, with what is known now.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]

pub mod production;
pub mod scene;

use std::collections::BTreeMap;

use ripcord_core::{
    Deployment, DeploymentNumber, Entry, Environment, EnvironmentName, Event, Identity, Kind,
    Refusal, Timestamp, VerifyWhen,
    news::{Context, Locale, News, Place, counterpart, news},
};

use crate::model::{Turn, World, person, sha};

/// An environment as its configuration describes it.
pub struct Site {
    pub name: EnvironmentName,
    pub title: String,
    pub url: Option<String>,
    pub promotes: Option<String>,
}

impl Site {
    pub fn preprod() -> Self {
        Self {
            name: "preprod".parse().unwrap(),
            title: "PREPROD".to_owned(),
            url: Some("https://mangetamain.lafrance.io/".to_owned()),
            promotes: None,
        }
    }

    pub fn prod() -> Self {
        Self {
            name: "prod".parse().unwrap(),
            title: "PRODUCTION".to_owned(),
            url: Some("https://backtothefuturekitchen.lafrance.io/".to_owned()),
            promotes: Some("PREPROD".to_owned()),
        }
    }

    /// What concerns the agent and no environment.
    pub fn agent() -> Self {
        let (name, title) = (EnvironmentName::agent(), "dataia".to_owned());
        Self { name, title, url: None, promotes: None }
    }

    pub fn place(&self) -> Place<'_> {
        let (url, promotes) = (self.url.as_deref(), self.promotes.as_deref());
        Place { name: &self.name, title: &self.title, url, promotes }
    }
}

/// What is known when an entry is read.
pub struct Known<'a> {
    pub deployments: &'a BTreeMap<DeploymentNumber, Deployment>,
    pub environment: &'a Environment,
    pub verify: VerifyWhen,
}

impl Known<'_> {
    pub fn tell(&self, site: &Site, entry: &Entry, at: Timestamp) -> Option<News> {
        let deployment = entry.deployment.and_then(|number| self.deployments.get(&number));
        let other = deployment.and_then(counterpart);
        let counterpart = other.and_then(|number| self.deployments.get(&number));
        let environment = Some(self.environment);
        let context = Context { at, verify: self.verify, environment, counterpart };
        news(entry, deployment, &site.place(), &context)
    }
}

/// What people are told of each turn, by a reader that is never late.
pub fn told(world: &World, site: &Site) -> Vec<Vec<News>> {
    let mut deployments = BTreeMap::new();
    let turn = |turn: &Turn| {
        let changed = turn.decision.changed.iter().map(|each| (each.number, each.clone()));
        deployments.extend(changed);
        let known = Known {
            deployments: &deployments,
            environment: turn.after(),
            verify: world.policy.when,
        };
        let entries = turn.decision.entries.iter();
        entries.filter_map(|entry| known.tell(site, entry, turn.now)).collect()
    };
    world.turns.iter().map(turn).collect()
}

/// The same by a reader that was away, and comes when everything is over.
pub fn told_late(world: &World, site: &Site) -> Vec<Vec<News>> {
    let changed = world.turns.iter().flat_map(|turn| &turn.decision.changed);
    let deployments = changed.map(|each| (each.number, each.clone())).collect();
    let (environment, verify) = (&world.environment, world.policy.when);
    let known = Known { deployments: &deployments, environment, verify };
    let turn = |turn: &Turn| {
        let entries = turn.decision.entries.iter();
        entries.filter_map(|entry| known.tell(site, entry, turn.now)).collect()
    };
    world.turns.iter().map(turn).collect()
}

pub fn kinds(told: &[News]) -> Vec<&'static str> {
    told.iter().map(News::kind).collect()
}

/// A deployment that was just admitted.
pub fn admitted(number: u64, kind: Kind, by: Identity) -> Deployment {
    let (reason, request_id, previous, planned_on) = (None, None, None, None);
    let sha = sha(7);
    let event = Event::Admitted { kind, sha, by, reason, request_id, previous, planned_on };
    let entry = Entry { deployment: Some(DeploymentNumber(number)), event };
    Environment::default().apply(&entry, Timestamp(1_000)).unwrap()
}

pub fn a_deploy(number: u64) -> Deployment {
    let kind = Kind::Deploy { redeploy: false, allow_older: false, overriding: false };
    let mut deployment = admitted(number, kind, person());
    deployment.author = Some("@user".to_owned());
    deployment.subject = Some("Fix bug analysis".to_owned());
    deployment
}

pub fn a_rollback(number: u64, undoes: Option<u64>, automatic: bool) -> Deployment {
    let undoes = undoes.map(DeploymentNumber);
    let by = if automatic { Identity::agent() } else { person() };
    admitted(number, Kind::Rollback { undoes, automatic, hold: false, backup: None }, by)
}

/// One piece of news with its names, in one language.
pub fn shown(news: &News, locale: Locale) -> String {
    let (kind, class, severity) = (news.kind(), news.class(), news.severity());
    format!("[{kind}, {class:?}, {severity:?}]\n{}\n", news.text(locale))
}

/// A workflow of the wrong branch.
pub fn no_token() -> Refusal {
    let why = "the claim `ref` of the token is not \"refs/heads/main\"".to_owned();
    Refusal::Oidc { audience: "ripcord".to_owned(), why }
}

/// An event of which nothing else has to be known.
pub fn single(site: &Site, event: Event) -> News {
    let deployments = &BTreeMap::new();
    let environment = &Environment::default();
    let known = Known { deployments, environment, verify: VerifyWhen::After };
    known.tell(site, &Entry { deployment: None, event }, Timestamp(2_000)).unwrap()
}

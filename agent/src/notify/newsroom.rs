//! From a record of the journal to the news in it: looks up what the record alone does not say.

use std::{collections::BTreeMap, sync::Arc};

use ripcord_core::{
    Deployment, DeploymentNumber, EnvironmentName, VerifyWhen,
    news::{Context, News, Place, counterpart, may_be_news, news},
};

use super::{Policy, Undelivered};
use crate::{
    causes::with_causes,
    journal::{Journal, JournalError, Record},
};

/// Knows the environments, and what became of their deployments. Cheap to clone.
#[derive(Clone)]
pub struct Newsroom {
    /// What became of what.
    pub journal: Journal,
    /// The environments of the configuration, and the agent itself.
    pub homes: Arc<BTreeMap<EnvironmentName, Home>>,
}

/// An environment as the configuration describes it to people.
#[derive(Debug, Clone)]
pub struct Home {
    /// What people call it.
    pub title: String,
    /// Where its users find it.
    pub url: Option<String>,
    /// The title of the environment whose commits it takes.
    pub promotes: Option<String>,
    /// When it verifies its commits.
    pub verify: VerifyWhen,
}

/// News that a sink has to tell.
#[derive(Debug, Clone)]
pub struct Item {
    /// The news.
    pub news: News,
    /// The deployment that it is about, as it is now.
    pub deployment: Option<Deployment>,
    /// Whether everybody is mentioned.
    pub pings: bool,
}

impl Newsroom {
    /// Whether there may be news in it, as far as the record alone shows.
    pub(super) fn may_have_news(&self, record: &Record) -> bool {
        may_be_news(&record.entry.event) && self.homes.contains_key(&record.environment)
    }

    /// The news in `record`, if there is any that `policy` tells.
    ///
    /// # Errors
    /// When the journal cannot be read now.
    pub(super) async fn item(
        &self,
        record: &Record,
        policy: &Policy,
    ) -> Result<Option<Item>, Undelivered> {
        let environment = &record.environment;
        let Some(home) = self.homes.get(environment) else { return Ok(None) };
        let deployment = self.deployment(environment, record.entry.deployment).await?;
        let other = deployment.as_ref().and_then(counterpart);
        let other = self.deployment(environment, other).await?;
        let state = self.journal.state(environment).await.map_err(unread)?;
        let context = Context {
            at: record.at,
            verify: home.verify,
            environment: state.as_ref(),
            counterpart: other.as_ref(),
        };
        let place = Place {
            name: environment,
            title: &home.title,
            url: home.url.as_deref(),
            promotes: home.promotes.as_deref(),
        };
        let found = news(&record.entry, deployment.as_ref(), &place, &context);
        let told = found.filter(|news| policy.tells(environment, news));
        Ok(told.map(|news| Item { pings: policy.pings(environment, &news), news, deployment }))
    }

    async fn deployment(
        &self,
        environment: &EnvironmentName,
        number: Option<DeploymentNumber>,
    ) -> Result<Option<Deployment>, Undelivered> {
        let Some(number) = number else { return Ok(None) };
        self.journal.deployment(environment, number).await.map_err(unread)
    }
}

fn unread(error: JournalError) -> Undelivered {
    Undelivered::Later { after: None, why: with_causes(&error) }
}

//! Which news is told where, and which may mention everybody. Pure: what the configuration says, and
//! what it leaves to good sense.
//!
//! What is said of an environment by its name adds to what is said of `"*"`. A human who is needed is
//! the end of a deployment or a rollback, so whoever is told of these is told of that, asked or not.
//! The agent's own news goes where anything is told of `"*"`.

use std::collections::{BTreeMap, BTreeSet};

use ripcord_core::{
    EnvironmentName,
    news::{Class, News},
    notice::Severity,
};

use crate::config::{EnvironmentSelector, NotifyConfig, NotifyEvent};

type Choice = BTreeMap<EnvironmentSelector, BTreeSet<NotifyEvent>>;

/// What one sink tells.
#[derive(Debug, Clone)]
pub struct Policy {
    told: Choice,
    pings: Choice,
}

impl Policy {
    /// What the configuration says of a sink.
    #[must_use]
    pub fn new(config: &NotifyConfig) -> Self {
        Self { told: config.events.clone(), pings: config.ping.clone() }
    }

    /// Whether the sink tells this news of `environment`.
    #[must_use]
    pub fn tells(&self, environment: &EnvironmentName, news: &News) -> bool {
        self.tells_class(environment, news.class())
    }

    /// Whether this news of `environment` mentions everybody.
    #[must_use]
    pub fn pings(&self, environment: &EnvironmentName, news: &News) -> bool {
        self.pings_class(environment, news.class(), news.severity())
    }

    /// As [`Self::tells`], by what the news is about.
    #[must_use]
    pub fn tells_class(&self, environment: &EnvironmentName, class: Class) -> bool {
        let names = |event| chosen(&self.told, environment, event);
        match class {
            Class::Stranded => {
                names(NotifyEvent::Stranded)
                    || names(NotifyEvent::Deployments)
                    || names(NotifyEvent::Rollbacks)
            }
            Class::Agent => {
                self.told.get(&EnvironmentSelector::All).is_some_and(|events| !events.is_empty())
            }
            Class::Deployments | Class::Rollbacks | Class::CiFailures | Class::Down => {
                event(class).is_some_and(names)
            }
        }
    }

    /// As [`Self::pings`], by what the news is about. That something is well again wakes nobody.
    #[must_use]
    pub fn pings_class(
        &self,
        environment: &EnvironmentName,
        class: Class,
        severity: Severity,
    ) -> bool {
        let is_trouble = severity > Severity::Info;
        let may = match class {
            Class::CiFailures | Class::Down | Class::Stranded => is_trouble,
            Class::Deployments | Class::Rollbacks => true,
            Class::Agent => false,
        };
        may && event(class).is_some_and(|event| chosen(&self.pings, environment, event))
    }
}

/// How the configuration calls it.
fn event(class: Class) -> Option<NotifyEvent> {
    match class {
        Class::Deployments => Some(NotifyEvent::Deployments),
        Class::Rollbacks => Some(NotifyEvent::Rollbacks),
        Class::CiFailures => Some(NotifyEvent::CiFailures),
        Class::Down => Some(NotifyEvent::Down),
        Class::Stranded => Some(NotifyEvent::Stranded),
        Class::Agent => None,
    }
}

fn chosen(choice: &Choice, environment: &EnvironmentName, event: NotifyEvent) -> bool {
    let of_it = choice.iter().filter(|(selector, _)| selector.matches(environment));
    of_it.into_iter().any(|(_, events)| events.contains(&event))
}

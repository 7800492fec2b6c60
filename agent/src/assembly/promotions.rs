//! Who promotes from whom: a source is made before those who take from it.

use std::{iter, sync::Arc};

use ripcord_core::{Failure, FailureKind};
use tokio::sync::watch;

use crate::{
    adapters::git::AbsentRepository,
    config::{Config, EnvironmentConfig},
    engine::{Place, Promotion},
    journal::Journal,
};

/// All environments, each behind the one that it promotes.
pub(super) fn sources_first(config: &Config) -> Vec<&EnvironmentConfig> {
    let mut ordered: Vec<_> = config.environments.values().collect();
    ordered.sort_by_key(|each| depth(config, each));
    ordered
}

/// How many steps it is to an environment that promotes none: the configuration has no circles.
fn depth(config: &Config, environment: &EnvironmentConfig) -> usize {
    let source = |each: &&EnvironmentConfig| config.environments.get(each.promotes.as_ref()?);
    iter::successors(config.environments.get(&environment.name), source).count()
}

/// What `config` takes commits from. `places` holds the source already; one that has no driver is
/// named with the reason, and nothing is taken from it.
pub(super) fn promotion(
    config: &EnvironmentConfig,
    places: &[Place],
    journal: &Journal,
) -> Option<Promotion> {
    let source = config.promotes.as_ref()?;
    Some(match places.iter().find(|place| place.name() == source)? {
        Place::Driven(handle) => Promotion {
            source: source.clone(),
            title: handle.about.title.clone(),
            state: handle.state.clone(),
            journal: journal.clone(),
            repository: handle.repository.clone(),
            broken: None,
        },
        Place::Stopped(stopped) => {
            let why =
                format!("{source}, which {} promotes, is not served: {}", config.name, stopped.why);
            Promotion {
                source: source.clone(),
                title: stopped.about.title.clone(),
                state: watch::channel(Arc::default()).1,
                journal: journal.clone(),
                repository: Arc::new(AbsentRepository(Failure::new(
                    FailureKind::Repository,
                    why.clone(),
                ))),
                broken: Some(why),
            }
        }
    })
}

//! All environments of the agent, and which of them have nobody to drive them.

use std::{collections::BTreeMap, sync::Arc};

use ripcord_core::EnvironmentName;

use super::{about::About, handle::EnvironmentHandle};

/// All environments of the agent.
#[derive(Clone, Default)]
pub struct Engine {
    places: Arc<BTreeMap<EnvironmentName, Place>>,
}

/// One environment of the configuration.
#[derive(Clone)]
pub enum Place {
    /// It has a driver.
    Driven(EnvironmentHandle),
    /// Nothing is done there.
    Stopped(Stopped),
}

/// An environment without a driver: what happened there cannot be read, so nothing may happen.
#[derive(Debug, Clone)]
pub struct Stopped {
    /// Its name.
    pub name: EnvironmentName,
    /// What people read of it.
    pub about: About,
    /// Why, and what a person can do about it.
    pub why: String,
}

impl Engine {
    /// An engine of these environments.
    #[must_use]
    pub fn new(places: impl IntoIterator<Item = Place>) -> Self {
        let by_name = places.into_iter().map(|place| (place.name().clone(), place));
        Self { places: Arc::new(by_name.collect()) }
    }

    /// One environment.
    #[must_use]
    pub fn place(&self, name: &EnvironmentName) -> Option<&Place> {
        self.places.get(name)
    }

    /// All of them, by name.
    pub fn places(&self) -> impl Iterator<Item = &Place> {
        self.places.values()
    }

    /// Those that have a driver.
    pub fn driven(&self) -> impl Iterator<Item = &EnvironmentHandle> {
        self.places().filter_map(|place| match place {
            Place::Driven(environment) => Some(environment),
            Place::Stopped(_) => None,
        })
    }
}

impl Place {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &EnvironmentName {
        match self {
            Self::Driven(environment) => &environment.name,
            Self::Stopped(stopped) => &stopped.name,
        }
    }
}

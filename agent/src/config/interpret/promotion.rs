//! Who takes commits from whom: every source is there, has them, and depends on none of its takers.

use std::{
    collections::{BTreeMap, BTreeSet},
    iter,
};

use ripcord_core::EnvironmentName;

use super::known;
use crate::config::{document::Faults, raw::RawEnvironment};

type Environments = BTreeMap<EnvironmentName, RawEnvironment>;

/// Adds what is wrong with `promotes` and `promote`.
pub(super) fn check(environments: &Environments, faults: &mut Faults<'_>) {
    for (name, environment) in environments {
        let Some(promotes) = &environment.promotes else { continue };
        let path = ["environments", name.as_str(), "promotes"];
        let source = environments.get(promotes).filter(|_| promotes != name);
        let Some(source) = source else {
            let message = format!(
                "environments.{name} promotes `{promotes}`, which is not another environment here; {}",
                known(environments)
            );
            faults.add(&path, message);
            continue;
        };
        if environment.promote.is_some() && source.repository.is_none() {
            let message = format!(
                "environments.{name} promotes `{promotes}`, which has no `repository` to take files \
                 from: promote an environment that has one"
            );
            faults.add(&path, message);
        }
        if let Some(circle) = circle(environments, name) {
            let message = format!(
                "environments.{name} promotes what promotes itself, so nothing is ever validated \
                 first: {circle}; remove one of these `promotes`"
            );
            faults.add(&path, message);
        }
    }
}

/// The way from `name` over its sources back to itself, as `a <- b <- a`.
fn circle(environments: &Environments, name: &EnvironmentName) -> Option<String> {
    let source = |name: &&EnvironmentName| environments.get(*name)?.promotes.as_ref();
    let mut seen = BTreeSet::new();
    let way = iter::successors(Some(name), source).take_while(|place| seen.insert(*place));
    let way: Vec<&EnvironmentName> = way.collect();
    let closes = way.len() > 1 && way.last().and_then(source) == Some(name);
    let names = way.iter().chain(iter::once(&name)).map(|place| place.as_str());
    closes.then(|| names.collect::<Vec<_>>().join(" <- "))
}

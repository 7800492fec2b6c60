//! What `ripcord-agent check-config` finds out beyond the text of a configuration: the same parts as
//! a start would make, and nothing that lasts.

use super::files::{self, WorkTrees};
use crate::{
    causes::with_causes,
    config::{Config, Problem},
    rpc::tls::Tls,
};

/// Everything that would keep an agent with this configuration from its work.
#[must_use]
pub fn check(config: &Config) -> Vec<Problem> {
    let mut problems = config.check_files();
    problems.extend(Tls::load(&config.tls).err().map(|error| Problem::new(with_causes(&error))));
    let mut trees = WorkTrees::default();
    for each in config.environments.values() {
        let repository = each.repository.as_ref().filter(|repository| repository.path.exists());
        let opened = repository
            .map(|repository| files::open(&each.name, repository, &config.state_dir, None));
        let problem = match opened {
            Some(Err(failure)) => Some(format!("environments.{}: {failure}", each.name)),
            Some(Ok(repository)) => trees.add(&each.name, repository.work_tree()),
            None => None,
        };
        problems.extend(problem.map(Problem::new));
    }
    problems
}

//! What `ripcord-agent check-config` finds out beyond the text of a configuration: the same parts as
//! a start would make, and nothing that lasts.

use super::files::{self, WorkTrees};
use crate::{
    adapters::git::GitRepository,
    causes::with_causes,
    config::{Config, EnvironmentConfig, Problem},
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
        let found = match opened {
            Some(Err(failure)) => vec![format!("environments.{}: {failure}", each.name)],
            Some(Ok(repository)) => {
                let mut found = overwritten(config, each, &repository);
                found.extend(trees.add(&each.name, repository.work_tree()));
                found
            }
            None => Vec::new(),
        };
        problems.extend(found.into_iter().map(Problem::new));
    }
    problems
}

/// The files of other environments that a reset of this one's repository writes: a command put them
/// there, and a deployment here changes them without a word.
fn overwritten(
    config: &Config,
    owner: &EnvironmentConfig,
    repository: &GitRepository,
) -> Vec<String> {
    let promoted = config.environments.values().filter(|each| each.promote.is_some());
    let folders = promoted.flat_map(|each| {
        let paths = each.backup.iter().flat_map(|backup| &backup.paths);
        paths.map(move |path| (&each.name, path))
    });
    let written = folders.filter(|(_, path)| repository.writes_at(path).unwrap_or(false));
    let told = written.map(|(name, path)| {
        let (owner, path) = (&owner.name, path.display());
        format!(
            "environments.{name}.backup.paths = {path}: is tracked by the repository of {owner}, so \
             each deployment of {owner} changes it; move {name} out of there, or remove it from the \
             repository"
        )
    });
    told.collect()
}

//! `ripcord.toml` and the user's `config.toml`: found, read, and checked key by key.

pub(crate) mod agents;
pub(crate) mod document;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use self::{
    agents::NamedAgent,
    document::{Document, Fault},
};
use crate::{failure::Failure, target::folder_of};

/// The name of a project's file.
const PROJECT_FILE: &str = "ripcord.toml";

/// How close a name must be to be suggested: 1 is the same.
const SIMILAR: f64 = 0.7;

/// What says where the agent is and who we are.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) agent: Option<String>,
    pub(crate) cert: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
    pub(crate) ca: Option<PathBuf>,
    pub(crate) default_environment: Option<String>,
    /// Several agents, in the order in which they are written.
    pub(crate) agents: Vec<NamedAgent>,
    /// The addresses of the environments' applications.
    pub(crate) urls: BTreeMap<String, String>,
}

impl Settings {
    /// Nothing is known yet.
    pub(crate) const NOTHING: Self = Self {
        agent: None,
        cert: None,
        key: None,
        ca: None,
        default_environment: None,
        agents: Vec::new(),
        urls: BTreeMap::new(),
    };

    /// Takes from `other` what is not known yet.
    pub(crate) fn fill_from(&mut self, other: Self) {
        // Who names several agents here means these, whatever one a file further away names.
        if self.agents.is_empty() {
            self.agent = self.agent.take().or(other.agent);
            self.agents = other.agents;
        }
        self.cert = self.cert.take().or(other.cert);
        self.key = self.key.take().or(other.key);
        self.ca = self.ca.take().or(other.ca);
        self.default_environment = self.default_environment.take().or(other.default_environment);
        for (environment, url) in other.urls {
            self.urls.entry(environment).or_insert(url);
        }
    }
}

/// Looks for `ripcord.toml` from `directory` upwards, as far as the git root.
pub(crate) fn find_project_file(directory: &Path) -> Option<PathBuf> {
    for folder in directory.ancestors() {
        let file = folder.join(PROJECT_FILE);
        if file.is_file() {
            return Some(file);
        }
        if folder.join(".git").exists() {
            return None;
        }
    }
    None
}

/// Reads and checks one file.
pub(crate) fn read(file: &Path, home: Option<&Path>) -> Result<Settings, Failure> {
    let text = text_of(file)?;
    settings(&text, folder_of(file), home).map_err(|fault| fault.of(file))
}

/// The text of a file that must be there.
pub(crate) fn text_of(file: &Path) -> Result<String, Failure> {
    let unread = |error| Failure::Usage(format!("{}: {error}", file.display()));
    std::fs::read_to_string(file).map_err(unread)
}

fn settings(text: &str, folder: &Path, home: Option<&Path>) -> Result<Settings, Fault> {
    let mut document = document::parse(text)?;
    let path = |text: Option<String>| text.map(|text| resolve(&text, folder, home));
    let agents = agents::of(text, &mut document, path)?;
    let Document { agent, cert, key, ca, default_environment, environments, .. } = document;
    let urls = environments.into_iter().filter_map(|(name, it)| Some((name, it.url?))).collect();
    let (cert, key, ca) = (path(cert), path(key), path(ca));
    let agent = agent.map(toml::Spanned::into_inner);
    Ok(Settings { agent, cert, key, ca, default_environment, agents, urls })
}

/// `~/` is the home; other relative paths start at the file's folder.
fn resolve(text: &str, folder: &Path, home: Option<&Path>) -> PathBuf {
    match (text.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => folder.join(text),
    }
}

/// The name that was probably meant.
pub(crate) fn similar<'a>(given: &str, names: &[&'a str]) -> Option<&'a str> {
    let scored = names.iter().map(|name| (strsim::jaro_winkler(given, name), *name));
    let best = scored.max_by(|(a, _), (b, _)| a.total_cmp(b))?;
    (best.0 >= SIMILAR).then_some(best.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Settings, Fault> {
        settings(text, Path::new("/repo"), Some(Path::new("/home/ann")))
    }

    #[test]
    fn a_misspelt_key_is_an_error_that_names_its_line_and_the_right_one() {
        let told = |text: &str| parsed(text).expect_err("unknown").of(Path::new("r.toml"));
        assert_eq!(
            told("agnet = 'x'").to_string(),
            "r.toml:1: unknown key `agnet`; did you mean `agent`?"
        );
        assert_eq!(
            told("[environments.prod]\ncontain = 'x'").to_string(),
            "r.toml:2: unknown key `contain`; did you mean `contains`?"
        );
        let nested = "[[checks.a.jobs]]\nname = 'x'\nrun = 'x'\nalow_failure = true";
        assert_eq!(
            told(nested).to_string(),
            "r.toml:4: unknown key `alow_failure`; did you mean `allow_failure`?"
        );
    }

    #[test]
    fn paths_start_at_the_file_or_at_the_home() {
        let settings = parsed("cert = 'tls/me.pem'\nkey = '~/me.key'\nca = '/etc/ca.pem'");
        let settings = settings.expect("valid");
        assert_eq!(settings.cert.as_deref(), Some(Path::new("/repo/tls/me.pem")));
        assert_eq!(settings.key.as_deref(), Some(Path::new("/home/ann/me.key")));
        assert_eq!(settings.ca.as_deref(), Some(Path::new("/etc/ca.pem")));
    }

    #[test]
    fn what_is_known_already_wins_over_the_file() {
        let mut settings = parsed("agent = 'flag'").expect("valid");
        settings.fill_from(parsed("agent = 'file'\ndefault_environment = 'lab'").expect("valid"));
        assert_eq!(settings.agent.as_deref(), Some("flag"));
        assert_eq!(settings.default_environment.as_deref(), Some("lab"));
    }

    #[test]
    fn several_agents_of_a_project_are_not_hidden_by_the_one_of_the_users_own_file() {
        let mut settings = Settings::NOTHING;
        settings.fill_from(parsed("[agents.b]\nurl = 'https://b'").expect("valid"));
        settings.fill_from(parsed("agent = 'https://own'").expect("valid"));
        assert_eq!((settings.agent, settings.agents.len()), (None, 1));
    }
}

//! `ripcord.toml` and the user's `config.toml`: found, read, and checked key by key.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

use crate::{failure::Failure, target::folder_of};

/// The name of a project's file.
const PROJECT_FILE: &str = "ripcord.toml";

const TOP: &[&str] =
    &["agent", "cert", "key", "ca", "default_environment", "environments", "checks"];
const ENVIRONMENT: &[&str] = &["url", "contains"];
const CHECK: &[&str] = &["dir", "setup", "jobs"];
const JOB: &[&str] =
    &["name", "run", "fix", "dir", "allow_failure", "needs", "artifacts", "timeout"];

/// How close a name must be to be suggested: 1 is the same.
const SIMILAR: f64 = 0.7;

/// What says where the agent is and who we are.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settings {
    pub(crate) agent: Option<String>,
    pub(crate) cert: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
    pub(crate) ca: Option<PathBuf>,
    pub(crate) default_environment: Option<String>,
}

impl Settings {
    /// Takes from `other` what is not known yet.
    pub(crate) fn fill_from(&mut self, other: Self) {
        self.agent = self.agent.take().or(other.agent);
        self.cert = self.cert.take().or(other.cert);
        self.key = self.key.take().or(other.key);
        self.ca = self.ca.take().or(other.ca);
        self.default_environment = self.default_environment.take().or(other.default_environment);
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
    let wrong = |why: &dyn std::fmt::Display| Failure::Usage(format!("{}: {why}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| wrong(&error))?;
    parse(&text, folder_of(file), home).map_err(|why| wrong(&why))
}

fn parse(text: &str, folder: &Path, home: Option<&Path>) -> Result<Settings, String> {
    let table: Table = text.parse().map_err(|error: toml::de::Error| error.to_string())?;
    check_keys(&table)?;
    let path = |key: &str| {
        let text = text_of(&table, key)?;
        Ok::<_, String>(text.map(|text| resolve(&text, folder, home)))
    };
    Ok(Settings {
        agent: text_of(&table, "agent")?,
        cert: path("cert")?,
        key: path("key")?,
        ca: path("ca")?,
        default_environment: text_of(&table, "default_environment")?,
    })
}

fn text_of(table: &Table, key: &str) -> Result<Option<String>, String> {
    match table.get(key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(other) => Err(format!("`{key}` must be a text, not {}", other.type_str())),
    }
}

/// `~/` is the home; other relative paths start at the file's folder.
fn resolve(text: &str, folder: &Path, home: Option<&Path>) -> PathBuf {
    match (text.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => folder.join(text),
    }
}

fn check_keys(table: &Table) -> Result<(), String> {
    known("", table, TOP)?;
    for (path, environment) in tables_in(table, "environments")? {
        known(&path, environment, ENVIRONMENT)?;
    }
    for (path, check) in tables_in(table, "checks")? {
        known(&path, check, CHECK)?;
        let jobs = check.get("jobs").and_then(Value::as_array);
        for job in jobs.into_iter().flatten().filter_map(Value::as_table) {
            known(&format!("{path}.jobs"), job, JOB)?;
        }
    }
    Ok(())
}

fn tables_in<'a>(table: &'a Table, key: &str) -> Result<Vec<(String, &'a Table)>, String> {
    let Some(value) = table.get(key) else { return Ok(Vec::new()) };
    let named = value.as_table().ok_or_else(|| format!("`{key}` must be a table"))?;
    let children = named.iter().map(|(name, child)| {
        let path = format!("{key}.{name}");
        let child = child.as_table().ok_or_else(|| format!("`{path}` must be a table"))?;
        Ok((path, child))
    });
    children.collect()
}

fn known(path: &str, table: &Table, allowed: &[&str]) -> Result<(), String> {
    let Some(unknown) = table.keys().find(|key| !allowed.contains(&key.as_str())) else {
        return Ok(());
    };
    let dot = if path.is_empty() { "" } else { "." };
    let advice = match similar(unknown, allowed) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("known are {}", allowed.join(", ")),
    };
    Err(format!("unknown key `{path}{dot}{unknown}`; {advice}"))
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

    fn parsed(text: &str) -> Result<Settings, String> {
        parse(text, Path::new("/repo"), Some(Path::new("/home/ann")))
    }

    #[test]
    fn a_misspelt_key_is_an_error_that_names_the_right_one() {
        assert_eq!(
            parsed("agnet = 'x'").expect_err("unknown"),
            "unknown key `agnet`; did you mean `agent`?"
        );
        assert_eq!(
            parsed("[environments.prod]\ncontain = 'x'").expect_err("unknown"),
            "unknown key `environments.prod.contain`; did you mean `contains`?"
        );
        let nested = "[checks.a]\n[[checks.a.jobs]]\nalow_failure = true";
        assert!(parsed(nested).expect_err("unknown").contains("`allow_failure`"));
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
}

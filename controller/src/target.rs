//! Where to: flags, then environment variables, then `ripcord.toml`, then the user's own file.
//!
//! Files are read only for what is still missing, so that a workflow that says everything by
//! variables depends on nothing else.

use std::path::{Path, PathBuf};

use http::Uri;

use crate::{
    cli::Global,
    config::{
        self, Settings,
        agents::{self, NamedAgent},
    },
    credential::Credential,
    failure::Failure,
};

/// The agents' port where the URL names none.
const DEFAULT_PORT: u16 = 7443;

/// An agent's address, and what proves who is who.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) cert: Credential,
    pub(crate) key: Credential,
    pub(crate) ca: Credential,
}

/// Whom a command is for.
#[derive(Debug)]
pub(crate) enum Reach {
    /// One agent; with its name, where it is one of several.
    One(Option<String>, Target),
    /// Each agent of `[agents]`, or why nothing can be asked of it.
    Several(Vec<(String, Result<Target, Failure>)>),
}

/// Contents of the `RIPCORD_*_PEM` variables: they win over files, wherever these are named.
#[derive(Debug)]
struct Contents {
    cert: Option<Credential>,
    key: Option<Credential>,
    ca: Option<Credential>,
}

/// Everything that flags, variables and files say.
#[derive(Debug)]
pub(crate) struct Sources {
    /// What flags and variables say: it wins over whatever files say.
    given: Settings,
    /// What the files say, once they are read.
    filed: Option<Settings>,
    contents: Contents,
    config: Option<PathBuf>,
    directory: PathBuf,
    home: Option<PathBuf>,
}

impl Sources {
    /// What the command line and the variables say; files are read later, if at all.
    pub(crate) fn new(global: &Global) -> Self {
        let given = Settings {
            // A workflow's variable that is not set is an empty text.
            agent: global.agent.clone().filter(|url| !url.is_empty()),
            cert: global.cert.clone(),
            key: global.key.clone(),
            ca: global.ca.clone(),
            ..Settings::NOTHING
        };
        let contents = Contents {
            cert: Credential::from_environment("cert"),
            key: Credential::from_environment("key"),
            ca: Credential::from_environment("ca"),
        };
        let directory = std::env::current_dir().unwrap_or_default();
        let home = std::env::home_dir().filter(|home| !home.as_os_str().is_empty());
        let config = global.config.clone();
        Self { given, filed: None, contents, config, directory, home }
    }

    /// The agent that is named, by its address or its name; else all of `[agents]`.
    pub(crate) fn reach(&mut self) -> Result<Reach, Failure> {
        if !self.says_everything() {
            self.read_files()?;
        }
        let filed = self.filed();
        let word = self.given.agent.as_ref().or(filed.agent.as_ref());
        match (word.map(String::as_str), filed.agents.as_slice()) {
            (Some(word), _) if agents::is_url(word) => {
                self.target(word, None).map(|target| Reach::One(None, target))
            }
            (None, []) => Err(missing("agent", "the agent's URL")),
            (None, [only]) => Ok(Reach::One(None, self.target(&only.url, Some(only))?)),
            (Some(agents::ALL), []) => Err(Failure::Usage(no_agents(agents::ALL))),
            (Some(agents::ALL) | None, several) => Ok(Reach::Several(self.all(several))),
            (Some(name), several) => {
                let agent = agents::find(several, name).map_err(Failure::Usage)?;
                let target = self.target(agent.map_or(name, |agent| &agent.url), agent)?;
                Ok(Reach::One((several.len() > 1).then(|| name.to_owned()), target))
            }
        }
    }

    /// The agent of `[agents]` that has this name.
    pub(crate) fn named(&mut self, name: &str) -> Result<Target, Failure> {
        self.read_files()?;
        let several = &self.filed().agents;
        match agents::find(several, name).map_err(Failure::Usage)? {
            Some(agent) => self.target(&agent.url, Some(agent)),
            None => {
                let names = agents::there_are(several);
                Err(Failure::Usage(format!("{name:?} is not the name of one agent; {names}")))
            }
        }
    }

    /// The agent that the command line or its variable names.
    pub(crate) fn typed_agent(&self) -> Option<&str> {
        self.given.agent.as_deref()
    }

    /// The names of `[agents]`, in the file's order.
    pub(crate) fn names(&mut self) -> Result<Vec<String>, Failure> {
        self.read_files()?;
        Ok(self.filed().agents.iter().map(|agent| agent.name.clone()).collect())
    }

    fn all(&self, several: &[NamedAgent]) -> Vec<(String, Result<Target, Failure>)> {
        let target = |agent: &NamedAgent| self.target(&agent.url, Some(agent));
        several.iter().map(|agent| (agent.name.clone(), target(agent))).collect()
    }

    /// A file that is named is read, and told when it is wrong, whatever else is given.
    fn says_everything(&self) -> bool {
        let (given, contents) = (&self.given, &self.contents);
        self.config.is_none()
            && given.agent.as_deref().is_some_and(agents::is_url)
            && (contents.cert.is_some() || given.cert.is_some())
            && (contents.key.is_some() || given.key.is_some())
            && (contents.ca.is_some() || given.ca.is_some())
    }

    /// What is typed wins over what the agent says itself, and that over what is said for all.
    fn target(&self, url: &str, agent: Option<&NamedAgent>) -> Result<Target, Failure> {
        let (host, port) = host_and_port(url)?;
        let (contents, filed) = (&self.contents, self.filed());
        let file = |of: fn(&Settings) -> &Option<PathBuf>, own: Option<&Option<PathBuf>>| {
            let own = own.and_then(Option::as_ref);
            of(&self.given).as_ref().or(own).or(of(filed).as_ref()).cloned()
        };
        let cert = file(|settings| &settings.cert, agent.map(|agent| &agent.cert));
        let key = file(|settings| &settings.key, agent.map(|agent| &agent.key));
        let ca = file(|settings| &settings.ca, agent.map(|agent| &agent.ca));
        let authority = "the CA that signed the agent's certificate";
        Ok(Target {
            host,
            port,
            cert: credential(&contents.cert, cert, "cert", "the client certificate")?,
            key: credential(&contents.key, key, "key", "the client certificate's key")?,
            ca: credential(&contents.ca, ca, "ca", authority)?,
        })
    }

    /// The address of an environment's application, as far as the files know it.
    pub(crate) fn url_of(&mut self, environment: &str) -> Option<&str> {
        self.read_files().ok()?;
        self.filed().urls.get(environment).map(String::as_str)
    }

    /// The environment that is meant when none is named.
    pub(crate) fn default_environment(&mut self) -> Result<Option<String>, Failure> {
        self.read_files()?;
        Ok(self.filed().default_environment.clone())
    }

    /// The project's file: the one that is named, or the nearest one.
    pub(crate) fn project_file(&self) -> Option<PathBuf> {
        self.config.clone().or_else(|| config::find_project_file(&self.directory))
    }

    /// The files that say what flags and variables do not, the first one first.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let project = self.project_file();
        let user = self.home.as_ref().map(|home| home.join(".config/ripcord/config.toml"));
        project.into_iter().chain(user.filter(|file| file.is_file())).collect()
    }

    /// What is known so far.
    pub(crate) fn given(&self) -> &Settings {
        &self.given
    }

    /// The folder that `~/` stands for.
    pub(crate) fn home(&self) -> Option<&Path> {
        self.home.as_deref()
    }

    fn filed(&self) -> &Settings {
        const NOTHING: &Settings = &Settings::NOTHING;
        self.filed.as_ref().unwrap_or(NOTHING)
    }

    fn read_files(&mut self) -> Result<(), Failure> {
        if self.filed.is_some() {
            return Ok(());
        }
        let mut filed = Settings::NOTHING;
        for file in self.files() {
            filed.fill_from(config::read(&file, self.home.as_deref())?);
        }
        self.filed = Some(filed);
        Ok(())
    }
}

fn credential(
    contents: &Option<Credential>,
    file: Option<PathBuf>,
    name: &'static str,
    what: &str,
) -> Result<Credential, Failure> {
    let file = || file.map(|path| Credential::File { name, path });
    contents.clone().or_else(file).ok_or_else(|| missing(name, what))
}

/// What to write where an agent is named and none has a name.
pub(crate) fn no_agents(name: &str) -> String {
    let example = if name == agents::ALL { "paris" } else { name };
    format!(
        "{name:?} names an agent, and no agent has a name: write [agents.{example}] with its `url` into \
         ripcord.toml or ~/.config/ripcord/config.toml (an address begins with https://)"
    )
}

fn missing(name: &str, what: &str) -> Failure {
    let variable = name.to_uppercase();
    let contents = if name == "agent" {
        String::new()
    } else {
        format!(" (or RIPCORD_{variable}_PEM to its contents)")
    };
    let text = format!(
        "{what} is not known: give --{name}, set RIPCORD_{variable}{contents}, or write `{name} = …` into \
         ripcord.toml or ~/.config/ripcord/config.toml"
    );
    if name == "agent" { Failure::Usage(text) } else { Failure::Access { message: text } }
}

/// The host and port of an agent's URL.
pub(crate) fn host_and_port(url: &str) -> Result<(String, u16), Failure> {
    let invalid = |why: &str| {
        Failure::Usage(format!("{url:?} is not an agent's URL: {why}; write https://host:7443"))
    };
    let uri: Uri =
        url.parse().map_err(|error: http::uri::InvalidUri| invalid(&error.to_string()))?;
    if uri.scheme_str() != Some("https") {
        return Err(invalid("it must begin with https://"));
    }
    if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
        return Err(invalid("it must end behind the port"));
    }
    let host = uri.host().ok_or_else(|| invalid("it names no host"))?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    Ok((host.to_owned(), uri.port_u16().unwrap_or(DEFAULT_PORT)))
}

/// The folder that relative paths of `file` are relative to.
pub(crate) fn folder_of(file: &Path) -> &Path {
    file.parent().unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_a_host_and_perhaps_a_port() {
        let parsed = |url: &str| host_and_port(url).expect(url);
        assert_eq!(parsed("https://vm.example"), ("vm.example".to_owned(), 7443));
        assert_eq!(parsed("https://127.0.0.1:9/"), ("127.0.0.1".to_owned(), 9));
        assert_eq!(parsed("https://[::1]:9"), ("::1".to_owned(), 9));
    }

    #[test]
    fn plaintext_and_paths_are_usage_errors() {
        for url in ["http://vm:7443", "vm:7443", "https://vm/x", "https://vm/?x=1", ""] {
            assert!(matches!(host_and_port(url), Err(Failure::Usage(_))), "{url}");
        }
    }
}

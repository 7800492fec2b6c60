//! Where to: flags, then environment variables, then `ripcord.toml`, then the user's own file.
//!
//! Files are read only for what is still missing, so that a workflow that says everything by
//! variables depends on nothing else.

use std::path::{Path, PathBuf};

use http::Uri;

use crate::{
    cli::Global,
    config::{self, Settings},
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
    given: Settings,
    contents: Contents,
    config: Option<PathBuf>,
    directory: PathBuf,
    home: Option<PathBuf>,
    read: bool,
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
            ..Settings::default()
        };
        let contents = Contents {
            cert: Credential::from_environment("cert"),
            key: Credential::from_environment("key"),
            ca: Credential::from_environment("ca"),
        };
        let directory = std::env::current_dir().unwrap_or_default();
        let home = std::env::home_dir().filter(|home| !home.as_os_str().is_empty());
        Self { given, contents, config: global.config.clone(), directory, home, read: false }
    }

    /// The agent and the certificates.
    pub(crate) fn target(&mut self) -> Result<Target, Failure> {
        // A file that is named is read, and told when it is wrong, whatever else is given.
        let complete = self.config.is_none()
            && self.given.agent.is_some()
            && (self.contents.cert.is_some() || self.given.cert.is_some())
            && (self.contents.key.is_some() || self.given.key.is_some())
            && (self.contents.ca.is_some() || self.given.ca.is_some());
        if !complete {
            self.read_files()?;
        }
        let url = self.given.agent.as_deref().ok_or_else(|| missing("agent", "the agent's URL"))?;
        let (host, port) = host_and_port(url)?;
        let (given, contents) = (&self.given, &self.contents);
        let ca = "the CA that signed the agent's certificate";
        Ok(Target {
            host,
            port,
            cert: credential(&contents.cert, &given.cert, "cert", "the client certificate")?,
            key: credential(&contents.key, &given.key, "key", "the client certificate's key")?,
            ca: credential(&contents.ca, &given.ca, "ca", ca)?,
        })
    }

    /// The address of an environment's application, as far as the files know it.
    pub(crate) fn url_of(&mut self, environment: &str) -> Option<&str> {
        self.read_files().ok()?;
        self.given.urls.get(environment).map(String::as_str)
    }

    /// The environment that is meant when none is named.
    pub(crate) fn default_environment(&mut self) -> Result<Option<String>, Failure> {
        self.read_files()?;
        Ok(self.given.default_environment.clone())
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

    fn read_files(&mut self) -> Result<(), Failure> {
        if std::mem::replace(&mut self.read, true) {
            return Ok(());
        }
        for file in self.files() {
            let settings = config::read(&file, self.home.as_deref())?;
            self.given.fill_from(settings);
        }
        Ok(())
    }
}

fn credential(
    contents: &Option<Credential>,
    file: &Option<PathBuf>,
    name: &'static str,
    what: &str,
) -> Result<Credential, Failure> {
    let file = || file.clone().map(|path| Credential::File { name, path });
    contents.clone().or_else(file).ok_or_else(|| missing(name, what))
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

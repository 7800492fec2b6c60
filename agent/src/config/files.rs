//! Looks at the files that a configuration names: what the text alone cannot show.

use std::{
    fmt,
    fs::File,
    path::{Path, PathBuf},
};

use rustix::fs::{Access, access};

use super::{
    environment::{EnvironmentConfig, GitCredentials},
    github::GithubAuth,
    model::Config,
    runtime::RuntimeConfig,
    value::{Argv, SecretFile},
};

/// Something that is wrong outside of the configuration's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem(String);

impl Problem {
    /// A problem in these words: what is wrong, with what, and what to do.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }

    fn of(key: &str, path: &Path, what: &str) -> Self {
        Self(format!("{key} = {}: {what}", path.display()))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Config {
    /// Looks at every file and folder that the configuration names. An agent with problems starts
    /// if it can, and refuses the deployments that cannot work.
    #[must_use]
    pub fn check_files(&self) -> Vec<Problem> {
        let mut problems = self.agents_own_files();
        problems.extend(self.environments.values().flat_map(EnvironmentConfig::check_files));
        problems
    }

    /// The same, without the files and folders of the environments.
    #[must_use]
    pub fn agents_own_files(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        problems.extend(unreadable("tls.cert", &self.tls.cert));
        problems.extend(unreadable("tls.key", &self.tls.key));
        problems.extend(unreadable("tls.client_ca", &self.tls.client_ca));
        problems.extend(self.tls.crl.as_deref().and_then(|crl| unreadable("tls.crl", crl)));
        problems.extend(self.extra_ca.as_deref().and_then(|ca| unreadable("extra_ca", ca)));
        problems.extend(unwritable("state_dir", &self.state_dir));
        if let Some(github) = &self.github {
            problems.extend(match &github.auth {
                GithubAuth::Token(file) => no_secret("github.token_file", file),
                GithubAuth::App(app) => no_secret("github.app.key_file", &app.key_file),
            });
        }
        for sink in &self.notify {
            problems.extend(no_secret("notify.url_file", &sink.url_file));
            let secret = sink.secret_file.as_ref();
            problems.extend(secret.and_then(|file| no_secret("notify.secret_file", file)));
        }
        problems
    }
}

impl EnvironmentConfig {
    /// Looks at every file and folder that this environment names.
    #[must_use]
    pub fn check_files(&self) -> Vec<Problem> {
        let key = |key: &str| format!("environments.{}.{key}", self.name);
        let mut problems = Vec::new();
        if let Some(repository) = &self.repository {
            problems.extend(not_a_folder(&key("repository"), &repository.path));
            problems.extend(match &repository.credentials {
                Some(GitCredentials::Password { password_file, .. }) => {
                    no_secret(&key("git_credentials.password_file"), password_file)
                }
                Some(GitCredentials::SshKey { key_file }) => {
                    no_secret(&key("git_credentials.ssh_key_file"), key_file)
                }
                None => None,
            });
        }
        if let RuntimeConfig::Compose(compose) = &self.runtime {
            problems.extend(unreadable(&key("runtime.file"), &compose.file));
        }
        if let Some(backup) = &self.backup {
            problems.extend(unwritable(&key("backup.dir"), &backup.dir));
            let paths = backup.paths.iter();
            problems.extend(paths.filter_map(|path| missing(&key("backup.paths"), path)));
        }
        if let Some(promote) = &self.promote {
            problems.extend(not_a_program(&key("promote.run"), &promote.run));
        }
        if let Some(folder) = self.validated_sha_file.as_deref().and_then(Path::parent) {
            problems.extend(unwritable(&key("validated_sha_file"), folder));
        }
        problems
    }
}

fn unreadable(key: &str, path: &Path) -> Option<Problem> {
    let error = match File::open(path).and_then(|file| file.metadata()) {
        Ok(metadata) if metadata.is_file() => return None,
        Ok(_) => "it is not a file".to_owned(),
        Err(error) => error.to_string(),
    };
    Some(Problem::of(key, path, &format!("cannot be read: {error}")))
}

fn no_secret(key: &str, file: &SecretFile) -> Option<Problem> {
    let error = file.read().err()?;
    Some(Problem::of(key, &file.path(), &format!("cannot be read: {error}")))
}

fn not_a_folder(key: &str, path: &Path) -> Option<Problem> {
    let what = match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => return None,
        Ok(_) => "is not a folder".to_owned(),
        Err(error) => format!("cannot be used: {error}"),
    };
    Some(Problem::of(key, path, &what))
}

/// What is not there cannot be saved, nor brought back.
fn missing(key: &str, path: &Path) -> Option<Problem> {
    let error = path.symlink_metadata().err()?;
    Some(Problem::of(key, path, &format!("cannot be saved: {error}")))
}

/// A program without a path is looked up when it is to run; one with a relative path comes with the
/// commit.
fn not_a_program(key: &str, command: &Argv) -> Option<Problem> {
    let program = command.as_slice().first().map(Path::new).filter(|path| path.is_absolute())?;
    let error = match access(program, Access::EXEC_OK) {
        Ok(()) if program.is_dir() => "it is a folder".to_owned(),
        Ok(()) => return None,
        Err(error) => error.to_string(),
    };
    Some(Problem::of(key, program, &format!("cannot be run: {error}")))
}

/// Folders that do not exist yet are made at the start, if their nearest ancestor lets us.
fn unwritable(key: &str, folder: &Path) -> Option<Problem> {
    let existing: PathBuf = folder.ancestors().find(|path| path.exists())?.to_owned();
    if !existing.is_dir() {
        return Some(Problem::of(key, folder, "is not a folder"));
    }
    let error = access(&existing, Access::WRITE_OK | Access::EXEC_OK).err()?;
    let what = format!("{} cannot be written: {error}", existing.display());
    Some(Problem::of(key, folder, &what))
}

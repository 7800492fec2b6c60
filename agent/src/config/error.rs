//! What is wrong with a configuration, told so that it can be put right without a manual.

use std::{
    fmt,
    path::{Path, PathBuf},
};

/// A configuration that cannot be used: the file, and everything that is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    path: PathBuf,
    faults: Vec<Fault>,
}

impl ConfigError {
    pub(super) fn new(path: &Path, faults: Vec<Fault>) -> Self {
        Self { path: path.to_owned(), faults }
    }

    pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> Self {
        let message = format!("cannot be read: {error}; name the file with --config");
        Self::new(path, vec![Fault { line: None, message }])
    }

    /// What is wrong, in the order of the file; never empty.
    #[must_use]
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.faults.iter().enumerate() {
            let newline = if index == 0 { "" } else { "\n" };
            write!(f, "{newline}{}", self.path.display())?;
            if let Some(line) = fault.line {
                write!(f, ":{line}")?;
            }
            write!(f, ": {}", fault.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The line in the file, counted from 1, where there is one.
    pub line: Option<usize>,
    /// What is wrong, on what, and what to write instead.
    pub message: String,
}

//! What proves who is who: a file that is named, or PEM text from the environment. Nothing shows
//! the text: no error, no `Debug`, and it is never written anywhere.

use std::{fmt::Display, path::PathBuf};

use rustls_pki_types::{
    CertificateDer, PrivateKeyDer,
    pem::{Error as PemError, PemObject},
};
use secrecy::{ExposeSecret, SecretString};

use crate::failure::Failure;

/// The variables that hold contents, not names of files. They are kept from other programs.
pub(crate) const VARIABLES: [&str; 4] =
    ["RIPCORD_CERT_PEM", "RIPCORD_KEY_PEM", "RIPCORD_CA_PEM", "RIPCORD_OIDC_TOKEN"];

/// A certificate, a key or a CA, still as PEM.
#[derive(Debug, Clone)]
pub(crate) enum Credential {
    /// In a file, which `--NAME` or its like names.
    File { name: &'static str, path: PathBuf },
    /// In an environment variable.
    Text { variable: String, pem: SecretString },
}

impl Credential {
    /// The contents of `RIPCORD_NAME_PEM`, where it is set. A workflow's secret that is not set is
    /// an empty text.
    pub(crate) fn from_environment(name: &str) -> Option<Self> {
        let variable = format!("RIPCORD_{}_PEM", name.to_uppercase());
        let pem = std::env::var(&variable).ok().filter(|text| !text.trim().is_empty())?;
        Some(Self::Text { variable, pem: pem.into() })
    }

    /// Whether both are the same file, or the same variable: what they hold needs reading only once.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::File { path, .. }, Self::File { path: other, .. }) => path == other,
            (Self::Text { variable, .. }, Self::Text { variable: other, .. }) => variable == other,
            (Self::File { .. }, Self::Text { .. }) | (Self::Text { .. }, Self::File { .. }) => {
                false
            }
        }
    }

    /// The certificates that it holds: at least one.
    pub(crate) fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, Failure> {
        let read: Result<Vec<_>, PemError> = match self {
            Self::File { path, .. } => {
                CertificateDer::pem_file_iter(path).and_then(Iterator::collect)
            }
            Self::Text { pem, .. } => {
                CertificateDer::pem_slice_iter(pem.expose_secret().as_bytes()).collect()
            }
        };
        let found = read.map_err(|error| self.unusable(&explain(&error, "certificate")))?;
        if found.is_empty() {
            return Err(self.unusable(&"it holds no certificate"));
        }
        Ok(found)
    }

    /// The private key that it holds.
    pub(crate) fn key(&self) -> Result<PrivateKeyDer<'static>, Failure> {
        let read = match self {
            Self::File { path, .. } => PrivateKeyDer::from_pem_file(path),
            Self::Text { pem, .. } => PrivateKeyDer::from_pem_slice(pem.expose_secret().as_bytes()),
        };
        read.map_err(|error| self.unusable(&explain(&error, "private key")))
    }

    /// A credential that is not there or not readable is a matter of access, whatever the cause.
    pub(crate) fn unusable(&self, why: &dyn Display) -> Failure {
        let message = match self {
            Self::File { name, path } => format!("cannot use {} (--{name}): {why}", path.display()),
            Self::Text { variable, .. } => format!("cannot use ${variable}: {why}"),
        };
        Failure::Access { message }
    }
}

/// What is wrong with PEM text, without a word of the text: a key that was pasted on one line is
/// otherwise part of the message.
fn explain(error: &PemError, what: &str) -> String {
    match error {
        PemError::Io(error) => error.to_string(),
        PemError::NoItemsFound => format!("it holds no {what} as PEM"),
        _ => "it is not PEM as it was issued: are its line ends still there?".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "MIGHAgEAMBMGByqGSM49";

    fn text(pem: &str) -> Credential {
        Credential::Text { variable: "RIPCORD_KEY_PEM".to_owned(), pem: pem.into() }
    }

    #[test]
    fn a_key_that_was_pasted_on_one_line_is_refused_without_showing_it() {
        let torn = [
            format!("-----BEGIN PRIVATE KEY----- {KEY} -----END PRIVATE KEY-----"),
            format!("-----BEGIN PRIVATE KEY-----\n{KEY}"),
            format!("-----BEGIN PRIVATE KEY-----\n{KEY}!\n-----END PRIVATE KEY-----"),
            KEY.to_owned(),
        ];
        for pem in torn {
            let told = format!("{:?} {}", text(&pem), text(&pem).key().expect_err("torn"));
            assert!(told.contains("cannot use $RIPCORD_KEY_PEM: it "), "{told}");
            assert!(!told.contains("MIGH") && !told.contains("4d, 49"), "{told}");
        }
    }
}

//! Builds the one HTTP client of the agent: rustls with ring, the system's roots, no surprises.

use std::{path::Path, sync::Arc, time::Duration};

use ripcord_core::{Failure, FailureKind};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, pem::PemObject};

/// A server that does not take a connection in this time is called unreachable.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A server that sends nothing for this long is called dead; git servers say "still counting"
/// every 5 seconds.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// A client that trusts the system's certificate authorities (Mozilla's where the system has
/// none) and those in the PEM file `extra_ca`. Build one and share it: loading roots takes time.
///
/// # Errors
/// When `extra_ca` cannot be read or holds no certificate.
pub fn build(extra_ca: Option<&Path>) -> Result<reqwest::Client, Failure> {
    builder(extra_ca)?.build().map_err(|error| internal(&error))
}

/// A client as [`build`] makes it, for whoever wants to add something.
///
/// # Errors
/// As [`build`].
pub fn builder(extra_ca: Option<&Path>) -> Result<reqwest::ClientBuilder, Failure> {
    let mut roots = system_roots();
    if let Some(file) = extra_ca {
        add_file(&mut roots, file)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| internal(&error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        .user_agent(concat!("ripcord/", env!("CARGO_PKG_VERSION"))))
}

fn internal(error: &dyn std::error::Error) -> Failure {
    Failure::new(FailureKind::Internal, format!("cannot set up the HTTP client: {error}"))
}

fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
}

fn add_file(roots: &mut RootCertStore, file: &Path) -> Result<(), Failure> {
    let unusable = |reason: String| {
        let message = format!("cannot use the certificates of {}: {reason}", file.display());
        Failure::new(FailureKind::Internal, message)
    };
    let certificates = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unusable(error.to_string()))?;
    if certificates.is_empty() {
        return Err(unusable("there is none in it".to_owned()));
    }
    let mut add = certificates.into_iter().map(|certificate| roots.add(certificate));
    add.try_for_each(|added| added).map_err(|error| unusable(error.to_string()))
}

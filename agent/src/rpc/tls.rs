//! Who the agent is and whose certificates it accepts: TLS 1.3 only, reloaded when the files change.
//!
//! Everything is read and checked before anything is used: a bad file keeps the old state, loudly.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use arc_swap::ArcSwap;
use rustls::{
    RootCertStore, ServerConfig,
    crypto::{CryptoProvider, ring},
    server::{NoServerSessionStorage, WebPkiClientVerifier, danger::ClientCertVerifier},
};
use rustls_pki_types::{
    CertificateDer, CertificateRevocationListDer, PrivateKeyDer, UnixTime, pem::PemObject,
};
use x509_parser::prelude::{FromDer, X509Certificate};

use ripcord_core::Ends;

use super::{ends, files};
use crate::config::TlsConfig;

/// A file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use {}: {why}", path.display())]
pub struct TlsError {
    path: PathBuf,
    why: String,
}

impl TlsError {
    fn new(path: &Path, why: impl Into<String>) -> Self {
        Self { path: path.to_owned(), why: why.into() }
    }
}

/// The agent's side of TLS, as the files say now.
#[derive(Debug)]
pub struct Tls {
    files: TlsConfig,
    live: ArcSwap<Live>,
}

#[derive(Debug)]
struct Live {
    generation: u64,
    server: Arc<ServerConfig>,
    clients: Arc<dyn ClientCertVerifier>,
    ends: Vec<Ends>,
}

impl Tls {
    /// Reads and checks the files.
    ///
    /// # Errors
    /// The first file that cannot be used, why, and what to do.
    pub fn load(files: &TlsConfig) -> Result<Arc<Self>, TlsError> {
        let live = ArcSwap::from_pointee(read(files, 0)?);
        Ok(Arc::new(Self { files: files.clone(), live }))
    }

    /// Reads the files again; what is open stays open, and is judged anew by `verify`.
    ///
    /// # Errors
    /// The first file that cannot be used; then nothing has changed.
    pub fn reload(&self) -> Result<(), TlsError> {
        let next = read(&self.files, self.live.load().generation + 1)?;
        self.live.store(Arc::new(next));
        Ok(())
    }

    /// Reloads whenever a file changes. Never ends.
    pub async fn keep_current(self: Arc<Self>) {
        let TlsConfig { cert, key, client_ca, crl } = self.files.clone();
        let watched = [Some(cert), Some(key), Some(client_ca), crl].into_iter().flatten().collect();
        files::on_change(watched, move || match self.reload() {
            Ok(()) => tracing::info!("certificates are in use as the files are now"),
            Err(error) => tracing::error!(%error, "certificates changed and the old ones stay"),
        })
        .await;
    }

    /// When the certificates and revocation lists in use end.
    #[must_use]
    pub fn ends(&self) -> Vec<Ends> {
        self.live.load().ends.clone()
    }

    /// For the next handshake.
    pub(super) fn server(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.live.load().server)
    }

    /// Counts the reloads: what was verified in one generation is verified again in the next.
    pub(super) fn generation(&self) -> u64 {
        self.live.load().generation
    }

    /// Whether a handshake with this certificate would succeed now.
    pub(super) fn verify(&self, chain: &[CertificateDer<'_>]) -> bool {
        let Some((leaf, intermediates)) = chain.split_first() else { return false };
        let clients = Arc::clone(&self.live.load().clients);
        clients.verify_client_cert(leaf, intermediates, UnixTime::now()).is_ok()
    }
}

fn read(files: &TlsConfig, generation: u64) -> Result<Live, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let clients = clients(files, Arc::clone(&provider))?;
    let chain: Vec<CertificateDer<'static>> = pem_items(&files.cert, "a certificate")?;
    warn_unless_valid_now(&files.cert, &chain);
    let ends = ends(files, chain.first())?;
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|error| TlsError::new(&files.key, pem_problem(&error, "a private key")))?;
    let mut server = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| TlsError::new(&files.cert, error.to_string()))?
        .with_client_cert_verifier(Arc::clone(&clients))
        .with_single_cert(chain, key)
        .map_err(|error| TlsError::new(&files.key, key_problem(&error, &files.cert)))?;
    server.alpn_protocols = vec![b"h2".to_vec()];
    // A resumed session would take the client's certificate from the ticket, unseen by the verifier.
    server.session_storage = Arc::new(NoServerSessionStorage {});
    server.send_tls13_tickets = 0;
    Ok(Live { generation, server: Arc::new(server), clients, ends })
}

fn clients(
    files: &TlsConfig,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let mut roots = RootCertStore::empty();
    for authority in pem_items(&files.client_ca, "a certificate")? {
        roots.add(authority).map_err(|error| TlsError::new(&files.client_ca, error.to_string()))?;
    }
    let mut verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let mut judged = &files.client_ca;
    if let Some(path) = &files.crl {
        // One that is past its next update still counts: it knows those who were revoked, and
        // locking out the operators would revoke everybody else too.
        let lists: Vec<CertificateRevocationListDer<'static>> =
            pem_items(path, "a revocation list")?;
        verifier = verifier.with_crls(lists);
        judged = path;
    }
    verifier.build().map_err(|error| TlsError::new(judged, error.to_string()))
}

/// What of the files in use ends, and when.
fn ends(files: &TlsConfig, own: Option<&CertificateDer<'static>>) -> Result<Vec<Ends>, TlsError> {
    let own = own.and_then(|own| ends::of_certificate("agent certificate", own));
    let authorities: Vec<CertificateDer<'static>> = pem_items(&files.client_ca, "a certificate")?;
    let authorities = authorities.iter().filter_map(ends::of_authority);
    let lists: Vec<CertificateRevocationListDer<'static>> = match &files.crl {
        Some(path) => pem_items(path, "a revocation list")?,
        None => Vec::new(),
    };
    let lists = lists.iter().filter_map(ends::of_list);
    Ok(own.into_iter().chain(authorities).chain(lists).collect())
}

fn pem_items<T: PemObject>(path: &Path, what: &str) -> Result<Vec<T>, TlsError> {
    let items: Result<Vec<T>, _> = T::pem_file_iter(path).and_then(Iterator::collect);
    match items {
        Ok(items) if items.is_empty() => Err(TlsError::new(path, no_item(what))),
        Ok(items) => Ok(items),
        Err(error) => Err(TlsError::new(path, pem_problem(&error, what))),
    }
}

fn no_item(what: &str) -> String {
    format!("it holds no PEM block with {what}; write it as `ripcord certs` does")
}

fn pem_problem(error: &rustls_pki_types::pem::Error, what: &str) -> String {
    match error {
        rustls_pki_types::pem::Error::Io(error) => format!("{error}; check path and owner"),
        rustls_pki_types::pem::Error::NoItemsFound => no_item(what),
        // Not `error`: it may quote the file, which may be a key.
        _ => format!("it is not PEM with {what}; write it again"),
    }
}

fn key_problem(error: &rustls::Error, cert: &Path) -> String {
    match error {
        rustls::Error::InconsistentKeys(_) => format!(
            "it is not the key of the certificate in {}; replace both together",
            cert.display()
        ),
        other => format!("{other}; make certificate and key anew"),
    }
}

/// An agent with an expired certificate still watches and rolls back: it starts, and says so.
fn warn_unless_valid_now(path: &Path, chain: &[CertificateDer<'_>]) {
    let expiry = chain.first().and_then(|leaf| not_after(leaf));
    if expiry.is_none_or(|expiry| expiry <= SystemTime::now()) {
        let file = path.display();
        tracing::error!(%file, "the agent's certificate has expired: no controller will accept it");
    }
}

/// When a certificate runs out.
pub(super) fn not_after(certificate: &CertificateDer<'_>) -> Option<SystemTime> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let seconds = u64::try_from(certificate.validity().not_after.timestamp()).ok()?;
    SystemTime::UNIX_EPOCH.checked_add(std::time::Duration::from_secs(seconds))
}

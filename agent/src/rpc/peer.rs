//! Who is at the other end: read from the certificate once, at the handshake, and judged at every call.

use std::{
    fmt,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

use ripcord_core::Identity;
use rustls_pki_types::CertificateDer;
use tonic::{Code, Request, Status};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use super::{
    errors::{BAD_IDENTITY, CERTIFICATE_EXPIRED, CERTIFICATE_REVOKED, refuse},
    tls::{self, Tls},
};

/// What is known of a connection: tonic puts it into the extensions of every request.
#[derive(Debug, Clone)]
pub struct ConnectInfo(Arc<Presented>);

#[derive(Debug)]
struct Presented {
    address: SocketAddr,
    identity: Result<Identity, BadIdentity>,
    expires: SystemTime,
    chain: Vec<CertificateDer<'static>>,
    tls: Arc<Tls>,
    /// The generation of `tls` in which the chain was found good last.
    verified_in: AtomicU64,
}

/// Why a certificate names nobody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadIdentity {
    #[error("the certificate cannot be parsed")]
    Unparsable,
    #[error("the certificate has no URI name; it needs one, spiffe://<trust-domain>/<kind>/<name>")]
    Missing,
    #[error("the certificate has {0} URI names; it needs exactly one")]
    Several(usize),
    #[error(
        "the certificate's URI name is not spiffe://<trust-domain>/<kind>/<name> in lower case"
    )]
    Malformed,
}

impl ConnectInfo {
    /// What the certificate says that the handshake accepted in `generation`.
    pub(super) fn new(
        address: SocketAddr,
        chain: Vec<CertificateDer<'static>>,
        tls: Arc<Tls>,
        generation: u64,
    ) -> Self {
        let leaf = chain.first();
        let identity = leaf.ok_or(BadIdentity::Unparsable).and_then(identity);
        let expires = leaf.and_then(tls::not_after).unwrap_or(SystemTime::UNIX_EPOCH);
        let verified_in = AtomicU64::new(generation);
        Self(Arc::new(Presented { address, identity, expires, chain, tls, verified_in }))
    }

    /// Who it is, or why that cannot be told.
    pub(super) fn identity(&self) -> Result<&Identity, &BadIdentity> {
        self.0.identity.as_ref()
    }
}

/// A caller with a name. That it is known does not mean that it may do anything: `access` decides.
#[derive(Clone)]
pub struct Peer {
    identity: Identity,
    presented: Arc<Presented>,
}

impl Peer {
    /// Who made `request`.
    ///
    /// # Errors
    /// UNAUTHENTICATED, when the certificate names nobody, or is not good any more.
    pub fn of<T>(request: &Request<T>) -> Result<Self, Status> {
        let Some(ConnectInfo(presented)) = request.extensions().get::<ConnectInfo>() else {
            return Err(unauthenticated(BAD_IDENTITY, "the call came without a certificate"));
        };
        let identity = presented.identity.clone().map_err(|bad| {
            unauthenticated(
                BAD_IDENTITY,
                format!("{bad}: ask for a new one (`ripcord certs issue`)"),
            )
        })?;
        let peer = Self { identity, presented: Arc::clone(presented) };
        peer.check()?;
        Ok(peer)
    }

    /// Its name.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Where it connects from.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.presented.address
    }

    /// Whether the certificate is still good: not expired, and not revoked since the handshake.
    ///
    /// # Errors
    /// UNAUTHENTICATED, with the reason.
    pub fn check(&self) -> Result<(), Status> {
        if self.presented.expires <= SystemTime::now() {
            let message = "the client's certificate has expired: renew it (`ripcord certs renew`)";
            return Err(unauthenticated(CERTIFICATE_EXPIRED, message));
        }
        if self.presented.is_revoked() {
            let message = "the client's certificate is not accepted any more: it was revoked, or its \
                           authority is not trusted; ask for a new one (`ripcord certs issue`)";
            return Err(unauthenticated(CERTIFICATE_REVOKED, message));
        }
        Ok(())
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.identity, self.presented.address)
    }
}

impl Presented {
    /// Asks the verifier again only after a reload: signatures are not checked at every call.
    fn is_revoked(&self) -> bool {
        let generation = self.tls.generation();
        if self.verified_in.load(Ordering::Relaxed) == generation {
            return false;
        }
        let good = self.tls.verify(&self.chain);
        if good {
            self.verified_in.store(generation, Ordering::Relaxed);
        }
        !good
    }
}

/// An interceptor for the whole server: nobody without a name reaches any service, be it health or
/// reflection.
///
/// # Errors
/// As [`Peer::of`].
pub fn require(request: Request<()>) -> Result<Request<()>, Status> {
    Peer::of(&request)?;
    Ok(request)
}

fn unauthenticated(reason: &str, message: impl Into<String>) -> Status {
    refuse(Code::Unauthenticated, reason, message)
}

/// Exactly one URI name, and nothing else counts: not the common name, not the first of two.
fn identity(certificate: &CertificateDer<'_>) -> Result<Identity, BadIdentity> {
    let (_, certificate) =
        X509Certificate::from_der(certificate).map_err(|_| BadIdentity::Unparsable)?;
    let names = certificate.subject_alternative_name().map_err(|_| BadIdentity::Unparsable)?;
    let names = names.map_or(&[][..], |names| &names.value.general_names);
    let uris: Vec<&str> = names
        .iter()
        .filter_map(|name| match name {
            GeneralName::URI(uri) => Some(*uri),
            _ => None,
        })
        .collect();
    match uris[..] {
        [] => Err(BadIdentity::Missing),
        [uri] => parse(uri).ok_or(BadIdentity::Malformed),
        [..] => Err(BadIdentity::Several(uris.len())),
    }
}

/// The agent's own name is an identity too, and must not come from outside.
fn parse(uri: &str) -> Option<Identity> {
    uri.starts_with("spiffe://").then(|| uri.parse().ok()).flatten()
}

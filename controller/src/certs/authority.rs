//! Making keys and signing certificates.

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SanType, string::Ia5String,
};
use ripcord_core::Identity;
use time::{Duration, OffsetDateTime};

use crate::failure::Failure;

/// How long an authority is good: longer than anybody wants to exchange roots.
const AUTHORITY_DAYS: i64 = 3650;
/// Certificates are good from a little before they are made: clocks differ.
const CLOCK_SKEW: Duration = Duration::minutes(5);

/// What a certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Controllers: people and workflows.
    Client,
    /// Agents.
    Agent,
}

impl Kind {
    /// The word in file names and messages.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Agent => "agent",
        }
    }

    fn usage(self) -> ExtendedKeyUsagePurpose {
        match self {
            Self::Client => ExtendedKeyUsagePurpose::ClientAuth,
            Self::Agent => ExtendedKeyUsagePurpose::ServerAuth,
        }
    }
}

/// Somebody who signs.
pub(crate) struct Authority {
    kind: Kind,
    certificate: String,
    key: KeyPair,
}

/// A certificate with its key, as PEM.
pub(crate) struct Leaf {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Authority {
    /// Makes an authority for certificates of one kind.
    pub(crate) fn new(kind: Kind, trust_domain: &str) -> Result<Self, Failure> {
        let name = format!("ripcord {} CA of {trust_domain}", kind.as_str());
        let mut params = lasting(AUTHORITY_DAYS);
        params.distinguished_name = named(&name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().map_err(unmade)?;
        let certificate = params.self_signed(&key).map_err(unmade)?.pem();
        Ok(Self { kind, certificate, key })
    }

    /// Takes up an authority that was made before.
    pub(crate) fn from_pem(kind: Kind, certificate: String, key: &str) -> Result<Self, Failure> {
        let key = KeyPair::from_pem(key).map_err(unmade)?;
        Ok(Self { kind, certificate, key })
    }

    /// Its certificate and its key, as PEM.
    pub(crate) fn to_pem(&self) -> Leaf {
        Leaf { certificate: self.certificate.clone(), key: self.key.serialize_pem() }
    }

    /// Signs a certificate for `identity`. Names and addresses are for agents.
    pub(crate) fn issue(
        &self,
        identity: &Identity,
        hosts: &[String],
        days: u32,
    ) -> Result<Leaf, Failure> {
        let mut params = lasting(days.into());
        params.distinguished_name = named(identity.as_str());
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![self.kind.usage()];
        params.use_authority_key_identifier_extension = true;
        let uri = Ia5String::try_from(identity.as_str()).map_err(unmade)?;
        params.subject_alt_names = vec![SanType::URI(uri)];
        for host in hosts {
            params.subject_alt_names.push(host_name(host)?);
        }
        let issuer = Issuer::from_ca_cert_pem(&self.certificate, &self.key).map_err(unmade)?;
        let key = KeyPair::generate().map_err(unmade)?;
        let certificate = params.signed_by(&key, &issuer).map_err(unmade)?.pem();
        Ok(Leaf { certificate, key: key.serialize_pem() })
    }
}

fn host_name(host: &str) -> Result<SanType, Failure> {
    if let Ok(address) = host.parse() {
        return Ok(SanType::IpAddress(address));
    }
    let invalid = || Failure::Usage(format!("{host:?} is neither a host name nor an address"));
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-.*".contains(c);
    if host.is_empty() || !host.chars().all(allowed) {
        return Err(invalid());
    }
    Ia5String::try_from(host).map(SanType::DnsName).map_err(|_| invalid())
}

fn lasting(days: i64) -> CertificateParams {
    let now = OffsetDateTime::now_utc();
    let mut params = CertificateParams::default();
    params.not_before = now - CLOCK_SKEW;
    params.not_after = now + Duration::days(days);
    params
}

fn named(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::CommonName, name);
    names
}

fn unmade(error: rcgen::Error) -> Failure {
    Failure::Unexpected(format!("cannot make the certificate: {error}"))
}

//! A PKI for tests: real certificates of two authorities, in a folder that goes away with it.

// Each test binary uses its own part of this.
#![allow(missing_docs, dead_code, unreachable_pub, clippy::unwrap_used)]

use std::{
    path::PathBuf,
    time::{Duration, SystemTime},
};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams,
    SanType, SerialNumber,
};
use ripcord_agent::config::TlsConfig;
use tempfile::TempDir;

/// rcgen's type of instants is not named here: it belongs to a crate that nothing else needs.
macro_rules! at {
    ($time:expr) => {
        rcgen::date_time_ymd(1970, 1, 1)
            + $time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
    };
}

type Authority = CertifiedIssuer<'static, KeyPair>;

/// Two authorities, as `ripcord certs` makes them, and the agent's files.
pub struct Pki {
    folder: TempDir,
    pub clients: Authority,
    pub agents: Authority,
}

/// A certificate with its key, both PEM.
#[derive(Clone)]
pub struct Pair {
    pub cert: String,
    pub key: String,
    pub serial: u64,
}

/// What a client's certificate says.
pub struct Claims {
    pub uris: Vec<&'static str>,
    pub common_name: &'static str,
    pub valid_until: SystemTime,
}

impl Default for Claims {
    fn default() -> Self {
        let valid_until = SystemTime::now() + Duration::from_secs(3600);
        Self { uris: vec![OPERATOR], common_name: "somebody", valid_until }
    }
}

pub const OPERATOR: &str = "spiffe://lab/operator/ann";
pub const VIEWER: &str = "spiffe://lab/viewer/bob";

impl Pki {
    /// New authorities, and an agent's certificate for localhost.
    pub fn new() -> Self {
        let (clients, agents) = (authority("clients"), authority("agents"));
        let pki = Self { folder: tempfile::tempdir().unwrap(), clients, agents };
        pki.install_agent(&pki.agent());
        pki.write("client-ca.pem", &pki.clients.pem());
        pki
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Replaces a file the way careful people do: at once.
    pub fn write(&self, name: &str, text: &str) {
        let new = self.path(&format!("{name}.new"));
        std::fs::write(&new, text).unwrap();
        std::fs::rename(new, self.path(name)).unwrap();
    }

    /// The agent's `[tls]` table.
    pub fn tls_config(&self) -> TlsConfig {
        TlsConfig {
            cert: self.path("agent.pem"),
            key: self.path("agent.key"),
            client_ca: self.path("client-ca.pem"),
            crl: None,
        }
    }

    /// An agent's certificate for localhost.
    pub fn agent(&self) -> Pair {
        let hour = Duration::from_secs(3600);
        self.agent_that_ends(hour, hour)
    }

    /// An agent's certificate that has lived for so long, and ends so soon.
    pub fn agent_that_ends(&self, lived: Duration, left: Duration) -> Pair {
        let mut params = params("agent", SystemTime::now() + left);
        params.not_before = at!(SystemTime::now() - lived);
        params.subject_alt_names = vec![
            SanType::DnsName("localhost".try_into().unwrap()),
            SanType::IpAddress([127, 0, 0, 1].into()),
        ];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        sign(params, &self.agents)
    }

    pub fn install_agent(&self, pair: &Pair) {
        self.write("agent.pem", &pair.cert);
        self.write("agent.key", &pair.key);
    }

    /// A client's certificate with one URI name.
    pub fn client(&self, identity: &'static str) -> Pair {
        self.client_with(Claims { uris: vec![identity], ..Claims::default() })
    }

    pub fn client_with(&self, claims: Claims) -> Pair {
        client_of(&self.clients, claims)
    }

    /// A revocation list that holds these certificates.
    pub fn revoke(&self, revoked: &[&Pair]) -> String {
        let revoked_certs = revoked.iter().map(|pair| RevokedCertParams {
            serial_number: pair.serial.into(),
            revocation_time: at!(SystemTime::now() - Duration::from_secs(60)),
            reason_code: None,
            invalidity_date: None,
        });
        let list = CertificateRevocationListParams {
            this_update: at!(SystemTime::now() - Duration::from_secs(60)),
            next_update: at!(SystemTime::now() + Duration::from_secs(3600)),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: revoked_certs.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&self.clients).unwrap().pem().unwrap()
    }
}

/// A client's certificate of any authority.
pub fn client_of(authority: &Authority, claims: Claims) -> Pair {
    let mut params = params(claims.common_name, claims.valid_until);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.subject_alt_names =
        claims.uris.iter().map(|uri| SanType::URI((*uri).try_into().unwrap())).collect();
    sign(params, authority)
}

pub fn authority(name: &str) -> Authority {
    let mut params = params(name, SystemTime::now() + Duration::from_secs(7200));
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Authority::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn params(common_name: &str, valid_until: SystemTime) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.not_before = at!(SystemTime::now() - Duration::from_secs(3600));
    params.not_after = at!(valid_until);
    params
}

fn sign(mut params: CertificateParams, authority: &Authority) -> Pair {
    static SERIAL: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1000);
    let serial = SERIAL.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    params.serial_number = Some(serial.into());
    let key = KeyPair::generate().unwrap();
    let cert = params.signed_by(&key, authority).unwrap();
    Pair { cert: cert.pem(), key: key.serialize_pem(), serial }
}

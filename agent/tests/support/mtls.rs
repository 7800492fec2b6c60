//! An agent's door on a free port, and clients of every kind that knock at it.

// Each test binary uses its own part of this.
#![allow(missing_docs, dead_code, unreachable_pub, clippy::unwrap_used)]

use std::{net::SocketAddr, time::Duration};

use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

use super::pki::{Pair, Pki};

/// A channel to an agent of this PKI; it connects at the first call.
pub fn client(address: SocketAddr, pki: &Pki, pair: &Pair) -> Channel {
    channel(address, &pki.agents.pem(), Some(pair))
}

/// A channel that trusts `ca`, with or without a certificate of its own.
pub fn channel(address: SocketAddr, ca: &str, pair: Option<&Pair>) -> Channel {
    let mut tls =
        ClientTlsConfig::new().ca_certificate(Certificate::from_pem(ca)).domain_name("localhost");
    if let Some(pair) = pair {
        tls = tls.identity(Identity::from_pem(&pair.cert, &pair.key));
    }
    Endpoint::from_shared(format!("https://{address}"))
        .unwrap()
        .connect_timeout(Duration::from_secs(10))
        .tls_config(tls)
        .unwrap()
        .connect_lazy()
}

//! The way to the agent's door: its name, a connection, and who answers.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use ripcord_core::{Ends, Timestamp};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::ServerName;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, lookup_host},
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{
    Hop, Known,
    certificates::{self, Proven},
};
use crate::{client, exit::Exit, failure, target::Target};

/// Longer than any healthy network needs for one step of it.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long something that speaks no TLS may take to say what it speaks.
const SELF_INTRODUCTION: Duration = Duration::from_secs(1);

/// Whom to call, where everything on the way holds.
pub(super) enum Door {
    Open(Target),
    /// What has to be put right before.
    Shut(&'static str),
}

/// Looks at the name, the connection and TLS.
pub(super) async fn look(known: &Known, proven: Proven) -> (Vec<Hop>, Door) {
    let unknown = |from: usize, because| {
        ["name", "tcp", "tls"]
            .into_iter()
            .skip(from)
            .map(|name| Hop::skipped(name, because))
            .collect()
    };
    let Some((host, port)) = &known.address else {
        return (unknown(0, "nobody knows where the agent is"), Door::Shut("no agent is known"));
    };
    let addresses = match resolve(host, *port).await {
        Ok(addresses) => addresses,
        Err(hop) => {
            let mut hops: Vec<Hop> = unknown(1, "the name leads nowhere");
            hops.insert(0, hop);
            return (hops, Door::Shut("the name leads nowhere"));
        }
    };
    let mut hops = vec![named(host, &addresses)];
    let tcp = match connect(host, *port, &addresses).await {
        Ok((tcp, address)) => {
            hops.push(Hop::fine("tcp", format!("{address} accepts connections")));
            tcp
        }
        Err(hop) => {
            hops.push(hop);
            hops.extend::<Vec<Hop>>(unknown(2, "there is no connection"));
            return (hops, Door::Shut("there is no connection"));
        }
    };
    let Some(roots) = proven.roots else {
        hops.extend::<Vec<Hop>>(unknown(2, "there is no usable CA to know the agent by"));
        return (hops, Door::Shut("there is no usable CA"));
    };
    let tls = encrypt(host, tcp, proven.target.as_ref(), roots).await;
    let is_fine = tls.is_fine();
    hops.push(tls);
    let door = match proven.target {
        _ if !is_fine => Door::Shut("nobody there can be trusted"),
        Some(target) => Door::Open(target),
        None => Door::Shut("there is no usable certificate with its key"),
    };
    (hops, door)
}

async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, Hop> {
    let fix = "correct the host in the agent's URL, or the DNS that this machine asks";
    let broken = |why: String| Hop::failed("name", Exit::Unreachable, why).fix(fix);
    let found = timeout(PATIENCE, lookup_host((host, port))).await;
    let found = found.map_err(|_| broken(format!("{host}: no answer within 5 s")))?;
    let found: Vec<_> = found.map_err(|error| broken(format!("{host}: {error}")))?.collect();
    if found.is_empty() { Err(broken(format!("{host} has no address"))) } else { Ok(found) }
}

fn named(host: &str, addresses: &[SocketAddr]) -> Hop {
    let ips: Vec<String> = addresses.iter().map(|address| address.ip().to_string()).collect();
    let ips = ips.join(", ");
    let is_address = ips == host;
    Hop::fine(
        "name",
        if is_address { format!("{host} is an address") } else { format!("{host} is {ips}") },
    )
}

/// As a command connects: to one address after the other.
async fn connect(
    host: &str,
    port: u16,
    addresses: &[SocketAddr],
) -> Result<(TcpStream, SocketAddr), Hop> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        match timeout(PATIENCE, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok((stream, *address)),
            Ok(Err(error)) => last = error,
            Err(_) => last = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(unconnected(host, port, &last))
}

fn unconnected(host: &str, port: u16, error: &io::Error) -> Hop {
    let (why, fix) = match error.kind() {
        io::ErrorKind::ConnectionRefused => (
            "connection refused: nobody listens there".to_owned(),
            "start the agent (`systemctl status ripcord-agent`), and compare the port with its `listen`",
        ),
        io::ErrorKind::TimedOut => (
            "no answer within 5 s: a firewall drops it, or the machine is off".to_owned(),
            "open the port in the firewalls on the way, and look whether the machine runs",
        ),
        _ => (error.to_string(), "look at the network between here and there"),
    };
    let fix = match std::env::var_os("HTTPS_PROXY").or_else(|| std::env::var_os("https_proxy")) {
        Some(_) => format!("{fix}; HTTPS_PROXY is set here, and ripcord connects without a proxy"),
        None => fix.to_owned(),
    };
    Hop::failed("tcp", Exit::Unreachable, format!("{host}:{port}: {why}")).fix(fix)
}

async fn encrypt(host: &str, tcp: TcpStream, target: Option<&Target>, roots: RootCertStore) -> Hop {
    let Ok(name) = ServerName::try_from(host.to_owned()) else {
        return Hop::failed("tls", Exit::Usage, format!("{host} is not a host name"));
    };
    let peer = tcp.peer_addr();
    let config = match target.map(client::tls_config) {
        Some(Ok(config)) => config,
        Some(Err(_)) | None => nameless(roots),
    };
    let connecting = TlsConnector::from(Arc::new(config)).connect(name, tcp);
    match timeout(PATIENCE, connecting).await {
        Ok(Ok(stream)) => answered(&stream),
        Ok(Err(error)) => match failure::tls_error(&error) {
            Some(rustls::Error::InvalidMessage(_)) => plaintext(peer.ok()).await,
            Some(error) => distrusted(error),
            None => broken_off(&error),
        },
        Err(_) => silent(),
    }
}

/// Without a certificate of ours the agent still shows its own.
fn nameless(roots: RootCertStore) -> ClientConfig {
    let mut config = ClientConfig::builder_with_protocol_versions(&[&rustls::version::TLS13])
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    config
}

fn answered(stream: &TlsStream<TcpStream>) -> Hop {
    let (_, session) = stream.get_ref();
    if session.alpn_protocol() != Some(b"h2") {
        let detail = "what answers speaks TLS 1.3 and no HTTP/2: it is not an agent";
        return Hop::failed("tls", Exit::Access, detail)
            .fix("connect to the agent itself: a proxy in between must pass TLS through");
    }
    let certificate = session.peer_certificates().and_then(|chain| chain.first());
    let left = certificate.and_then(|der| {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        Some(certificates::ends(&certificate))
    });
    aged(left.as_ref(), certificates::now())
}

fn aged(ends: Option<&Ends>, now: Timestamp) -> Hop {
    let known = "TLS 1.3, and the agent is who it should be";
    let Some(ends) = ends else { return Hop::fine("tls", known) };
    let detail = format!("{known}; its certificate has {} days left", ends.days_left(now));
    if !ends.is_near(now) {
        return Hop::fine("tls", detail);
    }
    Hop::warning("tls", detail)
        .fix("issue a new certificate for the agent with `ripcord certs issue`")
}

/// Who answers is not believed.
fn distrusted(error: &rustls::Error) -> Hop {
    use rustls::CertificateError as Bad;
    let fix = match error {
        rustls::Error::InvalidCertificate(bad) => match bad {
            Bad::UnknownIssuer | Bad::BadSignature => {
                "give the CA that signed the agent's certificate as --ca, and look whether another \
                 program, such as a proxy, answers in its place"
            }
            Bad::Expired | Bad::ExpiredContext { .. } => {
                "issue a new certificate for the agent (`ripcord certs issue`); if it is not expired, \
                 set this machine's clock"
            }
            Bad::NotValidYet | Bad::NotValidYetContext { .. } => {
                "set this machine's clock, or the one on which the certificate was made"
            }
            Bad::NotValidForName | Bad::NotValidForNameContext { .. } => {
                "use a host that the certificate names in the agent's URL, or issue one for this host \
                 (`ripcord certs issue --host`)"
            }
            _ => "issue a new certificate for the agent with `ripcord certs issue`",
        },
        rustls::Error::PeerIncompatible(_) => {
            "connect to the agent itself, not to a proxy before it"
        }
        _ => "compare host and port with the agent's `listen`",
    };
    Hop::failed("tls", Exit::Access, failure::explain_tls(error)).fix(fix)
}

/// Asks what speaks no TLS what it is, as a browser would.
async fn plaintext(peer: Option<SocketAddr>) -> Hop {
    let fix = "compare the port with the agent's `listen`: this one belongs to another program";
    let said = match peer {
        Some(peer) => timeout(SELF_INTRODUCTION, first_words(peer)).await.ok().flatten(),
        None => None,
    };
    let what = match said {
        Some(words) if words.starts_with("HTTP/") => "an HTTP server without TLS".to_owned(),
        Some(words) => format!("it says {words:?}"),
        None => "it speaks another language".to_owned(),
    };
    Hop::failed("tls", Exit::Access, format!("what answers there speaks no TLS: {what}")).fix(fix)
}

async fn first_words(peer: SocketAddr) -> Option<String> {
    let mut stream = TcpStream::connect(peer).await.ok()?;
    stream.write_all(b"HEAD / HTTP/1.0\r\n\r\n").await.ok()?;
    let mut words = [0; 60];
    let read = stream.read(&mut words).await.ok().filter(|read| *read > 0)?;
    let text = String::from_utf8_lossy(&words[..read]);
    Some(text.lines().next().unwrap_or_default().to_owned())
}

fn broken_off(error: &io::Error) -> Hop {
    let detail = format!("the connection broke off during the handshake: {error}");
    Hop::failed("tls", Exit::Unreachable, detail)
        .fix("look at the agent's log, and whether a proxy or firewall cuts TLS on the way")
}

fn silent() -> Hop {
    let detail = "it accepts connections and says nothing: no TLS within 5 s";
    Hop::failed("tls", Exit::Unreachable, detail)
        .fix("compare the port with the agent's `listen`, and look whether the agent hangs")
}

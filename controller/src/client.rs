//! The connection to an agent: TCP, then TLS 1.3 with both certificates, then gRPC over it.
//!
//! The TLS connection is made here and handed to tonic ready-made, so that what went wrong is a
//! value of ours and not a text, and so that nothing reconnects behind the back of the caller.

use std::{io, sync::Arc, time::Duration};

use hyper_util::rt::TokioIo;
use ripcord_proto::v1::agent_service_client::AgentServiceClient;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::{io::AsyncReadExt, net::TcpStream, time::timeout};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tonic::{
    Status,
    transport::{Channel, Endpoint},
};
use tower::service_fn;

use crate::{
    credential::Credential,
    failure::{self, Failure, Meaning},
    render::duration,
    target::Target,
};

/// Name lookup, TCP and TLS together: longer than any healthy network needs.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// An agent that is silent for this long is asked whether it is there.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(20);
/// How long it may take to say so.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a refusing agent may take to say why.
const DIAGNOSIS_TIMEOUT: Duration = Duration::from_secs(2);
/// Room for log batches on long-distance links.
const WINDOW_BYTES: u32 = 1 << 20;

/// The calls of an agent.
pub(crate) type Client = AgentServiceClient<Channel>;

/// An agent that can be connected to, again and again.
#[derive(Clone)]
pub(crate) struct Agent {
    host: String,
    port: u16,
    name: ServerName<'static>,
    tls: Arc<ClientConfig>,
    /// How long it may take to connect.
    patience: Duration,
}

/// What was read for one agent and counts for others, too: a hundred agents that trust one
/// certificate cost one look at its files.
#[derive(Default)]
pub(crate) struct Identities(Vec<([Credential; 3], Arc<ClientConfig>)>);

impl Identities {
    fn of(&mut self, target: &Target) -> Result<Arc<ClientConfig>, Failure> {
        let wanted = [&target.cert, &target.key, &target.ca];
        let is_it = |(known, _): &&([Credential; 3], _)| {
            known.iter().zip(wanted).all(|(known, wanted)| known.is_same(wanted))
        };
        if let Some((_, tls)) = self.0.iter().find(is_it) {
            return Ok(tls.clone());
        }
        let tls = Arc::new(tls_config(target)?);
        self.0.push((wanted.map(Clone::clone), tls.clone()));
        Ok(tls)
    }
}

impl Agent {
    /// Reads the certificates that `target` names.
    pub(crate) fn new(target: &Target) -> Result<Self, Failure> {
        Self::sharing(target, &mut Identities::default())
    }

    /// Reads those that no agent before it named.
    pub(crate) fn sharing(target: &Target, known: &mut Identities) -> Result<Self, Failure> {
        let name = ServerName::try_from(target.host.clone())
            .map_err(|_| Failure::Usage(format!("{} is not a host name", target.host)))?;
        let tls = known.of(target)?;
        let (host, port, patience) = (target.host.clone(), target.port, CONNECT_TIMEOUT);
        Ok(Self { host, port, name, tls, patience })
    }

    /// The same agent, for whoever waits so long for a connection and no longer.
    pub(crate) fn within(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Connects. The agent judges the client certificate only when the first call is made.
    pub(crate) async fn connect(&self) -> Result<Client, Failure> {
        let stream = self.handshake().await?;
        let channel = over(stream).await.map_err(|error| self.unreachable(&error.to_string()))?;
        Ok(AgentServiceClient::new(channel))
    }

    /// What a status means. An agent that refuses a certificate may close the connection before
    /// its reason was read: then it is asked once more, by somebody who only listens.
    pub(crate) async fn meaning(&self, status: &Status) -> Meaning {
        match failure::meaning(status) {
            Meaning::Lost(message) => match self.handshake_refusal().await {
                Some(refusal) => Meaning::Final(refusal),
                None => Meaning::Lost(message),
            },
            told @ Meaning::Final(_) => told,
        }
    }

    /// A status as the end of a command that makes one call and is done.
    pub(crate) async fn failure(&self, status: &Status) -> Failure {
        match self.meaning(status).await {
            Meaning::Final(failure) => failure,
            Meaning::Lost(message) => self.unreachable(&message),
        }
    }

    pub(crate) fn unreachable(&self, why: &str) -> Failure {
        let message = format!("the agent at {}:{} cannot be reached: {why}", self.host, self.port);
        Failure::Unreachable { message }
    }

    async fn handshake(&self) -> Result<TlsStream<TcpStream>, Failure> {
        let connecting = timeout(self.patience, self.tcp_then_tls()).await;
        connecting.unwrap_or_else(|_| {
            Err(self.unreachable(&format!("no answer within {}", duration(self.patience))))
        })
    }

    async fn tcp_then_tls(&self) -> Result<TlsStream<TcpStream>, Failure> {
        let tcp = TcpStream::connect((self.host.as_str(), self.port)).await;
        let tcp = tcp.map_err(|error| self.unreachable(&describe(&error)))?;
        tcp.set_nodelay(true).map_err(|error| self.unreachable(&error.to_string()))?;
        let connector = TlsConnector::from(self.tls.clone());
        let tls = connector.connect(self.name.clone(), tcp).await;
        tls.map_err(|error| {
            self.refusal(&error).unwrap_or_else(|| self.unreachable(&error.to_string()))
        })
    }

    /// Connects and says nothing: a refusing agent's alert is then the first thing to be read.
    async fn handshake_refusal(&self) -> Option<Failure> {
        let listening = async {
            let mut stream = match self.handshake().await {
                Ok(stream) => stream,
                Err(refusal @ Failure::Access { .. }) => return Some(refusal),
                Err(_) => return None,
            };
            let heard = stream.read_u8().await;
            heard.err().and_then(|error| self.refusal(&error))
        };
        timeout(DIAGNOSIS_TIMEOUT, listening).await.ok().flatten()
    }

    fn refusal(&self, error: &io::Error) -> Option<Failure> {
        let message = failure::explain_tls(failure::tls_error(error)?);
        Some(Failure::Access { message: format!("{}:{}: {message}", self.host, self.port) })
    }
}

fn describe(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            "Connection refused: is the agent running, and is this its port?".to_owned()
        }
        _ => error.to_string(),
    }
}

/// gRPC over a connection that is there already.
async fn over(stream: TlsStream<TcpStream>) -> Result<Channel, tonic::transport::Error> {
    let mut once = Some(TokioIo::new(stream));
    let connector = service_fn(move |_| {
        let stream = once.take().ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected));
        std::future::ready(stream)
    });
    Endpoint::from_static("http://agent")
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .keep_alive_while_idle(true)
        .connect_with_connector(connector)
        .await
}

/// What an agent is called with: TLS 1.3, and the certificates of both sides.
pub(crate) fn tls_config(target: &Target) -> Result<ClientConfig, Failure> {
    let roots = roots(&target.ca)?;
    with_identity(roots, target.cert.certificates()?, target.key.key()?)
        .map_err(|error| target.key.unusable(&unusable_key(&error)))
}

/// TLS 1.3 with a client certificate that has this key.
pub(crate) fn with_identity(
    roots: RootCertStore,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ClientConfig, rustls::Error> {
    let mut config = ClientConfig::builder_with_protocol_versions(&[&rustls::version::TLS13])
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}

/// The authorities that a credential holds.
pub(crate) fn roots(ca: &Credential) -> Result<RootCertStore, Failure> {
    let mut roots = RootCertStore::empty();
    for certificate in ca.certificates()? {
        roots.add(certificate).map_err(|error| ca.unusable(&error))?;
    }
    Ok(roots)
}

pub(crate) fn unusable_key(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InconsistentKeys(_) => {
            "it is not the key of the client certificate".to_owned()
        }
        other => other.to_string(),
    }
}

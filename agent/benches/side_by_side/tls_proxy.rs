//! Docker over mutual TLS without a restart of the engine: what ends TLS stands in front of its unix
//! socket, in this process, and passes bytes on. It is cheaper than the engine's own TLS would be.

use std::{fs::File, io::BufReader, path::Path, process::Command, sync::Arc};

use ripcord_agent::adapters::docker::default_socket;
use rustls::{RootCertStore, ServerConfig, server::WebPkiClientVerifier};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream, UnixStream},
    runtime::{Builder, Runtime},
};
use tokio_rustls::TlsAcceptor;

use crate::agent::Certs;

/// Listens until it is dropped.
pub(crate) struct TlsProxy {
    port: u16,
    certs: Certs,
    _runtime: Runtime,
}

impl TlsProxy {
    pub(crate) fn start(certs: &Certs) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let port = listener.local_addr().unwrap().port();
        runtime.spawn(accept(listener, TlsAcceptor::from(Arc::new(tls(certs)))));
        Self { port, certs: certs.clone(), _runtime: runtime }
    }

    /// The docker program, which asks the engine through here.
    pub(crate) fn docker(&self, arguments: &[&str]) -> Command {
        let mut docker = Command::new("docker");
        docker.args(self.options()).args(arguments);
        docker
    }

    /// What the docker program has to be told.
    pub(crate) fn options(&self) -> Vec<String> {
        let file = |option: &str, name| format!("--{option}={}", self.certs.file(name).display());
        vec![
            "--tlsverify".to_owned(),
            file("tlscacert", "agent-ca.pem"),
            file("tlscert", "operator.pem"),
            file("tlskey", "operator.key"),
            format!("--host=tcp://localhost:{}", self.port),
        ]
    }
}

async fn accept(listener: TcpListener, tls: TlsAcceptor) {
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        tokio::spawn(pass_on(stream, tls.clone()));
    }
}

async fn pass_on(stream: TcpStream, tls: TlsAcceptor) -> std::io::Result<()> {
    let mut outside = tls.accept(stream).await?;
    let mut engine = UnixStream::connect(default_socket()).await?;
    copy_bidirectional(&mut outside, &mut engine).await.map(drop)
}

fn tls(certs: &Certs) -> ServerConfig {
    let mut roots = RootCertStore::empty();
    chain(&certs.file("client-ca.pem")).into_iter().for_each(|ca| roots.add(ca).unwrap());
    let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap();
    let key = PrivateKeyDer::from_pem_file(certs.file("agent.key")).unwrap();
    ServerConfig::builder()
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain(&certs.file("agent.pem")), key)
        .unwrap()
}

fn chain(file: &Path) -> Vec<CertificateDer<'static>> {
    let reader = BufReader::new(File::open(file).unwrap());
    CertificateDer::pem_reader_iter(reader).map(Result::unwrap).collect()
}

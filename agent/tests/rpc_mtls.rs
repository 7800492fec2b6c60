//! Who comes through the door and who does not: with real certificates, real TLS and real gRPC.

#![allow(missing_docs, clippy::unwrap_used)]

mod support {
    pub mod lab;
    pub mod mtls;
    pub mod pki;
}

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use ripcord_agent::rpc::{access::AccessTable, limits, tls::Tls};
use ripcord_proto::v1::{self, agent_service_client::AgentServiceClient};
use support::{
    lab::{self, Lab},
    mtls::{channel, client},
    pki::{Claims, OPERATOR, Pair, Pki, VIEWER, authority, client_of},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tonic::{Code, Status, transport::Channel};
use tonic_types::StatusExt;

async fn status(channel: Channel) -> Result<v1::StatusResponse, Status> {
    let answer = AgentServiceClient::new(channel).status(v1::StatusRequest::default()).await?;
    Ok(answer.into_inner())
}

async fn hold(channel: Channel, environment: &str) -> Result<v1::HoldResponse, Status> {
    let request = v1::HoldRequest { environment: environment.to_owned(), ..Default::default() };
    Ok(AgentServiceClient::new(channel).hold(request).await?.into_inner())
}

async fn health(channel: Channel) -> Result<(), Status> {
    let request = tonic_health::pb::HealthCheckRequest::default();
    tonic_health::pb::health_client::HealthClient::new(channel).check(request).await.map(drop)
}

fn reason(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

/// Looks until `done`, at most ten seconds.
async fn eventually<F: Future<Output = bool>>(what: &str, done: impl Fn() -> F) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !done().await {
        assert!(Instant::now() < deadline, "not within 10 s: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_caller_is_who_the_certificate_says() {
    let pki = Pki::new();
    let lab = Lab::start(&pki).await;
    let answer = status(client(lab.address, &pki, &pki.client(OPERATOR))).await.unwrap();
    assert_eq!(answer.agent.unwrap().host, OPERATOR);
    assert_eq!(answer.environments.len(), 2);
    health(client(lab.address, &pki, &pki.client(VIEWER))).await.unwrap();
}

#[tokio::test]
async fn strangers_never_reach_a_handler() {
    let pki = Pki::new();
    let lab = Lab::start(&pki).await;
    let foreign = authority("clients");
    let expired =
        Claims { valid_until: SystemTime::now() - Duration::from_secs(60), ..Claims::default() };
    let strangers = [
        ("no certificate", None),
        ("another authority of the same name", Some(client_of(&foreign, Claims::default()))),
        ("expired", Some(pki.client_with(expired))),
        ("an agent's certificate", Some(pki.agent())),
        ("signed by the agents' authority", Some(client_of(&pki.agents, Claims::default()))),
    ];
    for (what, pair) in strangers {
        let answer = status(channel(lab.address, &pki.agents.pem(), pair.as_ref())).await;
        assert!(answer.is_err(), "{what}");
    }
    assert_eq!(lab.calls(), 0);
}

#[tokio::test]
async fn a_certificate_that_names_nobody_is_told_why() {
    let pki = Pki::new();
    let lab = Lab::start(&pki).await;
    let cases: [(&[&str], &str); 6] = [
        (&[], "no URI name"),
        (&[OPERATOR, VIEWER], "2 URI names"),
        (&[OPERATOR, OPERATOR], "2 URI names"),
        (&["spiffe://lab/operator/*"], "not spiffe://"),
        (&["spiffe://Lab/operator/ann"], "not spiffe://"),
        (&["ripcord"], "not spiffe://"),
    ];
    for (uris, words) in cases {
        let claims = Claims { uris: uris.to_vec(), common_name: OPERATOR, ..Claims::default() };
        let pair = pki.client_with(claims);
        let refusal = status(client(lab.address, &pki, &pair)).await.unwrap_err();
        assert_eq!(refusal.code(), Code::Unauthenticated, "{uris:?}");
        assert_eq!(reason(&refusal), "BAD_IDENTITY", "{uris:?}");
        assert!(refusal.message().contains(words), "{uris:?}: {}", refusal.message());
        let refusal = health(client(lab.address, &pki, &pair)).await.unwrap_err();
        assert_eq!(reason(&refusal), "BAD_IDENTITY", "{uris:?}");
    }
}

#[tokio::test]
async fn a_client_of_tls_1_2_is_refused() {
    let pki = Pki::new();
    let lab = Lab::start(&pki).await;
    for (version, accepted) in [(&rustls::version::TLS12, false), (&rustls::version::TLS13, true)] {
        let handshake = handshake(&lab, &pki, &pki.client(OPERATOR), version).await;
        assert_eq!(handshake.is_ok(), accepted, "{version:?}: {handshake:?}");
    }
}

async fn handshake(
    lab: &Lab,
    pki: &Pki,
    pair: &Pair,
    version: &'static rustls::SupportedProtocolVersion,
) -> std::io::Result<()> {
    use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
    let mut roots = rustls::RootCertStore::empty();
    roots.add(pki.agents.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(
            vec![CertificateDer::from_pem_slice(pair.cert.as_bytes()).unwrap()],
            PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap(),
        )
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let socket = TcpStream::connect(lab.address).await?;
    let name = "localhost".try_into().unwrap();
    tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, socket).await.map(drop)
}

#[tokio::test]
async fn a_plaintext_client_gets_no_answer() {
    let pki = Pki::new();
    let lab = Lab::start(&pki).await;
    let mut socket = TcpStream::connect(lab.address).await.unwrap();
    socket.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer).await;
    assert!(answer.len() < 16, "an alert at most: {answer:?}");
    assert_eq!(lab.calls(), 0);
}

#[tokio::test]
async fn silent_strangers_do_not_keep_an_operator_waiting() {
    let pki = Pki::new();
    let lab = Lab::start(&pki).await;
    let mut silent = Vec::new();
    for _ in 0..limits::HANDSHAKES - 1 {
        silent.push(TcpStream::connect(lab.address).await.unwrap());
    }
    let begin = Instant::now();
    status(client(lab.address, &pki, &pki.client(OPERATOR))).await.unwrap();
    assert!(begin.elapsed() < limits::HANDSHAKE_TIMEOUT / 2, "{:?}", begin.elapsed());
}

#[tokio::test]
async fn a_flood_of_silent_strangers_is_over_when_their_time_is_up() {
    let pki = Pki::new();
    let lab = Lab::start(&pki).await;
    let mut silent = Vec::new();
    for _ in 0..limits::HANDSHAKES + 8 {
        silent.push(TcpStream::connect(lab.address).await.unwrap());
    }
    let served = status(client(lab.address, &pki, &pki.client(OPERATOR)));
    tokio::time::timeout(limits::HANDSHAKE_TIMEOUT * 2, served).await.unwrap().unwrap();
}

#[tokio::test]
async fn an_identity_that_leaks_connections_locks_out_only_itself() {
    let pki = Pki::new();
    let lab = Lab::start(&pki).await;
    let (leaky, other) = (pki.client(VIEWER), pki.client(OPERATOR));
    let mut open = Vec::new();
    for _ in 0..limits::CONNECTIONS_PER_IDENTITY {
        let channel = client(lab.address, &pki, &leaky);
        status(channel.clone()).await.unwrap();
        open.push(channel);
    }
    status(client(lab.address, &pki, &leaky)).await.unwrap_err();
    status(client(lab.address, &pki, &other)).await.unwrap();
    open.clear();
    eventually("room again", || async { status(client(lab.address, &pki, &leaky)).await.is_ok() })
        .await;
}

#[tokio::test]
async fn a_new_certificate_is_served_without_a_restart_and_open_connections_stay() {
    let mut pki = Pki::new();
    let lab = Lab::start(&pki).await;
    tokio::spawn(Arc::clone(&lab.tls).keep_current());
    let before = client(lab.address, &pki, &pki.client(OPERATOR));
    status(before.clone()).await.unwrap();

    pki.agents = authority("agents");
    pki.install_agent(&pki.agent());
    let pair = pki.client(OPERATOR);
    eventually("the new certificate", || async {
        status(client(lab.address, &pki, &pair)).await.is_ok()
    })
    .await;
    status(before).await.unwrap();
}

#[tokio::test]
async fn a_broken_file_keeps_the_old_certificate_and_is_named() {
    let pki = Pki::new();
    let lab = Lab::start(&pki).await;
    let (good, other) = (pki.agent(), pki.agent());
    let attempts = [
        ("agent.key", "garbage", "no PEM block with a private key"),
        ("agent.key", other.key.as_str(), "not the key of the certificate"),
        ("client-ca.pem", "", "no PEM block with a certificate"),
        ("agent.pem", "-----BEGIN CERTIFICATE-----\nx", "not PEM with a certificate"),
    ];
    for (file, text, words) in attempts {
        pki.install_agent(&good);
        pki.write("client-ca.pem", &pki.clients.pem());
        lab.tls.reload().unwrap();
        pki.write(file, text);
        let error = lab.tls.reload().unwrap_err().to_string();
        assert!(error.contains(file) && error.contains(words), "{error}");
        status(client(lab.address, &pki, &pki.client(OPERATOR))).await.unwrap();
    }
}

#[tokio::test]
async fn a_revoked_certificate_is_cut_off_on_open_connections_too() {
    let pki = Pki::new();
    pki.write("crl.pem", &pki.revoke(&[]));
    let tls = Tls::load(&ripcord_agent::config::TlsConfig {
        crl: Some(pki.path("crl.pem")),
        ..pki.tls_config()
    });
    let lab = Lab::start_with(tls.unwrap()).await;
    let (lost, kept) = (pki.client(OPERATOR), pki.client(OPERATOR));
    let (open, other) = (client(lab.address, &pki, &lost), client(lab.address, &pki, &kept));
    status(open.clone()).await.unwrap();
    status(other.clone()).await.unwrap();

    pki.write("crl.pem", &pki.revoke(&[&lost]));
    lab.tls.reload().unwrap();
    assert_eq!(reason(&status(open).await.unwrap_err()), "CERTIFICATE_REVOKED");
    status(other).await.unwrap();
    let calls = lab.calls();
    status(client(lab.address, &pki, &lost)).await.unwrap_err();
    assert_eq!(lab.calls(), calls, "a new connection ends at the handshake");
}

#[tokio::test]
async fn an_authority_that_is_let_go_takes_its_clients_along() {
    let mut pki = Pki::new();
    let lab = Lab::start(&pki).await;
    let open = client(lab.address, &pki, &pki.client(OPERATOR));
    status(open.clone()).await.unwrap();
    pki.clients = authority("clients");
    pki.write("client-ca.pem", &pki.clients.pem());
    lab.tls.reload().unwrap();
    assert_eq!(reason(&status(open).await.unwrap_err()), "CERTIFICATE_REVOKED");
}

#[tokio::test]
async fn a_certificate_that_runs_out_ends_calls_and_streams_of_an_open_connection() {
    let pki = Pki::new();
    let lab = Lab::start(&pki).await;
    let valid_until = SystemTime::now() + Duration::from_secs(3);
    let pair = pki.client_with(Claims { valid_until, ..Claims::default() });
    let open = client(lab.address, &pki, &pair);
    let end = follow(open.clone(), "lab").await;
    assert_eq!(reason(&end), "CERTIFICATE_EXPIRED");
    assert_eq!(reason(&status(open).await.unwrap_err()), "CERTIFICATE_EXPIRED");
}

/// Follows the log of `environment` until the agent ends it, and says how it ended.
async fn follow(channel: Channel, environment: &str) -> Status {
    let request = v1::StreamLogsRequest {
        environment: environment.to_owned(),
        follow: true,
        ..Default::default()
    };
    let stream = AgentServiceClient::new(channel).stream_logs(request).await;
    let mut stream = stream.unwrap().into_inner();
    let first = stream.message().await.unwrap();
    assert!(first.is_some());
    tokio::time::timeout(Duration::from_secs(10), stream.message()).await.unwrap().unwrap_err()
}

#[tokio::test]
async fn a_stream_ends_within_two_seconds_when_its_right_is_taken_away() {
    let pki = Pki::new();
    let lab = Lab::start(&pki).await;
    let following = tokio::spawn(follow(client(lab.address, &pki, &pki.client(VIEWER)), "lab"));
    eventually("the stream is open", || async { lab.calls() == 1 }).await;
    let begin = Instant::now();
    lab.access.replace(AccessTable::default());
    let end = following.await.unwrap();
    assert_eq!((end.code(), reason(&end)), (Code::PermissionDenied, "ACCESS_DENIED".to_owned()));
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn rules_that_change_in_the_file_hold_and_broken_ones_do_not() {
    let pki = Pki::new();
    let lab = Lab::start(&pki).await;
    let viewer = client(lab.address, &pki, &pki.client(VIEWER));
    pki.write("agent.toml", &lab::config_text(lab::RULES));
    tokio::spawn(Arc::clone(&lab.access).keep_current(pki.path("agent.toml")));
    let more = lab::RULES.replace("[\"status\", \"logs\"]", "[\"status\", \"logs\", \"hold\"]");
    pki.write("agent.toml", &lab::config_text(&more));
    eventually("the new rule", || async { hold(viewer.clone(), "lab").await.is_ok() }).await;
    pki.write("agent.toml", &lab::config_text("[[access]]\nidentity = \"*\"\nallow = {}"));
    lab.access.reload(&pki.path("agent.toml")).unwrap_err();
    hold(viewer, "lab").await.unwrap();
}

#[tokio::test]
async fn a_denial_names_who_what_and_where_and_not_whether_it_exists() {
    let pki = Pki::new();
    let lab = Lab::start(&pki).await;
    let viewer = client(lab.address, &pki, &pki.client(VIEWER));
    let seen = status(viewer.clone()).await.unwrap().environments;
    assert_eq!(seen.iter().map(|e| e.name.as_str()).collect::<Vec<_>>(), ["lab"]);
    for environment in ["lab", "prod", "nowhere"] {
        let denied = hold(viewer.clone(), environment).await.unwrap_err();
        assert_eq!(denied.code(), Code::PermissionDenied);
        let info = denied.get_details_error_info().unwrap();
        assert_eq!((info.domain.as_str(), info.reason.as_str()), ("ripcord", "ACCESS_DENIED"));
        assert_eq!(info.metadata["identity"], VIEWER);
        assert_eq!(info.metadata["right"], "hold");
        let sentence = format!("no rule allows {VIEWER} to use `hold` on {environment}");
        assert!(denied.message().starts_with(&sentence), "{}", denied.message());
    }
}

#[tokio::test]
async fn the_port_is_free_at_shutdown_although_somebody_still_follows() {
    let pki = Pki::new();
    let lab = Lab::start(&pki).await;
    let following = tokio::spawn(follow(client(lab.address, &pki, &pki.client(VIEWER)), "lab"));
    eventually("the stream is open", || async { lab.calls() == 1 }).await;
    lab.stop.cancel();
    eventually("the port is free", || async {
        tokio::net::TcpListener::bind(lab.address).await.is_ok()
    })
    .await;
    assert!(!following.is_finished() && !lab.served.is_finished());
}

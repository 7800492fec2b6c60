//! Which link is broken: each by its own name, with what to do, and what hangs on it left alone.

#![allow(missing_docs, clippy::unwrap_used)]

mod stage;

use std::{fs, sync::Arc, time::SystemTime};

use ripcord_proto::v1::{self, FindingOutcome};
use rustls::ServerConfig;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use serde_json::{Value, json};
use stage::{Said, Stage, agent::Agent, said};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    process::Command,
};
use tokio_rustls::TlsAcceptor;

const OPERATOR: &str = "spiffe://ripcord-dev/operator/dev";

fn now() -> prost_types::Timestamp {
    SystemTime::now().into()
}

fn finding(hop: &str, environment: &str, outcome: FindingOutcome, detail: &str) -> v1::Finding {
    v1::Finding {
        hop: hop.into(),
        environment: environment.into(),
        outcome: outcome.into(),
        detail: detail.into(),
        fix: String::new(),
    }
}

/// What an agent says with which all is well.
fn sound() -> v1::DiagnoseResponse {
    let allowed = ["deploy", "status"].map(str::to_owned).to_vec();
    v1::DiagnoseResponse {
        findings: vec![
            finding("journal", "", FindingOutcome::Ok, "sound"),
            finding("git", "preprod", FindingOutcome::Ok, "origin has main at acfdb42"),
        ],
        identity: OPERATOR.into(),
        rights: vec![v1::Rights { environment: "preprod".into(), allowed }],
        time: Some(now()),
        agent: Some(v1::AgentInfo {
            version: env!("CARGO_PKG_VERSION").into(),
            host: "vm".into(),
            certificates: Vec::new(),
        }),
    }
}

async fn sound_agent(stage: &Stage) -> Agent {
    let agent = Agent::start(stage, vec![]).await;
    agent.set_diagnosis(sound());
    agent
}

/// The diagnosis as programs read it.
struct Diagnosed {
    exit_code: i32,
    object: Value,
}

impl Diagnosed {
    /// How the link with this name is, on this side of the agent's door.
    #[track_caller]
    fn is(&self, hop: &str, outcome: &str) -> &Value {
        let hops = self.object["hops"].as_array().unwrap();
        let found = hops.iter().find(|one| one["hop"] == hop);
        let found = found.unwrap_or_else(|| panic!("no {hop}: {:#}", self.object));
        assert_eq!(found["outcome"], outcome, "{:#}", self.object);
        found
    }

    /// The link is broken, says so in these words, says what to do, and decides the exit code.
    #[track_caller]
    fn breaks_at(&self, hop: &str, exit_code: i32, words: &str) {
        let found = self.is(hop, "failed");
        assert!(found["detail"].as_str().unwrap().contains(words), "{found:#}");
        assert!(found["fix"].is_string(), "{found:#}");
        let first =
            self.object["hops"].as_array().unwrap().iter().find(|one| one["outcome"] == "failed");
        assert_eq!(first.unwrap()["hop"], hop, "{:#}", self.object);
        assert_eq!((self.exit_code, &self.object["exit_code"]), (exit_code, &json!(exit_code)));
        assert_eq!(self.object["ok"], json!(false));
    }
}

async fn diagnosed(command: Command) -> Diagnosed {
    let said: Said = said(command).await;
    let object = said.json();
    assert_eq!(object["schema"], "ripcord/v1/doctor", "{object:#} {}", said.stderr);
    Diagnosed { exit_code: said.code, object }
}

async fn doctor(stage: &Stage, port: u16) -> Diagnosed {
    diagnosed(stage.operator(port, &["doctor", "--json"])).await
}

#[tokio::test]
async fn a_chain_that_holds_is_shown_link_by_link_and_exits_with_0() {
    let stage = Stage::new();
    let agent = sound_agent(&stage).await;
    let told = said(stage.operator(agent.port, &["doctor"])).await;
    assert_eq!(told.code, 0, "{}{}", told.stdout, told.stderr);
    for words in [
        "✔ certificate   ",
        "(RIPCORD_CERT): spiffe://ripcord-dev/operator/dev, 365 days left",
        "✔ key           ",
        "✔ tcp           127.0.0.1:",
        "✔ tls           TLS 1.3",
        "✔ access        the agent knows you as spiffe://ripcord-dev/operator/dev",
        "\npreprod\n  ✔ rights        deploy, status\n  ✔ git           origin has main at acfdb42\n",
        "\neverything that was looked at is in order\n",
    ] {
        assert!(told.stdout.contains(words), "{words:?} is not in {}", told.stdout);
    }
    let quiet = said(stage.operator(agent.port, &["doctor", "-q"])).await;
    assert_eq!(quiet.stdout.trim(), "everything that was looked at is in order");
}

#[tokio::test]
async fn each_value_is_shown_with_where_it_comes_from() {
    let stage = Stage::new();
    let agent = sound_agent(&stage).await;
    let file = format!("agent = \"https://127.0.0.1:{}\"\nca = \"pki/agent-ca.pem\"\n", agent.port);
    fs::write(stage.folder.path().join("ripcord.toml"), file).unwrap();
    let mut command = stage.bare(&["doctor", "--json", "--cert", "pki/operator.pem"]);
    command.env("RIPCORD_KEY", stage.pki("operator.key"));
    let found = diagnosed(command).await;
    assert_eq!(found.exit_code, 0, "{:#}", found.object);
    let origins = [
        ("configuration", "ripcord.toml"),
        ("address", "ripcord.toml)"),
        ("certificate", "(--cert)"),
        ("key", "(RIPCORD_KEY)"),
        ("ca", "ripcord.toml)"),
    ];
    for (hop, origin) in origins {
        let detail = found.is(hop, "ok")["detail"].as_str().unwrap();
        assert!(detail.contains(origin), "{hop}: {detail}");
    }
}

#[tokio::test]
async fn without_any_configuration_everything_that_is_missing_is_named_at_once() {
    let stage = Stage::new();
    let found = diagnosed(stage.bare(&["doctor", "--json"])).await;
    found.breaks_at("address", 2, "nothing says where the agent is");
    for hop in ["certificate", "key", "ca"] {
        found.is(hop, "failed");
    }
    found.is("tcp", "skipped");
    found.is("access", "skipped");
}

#[tokio::test]
async fn a_misspelt_key_is_exit_2_and_the_rest_is_looked_at_all_the_same() {
    let stage = Stage::new();
    let agent = sound_agent(&stage).await;
    fs::write(stage.folder.path().join("ripcord.toml"), "agnet = 'x'").unwrap();
    let found = doctor(&stage, agent.port).await;
    found.breaks_at("configuration", 2, "did you mean `agent`?");
    found.is("git", "ok");
}

#[tokio::test]
async fn a_name_that_leads_nowhere_and_a_port_that_nobody_listens_on_are_exit_5() {
    let stage = Stage::new();
    let mut command = stage.operator(1, &["doctor", "--json"]);
    command.env("RIPCORD_AGENT", "https://nowhere.invalid");
    let found = diagnosed(command).await;
    found.breaks_at("name", 5, "nowhere.invalid");
    found.is("certificate", "ok");
    found.is("tcp", "skipped");
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let found = doctor(&stage, port).await;
    found.breaks_at("tcp", 5, "nobody listens there");
    found.is("tls", "skipped");
    found.is("access", "skipped");
}

#[tokio::test]
async fn a_port_of_another_program_is_named_by_what_it_speaks() {
    let stage = Stage::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let answering = tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let _ = socket.read(&mut [0; 64]).await;
            let _ =
                socket.write_all(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n").await;
        }
    });
    let found = doctor(&stage, port).await;
    answering.abort();
    found.breaks_at("tls", 4, "an HTTP server without TLS");
    found.is("tcp", "ok");
}

#[tokio::test]
async fn a_port_that_says_nothing_is_told_within_its_time() {
    let stage = Stage::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let found = doctor(&stage, listener.local_addr().unwrap().port()).await;
    found.breaks_at("tls", 5, "says nothing");
}

#[tokio::test]
async fn a_tls_proxy_before_the_agent_is_not_taken_for_it() {
    let stage = Stage::new();
    let chain = vec![CertificateDer::from_pem_file(stage.pki("agent.pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(stage.pki("agent.key")).unwrap();
    let proxy = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(proxy));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let answering = tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            if let Ok(mut stream) = acceptor.accept(socket).await {
                let _ = stream.write_all(b"HTTP/1.1 502 Bad Gateway\r\n\r\n").await;
            }
        }
    });
    let found = doctor(&stage, port).await;
    answering.abort();
    found.breaks_at("tls", 4, "it is not an agent");
}

#[tokio::test]
async fn an_agent_of_another_authority_is_not_trusted_and_a_client_of_another_one_not_let_in() {
    let stage = Stage::new();
    stage.certs("other");
    let agent = sound_agent(&stage).await;
    let other = |file: &str| stage.folder.path().join("other").join(file);
    let mut command = stage.operator(agent.port, &["doctor", "--json"]);
    command.env("RIPCORD_CA", other("agent-ca.pem"));
    let found = diagnosed(command).await;
    found.breaks_at("tls", 4, "not signed by --ca");
    found.is("access", "skipped");

    let mut command = stage.operator(agent.port, &["doctor", "--json"]);
    command.env("RIPCORD_CERT", other("operator.pem")).env("RIPCORD_KEY", other("operator.key"));
    let found = diagnosed(command).await;
    found.breaks_at("access", 4, "the agent refused this certificate: unknown CA");
    found.is("tls", "ok");
    found.is("version", "skipped");
    assert!(agent.calls().is_empty());
}

/// Signs a certificate with an authority of the stage, good for these days from now.
fn issue(stage: &Stage, authority: &str, from: i64, to: i64, agent: bool) -> (String, String) {
    let read = |end| fs::read_to_string(stage.pki(&format!("{authority}.{end}"))).unwrap();
    let key = rcgen::KeyPair::from_pem(&read("key")).unwrap();
    let issuer = rcgen::Issuer::from_ca_cert_pem(&read("pem"), key).unwrap();
    let mut params = rcgen::CertificateParams::default();
    let now = time::OffsetDateTime::now_utc();
    (params.not_before, params.not_after) =
        (now + time::Duration::days(from), now + time::Duration::days(to));
    let uri = rcgen::SanType::URI("spiffe://ripcord-dev/operator/late".try_into().unwrap());
    let ip = rcgen::SanType::IpAddress([127, 0, 0, 1].into());
    let (usage, names) = if agent {
        (rcgen::ExtendedKeyUsagePurpose::ServerAuth, vec![ip])
    } else {
        (rcgen::ExtendedKeyUsagePurpose::ClientAuth, vec![uri])
    };
    params.extended_key_usages = vec![usage];
    params.subject_alt_names = names;
    let key = rcgen::KeyPair::generate().unwrap();
    (params.signed_by(&key, &issuer).unwrap().pem(), key.serialize_pem())
}

fn install(stage: &Stage, name: &str, (certificate, key): (String, String)) {
    fs::write(stage.pki(&format!("{name}.pem")), certificate).unwrap();
    fs::write(stage.pki(&format!("{name}.key")), key).unwrap();
}

#[tokio::test]
async fn a_client_certificate_out_of_its_time_is_found_here_and_the_agent_is_seen_all_the_same() {
    let stage = Stage::new();
    let agent = sound_agent(&stage).await;
    for ((from, to), words) in [((-9, -1), "expired at"), ((1, 9), "does not count yet")] {
        install(&stage, "operator", issue(&stage, "client-ca", from, to, false));
        let found = doctor(&stage, agent.port).await;
        found.breaks_at("certificate", 4, words);
        found.is("tls", "ok");
        found.is("access", "skipped");
    }
    install(&stage, "operator", issue(&stage, "client-ca", -300, 3, false));
    let found = doctor(&stage, agent.port).await;
    assert_eq!(found.exit_code, 0, "a warning breaks nothing: {:#}", found.object);
    assert!(found.is("certificate", "warning")["fix"].is_string());
}

#[tokio::test]
async fn an_agents_certificate_out_of_its_time_or_for_another_name_is_told_apart() {
    for ((from, to), words) in [((-9, -1), "expired"), ((1, 9), "not valid yet")] {
        let stage = Stage::new();
        install(&stage, "agent", issue(&stage, "agent-ca", from, to, true));
        let agent = sound_agent(&stage).await;
        doctor(&stage, agent.port).await.breaks_at("tls", 4, words);
    }
    let stage = Stage::new();
    install(&stage, "agent", issue(&stage, "agent-ca", -1, 9, true));
    let agent = sound_agent(&stage).await;
    let mut command = stage.operator(agent.port, &["doctor", "--json"]);
    command.env("RIPCORD_AGENT", format!("https://localhost:{}", agent.port));
    diagnosed(command).await.breaks_at("tls", 4, "it is for 127.0.0.1");
}

#[tokio::test]
async fn files_that_are_mixed_up_are_named() {
    let stage = Stage::new();
    let agent = sound_agent(&stage).await;
    let with = async |variable: &str, file: &str| {
        let mut command = stage.operator(agent.port, &["doctor", "--json"]);
        command.env(variable, stage.pki(file));
        diagnosed(command).await
    };
    with("RIPCORD_KEY", "viewer.key").await.breaks_at("key", 4, "not the key of the");
    with("RIPCORD_KEY", "operator.pem").await.breaks_at("key", 4, "no private key");
    with("RIPCORD_CERT", "agent.pem").await.breaks_at("certificate", 4, "an agent's certificate");
    with("RIPCORD_CERT", "client-ca.pem").await.breaks_at("certificate", 4, "of a CA");
    with("RIPCORD_CERT", "missing.pem").await.breaks_at("certificate", 4, "No such file");
    with("RIPCORD_CA", "agent.pem").await.breaks_at("ca", 4, "not the certificate of a CA");
    with("RIPCORD_CA", "client-ca.pem").await.breaks_at("tls", 4, "not signed by --ca");
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(stage.pki("operator.key"), fs::Permissions::from_mode(0o644)).unwrap();
    let found = doctor(&stage, agent.port).await;
    assert_eq!(found.exit_code, 0);
    assert!(found.is("key", "warning")["fix"].as_str().unwrap().starts_with("chmod 600"));
}

#[tokio::test]
async fn what_the_agent_finds_is_shown_with_what_to_do_and_is_exit_10() {
    let stage = Stage::new();
    let agent = sound_agent(&stage).await;
    let mut told = sound();
    told.findings[1] = v1::Finding {
        fix: "correct `git_credentials`".into(),
        ..finding("git", "preprod", FindingOutcome::Failed, "no\u{1b}[31m access")
    };
    agent.set_diagnosis(told);
    doctor(&stage, agent.port).await.breaks_at("git", 10, "access");
    let shown = said(stage.operator(agent.port, &["doctor"])).await;
    let below = "\n  ✘ git           no access\n                  → correct `git_credentials`\n";
    assert!(shown.stdout.contains(below), "{}", shown.stdout);
    assert!(shown.stdout.ends_with("\n1 problem\n"), "{}", shown.stdout);
}

#[tokio::test]
async fn a_certificate_without_rights_is_let_in_sees_nothing_and_is_told_what_to_ask_for() {
    let stage = Stage::new();
    let agent = sound_agent(&stage).await;
    let nothing = v1::DiagnoseResponse { findings: vec![], rights: vec![], ..sound() };
    agent.set_diagnosis(nothing.clone());
    let found = doctor(&stage, agent.port).await;
    found.breaks_at("rights", 4, "no environment");
    assert!(found.is("rights", "failed")["fix"].as_str().unwrap().contains(OPERATOR));
    found.is("agent", "skipped");
    let rights = vec![v1::Rights { environment: "prod".into(), allowed: vec![] }];
    agent.set_diagnosis(v1::DiagnoseResponse { rights, ..nothing });
    let found = diagnosed(stage.operator(agent.port, &["doctor", "prod", "--json"])).await;
    found.breaks_at("rights", 4, "may do nothing here");
    assert_eq!(found.is("rights", "failed")["environment"], "prod");
}

#[tokio::test]
async fn another_version_and_a_clock_that_is_wrong_are_warnings() {
    let stage = Stage::new();
    let agent = sound_agent(&stage).await;
    let time = prost_types::Timestamp { seconds: now().seconds - 600, nanos: 0 };
    let info = v1::AgentInfo { version: "9.9.9".into(), ..v1::AgentInfo::default() };
    let told = v1::DiagnoseResponse { time: Some(time), agent: Some(info), ..sound() };
    agent.set_diagnosis(told);
    let found = doctor(&stage, agent.port).await;
    assert_eq!(found.exit_code, 0, "{:#}", found.object);
    assert!(found.is("version", "warning")["detail"].as_str().unwrap().contains("9.9.9"));
    assert!(found.is("clock", "warning")["detail"].as_str().unwrap().contains("behind"));
}

#[tokio::test]
async fn an_agent_that_cannot_look_at_itself_yet_still_says_its_version() {
    let stage = Stage::new();
    let agent = Agent::start(&stage, vec![]).await;
    let info = v1::AgentInfo { version: "0.0.1".into(), ..v1::AgentInfo::default() };
    agent.set_status(v1::StatusResponse { agent: Some(info), ..v1::StatusResponse::default() });
    let found = doctor(&stage, agent.port).await;
    assert_eq!(found.exit_code, 0, "{:#}", found.object);
    assert!(found.is("version", "warning")["detail"].as_str().unwrap().contains("0.0.1"));
    found.is("agent", "skipped");
}

//! What happens when the network, the certificates or the operator's patience fail.

#![allow(missing_docs, clippy::unwrap_used)]

mod stage;

use std::process::Stdio;

use ripcord_proto::v1::{Outcome, Phase, WatchRequest, progress::Item};
use serde_json::{Value, json};
use stage::{
    DEADLINE, SHA, Said, Stage, admitted,
    agent::{Act, Agent, Call},
    event, result, said,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

fn told(sequence: u64) -> Item {
    Item::Event(event(sequence, Phase::Preparing, &format!("step {sequence}")))
}

/// Reads lines of standard output until one contains `what`.
async fn read_until(
    lines: &mut tokio::io::Lines<impl tokio::io::AsyncBufRead + Unpin>,
    what: &str,
) -> Vec<String> {
    let mut seen = Vec::new();
    loop {
        let next = timeout(DEADLINE, lines.next_line()).await.expect("the line comes in time");
        seen.push(next.unwrap().expect("the line comes before the end"));
        if seen.last().unwrap().contains(what) {
            return seen;
        }
    }
}

fn start(mut command: Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[tokio::test]
async fn a_connection_that_is_cut_mid_stream_loses_and_repeats_nothing() {
    let stage = Stage::new();
    let acts = vec![
        Act::TellAndHang(vec![admitted(), told(1), told(2)]),
        Act::Tell(vec![admitted(), told(2), told(3), Item::Result(result(Outcome::Validated))]),
    ];
    let agent = Agent::start(&stage, acts).await;
    let arguments = ["deploy", "preprod", "--output", "ndjson", "--sha", SHA];
    let mut child = start(stage.operator(agent.port, &arguments));
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut seen = read_until(&mut lines, "step 2").await;
    agent.cut();
    seen.extend(read_until(&mut lines, "ripcord/v1/result").await);
    let sequences: Vec<Value> = seen
        .iter()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["sequence"].clone())
        .collect();
    assert_eq!(sequences, [json!(1), json!(2), json!(3), Value::Null]);
    let watch =
        WatchRequest { environment: "preprod".into(), deployment: 142, after_sequence: 2, wait: 3 };
    assert_eq!(agent.calls()[1], Call::Watch(watch));
    assert!(child.wait().await.unwrap().success());
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).await.unwrap();
    assert!(stderr.contains("connection lost") && stderr.contains("attached again"), "{stderr}");
}

#[tokio::test]
async fn a_request_whose_answer_was_lost_is_sent_again_under_the_same_id() {
    let stage = Stage::new();
    let acts = vec![
        Act::TellAndHang(vec![]),
        Act::Tell(vec![admitted(), told(1), Item::Result(result(Outcome::Validated))]),
    ];
    let agent = Agent::start(&stage, acts).await;
    let child = start(stage.operator(agent.port, &["deploy", "preprod", "--json", "--sha", SHA]));
    let arrived = async {
        while agent.calls().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, arrived).await.expect("the request arrives");
    agent.cut();
    let said: Said = timeout(DEADLINE, child.wait_with_output()).await.unwrap().unwrap().into();
    assert_eq!(said.code, 0, "{}", said.stderr);
    let [Call::Deploy(first), Call::Deploy(second)] = &agent.calls()[..] else {
        panic!("two deploys")
    };
    assert_eq!(first, second);
    assert!(!first.request_id.is_empty());
}

#[tokio::test]
async fn a_stream_that_ends_without_a_result_is_taken_up_again() {
    let stage = Stage::new();
    let acts = vec![
        Act::Tell(vec![admitted(), told(1)]),
        Act::Tell(vec![told(2), Item::Result(result(Outcome::Validated))]),
    ];
    let agent = Agent::start(&stage, acts).await;
    let said = said(stage.operator(agent.port, &["deploy", "preprod", "--sha", SHA])).await;
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(said.stderr.matches("step").count(), 2, "{}", said.stderr);
}

#[tokio::test]
async fn ctrl_c_detaches_and_says_how_to_attach_again() {
    let stage = Stage::new();
    let agent = Agent::start(&stage, vec![Act::TellAndHang(vec![admitted(), told(1)])]).await;
    let mut child = start(stage.operator(agent.port, &["deploy", "preprod", "--sha", SHA]));
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    read_until(&mut lines, "step 1").await;
    let pid = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().await.unwrap().success());
    let last = read_until(&mut lines, "attach again").await;
    assert!(last.last().unwrap().contains("ripcord watch preprod 142"), "{last:?}");
    let ended = timeout(DEADLINE, child.wait()).await.unwrap().unwrap();
    assert_eq!(ended.code(), Some(130));
}

#[tokio::test]
async fn the_timeout_ends_the_wait_undecided() {
    let stage = Stage::new();
    let agent = Agent::start(&stage, vec![Act::TellAndHang(vec![admitted(), told(1)])]).await;
    let arguments = ["deploy", "preprod", "--json", "--sha", SHA, "--timeout", "500ms"];
    let said = said(stage.operator(agent.port, &arguments)).await;
    assert_eq!(said.code, 8, "{}", said.stderr);
    let object = said.json();
    assert_eq!((&object["outcome"], &object["deployment"]), (&json!("pending"), &json!(142)));
}

#[tokio::test]
async fn an_agent_that_stays_away_is_unreachable_when_the_time_is_over() {
    let stage = Stage::new();
    let agent = Agent::start(&stage, vec![Act::TellAndHang(vec![admitted(), told(1)])]).await;
    let arguments = ["deploy", "preprod", "--output", "ndjson", "--sha", SHA, "--timeout", "3s"];
    let mut child = start(stage.operator(agent.port, &arguments));
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    read_until(&mut lines, "step 1").await;
    agent.vanish();
    let last = read_until(&mut lines, "ripcord/v1/result").await;
    let object: Value = serde_json::from_str(last.last().unwrap()).unwrap();
    assert_eq!((&object["exit_code"], &object["deployment"]), (&json!(5), &json!(142)));
    assert_eq!(child.wait().await.unwrap().code(), Some(5));
}

#[tokio::test]
async fn nobody_listening_is_exit_5() {
    let stage = Stage::new();
    let port = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap().port()
    };
    for verb in [&["status", "--json"][..], &["deploy", "preprod", "--json", "--sha", SHA]] {
        let said = said(stage.operator(port, verb)).await;
        assert_eq!((said.code, &said.json()["exit_code"]), (5, &json!(5)), "{}", said.stderr);
        assert!(said.json()["reason"].as_str().unwrap().contains("refused"), "{}", said.stdout);
    }
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_refused_by_name() {
    let stage = Stage::new();
    stage.certs("other");
    let agent = Agent::start(&stage, vec![]).await;
    let other = |file: &str| stage.folder.path().join("other").join(file);
    for verb in [&["status"][..], &["deploy", "preprod", "--sha", SHA], &["logs", "preprod"]] {
        let mut command = stage.operator(agent.port, verb);
        command.env("RIPCORD_CERT", other("operator.pem"));
        command.env("RIPCORD_KEY", other("operator.key"));
        let said = said(command).await;
        assert_eq!(said.code, 4, "{verb:?}: {}", said.stderr);
        let text = "the agent refused this certificate: unknown CA";
        assert!(said.stderr.contains(text), "{}", said.stderr);
    }
    assert!(agent.calls().is_empty());
}

#[tokio::test]
async fn an_agent_of_another_authority_is_not_trusted() {
    let stage = Stage::new();
    stage.certs("other");
    let agent = Agent::start(&stage, vec![]).await;
    let mut command = stage.operator(agent.port, &["status"]);
    command.env("RIPCORD_CA", stage.folder.path().join("other/agent-ca.pem"));
    let said = said(command).await;
    assert_eq!(said.code, 4, "{}", said.stderr);
    assert!(
        said.stderr.contains("the agent's certificate is not signed by --ca"),
        "{}",
        said.stderr
    );
}

#[tokio::test]
async fn an_agent_cannot_be_impersonated_by_a_client_certificate_and_names_are_checked() {
    let stage = Stage::new();
    let issued = stage.bare(&[
        "certs",
        "issue",
        "--ca-dir",
        "pki",
        "--identity",
        "spiffe://ripcord-dev/agent/far",
        "--host",
        "far.example",
        "--out",
        "far",
    ]);
    assert_eq!(said(issued).await.code, 0);
    std::fs::copy(stage.folder.path().join("far/far.pem"), stage.pki("agent.pem")).unwrap();
    std::fs::copy(stage.folder.path().join("far/far.key"), stage.pki("agent.key")).unwrap();
    let agent = Agent::start(&stage, vec![]).await;
    let said = said(stage.operator(agent.port, &["status"])).await;
    assert_eq!(said.code, 4, "{}", said.stderr);
    assert!(said.stderr.contains("another name"), "{}", said.stderr);
}

#[tokio::test]
async fn no_certificate_at_all_says_what_to_give() {
    let stage = Stage::new();
    let mut command = stage.bare(&["deploy", "preprod", "--json", "--sha", SHA]);
    command.env("RIPCORD_AGENT", "https://127.0.0.1:1");
    let said = said(command).await;
    assert_eq!(said.code, 4);
    assert!(said.json()["reason"].as_str().unwrap().contains("RIPCORD_CERT"), "{}", said.stdout);
}

/// Signs an operator's certificate that was good until yesterday.
fn expired_operator(stage: &Stage) -> (String, String) {
    let read = |file| std::fs::read_to_string(stage.pki(file)).unwrap();
    let authority = rcgen::KeyPair::from_pem(&read("client-ca.key")).unwrap();
    let issuer = rcgen::Issuer::from_ca_cert_pem(&read("client-ca.pem"), authority).unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.not_after = time::OffsetDateTime::now_utc() - time::Duration::days(1);
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    let uri = "spiffe://ripcord-dev/operator/late".try_into().unwrap();
    params.subject_alt_names = vec![rcgen::SanType::URI(uri)];
    let key = rcgen::KeyPair::generate().unwrap();
    (params.signed_by(&key, &issuer).unwrap().pem(), key.serialize_pem())
}

#[tokio::test]
async fn an_expired_certificate_is_named_as_the_reason() {
    let stage = Stage::new();
    let agent = Agent::start(&stage, vec![]).await;
    let (certificate, key) = expired_operator(&stage);
    std::fs::write(stage.pki("operator.pem"), certificate).unwrap();
    std::fs::write(stage.pki("operator.key"), key).unwrap();
    let said =
        said(stage.operator(agent.port, &["deploy", "preprod", "--json", "--sha", SHA])).await;
    assert_eq!((said.code, &said.json()["exit_code"]), (4, &json!(4)));
    let text = "the agent refused this certificate: certificate expired";
    assert!(said.json()["reason"].as_str().unwrap().contains(text), "{}", said.stdout);
}

#[tokio::test]
async fn a_port_that_speaks_no_tls_is_said_to_be_that() {
    let stage = Stage::new();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let answering = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let _ = tokio::io::AsyncWriteExt::write_all(&mut socket, b"HTTP/1.1 400 No\r\n\r\n").await;
        let _ = socket.read_to_end(&mut Vec::new()).await;
    });
    let said = said(stage.operator(port, &["status"])).await;
    assert_eq!(said.code, 4, "{}", said.stderr);
    assert!(said.stderr.contains("TLS handshake failed"), "{}", said.stderr);
    answering.abort();
}

#[tokio::test]
async fn a_wait_that_ends_before_the_agent_answered_says_how_to_repeat_the_request() {
    let stage = Stage::new();
    let agent = Agent::start(&stage, vec![Act::TellAndHang(vec![])]).await;
    let arguments =
        ["deploy", "preprod", "--sha", SHA, "--timeout", "500ms", "--request-id", "run-7"];
    let said = said(stage.operator(agent.port, &arguments)).await;
    assert_eq!(said.code, 8, "{}", said.stderr);
    assert!(said.stderr.contains("--request-id run-7"), "{}", said.stderr);
}

#[tokio::test]
async fn a_caller_that_loses_its_rights_mid_way_ends_with_the_reason_not_with_a_retry() {
    let stage = Stage::new();
    let acts = vec![
        Act::Tell(vec![admitted(), told(1)]),
        Act::Refuse(stage::agent::refusal("ACCESS_DENIED", "the certificate was revoked")),
    ];
    let agent = Agent::start(&stage, acts).await;
    let said =
        said(stage.operator(agent.port, &["deploy", "preprod", "--json", "--sha", SHA])).await;
    assert_eq!((said.code, &said.json()["deployment"]), (4, &json!(142)), "{}", said.stderr);
}

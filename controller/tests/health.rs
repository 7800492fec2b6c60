//! What `ripcord health` promises: a look from outside, an exit code, and a voice where the agent has none.

#![allow(missing_docs, clippy::unwrap_used)]

mod stage;

use std::sync::{Arc, Mutex};

use ripcord_proto::v1::{EnvironmentStatus, HealthInfo, Phase, StatusResponse};
use serde_json::{Value, json};
use stage::{Said, Stage, agent::Agent, said};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    process::Command,
};

const TOKEN: &str = "s3cr3t-t0k3n";

/// A web server that answers everything the same, and keeps what it was sent.
struct Web {
    port: u16,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Web {
    async fn answering(answer: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = requests.clone();
        tokio::spawn(async move {
            loop {
                let (mut socket, _) = listener.accept().await.unwrap();
                let mut request = Vec::new();
                while !is_whole(&request) {
                    let read = socket.read_buf(&mut request).await.unwrap();
                    assert!(read > 0, "the request ends");
                }
                seen.lock().unwrap().push(String::from_utf8(request).unwrap());
                socket.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        Self { port, requests }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// What people read.
    fn told(&self) -> Vec<String> {
        let content = |request: &String| {
            let (_, body) = request.split_once("\r\n\r\n").unwrap();
            let message: Value = serde_json::from_str(body).unwrap();
            assert_eq!(message["allowed_mentions"], json!({ "parse": [] }));
            message["content"].as_str().unwrap().to_owned()
        };
        self.requests().iter().map(content).collect()
    }
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("content-length").then(|| value.parse::<usize>().unwrap())
    });
    body.len() >= length.unwrap_or(0)
}

const WELCOME: &str = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n<h1>Mangetamain</h1>";
const BROKEN: &str = "HTTP/1.1 502 Bad Gateway\r\nconnection: close\r\n\r\n";
const TAKEN: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";

fn environment(name: &str, url: String) -> EnvironmentStatus {
    EnvironmentStatus {
        name: name.into(),
        title: name.to_uppercase(),
        probe_url: url,
        expected_status: 200,
        contains: "Mangetamain".into(),
        monitored: true,
        ..EnvironmentStatus::default()
    }
}

fn status(environments: Vec<EnvironmentStatus>) -> StatusResponse {
    StatusResponse { environments, ..StatusResponse::default() }
}

/// Runs `ripcord health` with the fallback voice at `discord`; its address never is in the output.
async fn health(stage: &Stage, mut command: Command, discord: &Web) -> Said {
    let file = stage.folder.path().join("discord.url");
    std::fs::write(&file, format!("{}{TOKEN}\n", discord.url())).unwrap();
    command.arg("--notify-url-file").arg(file);
    let said = said(command).await;
    let shown = format!("{}{}", said.stdout, said.stderr);
    assert!(!shown.contains(TOKEN) && !shown.contains(&discord.port.to_string()), "{shown}");
    said
}

#[tokio::test]
async fn healthy_environments_are_shown_and_the_exit_code_is_0() {
    let stage = Stage::new();
    let agent = Agent::start(&stage, vec![]).await;
    let web = Web::answering(WELCOME).await;
    agent.set_status(status(vec![environment("preprod", web.url())]));
    let object = said(stage.operator(agent.port, &["health", "--json"])).await;
    assert_eq!(object.code, 0, "{}", object.stderr);
    let object = object.json();
    assert_eq!((&object["schema"], &object["ok"]), (&json!("ripcord/v1/health"), &json!(true)));
    let one = &object["environments"][0];
    assert_eq!(
        (&one["name"], &one["ok"], &one["status"]),
        (&json!("preprod"), &json!(true), &json!(200))
    );
    let people = said(stage.operator(agent.port, &["health"])).await;
    let row = people.stdout.lines().nth(1).unwrap().to_owned();
    assert!(row.starts_with("preprod  ok      200"), "{}", people.stdout);
}

#[tokio::test]
async fn one_unhealthy_environment_is_exit_10_and_says_what_is_wrong() {
    let stage = Stage::new();
    let agent = Agent::start(&stage, vec![]).await;
    let (good, broken) = (Web::answering(WELCOME).await, Web::answering(BROKEN).await);
    let foreign = EnvironmentStatus { contains: "Welcome".into(), ..environment("b", good.url()) };
    let all = vec![environment("a", good.url()), foreign, environment("c", broken.url())];
    agent.set_status(status(all));
    let said = said(stage.operator(agent.port, &["health", "--json"])).await;
    assert_eq!((said.code, &said.json()["exit_code"]), (10, &json!(10)));
    let object = said.json();
    let details: Vec<&Value> = (0..3).map(|at| &object["environments"][at]["detail"]).collect();
    let wrong = json!("the body does not contain \"Welcome\"");
    assert_eq!(details, [&Value::Null, &wrong, &json!("HTTP 502 instead of 200")]);
    assert_eq!(broken.requests().len(), 3, "a failure is believed after two more tries");
}

#[tokio::test]
async fn a_dead_machine_is_told_by_the_fallback_voice_and_is_exit_5() {
    let stage = Stage::new();
    let discord = Web::answering(TAKEN).await;
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let said = health(&stage, stage.operator(gone, &["health"]), &discord).await;
    assert_eq!(said.code, 5, "{}", said.stderr);
    let told = discord.told();
    assert!(told[0].starts_with("🔴 AGENT - Injoignable\nErreur: the agent at "), "{told:?}");
    assert!(discord.requests()[0].starts_with(&format!("POST /{TOKEN}?wait=true ")));
}

#[tokio::test]
async fn people_are_told_once_by_the_agent_where_it_can_and_by_this_command_where_it_cannot() {
    let stage = Stage::new();
    let agent = Agent::start(&stage, vec![]).await;
    let (broken, discord) = (Web::answering(BROKEN).await, Web::answering(TAKEN).await);
    let ill = Some(HealthInfo { ok: false, status: 502, detail: "HTTP 502".into() });
    let fine = Some(HealthInfo { ok: true, status: 200, detail: String::new() });
    let seen = EnvironmentStatus { health: ill, ..environment("seen", broken.url()) };
    let unseen = EnvironmentStatus { health: fine, ..environment("unseen", broken.url()) };
    agent.set_status(status(vec![seen, unseen]));
    let command = stage.operator(agent.port, &["health", "--locale", "en"]);
    assert_eq!(health(&stage, command, &discord).await.code, 10);
    let url = broken.url();
    let text = format!("🔴 UNSEEN - DOWN\nURL: {url}\nError: HTTP 502 instead of 200");
    assert_eq!(discord.told(), [text]);
}

#[tokio::test]
async fn an_environment_that_is_just_being_restarted_alarms_nobody() {
    let stage = Stage::new();
    let agent = Agent::start(&stage, vec![]).await;
    let (broken, discord) = (Web::answering(BROKEN).await, Web::answering(TAKEN).await);
    let mut changing = environment("preprod", broken.url());
    changing.set_phase(Phase::Restarting);
    agent.set_status(status(vec![changing]));
    let said = health(&stage, stage.operator(agent.port, &["health"]), &discord).await;
    assert_eq!((said.code, discord.requests().len()), (0, 0));
    assert!(said.stdout.contains("deploying"), "{}", said.stdout);
}

#[tokio::test]
async fn an_address_is_looked_at_without_any_agent_and_a_dead_voice_changes_nothing() {
    let stage = Stage::new();
    let (web, deaf) = (Web::answering(WELCOME).await, Web::answering(BROKEN).await);
    let url = format!("{}?key=abc", web.url());
    let good = said(stage.bare(&["health", "--url", &url, "--contains", "Mangetamain"])).await;
    assert_eq!(good.code, 0, "{}", good.stderr);
    assert!(!good.stdout.contains("abc"), "{}", good.stdout);
    let bad = stage.bare(&["health", "--url", &url, "--contains", "Welcome"]);
    let said = health(&stage, bad, &deaf).await;
    assert_eq!(said.code, 10);
    assert!(said.stderr.contains("the alarm could not be raised"), "{}", said.stderr);
}

#[tokio::test]
async fn a_voice_that_cannot_be_used_is_told_before_it_is_needed() {
    let stage = Stage::new();
    let wrong = stage.folder.path().join("wrong");
    std::fs::write(&wrong, TOKEN).unwrap();
    for file in [wrong.to_str().unwrap(), "missing"] {
        let said = said(stage.bare(&["health", "--notify-url-file", file])).await;
        assert_eq!(said.code, 2, "{}", said.stderr);
        assert!(!said.stderr.contains(TOKEN), "{}", said.stderr);
    }
}

#[tokio::test]
async fn an_address_of_the_agents_own_machine_is_looked_at_where_its_users_do() {
    let stage = Stage::new();
    let agent = Agent::start(&stage, vec![]).await;
    let web = Web::answering(WELCOME).await;
    let public = format!("http://127.0.0.1.nip.test:{}/", web.port);
    let near = "http://127.0.0.1:1/_health".to_owned();
    let hidden = EnvironmentStatus { url: web.url(), ..environment("hidden", near) };
    let shown = EnvironmentStatus { url: public, ..environment("shown", web.url()) };
    agent.set_status(status(vec![hidden]));
    let said_hidden = said(stage.operator(agent.port, &["health", "--json"])).await;
    assert_eq!(said_hidden.json()["environments"][0]["url"], json!(web.url()));
    assert_eq!(said_hidden.code, 0, "another page than the probe's need not have its text");
    agent.set_status(status(vec![shown]));
    let said = said(stage.operator(agent.port, &["health", "--json"])).await;
    assert_eq!(said.code, 10, "the users' address is what counts: nobody finds that one");
}

//! The second proof: a workflow brings its own token when an agent asks for one, in one more try, and
//! neither the token nor what makes it is shown to anybody else.

#![allow(missing_docs, clippy::unwrap_used)]

mod stage;

use std::sync::{Arc, Mutex};

use ripcord_proto::{
    ERROR_DOMAIN, OIDC_AUDIENCE, OIDC_ON_DEMAND, OIDC_TOKEN,
    v1::{Outcome, progress::Item},
};
use stage::{
    SHA, Said, Stage, admitted,
    agent::{Act, Agent, refusal},
    result, said,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    process::Command,
};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

const TOKEN: &str = "head.canary-claims.canary-signature";
const KEY: &str = "canary-request-key";

fn asks(why: &str) -> Act {
    let audience = (OIDC_AUDIENCE.to_owned(), "rip cord&1".to_owned());
    let details = ErrorDetails::with_error_info("OIDC", ERROR_DOMAIN, [audience]);
    Act::Refuse(Status::with_error_details(Code::FailedPrecondition, why, details))
}

fn goes_well() -> Act {
    Act::Tell(vec![admitted(), Item::Result(result(Outcome::Validated))])
}

/// What GitHub Actions offers to a job: gives this answer to all, and notes what it is asked.
async fn actions(answer: String) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/make?api-version=2.0", listener.local_addr().unwrap());
    let asked = Arc::<Mutex<Vec<String>>>::default();
    let noted = asked.clone();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut bytes = vec![0; 4096];
            let length = stream.read(&mut bytes).await.unwrap();
            noted.lock().unwrap().push(String::from_utf8_lossy(&bytes[..length]).into_owned());
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (url, asked)
}

fn json(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

fn deploy(stage: &Stage, agent: &Agent) -> Command {
    let mut command = stage.operator(agent.port, &["deploy", "preprod", "--json", "--sha", SHA]);
    for name in ["ACTIONS_ID_TOKEN_REQUEST_URL", "GITHUB_ACTIONS", "RIPCORD_OIDC_TOKEN"] {
        command.env_remove(name);
    }
    command
}

async fn in_actions(stage: &Stage, agent: &Agent, url: &str) -> Said {
    let mut command = deploy(stage, agent);
    command.env("ACTIONS_ID_TOKEN_REQUEST_URL", url).env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", KEY);
    let said = said(command).await;
    for text in [&said.stdout, &said.stderr] {
        assert!(!text.contains("canary"), "{text}");
    }
    said
}

#[tokio::test]
async fn a_workflow_fetches_its_token_for_the_audience_of_the_agent_and_tries_once_more() {
    let stage = Stage::new();
    let (url, asked) = actions(json(&format!("{{\"count\":1,\"value\":\"{TOKEN}\"}}"))).await;
    let agent = Agent::start(&stage, vec![asks("there is no token yet"), goes_well()]).await;
    let said = in_actions(&stage, &agent, &url).await;
    assert_eq!(said.code, 0, "{}", said.stderr);
    let calls = agent.metadata();
    assert!(calls[0].contains_key(OIDC_ON_DEMAND) && !calls[0].contains_key(OIDC_TOKEN));
    assert_eq!(calls[1].get(OIDC_TOKEN).unwrap(), TOKEN);
    let asked = asked.lock().unwrap().join("\n").to_lowercase();
    assert!(asked.starts_with("get /make?api-version=2.0&audience=rip+cord%261 "), "{asked}");
    assert!(asked.contains(&format!("authorization: bearer {KEY}")), "{asked}");
}

#[tokio::test]
async fn where_no_agent_asks_no_token_is_made_and_no_call_more() {
    let stage = Stage::new();
    let (url, asked) = actions(json("{}")).await;
    let agent = Agent::start(&stage, vec![goes_well()]).await;
    assert_eq!(in_actions(&stage, &agent, &url).await.code, 0);
    assert_eq!((agent.calls().len(), asked.lock().unwrap().len()), (1, 0));
}

#[tokio::test]
async fn a_token_that_does_not_do_ends_with_exit_4_after_one_try() {
    let stage = Stage::new();
    let (url, asked) = actions(json(&format!("{{\"value\":\"{TOKEN}\"}}"))).await;
    let wrong = "the claim `ref` of the token is not \"refs/heads/main\"";
    let agent = Agent::start(&stage, vec![asks("none yet"), asks(wrong)]).await;
    let said = in_actions(&stage, &agent, &url).await;
    assert_eq!((said.code, &said.json()["error"]), (4, &"OIDC".into()), "{}", said.stdout);
    assert!(said.stdout.contains("the claim `ref`"), "{}", said.stdout);
    assert_eq!((agent.calls().len(), asked.lock().unwrap().len()), (2, 1));
}

#[tokio::test]
async fn what_goes_wrong_with_actions_is_said_without_what_it_was_asked_with() {
    let stage = Stage::new();
    let leads = "HTTP/1.1 302 -\r\nlocation: http://127.0.0.1:9/\r\ncontent-length: 0\r\n\r\n";
    for (answer, says) in [
        ("HTTP/1.1 403 -\r\ncontent-length: 0\r\n\r\n".to_owned(), "HTTP 403"),
        (leads.to_owned(), "HTTP 302"),
        (json("<html>canary"), "holds no token"),
        (json("{\"value\":\"canary\\n\"}"), "holds no token"),
        (json(&format!("{{\"value\":\"{}\"}}", "canary".repeat(20_000))), "too long"),
    ] {
        let (url, _) = actions(answer).await;
        let agent = Agent::start(&stage, vec![asks("there is no token yet")]).await;
        let said = in_actions(&stage, &agent, &url).await;
        assert_eq!(said.code, 4);
        assert!(said.stdout.contains(says), "{says}: {}", said.stdout);
    }
    let agent = Agent::start(&stage, vec![asks("there is no token yet")]).await;
    let said = in_actions(&stage, &agent, "http://canary.example/").await;
    assert!(said.stdout.contains("not https") && said.code == 4, "{}", said.stdout);
}

#[tokio::test]
async fn a_token_from_elsewhere_goes_along_at_once_and_not_with_a_dry_run() {
    let stage = Stage::new();
    let agent = Agent::start(&stage, vec![goes_well(), goes_well()]).await;
    for more in [&[][..], &["--dry-run"]] {
        let mut command = deploy(&stage, &agent);
        command.args(more).env("RIPCORD_OIDC_TOKEN", format!("{TOKEN}\n"));
        said(command).await;
    }
    let calls = agent.metadata();
    assert_eq!(calls[0].get(OIDC_TOKEN).unwrap(), TOKEN);
    assert!(!calls[1].contains_key(OIDC_TOKEN));
}

#[tokio::test]
async fn whoever_has_no_token_reads_where_one_comes_from() {
    let stage = Stage::new();
    let agent =
        Agent::start(&stage, vec![asks("there is no token"), asks("there is no token")]).await;
    let laptop = said(deploy(&stage, &agent)).await;
    assert!(laptop.stdout.contains("RIPCORD_OIDC_TOKEN") && laptop.code == 4, "{}", laptop.stdout);
    let mut command = deploy(&stage, &agent);
    command.env("GITHUB_ACTIONS", "true");
    let job = said(command).await;
    assert!(job.stdout.contains("id-token: write") && job.code == 4, "{}", job.stdout);
    assert!(agent.metadata().iter().all(|call| !call.contains_key(OIDC_ON_DEMAND)));
    // Any other refusal is as it was.
    let agent = Agent::start(&stage, vec![Act::Refuse(refusal("HELD", "on hold"))]).await;
    assert_eq!(said(deploy(&stage, &agent)).await.code, 6);
}

//! The client: which error each bad day is, what is remembered, and what is never shown.

use std::time::Duration;

use ripcord_agent::adapters::github::{App, Github, GithubError, Login};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::Instant;

use crate::{
    fake::{
        APP_ID, APP_KEY_PKCS1, APP_KEY_PKCS8, FakeGithub, FakeRun, Fault, INSTALLATION, REPOSITORY,
        TOKEN,
    },
    watcher::eventually,
};

pub const SHA: &str = "acfdb42d2f6b6f1a9b3c9d5f0e1a2b3c4d5e6f70";

/// A client, and the folder of its secrets.
pub struct Desk {
    pub folder: TempDir,
    pub github: Github,
}

pub fn http() -> reqwest::Client {
    ripcord_agent::adapters::git::http_client::build(None).unwrap()
}

pub fn desk(server: &FakeGithub) -> Desk {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("github-token");
    std::fs::write(&file, format!("{TOKEN}\n")).unwrap();
    let github = Github::new(http(), server.api(), Login::Token(file));
    Desk { folder, github }
}

pub fn app_desk(server: &FakeGithub, key: &str) -> Desk {
    let folder = tempfile::tempdir().unwrap();
    let key_file = folder.path().join("app.key");
    std::fs::write(&key_file, key).unwrap();
    let app = App { id: APP_ID.to_owned(), installation: INSTALLATION, key_file };
    let github = Github::new(http(), server.api(), Login::App(app));
    Desk { folder, github }
}

pub fn listing() -> String {
    format!("/repos/{REPOSITORY}/actions/runs?head_sha={SHA}&per_page=100")
}

impl Desk {
    async fn list(&self) -> Result<Value, GithubError> {
        self.github.get(&listing()).await
    }
}

/// How long the error of `fault` says to wait.
async fn told_to_wait(fault: Fault) -> Duration {
    let server = FakeGithub::start().await;
    let desk = desk(&server);
    server.fault(fault, 1);
    let GithubError::RateLimited { retry_at } = desk.list().await.unwrap_err() else {
        panic!("no rate limit")
    };
    let again = desk.list().await.unwrap_err();
    assert_eq!(again, GithubError::RateLimited { retry_at }, "asked before the limit was over");
    assert_eq!(server.seen().len(), 1);
    retry_at.duration_since(Instant::now())
}

fn about(seconds: u64) -> std::ops::RangeInclusive<Duration> {
    Duration::from_secs(seconds - 2)..=Duration::from_secs(seconds + 2)
}

#[tokio::test]
async fn limits_are_waited_for_as_told_and_a_minute_when_nothing_is_told() {
    let retry_after = vec![("retry-after", "17".to_owned())];
    let soon = (jiff::Timestamp::now().as_second() + 300).to_string();
    let used_up = vec![("x-ratelimit-remaining", "0".to_owned()), ("x-ratelimit-reset", soon)];
    let year = vec![("retry-after", "31536000".to_owned())];
    assert!(about(18).contains(&told_to_wait(Fault::Limit(429, retry_after.clone())).await));
    assert!(about(18).contains(&told_to_wait(Fault::Limit(403, retry_after)).await));
    assert!(about(301).contains(&told_to_wait(Fault::Limit(403, used_up)).await));
    assert!(about(61).contains(&told_to_wait(Fault::Limit(429, vec![])).await));
    assert!(about(61).contains(&told_to_wait(Fault::Limit(403, vec![])).await));
    assert!(about(3600).contains(&told_to_wait(Fault::Limit(429, year)).await));
}

#[tokio::test]
async fn every_bad_day_is_an_error_of_its_kind() {
    let server = FakeGithub::start().await;
    let desk = desk(&server);
    let mut told = Vec::new();
    for fault in [
        Fault::Status(500),
        Fault::HtmlStatus(502),
        Fault::Status(403),
        Fault::Status(404),
        Fault::Status(422),
        Fault::Html,
        Fault::Garbage,
        Fault::Truncated,
        Fault::Closed,
    ] {
        server.fault(fault.clone(), 1);
        let error = desk.list().await.unwrap_err().to_string();
        told.push(format!("{fault:?}: {}", error.replace(server.api().as_str(), "API")));
    }
    insta::assert_snapshot!(told.join("\n"));
    assert!(desk.list().await.is_ok());
}

#[tokio::test]
async fn an_unchanged_answer_is_read_from_memory_and_asked_for_with_its_tag() {
    let server = FakeGithub::start().await;
    let desk = desk(&server);
    server.put_run(FakeRun::of(SHA, 1));
    let first = desk.list().await.unwrap();
    assert_eq!(desk.list().await.unwrap(), first);
    server.put_run(FakeRun::of(SHA, 1).ended("success"));
    let third = desk.list().await.unwrap();
    assert_eq!(third["workflow_runs"][0]["conclusion"], "success");
    let statuses: Vec<_> = server.seen().iter().map(|seen| seen.status).collect();
    assert_eq!(statuses, [200, 304, 200]);
}

#[tokio::test]
async fn a_bad_answer_is_never_remembered() {
    let server = FakeGithub::start().await;
    let desk = desk(&server);
    for fault in [Fault::Truncated, Fault::Garbage, Fault::Status(500), Fault::Html] {
        server.fault(fault, 1);
        desk.list().await.unwrap_err();
    }
    desk.list().await.unwrap();
    assert!(server.seen().iter().all(|seen| !seen.headers.contains_key("if-none-match")));
}

#[tokio::test]
async fn a_token_that_was_replaced_is_used_at_once_and_sees_nothing_of_the_old_ones_answers() {
    let server = FakeGithub::start().await;
    let desk = desk(&server);
    desk.list().await.unwrap();
    server.accept_tokens(&["next-token"]);
    let refused = desk.list().await.unwrap_err();
    let file = desk.folder.path().join("github-token");
    let advice =
        format!("GitHub does not accept the token: put a valid one into {}", file.display());
    assert_eq!(refused.to_string(), advice);
    std::fs::write(&file, "next-token").unwrap();
    desk.list().await.unwrap();
    server.accept_tokens(&["next-token", "last-token-of-all"]);
    std::fs::write(&file, "last-token-of-all").unwrap();
    desk.list().await.unwrap();
    let seen = server.seen();
    let of = |token: &str| seen.iter().rfind(|seen| seen.token.as_deref() == Some(token)).unwrap();
    for token in ["next-token", "last-token-of-all"] {
        assert!(!of(token).headers.contains_key("if-none-match"), "{token}");
    }
}

#[tokio::test]
async fn an_app_signs_in_with_either_form_of_its_key_and_keeps_its_token() {
    for key in [APP_KEY_PKCS1, APP_KEY_PKCS8] {
        let server = FakeGithub::start().await;
        let desk = app_desk(&server, key);
        desk.list().await.unwrap();
        desk.list().await.unwrap();
        assert_eq!(server.seen_at("access_tokens").len(), 1);
        let token = server.seen().pop().unwrap().token.unwrap();
        assert!(token.starts_with("ghs_canary-installation-1"), "{token}");
    }
}

#[tokio::test]
async fn an_app_gets_a_new_token_before_the_old_one_ends_and_when_it_was_revoked() {
    let server = FakeGithub::start().await;
    let desk = app_desk(&server, APP_KEY_PKCS1);
    server.set_token_life(Duration::from_secs(4 * 60));
    desk.list().await.unwrap();
    server.set_token_life(Duration::from_secs(60 * 60));
    desk.list().await.unwrap();
    assert_eq!(server.seen_at("access_tokens").len(), 2, "too near its end to be used");
    server.accept_tokens(&[]);
    desk.list().await.unwrap();
    assert_eq!(server.seen_at("access_tokens").len(), 3, "revoked");
}

#[tokio::test]
async fn secrets_that_cannot_be_used_are_told_with_their_file_and_without_their_content() {
    let server = FakeGithub::start().await;
    let broken_key = APP_KEY_PKCS1.replace("MII", "MIJ");
    let desks = [desk(&server), app_desk(&server, "hunter2"), app_desk(&server, &broken_key)];
    let token_file = desks[0].folder.path().join("github-token");
    for content in ["", "hunter2 hunter2", "hunter2\u{7f}"] {
        std::fs::write(&token_file, content).unwrap();
        let error = desks[0].list().await.unwrap_err();
        assert!(matches!(error, GithubError::Credentials { .. }), "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
    std::fs::remove_file(&token_file).unwrap();
    for desk in &desks {
        let error = desk.list().await.unwrap_err();
        assert!(matches!(error, GithubError::Credentials { .. }), "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
    assert_eq!(server.seen().len(), 0);
}

#[tokio::test]
async fn no_error_and_no_debug_text_ever_holds_a_token() {
    let server = FakeGithub::start().await;
    let desk = desk(&server);
    for fault in [
        Fault::Status(401),
        Fault::Status(403),
        Fault::Status(422),
        Fault::Html,
        Fault::Garbage,
        Fault::Closed,
        Fault::Limit(429, vec![]),
    ] {
        server.fault(fault, 2);
        let error = desk.list().await.unwrap_err();
        server.be_well();
        assert!(!format!("{error} {error:?} {:?}", desk.github).contains("canary"), "{error:?}");
    }
}

#[tokio::test]
async fn what_is_posted_arrives_and_what_comes_back_is_read() {
    let server = FakeGithub::start().await;
    let desk = desk(&server);
    let route = format!("/repos/{REPOSITORY}/statuses/{SHA}");
    let body = json!({ "state": "pending", "context": "ripcord/preprod" });
    let answer: Value = desk.github.post(&route, &body).await.unwrap();
    assert_eq!((answer["state"].as_str(), server.seen()[0].body.clone()), (Some("pending"), body));
}

#[tokio::test]
async fn a_server_that_takes_the_question_and_never_answers_is_given_up() {
    let server = FakeGithub::start().await;
    let desk = desk(&server);
    server.fault(Fault::Hang, 1);
    let asking = tokio::spawn(async move { desk.list().await });
    eventually(|| !server.seen().is_empty()).await;
    tokio::time::pause();
    let error = asking.await.unwrap().unwrap_err().to_string();
    assert!(error.ends_with("no answer within 20 s"), "{error}");
}

#[tokio::test]
async fn the_api_of_an_enterprise_server_keeps_the_path_before_its_routes() {
    let server = FakeGithub::start().await;
    let Desk { folder, .. } = desk(&server);
    let api = server.api().join("api/v3").unwrap();
    let login = Login::Token(folder.path().join("github-token"));
    let github = Github::new(http(), api, login);
    let error = github.get::<Value>(&listing()).await.unwrap_err();
    assert!(matches!(error, GithubError::NotFound { .. }), "{error}");
    assert_eq!(server.seen()[0].path, format!("/api/v3/repos/{REPOSITORY}/actions/runs"));
}

//! A journal that only a person can put right: the agent says so to whoever asks, and does nothing.
#![allow(missing_docs, clippy::unwrap_used)]

mod support {
    pub mod git;
    pub mod mtls;
    pub mod pki;
    pub mod site;
}

use std::{
    collections::BTreeMap,
    fs,
    io::{Seek as _, SeekFrom, Write as _},
    path::PathBuf,
};

use ripcord_proto::v1::{self, Outcome, StreamLogsRequest, stream_logs_request::Of};
use rusqlite::{Connection, config::DbConfig};
use support::{
    mtls,
    pki::OPERATOR,
    site::{Agent, Client, Site, deploy, reason, request, rollback, status, watch},
};
use tonic::{Code, Status};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

/// A site where `lab` has a validated deployment, and whose agent was killed.
async fn after_a_kill() -> (Site, String) {
    let site = Site::new().await;
    let lab = site.lab();
    let agent = site.start(&lab);
    let sha = site.git.pushed("second");
    let told = deploy(&mut site.client(&agent), request("lab", &sha)).await;
    assert_eq!(told.outcome(), Outcome::Validated, "{}", told.story());
    agent.kill();
    (site, lab)
}

fn journal(site: &Site) -> PathBuf {
    site.state_dir().join("journal.sqlite")
}

/// The journal's file, opened so that nothing moves from its WAL to it by the way.
fn opened(site: &Site) -> Connection {
    let file = Connection::open(journal(site)).unwrap();
    file.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).unwrap();
    file
}

/// Moves everything to the one file.
fn checkpoint(site: &Site) {
    let file = Connection::open(journal(site)).unwrap();
    file.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
}

/// What is written there: an empty `-wal` and the `-shm`, an index for the memory, say nothing.
fn bytes(site: &Site) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = ["journal.sqlite", "journal.sqlite-wal"].map(|name| site.state_dir().join(name));
    let written = files.into_iter().map(|file| (file.clone(), fs::read(file).unwrap_or_default()));
    written.filter(|(_, bytes)| !bytes.is_empty()).collect()
}

/// What every call answers that is about what happened, or shall happen, in `lab`.
async fn refusals(client: &mut Client, sha: &str) -> Vec<Status> {
    let environment = "lab".to_owned();
    let mut dry = request("lab", sha);
    dry.dry_run = true;
    let back = v1::RollbackRequest { environment: environment.clone(), ..Default::default() };
    let hold = v1::HoldRequest { environment: environment.clone(), reason: "why".to_owned() };
    let resume = v1::ResumeRequest { environment: environment.clone() };
    let history = v1::HistoryRequest { environment: environment.clone(), limit: 0 };
    let story = StreamLogsRequest {
        environment: environment.clone(),
        of: Some(Of::Deployment(1)),
        ..Default::default()
    };
    let verdict = v1::VerdictRequest {
        environment,
        sha: sha.to_owned(),
        value: "success".to_owned(),
        reason: "seen".to_owned(),
    };
    vec![
        deploy(client, request("lab", sha)).await.error.unwrap(),
        deploy(client, dry).await.error.unwrap(),
        rollback(client, back).await.error.unwrap(),
        watch(client, "lab", 1, 0).await.error.unwrap(),
        client.hold(hold).await.unwrap_err(),
        client.resume(resume).await.unwrap_err(),
        client.verdict(verdict).await.unwrap_err(),
        client.history(history).await.unwrap_err(),
        client.stream_logs(story).await.unwrap_err(),
    ]
}

/// The processes that the agent started.
fn children(agent: &Agent) -> String {
    let tasks = PathBuf::from(format!("/proc/{}/task", agent.process.id()));
    let tasks = fs::read_dir(tasks).unwrap().map(|task| task.unwrap().path().join("children"));
    tasks.filter_map(|children| fs::read_to_string(children).ok()).collect()
}

async fn is_healthy(site: &Site, agent: &Agent) -> bool {
    let channel = mtls::client(agent.address, &site.pki, &site.pki.client(OPERATOR));
    let all = HealthCheckRequest { service: String::new() };
    let answer = HealthClient::new(channel).check(all).await.unwrap().into_inner();
    answer.status() == ServingStatus::Serving
}

/// Starts the agent on a journal that it cannot use; answers what `status` says of `lab`.
async fn assert_nothing_is_done(site: &Site, environments: &str) -> String {
    let before = bytes(site);
    let sha = site.git.pushed("third");
    let live = support::git::git(&site.git.live, &["rev-parse", "HEAD"]);
    let agent = site.start(environments);
    agent.wait_for_line("\"ready\"");
    assert!(!is_healthy(site, &agent).await, "gRPC health promises nothing");
    let mut client = site.client(&agent);
    let shown = status(&mut client, "lab").await;
    assert!(!shown.stranded.is_empty(), "a human is needed");
    for refused in refusals(&mut client, &sha).await {
        assert_eq!((reason(&refused).as_str(), refused.code()), ("JOURNAL", Code::DataLoss));
        assert!(refused.message().contains(&shown.unavailable), "{refused:?}");
    }
    let application =
        StreamLogsRequest { environment: "lab".to_owned(), ..StreamLogsRequest::default() };
    let mut lines = client.stream_logs(application).await.unwrap().into_inner();
    while lines.message().await.expect("the application's log can be read").is_some() {}
    assert_eq!(children(&agent), "", "nothing was started");
    assert!(agent.terminate().success());
    site.git.assert_live_is(&live);
    assert!(bytes(site) == before, "the journal's files were written");
    shown.unavailable
}

#[tokio::test]
async fn a_damaged_journal_stops_everything_but_the_answer_why() {
    let (site, lab) = after_a_kill().await;
    checkpoint(&site);
    let mut file = fs::OpenOptions::new().write(true).open(journal(&site)).unwrap();
    // Deep in the file: nothing that the start would read anyway.
    file.seek(SeekFrom::End(-4096)).unwrap();
    file.write_all(&[0xA5; 4096]).unwrap();
    drop(file);
    let why = assert_nothing_is_done(&site, &lab).await;
    assert!(why.contains("the journal is damaged") && why.contains("from a backup"), "{why}");
}

#[tokio::test]
async fn a_file_that_is_no_journal_is_left_as_it_is() {
    let (site, lab) = after_a_kill().await;
    checkpoint(&site);
    fs::write(journal(&site), "notes of somebody who chose a bad name ".repeat(100)).unwrap();
    let why = assert_nothing_is_done(&site, &lab).await;
    assert!(why.contains("journal.sqlite") && why.contains("begin without a history"), "{why}");
}

#[tokio::test]
async fn a_journal_of_a_newer_agent_waits_for_that_agent() {
    let (site, lab) = after_a_kill().await;
    let ours: i64 = opened(&site).query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    opened(&site).pragma_update(None, "user_version", 99).unwrap();
    assert!(bytes(&site).len() == 2, "the newer agent was killed, too");
    let why = assert_nothing_is_done(&site, &lab).await;
    assert!(why.contains("has schema 99") && why.contains("install the newer agent"), "{why}");

    opened(&site).pragma_update(None, "user_version", ours).unwrap();
    let agent = site.start(&lab);
    let told = watch(&mut site.client(&agent), "lab", 1, 0).await;
    assert_eq!(told.outcome(), Outcome::Validated, "nothing was lost: {}", told.story());
}

#[tokio::test]
async fn an_environment_with_an_unreadable_row_stops_alone() {
    let (site, lab) = after_a_kill().await;
    let both = lab + &site.environment("other", "when = \"none\"");
    opened(&site)
        .execute("UPDATE environment SET state = '{\"last\":' WHERE name = 'lab'", [])
        .unwrap();
    let agent = site.start(&both);
    let mut client = site.client(&agent);
    let why = status(&mut client, "lab").await.unavailable;
    assert!(why.contains("a row that this version cannot read"), "{why}");
    let sha = site.git.pushed("third");
    for refused in refusals(&mut client, &sha).await {
        assert_eq!(reason(&refused), "JOURNAL", "{refused:?}");
    }
    agent.wait_for_line("\"ready\"");
    assert!(is_healthy(&site, &agent).await, "the other one is served");
    let told = deploy(&mut client, request("other", &sha)).await;
    assert_eq!(told.outcome(), Outcome::Validated, "{}", told.story());
}

#[tokio::test]
async fn what_may_pass_by_itself_is_an_error_of_the_start() {
    let site = Site::new().await;
    fs::create_dir_all(journal(&site)).unwrap();
    let ended = Agent::command(&site.write_config(&site.lab())).output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(said.contains("the journal could not be opened"), "{said}");
}

//! Retention in a running agent: it comes by itself, stays away from deployments, and who asks for a story
//! that is gone is told so.
#![allow(missing_docs, clippy::unwrap_used)]

mod support {
    pub mod bounded;
    pub mod fake;
    pub mod git;
    pub mod long_history;
    pub mod mtls;
    pub mod pki;
    pub mod site;
}

use std::{sync::Arc, time::Duration};

use prost::Message as _;
use ripcord_agent::{
    engine::{Clock, Engine, Place, Retention},
    journal::{Horizon, Journal, file_in},
};
use ripcord_core::{Phase, Policy, Sequence, Timestamp, VerifyWhen};
use ripcord_proto::v1::{
    LogBatch, LogLine, StreamLogsRequest, stream_logs_request::Of, stream_logs_response::Item,
};
use support::{
    fake::{self, Stage, bounded, plan},
    long_history::{self, began, lab, number},
    site::{Client, Site, watch},
};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

const DEPLOYMENTS: i64 = 30;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// An agent whose journal has an old history of `lab`, and who deploys to another environment.
async fn busy_agent() -> (fake::Agent, Stage) {
    let folder = TempDir::new().unwrap();
    let journal = long_history::written(&file_in(folder.path()), DEPLOYMENTS);
    let agent = fake::Agent { folder, journal, lock: Arc::default() };
    let policy = Policy { when: VerifyWhen::None, ..Policy::default() };
    let other = agent.stage("other", policy, plan()).await;
    (agent, other)
}

/// Half of the history ended more than a day ago.
fn retention(agent: &fake::Agent, other: &Stage, keep_days: u16) -> Option<Retention> {
    let engine = Engine::new([Place::Driven(other.handle.clone())]);
    let half = began(DEPLOYMENTS / 2).plus(u64::try_from(DAY.as_millis()).unwrap());
    Retention::new(agent.journal.clone(), &engine, Clock::starting_at(half), keep_days)
}

async fn is_removed(journal: &Journal, of: i64) -> bool {
    let chapter = journal.chapter(&lab(), number(of), Sequence(0), 1).await.unwrap();
    chapter.unwrap().removed.is_some()
}

#[tokio::test]
async fn old_stories_stay_where_they_are_while_a_deployment_is_under_way() {
    let (agent, other) = busy_agent().await;
    other.world.stop_touching();
    let deployed = other.deploy(1).await;
    other
        .until(|state| state.active_deployment().is_some_and(|it| it.phase == Phase::Resetting))
        .await;
    let mut retention = retention(&agent, &other, 1).unwrap();
    let sweeping = tokio::spawn(async move { retention.sweep().await.unwrap() });
    for _ in 0..200 {
        assert!(!is_removed(&agent.journal, 1).await, "it did not wait");
        tokio::task::yield_now().await;
    }
    other.world.script.touching.add_permits(2);
    other.ended(deployed).await;
    let swept = bounded(sweeping).await.unwrap();
    assert_eq!(swept.stories, u64::try_from(DEPLOYMENTS / 2 - 1).unwrap());
}

#[tokio::test(start_paused = true)]
async fn it_comes_by_itself_and_comes_again() {
    let (agent, other) = busy_agent().await;
    let retention = retention(&agent, &other, 1).unwrap();
    tokio::spawn(retention.run(CancellationToken::new()));
    for (of, after) in [(DEPLOYMENTS / 2 - 1, Duration::ZERO), (DEPLOYMENTS / 2 + 1, DAY)] {
        assert!(!is_removed(&agent.journal, of).await);
        tokio::time::sleep(after).await;
        bounded(async {
            while !is_removed(&agent.journal, of).await {
                tokio::time::sleep(Duration::from_secs(60)).await;
            }
        })
        .await;
    }
}

#[tokio::test]
async fn who_keeps_everything_needs_nobody_to_remove_it() {
    let (agent, other) = busy_agent().await;
    assert!(retention(&agent, &other, 0).is_none());
}

/// A site whose agent had a long life, and forgot the first part of it.
async fn forgetful_site() -> (Site, support::site::Agent, Client) {
    let site = Site::new().await;
    std::fs::create_dir_all(site.state_dir()).unwrap();
    let journal = long_history::written(&file_in(&site.state_dir()), DEPLOYMENTS);
    let (ended, untold, now) = (began(20), Timestamp(0), Timestamp(1_800_000_000_000));
    let mut sweep = journal.begin_sweep(Horizon { ended, untold, now }).await.unwrap();
    while let (now, true) = journal.sweep(sweep).await.unwrap() {
        sweep = now;
    }
    drop(journal);
    let agent = site.start(&site.environment("lab", "when = \"none\""));
    let client = site.client(&agent);
    (site, agent, client)
}

async fn lines(client: &mut Client, of: u64) -> Vec<LogLine> {
    lines_behind(client, of, None, "").await.0
}

/// The lines behind a cursor, and the last batch's cursor.
async fn lines_behind(
    client: &mut Client,
    of: u64,
    tail: Option<u64>,
    cursor: &str,
) -> (Vec<LogLine>, String) {
    let asked = StreamLogsRequest {
        environment: "lab".to_owned(),
        of: Some(Of::Deployment(of)),
        tail,
        cursor: cursor.to_owned(),
        ..StreamLogsRequest::default()
    };
    let mut stream = client.stream_logs(asked).await.unwrap().into_inner();
    let (mut lines, mut end) = (Vec::new(), String::new());
    while let Some(message) = stream.message().await.unwrap() {
        if let Some(Item::Batch(batch)) = message.item {
            let batch = LogBatch::decode(batch).unwrap();
            lines.extend(batch.lines);
            end = batch.cursor;
        }
    }
    (lines, end)
}

#[tokio::test]
async fn who_asks_for_a_story_that_is_gone_is_told_so() {
    let (_site, _agent, mut client) = forgetful_site().await;
    let told = watch(&mut client, "lab", 3, 0).await;
    let kinds: Vec<&str> = told.events.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(kinds, ["admitted", "went_live", "verdict_received", "validated"]);
    assert_eq!(told.result().story_removed.unwrap().seconds, 1_800_000_000);
    assert_eq!(told.result().reason, "");
    let lines = lines(&mut client, 3).await;
    assert!(lines[0].marker && lines[0].line.contains("was removed"), "{lines:?}");
    assert_eq!(lines.len(), 5);
}

#[tokio::test]
async fn a_story_that_is_kept_is_told_as_ever() {
    let (_site, _agent, mut client) = forgetful_site().await;
    let told = watch(&mut client, "lab", 25, 0).await;
    assert_eq!((told.events.len(), told.result().story_removed), (16, None));
    assert_eq!(lines(&mut client, 25).await.len(), 16);
}

#[tokio::test]
async fn a_reader_whose_place_is_gone_goes_on_with_what_is_left() {
    let (_site, _agent, mut client) = forgetful_site().await;
    let first = watch(&mut client, "lab", 3, 0).await.events[0].sequence;
    let told = watch(&mut client, "lab", 3, first + 5).await;
    assert_eq!(told.events[0].kind, "went_live");
    assert!(told.result().story_removed.is_some());
}

#[tokio::test]
async fn a_reader_of_the_last_lines_that_lost_its_connection_misses_none_of_the_next() {
    let (_site, _agent, mut client) = forgetful_site().await;
    let first = watch(&mut client, "lab", 25, 0).await.events[0].sequence;
    let (whole, end) = lines_behind(&mut client, 25, None, "").await;
    let (rest, rests_end) = lines_behind(&mut client, 25, Some(2), &format!("story:{first}")).await;
    assert_eq!((rest.as_slice(), rests_end), (&whole[1..], end));
}

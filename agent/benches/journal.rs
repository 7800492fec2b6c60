//! What a long history costs: the questions of `status`, `history`, `show`, `deploy` and of a start, put to
//! an empty journal and to one with a hundred thousand deployments. The two columns are to be the same.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../tests/support/long_history.rs"]
mod long_history;

use std::{path::Path, sync::OnceLock, time::Duration};

use divan::Bencher;
use long_history::{began, lab, number, request, sha};
use ripcord_agent::journal::{Batch, Horizon, Journal, file_in};
use ripcord_core::{
    DeployRequest, Environment, Event, Input, Policy, Sequence, Timestamp, event::Entry,
    stats::Window,
};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

const DEPLOYMENTS: [i64; 2] = [1, 100_000];

/// The two files; they go when the benchmarks have ended.
static FOLDERS: OnceLock<Vec<(i64, TempDir)>> = OnceLock::new();

fn main() {
    FOLDERS.set(DEPLOYMENTS.map(written).into()).unwrap();
    divan::main();
    for (_, folder) in FOLDERS.get().unwrap() {
        std::fs::remove_dir_all(folder.path()).unwrap();
    }
}

fn written(deployments: i64) -> (i64, TempDir) {
    let folder = TempDir::new().unwrap();
    drop(long_history::written(&file_in(folder.path()), deployments));
    let bytes = std::fs::metadata(file_in(folder.path())).unwrap().len();
    eprintln!("{deployments} deployments: {} bytes each", bytes.cast_signed() / deployments);
    (deployments, folder)
}

fn folder(deployments: i64) -> &'static Path {
    let all = FOLDERS.get().unwrap();
    all.iter().find(|(of, _)| *of == deployments).unwrap().1.path()
}

fn opened(deployments: i64) -> (Journal, Runtime) {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    (Journal::open(&file_in(folder(deployments))).unwrap(), runtime)
}

#[divan::bench(args = DEPLOYMENTS)]
fn start(bencher: Bencher<'_, '_>, deployments: i64) {
    let (_, runtime) = opened(deployments);
    bencher.bench_local(|| {
        let journal = Journal::open(&file_in(folder(deployments))).unwrap();
        runtime.block_on(async {
            let state = journal.state(&lab()).await.unwrap();
            let alive = journal.alive_until(&lab()).await.unwrap();
            (state, alive, journal.history(&lab(), 200).await.unwrap())
        })
    });
}

#[divan::bench(args = DEPLOYMENTS)]
fn status(bencher: Bencher<'_, '_>, deployments: i64) {
    let (journal, runtime) = opened(deployments);
    bencher.bench_local(|| {
        runtime.block_on(async {
            let state = journal.state(&lab()).await.unwrap();
            (state, journal.deployment(&lab(), number(deployments)).await.unwrap())
        })
    });
}

#[divan::bench(args = DEPLOYMENTS)]
fn history_of_one(bencher: Bencher<'_, '_>, deployments: i64) {
    let (journal, runtime) = opened(deployments);
    bencher.bench_local(|| runtime.block_on(journal.history(&lab(), 1)).unwrap());
}

#[divan::bench(args = DEPLOYMENTS)]
fn show(bencher: Bencher<'_, '_>, deployments: i64) {
    let (journal, runtime) = opened(deployments);
    let middle = number(1.max(deployments / 2));
    bencher.bench_local(|| {
        runtime.block_on(journal.chapter(&lab(), middle, Sequence(0), 256)).unwrap().unwrap()
    });
}

#[divan::bench(args = DEPLOYMENTS)]
fn stats_of_the_last_hour(bencher: Bencher<'_, '_>, deployments: i64) {
    let (journal, runtime) = opened(deployments);
    let to = began(deployments + 1);
    let window = Window { from: Timestamp(to.0 - 3_600_000), to };
    bencher.bench_local(|| runtime.block_on(journal.figures(&lab(), window)).unwrap());
}

#[divan::bench(args = DEPLOYMENTS, sample_count = 3)]
fn stats_of_all_time(bencher: Bencher<'_, '_>, deployments: i64) {
    let (journal, runtime) = opened(deployments);
    let window = Window { from: Timestamp(0), to: began(deployments + 1) };
    bencher.bench_local(|| runtime.block_on(journal.figures(&lab(), window)).unwrap());
}

/// What happens at a deployment's admission: was it asked for before, is it quarantined, write it down.
#[divan::bench(args = DEPLOYMENTS)]
fn deploy(bencher: Bencher<'_, '_>, deployments: i64) {
    let (journal, runtime) = opened(deployments);
    let mut state = runtime.block_on(journal.state(&lab())).unwrap().unwrap();
    // What is queued is replaced by the next: the state stays as large as it is.
    let mut asked = deployments;
    bencher.bench_local(|| {
        asked += 1;
        runtime.block_on(admit(&journal, &mut state, asked));
    });
}

async fn admit(journal: &Journal, state: &mut Environment, asked: i64) {
    let request_id = Some(request(asked + 1_000_000).parse().unwrap());
    let before = journal.requested(&lab(), request_id.as_ref().unwrap()).await.unwrap();
    assert_eq!(before, None);
    let deploy = Input::Deploy(DeployRequest {
        sha: sha(asked + 1_000_000).parse().unwrap(),
        by: "spiffe://lab/operator/ada".parse().unwrap(),
        reason: None,
        request_id,
        redeploy: false,
        allow_older: false,
        override_quarantine: false,
        planned_on: None,
    });
    let at = began(asked);
    let decision = state.on(deploy, &Policy::default(), at).unwrap();
    *state = decision.environment.clone();
    let (entries, changed) = (decision.entries, decision.changed);
    let state = Some(decision.environment);
    journal.append(Batch { environment: lab(), at, entries, state, changed }).await.unwrap();
}

/// What a step tells, ten lines at once.
#[divan::bench(args = DEPLOYMENTS)]
fn output(bencher: Bencher<'_, '_>, deployments: i64) {
    let (journal, runtime) = opened(deployments);
    let event = Event::Remarked { message: "collecting wheels".to_owned() };
    let entries = vec![Entry { deployment: Some(number(deployments)), event }; 10];
    bencher.bench_local(|| {
        let (environment, entries) = (lab(), entries.clone());
        let (at, changed) = (began(deployments), Vec::new());
        let batch = Batch { environment, at, entries, state: None, changed };
        runtime.block_on(journal.append(batch)).unwrap();
    });
}

/// The same while retention removes old stories, piece by piece; the last of all, as less is there afterwards.
#[divan::bench(args = [DEPLOYMENTS[1]], sample_count = 1000)]
fn while_old_stories_go(bencher: Bencher<'_, '_>, deployments: i64) {
    let (journal, runtime) = opened(deployments);
    let ended = began(deployments);
    let sweeper = journal.clone();
    runtime.spawn(async move {
        let horizon = Horizon { ended, untold: Timestamp(0), now: ended };
        let mut sweep = sweeper.begin_sweep(horizon).await.unwrap();
        while let (now, true) = sweeper.sweep(sweep).await.unwrap() {
            sweep = now;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        eprintln!("all old stories are gone");
    });
    let event = Event::Remarked { message: "collecting wheels".to_owned() };
    let entries = vec![Entry { deployment: Some(number(deployments)), event }; 10];
    bencher.bench_local(|| {
        let (environment, entries) = (lab(), entries.clone());
        let batch = Batch { environment, at: ended, entries, state: None, changed: Vec::new() };
        runtime.block_on(journal.append(batch)).unwrap();
    });
}

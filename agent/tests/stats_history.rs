//! Figures of a long history: what they cost, and that nobody waits for them.
#![allow(missing_docs, clippy::unwrap_used)]

mod support {
    pub mod long_history;
}

use std::time::Instant;

use ripcord_agent::journal::{Batch, Journal, file_in};
use ripcord_core::{
    Event, Outcome, Timestamp,
    event::Entry,
    stats::{Statistics, Window},
};
use support::long_history::{self, APART_MS, lab};
use tempfile::TempDir;

const DEPLOYMENTS: i64 = 100_000;

async fn figures(journal: &Journal, days: i64) -> Statistics {
    let to = (DEPLOYMENTS + 1) * APART_MS;
    let window = Window { from: Timestamp(to - days * 86_400_000), to: Timestamp(to) };
    let began = Instant::now();
    let figures = journal.figures(&lab(), window).await.unwrap();
    eprintln!("{days} days, {} deployments: {:?}", figures.deployments, began.elapsed());
    figures
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_of_a_month_do_not_read_a_history_of_a_hundred_thousand_deployments() {
    let folder = TempDir::new().unwrap();
    let journal = long_history::written(&file_in(folder.path()), DEPLOYMENTS);

    let month = figures(&journal, 30).await;
    assert_eq!((month.deployments, month.outcomes[&Outcome::Validated]), (4320, 4320));
    assert_eq!((month.to_live.median_ms(), month.to_verdict.p95_ms()), (Some(4000), Some(60_000)));
    assert_eq!(month.unvalidated_live_ms, 4320 * 60_000);
    assert_eq!(month.uptime.unwrap().ratio(), Some(1.0));

    let asked = {
        let journal = journal.clone();
        tokio::spawn(async move { figures(&journal, 100).await })
    };
    let entry = Entry { deployment: None, event: Event::Remarked { message: "hello".to_owned() } };
    for _ in 0..20 {
        let (environment, at, entries) = (lab(), Timestamp(1), vec![entry.clone()]);
        let batch = Batch { environment, at, entries, state: None, changed: Vec::new() };
        journal.append(batch).await.unwrap();
    }
    assert!(!asked.is_finished(), "who writes waited for who reads");
    assert_eq!(asked.await.unwrap().deployments, 14_400);
}

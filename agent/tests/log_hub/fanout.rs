//! Many readers cost one upstream and one encoding; slow ones harm nobody.

use std::{sync::Arc, time::Duration};

use ripcord_agent::logs::{
    LogHub, LogQuery, Restart, Restarts,
    limits::{LINGER, RING_BYTES},
};
use ripcord_core::DeploymentNumber;
use tokio::{sync::watch, time::sleep};

use crate::{
    client::{Client, follow, follow_new, hub},
    source::{Source, record},
};

fn long_line(n: i64) -> String {
    format!("{n:08} {}", "x".repeat(990))
}

async fn joined(hub: &Arc<LogHub>, count: usize) -> Vec<Client> {
    let mut clients: Vec<_> = (0..count).map(|_| Client::new(hub, follow_new())).collect();
    for client in &mut clients {
        client.join().await;
    }
    clients
}

#[tokio::test(start_paused = true)]
async fn a_hundred_readers_share_one_upstream_and_the_very_same_bytes() {
    let source = Source::with_lines([record("web", 1, "before")]);
    let hub = hub(&source);
    let mut clients = joined(&hub, 99).await;
    clients.push(Client::new(&hub, follow()));
    clients[99].take_lines(1).await;
    for n in 0..500 {
        source.write(record("web", 10 + n, long_line(n)));
    }
    for client in &mut clients {
        client.drain().await;
        assert_eq!(
            client.lines.len() + client.gaps.len(),
            if client.texts()[0] == "before" { 501 } else { 500 }
        );
    }
    let pointers =
        |client: &Client| client.batches.iter().map(|bytes| bytes.as_ptr()).collect::<Vec<_>>();
    let first = pointers(&clients[0]);
    assert!(first.len() > 5);
    assert!(clients[..99].iter().all(|client| pointers(client) == first), "encoded more than once");
    assert_eq!(pointers(&clients[99])[1..], first, "encoded again for a reader with a backlog");
    assert_eq!(source.follows(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_sleeps_is_told_how_much_it_missed_and_delays_nobody() {
    let source = Source::new();
    let hub = hub(&source);
    let mut clients = joined(&hub, 2).await;
    let (mut slow, mut fast) = (clients.remove(0), clients.remove(0));
    let total = 12_000;
    for n in 0..total {
        source.write(record("web", n, long_line(n)));
        if n % 100 == 99 {
            fast.take_lines(usize::try_from(n).unwrap() + 1).await;
        }
    }
    assert!(fast.gaps.is_empty());
    slow.drain().await;
    assert_eq!(slow.gaps.len(), 1);
    let got = slow.lines.len() as u64 + slow.gaps[0];
    assert_eq!(got, total as u64, "missed lines are counted exactly");
    assert_eq!(slow.texts().last(), fast.texts().last());
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_reconnects_with_the_cursor_of_a_gap_goes_on_behind_it() {
    let source = Source::new();
    let hub = hub(&source);
    let mut clients = joined(&hub, 1).await;
    for n in 0..12_000 {
        source.write(record("web", n, long_line(n)));
        tokio::task::yield_now().await;
    }
    sleep(Duration::from_secs(1)).await;
    let client = &mut clients[0];
    client.take().await.unwrap();
    let missed = client.gaps[0];
    client.resume(&hub, follow());
    client.drain().await;
    assert_eq!(client.texts()[0], long_line(i64::try_from(missed).unwrap()));
    assert_eq!(client.lines.len() as u64, 12_000 - missed);
}

#[tokio::test(start_paused = true)]
async fn a_thousand_readers_that_never_read_on_leave_the_hub_within_its_bounds() {
    let source = Source::new();
    let hub = hub(&source);
    let mut clients = joined(&hub, 1_000).await;
    for n in 0..10_000 {
        source.write(record("web", n, long_line(n)));
    }
    clients[0].drain().await;
    assert!(hub.held_bytes() <= RING_BYTES, "{}", hub.held_bytes());
    assert!(hub.held_bytes() > RING_BYTES / 2, "the ring is used: {}", hub.held_bytes());
    clients[999].drain().await;
    assert_eq!(clients[999].lines.len() as u64 + clients[999].gaps.iter().sum::<u64>(), 10_000);
}

#[tokio::test(start_paused = true)]
async fn nobody_listens_so_nothing_is_read_from_the_engine() {
    let source = Source::new();
    let hub = hub(&source);
    assert_eq!(source.follows(), 0);
    let clients = joined(&hub, 3).await;
    assert_eq!(source.open_follows(), 1);
    drop(clients);
    sleep(LINGER / 2).await;
    let clients = joined(&hub, 1).await;
    assert_eq!(source.follows(), 1, "a client that comes back at once finds the same upstream");
    source.write(record("web", 1, "x"));
    sleep(LINGER * 2).await;
    assert!(hub.held_bytes() > 0);
    drop(clients);
    sleep(LINGER * 2).await;
    assert_eq!(source.open_follows(), 0);
    assert_eq!(hub.held_bytes(), 0);
    let mut again = joined(&hub, 1).await;
    source.write(record("web", 2, "again"));
    again[0].take_lines(1).await;
    assert_eq!((source.follows(), again[0].texts()), (2, vec!["again"]));
}

#[tokio::test(start_paused = true)]
async fn every_deployment_is_marked_once_and_lines_carry_its_number() {
    let source = Source::with_lines([record("web", 1, "old"), record("web", 20, "seven")]);
    let mut restarts = Restarts::default();
    restarts.add(restart(10, 7));
    let (news, known) = watch::channel(Arc::new(restarts.clone()));
    let hub = LogHub::new(source.shared(), known);
    let mut client = Client::new(&hub, follow());
    client.take_lines(3).await;
    restarts.add(restart(30, 8));
    news.send_replace(Arc::new(restarts));
    client.take_lines(4).await;
    source.write(record("web", 40, "eight"));
    client.take_lines(5).await;
    let expected = [(0, "old"), (7, "deployment #7"), (7, "seven"), (8, "deployment #8")];
    let shown = client.lines.iter().map(|line| (line.deployment, line.line.as_str()));
    assert_eq!(shown.collect::<Vec<_>>(), [&expected[..], &[(8, "eight")]].concat());

    let mut again = Client::new(&hub, LogQuery::default());
    again.take_lines(5).await;
    assert_eq!(again.lines, client.lines, "a log that is read again has the same marks");
    let last = LogQuery { tail: Some(1), ..LogQuery::default() };
    let mut tail = Client::new(&hub, last);
    tail.take_lines(2).await;
    assert_eq!(tail.lines, client.lines[3..], "a tail begins with whose lines it has");
}

fn restart(at: i64, number: u64) -> Restart {
    let deployment = DeploymentNumber(number);
    Restart { at, deployment, text: format!("deployment {deployment}") }
}

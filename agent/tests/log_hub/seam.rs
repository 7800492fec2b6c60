//! Where backlog, live lines, reconnections and restarts meet, every line comes exactly once.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use ripcord_agent::logs::{LogHub, LogQuery};
use tokio::time::{sleep, timeout};

use crate::{
    client::{Client, follow, follow_new, hub},
    source::{Source, record},
};

/// A small generator: seeds must mean the same for ever.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

const NAMES: [&str; 3] = ["web", "db", "worker 1:~%é"];

/// Writes lines that name their number per source, often several with one time.
#[derive(Default)]
struct Application {
    time: i64,
    written: BTreeMap<&'static str, u64>,
}

impl Application {
    fn write(&mut self, source: &Source, dice: &mut Dice, step: i64) {
        let name = NAMES[usize::try_from(dice.below(3)).unwrap()];
        if dice.below(3) == 0 {
            self.time += step;
        }
        let number = self.written.entry(name).or_default();
        source.write(record(name, self.time, number.to_string()));
        *number += 1;
    }
}

/// Per source the numbers in the order in which they came.
fn numbers(client: &Client) -> BTreeMap<&str, Vec<u64>> {
    let mut numbers: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for line in &client.lines {
        numbers.entry(&line.source).or_default().push(line.line.parse().unwrap());
    }
    numbers
}

/// Every line from the first that came to the last that was written, exactly once.
fn assert_whole(client: &Client, application: &Application, from_start: bool, seed: u64) {
    let numbers = numbers(client);
    for (name, written) in &application.written {
        let got = numbers.get(name).map_or(&[][..], Vec::as_slice);
        let first = if from_start { 0 } else { got.first().copied().unwrap_or(*written) };
        let expected: Vec<u64> = (first..*written).collect();
        assert_eq!(got, expected, "{name} with seed {seed}");
    }
}

async fn interleave(seed: u64, step: i64) {
    let mut dice = Dice(seed);
    let pauses = (0..7).map(|_| dice.below(30).saturating_sub(20)).collect();
    let source = Source::with_pauses(pauses);
    let mut application = Application::default();
    for _ in 0..dice.below(60) {
        application.write(&source, &mut dice, step);
    }
    let mut hub = hub(&source);
    let mut clients: Vec<(Client, LogQuery)> = vec![];
    for round in 0..12 {
        if round % 3 == 0 {
            let tail = [None, Some(0), Some(1), Some(2), Some(20)]
                [usize::try_from(dice.below(5)).unwrap()];
            let query = LogQuery { tail, ..follow() };
            clients.push((Client::new(&hub, query.clone()), query));
        }
        for _ in 0..dice.below(40) {
            application.write(&source, &mut dice, step);
            if dice.below(4) == 0 {
                sleep(Duration::from_millis(dice.below(40))).await;
            }
        }
        if dice.below(5) == 0 {
            hub = crate::client::hub(&source);
        }
        for (client, query) in &mut clients {
            disturb(client, query, &hub, &mut dice).await;
        }
    }
    for (client, query) in &mut clients {
        client.drain().await;
        assert!(client.gaps.is_empty());
        assert_whole(client, &application, query.tail.is_none(), seed);
    }
}

/// Reads a little, and sometimes loses the connection.
async fn disturb(client: &mut Client, query: &LogQuery, hub: &Arc<LogHub>, dice: &mut Dice) {
    for _ in 0..dice.below(6) {
        let _ = timeout(Duration::from_millis(50), client.take()).await;
    }
    let started = !client.cursor.is_empty();
    if started && dice.below(2) == 0 {
        client.resume(hub, query.clone());
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_reconnects_at_any_moment_gets_every_line_exactly_once() {
    for seed in 0..100 {
        interleave(seed, 1).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_when_lines_are_seconds_apart_and_old_positions_are_forgotten() {
    for seed in 0..100 {
        interleave(seed, 4_000_000_000).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_line_of_many_with_one_time_is_not_told_again() {
    let source = Source::with_lines((0..200).map(|n| record("web", 7, n.to_string())));
    let hub = hub(&source);
    let mut client = Client::new(&hub, LogQuery { tail: Some(1), ..follow() });
    client.take_lines(1).await;
    source.write(record("web", 7, "200"));
    client.drain().await;
    assert_eq!(client.texts(), ["199", "200"]);
    source.write(record("web", 7, "201"));
    let after_restart = crate::client::hub(&source);
    client.resume(&after_restart, follow());
    client.drain().await;
    assert_eq!(client.texts(), ["199", "200", "201"]);
}

#[tokio::test(start_paused = true)]
async fn whoever_loses_the_connection_before_the_first_line_misses_none() {
    let of_db = LogQuery { services: vec!["db".into()], tail: Some(1), ..follow() };
    for query in [follow_new(), of_db] {
        let source = Source::with_lines([record("web", 1, "old")]);
        let mut client = Client::new(&hub(&source), query.clone());
        client.join().await;
        source.write(record("db", 2, "a"));
        source.write(record("db", 3, "b"));
        client.resume(&hub(&source), query);
        client.drain().await;
        assert_eq!(client.texts(), ["a", "b"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_was_away_for_a_moment_is_served_from_the_ring() {
    let source = Source::with_lines([record("web", 1, "a")]);
    let hub = hub(&source);
    let mut client = Client::new(&hub, follow());
    client.take_lines(1).await;
    source.write(record("web", 2, "b"));
    client.take_lines(2).await;
    let reads = source.reads();
    client.resume(&hub, follow());
    source.write(record("web", 2, "c"));
    client.take_lines(3).await;
    assert_eq!(client.texts(), ["a", "b", "c"]);
    assert_eq!(source.reads(), reads, "the engine was asked again");
}

#[tokio::test(start_paused = true)]
async fn a_dump_that_was_cut_goes_on_where_it_was() {
    let lines =
        (0..3_000).map(|n| record(NAMES[n % 3], i64::try_from(n / 10).unwrap(), "x".repeat(50)));
    let source = Source::with_lines(lines);
    let mut client = Client::new(&hub(&source), LogQuery::default());
    client.take().await.unwrap();
    let mut rounds = 0;
    loop {
        client.resume(&hub(&source), LogQuery::default());
        if !client.take().await.unwrap() {
            break;
        }
        rounds += 1;
    }
    assert!(rounds > 3);
    assert_eq!(client.lines.len(), 3_000);
}

#[tokio::test(start_paused = true)]
async fn the_ring_went_by_during_a_long_backlog_and_still_nothing_is_missing() {
    let long = |n: i64| record("web", n, format!("{n} {}", "x".repeat(1_000)));
    let source = Source::with_lines((0..1_000).map(long));
    let hub = hub(&source);
    let mut client = Client::new(&hub, follow());
    client.take().await.unwrap();
    let mut keeper = Client::new(&hub, LogQuery { tail: Some(0), ..follow() });
    keeper.join().await;
    (1_000..12_000).for_each(|n| source.write(long(n)));
    keeper.drain().await;
    client.drain().await;
    source.write(long(12_000));
    client.drain().await;
    assert!(client.gaps.is_empty());
    let numbers = client.texts().into_iter().map(|text| text.split_once(' ').unwrap().0.parse());
    assert_eq!(numbers.collect::<Result<Vec<i64>, _>>().unwrap(), (0..=12_000).collect::<Vec<_>>());
}

//! Sources fail; readers stay.

use std::time::Duration;

use ripcord_agent::{logs::LogError, ports::LOG_LINE_BYTES};
use tokio::time::sleep;

use crate::{
    client::{Client, follow, follow_new, hub},
    source::{Source, record},
};

fn markers(client: &Client) -> Vec<&str> {
    let markers = client.lines.iter().filter(|line| line.marker);
    markers.map(|line| line.line.as_str()).collect()
}

#[tokio::test(start_paused = true)]
async fn the_engine_restarts_and_readers_lose_nothing_and_are_told_once() {
    let source = Source::with_lines([record("web", 1, "a"), record("web", 1, "b")]);
    let hub = hub(&source);
    let mut client = Client::new(&hub, follow());
    client.take_lines(2).await;
    source.refuse(5);
    source.break_streams();
    sleep(Duration::from_millis(500)).await;
    source.write(record("web", 1, "c"));
    source.write(record("web", 2, "d"));
    client.take_lines(5).await;
    client.drain().await;
    assert_eq!(markers(&client).len(), 1, "{:?}", client.texts());
    assert!(markers(&client)[0].contains("the engine went away"));
    let lines: Vec<_> = client.lines.iter().filter(|line| !line.marker).collect();
    assert_eq!(lines.iter().map(|l| l.line.as_str()).collect::<Vec<_>>(), ["a", "b", "c", "d"]);

    source.break_streams();
    client.drain().await;
    assert_eq!(markers(&client).len(), 2, "a second failure is told again");
}

#[tokio::test(start_paused = true)]
async fn a_cursor_behind_our_own_marker_neither_repeats_it_nor_hides_lines() {
    let source = Source::with_lines([record("web", 1, "a")]);
    let hub = hub(&source);
    let mut client = Client::new(&hub, follow());
    client.take_lines(1).await;
    source.break_streams();
    client.take_lines(2).await;
    assert_eq!(markers(&client).len(), 1);
    source.write(record("web", 1, "b"));
    for hub in [&hub, &crate::client::hub(&source)] {
        let mut again = Client::new(hub, follow());
        again.cursor.clone_from(&client.cursor);
        again.resume(hub, follow());
        again.drain().await;
        assert_eq!(again.texts(), ["b"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_comes_while_the_engine_is_down_is_told_why_and_a_later_one_is_served() {
    let source = Source::with_lines([record("web", 1, "a")]);
    source.refuse(2);
    let hub = hub(&source);
    let mut early = Client::new(&hub, follow());
    let Err(LogError::Source(failure)) = early.take().await else { panic!("no error") };
    assert!(failure.message.contains("engine went away"));
    assert!(!early.take().await.unwrap(), "the stream ends after its error");
    sleep(Duration::from_secs(3)).await;
    let mut late = Client::new(&hub, follow());
    late.take_lines(1).await;
    assert_eq!(late.texts(), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_forgets_to_split_does_not_make_batches_that_nobody_accepts() {
    let huge = "é".repeat(5 * LOG_LINE_BYTES);
    let source = Source::with_lines([record("web", 1, huge.clone())]);
    let hub = hub(&source);
    let (mut reader, mut follower) = (Client::new(&hub, follow()), Client::new(&hub, follow_new()));
    follower.join().await;
    source.write(record("web", 2, huge.clone()));
    follower.drain().await;
    reader.drain().await;
    assert_eq!(follower.texts().concat(), huge);
    assert_eq!(reader.texts().concat(), huge.repeat(2));
    for client in [&reader, &follower] {
        assert!(client.lines.iter().all(|line| line.line.len() <= LOG_LINE_BYTES));
        assert!(client.batches.iter().all(|batch| batch.len() < 2 * LOG_LINE_BYTES));
    }
}

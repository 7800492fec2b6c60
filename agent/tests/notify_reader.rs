//! What a reader of the journal promises whoever is told: everything, in order, at least once, and
//! at a pace that a service in trouble can bear.
#![allow(missing_docs, clippy::unwrap_used)]

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use ripcord_agent::{
    journal::{Batch, Journal, Record, file_in},
    notify::{Pace, Reader, STOPPED_RETRY, Sink, SinkState, Tested, Undelivered},
};
use ripcord_core::{DeploymentNumber, Event, Timestamp, event::Entry};
use tempfile::TempDir;
use tokio::{sync::mpsc, time::Instant};
use tokio_util::sync::CancellationToken;

/// What the sink does with its next record.
#[derive(Clone)]
enum Answer {
    Take,
    Fail(Undelivered),
    /// Notes something, and then fails.
    NoteAndFail(&'static str),
    /// Never answers; the record did not arrive.
    Hang,
    /// Never answers, although the record arrived.
    TakeAndHang,
}

struct Fake {
    answers: Mutex<VecDeque<Answer>>,
    told: mpsc::UnboundedSender<(String, Instant)>,
}

type Told = mpsc::UnboundedReceiver<(String, Instant)>;

impl Fake {
    fn new(answers: Vec<Answer>) -> (Self, Told) {
        let (told, heard) = mpsc::unbounded_channel();
        (Self { answers: Mutex::new(answers.into()), told }, heard)
    }
}

#[async_trait]
impl Sink for Fake {
    fn name(&self) -> &str {
        "fake"
    }

    fn about(&self) -> String {
        String::new()
    }

    async fn test(&self, _send: bool) -> Result<Tested, Undelivered> {
        Ok(Tested::NotTried("a fake"))
    }

    fn concerns(&self, record: &Record) -> bool {
        message(record) != "chatter"
    }

    async fn deliver(&self, record: &Record, memo: &mut Option<String>) -> Result<(), Undelivered> {
        let answer = self.answers.lock().unwrap().pop_front().unwrap_or(Answer::Take);
        if !matches!(answer, Answer::Hang) {
            let known = memo.as_deref().map(|memo| format!(" ({memo})")).unwrap_or_default();
            self.told.send((format!("{}{known}", message(record)), Instant::now())).unwrap();
        }
        match answer {
            Answer::Take => Ok(()),
            Answer::Fail(failure) => Err(failure),
            Answer::NoteAndFail(note) => {
                *memo = Some(note.to_owned());
                Err(later(None))
            }
            Answer::Hang | Answer::TakeAndHang => std::future::pending().await,
        }
    }
}

fn message(record: &Record) -> &str {
    match &record.entry.event {
        Event::Remarked { message } => message,
        other => panic!("{other:?}"),
    }
}

fn later(after: Option<Duration>) -> Undelivered {
    Undelivered::Later { after, why: "it is down".to_owned() }
}

fn stopped() -> Undelivered {
    Undelivered::Stopped { why: "renew the token".to_owned() }
}

async fn remark(journal: &Journal, messages: &[&str]) {
    let entry = |message: &&str| Entry {
        deployment: Some(DeploymentNumber(1)),
        event: Event::Remarked { message: (*message).to_owned() },
    };
    let (environment, at) = ("lab".parse().unwrap(), Timestamp(5));
    let entries = messages.iter().map(entry).collect();
    journal.append(Batch { environment, at, entries, state: None, changed: vec![] }).await.unwrap();
}

/// A reader over a new journal in which these messages wait for it.
async fn waiting(answers: Vec<Answer>, messages: &[&str]) -> (TempDir, Reader, Told) {
    let folder = TempDir::new().unwrap();
    let journal = Journal::open(&file_in(folder.path())).unwrap();
    let (sink, told) = Fake::new(answers);
    let reader = Reader::open(journal.clone(), sink).await.unwrap();
    remark(&journal, messages).await;
    (folder, reader, told)
}

fn start(reader: Reader) -> CancellationToken {
    let stop = CancellationToken::new();
    tokio::spawn(reader.run(stop.clone()));
    stop
}

async fn hear(told: &mut Told, count: usize) -> (Vec<String>, Vec<Duration>) {
    let mut heard = Vec::new();
    for _ in 0..count {
        heard.push(told.recv().await.unwrap());
    }
    let gaps = heard.windows(2).map(|pair| pair[1].1 - pair[0].1).collect();
    (heard.into_iter().map(|(message, _)| message).collect(), gaps)
}

fn between(gap: Duration, from: u64, to: u64) {
    assert!(
        (Duration::from_millis(from)..=Duration::from_millis(to + 1)).contains(&gap),
        "{gap:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn nothing_overtakes_what_could_not_be_told_and_tries_become_rarer() {
    let down = Answer::Fail(later(None));
    let (_folder, reader, mut told) =
        waiting(vec![down.clone(), down.clone(), down], &["one", "chatter", "two", "three"]).await;
    start(reader);
    let (messages, gaps) = hear(&mut told, 6).await;
    assert_eq!(messages, ["one", "one", "one", "one", "two", "three"]);
    between(gaps[0], 500, 1_000);
    between(gaps[1], 1_000, 2_000);
    between(gaps[2], 2_000, 4_000);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_says_when_to_come_back_is_not_asked_before() {
    let limited = Answer::Fail(later(Some(Duration::from_secs(90))));
    let (_folder, reader, mut told) = waiting(vec![limited], &["one"]).await;
    start(reader);
    let (_, gaps) = hear(&mut told, 2).await;
    between(gaps[0], 90_000, 90_000);
}

#[test]
fn a_pause_is_never_endless_nor_nothing_whatever_a_service_says() {
    let mut pace = Pace::default();
    let chances = [0.0, 1.0, 0.3, f64::MAX, -1.0];
    let pauses: Vec<_> =
        (0..60).map(|n| pace.after(&later(None), chances[n % 5]).unwrap()).collect();
    assert!(pauses.iter().all(|pause| pause.as_secs() <= 300), "{pauses:?}");
    assert!(pauses[20..].iter().all(|pause| pause.as_secs() >= 150), "{pauses:?}");
    let told = |seconds| pace_after(&later(Some(Duration::from_secs(seconds))));
    assert_eq!((told(0), told(7), told(999_999)), (Some(1), Some(7), Some(3_600)));
    assert_eq!(pace_after(&Undelivered::Skip { why: String::new() }), None);
}

fn pace_after(failure: &Undelivered) -> Option<u64> {
    Pace::default().after(failure, 0.5).map(|pause| pause.as_secs())
}

#[tokio::test(start_paused = true)]
async fn a_stopped_sink_is_said_once_tried_rarely_and_goes_on_where_it_was() {
    let log = Log::default();
    let _guard = log.capture();
    let stop = Answer::Fail(stopped());
    let (_folder, reader, mut told) =
        waiting(vec![stop.clone(), stop.clone(), stop], &["one", "two"]).await;
    let mut health = reader.health();
    start(reader);
    let stopped = health.wait_for(|health| health.state != SinkState::Working).await.unwrap();
    let (since, why) = (Timestamp(5), "renew the token".to_owned());
    assert_eq!(stopped.state, SinkState::Stopped { since, why });
    drop(stopped);
    let (messages, gaps) = hear(&mut told, 5).await;
    assert_eq!(messages, ["one", "one", "one", "one", "two"]);
    assert!(gaps[..3].iter().all(|gap| gap.as_secs() == STOPPED_RETRY.as_secs()), "{gaps:?}");
    let works = health.wait_for(|health| health.delivered == 2).await.unwrap().clone();
    assert_eq!(works.state, SinkState::Working);
    let log = log.text();
    assert_eq!(log.matches("the sink is stopped").count(), 1, "{log}");
    assert!(log.contains("renew the token") && log.contains("works again"), "{log}");
}

#[tokio::test(start_paused = true)]
async fn what_can_never_be_told_does_not_hold_up_the_rest() {
    let never = Answer::Fail(Undelivered::Skip { why: "no such commit".to_owned() });
    let (_folder, reader, mut told) = waiting(vec![never], &["one", "two"]).await;
    start(reader);
    assert_eq!(hear(&mut told, 2).await.0, ["one", "two"]);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_never_answers_is_asked_again() {
    let (_folder, reader, mut told) =
        waiting(vec![Answer::TakeAndHang, Answer::Hang], &["one", "two"]).await;
    start(reader);
    let (messages, gaps) = hear(&mut told, 3).await;
    assert_eq!(messages, ["one", "one", "two"]);
    assert!(gaps[0] >= Duration::from_secs(240), "two deliveries ran into their limit: {gaps:?}");
}

#[tokio::test(start_paused = true)]
async fn a_service_that_hangs_does_not_hold_up_the_agents_end() {
    let (_folder, reader, mut told) = waiting(vec![Answer::TakeAndHang], &["one"]).await;
    let stop = CancellationToken::new();
    let running = tokio::spawn(reader.run(stop.clone()));
    hear(&mut told, 1).await;
    let began = Instant::now();
    stop.cancel();
    running.await.unwrap();
    between(began.elapsed(), 2_000, 2_000);
}

/// The agent dies at each delivery, before and after the other side has it.
#[tokio::test(start_paused = true)]
async fn a_killed_agent_loses_nothing_and_repeats_at_most_what_it_was_telling() {
    for deliveries in 0..4 {
        for last in [Answer::Hang, Answer::TakeAndHang] {
            let mut answers = vec![Answer::Take; deliveries];
            answers.push(last.clone());
            let messages = ["one", "two", "chatter", "three", "four"];
            let (folder, reader, mut told) = waiting(answers, &messages).await;
            let running = tokio::spawn(reader.run(CancellationToken::new()));
            let arrived = deliveries + usize::from(matches!(last, Answer::TakeAndHang));
            let mut heard = hear(&mut told, arrived).await.0;
            tokio::task::yield_now().await;
            running.abort();
            let _ = running.await;

            let journal = Journal::open(&file_in(folder.path())).unwrap();
            let (sink, mut told) = Fake::new(vec![]);
            start(Reader::open(journal, sink).await.unwrap());
            loop {
                let next = hear(&mut told, 1).await.0.remove(0);
                heard.push(next);
                if heard.last().is_some_and(|last| last == "four") {
                    break;
                }
            }
            let repeated = heard.len() - 4;
            heard.dedup();
            assert_eq!(heard, ["one", "two", "three", "four"]);
            assert!(repeated <= 1, "{repeated} repeated after {deliveries} deliveries");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_sink_noted_is_known_again_although_the_delivery_failed() {
    let answers = vec![Answer::NoteAndFail("id 7"), Answer::TakeAndHang];
    let (folder, reader, mut told) = waiting(answers, &["one"]).await;
    let running = tokio::spawn(reader.run(CancellationToken::new()));
    assert_eq!(hear(&mut told, 2).await.0, ["one", "one (id 7)"]);
    running.abort();
    let _ = running.await;
    let journal = Journal::open(&file_in(folder.path())).unwrap();
    let (sink, mut told) = Fake::new(vec![]);
    start(Reader::open(journal, sink).await.unwrap());
    assert_eq!(hear(&mut told, 1).await.0, ["one (id 7)"]);
}

/// What this thread logs.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn capture(&self) -> tracing::subscriber::DefaultGuard {
        let log = self.clone();
        let subscriber =
            tracing_subscriber::fmt().with_ansi(false).with_writer(move || log.clone()).finish();
        tracing::subscriber::set_default(subscriber)
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

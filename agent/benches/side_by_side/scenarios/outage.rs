//! How long visitors see nothing while a container restarts behind a published port of a bridge
//! network: requests come at a steady pace, whether or not the last one was answered.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    runtime::{Builder, Runtime},
    time::{MissedTickBehavior, interval, timeout},
};

use crate::{
    agent::{Agent, Certs},
    findings::Findings,
    interrupt,
    options::Options,
    page,
    place::{OBEDIENT, Scene},
    series::Series,
    targets,
    turns::order,
    ways::{Ripcord, Shell, Way},
};

/// 200 requests a second.
const PACE: Duration = Duration::from_millis(5);
/// How long visitors wait for an answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// Traffic before a deployment, and behind it.
const MARGIN: Duration = Duration::from_millis(500);

pub(crate) fn run(options: &Options, findings: &mut Findings) {
    let scene = Scene::new();
    let (script, ours) = (scene.place("script", OBEDIENT), scene.place("ripcord", OBEDIENT));
    let agent = Agent::start(
        &scene.folder.path().join("agent"),
        &Certs::new(scene.folder.path()),
        &ours.environment("bench", "when = \"none\""),
    );
    let mut script = Shell::compose(&script);
    let mut ours = Ripcord { place: &ours, agent: &agent, environment: "bench" };
    let ways: [&mut dyn Way; 2] = [&mut script, &mut ours];
    let mut series = ways.each_ref().map(|way| Series::of_times(way.name()));
    for round in 0..options.rounds(12, 2) {
        for at in order(round, ways.len()) {
            interrupt::check();
            series[at].add(outage(&scene, ways[at], round));
        }
    }
    findings.show(&[&series[0], &series[1]]);
    findings.compare(&targets::OUTAGE, &series[1], &series[0]);
}

/// The longest time without a good answer while this way deploys.
fn outage(scene: &Scene, way: &mut dyn Way, round: usize) -> Duration {
    let new = format!("round {round} of {}", way.name());
    let old = way.place().page().unwrap();
    let sha = scene.git.pushed(&new);
    let traffic = Traffic::start(way.place().project.port);
    interrupt::wait(MARGIN);
    way.deploy(&sha);
    interrupt::wait(MARGIN);
    let (began, answers) = traffic.stop();
    assert_eq!(way.place().page().as_ref(), Some(&new));
    let mut good = vec![began];
    for (time, page) in answers {
        match page == old || page == new {
            true => good.push(time),
            // The container was stopped while it answered.
            false => assert!(old.starts_with(&page) || new.starts_with(&page), "{page:?}"),
        }
    }
    good.sort();
    good.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap()
}

type Answers = Arc<Mutex<Vec<(Instant, String)>>>;

/// Visitors.
struct Traffic {
    runtime: Runtime,
    began: Instant,
    answers: Answers,
}

impl Traffic {
    fn start(port: u16) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let answers = Answers::default();
        runtime.spawn(visitors(port, Arc::clone(&answers)));
        Self { runtime, began: Instant::now(), answers }
    }

    /// When it began, and every good answer since.
    fn stop(self) -> (Instant, Vec<(Instant, String)>) {
        self.runtime.shutdown_background();
        let answers = std::mem::take(&mut *self.answers.lock().unwrap());
        (self.began, answers)
    }
}

async fn visitors(port: u16, answers: Answers) {
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
    loop {
        pace.tick().await;
        let answers = Arc::clone(&answers);
        tokio::spawn(async move {
            if let Ok(Some(page)) = timeout(PATIENCE, visit(port)).await {
                answers.lock().unwrap().push((Instant::now(), page));
            }
        });
    }
}

async fn visit(port: u16) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    stream.write_all(page::REQUEST).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    page::body(&answer)
}

//! Everything that an agent does, in one story, told to an agent that may die at any moment: it is
//! started again, and its callers go on where they stopped.

use std::{path::PathBuf, time::Duration};

use ripcord_proto::v1::{self, DeployRequest, Progress, WaitFor, progress::Item};
use tonic::{Code, Status, Streaming};

use crate::{
    check::{Evidence, Heard},
    evidence,
    life::{Death, Life},
    support::site::{Client, PATIENCE, reason},
    world::World,
};

pub const ENVIRONMENT: &str = "lab";

/// What is left of a story, and how it went.
pub struct Played {
    pub evidence: Evidence,
    /// The points that each agent reached, one list for each life.
    pub reached: Vec<Vec<String>>,
    /// How many of the planned deaths happened.
    pub deaths: usize,
}

/// Plays the whole story; the nth agent dies the nth death.
pub async fn play(deaths: Vec<Death>) -> Played {
    let world = World::new().await;
    let mut driver = Driver { world, deaths, begun: 0, died: 0, life: None, heard: Vec::new() };
    let story = driver.story();
    let limit = PATIENCE * 2;
    tokio::time::timeout(limit, story).await.expect("the story does not end");
    driver.leave().await
}

pub struct Driver {
    world: World,
    deaths: Vec<Death>,
    /// How many agents were started.
    begun: usize,
    died: usize,
    life: Option<Life>,
    heard: Vec<Heard>,
}

impl Driver {
    async fn story(&mut self) {
        use WaitFor::{Live, Verdict};
        self.deploy("good", Verdict, &["validated"]).await;
        self.deploy("untested", Verdict, &["rolled_back"]).await;
        self.deploy("broken", Verdict, &["failed"]).await;
        self.deploy("slow-1", Live, &["superseded"]).await;
        self.deploy("next", Verdict, &["validated"]).await;
        self.world.open_gate("slow-1");
        self.settled().await;
        self.burst().await;
        self.deploy("slow-5", Live, &["rolled_back"]).await;
        self.roll_back().await;
        self.deploy("held", Verdict, &[]).await;
        self.resume().await;
        self.hold().await;
        self.resume().await;
        self.deploy("again", Verdict, &["validated"]).await;
        self.settled().await;
    }

    /// Three at a time: the second waits for the first, and gives its place to the third. The
    /// first one's good verdict comes when the third is live already.
    async fn burst(&mut self) {
        self.deploy("slow-2", WaitFor::None, &["superseded"]).await;
        self.deploy("slow-3", WaitFor::None, &["superseded"]).await;
        self.deploy("slow-4", WaitFor::Live, &["validated"]).await;
        self.world.open_gate("slow-2");
        self.world.open_gate("slow-3");
        self.only_open(1).await;
        self.world.open_gate("slow-4");
        self.settled().await;
    }

    /// Deploys a page; `ends` are the ways in which that may end, none when it is to be refused.
    async fn deploy(&mut self, page: &'static str, wait: WaitFor, ends: &'static [&'static str]) {
        let request = DeployRequest {
            environment: ENVIRONMENT.to_owned(),
            sha: self.world.commits[page].clone(),
            request_id: format!("request-{page}"),
            wait: wait.into(),
            ..DeployRequest::default()
        };
        let mut heard = Heard { what: page, ends, ..Heard::default() };
        loop {
            let mut client = self.client();
            let told = match heard.number {
                0 => match client.deploy(request.clone()).await {
                    Ok(stream) => hear(stream.into_inner(), &mut heard, |m| m.progress).await,
                    Err(status) if ends.is_empty() && reason(&status) == "HELD" => return,
                    Err(status) => Err(status),
                },
                _ => watch(client, &mut heard, wait).await,
            };
            match told {
                Ok(()) => break,
                Err(status) => self.bury(&status),
            }
        }
        self.heard.push(heard);
    }

    async fn roll_back(&mut self) {
        let request = v1::RollbackRequest {
            environment: ENVIRONMENT.to_owned(),
            request_id: "request-rollback".to_owned(),
            hold: Some(true),
            wait: WaitFor::Verdict.into(),
            ..v1::RollbackRequest::default()
        };
        let mut heard = Heard { what: "rollback", ends: &["validated"], ..Heard::default() };
        loop {
            let mut client = self.client();
            let told = match heard.number {
                0 => match client.rollback(request.clone()).await {
                    Ok(stream) => hear(stream.into_inner(), &mut heard, |m| m.progress).await,
                    Err(status) => Err(status),
                },
                _ => watch(client, &mut heard, WaitFor::Verdict).await,
            };
            match told {
                Ok(()) => break,
                Err(status) => self.bury(&status),
            }
        }
        self.heard.push(heard);
    }

    async fn hold(&mut self) {
        let (environment, reason) = (ENVIRONMENT.to_owned(), "a look around".to_owned());
        let request = v1::HoldRequest { environment, reason };
        while let Err(status) = self.client().hold(request.clone()).await {
            self.bury(&status);
        }
    }

    async fn resume(&mut self) {
        let request = v1::ResumeRequest { environment: ENVIRONMENT.to_owned() };
        while let Err(status) = self.client().resume(request.clone()).await {
            self.bury(&status);
        }
    }

    /// Waits until nothing is open, and an agent lives.
    async fn settled(&mut self) {
        self.only_open(0).await;
    }

    /// Waits until no more than so many deployments are open, or listen to their verdict.
    async fn only_open(&mut self, count: usize) {
        loop {
            let _ = self.client();
            let state = evidence::state(&self.journal());
            if state.is_some_and(|state| state.open.len() <= count) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
            if self.life.as_mut().is_some_and(Life::is_over) {
                self.bury(&Status::unavailable("it died while it was waited for"));
            }
        }
    }

    /// A client of an agent that lives; starts one where there is none.
    fn client(&mut self) -> Client {
        while self.life.is_none() {
            let points = self.points(self.begun);
            let death = self.deaths.get(self.begun);
            self.life = Life::start(&self.world.config, &points, death);
            self.begun += 1;
            self.died += usize::from(self.life.is_none());
        }
        self.world.site.client(&self.life.as_ref().unwrap().agent)
    }

    /// The agent does not answer: it must have been killed.
    #[track_caller]
    fn bury(&mut self, status: &Status) {
        let broken = matches!(
            status.code(),
            Code::Unavailable | Code::Unknown | Code::Cancelled | Code::Internal
        );
        assert!(broken, "an answer that nobody expects: {status:?}");
        if let Some(mut life) = self.life.take() {
            life.assert_killed();
        }
        self.died += 1;
    }

    fn points(&self, life: usize) -> PathBuf {
        self.world.site.folder.path().join(format!("points-{life}"))
    }

    fn journal(&self) -> PathBuf {
        self.world.site.state_dir().join("journal.sqlite")
    }

    /// Stops the agent, and reads what it leaves.
    async fn leave(mut self) -> Played {
        while let Some(life) = self.life.as_mut() {
            if !life.spare().await {
                break;
            }
            self.bury(&Status::unavailable("it was killed at the very end"));
            self.settled().await;
        }
        let served = evidence::served(&self.world.url).await;
        let stopped = self.life.take().map(Life::end);
        assert!(stopped.is_none_or(|it| it.success()), "the agent does not stop well: {stopped:?}");
        let reached = (0..self.begun).map(|life| evidence::lines(&self.points(life))).collect();
        let heard = std::mem::take(&mut self.heard);
        let evidence = evidence::gather(&self.world, &self.journal(), heard, served);
        Played { evidence, reached, deaths: self.died }
    }
}

async fn watch(mut client: Client, heard: &mut Heard, wait: WaitFor) -> Result<(), Status> {
    let request = v1::WatchRequest {
        environment: ENVIRONMENT.to_owned(),
        deployment: heard.number,
        after_sequence: heard.sequences.last().copied().unwrap_or_default(),
        wait: wait.into(),
    };
    let stream = client.watch(request).await?.into_inner();
    hear(stream, heard, |message| message.progress).await
}

/// Listens until the result; an error is a stream that broke before.
async fn hear<T>(
    mut stream: Streaming<T>,
    heard: &mut Heard,
    progress: impl Fn(T) -> Option<Progress>,
) -> Result<(), Status> {
    while let Some(message) = stream.message().await? {
        match progress(message).unwrap().item.unwrap() {
            Item::Admitted(admitted) => heard.number = admitted.deployment,
            Item::Event(event) => heard.sequences.push(event.sequence),
            Item::Activity(_) => {}
            Item::Result(result) => {
                heard.result = Some(result.outcome().as_str_name().to_lowercase());
                return Ok(());
            }
        }
    }
    Err(Status::unavailable("the stream ended without a result"))
}

//! Follows a deployment to its end, across lost connections: nothing is lost, nothing told twice.
//!
//! Until the agent has given a number, the request is sent again with the same request id; from
//! then on the follower attaches behind the last event that it has seen.

use std::{pin::Pin, time::Duration};

use ripcord_proto::v1::{
    self, DeployRequest, RollbackRequest, WaitFor, WatchRequest, progress::Item,
};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep};
use tokio_stream::{Stream, StreamExt};
use tonic::Status;

use crate::{
    client::{Agent, Client},
    failure::{Failure, Meaning},
    oidc::Proof,
    tell::Teller,
};

/// How long lost connections are tried again before the controller gives up.
const PATIENCE: Duration = Duration::from_secs(120);
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How often the teller may say that time passes.
const BEAT: Duration = Duration::from_secs(1);

type Story = Pin<Box<dyn Stream<Item = Result<Option<Item>, Status>> + Send>>;

/// How the story is asked for the first time.
#[derive(Debug, Clone)]
pub(crate) enum Opening {
    Deploy(DeployRequest),
    Rollback(RollbackRequest),
    Watch(WatchRequest),
}

impl Opening {
    /// The id under which the request can be repeated.
    pub(crate) fn request_id(&self) -> Option<&str> {
        match self {
            Self::Deploy(request) => Some(&request.request_id),
            Self::Rollback(request) => Some(&request.request_id),
            Self::Watch(_) => None,
        }
    }
}

/// A deployment that has a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) environment: String,
    pub(crate) deployment: u64,
    pub(crate) sha: String,
}

/// Why reading stopped.
enum Break {
    Lost(String),
    Final(Failure),
}

/// Follows one deployment.
pub(crate) struct Follow<'a> {
    agent: &'a Agent,
    opening: Opening,
    proof: Proof,
    wait: WaitFor,
    timeout: Option<Duration>,
    place: Option<Place>,
    last: u64,
    /// The teller knows the number.
    announced: bool,
    /// The agent was reached at least once.
    reached: bool,
    /// Since when there is no connection.
    lost: Option<Instant>,
    pause: Duration,
}

impl<'a> Follow<'a> {
    pub(crate) fn new(
        agent: &'a Agent,
        opening: Opening,
        wait: WaitFor,
        timeout: Option<Duration>,
    ) -> Self {
        let place = named_place(&opening);
        Self {
            agent,
            opening,
            proof: Proof::of_this_process(),
            wait,
            timeout,
            place,
            last: 0,
            announced: false,
            reached: false,
            lost: None,
            pause: FIRST_PAUSE,
        }
    }

    /// The deployment, as soon as it has a number.
    pub(crate) fn place(&self) -> Option<&Place> {
        self.place.as_ref()
    }

    /// Whether the wait ended while nobody knew what became of the request.
    pub(crate) fn may_have_arrived<T>(&self, ended: &Result<T, Failure>) -> bool {
        let undecided = matches!(
            ended,
            Err(Failure::Detached | Failure::TimedOut { .. } | Failure::Unreachable { .. })
        );
        undecided && self.reached && self.place.is_none()
    }

    /// Follows until the result, Ctrl-C or the timeout.
    pub(crate) async fn run(&mut self, teller: &mut dyn Teller) -> Result<v1::Result, Failure> {
        let timeout = self.timeout;
        let ended = tokio::select! {
            ended = self.until_result(teller) => Some(ended),
            interrupted = tokio::signal::ctrl_c() => Some(match interrupted {
                Ok(()) => Err(self.left()),
                Err(error) => Err(Failure::Unexpected(format!("cannot wait for Ctrl-C: {error}"))),
            }),
            () = elapsed(timeout) => None,
        };
        ended.unwrap_or_else(|| Err(self.timed_out()))
    }

    /// Who only wanted to know, or was never connected, asked for nothing that could go on.
    fn left(&self) -> Failure {
        let changes_nothing = match &self.opening {
            Opening::Deploy(request) => request.dry_run || !self.reached,
            Opening::Rollback(request) => request.dry_run || !self.reached,
            Opening::Watch(_) => false,
        };
        if changes_nothing { Failure::Left } else { Failure::Detached }
    }

    /// Whoever cannot be reached when time is up was unreachable; anybody else is undecided.
    fn timed_out(&self) -> Failure {
        let after = self.timeout.unwrap_or_default();
        if self.reached && self.lost.is_none() {
            return Failure::TimedOut { after };
        }
        self.agent.unreachable("--timeout is over")
    }

    async fn until_result(&mut self, teller: &mut dyn Teller) -> Result<v1::Result, Failure> {
        loop {
            let why = match self.attach_and_read(teller).await {
                Ok(result) => return Ok(result),
                Err(Break::Final(Failure::Oidc { message, audience })) => {
                    self.proof.fetch(message, &audience).await?;
                    continue;
                }
                Err(Break::Final(failure)) => return Err(failure),
                Err(Break::Lost(why)) => why,
            };
            self.endure(&why, teller).await?;
        }
    }

    /// Waits a little before the next try, or gives up.
    async fn endure(&mut self, why: &str, teller: &mut dyn Teller) -> Result<(), Failure> {
        let since = match self.lost {
            Some(since) => since,
            None => {
                teller.notice(&format!("connection lost ({why}); attaching again"));
                *self.lost.insert(Instant::now())
            }
        };
        if since.elapsed() >= PATIENCE {
            return Err(self.agent.unreachable(&format!("{why}; gave up after 2 min")));
        }
        sleep(self.pause).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        Ok(())
    }

    async fn attach_and_read(&mut self, teller: &mut dyn Teller) -> Result<v1::Result, Break> {
        let client = self.connect().await?;
        let mut story = match self.open(client).await {
            Ok(story) => story,
            Err(status) => return Err(self.broken(&status).await),
        };
        let mut beat = interval_at(Instant::now() + BEAT, BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let told = tokio::select! {
                told = story.next() => told,
                _ = beat.tick() => {
                    self.attached(teller);
                    teller.beat();
                    continue;
                }
            };
            match told {
                Some(Ok(Some(Item::Result(result)))) => return Ok(result),
                Some(Ok(item)) => self.take(item, teller),
                Some(Err(status)) => return Err(self.broken(&status).await),
                None => return Err(Break::Lost("the agent ended the stream".to_owned())),
            }
        }
    }

    /// The first connection must succeed; later ones may take their time.
    async fn connect(&mut self) -> Result<Client, Break> {
        match self.agent.connect().await {
            Ok(client) => {
                self.reached = true;
                Ok(client)
            }
            Err(Failure::Unreachable { message }) if self.reached => Err(Break::Lost(message)),
            Err(failure) => Err(Break::Final(failure)),
        }
    }

    async fn broken(&self, status: &Status) -> Break {
        match self.agent.meaning(status).await {
            Meaning::Lost(why) => Break::Lost(why),
            Meaning::Final(failure) => Break::Final(failure),
        }
    }

    async fn open(&self, mut client: Client) -> Result<Story, Status> {
        let opening = match &self.place {
            Some(place) => Opening::Watch(WatchRequest {
                environment: place.environment.clone(),
                deployment: place.deployment,
                after_sequence: self.last,
                wait: self.wait.into(),
            }),
            None => self.opening.clone(),
        };
        Ok(match opening {
            Opening::Deploy(request) => {
                let request = self.proof.attach(request);
                boxed(client.deploy(request).await?, |told| told.progress)
            }
            Opening::Rollback(request) => {
                boxed(client.rollback(request).await?, |told| told.progress)
            }
            Opening::Watch(request) => boxed(client.watch(request).await?, |told| told.progress),
        })
    }

    /// The connection is good again: it told something new, or held for a while.
    fn attached(&mut self, teller: &mut dyn Teller) {
        if self.lost.take().is_some() {
            self.pause = FIRST_PAUSE;
            teller.notice("attached again");
        }
    }

    fn take(&mut self, item: Option<Item>, teller: &mut dyn Teller) {
        match item {
            Some(Item::Admitted(admitted)) => self.admitted(&admitted, teller),
            Some(Item::Event(event)) if event.sequence > self.last => {
                self.last = event.sequence;
                self.attached(teller);
                self.place_of(&event);
                teller.event(&event);
            }
            Some(Item::Activity(activity)) => teller.activity(&activity),
            Some(Item::Event(_) | Item::Result(_)) | None => {}
        }
    }

    fn admitted(&mut self, admitted: &v1::Admitted, teller: &mut dyn Teller) {
        if std::mem::replace(&mut self.announced, true) {
            return;
        }
        self.attached(teller);
        self.place = Some(Place {
            environment: admitted.environment.clone(),
            deployment: admitted.deployment,
            sha: admitted.sha.clone(),
        });
        teller.admitted(admitted);
    }

    /// Who watches "the newest" goes on with that one, whatever is newest later.
    fn place_of(&mut self, event: &v1::Event) {
        if self.place.is_none() && event.deployment != 0 {
            self.place = Some(Place {
                environment: event.environment.clone(),
                deployment: event.deployment,
                sha: String::new(),
            });
        }
    }
}

fn named_place(opening: &Opening) -> Option<Place> {
    let Opening::Watch(request) = opening else { return None };
    (request.deployment != 0).then(|| Place {
        environment: request.environment.clone(),
        deployment: request.deployment,
        sha: String::new(),
    })
}

fn boxed<T: Send + 'static>(
    answer: tonic::Response<tonic::Streaming<T>>,
    progress: fn(T) -> Option<v1::Progress>,
) -> Story {
    let items = answer
        .into_inner()
        .map(move |told| told.map(|told| progress(told).and_then(|progress| progress.item)));
    Box::pin(items)
}

async fn elapsed(timeout: Option<Duration>) {
    match timeout {
        Some(timeout) => sleep(timeout).await,
        None => std::future::pending().await,
    }
}

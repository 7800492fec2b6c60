//! The driver of one environment: the only task that changes its state.
//!
//! Receive → the core decides → journal → publish → start what the state asks for. What a step
//! tells on the way reaches the journal before the step's result does.

use std::sync::Arc;

use ripcord_core::{
    Answer, CommitSha, DeploymentNumber, Effect, Entry, Environment, EnvironmentName, Event, Input,
    Pace, Policy,
    notice::{self, Severity},
};
use tokio::{
    sync::{mpsc, watch},
    time::{Duration, Instant, Interval, MissedTickBehavior, interval, sleep_until, timeout},
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use super::{
    Clock,
    about::About,
    baking::Bakes,
    handle::{ActivityNow, Asked, EngineError, EnvironmentHandle, Request},
    observe::Observer,
    perform::{Parts, Performer},
    relay::{self, Happening, WAITING_HAPPENINGS},
    watching::Watches,
};
use crate::{
    journal::{Batch, Journal, JournalError},
    ports::Told,
};

/// How many requests may wait for a driver before callers wait themselves.
const WAITING_REQUESTS: usize = 64;
/// After the journal failed, effects stay undone; the driver tries again after so long.
const JOURNAL_RETRY: Duration = Duration::from_secs(2);
/// How often a driver that waits for a verdict notes that it is alive: so much of the time for a
/// verdict a crash may give back.
const BEAT: Duration = Duration::from_secs(15);
/// After its own start the agent waits so long for an application that it supervises.
const START_DEADLINE: Duration = Duration::from_secs(60);

/// What a driver is made of.
pub struct Setup {
    /// Which environment.
    pub name: EnvironmentName,
    /// What people read of it.
    pub about: About,
    /// Its rules.
    pub policy: Policy,
    /// What it acts through.
    pub parts: Parts,
    /// Where it writes.
    pub journal: Journal,
    /// How it tells the time.
    pub clock: Clock,
    /// How long a running step may go on when the agent is told to stop.
    pub shutdown_grace: Duration,
    /// What an older tool had validated here.
    pub predecessor: Option<CommitSha>,
}

/// The driver of one environment.
pub struct Driver {
    name: EnvironmentName,
    policy: Policy,
    journal: Journal,
    clock: Clock,
    shutdown_grace: Duration,
    predecessor: Option<CommitSha>,
    state: Arc<Environment>,
    performer: Arc<Performer>,
    watches: Watches,
    bakes: Bakes,
    running: Option<Effect>,
    step: Option<AbortOnDropHandle<()>>,
    beat: Interval,
    /// Steps ran since the repository was last let go.
    unsettled: bool,
    requests: mpsc::Receiver<Request>,
    happenings: mpsc::Receiver<Happening>,
    happening: mpsc::Sender<Happening>,
    published: watch::Sender<Arc<Environment>>,
    activity: watch::Sender<Option<ActivityNow>>,
    recovered: watch::Sender<bool>,
    shutdown: CancellationToken,
}

impl Driver {
    /// A driver that goes on where the journal ends, and the handle to it.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn new(setup: Setup) -> Result<(Self, EnvironmentHandle), JournalError> {
        let Setup { name, about, policy, parts, journal, clock, shutdown_grace, predecessor } =
            setup;
        let state = Arc::new(journal.state(&name).await?.unwrap_or_default());
        let (requests_in, requests) = mpsc::channel(WAITING_REQUESTS);
        let (happening, happenings) = mpsc::channel(WAITING_HAPPENINGS);
        let (published, state_out) = watch::channel(state.clone());
        let (activity, activity_out) = watch::channel(None);
        let (recovered, recovered_out) = watch::channel(false);
        let observer = Arc::new(Observer::new(&parts));
        let bakes = Bakes::new(observer.clone(), parts.probe_plan.clone(), happening.clone());
        let handle = EnvironmentHandle {
            name: name.clone(),
            about: Arc::new(about),
            state: state_out,
            activity: activity_out,
            recovered: recovered_out,
            observer,
            verifier: parts.verifier.clone(),
            promotion: parts.promotion.clone(),
            proof: parts.proof.clone(),
            backups: parts.backups.clone(),
            repository: parts.source.clone(),
            requests: requests_in,
            journal: journal.clone(),
            clock,
        };
        let watches = Watches::new(parts.verifier.clone(), happening.clone());
        let driver = Self {
            name,
            policy,
            journal,
            clock,
            shutdown_grace,
            predecessor,
            state,
            performer: Arc::new(Performer::new(parts)),
            watches,
            bakes,
            running: None,
            step: None,
            beat: beat(),
            unsettled: true,
            requests,
            happenings,
            happening,
            published,
            activity,
            recovered,
            shutdown: CancellationToken::new(),
        };
        Ok((driver, handle))
    }

    /// Drives the environment until `shutdown`.
    pub async fn run(mut self, shutdown: CancellationToken) {
        self.shutdown = shutdown;
        self.recover().await;
        loop {
            self.start_what_is_wanted().await;
            let due = self.state.next_due(&self.policy).map(|at| self.clock.instant_of(at));
            let waits = self.state.watches().any(|watch| watch.pace == Pace::Prompt)
                || self.state.bakes().next().is_some();
            tokio::select! {
                () = self.shutdown.cancelled() => break,
                Some(happening) = self.happenings.recv() => self.handle(happening).await,
                Some(request) = self.requests.recv() => self.answer(request).await,
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    self.decide_for_itself(Input::Tick).await;
                }
                _ = self.beat.tick(), if waits => self.note_alive(),
            }
        }
        self.farewell().await;
    }

    /// Marks what the last agent left open; the loop finishes it like any other work.
    async fn recover(&mut self) {
        if let Some(validated) = self.predecessor {
            self.decide_for_itself(Input::Import { validated }).await;
        }
        let alive_until = self.journal.alive_until(&self.name).await.unwrap_or_else(|error| {
            tracing::warn!(environment = %self.name, %error, "time without an agent counts");
            None
        });
        self.decide_for_itself(Input::AgentStarted { alive_until }).await;
        let touched = self.state.active_deployment().is_some_and(|it| it.phase.has_touched());
        if self.state.live.is_none() || touched {
            return;
        }
        match timeout(START_DEADLINE, self.performer.parts().runtime.ensure_running()).await {
            Ok(Ok(())) => {}
            Ok(Err(failure)) => {
                tracing::error!(environment = %self.name, %failure, "the application does not run");
            }
            Err(_) => tracing::error!(environment = %self.name, "the application does not start"),
        }
    }

    /// Time in which no agent runs does not count against the time for a verdict.
    /// Decisions do not wait for the note.
    fn note_alive(&self) {
        let (journal, name, now) = (self.journal.clone(), self.name.clone(), self.clock.now());
        tokio::spawn(async move {
            if let Err(error) = journal.beat(&name, now).await {
                tracing::debug!(environment = %name, %error, "not noted");
            }
        });
    }

    async fn answer(&mut self, request: Request) {
        let Request { asked, reply } = request;
        let answer = match asked {
            Asked::Decide(input) => self.decide(input).await,
            Asked::Refuse { sha, by, refusal } => {
                let event = Event::Refused { sha, by, refusal: refusal.clone() };
                let entries = vec![Entry { deployment: None, event }];
                self.log(&entries);
                let refused = self.journal_only(entries).await;
                refused.map(|()| Answer::Refused(refusal))
            }
        };
        // A caller that is gone does not matter: the deployment lives on without it.
        let _ = reply.send(answer.map_err(EngineError::Journal));
    }

    async fn handle(&mut self, happening: Happening) {
        match happening {
            Happening::Told { deployment, told } => self.tell(deployment, told).await,
            Happening::StepEnded { deployment, result } => {
                self.running = None;
                self.step = None;
                self.activity.send_replace(None);
                self.decide_for_itself(Input::StepEnded { deployment, result }).await;
            }
            Happening::Verdict { deployment, report } => {
                self.decide_for_itself(Input::Verdict { deployment, report }).await;
            }
            Happening::Baked { deployment, result } => {
                self.decide_for_itself(Input::Baked { deployment, result }).await;
            }
        }
    }

    /// Journals what steps told: all that waits goes into one transaction.
    async fn tell(&mut self, deployment: DeploymentNumber, told: Told) {
        let mut entries = Vec::new();
        let mut rest = Some((deployment, told));
        let mut after = None;
        while let Some((deployment, told)) = rest.take() {
            match told {
                Told::Story(event) => {
                    entries.push(Entry { deployment: Some(deployment), event });
                }
                Told::Activity(activity) => self.show_activity(deployment, activity),
            }
            if entries.len() < WAITING_HAPPENINGS {
                match self.happenings.try_recv() {
                    Ok(Happening::Told { deployment, told }) => rest = Some((deployment, told)),
                    other => after = other.ok(),
                }
            }
        }
        if let Err(error) = self.journal_only(entries).await {
            tracing::error!(environment = %self.name, %error, "the story could not be journaled");
        }
        if let Some(happening) = after {
            Box::pin(self.handle(happening)).await;
        }
    }

    fn show_activity(&self, deployment: DeploymentNumber, activity: crate::ports::Activity) {
        let phase = self.state.open.get(&deployment).map(|deployment| deployment.phase);
        let now = phase.map(|phase| ActivityNow { deployment, phase, activity });
        self.activity.send_replace(now);
    }

    async fn journal_only(&self, entries: Vec<Entry>) -> Result<(), JournalError> {
        if entries.is_empty() {
            return Ok(());
        }
        let at = self.clock.now();
        let environment = self.name.clone();
        let batch = Batch { environment, at, entries, state: None, changed: Vec::new() };
        self.journal.append(batch).await
    }

    /// Decides on an input that nobody waits for: it is tried until the journal takes it, or the
    /// agent is told to stop; the next start finds out anew what is lost then.
    async fn decide_for_itself(&mut self, input: Input) {
        while let Err(error) = self.decide(input.clone()).await {
            tracing::error!(environment = %self.name, %error, "nothing is done until the journal can be written");
            if self.shutdown.is_cancelled() {
                return;
            }
            self.answer_until(Instant::now() + JOURNAL_RETRY).await;
        }
    }

    /// Callers get an answer also while the journal cannot be written, be it that one.
    async fn answer_until(&mut self, end: Instant) {
        loop {
            tokio::select! {
                () = sleep_until(end) => return,
                () = self.shutdown.cancelled() => return,
                Some(request) = self.requests.recv() => self.answer(request).await,
            }
        }
    }

    async fn decide(&mut self, input: Input) -> Result<Answer, JournalError> {
        let now = self.clock.now();
        let decision = match self.state.on(input, &self.policy, now) {
            Ok(decision) => decision,
            Err(late) => {
                tracing::debug!(environment = %self.name, %late, "ignored");
                return Ok(Answer::Done);
            }
        };
        if !decision.entries.is_empty() {
            let entries = decision.entries.clone();
            let batch = Batch {
                environment: self.name.clone(),
                at: now,
                entries: decision.entries,
                state: Some(decision.environment.clone()),
                changed: decision.changed,
            };
            self.journal.append(batch).await?;
            self.log(&entries);
            self.state = Arc::new(decision.environment);
            self.published.send_replace(self.state.clone());
        }
        Ok(decision.answer)
    }

    fn log(&self, entries: &[Entry]) {
        for entry in entries {
            let deployment = entry.deployment.map(|number| number.0);
            let (environment, event) = (&self.name, entry.event.name());
            let sentence = notice::sentence(entry);
            match notice::severity(&entry.event) {
                Severity::Info => tracing::info!(%environment, deployment, event, "{sentence}"),
                Severity::Warning => tracing::warn!(%environment, deployment, event, "{sentence}"),
                Severity::Error => tracing::error!(%environment, deployment, event, "{sentence}"),
            }
        }
    }

    async fn start_what_is_wanted(&mut self) {
        self.watches.follow(&self.state, self.clock.now());
        self.bakes.follow(&self.state, &self.clock);
        if self.running.is_some() {
            return;
        }
        let Some(effect) = self.state.wanted() else {
            if std::mem::take(&mut self.unsettled) {
                let needed: Vec<CommitSha> = self.state.needed_commits().into_iter().collect();
                self.performer.settle(&needed).await;
            }
            if self.state.open.is_empty() {
                self.performer.rest();
            }
            self.recovered.send_if_modified(|recovered| !std::mem::replace(recovered, true));
            return;
        };
        self.running = Some(effect.clone());
        self.unsettled = true;
        let (performer, happenings) = (self.performer.clone(), self.happening.clone());
        let step = tokio::spawn(relay::step(performer, effect, happenings));
        self.step = Some(AbortOnDropHandle::new(step));
    }

    /// Lets a running step end, within the grace; what is left open, the journal resumes.
    async fn farewell(mut self) {
        let grace = self.shutdown_grace;
        if self.step.is_some() {
            let settle = async {
                while self.running.is_some() {
                    match self.happenings.recv().await {
                        Some(happening) => self.handle(happening).await,
                        None => break,
                    }
                }
            };
            if timeout(grace, settle).await.is_err() {
                tracing::warn!(environment = %self.name, "a step is cut off; the next start resumes it");
                self.step = None;
            }
        }
        self.performer.parts().runtime.shutdown().await;
    }
}

fn beat() -> Interval {
    let mut beat = interval(BEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    beat
}

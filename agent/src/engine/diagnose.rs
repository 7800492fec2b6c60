//! Looks at everything that deployments depend on: all at once, each within its time, and nothing is
//! changed by it. What there is to look at is decided by whoever makes the checks.

use std::{collections::BTreeMap, time::Duration};

use futures_util::future::{BoxFuture, join_all};
use ripcord_core::EnvironmentName;
use tokio::{sync::Mutex, time::timeout};

/// How long one look may take: one that hangs says so, and hides no other.
const PATIENCE: Duration = Duration::from_secs(5);

/// What one look found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at, such as `git`.
    pub hop: &'static str,
    /// How it is.
    pub outcome: Outcome,
    /// What was seen, or what is wrong.
    pub detail: String,
    /// What to do; empty where nothing is to be done.
    pub fix: String,
}

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It works.
    Fine,
    /// It works, and somebody should look at it.
    Warning,
    /// A deployment, a rollback or a message will fail for it.
    Failed,
    /// It was not looked at.
    Skipped,
}

/// What a look says, before it has a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    outcome: Outcome,
    detail: String,
    fix: Option<String>,
}

impl Seen {
    /// It works.
    pub fn fine(detail: impl Into<String>) -> Self {
        Self { outcome: Outcome::Fine, detail: detail.into(), fix: None }
    }

    /// It works, and somebody should look at it.
    pub fn warning(detail: impl Into<String>) -> Self {
        Self { outcome: Outcome::Warning, detail: detail.into(), fix: None }
    }

    /// It does not work.
    pub fn failed(detail: impl Into<String>) -> Self {
        Self { outcome: Outcome::Failed, detail: detail.into(), fix: None }
    }

    /// It was not looked at, and why.
    pub fn skipped(why: impl Into<String>) -> Self {
        Self { outcome: Outcome::Skipped, detail: why.into(), fix: None }
    }

    /// With this remedy in the place of the check's own; empty where the detail says it all.
    #[must_use]
    pub fn fix(self, fix: impl Into<String>) -> Self {
        Self { fix: Some(fix.into()), ..self }
    }
}

/// Something that can be looked at, again and again.
pub struct Check {
    hop: &'static str,
    fix: String,
    look: Box<dyn Fn() -> BoxFuture<'static, Seen> + Send + Sync>,
}

impl Check {
    /// A check of `hop`. `fix` is what to do where a look says nothing better.
    pub fn new<L>(
        hop: &'static str,
        fix: impl Into<String>,
        look: impl Fn() -> L + Send + Sync + 'static,
    ) -> Self
    where
        L: Future<Output = Seen> + Send + 'static,
    {
        Self { hop, fix: fix.into(), look: Box::new(move || Box::pin(look())) }
    }

    async fn run(&self) -> Finding {
        let late = |_| Seen::failed(format!("no answer within {} s", PATIENCE.as_secs()));
        let Seen { outcome, detail, fix } =
            timeout(PATIENCE, (self.look)()).await.unwrap_or_else(late);
        let fix = match outcome {
            Outcome::Fine | Outcome::Skipped => String::new(),
            Outcome::Warning | Outcome::Failed => fix.unwrap_or_else(|| self.fix.clone()),
        };
        Finding { hop: self.hop, outcome, detail, fix }
    }
}

/// Everything that can be looked at.
#[derive(Default)]
pub struct Diagnosis {
    agent: Vec<Check>,
    environments: BTreeMap<EnvironmentName, Vec<Check>>,
    /// One diagnosis at a time: many callers together would strain what they look at.
    turn: Mutex<()>,
}

impl Diagnosis {
    /// A diagnosis of the agent and of its environments by these checks, told in their order.
    #[must_use]
    pub fn new(agent: Vec<Check>, environments: BTreeMap<EnvironmentName, Vec<Check>>) -> Self {
        Self { agent, environments, turn: Mutex::default() }
    }

    /// Looks at `environments`, and at the agent itself where `also_agent` says so; its findings are of
    /// no environment.
    pub async fn look<'e>(
        &self,
        also_agent: bool,
        environments: impl IntoIterator<Item = &'e EnvironmentName>,
    ) -> Vec<(Option<EnvironmentName>, Finding)> {
        let _turn = self.turn.lock().await;
        let agent = self.agent.iter().filter(|_| also_agent).map(|check| (None, check));
        let environments = environments.into_iter().flat_map(|name| {
            let checks = self.environments.get(name).into_iter().flatten();
            checks.map(move |check| (Some(name.clone()), check))
        });
        join_all(agent.chain(environments).map(async |(of, check)| (of, check.run().await))).await
    }
}

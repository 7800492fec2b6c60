//! One life of an agent process: how it is started, how it is to die, and whether it did.

use std::{
    os::unix::process::ExitStatusExt as _,
    path::Path,
    process::ExitStatus,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tokio_util::task::AbortOnDropHandle;

use crate::support::site::{Agent, PATIENCE};

/// How an agent is to die.
#[derive(Debug, Clone)]
pub enum Death {
    /// By its own hand, at this point, when it is reached for the nth time.
    At { point: String, occurrence: u64 },
    /// By ours, so long after it was started.
    After(Duration),
}

pub struct Life {
    pub agent: Agent,
    killer: Option<AbortOnDropHandle<()>>,
}

impl Life {
    /// Starts an agent that lists the points that it reaches in `points`; `None` when it died, as
    /// it was told to, before it listened.
    pub fn start(config: &Path, points: &Path, death: Option<&Death>) -> Option<Self> {
        let mut command = Agent::command(config);
        command.env("RIPCORD_FAILPOINTS", points);
        if let Some(Death::At { point, occurrence }) = death {
            command.env("RIPCORD_DIE_AT", format!("{point}#{occurrence}"));
        }
        let mut agent = Agent::spawn(&mut command);
        let killer = match death {
            Some(Death::After(delay)) => Some(kill_later(agent.process.id(), *delay)),
            Some(Death::At { .. }) | None => None,
        };
        let listens = agent.listens();
        let mut life = Self { agent, killer };
        if !listens {
            life.assert_killed();
            return None;
        }
        Some(life)
    }

    /// Whether it is dead; panics when it did not die by a kill.
    pub fn is_over(&mut self) -> bool {
        let Some(status) = self.agent.process.try_wait().unwrap() else { return false };
        assert_eq!(status.signal(), Some(9), "the agent ended by itself: {status}");
        true
    }

    /// Waits for its end: a connection breaks a moment earlier.
    pub fn assert_killed(&mut self) {
        let began = Instant::now();
        while !self.is_over() {
            assert!(began.elapsed() < PATIENCE, "the agent does not answer, and lives");
            std::thread::sleep(Duration::from_millis(1));
        }
        self.killer = None;
    }

    /// It is not killed any more; answers whether it is too late for that.
    pub async fn spare(&mut self) -> bool {
        let Some(killer) = self.killer.take() else { return false };
        killer.abort();
        killer.await.is_ok()
    }

    /// Stops it, as an operator would.
    pub fn end(self) -> ExitStatus {
        self.agent.terminate()
    }
}

fn kill_later(pid: u32, delay: Duration) -> AbortOnDropHandle<()> {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    AbortOnDropHandle::new(tokio::spawn(async move {
        tokio::time::sleep(delay).await;
        let _ = kill_process(pid, Signal::KILL);
    }))
}

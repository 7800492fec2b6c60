//! The stage of the controller's tests: real certificates, the real binary, and an agent that plays
//! a script over real mutual TLS.

#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]

pub mod agent;

use std::{path::PathBuf, process::Output, sync::Once, time::Duration};

use ripcord_proto::v1::{
    self, Admitted, Event, Outcome, Phase, Placement, Severity, VerdictInfo, progress::Item,
};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

pub const SHA: &str = "acfdb42acfdb42acfdb42acfdb42acfdb42acfdb";
pub const OLD_SHA: &str = "0123456012345601234560123456012345601234";

/// Longer than any of these tests needs, shorter than a person's patience.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// A folder with certificates, and a home with nothing in it.
pub struct Stage {
    pub folder: TempDir,
}

impl Stage {
    pub fn new() -> Self {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| {
            rustls::crypto::ring::default_provider().install_default().unwrap();
        });
        let stage = Self { folder: tempfile::tempdir().unwrap() };
        stage.certs("pki");
        stage
    }

    /// Makes a complete set of certificates in `folder`.
    pub fn certs(&self, folder: &str) {
        let out = self.folder.path().join(folder);
        let made = std::process::Command::new(env!("CARGO_BIN_EXE_ripcord"))
            .args(["certs", "dev", "--out"])
            .arg(out)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }

    pub fn pki(&self, file: &str) -> PathBuf {
        self.folder.path().join("pki").join(file)
    }

    /// The controller, knowing nothing of the machine that the tests run on.
    pub fn bare(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ripcord"));
        command.args(arguments).current_dir(self.folder.path()).kill_on_drop(true);
        command.env_clear().env("HOME", self.folder.path()).env("TZ", "UTC");
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command
    }

    /// The controller as an operator of the agent at `port`.
    pub fn operator(&self, port: u16, arguments: &[&str]) -> Command {
        let mut command = self.bare(arguments);
        command.env("RIPCORD_AGENT", format!("https://127.0.0.1:{port}"));
        command.env("RIPCORD_CERT", self.pki("operator.pem"));
        command.env("RIPCORD_KEY", self.pki("operator.key"));
        command.env("RIPCORD_CA", self.pki("agent-ca.pem"));
        command
    }
}

/// What a command said, and how it ended.
pub struct Said {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Said {
    /// The only object on standard output.
    pub fn json(&self) -> Value {
        assert_eq!(self.stdout.lines().count(), 1, "one object, not: {}", self.stdout);
        serde_json::from_str(&self.stdout).unwrap()
    }
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// Runs to the end.
pub async fn said(mut command: Command) -> Said {
    let ended = tokio::time::timeout(DEADLINE, command.output()).await;
    ended.expect("the command ends in time").unwrap().into()
}

pub fn admitted() -> Item {
    Item::Admitted(Admitted {
        environment: "preprod".into(),
        deployment: 142,
        sha: SHA.into(),
        joined: false,
    })
}

pub fn event(sequence: u64, phase: Phase, message: &str) -> Event {
    let mut event = Event {
        sequence,
        time: Some(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 0 }),
        environment: "preprod".into(),
        deployment: 142,
        kind: "phase_entered".into(),
        message: message.into(),
        data_json: r#"{"event":"phase_entered"}"#.into(),
        ..Event::default()
    };
    event.set_phase(phase);
    event.set_severity(Severity::Info);
    event
}

pub fn result(outcome: Outcome) -> v1::Result {
    let mut result = v1::Result {
        environment: "preprod".into(),
        deployment: 142,
        sha: SHA.into(),
        previous: Some(Placement { deployment: 141, sha: OLD_SHA.into() }),
        live: Some(Placement { deployment: 142, sha: SHA.into() }),
        timings_ms: [("total".to_owned(), 42_100)].into(),
        ..v1::Result::default()
    };
    result.set_outcome(outcome);
    result
}

pub fn rolled_back() -> v1::Result {
    let verdict = VerdictInfo {
        value: "failure".into(),
        url: "https://ci.example/7".into(),
        jobs: vec!["lint › flake8".into()],
        detail: String::new(),
    };
    v1::Result {
        live: Some(Placement { deployment: 143, sha: OLD_SHA.into() }),
        verdict: Some(verdict),
        reason: "CI failed".into(),
        ..result(Outcome::RolledBack)
    }
}

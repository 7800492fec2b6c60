//! The one map from what happened to an exit code. Scripts rely on these numbers: they never change.

use std::process::ExitCode;

use ripcord_proto::v1::WaitFor;

use crate::{
    failure::Failure,
    report::{Outcome, Report},
};

/// An exit code with its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// What was asked for is so.
    Success = 0,
    /// Nobody thought of this.
    Unexpected = 1,
    /// Usage or configuration.
    Usage = 2,
    /// It did not become live; the previous version serves, or nothing was touched.
    Failed = 3,
    /// TLS, certificate or role.
    Access = 4,
    /// The agent cannot be reached.
    Unreachable = 5,
    /// The agent refused.
    Refused = 6,
    /// The verdict was bad.
    RolledBack = 7,
    /// `--timeout` ended the wait.
    Undecided = 8,
    /// A newer deployment took its place, and `--fail-on superseded` was given.
    Superseded = 9,
    /// An environment is not healthy.
    Unhealthy = 10,
    /// A human is needed now.
    Stranded = 20,
    /// Ctrl-C; the deployment goes on.
    Detached = 130,
}

impl Exit {
    /// Every code, for the table of `ripcord help exit-codes`.
    pub(crate) const ALL: [Self; 13] = [
        Self::Success,
        Self::Unexpected,
        Self::Usage,
        Self::Failed,
        Self::Access,
        Self::Unreachable,
        Self::Refused,
        Self::RolledBack,
        Self::Undecided,
        Self::Superseded,
        Self::Unhealthy,
        Self::Stranded,
        Self::Detached,
    ];

    /// The number.
    pub(crate) fn code(self) -> u8 {
        self as u8
    }

    /// What it says to people.
    pub(crate) fn meaning(self) -> &'static str {
        match self {
            Self::Success => "what was asked for is so",
            Self::Unexpected => "unexpected",
            Self::Usage => "usage or configuration",
            Self::Failed => {
                "did not become live; previous restored and healthy, or nothing was touched"
            }
            Self::Access => "TLS, certificate or role",
            Self::Unreachable => "agent unreachable",
            Self::Refused => {
                "refused (hold, confirmation, ancestry, quarantine, not validated, another plan than shown, unknown SHA, backup or environment)"
            }
            Self::RolledBack => {
                "CI red or deadline: rolled back, service healthy (or kept: nothing to roll back to); check: red"
            }
            Self::Undecided => "client --timeout ended the wait; still undecided",
            Self::Superseded => "superseded (only with --fail-on superseded, else 0)",
            Self::Unhealthy => {
                "unhealthy (health, status --check), not told (notify test), or broken (doctor)"
            }
            Self::Stranded => "stranded: a human is needed now",
            Self::Detached => {
                "detached by Ctrl-C; the deployment goes on (check: everything was stopped)"
            }
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// What the caller asked for, as far as the exit code depends on it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    pub(crate) wait: WaitFor,
    pub(crate) dry_run: bool,
    pub(crate) fail_on_superseded: bool,
    /// To deploy in spite of a red verdict.
    pub(crate) overriding: bool,
    /// To make the agent look; how the deployment stands is told, and decides nothing.
    pub(crate) only_nudge: bool,
}

impl Asked {
    /// To wait until then, and nothing else.
    pub(crate) fn to_wait(wait: WaitFor) -> Self {
        let (dry_run, fail_on_superseded, overriding, only_nudge) = (false, false, false, false);
        Self { wait, dry_run, fail_on_superseded, overriding, only_nudge }
    }
}

/// The exit code of a deployment that the agent told the result of.
pub(crate) fn of_report(report: &Report, asked: Asked) -> Exit {
    if asked.only_nudge {
        return Exit::Success;
    }
    let red_matters = asked.wait == WaitFor::Verdict && !asked.overriding;
    match report.outcome {
        Outcome::Validated => Exit::Success,
        Outcome::Live if report.has_red_verdict() && red_matters => Exit::RolledBack,
        Outcome::Live => Exit::Success,
        Outcome::RolledBack => Exit::RolledBack,
        Outcome::Failed => Exit::Failed,
        Outcome::Superseded if asked.fail_on_superseded => Exit::Superseded,
        Outcome::Superseded => Exit::Success,
        Outcome::Stranded => Exit::Stranded,
        Outcome::Refused => Exit::Refused,
        Outcome::Pending if asked.dry_run || asked.wait == WaitFor::None => Exit::Success,
        Outcome::Pending => Exit::Undecided,
        Outcome::Error => Exit::Unexpected,
    }
}

/// The exit code of a command that failed.
pub(crate) fn of_failure(failure: &Failure) -> Exit {
    match failure {
        Failure::Usage(_) => Exit::Usage,
        Failure::Access { .. } | Failure::Oidc { .. } => Exit::Access,
        Failure::Unreachable { .. } => Exit::Unreachable,
        Failure::Refused { .. } if failure.lacks_commit() => Exit::Usage,
        Failure::Refused { .. } => Exit::Refused,
        Failure::TimedOut { .. } => Exit::Undecided,
        Failure::Detached => Exit::Detached,
        Failure::Unexpected(_) => Exit::Unexpected,
        Failure::Stdout(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Exit::Success,
        Failure::Stdout(_) => Exit::Unexpected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERDICT: Asked = Asked {
        wait: WaitFor::Verdict,
        dry_run: false,
        fail_on_superseded: false,
        overriding: false,
        only_nudge: false,
    };

    fn exit(outcome: Outcome, asked: Asked) -> u8 {
        of_report(&Report { outcome, ..Report::of_command("deploy") }, asked).code()
    }

    #[test]
    fn every_outcome_has_the_exit_code_of_the_table() {
        let table = [
            (Outcome::Validated, 0),
            (Outcome::Live, 0),
            (Outcome::Failed, 3),
            (Outcome::Refused, 6),
            (Outcome::RolledBack, 7),
            (Outcome::Pending, 8),
            (Outcome::Superseded, 0),
            (Outcome::Stranded, 20),
            (Outcome::Error, 1),
        ];
        for (outcome, code) in table {
            assert_eq!(exit(outcome, VERDICT), code, "{outcome:?}");
        }
    }

    #[test]
    fn superseded_fails_only_when_asked() {
        assert_eq!(exit(Outcome::Superseded, Asked { fail_on_superseded: true, ..VERDICT }), 9);
    }

    #[test]
    fn pending_is_success_for_those_who_did_not_want_to_wait() {
        assert_eq!(exit(Outcome::Pending, Asked { wait: WaitFor::None, ..VERDICT }), 0);
        assert_eq!(exit(Outcome::Pending, Asked { dry_run: true, ..VERDICT }), 0);
    }

    #[test]
    fn a_red_commit_that_stays_live_for_want_of_a_rollback_point_is_never_a_green_run() {
        let verdict = crate::report::VerdictReport {
            value: "failure".to_owned(),
            url: String::new(),
            jobs: Vec::new(),
            detail: String::new(),
        };
        let report = Report {
            outcome: Outcome::Live,
            verdict: Some(verdict),
            ..Report::of_command("deploy")
        };
        assert_eq!(of_report(&report, VERDICT).code(), 7);
        assert_eq!(of_report(&report, Asked { wait: WaitFor::Live, ..VERDICT }).code(), 0);
        assert_eq!(of_report(&report, Asked { overriding: true, ..VERDICT }).code(), 0);
    }

    #[test]
    fn a_ci_job_that_only_nudges_is_not_made_red_by_what_was_rolled_back_before() {
        assert_eq!(exit(Outcome::RolledBack, Asked { only_nudge: true, ..VERDICT }), 0);
    }

    #[test]
    fn every_failure_has_the_exit_code_of_the_table() {
        let text = || "x".to_owned();
        let refused = Failure::Refused { reason: "HELD".to_owned(), message: text() };
        let needed = Failure::Refused { reason: "COMMIT_NEEDED".to_owned(), message: text() };
        let table = [
            (needed, 2),
            (Failure::Unexpected(text()), 1),
            (Failure::Usage(text()), 2),
            (Failure::Access { message: text() }, 4),
            (Failure::Oidc { message: text(), audience: text() }, 4),
            (Failure::Unreachable { message: text() }, 5),
            (refused, 6),
            (Failure::TimedOut { after: std::time::Duration::ZERO }, 8),
            (Failure::Detached, 130),
            (Failure::Stdout(std::io::ErrorKind::BrokenPipe.into()), 0),
            (Failure::Stdout(std::io::ErrorKind::StorageFull.into()), 1),
        ];
        for (failure, code) in table {
            assert_eq!(of_failure(&failure).code(), code, "{failure}");
        }
    }

    #[test]
    fn the_numbers_are_the_documented_ones() {
        let codes: Vec<u8> = Exit::ALL.iter().map(|exit| exit.code()).collect();
        assert_eq!(codes, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 20, 130]);
    }
}

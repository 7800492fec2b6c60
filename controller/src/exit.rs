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
    /// Ctrl-C; a deployment that was asked for goes on.
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

    /// The worst first: which one counts where several agents end differently. A human is needed;
    /// somebody left; users are known to see it now, which an agent that is away must not hide; nobody
    /// knows how it is there; it is known not to run; it may still come; something newer runs.
    pub(crate) const WORST_FIRST: [Self; 13] = [
        Self::Stranded,
        Self::Detached,
        Self::Unhealthy,
        Self::Unreachable,
        Self::Access,
        Self::Unexpected,
        Self::Usage,
        Self::RolledBack,
        Self::Failed,
        Self::Refused,
        Self::Undecided,
        Self::Superseded,
        Self::Success,
    ];

    /// The one of several that counts.
    pub(crate) fn worst(exits: impl IntoIterator<Item = Self>) -> Self {
        let rank = |exit: &Self| Self::WORST_FIRST.iter().position(|worse| worse == exit);
        exits.into_iter().min_by_key(rank).unwrap_or(Self::Success)
    }

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
                "detached by Ctrl-C; what was asked for goes on (check: everything was stopped)"
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
        Failure::Detached | Failure::Left => Exit::Detached,
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
            (Failure::Left, 130),
            (Failure::Stdout(std::io::ErrorKind::BrokenPipe.into()), 0),
            (Failure::Stdout(std::io::ErrorKind::StorageFull.into()), 1),
        ];
        for (failure, code) in table {
            assert_eq!(of_failure(&failure).code(), code, "{failure}");
        }
    }

    #[test]
    fn of_several_agents_the_worst_end_counts_whatever_its_number() {
        use Exit::{Failed, Refused, RolledBack, Stranded, Success, Superseded, Undecided};
        use Exit::{Unhealthy, Unreachable};
        assert_eq!(Exit::worst([]), Success);
        assert_eq!(Exit::worst([Success, Superseded, Success]), Superseded);
        assert_eq!(Exit::worst([Superseded, Undecided]), Undecided, "it may still come out badly");
        assert_eq!(Exit::worst([Undecided, Refused, Failed, RolledBack]), RolledBack);
        assert_eq!(Exit::worst([RolledBack, Unreachable]), Unreachable, "nobody knows is worse");
        assert_eq!(Exit::worst([Unreachable, Unhealthy]), Unhealthy, "users see it now");
        assert_eq!(Exit::worst([Exit::Detached, Stranded, Unhealthy]), Stranded);
        let every = Exit::ALL.iter().filter(|exit| Exit::WORST_FIRST.contains(exit));
        assert_eq!(every.count(), Exit::ALL.len(), "each has its place");
    }

    #[test]
    fn the_numbers_are_the_documented_ones() {
        let codes: Vec<u8> = Exit::ALL.iter().map(|exit| exit.code()).collect();
        assert_eq!(codes, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 20, 130]);
    }
}

//! When a commit counts as validated.
//!
//! Which source, where none is named: `command` if `run` is there, else `github` if there are
//! `workflows` or a `[github]` table, else none, and the probe is the verdict.

use std::time::Duration;

use ripcord_core::{OnDeadline, VerifyWhen};

use super::{place::Place, runtime::is_variable_name};
use crate::config::{
    raw::{RawSource, RawVerify},
    value::Period,
    verify::{CommandSource, GithubSource, VerdictSource, VerifyConfig},
};

const START_DELAY: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_secs(10);
const NOTICE_AFTER: Duration = Duration::from_secs(5 * 60);
const DEADLINE: Duration = Duration::from_secs(60 * 60);
const COMMAND_TIMEOUT: Duration = Duration::from_secs(10 * 60);

/// How commits are verified.
pub(super) fn verify(raw: RawVerify, place: &mut Place<'_, '_>) -> Option<VerifyConfig> {
    let notice_after = or(raw.notice_after, NOTICE_AFTER);
    let deadline = or(raw.deadline, DEADLINE);
    place.check(!deadline.is_zero(), &["verify", "deadline"], "must be longer than 0");
    let on_deadline = raw.on_deadline.unwrap_or(OnDeadline::Rollback);
    let asked = raw.when;
    let source = source(raw, place)?;
    let when = match (&source, asked) {
        (VerdictSource::Probe, Some(VerifyWhen::After | VerifyWhen::Before)) => {
            let message = "needs a source: add `run`, the commands that verify, or use \"none\"";
            place.fault(&["verify", "when"], message);
            return None;
        }
        (VerdictSource::Probe, Some(VerifyWhen::None) | None) => VerifyWhen::None,
        (VerdictSource::Command(_) | VerdictSource::Github(_), asked) => {
            asked.unwrap_or(VerifyWhen::After)
        }
    };
    Some(VerifyConfig { when, source, notice_after, deadline, on_deadline })
}

fn source(raw: RawVerify, place: &mut Place<'_, '_>) -> Option<VerdictSource> {
    if raw.when == Some(VerifyWhen::None) {
        return Some(VerdictSource::Probe);
    }
    let names_workflows = place.has_github || raw.workflows.is_some();
    let implied = match (&raw.run, names_workflows) {
        (Some(_), _) => Some(RawSource::Command),
        (None, true) => Some(RawSource::Github),
        (None, false) => None,
    };
    match raw.source.or(implied) {
        Some(RawSource::Command) => command(raw, place).map(VerdictSource::Command),
        Some(RawSource::Github) => github(raw, place).map(VerdictSource::Github),
        None => Some(VerdictSource::Probe),
    }
}

/// `start_delay` and `poll` are fine and mean nothing here: commands start at once, and are waited for.
fn command(raw: RawVerify, place: &mut Place<'_, '_>) -> Option<CommandSource> {
    let keys = [("workflows", raw.workflows.is_some()), ("event", raw.event.is_some())];
    refuse_foreign_keys(&keys, "github", place);
    let env = raw.env.unwrap_or_default();
    let named_well = env.keys().all(|name| is_variable_name(name));
    place.check(named_well, &["verify", "env"], "a variable's name is empty or contains `=`");
    let timeout = or(raw.timeout, COMMAND_TIMEOUT);
    place.check(!timeout.is_zero(), &["verify", "timeout"], "must be longer than 0");
    let run = raw.run.unwrap_or_default();
    if run.is_empty() {
        let message =
            "source = \"command\" needs `run`, a list of commands such as [[\"./check.sh\"]]";
        place.fault(&["verify", "source"], message);
        return None;
    }
    Some(CommandSource { run, timeout, env })
}

fn github(raw: RawVerify, place: &mut Place<'_, '_>) -> Option<GithubSource> {
    let keys = [
        ("run", raw.run.is_some()),
        ("timeout", raw.timeout.is_some()),
        ("env", raw.env.is_some()),
    ];
    refuse_foreign_keys(&keys, "command", place);
    let has_github = place.has_github;
    let message = "source = \"github\" needs a [github] table with `repository` and `token_file`";
    place.check(has_github, &["verify", "source"], message);
    let workflows = raw.workflows.unwrap_or_default();
    if workflows.is_empty() {
        let message = "needs `workflows`, such as [\"ci.yml\"]; or use when = \"none\"";
        place.fault(&["verify", "source"], message);
        return None;
    }
    let poll = or(raw.poll, POLL);
    place.check(!poll.is_zero(), &["verify", "poll"], "must be longer than 0");
    Some(GithubSource {
        workflows,
        event: raw.event.unwrap_or_else(|| "push".to_owned()),
        start_delay: or(raw.start_delay, START_DELAY),
        poll,
    })
}

fn refuse_foreign_keys(keys: &[(&str, bool)], source: &str, place: &mut Place<'_, '_>) {
    for (key, is_set) in keys {
        let message = format!("is a key of source = \"{source}\" only");
        place.check(!is_set, &["verify", key], &message);
    }
}

fn or(period: Option<Period>, default: Duration) -> Duration {
    period.map_or(default, |period| period.0)
}

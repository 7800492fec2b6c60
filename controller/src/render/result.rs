//! A result for people: what became of it in one line, why, and what to do next.

use std::time::Duration;

use super::{duration, sanitize::sanitize, short};
use crate::report::{Outcome, Placement, Report};

/// What to print for `report`.
pub(crate) fn result(report: &Report) -> String {
    let mut lines = vec![headline(report)];
    lines.extend(report.plan.iter().map(|step| format!("  {}", sanitize(step))));
    let mut detail = |name: &str, text: &str| lines.push(format!("  {name:<6}{}", sanitize(text)));
    if let Some(reason) = report.reason.as_ref().filter(|_| !is_good(report.outcome)) {
        detail("why", reason);
    }
    for job in report.verdict.iter().flat_map(|verdict| &verdict.jobs) {
        detail("red", job);
    }
    if let Some(url) = report.verdict.as_ref().map(|verdict| &verdict.url)
        && !url.is_empty()
        && (!is_good(report.outcome) || report.has_red_verdict())
    {
        detail("CI", url);
    }
    if let Some(live) = report.live.as_ref().filter(|_| !is_good(report.outcome)) {
        detail("live", &placement(live));
    }
    if report.command == "rollback" && is_there(report.outcome) {
        detail("data", "not undone: databases, volumes and data are as they were left");
    }
    if let Some(undo) = &report.undo {
        detail("undo", undo);
    }
    if let Some(next) = next_step(report) {
        detail("next", &next);
    }
    lines.extend(by_hand(report));
    if let Some(at) = &report.story_removed {
        lines.push(format!(
            "  story removed at {at}, as `keep_days` of the agent asks; what is left:"
        ));
    }
    lines.join("\n")
}

fn placement(live: &Placement) -> String {
    match live.deployment {
        0 => format!("{}, which ran before the first deployment", short(&live.sha)),
        number => format!("#{number} {}", short(&live.sha)),
    }
}

/// How a person goes back: by ripcord, or without the agent.
fn by_hand(report: &Report) -> Vec<String> {
    let Some((first, others)) = report.by_hand.split_first() else { return Vec::new() };
    let mut lines = vec![format!("  hand  to go back yourself: {}", sanitize(first))];
    if !others.is_empty() {
        lines.push("        or on the agent's machine, without the agent:".to_owned());
    }
    lines.extend(others.iter().map(|command| format!("          {}", sanitize(command))));
    lines
}

fn is_there(outcome: Outcome) -> bool {
    is_good(outcome) && outcome != Outcome::Pending
}

fn headline(report: &Report) -> String {
    let environment = report.full_name().unwrap_or_else(|| "?".to_owned());
    let mut line = format!("{} {}", mark(report.outcome), sanitize(&environment));
    if let Some(deployment) = report.deployment {
        line.push_str(&format!(" #{deployment}"));
    }
    if let Some(sha) = &report.sha {
        line.push_str(&format!(" {}", sanitize(short(sha))));
    }
    line.push(' ');
    line.push_str(words(report));
    if let Some(total) = report.timings_ms.get("total") {
        line.push_str(&format!(" in {}", duration(Duration::from_millis(*total))));
    }
    line
}

fn is_good(outcome: Outcome) -> bool {
    match outcome {
        Outcome::Live | Outcome::Validated | Outcome::Pending => true,
        Outcome::RolledBack
        | Outcome::Failed
        | Outcome::Superseded
        | Outcome::Stranded
        | Outcome::Refused
        | Outcome::Error => false,
    }
}

fn mark(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Live | Outcome::Validated => "✔",
        Outcome::Pending => "…",
        Outcome::Superseded => "→",
        Outcome::RolledBack
        | Outcome::Failed
        | Outcome::Stranded
        | Outcome::Refused
        | Outcome::Error => "✘",
    }
}

/// What became of it, in a word.
pub(crate) fn word(report: &Report) -> String {
    if !report.plan.is_empty() {
        return "plan".to_owned();
    }
    let word = match report.outcome {
        Outcome::Live => "live",
        Outcome::Validated => "validated",
        Outcome::RolledBack => "rolled back",
        Outcome::Failed => "failed",
        Outcome::Superseded => "superseded",
        Outcome::Stranded => "STRANDED",
        Outcome::Refused => "refused",
        Outcome::Pending => "goes on",
        Outcome::Error => "error",
    };
    word.to_owned()
}

fn words(report: &Report) -> &'static str {
    match report.outcome {
        _ if !report.plan.is_empty() => "dry run, nothing was changed; the plan:",
        Outcome::Live if report.has_red_verdict() => "is live although its verdict is red",
        Outcome::Live if report.command == "rollback" => "is live again (it was never validated)",
        Outcome::Live => "is live, not validated",
        Outcome::Validated if report.command == "rollback" => "is live again",
        Outcome::Validated => "validated",
        Outcome::RolledBack => "rolled back; the previous version serves again",
        Outcome::Failed => "did not become live",
        Outcome::Superseded => "superseded by a newer deployment",
        Outcome::Stranded => "STRANDED: a human is needed now",
        Outcome::Refused => "refused",
        Outcome::Pending => "goes on",
        Outcome::Error => "ended without an outcome",
    }
}

fn next_step(report: &Report) -> Option<String> {
    let environment = report.full_name()?;
    let show = || report.deployment.map(|number| format!("ripcord show {environment} {number}"));
    let watch = || report.deployment.map(|number| format!("ripcord watch {environment} {number}"));
    match report.outcome {
        Outcome::Error if report.error.as_deref() == Some("UNREACHABLE") => watch(),
        Outcome::Live | Outcome::Validated | Outcome::Refused | Outcome::Error => None,
        Outcome::Superseded => Some(format!("ripcord watch {environment}")),
        Outcome::Pending if report.plan.is_empty() => watch(),
        Outcome::Pending => None,
        Outcome::RolledBack => {
            show().map(|show| format!("read what happened with `{show}`, then deploy a fix"))
        }
        Outcome::Failed => show().map(|show| {
            format!("read what happened with `{show}`, put it right, and deploy again")
        }),
        Outcome::Stranded => show().map(|show| {
            format!("`{show}`, then repair and deploy, or `ripcord rollback {environment} --to N`")
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::VerdictReport;

    fn report(outcome: Outcome) -> Report {
        Report {
            outcome,
            environment: Some("preprod".into()),
            deployment: Some(142),
            sha: Some("acfdb42".repeat(6)[..40].to_owned()),
            timings_ms: [("total".to_owned(), 42_100)].into(),
            ..Report::of_command("deploy")
        }
    }

    #[test]
    fn success_is_one_line() {
        insta::assert_snapshot!(result(&report(Outcome::Validated)), @"✔ preprod #142 acfdb42 validated in 42.1 s");
        insta::assert_snapshot!(result(&report(Outcome::Live)), @"✔ preprod #142 acfdb42 is live, not validated in 42.1 s");
    }

    #[test]
    fn a_rollback_says_why_where_and_what_next() {
        let live = Placement { deployment: 141, sha: "b".repeat(40) };
        let verdict = VerdictReport {
            value: "failure".into(),
            url: "https://ci.example/7".into(),
            jobs: vec!["lint › \u{1b}[31mflake8".into()],
            detail: String::new(),
        };
        let report = Report {
            verdict: Some(verdict),
            live: Some(live),
            reason: Some("CI failed".into()),
            ..report(Outcome::RolledBack)
        };
        insta::assert_snapshot!(result(&report), @r"
        ✘ preprod #142 acfdb42 rolled back; the previous version serves again in 42.1 s
          why   CI failed
          red   lint › flake8
          CI    https://ci.example/7
          live  #141 bbbbbbb
          next  read what happened with `ripcord show preprod 142`, then deploy a fix
        ");
    }

    #[test]
    fn a_stranded_environment_shouts() {
        let report = Report {
            reason: Some("the rollback's probe failed".into()),
            ..report(Outcome::Stranded)
        };
        insta::assert_snapshot!(result(&report), @r"
        ✘ preprod #142 acfdb42 STRANDED: a human is needed now in 42.1 s
          why   the rollback's probe failed
          next  `ripcord show preprod 142`, then repair and deploy, or `ripcord rollback preprod --to N`
        ");
    }

    #[test]
    fn a_dry_run_lists_what_would_happen() {
        let report = Report {
            plan: vec!["fetch acfdb42".into(), "restart web".into()],
            timings_ms: [].into(),
            deployment: None,
            ..report(Outcome::Pending)
        };
        insta::assert_snapshot!(result(&report), @r"
        … preprod acfdb42 dry run, nothing was changed; the plan:
          fetch acfdb42
          restart web
        ");
    }
}

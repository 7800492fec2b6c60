//! `ripcord doctor`: a line for each link, what to do below the broken ones, and one object for programs.

use serde_json::{Value, json};

use super::sanitize::sanitize;
use crate::{
    doctor::{self, Hop, Outcome, Side},
    exit::Exit,
};

/// Room for the name of a link.
const NAME: usize = 13;
/// Where the text of a link begins.
const INDENT: usize = 4 + NAME + 1;
/// Lines of fewer characters are no lines any more.
const LEAST: usize = 20;

/// The line over the links of one side, where it begins.
pub(crate) fn heading(before: Option<&Side>, hop: &Hop) -> Option<String> {
    if before == Some(&hop.side) {
        return None;
    }
    let space = if before.is_some() { "\n" } else { "" };
    let title = match &hop.side {
        Side::Here => "From here to the agent".to_owned(),
        Side::Agent => "The agent".to_owned(),
        Side::Environment(name) => sanitize(name).into_owned(),
    };
    Some(format!("{space}{title}"))
}

/// One link; `width` is that of the terminal, where there is one.
pub(crate) fn hop(hop: &Hop, width: Option<usize>) -> String {
    let mark = match hop.outcome {
        Outcome::Fine => '✔',
        Outcome::Warning => '⚠',
        Outcome::Failed(_) => '✘',
        Outcome::Skipped => '–',
    };
    let name = sanitize(&hop.name);
    let mut text = format!("  {mark} {name:<NAME$} ");
    text.push_str(&hanging(&hop.detail, width));
    if !hop.fix.is_empty() {
        text.push_str(&format!("\n{:INDENT$}{}", "", hanging(&format!("→ {}", hop.fix), width)));
    }
    text
}

/// One of several agents: how it is on the whole, and what is not in order; or everything.
pub(crate) fn agent(name: &str, hops: &[Hop], everything: bool) -> String {
    let any = |is: fn(&Outcome) -> bool| hops.iter().any(|hop| is(&hop.outcome));
    let is_broken = any(|outcome| matches!(outcome, Outcome::Failed(_)));
    let warns = any(|outcome| matches!(outcome, Outcome::Warning));
    let mark = if is_broken {
        '✘'
    } else if warns {
        '⚠'
    } else {
        '✔'
    };
    let mut lines = vec![format!("{mark} {}: {}", sanitize(name), summary(hops))];
    for one in hops.iter().filter(|one| everything || !one.is_in_order()) {
        let text = hop(one, None);
        lines.push(match &one.side {
            Side::Environment(name) => format!("{text} ({})", sanitize(name)),
            Side::Here | Side::Agent => text,
        });
    }
    lines.join("\n")
}

/// How it is on the whole.
pub(crate) fn summary(hops: &[Hop]) -> String {
    let count = |is: fn(&Outcome) -> bool| hops.iter().filter(|hop| is(&hop.outcome)).count();
    let broken = count(|outcome| matches!(outcome, Outcome::Failed(_)));
    let warnings = count(|outcome| matches!(outcome, Outcome::Warning));
    let many = |count: usize, what: &str| match count {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    };
    match (broken, warnings) {
        (0, 0) => "everything that was looked at is in order".to_owned(),
        (0, warnings) => format!("it works, with {}", many(warnings, "warning")),
        (broken, 0) => many(broken, "problem"),
        (broken, warnings) => format!("{}, {}", many(broken, "problem"), many(warnings, "warning")),
    }
}

/// `doctor --json`.
pub(crate) fn json(hops: &[Hop]) -> Value {
    let exit = doctor::exit(hops);
    let shown: Vec<Value> = hops.iter().map(value).collect();
    json!({
        "schema": "ripcord/v1/doctor",
        "ok": exit == Exit::Success,
        "exit_code": exit.code(),
        "hops": shown,
    })
}

fn value(hop: &Hop) -> Value {
    let (side, environment) = match &hop.side {
        Side::Here => ("controller", None),
        Side::Agent => ("agent", None),
        Side::Environment(name) => ("agent", Some(name)),
    };
    let outcome = match hop.outcome {
        Outcome::Fine => "ok",
        Outcome::Warning => "warning",
        Outcome::Failed(_) => "failed",
        Outcome::Skipped => "skipped",
    };
    json!({
        "hop": hop.name,
        "side": side,
        "environment": environment,
        "outcome": outcome,
        "detail": hop.detail,
        "fix": (!hop.fix.is_empty()).then_some(&hop.fix),
    })
}

/// The text, broken between words so that it stays behind its indent.
fn hanging(text: &str, width: Option<usize>) -> String {
    let text = sanitize(text);
    let Some(room) = width.map(|width| width.saturating_sub(INDENT).max(LEAST)) else {
        return text.into_owned();
    };
    let (mut lines, mut used) = (String::new(), 0);
    for word in text.split(' ') {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > room {
            lines.push_str(&format!("\n{:INDENT$}", ""));
            used = 0;
        } else if used > 0 {
            lines.push(' ');
            used += 1;
        }
        lines.push_str(word);
        used += length;
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(detail: &str, fix: &str) -> Hop {
        Hop {
            name: "git".to_owned(),
            side: Side::Environment("preprod".to_owned()),
            outcome: Outcome::Failed(Exit::Unhealthy),
            detail: detail.to_owned(),
            fix: fix.to_owned(),
        }
    }

    #[test]
    fn a_broken_link_has_what_to_do_below_it_and_stays_within_the_terminal() {
        let detail = "cannot reach https://git.example/app.git: unexpected \u{1b}[31mstatus 403";
        let shown = hop(&broken(detail, "correct git_credentials"), Some(60));
        insta::assert_snapshot!(shown, @r"
          ✘ git           cannot reach https://git.example/app.git:
                          unexpected status 403
                          → correct git_credentials
        ");
    }

    #[test]
    fn without_a_terminal_a_link_is_one_line() {
        let shown = hop(&broken(&"word ".repeat(40), ""), None);
        assert_eq!(shown.lines().count(), 1);
    }
}

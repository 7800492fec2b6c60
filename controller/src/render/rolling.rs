//! What became of the same thing at several agents, for people: a line for each, more for those where it
//! went wrong, and how to go back where it went well.

use std::time::Duration;

use super::{duration, result, sanitize::sanitize, short, table::columns};
use crate::{commands::rolling::Turn, exit::Exit};

/// The table, and what hangs on it.
pub(crate) fn people(command: &str, environment: &str, turns: &[Turn]) -> String {
    let header = ["AGENT", "OUTCOME", "DEPLOYMENT", "COMMIT", "TOOK", "WHY"];
    let mut lines = vec![columns(&header, turns.iter().map(row).collect())];
    let is_plan = |turn: &&Turn| turn.report.as_ref().is_some_and(|report| !report.plan.is_empty());
    let is_bad = |turn: &&Turn| turn.exit != Exit::Success;
    let worth_more = turns.iter().filter(|turn| is_plan(turn) || is_bad(turn));
    lines.extend(worth_more.filter_map(|turn| turn.report.as_ref()).map(result::result));
    lines.extend(way_back(command, environment, turns));
    lines.join("\n\n")
}

fn row(turn: &Turn) -> Vec<String> {
    let mut row = vec![sanitize(&turn.name).into_owned()];
    let Some(report) = &turn.report else {
        row.push("skipped".to_owned());
        return row;
    };
    let total = report.timings_ms.get("total").copied().map(Duration::from_millis);
    let why = report.reason.as_deref().filter(|_| turn.exit != Exit::Success);
    row.extend([
        result::word(report),
        report.deployment.map(|number| format!("#{number}")).unwrap_or_default(),
        report.sha.as_deref().map(|sha| sanitize(short(sha)).into_owned()).unwrap_or_default(),
        total.map(duration).unwrap_or_default(),
        sanitize(why.unwrap_or_default()).into_owned(),
    ]);
    row
}

/// Where it went well although it went wrong elsewhere, nothing was undone.
fn way_back(command: &str, environment: &str, turns: &[Turn]) -> Option<String> {
    let all_well = turns.iter().all(|turn| turn.report.is_some() && turn.exit == Exit::Success);
    let live: Vec<&Turn> = turns.iter().filter(|turn| turn.is_live()).collect();
    if command != "deploy" || all_well || live.is_empty() {
        return None;
    }
    let names: Vec<&str> = live.iter().map(|turn| turn.name.as_str()).collect();
    // An agent knows what exactly was there before.
    let undo = live.iter().map(|turn| turn.report.as_ref()?.undo.clone());
    let all = || vec![format!("ripcord rollback {environment} --agents {}", names.join(","))];
    let commands = undo.collect::<Option<Vec<_>>>().unwrap_or_else(all);
    let lines: Vec<String> =
        commands.iter().map(|line| format!("\n  {}", sanitize(line))).collect();
    Some(format!("live at {}; to go back there:{}", names.join(", "), lines.concat()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Outcome, Report};

    fn turn(name: &str, outcome: Outcome, exit: Exit, reason: Option<&str>) -> Turn {
        let report = Report {
            outcome,
            environment: Some("preprod".into()),
            agent: Some(name.into()),
            deployment: Some(142),
            sha: Some("acfdb42".repeat(6)[..40].to_owned()),
            reason: reason.map(str::to_owned),
            timings_ms: [("total".to_owned(), 42_100)].into(),
            ..Report::of_command("deploy")
        };
        Turn { name: name.into(), report: Some(report), exit }
    }

    #[test]
    fn a_mixed_fleet_says_what_is_where_why_and_how_to_go_back() {
        let turns = [
            turn("paris", Outcome::Validated, Exit::Success, None),
            turn("lyon", Outcome::RolledBack, Exit::RolledBack, Some("CI \u{1b}[31mfailed")),
            Turn { name: "berlin".into(), report: None, exit: Exit::Success },
        ];
        insta::assert_snapshot!(people("deploy", "preprod", &turns), @r"
        AGENT   OUTCOME      DEPLOYMENT  COMMIT   TOOK    WHY
        paris   validated    #142        acfdb42  42.1 s
        lyon    rolled back  #142        acfdb42  42.1 s  CI failed
        berlin  skipped

        ✘ preprod@lyon #142 acfdb42 rolled back; the previous version serves again in 42.1 s
          why   CI failed
          next  read what happened with `ripcord show preprod@lyon 142`, then deploy a fix

        live at paris; to go back there:
          ripcord rollback preprod --agents paris
        ");
        let [mut paris, ..] = turns;
        if let Some(report) = &mut paris.report {
            report.undo = Some("ripcord rollback preprod --to 141 --agent paris".to_owned());
        }
        let failed = turn("lyon", Outcome::Failed, Exit::Failed, None);
        let told = people("deploy", "preprod", &[paris, failed]);
        assert!(told.ends_with(":\n  ripcord rollback preprod --to 141 --agent paris"), "{told}");
    }

    #[test]
    fn where_all_went_well_the_table_is_all() {
        let turns = ["paris", "lyon"].map(|name| turn(name, Outcome::Live, Exit::Success, None));
        insta::assert_snapshot!(people("deploy", "preprod", &turns), @r"
        AGENT  OUTCOME  DEPLOYMENT  COMMIT   TOOK    WHY
        paris  live     #142        acfdb42  42.1 s
        lyon   live     #142        acfdb42  42.1 s
        ");
    }
}

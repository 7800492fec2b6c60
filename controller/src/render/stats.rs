//! `ripcord stats` for people: a block of figures for each environment.

use jiff::{Timestamp, tz::TimeZone};
use prost_types::Duration as WireDuration;
use ripcord_proto::v1::{EnvironmentStats, Outcome, RollbackCounts, Spread, StatsResponse, Uptime};

use super::{duration, fleet, json, phase_name, plain, sanitize::sanitize, table::columns};
use crate::fleet::{Answer, full_name};

/// What is not known, or does not exist; never a zero.
const NONE: &str = "—";

/// All environments, one below the other.
pub(crate) fn people(figures: &StatsResponse, zone: &TimeZone) -> String {
    let blocks: Vec<String> =
        figures.environments.iter().map(|one| environment(one, zone)).collect();
    blocks.join("\n\n")
}

/// All environments of several agents.
pub(crate) fn fleet(answers: &[Answer<StatsResponse>], zone: &TimeZone) -> String {
    let block = |answer: &Answer<StatsResponse>| match &answer.told {
        Ok(figures) => {
            let mut figures = figures.clone();
            for one in &mut figures.environments {
                one.name = full_name(&one.name, Some(&answer.name));
            }
            people(&figures, zone)
        }
        Err(failure) => fleet::silent(&answer.name, failure),
    };
    answers.iter().map(block).collect::<Vec<_>>().join("\n\n")
}

fn environment(one: &EnvironmentStats, zone: &TimeZone) -> String {
    let (times, facts) = (columns(&["", "COUNT", "MEDIAN", "P95"], times(one)), facts(one));
    let facts = columns(&["", ""], facts);
    // The facts need no heading.
    let facts = facts.trim_start_matches('\n');
    format!("{}\n\n{facts}\n\n{times}", heading(one, zone))
}

fn heading(one: &EnvironmentStats, zone: &TimeZone) -> String {
    let date = |time: &Option<prost_types::Timestamp>| {
        let time = time.as_ref().and_then(|time| Timestamp::new(time.seconds, time.nanos).ok());
        time.map_or_else(|| NONE.to_owned(), |time| plain::date(time, zone))
    };
    format!("{} from {} to {}", sanitize(&one.name), date(&one.from), date(&one.to))
}

fn facts(one: &EnvironmentStats) -> Vec<Vec<String>> {
    let rollbacks = one.rollbacks.unwrap_or_default();
    let unvalidated = one.unvalidated_live.as_ref().map_or_else(none, lasted);
    [
        ("deployments", deployments(one)),
        ("rollbacks", format!("{} automatic, {} by hand", rollbacks.automatic, rollbacks.manual)),
        ("automatic rollbacks that worked", success(&rollbacks)),
        ("false alarms", rollbacks.false_alarms.to_string()),
        ("unvalidated code was live", unvalidated),
        ("uptime", uptime(one.uptime.as_ref())),
    ]
    .map(|(what, value)| vec![what.to_owned(), value])
    .into()
}

fn deployments(one: &EnvironmentStats) -> String {
    let ended = |outcome: Outcome, count| {
        format!("{count} {}", json::outcome_word(outcome).replace('_', " "))
    };
    let outcomes: Vec<String> =
        one.outcomes.iter().map(|each| ended(each.outcome(), each.count)).collect();
    match outcomes.is_empty() {
        true => one.deployments.to_string(),
        false => format!("{}: {}", one.deployments, outcomes.join(", ")),
    }
}

fn success(rollbacks: &RollbackCounts) -> String {
    let ended = rollbacks.succeeded + rollbacks.failed;
    match json::ratio(rollbacks.succeeded, ended) {
        Some(rate) => format!("{} ({} of {ended})", percent(rate, 0), rollbacks.succeeded),
        None => none(),
    }
}

fn uptime(uptime: Option<&Uptime>) -> String {
    let Some((uptime, ratio)) = uptime.zip(uptime.and_then(json::uptime_ratio)) else {
        return none();
    };
    let down = uptime.down.as_ref().map_or_else(none, lasted);
    match uptime.outages {
        0 => percent(ratio, 3),
        1 => format!("{} (down once, {down})", percent(ratio, 3)),
        many => format!("{} (down {many} times, {down})", percent(ratio, 3)),
    }
}

/// Rounded down: what failed once is not told as perfect.
fn percent(ratio: f64, digits: i32) -> String {
    let unit = 10_f64.powi(digits);
    let shown = (ratio * 100.0 * unit).floor() / unit;
    format!("{shown} %")
}

fn times(one: &EnvironmentStats) -> Vec<Vec<String>> {
    let row = |what: &str, spread: Option<&Spread>| {
        let spread = spread.copied().unwrap_or_default();
        let told = |time: Option<WireDuration>| time.as_ref().map_or_else(none, lasted);
        vec![what.to_owned(), spread.count.to_string(), told(spread.median), told(spread.p95)]
    };
    let phases = one
        .phases
        .iter()
        .map(|each| row(&format!("  {}", phase_name(each.phase())), each.spread.as_ref()));
    let whole = [
        row("time to live", one.to_live.as_ref()),
        row("time to verdict", one.to_verdict.as_ref()),
        row("time to roll back", one.to_roll_back.as_ref()),
    ];
    whole.into_iter().chain(phases).collect()
}

fn lasted(time: &WireDuration) -> String {
    (*time).try_into().map_or_else(|_| none(), duration)
}

fn none() -> String {
    NONE.to_owned()
}

#[cfg(test)]
mod tests {
    use ripcord_proto::v1::{OutcomeCount, Phase, PhaseSpread};

    use super::*;

    fn millis(millis: i64) -> Option<WireDuration> {
        let nanos = i32::try_from(millis % 1000 * 1_000_000).expect("small");
        Some(WireDuration { seconds: millis / 1000, nanos })
    }

    fn spread(count: u64, median: i64, p95: i64) -> Option<Spread> {
        Some(Spread { count, median: millis(median), p95: millis(p95) })
    }

    fn time(seconds: i64) -> Option<prost_types::Timestamp> {
        Some(prost_types::Timestamp { seconds, nanos: 0 })
    }

    fn preprod() -> EnvironmentStats {
        let count = |outcome: Outcome, count| OutcomeCount { outcome: outcome.into(), count };
        let phase = |phase: Phase, spread| PhaseSpread { phase: phase.into(), spread };
        EnvironmentStats {
            name: "preprod".into(),
            from: time(1_700_000_000),
            to: time(1_702_592_000),
            deployments: 48,
            outcomes: vec![count(Outcome::Validated, 41), count(Outcome::RolledBack, 7)],
            phases: vec![
                phase(Phase::Preparing, spread(48, 800, 2_100)),
                phase(Phase::Watching, spread(48, 135_000, 240_000)),
            ],
            to_live: spread(48, 9_400, 41_000),
            to_verdict: spread(48, 134_000, 239_000),
            to_roll_back: spread(7, 8_100, 9_000),
            rollbacks: Some(RollbackCounts {
                manual: 1,
                automatic: 7,
                succeeded: 6,
                failed: 1,
                false_alarms: 2,
            }),
            unvalidated_live: millis(6_780_000),
            uptime: Some(Uptime {
                monitored: millis(2_592_000_000),
                down: millis(999),
                outages: 1,
            }),
            ..EnvironmentStats::default()
        }
    }

    #[test]
    fn an_environment_is_a_block_of_figures() {
        let figures = StatsResponse { environments: vec![preprod()] };
        insta::assert_snapshot!(people(&figures, &TimeZone::UTC), @r"
        preprod from 2023-11-14 22:13:20 to 2023-12-14 22:13:20

        deployments                      48: 41 validated, 7 rolled back
        rollbacks                        7 automatic, 1 by hand
        automatic rollbacks that worked  85 % (6 of 7)
        false alarms                     2
        unvalidated code was live        1 h 53 min
        uptime                           99.999 % (down once, 999 ms)

                           COUNT  MEDIAN      P95
        time to live       48     9.4 s       41.0 s
        time to verdict    48     2 min 14 s  3 min 59 s
        time to roll back  7      8.1 s       9.0 s
          preparing        48     800 ms      2.1 s
          watching         48     2 min 15 s  4 min 0 s
        ");
    }

    #[test]
    fn where_nothing_happened_nothing_is_claimed() {
        let prod = EnvironmentStats {
            name: "prod\u{1b}[2J".into(),
            to_live: Some(Spread::default()),
            ..EnvironmentStats::default()
        };
        let figures = StatsResponse { environments: vec![prod] };
        insta::assert_snapshot!(people(&figures, &TimeZone::UTC), @r"
        prod from — to —

        deployments                      0
        rollbacks                        0 automatic, 0 by hand
        automatic rollbacks that worked  —
        false alarms                     0
        unvalidated code was live        —
        uptime                           —

                           COUNT  MEDIAN  P95
        time to live       0      —       —
        time to verdict    0      —       —
        time to roll back  0      —       —
        ");
    }
}

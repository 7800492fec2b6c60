//! What the agent claims, held against what really happened in the simulated world.

use proptest::prelude::*;
use ripcord_core::{
    CommitSha, DeploymentNumber, Event, Input, Kind, Phase, Timestamp, Verdict, VerifyWhen, limits,
};

use crate::{
    agent::{BAKE_LOOK, BEAT, FIRST_LOOK, LONGEST_PAUSE},
    checks::Kept,
    day::{LATENCY, SECOND},
    model::Turn,
    town::Town,
};

impl Town {
    fn commit_of(&self, number: DeploymentNumber) -> CommitSha {
        self.world.kind_of(number).1
    }

    /// GitHub's absence may stay unnoticed for so long: until the next look is answered.
    fn unnoticed(&self) -> u64 {
        self.day.poll.max(FIRST_LOOK) + LATENCY + SECOND
    }

    fn up_lately(&self, now: Timestamp, within: u64) -> bool {
        let from = Timestamp(now.0 - i64::try_from(within).unwrap());
        self.facts.github.was_up_within(from, now)
    }
}

pub fn what_is_validated_was_green_in_ci_or_a_person_said_so(town: &Town) -> Kept {
    for turn in &town.world.turns {
        for (number, event) in turn.events() {
            let asked = town.day.policy.when != VerifyWhen::None;
            if *event != Event::Validated || !asked || !town.world.is_deploy(number) {
                continue;
            }
            let sha = town.commit_of(number);
            let look = town.facts.found(number, Verdict::Success, turn.now);
            let green =
                look.is_some_and(|look| look.sha == sha && town.ci.once_green.contains(&sha));
            prop_assert!(green || town.facts.said(sha, true, turn.now), "{number}");
        }
    }
    Ok(())
}

pub fn while_github_is_down_its_silence_decides_nothing(town: &Town) -> Kept {
    for turn in &town.world.turns {
        let decides = turn.events().any(|(_, event)| {
            matches!(
                event,
                Event::Validated
                    | Event::Condemned { .. }
                    | Event::Ended { .. }
                    | Event::ListeningEnded
            )
        });
        let asked_within = match &turn.input {
            Input::Verdict { .. } => LATENCY,
            Input::Tick => town.unnoticed(),
            _ => continue,
        };
        prop_assert!(!decides || town.up_lately(turn.now, asked_within), "at {}", turn.now.0);
    }
    Ok(())
}

/// The deployments whose time ran out in `turn`; those whose CI was cancelled a grace ago had more
/// reason than that.
fn out_of_time<'a>(town: &'a Town, turn: &'a Turn) -> impl Iterator<Item = DeploymentNumber> + 'a {
    let gives_up = |event: &Event| {
        matches!(event, Event::Condemned { .. } | Event::Ended { .. } | Event::ListeningEnded)
    };
    let is_tick = turn.input == Input::Tick;
    let over = turn.events().filter(move |(_, event)| is_tick && gives_up(event));
    over.map(|(number, _)| number).filter(|number| {
        let Some(open) = turn.before.open.get(number) else { return false };
        let grace = town.day.policy.cancelled_grace_ms;
        open.cancelled_at.is_none_or(|at| at.plus(grace) > turn.now)
    })
}

fn watching_began(town: &Town, number: DeploymentNumber) -> Timestamp {
    let begins = |event: &Event| {
        matches!(event, Event::PhaseEntered { phase: Phase::Watching | Phase::Gating })
    };
    let mut turns = town.world.turns.iter().rev();
    let began = turns.find(|turn| turn.events().any(|(of, e)| of == number && begins(e)));
    began.expect("it was watched").now
}

/// Only time in which an agent ran and GitHub could be asked counts; nothing is forgotten either.
pub fn a_verdict_has_its_whole_time_and_not_much_more(town: &Town) -> Kept {
    let deadline = town.day.policy.deadline_ms;
    for turn in &town.world.turns {
        for number in out_of_time(town, turn) {
            let began = watching_began(town, number);
            let had = town.facts.askable_ms(began, turn.now);
            let disturbed = town.facts.disturbances(began, turn.now);
            let least = deadline.saturating_sub(disturbed * town.unnoticed());
            let pauses = LONGEST_PAUSE + limits::LOOK_AFTER_START_MS + BEAT + town.unnoticed();
            // While it bakes, nobody gives up.
            let bake = town.day.policy.bake_ms;
            let baked =
                if bake > 0 { bake + 3 * BAKE_LOOK + disturbed * (BEAT + BAKE_LOOK) } else { 0 };
            let most = deadline.max(baked) + SECOND + disturbed * pauses;
            prop_assert!(had >= least, "{number} had {had} ms of {deadline} at {}", turn.now.0);
            prop_assert!(had <= most, "{number} had {had} ms of {deadline} at {}", turn.now.0);
        }
    }
    Ok(())
}

/// What CI said while no agent ran counts.
pub fn nobody_gives_up_after_a_start_before_having_looked(town: &Town) -> Kept {
    for turn in &town.world.turns {
        for number in out_of_time(town, turn) {
            let started = town.facts.agent.up_since(turn.now).unwrap_or_default();
            let since = |at| at >= started && at <= turn.now;
            let mut looks = town.facts.looks.iter();
            let looked = looks.any(|look| look.of == number && since(look.at));
            prop_assert!(looked, "{number} at {}", turn.now.0);
        }
    }
    Ok(())
}

/// The turn in which it was decided that `number` may not stay.
fn decided(town: &Town, number: DeploymentNumber) -> Option<&Turn> {
    let decides =
        |event: &Event| matches!(event, Event::Condemned { .. } | Event::StepFailed { .. });
    let is_it = |turn: &&Turn| turn.events().any(|(of, event)| of == number && decides(event));
    town.world.turns.iter().find(is_it)
}

pub fn an_automatic_rollback_has_a_reason_in_the_world(town: &Town) -> Kept {
    for (entry, at) in town.world.journal() {
        let Event::Admitted { kind, .. } = &entry.event else { continue };
        let Kind::Rollback { automatic: true, undoes: Some(undone), .. } = *kind else { continue };
        let sha = town.commit_of(undone);
        let Some(turn) = decided(town, undone) else {
            prop_assert!(false, "{undone} was undone for nothing");
            continue;
        };
        let grace = i64::try_from(town.day.policy.cancelled_grace_ms).unwrap();
        let before_grace = Timestamp(turn.now.0 - grace);
        let red = || {
            let look = town.facts.found(undone, Verdict::Failure, turn.now);
            look.is_some_and(|look| look.sha == sha && town.ci.once_red.contains(&sha))
        };
        let real = match &turn.input {
            Input::StepEnded { .. } => town.facts.failed.get(&undone) == Some(&turn.now),
            Input::Verdict { .. } => red(),
            Input::Baked { .. } => town.facts.sickened.get(&undone) == Some(&turn.now),
            Input::OperatorVerdict { .. } => town.facts.said(sha, false, turn.now),
            Input::Tick => {
                let cancelled = town.facts.found(undone, Verdict::Cancelled, before_grace);
                cancelled.is_some() || out_of_time(town, turn).any(|number| number == undone)
            }
            _ => false,
        };
        prop_assert!(real, "{undone} was undone at {} by {:?}", at.0, turn.input);
    }
    Ok(())
}

/// Only time in which an agent ran counts.
pub fn what_is_baked_was_tended_for_its_whole_time(town: &Town) -> Kept {
    for turn in &town.world.turns {
        let Input::Baked { deployment, result: Ok(()) } = turn.input else { continue };
        let began = town.world.turns.iter().find(|turn| {
            let begins = |event: &Event| matches!(event, Event::BakeBegan { .. });
            turn.events().any(|(of, event)| of == deployment && begins(event))
        });
        let began = began.expect("it was put in").now;
        let had = town.facts.tended_ms(began, turn.now);
        prop_assert!(had >= town.day.policy.bake_ms, "{deployment} had {had} ms");
    }
    Ok(())
}

/// Commits are numbered in the order of the branch.
pub fn an_older_commit_replaces_a_newer_one_only_where_that_was_asked_for(town: &Town) -> Kept {
    for turn in &town.world.turns {
        for (number, event) in turn.events() {
            let (kind, sha) = town.world.kind_of(number);
            let allowed = !matches!(kind, Kind::Deploy { allow_older: false, .. });
            let touches = matches!(event, Event::PhaseEntered { phase: Phase::Resetting });
            let older = turn.before.live.is_some_and(|live| *sha < live.sha);
            prop_assert!(allowed || !touches || !older, "{number}");
        }
    }
    Ok(())
}

pub fn whoever_listens_has_heard_the_last_word(town: &Town) -> Kept {
    for watch in town.world.environment.watches() {
        let heard = town.world.environment.open[&watch.deployment].verdict_value();
        prop_assert_eq!(heard, town.ci.says(watch.sha).value, "{}", watch.deployment);
        let quarantined = town.world.environment.quarantined.contains_key(&watch.sha);
        prop_assert!(!(quarantined && heard == Verdict::Success), "{}", watch.deployment);
    }
    Ok(())
}

pub fn nothing_red_is_live_at_night_unless_people_know(town: &Town) -> Kept {
    let environment = &town.world.environment;
    let deployed = environment.live.and_then(|live| live.deployment);
    let Some(number) = deployed.filter(|number| town.world.is_deploy(*number)) else {
        return Ok(());
    };
    let (kind, sha) = town.world.kind_of(number);
    let watched = town.day.policy.late_verdicts && town.day.policy.when == VerifyWhen::After;
    let overridden = matches!(kind, Kind::Deploy { overriding: true, .. });
    let validated = town.world.entries().into_iter().any(|entry| {
        let of = entry.deployment.map(|of| town.commit_of(of));
        entry.event == Event::Validated && of == Some(*sha)
    });
    let red = watched && !overridden && !validated && town.ci.is_red(*sha);
    prop_assert!(!red || environment.stranded.is_some(), "{number} is red and live");
    Ok(())
}

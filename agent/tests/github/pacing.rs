//! When which commit is looked at: the schedule alone, with a clock of its own.

use std::time::Duration;

use proptest::prelude::*;
use ripcord_agent::verify::github::Schedule;
use ripcord_core::ci::Wanted;
use tokio::time::Instant;

const POLL: Duration = Duration::from_secs(10);
const LATE: Duration = Duration::from_secs(60);

fn wanted(letter: char) -> Wanted {
    let sha = letter.to_string().repeat(40).parse().unwrap();
    Wanted { sha, event: "push".to_owned(), branch: "main".to_owned() }
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// When the next look is due, counted from `start`.
fn next(schedule: &Schedule, start: Instant) -> Duration {
    schedule.next().unwrap().0.saturating_duration_since(start)
}

#[test]
fn the_first_look_comes_after_the_delay_and_the_next_at_the_soonest_pace() {
    let (mut schedule, start) = (Schedule::default(), Instant::now());
    schedule.add(wanted('a'), start + seconds(30), POLL);
    schedule.add(wanted('a'), start + seconds(30), LATE);
    assert_eq!(next(&schedule, start), seconds(30));
    schedule.succeeded(&wanted('a'), start + seconds(30));
    assert_eq!(next(&schedule, start), seconds(40));
}

#[test]
fn when_the_prompt_one_goes_the_late_one_keeps_its_own_pace() {
    let (mut schedule, start) = (Schedule::default(), Instant::now());
    let prompt = schedule.add(wanted('a'), start, POLL);
    schedule.add(wanted('a'), start, LATE);
    schedule.succeeded(&wanted('a'), start);
    schedule.remove(prompt);
    assert_eq!(next(&schedule, start), LATE);
}

#[test]
fn a_nudge_brings_a_look_forward_and_a_short_burst_behind_it() {
    let (mut schedule, start) = (Schedule::default(), Instant::now());
    schedule.add(wanted('a'), start + seconds(3600), LATE);
    assert!(schedule.nudge(&wanted('a'), start));
    let mut looks = Vec::new();
    for _ in 0..5 {
        let at = next(&schedule, start);
        looks.push(at.as_secs());
        schedule.succeeded(&wanted('a'), start + at);
    }
    assert_eq!(looks, [0, 2, 5, 10, 70]);
}

#[test]
fn looks_at_other_commits_delay_no_nudge_and_many_nudges_ask_once_a_second() {
    let (mut schedule, start) = (Schedule::default(), Instant::now());
    for letter in ['a', 'b', 'c'] {
        schedule.add(wanted(letter), start, POLL);
    }
    schedule.succeeded(&wanted('a'), start);
    schedule.succeeded(&wanted('c'), start);
    let later = start + seconds(1) / 2;
    schedule.succeeded(&wanted('b'), later);
    schedule.nudge(&wanted('c'), later + seconds(1) / 2);
    assert_eq!(schedule.next().unwrap(), (later + seconds(1) / 2, &wanted('c')));
    schedule.nudge(&wanted('b'), later + seconds(1) / 4);
    schedule.succeeded(&wanted('c'), later + seconds(1) / 2);
    assert_eq!(schedule.next().unwrap(), (later + seconds(1), &wanted('b')));
}

#[test]
fn a_nudge_that_is_about_many_is_about_what_is_live_first() {
    let (mut schedule, start) = (Schedule::default(), Instant::now());
    schedule.add(wanted('a'), start + seconds(20), LATE);
    schedule.add(wanted('b'), start + seconds(30), POLL);
    schedule.nudge(&wanted('a'), start);
    schedule.nudge(&wanted('b'), start);
    assert_eq!(schedule.next().unwrap().1, &wanted('b'));
}

#[test]
fn a_nudge_overrides_a_pause_after_trouble_and_no_limit() {
    let (mut schedule, start) = (Schedule::default(), Instant::now());
    schedule.add(wanted('a'), start, POLL);
    schedule.failed(&wanted('a'), start, None, 0.0);
    schedule.failed(&wanted('a'), start + seconds(10), None, 0.0);
    assert_eq!(next(&schedule, start), seconds(30));
    schedule.nudge(&wanted('a'), start + seconds(12));
    assert_eq!(next(&schedule, start), seconds(12));
    schedule.failed(&wanted('a'), start + seconds(12), Some(start + seconds(100)), 0.0);
    schedule.nudge(&wanted('a'), start + seconds(13));
    assert_eq!(next(&schedule, start), seconds(100));
}

#[test]
fn one_commit_that_always_fails_does_not_keep_the_others_from_being_looked_at() {
    let (mut schedule, start) = (Schedule::default(), Instant::now());
    schedule.add(wanted('a'), start, POLL);
    schedule.add(wanted('b'), start, LATE);
    schedule.failed(&wanted('a'), start, None, 0.0);
    assert_eq!(schedule.next().unwrap().1, &wanted('b'));
}

#[test]
fn pauses_grow_to_five_minutes_and_begin_anew_after_a_good_look() {
    let (mut schedule, start) = (Schedule::default(), Instant::now());
    schedule.add(wanted('a'), start, POLL);
    let mut pauses = Vec::new();
    for _ in 0..7 {
        schedule.failed(&wanted('a'), start, None, 1.0);
        pauses.push(next(&schedule, start).as_secs_f64());
    }
    assert_eq!(pauses, [12.5, 25.0, 50.0, 100.0, 200.0, 300.0, 300.0]);
    schedule.succeeded(&wanted('a'), start);
    schedule.failed(&wanted('a'), start, None, 0.0);
    assert_eq!(next(&schedule, start), seconds(10));
}

#[derive(Debug, Clone)]
enum Move {
    Add(char, u64),
    Remove(usize),
    Nudge(char),
    Pass(u64),
    Succeed,
    Trouble,
    Limit(u64),
}

fn moves() -> impl Strategy<Value = Move> {
    let commit = prop_oneof![Just('a'), Just('b'), Just('c')];
    prop_oneof![
        (commit.clone(), 0..60_u64).prop_map(|(commit, first)| Move::Add(commit, first)),
        any::<usize>().prop_map(Move::Remove),
        commit.prop_map(Move::Nudge),
        (0..90_u64).prop_map(Move::Pass),
        Just(Move::Succeed),
        Just(Move::Trouble),
        (1..600_u64).prop_map(Move::Limit),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn limits_hold_nobody_is_forgotten_and_nobody_means_nothing(moves in prop::collection::vec(moves(), 0..60)) {
        let (mut schedule, mut now) = (Schedule::default(), Instant::now());
        let (mut ids, mut limit) = (Vec::new(), now);
        for step in moves {
            let target = schedule.next().map(|(_, wanted)| wanted.clone());
            match (step, target) {
                (Move::Add(commit, first), _) => ids.push(schedule.add(wanted(commit), now + seconds(first), POLL)),
                (Move::Remove(at), _) if !ids.is_empty() => schedule.remove(ids.remove(at % ids.len())),
                (Move::Nudge(commit), _) => { schedule.nudge(&wanted(commit), now); }
                (Move::Pass(time), _) => now += seconds(time),
                (Move::Succeed, Some(target)) if now >= limit => schedule.succeeded(&target, now),
                (Move::Trouble, Some(target)) if now >= limit => schedule.failed(&target, now, None, 0.5),
                (Move::Limit(time), Some(target)) if now >= limit => {
                    limit = now + seconds(time);
                    schedule.failed(&target, now, Some(limit), 0.5);
                }
                _ => {}
            }
            prop_assert_eq!(schedule.next().is_some(), !ids.is_empty());
            if let Some((at, _)) = schedule.next() {
                prop_assert!(now >= limit || at >= limit, "a look during a limit");
                prop_assert!(at <= now.max(limit) + seconds(301), "somebody waits for ever");
            }
        }
    }
}

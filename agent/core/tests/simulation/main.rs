//! Thousands of days in the life of an environment: pushes, a CI of its own, people, outages and
//! crashes at any moment, in simulated time. Each day is made from one number.
//!
//! `RIPCORD_SEEDS=5000` lives through so many days, `RIPCORD_SEED=17` tells the story of one.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod agent;
#[path = "../checks/mod.rs"]
mod checks;
mod ci;
mod coverage;
mod day;
mod dice;
mod facts;
mod machine;
#[path = "../model/mod.rs"]
mod model;
mod people;
mod town;
mod truth;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use checks::{Kept, with_every_promise};
use coverage::Coverage;
use town::Town;

/// So many days are lived through when nobody asks for more.
const SEEDS: u64 = 600;

macro_rules! named_promises {
    ($($part:ident { $($promise:ident)* })*) => {
        &[$($((stringify!($promise), |town| checks::$part::$promise(&town.world)),)*)*]
    };
}

type Check = fn(&Town) -> Kept;
const PROMISES: &[(&str, Check)] = with_every_promise!(named_promises);

macro_rules! named_truths {
    ($($name:ident)*) => { &[$((stringify!($name), truth::$name),)*] };
}

const TRUTHS: &[(&str, Check)] = named_truths!(
    what_is_validated_was_green_in_ci_or_a_person_said_so
    while_github_is_down_its_silence_decides_nothing
    a_verdict_has_its_whole_time_and_not_much_more
    nobody_gives_up_after_a_start_before_having_looked
    an_automatic_rollback_has_a_reason_in_the_world
    what_is_baked_was_tended_for_its_whole_time
    an_older_commit_replaces_a_newer_one_only_where_that_was_asked_for
    whoever_listens_has_heard_the_last_word
    nothing_red_is_live_at_night_unless_people_know
);

const ENDINGS: &[(&str, Check)] = &[
    ("every_deployment_ended_once", |town| {
        checks::endings::every_deployment_ended_once(&town.world)
    }),
    ("nothing_condemned_is_left_live", |town| {
        checks::endings::nothing_condemned_is_left_live(&town.world)
    }),
];

/// Lives through a day; answers what it reached, or which promises were broken and how.
fn live_through(seed: u64) -> Result<Coverage, String> {
    let day = catch_unwind(|| Town::live_through(seed, false));
    let town = day.map_err(|_| "  the core, or the simulation, panicked".to_owned())?;
    let broken: Vec<String> = [PROMISES, TRUTHS, ENDINGS]
        .into_iter()
        .flatten()
        .filter_map(|(name, check)| {
            let kept = catch_unwind(AssertUnwindSafe(|| check(&town)));
            let why =
                kept.map_or(Err("it panicked".to_owned()), |kept| kept.map_err(|e| e.to_string()));
            why.err().map(|why| format!("  {name}: {why}"))
        })
        .collect();
    if broken.is_empty() { Ok(Coverage::of(&town)) } else { Err(broken.join("\n")) }
}

/// The story again, told this time: the same number makes the same day.
fn tell(seed: u64, broken: &str) -> String {
    let story = catch_unwind(|| Town::live_through(seed, true).story().to_owned());
    let story = story.unwrap_or_else(|_| "the story ends in a panic\n".to_owned());
    format!(
        "{story}\nseed {seed} broke:\n{broken}\n\nreplay: RIPCORD_SEED={seed} cargo test \
         -p ripcord-core --test simulation\n"
    )
}

#[allow(clippy::disallowed_methods, reason = "how many days to simulate is no input of the core")]
fn asked_for(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}

/// Lives through all days, on all cores; the first broken one in order is told.
fn live_through_all(seeds: u64) -> Coverage {
    let (next, cores) = (AtomicU64::new(0), thread::available_parallelism().unwrap().get());
    let work = || {
        let mut coverage = Coverage::default();
        let mut broken: Vec<(u64, String)> = Vec::new();
        while broken.is_empty() {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds {
                break;
            }
            match live_through(seed) {
                Ok(reached) => coverage.add(&reached),
                Err(why) => {
                    broken.push((seed, why));
                    next.store(seeds, Ordering::Relaxed);
                }
            }
        }
        (coverage, broken)
    };
    let ends: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).collect()
    });
    let mut coverage = Coverage::default();
    ends.iter().for_each(|(reached, _)| coverage.add(reached));
    if let Some((seed, why)) = ends.iter().flat_map(|(_, broken)| broken).min() {
        panic!("\n{}", tell(*seed, why));
    }
    coverage
}

#[test]
fn no_day_breaks_a_promise() {
    if let Some(seed) = asked_for("RIPCORD_SEED") {
        let ended = live_through(seed);
        let broken = ended.as_ref().err().map_or("nothing", String::as_str);
        println!("{}", tell(seed, broken));
        assert!(ended.is_ok(), "seed {seed} broke:\n{broken}");
        return;
    }
    let seeds = asked_for("RIPCORD_SEEDS").unwrap_or(SEEDS);
    let coverage = live_through_all(seeds);
    println!("{seeds} days:\n{coverage}");
    if seeds >= SEEDS {
        coverage.assert_complete();
    }
}

#[test]
fn the_same_number_makes_the_same_day() {
    let story = |seed| Town::live_through(seed, true).story().to_owned();
    assert_eq!(story(7), story(7));
    assert_ne!(story(7), story(8));
}

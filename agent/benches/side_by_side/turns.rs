//! Taking turns: every way once in each round, beginning with another one each time, so that a slow
//! minute of the machine meets all of them.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use crate::{agent::succeed, interrupt, place::Scene, series::Series, ways::Way};

/// The order in this round.
pub(crate) fn order(round: usize, ways: usize) -> impl Iterator<Item = usize> {
    (0..ways).map(move |turn| (turn + round) % ways)
}

/// All ways deploy `rounds` times, after so many rounds that only warm up; the page is compared each time.
pub(crate) fn deployments(
    scene: &Scene,
    ways: &mut [&mut dyn Way],
    warm_ups: usize,
    rounds: usize,
) -> Vec<Series> {
    let mut series: Vec<Series> = ways.iter().map(|way| Series::of_times(way.name())).collect();
    for round in 0..warm_ups + rounds {
        for at in order(round, ways.len()) {
            interrupt::check();
            let took = deployment(scene, ways[at], round);
            if round >= warm_ups {
                series[at].add(took);
            }
        }
    }
    series
}

fn deployment(scene: &Scene, way: &mut dyn Way, round: usize) -> Duration {
    let page = format!("round {round} of {}", way.name());
    let sha = if way.brings_the_commit() { scene.git.pushed(&page) } else { String::new() };
    let began = Instant::now();
    way.deploy(&sha);
    let took = began.elapsed();
    if way.brings_the_commit() {
        assert_eq!(way.place().page(), Some(page), "{} did not deploy", way.name());
    }
    took
}

/// What tells whether a command printed what it has to.
type Judge<'a> = Box<dyn Fn(&[u8]) -> bool + 'a>;

/// A command that is started cold.
pub(crate) struct Cold<'a> {
    pub(crate) name: &'static str,
    pub(crate) command: Box<dyn Fn() -> Command + 'a>,
    pub(crate) is_right: Judge<'a>,
}

/// All commands are started `rounds` times; what they print is checked each time.
pub(crate) fn cold_starts(commands: &[Cold<'_>], rounds: usize) -> Vec<Series> {
    let mut series: Vec<Series> = commands.iter().map(|cold| Series::of_times(cold.name)).collect();
    for round in 0..=rounds {
        for at in order(round, commands.len()) {
            interrupt::check();
            let mut command = (commands[at].command)();
            let began = Instant::now();
            let said = succeed(&mut command);
            let took = began.elapsed();
            let right = (commands[at].is_right)(&said);
            assert!(right, "{command:?} printed {}", String::from_utf8_lossy(&said));
            // The first round only warms up.
            if round > 0 {
                series[at].add(took);
            }
        }
    }
    series
}

//! When which commit is looked at: pure, the time is an argument.
//!
//! One look serves everybody who waits for the same commit. A limit of the server's stops all looks
//! until it is over; trouble spaces them out; a nudge brings one forward, and limits stop it too.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use ripcord_core::ci::Wanted;
use tokio::time::Instant;

/// The first pause after trouble; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
/// The longest pause; chance adds up to a quarter, which makes 5 minutes.
const LONGEST_PAUSE: Duration = Duration::from_secs(4 * 60);
/// A nudge is obeyed at once, and once more a little later: the job that sends it is itself still a
/// part of the run.
const BURST: [Duration; 4] =
    [Duration::ZERO, Duration::from_secs(2), Duration::from_secs(5), Duration::from_secs(10)];
/// However often somebody nudges, a commit is looked at once in this time.
const BETWEEN_NUDGES: Duration = Duration::from_secs(1);

/// Somebody who waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct WatchId(u64);

/// Who waits for what, and when the next look is due.
#[derive(Debug, Default)]
pub struct Schedule {
    watches: BTreeMap<WatchId, Watch>,
    nudges: BTreeMap<Wanted, VecDeque<Instant>>,
    /// The server said so: not even a nudge comes before this.
    limited_until: Option<Instant>,
    /// We said so, after trouble.
    pausing_until: Option<Instant>,
    troubles: u32,
    ids: u64,
}

#[derive(Debug)]
struct Watch {
    wanted: Wanted,
    next: Instant,
    every: Duration,
    looked: Option<Instant>,
}

impl Schedule {
    /// Somebody waits for `wanted` from `first` on, and wants to know `every` so often.
    pub fn add(&mut self, wanted: Wanted, first: Instant, every: Duration) -> WatchId {
        self.ids += 1;
        let id = WatchId(self.ids);
        self.watches.insert(id, Watch { wanted, next: first, every, looked: None });
        id
    }

    /// Somebody waits no more.
    pub fn remove(&mut self, id: WatchId) {
        self.watches.remove(&id);
        let wanted: BTreeSet<_> = self.watches.values().map(|watch| &watch.wanted).collect();
        self.nudges.retain(|nudged, _| wanted.contains(nudged));
    }

    /// There is news of `wanted`, somebody says. Answers whether anybody waits for it.
    pub fn nudge(&mut self, wanted: &Wanted, now: Instant) -> bool {
        let is_wanted = self.watches.values().any(|watch| watch.wanted == *wanted);
        if is_wanted {
            let burst = BURST.iter().map(|later| now + *later).collect();
            self.nudges.insert(wanted.clone(), burst);
        }
        is_wanted
    }

    /// What is looked at next, and when; nothing while nobody waits.
    #[must_use]
    pub fn next(&self) -> Option<(Instant, &Wanted)> {
        let due = self.watches.values().map(|watch| {
            let at = self.due(watch);
            // A nudge is about all that are watched, and seldom about what was rolled back before.
            let pace = self.nudges.get(&watch.wanted).map(|_| watch.every);
            // Of those that are due together, the one that has waited longest.
            ((at, pace, watch.next), &watch.wanted)
        });
        due.min_by_key(|(key, _)| *key).map(|((at, ..), wanted)| (at, wanted))
    }

    fn due(&self, watch: &Watch) -> Instant {
        let regular = watch.next.max(self.pausing_until.unwrap_or(watch.next));
        let nudged = self.nudges.get(&watch.wanted).and_then(|burst| burst.front());
        let nudged = nudged.map(|at| {
            let earliest = watch.looked.map(|last| last + BETWEEN_NUDGES);
            earliest.map_or(*at, |earliest| earliest.max(*at))
        });
        let due = nudged.map_or(regular, |nudged| nudged.min(regular));
        self.limited_until.map_or(due, |limit| limit.max(due))
    }

    /// Whether nothing can be asked just now.
    #[must_use]
    pub fn is_paused(&self, now: Instant) -> bool {
        [self.limited_until, self.pausing_until].into_iter().flatten().any(|until| now < until)
    }

    /// A look at `wanted` succeeded.
    pub fn succeeded(&mut self, wanted: &Wanted, now: Instant) {
        self.looked(wanted, now);
        (self.troubles, self.pausing_until, self.limited_until) = (0, None, None);
    }

    /// A look at `wanted` did not. `chance`, from 0 to 1, keeps agents from coming back together.
    pub fn failed(
        &mut self,
        wanted: &Wanted,
        now: Instant,
        retry_at: Option<Instant>,
        chance: f64,
    ) {
        self.looked(wanted, now);
        let again = match retry_at {
            Some(retry_at) => {
                self.limited_until = Some(retry_at);
                retry_at
            }
            None => {
                self.troubles = self.troubles.saturating_add(1);
                let again = now + pause(self.troubles, chance);
                self.pausing_until = Some(again);
                again
            }
        };
        // Nobody was told anything good meanwhile, so nobody waits longer than for the others.
        for watch in self.watches.values_mut() {
            watch.next = watch.next.min(again);
        }
    }

    fn looked(&mut self, wanted: &Wanted, now: Instant) {
        for watch in self.watches.values_mut().filter(|watch| watch.wanted == *wanted) {
            watch.next = now + watch.every;
            watch.looked = Some(now);
        }
        if let Some(burst) = self.nudges.get_mut(wanted) {
            burst.retain(|at| *at > now);
            if burst.is_empty() {
                self.nudges.remove(wanted);
            }
        }
    }
}

fn pause(troubles: u32, chance: f64) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(1 << (troubles.saturating_sub(1)).min(8));
    doubled.min(LONGEST_PAUSE).mul_f64(1.0 + chance.clamp(0.0, 1.0) / 4.0)
}

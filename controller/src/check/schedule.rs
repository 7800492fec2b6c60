//! Which job may begin, and which never will. Pure: it is told what ended, and says what is next.

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Running,
    Good,
    Bad,
}

/// What is to be done with a job now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Start it.
    Start(usize),
    /// It will never begin, because the other job is not good.
    Skip { job: usize, because: usize },
}

/// All jobs of a group, and how far each is.
#[derive(Debug)]
pub(super) struct Board {
    needs: Vec<Vec<usize>>,
    states: Vec<State>,
    at_once: usize,
}

impl Board {
    /// Nothing has begun. `needs` has no cycle; at most `at_once` jobs run at a time.
    pub(super) fn new(needs: Vec<Vec<usize>>, at_once: usize) -> Self {
        let states = vec![State::Waiting; needs.len()];
        Self { needs, states, at_once }
    }

    /// The next thing to do, in the order of the file; none until something ends.
    pub(super) fn next(&mut self) -> Option<Step> {
        let waiting = |at: &usize| self.states[*at] == State::Waiting;
        let in_the_way = |job: usize| {
            let because = self.needs[job].iter().find(|need| self.states[**need] == State::Bad)?;
            Some(Step::Skip { job, because: *because })
        };
        if let Some(skip) = (0..self.states.len()).filter(waiting).find_map(in_the_way) {
            if let Step::Skip { job, .. } = skip {
                self.states[job] = State::Bad;
            }
            return Some(skip);
        }
        if self.states.iter().filter(|state| **state == State::Running).count() >= self.at_once {
            return None;
        }
        let is_ready =
            |job: &usize| self.needs[*job].iter().all(|need| self.states[*need] == State::Good);
        let job = (0..self.states.len()).filter(waiting).find(is_ready)?;
        self.states[job] = State::Running;
        Some(Step::Start(job))
    }

    /// A job that was started has ended.
    pub(super) fn ended(&mut self, job: usize, good: bool) {
        self.states[job] = if good { State::Good } else { State::Bad };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A group without cycles: each job needs some of those before it, then all are shuffled.
    fn graphs() -> impl Strategy<Value = (Vec<Vec<usize>>, Vec<bool>)> {
        (1usize..12).prop_flat_map(|count| {
            let bits = proptest::collection::vec(any::<u16>(), count);
            let order = Just((0..count).collect::<Vec<usize>>()).prop_shuffle();
            (bits, order, proptest::collection::vec(any::<bool>(), count)).prop_map(
                |(bits, order, good)| {
                    let mut needs = vec![Vec::new(); bits.len()];
                    for (at, bits) in bits.iter().enumerate() {
                        let before = (0..at).filter(|before| bits >> before & 3 == 3);
                        needs[order[at]] = before.map(|before| order[before]).collect();
                    }
                    (needs, good)
                },
            )
        })
    }

    proptest! {
        /// Whatever the graph, the results and the order in which jobs end.
        #[test]
        fn every_job_runs_once_behind_its_needs_or_is_skipped_for_a_bad_one(
            (needs, good) in graphs(),
            at_once in 1usize..5,
            picks in proptest::collection::vec(any::<prop::sample::Index>(), 12),
        ) {
            let mut board = Board::new(needs.clone(), at_once);
            let mut running: Vec<usize> = Vec::new();
            let mut results: Vec<Option<bool>> = vec![None; needs.len()];
            for pick in picks.iter().cycle().take(needs.len() + 1) {
                while let Some(step) = board.next() {
                    match step {
                        Step::Start(job) => {
                            prop_assert!(results[job].is_none() && !running.contains(&job));
                            prop_assert!(needs[job].iter().all(|need| results[*need] == Some(true)));
                            running.push(job);
                            prop_assert!(running.len() <= at_once);
                        }
                        Step::Skip { job, because } => {
                            prop_assert!(results[job].is_none() && !running.contains(&job));
                            prop_assert!(needs[job].contains(&because));
                            prop_assert_eq!(results[because], Some(false));
                            results[job] = Some(false);
                        }
                    }
                }
                // No hand is idle while a job could begin.
                let ready = |job: &usize| {
                    results[*job].is_none() && !running.contains(job)
                        && needs[*job].iter().all(|need| results[*need] == Some(true))
                };
                prop_assert!(running.len() == at_once || !(0..needs.len()).any(|job| ready(&job)));
                if running.is_empty() {
                    break;
                }
                let job = running.remove(pick.index(running.len()));
                board.ended(job, good[job]);
                results[job] = Some(good[job]);
            }
            prop_assert!(results.iter().all(Option::is_some), "{results:?}");
        }
    }
}

//! What must hold of every history, whoever made it: random moves, or the simulation. Each check is
//! a promise; it looks at every input, and at the state before and after it.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]

pub mod backups;
pub mod bakes;
pub mod endings;
pub mod requests;
pub mod rollbacks;
pub mod state;
pub mod steps;
pub mod verdicts;

use proptest::prelude::*;
use ripcord_core::{
    Answer, DeploymentNumber, Entry, Environment, Event, Input, Kind, Outcome, Phase, Step,
    StepDone, Verdict, VerifyWhen,
};

use crate::model::{self, World, touches};

/// Whether a promise was kept, and what broke it.
pub type Kept = Result<(), TestCaseError>;

/// Hands the names of all promises to a macro: what is tested with random moves and what the
/// simulation checks is one list.
#[allow(unused_macros, reason = "each test target takes what it needs")]
macro_rules! with_every_promise {
    ($use:ident) => {
        $use! {
            steps {
                one_deployment_at_a_time_touches_an_environment
                an_intent_is_in_the_journal_before_its_effect_is_wanted
                nothing_is_touched_before_the_commit_is_fetched_verified_and_pinned
                a_failed_probe_never_reaches_watching
                what_is_called_live_is_what_runs
                a_crash_in_the_middle_of_a_touch_begins_with_a_reset
            }
            verdicts {
                only_a_good_verdict_for_the_exact_commit_validates
                what_is_validated_never_moves_back_except_by_going_back
                only_the_live_deployment_is_rolled_back_by_its_own_verdict
                a_red_verdict_on_what_was_superseded_touches_nothing
                a_source_that_cannot_be_asked_never_decides
            }
            rollbacks {
                a_rollback_leads_only_to_what_was_once_healthy_here_or_the_baseline
                a_rollback_needs_no_network
                rolled_back_is_said_only_after_the_rollback_was_found_healthy
                rolling_back_to_what_runs_touches_nothing
                a_deployment_is_rolled_back_at_most_once
                three_automatic_rollbacks_within_an_hour_hold_the_environment
                a_rollback_that_asks_for_a_hold_leaves_one
            }
            requests {
                an_environment_on_hold_starts_no_deployment
                a_quarantined_commit_gets_in_only_by_a_good_verdict_or_an_override
                a_quarantined_commit_is_never_written
                the_newest_request_waits_and_the_one_before_it_is_superseded
            }
            backups {
                nothing_is_touched_before_the_backup_is_there_where_one_is_asked_for
                a_failed_backup_ends_the_deployment_with_nothing_touched
                a_crash_while_saving_saves_again_and_no_other_crash_does
                a_rollback_saves_nothing
                a_backup_says_of_what_it_is
                the_files_of_a_rollback_are_the_backup_that_was_asked_for_or_those_that_were_there
                a_plan_is_followed_only_while_what_it_was_made_on_is_so
            }
            bakes {
                what_went_live_bakes_where_that_is_asked_for_and_a_rollback_never_does
                only_what_is_live_bakes
                what_is_not_baked_is_not_validated
                failing_health_during_the_bake_condemns_and_never_quarantines
                a_good_verdict_during_the_bake_ends_nothing
                a_bad_verdict_during_the_bake_does_not_wait_for_its_end
                time_alone_decides_nothing_while_it_bakes
            }
            state {
                the_state_is_the_fold_of_the_journal_also_through_json
                a_tick_at_the_time_that_was_asked_for_has_something_to_do
            }
        }
    };
}
#[allow(unused_imports, reason = "each test target takes what it needs")]
pub(crate) use with_every_promise;

/// Whether `earlier` is somewhere before place `at` of the journal.
fn happened_before(
    journal: &[&Entry],
    at: usize,
    of: DeploymentNumber,
    is: impl Fn(&Event) -> bool,
) -> bool {
    journal[..at].iter().any(|entry| entry.deployment == Some(of) && is(&entry.event))
}

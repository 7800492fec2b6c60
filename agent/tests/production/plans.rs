//! What is shown before, and what becomes of it.

use ripcord_agent::ports::Between;
use ripcord_core::{Answer, CommitSha, Identity};
use ripcord_proto::v1::{self, Outcome};

use crate::{
    place::{Place, back, confirmed, dry, full, reason},
    support::fake::sha,
};

fn come(subjects: &[&str], ahead: u64) -> Between {
    let subjects = subjects.iter().map(ToString::to_string).collect();
    Between { ahead, behind: 0, subjects }
}

#[tokio::test]
async fn the_plan_says_what_comes_what_is_saved_what_restarts_and_where_failure_leads() {
    let place = Place::new().await;
    place.validate(1).await;
    place.promoted().await;
    place.validate(2).await;
    *place.between.lock().unwrap() = Some(come(&["0202020 Fix bug", "0909090 Add charts"], 12));
    let planned = place.deploy(dry()).await.unwrap();
    let expected = "\
PREPROD:    0202020 #2, validated: a commit (ada)
PRODUCTION: 0101010 #1: a commit (ada)
brings 12 commits:
  0202020 Fix bug
  0909090 Add charts
  … and 10 more
take the commit from the repository of preprod
save /app/prod in /my backups, which keeps 10
bring the files with deploy.sh
recreate the containers of prod.yml
probe http://prod/, at most 5 failed tries
the probe is the verdict
bake: for 5 min after it went live, failing health rolls it back
on failure, roll back to 0101010 #1, with the files that were saved";
    assert_eq!(planned.plan.join("\n"), expected);
    assert_eq!((planned.confirm.as_str(), planned.promotes.as_str()), ("DEPLOY", "preprod"));
    assert_eq!((planned.sha, planned.deployment), (full(2), 0));
    assert_eq!(place.prod.handle.history(9).await.unwrap().len(), 1, "nothing was done");
    assert_eq!(place.refused().await, []);
}

#[tokio::test]
async fn the_way_between_two_commits_is_told_whichever_way_it_leads() {
    let place = Place::new().await;
    place.validate(1).await;
    place.promoted().await;
    place.validate(2).await;
    let cases = [
        (
            Some(Between { ahead: 0, behind: 1, ..Between::default() }),
            "older: leaves 1 commit of what is live",
        ),
        (
            Some(Between { ahead: 1, behind: 2, ..Between::default() }),
            "elsewhere: leaves 2 commits of what is live, brings 1 commit:",
        ),
        (None, "commits between them: not known here"),
    ];
    for (between, expected) in cases {
        *place.between.lock().unwrap() = between;
        let plan = place.deploy(dry()).await.unwrap().plan;
        assert_eq!(plan[2], expected);
    }
}

#[tokio::test]
async fn a_plan_that_still_holds_is_carried_out_and_the_core_knows_what_it_was_made_on() {
    let place = Place::new().await;
    place.validate(1).await;
    let expected_plan = place.deploy(dry()).await.unwrap().plan;
    let done = place.deploy(v1::DeployRequest { expected_plan, ..confirmed() }).await.unwrap();
    assert_eq!((done.outcome(), done.sha), (Outcome::Validated, full(1)));
    let deployment = place.prod.handle.history(1).await.unwrap().remove(0);
    assert_eq!(deployment.planned_on.map(|on| on.live), Some(None));
}

#[tokio::test]
async fn what_preprod_validated_after_the_plan_was_shown_is_not_smuggled_into_production() {
    let place = Place::new().await;
    place.validate(1).await;
    let expected_plan = place.deploy(dry()).await.unwrap().plan;
    place.validate(2).await;
    let agreed = v1::DeployRequest { expected_plan, ..confirmed() };
    let refused = place.deploy(agreed).await.unwrap_err();
    assert_eq!(reason(&refused), "PLAN_CHANGED");
    let difference =
        "- PREPROD:    0101010 #1, validated: a commit (ada); + PREPROD:    0202020 #2";
    assert!(refused.message().contains(difference), "{}", refused.message());
    assert_eq!(place.refused().await.len(), 1, "it is journaled, and so it is told");
    assert_eq!(place.prod.handle.state.borrow().live, None);
}

#[tokio::test]
async fn a_request_that_is_sent_again_joins_whatever_became_of_its_plan() {
    let place = Place::new().await;
    place.validate(1).await;
    let expected_plan = place.deploy(dry()).await.unwrap().plan;
    let request_id = "the-same".to_owned();
    let request = v1::DeployRequest { expected_plan, request_id, ..confirmed() };
    let first = place.deploy(request.clone()).await.unwrap();
    place.validate(2).await;
    let again = place.deploy(request).await.unwrap();
    assert_eq!((again.deployment, again.sha), (first.deployment, full(1)));
}

#[tokio::test]
async fn a_dry_run_of_what_is_sent_again_joins_whatever_was_deployed_since() {
    let place = Place::new().await;
    place.validate(1).await;
    let request = v1::DeployRequest { request_id: "the-same".to_owned(), ..confirmed() };
    let first = place.deploy(request.clone()).await.unwrap();
    place.validate(2).await;
    place.promoted().await;
    let again = v1::DeployRequest { dry_run: true, ..request };
    let planned = place.deploy(again).await.unwrap();
    assert_eq!((planned.deployment, planned.sha), (first.deployment, full(1)));
    let request_id = "the-way-back".to_owned();
    let back = v1::RollbackRequest { request_id, hold: Some(false), ..back() };
    let first = place.rollback(back.clone()).await.unwrap();
    place.validate(3).await;
    place.promoted().await;
    let planned = place.rollback(v1::RollbackRequest { dry_run: true, ..back }).await.unwrap();
    assert_eq!((planned.deployment, planned.sha), (first.deployment, full(1)));
}

#[tokio::test]
async fn a_refused_plan_that_was_seen_is_refused_again_and_never_carried_out() {
    let place = Place::new().await;
    place.validate(1).await;
    let by: Identity = "spiffe://lab/operator/bob".parse().unwrap();
    let held = place.prod.handle.hold(by.clone(), "freeze".into()).await.unwrap();
    assert_eq!(held, Answer::Done);
    let expected_plan = vec!["refused: on hold".to_owned()];
    let request = v1::DeployRequest { expected_plan, ..confirmed() };
    assert_eq!(reason(&place.deploy(request.clone()).await.unwrap_err()), "HELD");
    place.prod.handle.resume(by).await.unwrap();
    assert_eq!(reason(&place.deploy(request).await.unwrap_err()), "PLAN_CHANGED");
    assert_eq!(place.refused().await.len(), 2);
}

#[tokio::test]
async fn only_an_environment_that_promotes_knows_which_commit_is_meant() {
    let place = Place::new().await;
    let nothing = place.deploy(dry()).await.unwrap_err();
    assert_eq!(reason(&nothing), "NOTHING_TO_PROMOTE");
    let preprod = v1::DeployRequest { environment: "preprod".into(), ..dry() };
    assert_eq!(reason(&place.deploy(preprod).await.unwrap_err()), "COMMIT_NEEDED");
    assert_eq!(place.refused().await, []);
    assert_eq!(reason(&place.deploy(confirmed()).await.unwrap_err()), "NOTHING_TO_PROMOTE");
    assert_eq!(place.refused().await.len(), 1);
    let unvalidated = v1::DeployRequest { sha: full(7), ..confirmed() };
    assert_eq!(reason(&place.deploy(unvalidated).await.unwrap_err()), "NOT_VALIDATED");
}

#[tokio::test]
async fn a_rollback_says_what_goes_back_which_backup_and_what_is_not_undone() {
    let place = Place::new().await;
    place.validate(1).await;
    place.promoted().await;
    place.validate(2).await;
    place.promoted().await;
    let planned = place.rollback(v1::RollbackRequest { dry_run: true, ..back() }).await.unwrap();
    assert!(planned.plan[1].starts_with("back to:    0101010 #1, live on 20"), "{planned:?}");
    let rest = "\
restore backup 20261123T061742Z-2, made before #2, from /my backups/20261123T061742Z-2
recreate the containers of prod.yml
probe http://prod/, at most 5 failed tries
hold prod afterwards: no deployment until `ripcord resume prod`
not undone: databases, volumes and data; untracked files stay";
    assert_eq!(planned.plan[2..].join("\n"), rest);
    assert_eq!(planned.plan[0], "PRODUCTION: 0202020 #2: a commit (ada)");
    let baseline = v1::rollback_request::To::Backup("20261123T061741Z-1".into());
    let dry = v1::RollbackRequest { dry_run: true, to: Some(baseline), ..back() };
    let first = place.rollback(dry).await.unwrap();
    assert_eq!(first.plan[1], "back to:    what ran before the first deployment");
    assert_eq!(first.sha, CommitSha::UNKNOWN.to_string());

    place.shelf.backups.lock().unwrap().clear();
    let expected_plan = planned.plan;
    let agreed = v1::RollbackRequest { expected_plan, ..back() };
    let refused = place.rollback(agreed).await.unwrap_err();
    assert_eq!(reason(&refused), "PLAN_CHANGED", "{}", refused.message());
    assert_eq!(place.prod.handle.state.borrow().live.unwrap().sha, sha(2));
}

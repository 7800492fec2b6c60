//! What people read, in every situation and language: the texts are reviewed here.
#![allow(missing_docs, clippy::unwrap_used)]

mod model;
mod newsroom;

use model::{deploy_of, person, rollback_to, sha, shorthand::MINUTE};
use newsroom::{
    Site, no_token, production,
    scene::{Scene, scene},
    shown, single,
};
use ripcord_core::{
    DeploymentNumber, Event, FailureKind, Input, OnDeadline, Placement, Policy, Refusal, Verdict,
    VerifyWhen,
    news::{Locale, News},
};

fn scenes() -> Vec<(&'static str, Vec<News>)> {
    [deployments(), verdicts(), production::scenes(), rollbacks(), refusals(), alone()].concat()
}

fn preprod(play: impl FnOnce(&mut Scene)) -> Vec<News> {
    scene(Scene::after_a_good_one(), play)
}

fn deployments() -> Vec<(&'static str, Vec<News>)> {
    let gate = Policy { when: VerifyWhen::Before, ..Policy::default() };
    let keep = Policy { on_deadline: OnDeadline::Keep, ..Policy::default() };
    vec![
        (
            "a good commit",
            preprod(|s| {
                s.good(2);
            }),
        ),
        (
            "CI takes long",
            preprod(|s| {
                s.deploy(2).steps().wait(6);
            }),
        ),
        (
            "no CI, ever",
            preprod(|s| {
                s.deploy(2).steps().ci(2, Verdict::NoRun).wait(6).wait(60);
            }),
        ),
        (
            "GitHub is away",
            preprod(|s| {
                s.deploy(2).steps().ci(2, Verdict::Unknown).wait(6);
            }),
        ),
        (
            "no verdict in time",
            preprod(|s| {
                s.deploy(2).steps().wait(61).steps();
            }),
        ),
        (
            "no verdict in time, and it is to stay",
            scene(Scene::of(Site::preprod(), keep), |s| {
                s.deploy(1).steps().wait(61);
            }),
        ),
        (
            "CI was cancelled",
            preprod(|s| {
                s.deploy(2).steps().ci(2, Verdict::Cancelled).wait(2).steps();
            }),
        ),
        (
            "a newer push",
            preprod(|s| {
                s.deploy(2)
                    .steps()
                    .deploy(3)
                    .steps()
                    .ci(2, Verdict::Success)
                    .ci(3, Verdict::Success);
            }),
        ),
        (
            "three pushes at once",
            preprod(|s| {
                s.deploy(2).deploy(3).deploy(4).steps();
            }),
        ),
        (
            "it does not become healthy",
            preprod(|s| {
                s.deploy(2).steps_until_restart();
                s.step(Ok(()));
                s.unhealthy().steps();
            }),
        ),
        (
            "git does not answer",
            preprod(|s| {
                s.deploy(2).fails(FailureKind::Remote, "fetching from origin: connection refused");
            }),
        ),
        (
            "a gate",
            scene(Scene::of(Site::preprod(), gate.clone()), |s| {
                s.deploy(1).steps().wait(6).ci(1, Verdict::Success).steps();
            }),
        ),
        (
            "a red commit at the gate",
            scene(Scene::of(Site::preprod(), gate), |s| {
                s.deploy(1).steps().ci(1, Verdict::Failure);
            }),
        ),
        (
            "the agent starts again",
            preprod(|s| {
                s.deploy(2).steps().deploy(3);
                let alive_until = Some(s.world.now);
                s.world.now = s.world.now.plus(3 * MINUTE);
                s.world.give(Input::AgentStarted { alive_until });
            }),
        ),
    ]
}

fn verdicts() -> Vec<(&'static str, Vec<News>)> {
    vec![
        (
            "a red commit",
            preprod(|s| {
                s.deploy(2).steps().wait(2).ci(2, Verdict::Failure).steps();
            }),
        ),
        (
            "a red commit that turns green",
            preprod(|s| {
                s.deploy(2).steps().ci(2, Verdict::Failure).steps().wait(9).ci(2, Verdict::Success);
            }),
        ),
        (
            "a red re-run of what was validated",
            preprod(|s| {
                s.wait(9).ci(1, Verdict::Failure);
            }),
        ),
        (
            "a red commit, and nothing to go back to",
            scene(Scene::of(Site::preprod(), Policy::default()), |s| {
                s.world.head = None;
                s.deploy(1).steps().forget();
                s.world.environment.baseline = None;
                s.ci(1, Verdict::Failure);
            }),
        ),
        (
            "nobody waited any more when it turned green",
            preprod(|s| {
                s.deploy(2)
                    .steps()
                    .ci(2, Verdict::NoRun)
                    .wait(61)
                    .forget()
                    .wait(9)
                    .ci(2, Verdict::Success);
            }),
        ),
        (
            "a red commit that is gone",
            preprod(|s| {
                s.deploy(2).steps().deploy(3).steps().ci(2, Verdict::Failure);
            }),
        ),
        (
            "an overridden quarantine",
            preprod(|s| {
                s.deploy(2).steps().ci(2, Verdict::Failure).steps().forget();
                let reason = Some("test instable".to_owned());
                let request = deploy_of(sha(2));
                let request =
                    ripcord_core::DeployRequest { reason, override_quarantine: true, ..request };
                s.world.give(Input::Deploy(request));
                s.steps().ci(4, Verdict::Failure);
            }),
        ),
        (
            "a person calls it bad",
            preprod(|s| {
                s.deploy(2).steps();
                s.world.person_says(2, false);
                s.steps();
            }),
        ),
        (
            "a person calls it good",
            preprod(|s| {
                s.deploy(2).steps();
                s.world.person_says(2, true);
            }),
        ),
    ]
}

fn rollbacks() -> Vec<(&'static str, Vec<News>)> {
    vec![
        (
            "a person goes back, before CI has spoken",
            preprod(|s| {
                s.deploy(2).steps().rollback(false).steps();
            }),
        ),
        (
            "back to what runs",
            preprod(|s| {
                let live = s.world.environment.live;
                s.deploy(2);
                s.world.give(Input::Rollback(rollback_to(live)));
                s.steps();
            }),
        ),
        (
            "two rollbacks are asked for",
            preprod(|s| {
                s.deploy(2);
                let live = s.world.environment.live;
                s.world.give(Input::Rollback(rollback_to(live)));
                let to = Some(Placement { deployment: None, sha: sha(0x99) });
                s.world.give(Input::Rollback(rollback_to(to)));
            }),
        ),
        (
            "a rollback that waits is called bad",
            preprod(|s| {
                s.deploy(2);
                let live = s.world.environment.live;
                s.world.give(Input::Rollback(rollback_to(live)));
                s.world.person_says(1, false);
            }),
        ),
        (
            "back to the baseline",
            scene(Scene::preprod(), |s| {
                s.deploy(1).steps().rollback(false).steps();
            }),
        ),
        (
            "an older target, and then stranded",
            preprod(|s| {
                s.deploy(2).steps().ci(2, Verdict::Failure).unhealthy().unhealthy();
                s.wait(16).wait(50);
            }),
        ),
        (
            "a person's rollback strands",
            preprod(|s| {
                s.deploy(2).steps().rollback(false).unhealthy().unhealthy();
            }),
        ),
        (
            "nothing to go back to",
            scene(Scene::of(Site::preprod(), Policy::default()), |s| {
                s.world.head = None;
                s.deploy(1);
                s.step(Ok(()));
                s.world.environment.baseline = None;
                s.step(Ok(()));
                s.unhealthy();
            }),
        ),
        (
            "flapping",
            preprod(|s| {
                for of in 2..5 {
                    s.forget().deploy(of);
                    let number = s.world.environment.last.0;
                    s.steps().ci(number, Verdict::Failure).steps();
                }
                s.world.give(Input::Resume { by: person() });
            }),
        ),
    ]
}

fn refusals() -> Vec<(&'static str, Vec<News>)> {
    let refused = |refusal| Event::Refused { sha: Some(sha(2)), by: person(), refusal };
    vec![
        (
            "on hold",
            preprod(|s| {
                let reason = "démo à 15 h".to_owned();
                s.world.give(Input::Hold { by: person(), reason });
                s.deploy(2);
            }),
        ),
        (
            "quarantined",
            preprod(|s| {
                s.deploy(2).steps().ci(2, Verdict::Failure).steps().forget().deploy(2);
            }),
        ),
        (
            "found out while preparing",
            preprod(|s| {
                s.deploy(2);
                s.fails(FailureKind::UnknownCommit, "0202020 is not on origin/main");
            }),
        ),
        (
            "refused on the way",
            preprod(|s| {
                s.deploy(2);
                s.world.step_good_of(true);
            }),
        ),
        ("no confirmation", vec![single(&Site::prod(), refused(Refusal::Confirmation))]),
        ("no token of a workflow", vec![single(&Site::prod(), refused(no_token()))]),
        (
            "not validated by the source",
            vec![single(
                &Site::prod(),
                refused(Refusal::NotValidated {
                    sha: sha(2),
                    source_name: "preprod".parse().unwrap(),
                    why: "preprod was rolled back from it".to_owned(),
                }),
            )],
        ),
        (
            "the plan has changed",
            vec![single(
                &Site::prod(),
                refused(Refusal::PlanChanged {
                    difference: "0101010 (#1) was live, now 0202020 (#2) is".to_owned(),
                }),
            )],
        ),
        (
            "the source changed its mind meanwhile",
            scene(Scene::guarded_prod(), |s| {
                s.deploy(2).fails(
                    FailureKind::NotValidated,
                    "0202020 cannot be promoted from preprod: preprod was rolled back from it",
                );
            }),
        ),
        (
            "an older commit",
            vec![single(
                &Site::preprod(),
                refused(Refusal::OlderThanLive { sha: sha(2), live: sha(3) }),
            )],
        ),
        (
            "a rollback waits",
            vec![single(
                &Site::preprod(),
                refused(Refusal::RollbackPending { rollback: DeploymentNumber(12) }),
            )],
        ),
    ]
}

fn alone() -> Vec<(&'static str, Vec<News>)> {
    let site = Site::preprod();
    let down = |status, wrong_content, detail: &str| {
        single(&site, Event::WentDown { status, wrong_content, detail: detail.to_owned() })
    };
    let expires = |days| {
        let whose = "/etc/ripcord/tls/agent.pem".to_owned();
        single(&Site::agent(), Event::CertificateExpires { whose, days })
    };
    vec![
        ("down", vec![down(Some(502), false, "answered 502, expected 200")]),
        ("no answer", vec![down(None, false, "no answer within 10 s")]),
        ("wrong content", vec![down(Some(200), true, "the body lacks \"Mangetamain\"")]),
        ("up again", vec![single(&site, Event::CameBack { down_ms: 65 * MINUTE })]),
        ("certificates", [30, 7, 1, 0].map(expires).to_vec()),
    ]
}

fn all_in(locale: Locale) -> String {
    let shown = |(title, news): &(&str, Vec<News>)| {
        let texts: Vec<String> = news.iter().map(|each| shown(each, locale)).collect();
        format!("═══ {title}\n\n{}", texts.join("\n"))
    };
    scenes().iter().map(shown).collect::<Vec<_>>().join("\n")
}

#[test]
fn everything_that_people_are_told_in_french() {
    insta::assert_snapshot!(all_in(Locale::Fr));
}

#[test]
fn everything_that_people_are_told_in_english() {
    insta::assert_snapshot!(all_in(Locale::En));
}

//! Every event in every situation, and what becomes of it: news of a kind, or nothing. The table is
//! the decision; whoever adds an event adds it here, as the match below has no other way out.
#![allow(missing_docs, clippy::unwrap_used)]

mod model;
mod newsroom;

use std::{collections::BTreeMap, fmt::Write};

use model::{backup::backup_before, person, sha};
use newsroom::{Known, Site, a_deploy, a_rollback};
use ripcord_core::{
    Deployment, DeploymentNumber, Environment, Event, Failure, FailureKind, Identity, Outcome,
    Phase, Refusal, Timestamp, Verdict, VerdictReport, VerifyWhen,
    effect::TreeReport,
    event::Entry,
    news::{Locale, News},
};

const OUTCOMES: [Outcome; 7] = [
    Outcome::Live,
    Outcome::Validated,
    Outcome::RolledBack,
    Outcome::Failed,
    Outcome::Superseded,
    Outcome::Refused,
    Outcome::Stranded,
];

const VERDICTS: [Verdict; 6] = [
    Verdict::Pending,
    Verdict::Success,
    Verdict::Failure,
    Verdict::Cancelled,
    Verdict::NoRun,
    Verdict::Unknown,
];

const PHASES: [Phase; 10] = [
    Phase::Queued,
    Phase::Preparing,
    Phase::Gating,
    Phase::BackingUp,
    Phase::Resetting,
    Phase::Restarting,
    Phase::Probing,
    Phase::Watching,
    Phase::RollingBack,
    Phase::Ended,
];

fn refusals() -> Vec<Refusal> {
    let why = || "why".to_owned();
    vec![
        Refusal::Held { by: person(), why: why() },
        Refusal::Quarantined { sha: sha(7), why: why() },
        Refusal::OverrideWithoutReason,
        Refusal::OlderThanLive { sha: sha(7), live: sha(8) },
        Refusal::RollbackPending { rollback: DeploymentNumber(9) },
        Refusal::RequestIdTaken { deployment: DeploymentNumber(9) },
        Refusal::NoRollbackPoint,
        Refusal::Confirmation,
        Refusal::NotValidated { sha: sha(7), source_name: "preprod".parse().unwrap(), why: why() },
        Refusal::NothingToPromote { source_name: "preprod".parse().unwrap(), why: why() },
        Refusal::PlanChanged { difference: why() },
        Refusal::CommitNeeded,
        Refusal::Oidc { audience: why(), why: why() },
        Refusal::Unavailable { what: why() },
    ]
}

/// The name of the event after `event`, and every form of that event; the match knows them all.
fn forms_after(event: Option<&Event>) -> Vec<(String, Event)> {
    let why = || "why".to_owned();
    let one = |event: Event| vec![(event.name().to_owned(), event)];
    let Some(event) = event else {
        let event = Event::Admitted {
            kind: a_deploy(1).kind,
            sha: sha(7),
            by: person(),
            reason: None,
            request_id: None,
            previous: None,
            planned_on: None,
        };
        return one(event);
    };
    match event {
        Event::Admitted { .. } => {
            let form = |refusal: Refusal| {
                let name = format!("refused, {}", refusal.code());
                (name, Event::Refused { sha: Some(sha(7)), by: person(), refusal })
            };
            refusals().into_iter().map(form).collect()
        }
        Event::Refused { .. } => {
            let form = |phase: Phase| {
                (format!("phase_entered, {}", phase.as_str()), Event::PhaseEntered { phase })
            };
            PHASES.map(form).to_vec()
        }
        Event::PhaseEntered { .. } => one(Event::Prepared { subject: why(), author: why() }),
        Event::Prepared { .. } => one(Event::BaselineFound { sha: sha(7) }),
        Event::BaselineFound { .. } => one(Event::ValidatedImported { sha: sha(7) }),
        Event::ValidatedImported { .. } => one(Event::BackedUp(backup_before(DeploymentNumber(7)))),
        Event::BackedUp(_) => one(Event::TreeReset(TreeReport::default())),
        Event::TreeReset(_) => one(Event::Restarted { detail: why() }),
        Event::Restarted { .. } => one(Event::WentLive { status: None, attempts: 1 }),
        Event::WentLive { .. } => one(Event::BakeBegan { for_ms: 60_000, verdict_awaited: true }),
        Event::BakeBegan { .. } => one(Event::Baked),
        Event::Baked => one(Event::StepFailed { failure: Failure::new(FailureKind::Hook, "why") }),
        Event::StepFailed { .. } => {
            let by = [None, Some(person())];
            let forms = VERDICTS.into_iter().flat_map(|value| {
                by.clone().map(|by| {
                    let name = if by.is_some() { " by a person" } else { "" };
                    let name = format!("verdict_received{name}, {}", value.as_str());
                    let report = VerdictReport::of(value);
                    (name, Event::VerdictReceived { report, by, reason: Some(why()) })
                })
            });
            forms.collect()
        }
        Event::VerdictReceived { .. } => {
            let form = |verdict: Verdict| {
                let name = format!("still_pending, {}", verdict.as_str());
                (name, Event::StillPending { after_ms: 300_000, verdict })
            };
            VERDICTS.map(form).to_vec()
        }
        Event::StillPending { .. } => one(Event::Validated),
        Event::Validated => one(Event::Condemned { reason: why() }),
        Event::Condemned { .. } => one(Event::Quarantined { sha: sha(7), reason: why() }),
        Event::Quarantined { .. } => one(Event::QuarantineLifted { sha: sha(7) }),
        Event::QuarantineLifted { .. } => one(Event::Superseded { by: DeploymentNumber(9) }),
        Event::Superseded { .. } => one(Event::ListeningEnded),
        Event::ListeningEnded => one(Event::UndoneBy { rollback: DeploymentNumber(9) }),
        Event::UndoneBy { .. } => one(Event::Retargeted { sha: sha(8) }),
        Event::Retargeted { .. } => {
            let form = |outcome: Outcome| {
                let name = format!("ended, {}", outcome.as_str());
                (name, Event::Ended { outcome, note: None, listening: false })
            };
            OUTCOMES.map(form).to_vec()
        }
        Event::Ended { .. } => one(Event::StillStranded { after_ms: 900_000 }),
        Event::StillStranded { .. } => one(Event::MonitorBegan { unwatched_ms: 0 }),
        Event::MonitorBegan { .. } => one(Event::MonitorEnded),
        Event::MonitorEnded => {
            let form = |wrong_content| {
                let name = if wrong_content { "went_down, wrong content" } else { "went_down" };
                (name.to_owned(), Event::WentDown { status: None, wrong_content, detail: why() })
            };
            [false, true].map(form).to_vec()
        }
        Event::WentDown { .. } => one(Event::CameBack { down_ms: 60_000 }),
        Event::CameBack { .. } => one(Event::CertificateExpires { whose: why(), days: 7 }),
        Event::CertificateExpires { .. } => vec![
            ("held".to_owned(), Event::Held { by: person(), reason: why() }),
            ("held by the agent".to_owned(), Event::Held { by: Identity::agent(), reason: why() }),
        ],
        Event::Held { .. } => one(Event::Resumed { by: person() }),
        Event::Resumed { .. } => one(Event::Recovered { phase: Phase::Watching, away_ms: 1 }),
        Event::Recovered { .. } => one(Event::ProbeFailed { attempt: 1, detail: why() }),
        Event::ProbeFailed { .. } => one(Event::Remarked { message: why() }),
        Event::Remarked { .. } => one(Event::Output { source: why(), stderr: false, line: why() }),
        Event::Output { .. } => Vec::new(),
    }
}

fn every_form() -> Vec<(String, Event)> {
    let mut all = forms_after(None);
    loop {
        let next = forms_after(all.last().map(|(_, event)| event));
        if next.is_empty() {
            return all;
        }
        all.extend(next);
    }
}

/// Whose event it may be: the deployment, and what undoes it or is undone by it.
fn situations() -> Vec<(&'static str, Deployment, Option<Deployment>)> {
    let undone = || Deployment { undone_by: Some(DeploymentNumber(9)), ..a_deploy(8) };
    let of_the_agent = || a_rollback(9, Some(8), true);
    let of_a_person = || a_rollback(9, Some(8), false);
    let served = Deployment { live_at: Some(Timestamp(1)), ..of_the_agent() };
    let ended = Deployment { finished_at: Some(Timestamp(1)), ..a_deploy(8) };
    vec![
        ("deployment", a_deploy(8), None),
        ("ended deployment", ended, None),
        ("undone by the agent", undone(), Some(of_the_agent())),
        ("undone by a person", undone(), Some(of_a_person())),
        ("the agent's rollback", of_the_agent(), Some(undone())),
        ("the agent's rollback that served", served, Some(undone())),
        ("a person's rollback", of_a_person(), Some(undone())),
    ]
}

fn told(event: &Event, of: &Deployment, other: Option<&Deployment>) -> Option<News> {
    let known = [Some(of), other].into_iter().flatten();
    let deployments: BTreeMap<_, _> = known.map(|each| (each.number, each.clone())).collect();
    let environment = &Environment::default();
    let known = Known { deployments: &deployments, environment, verify: VerifyWhen::After };
    let entry = Entry { deployment: Some(of.number), event: event.clone() };
    known.tell(&Site::preprod(), &entry, Timestamp(5_000))
}

#[test]
fn every_event_is_news_of_one_kind_or_none_in_every_situation() {
    let mut table = String::new();
    for (name, event) in every_form() {
        let kind = |(of, other): (&Deployment, Option<&Deployment>)| {
            told(&event, of, other).map_or("—", |news| news.kind())
        };
        let situations = situations();
        let kinds: Vec<_> =
            situations.iter().map(|(who, of, other)| (*who, kind((of, other.as_ref())))).collect();
        let first = kinds[0].1;
        if kinds.iter().all(|(_, kind)| *kind == first) {
            writeln!(table, "{name}: {first}").unwrap();
            continue;
        }
        writeln!(table, "{name}:").unwrap();
        for (who, kind) in kinds {
            writeln!(table, "    {who}: {kind}").unwrap();
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn no_news_lacks_a_text_in_any_language() {
    for (name, event) in every_form() {
        for (who, of, other) in situations() {
            let Some(news) = told(&event, &of, other.as_ref()) else { continue };
            let texts = Locale::ALL.map(|locale| news.text(locale));
            for text in &texts {
                assert!(text.title.chars().count() > 12, "{name}, {who}: {}", text.title);
                assert!(!text.lines.is_empty(), "{name}, {who}: {}", text.title);
            }
            let [french, english] = texts.map(|text| text.to_string());
            assert_ne!(french, english, "{name}, {who}: not translated");
        }
    }
}

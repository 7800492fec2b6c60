//! What holds for every piece of news, whatever happened and whatever was written outside.
#![allow(missing_docs, clippy::unwrap_used)]

mod model;
mod newsroom;

use std::collections::BTreeMap;

use model::{World, backup::backup_before, moves::a_world, person, sha};
use newsroom::{Known, Site, a_deploy, a_rollback, kinds, told, told_late};
use proptest::prelude::*;
use ripcord_core::{
    CommitSha, Deployment, DeploymentNumber, Environment, Event, Failure, FailureKind, Outcome,
    Phase, Placement, Refusal, Stranded, Timestamp, Verdict, VerdictReport, VerifyWhen,
    event::Entry,
    news::{Locale, News, Text},
};

/// Longer than any title or line may be, in characters.
const TITLE: usize = 160;
const LINE: usize = 600;

fn cases() -> ProptestConfig {
    ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() }
}

/// Everything that somebody outside may have written.
#[derive(Debug, Clone)]
struct Outside {
    message: String,
    author: String,
    reason: String,
    detail: String,
    job: String,
    url: String,
    title: String,
}

impl Outside {
    fn plain() -> Self {
        let plain = || "plain".to_owned();
        Self {
            message: plain(),
            author: plain(),
            reason: plain(),
            detail: plain(),
            job: plain(),
            url: plain(),
            title: plain(),
        }
    }
}

/// Texts as an attacker, or a tired colleague, writes them.
fn hostile() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "\n",
        "\r\n",
        "\u{2028}",
        "\u{2029}",
        "\u{85}",
        "\u{b}",
        "\0",
        "\u{1b}[2J",
        "\u{202e}",
        "\u{200b}",
        "\u{e0041}",
        " ",
        "\nSHA: 0000000",
        "\n\n@everyone",
        "`",
        "**",
        "](http://x)",
        "🚀",
        "é",
        "👩‍🍳",
        "fix",
        "https://evil.example/",
        "\n✅ PRODUCTION - Déploiement réussi",
    ]);
    prop_oneof![
        any::<String>(),
        prop::collection::vec(pieces, 0..12).prop_map(|pieces| pieces.concat()),
        "[a-z🍳\n]{4}".prop_map(|piece| piece.repeat(300)),
    ]
}

fn outside() -> impl Strategy<Value = Outside> {
    let texts = prop::collection::vec(hostile(), 7);
    texts.prop_map(|texts| {
        let [message, author, reason, detail, job, url, title] = texts.try_into().unwrap();
        Outside { message, author, reason, detail, job, url, title }
    })
}

fn deployment(outside: &Outside) -> Deployment {
    Deployment {
        subject: Some(outside.message.clone()),
        author: Some(outside.author.clone()),
        ..a_deploy(8)
    }
}

fn red(outside: &Outside) -> Deployment {
    let (url, jobs) = (Some(outside.url.clone()), vec![outside.job.clone(); 7]);
    let report = VerdictReport { value: Verdict::Failure, url, jobs, detail: None };
    let condemned = Some("CI failed".to_owned());
    let undone_by = Some(DeploymentNumber(9));
    Deployment { verdict: Some(report), condemned, undone_by, ..deployment(outside) }
}

fn broken(outside: &Outside) -> Deployment {
    let failure = Some(Failure::new(FailureKind::Hook, outside.detail.clone()));
    let undone_by = Some(DeploymentNumber(9));
    Deployment { failure, undone_by, ..saved(outside) }
}

/// It was saved first, in a folder that somebody else named.
fn saved(outside: &Outside) -> Deployment {
    let report = backup_before(DeploymentNumber(8));
    let backup_folder = Some(outside.url.clone());
    Deployment { backup: Some(report.id), backup_folder, ..deployment(outside) }
}

fn unbaked(outside: &Outside) -> Deployment {
    let condemned = Some(format!("it did not stay healthy: {}", outside.detail));
    Deployment { condemned, undone_by: Some(DeploymentNumber(9)), ..saved(outside) }
}

/// Everything that has a text from outside in it.
fn events(outside: &Outside) -> Vec<(Event, Option<Deployment>)> {
    let ended = |outcome| Event::Ended { outcome, note: None, listening: false };
    let report = red(outside).verdict.unwrap();
    let (why, detail) = (outside.reason.clone(), outside.detail.clone());
    let by = person();
    let rollback = Deployment { reason: Some(why.clone()), ..a_rollback(8, None, false) };
    let admitted = Event::Admitted {
        kind: rollback.kind.clone(),
        sha: sha(7),
        by: by.clone(),
        reason: None,
        request_id: None,
        previous: None,
        planned_on: None,
    };
    let judged = Event::VerdictReceived {
        report: VerdictReport::of(Verdict::Failure),
        by: Some(by.clone()),
        reason: Some(why.clone()),
    };
    let quarantined = Refusal::Quarantined { sha: sha(7), why: why.clone() };
    let (source_name, sha7) = ("preprod".parse().unwrap(), sha(7));
    let not_validated = Refusal::NotValidated { sha: sha7, source_name, why: why.clone() };
    let held = Refusal::Held { by: by.clone(), why: why.clone() };
    let refused = |refusal| Event::Refused { sha: Some(sha(7)), by: person(), refusal };
    vec![
        (Event::PhaseEntered { phase: Phase::Resetting }, Some(deployment(outside))),
        (Event::PhaseEntered { phase: Phase::Watching }, Some(deployment(outside))),
        (Event::VerdictReceived { report, by: None, reason: None }, Some(red(outside))),
        (ended(Outcome::RolledBack), Some(red(outside))),
        (ended(Outcome::Stranded), Some(broken(outside))),
        (ended(Outcome::Failed), Some(broken(outside))),
        (ended(Outcome::Validated), Some(deployment(outside))),
        (admitted, Some(rollback)),
        (judged, Some(deployment(outside))),
        (refused(quarantined), None),
        (refused(held), None),
        (refused(not_validated), None),
        (refused(Refusal::PlanChanged { difference: detail.clone() }), None),
        (ended(Outcome::RolledBack), Some(unbaked(outside))),
        (Event::Held { by, reason: why }, None),
        (Event::WentDown { status: None, wrong_content: true, detail: detail.clone() }, None),
        (Event::StillStranded { after_ms: 900_000 }, None),
        (Event::CertificateExpires { whose: detail, days: 7 }, None),
    ]
}

fn news_of(outside: &Outside) -> Vec<News> {
    let stranded = Stranded {
        deployment: DeploymentNumber(8),
        reason: outside.detail.clone(),
        since: Timestamp(1),
        reminders: 0,
    };
    let environment = &Environment { stranded: Some(stranded), ..Environment::default() };
    let site = Site { title: outside.title.clone(), ..Site::preprod() };
    let each = |(event, deployment): (Event, Option<Deployment>)| {
        let number = deployment.as_ref().map(|deployment| deployment.number);
        let failure = Some(Failure::new(FailureKind::Unhealthy, outside.reason.clone()));
        let rollback = Deployment { failure, ..a_rollback(9, Some(8), true) };
        let known = deployment.into_iter().chain([rollback]);
        let deployments: BTreeMap<_, _> = known.map(|each| (each.number, each)).collect();
        let known = Known { deployments: &deployments, environment, verify: VerifyWhen::After };
        let entry = Entry { deployment: number, event };
        known.tell(&site, &entry, Timestamp(5_000)).expect("it is news")
    };
    events(outside).into_iter().map(each).collect()
}

fn breaks_a_line(text: &str) -> bool {
    text.chars().any(|c| c.is_control() || c == '\u{2028}' || c == '\u{2029}')
}

fn labels(text: &Text) -> Vec<Option<&'static str>> {
    text.lines.iter().map(|line| line.label).collect()
}

/// Whether a deployment is over with it.
fn is_ending(event: &Event) -> bool {
    matches!(event, Event::Ended { .. } | Event::Superseded { .. })
}

/// One message as people see it: two that look the same are one too many.
fn shown(news: &News) -> (&'static str, String) {
    (news.kind(), news.text(Locale::En).to_string())
}

fn endings(world: &World) -> Vec<bool> {
    let ends = |entries: &[Entry]| entries.iter().any(|entry| is_ending(&entry.event));
    world.turns.iter().map(|turn| ends(&turn.decision.entries)).collect()
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn a_text_from_outside_neither_adds_nor_removes_a_line_nor_forges_a_field(outside in outside()) {
        for (honest, hostile) in news_of(&Outside::plain()).iter().zip(news_of(&outside)) {
            for locale in Locale::ALL {
                let (honest, hostile) = (honest.text(locale), hostile.text(locale));
                prop_assert_eq!(labels(&honest), labels(&hostile));
                let lines = hostile.to_string().lines().count();
                prop_assert_eq!(lines, hostile.lines.len() + 1);
                prop_assert!(!breaks_a_line(&hostile.title));
                prop_assert!(!hostile.lines.iter().any(|line| breaks_a_line(&line.value)));
            }
        }
    }

    #[test]
    fn no_text_is_longer_than_people_read_and_every_title_says_something(outside in outside()) {
        for news in news_of(&outside) {
            for locale in Locale::ALL {
                let text = news.text(locale);
                let title = text.title.chars().count();
                prop_assert!((12..=TITLE).contains(&title), "{}", text.title);
                let longest = text.lines.iter().map(|line| line.value.chars().count()).max();
                prop_assert!(longest.is_some_and(|longest| longest <= LINE));
            }
        }
    }

    #[test]
    fn what_was_written_outside_is_marked_so_wherever_it_is_shown(mark in "[*_~|>#`<@]{3,9}") {
        let text = || format!("{mark}mark");
        let outside = Outside {
            message: text(), author: text(), reason: text(), detail: text(), job: text(),
            url: text(), title: "PREPROD".to_owned(),
        };
        for news in news_of(&outside) {
            for line in news.text(Locale::Fr).lines {
                prop_assert!(line.foreign || !line.value.contains(&mark), "{line:?}");
            }
        }
    }

    #[test]
    fn every_ending_is_told_and_nothing_is_told_twice(world in a_world()) {
        for (ends, told) in endings(&world).into_iter().zip(told(&world, &Site::preprod())) {
            prop_assert!(!ends || !told.is_empty(), "{world:?}");
            let mut once: Vec<_> = told.iter().map(shown).collect();
            once.sort();
            once.dedup();
            prop_assert_eq!(once.len(), told.len(), "{:?}", world);
        }
    }

    #[test]
    fn a_reader_that_was_away_tells_of_everything_that_was_told_in_time(world in a_world()) {
        let site = Site::preprod();
        for (told, late) in told(&world, &site).iter().zip(told_late(&world, &site)) {
            prop_assert!(told.len() <= late.len(), "{:?} {:?}", kinds(told), kinds(&late));
        }
    }
}

#[test]
fn the_two_formats_of_the_mission_are_reproduced_to_the_letter() {
    let commit: CommitSha = "acfdb42000000000000000000000000000000000".parse().unwrap();
    let deployment = Deployment { sha: commit, ..a_deploy(8) };
    let read = |site: &Site, event, verify| {
        let deployments = BTreeMap::from([(deployment.number, deployment.clone())]);
        let environment = &Environment::default();
        let known = Known { deployments: &deployments, environment, verify };
        let entry = Entry { deployment: Some(deployment.number), event };
        known.tell(site, &entry, Timestamp(5_000)).unwrap().text(Locale::Fr).to_string()
    };
    let started = Event::PhaseEntered { phase: Phase::Resetting };
    assert_eq!(
        read(&Site::preprod(), started, VerifyWhen::After),
        "🚀 PREPROD - Déploiement démarré\nSHA: acfdb42\nAuteur: @user\nMessage: Fix bug analysis\n\n⏳ CI en cours de vérification..."
    );
    let started = Event::PhaseEntered { phase: Phase::Resetting };
    assert_eq!(
        read(&Site::prod(), started, VerifyWhen::None),
        "🎯 PRODUCTION - Déploiement démarré\nSHA: acfdb42\nAuteur: @user\nMessage: Fix bug analysis"
    );
    let ended = Event::Ended { outcome: Outcome::Validated, note: None, listening: false };
    assert_eq!(
        read(&Site::prod(), ended, VerifyWhen::None),
        "🎯 PRODUCTION - Déploiement réussi ✅\nSHA: acfdb42\nPREPROD ✅ → PROD ✅\nURL: https://backtothefuturekitchen.lafrance.io/"
    );
}

#[test]
fn an_address_of_the_web_stays_one_and_anything_else_is_a_text() {
    let line = |url: &str| {
        let outside = Outside { url: url.to_owned(), ..Outside::plain() };
        let red = &news_of(&outside)[2].text(Locale::En);
        let line = red.lines.iter().find(|line| line.label == Some("CI run")).unwrap();
        (line.value.clone(), line.foreign)
    };
    let run = "https://github.com/a_b/c-d/actions/runs/1?attempt=2";
    assert_eq!(line(run), (run.to_owned(), false));
    for text in ["javascript:alert(1)", "https://x/)[@everyone](", "https://x/ @everyone"] {
        assert_eq!(line(text), (text.to_owned(), true));
    }
}

#[test]
fn nobody_reads_a_row_of_zeros_where_a_commit_is_not_known() {
    let unknown = Placement { deployment: None, sha: CommitSha::UNKNOWN };
    let rollback = Deployment { sha: CommitSha::UNKNOWN, ..a_rollback(9, Some(8), true) };
    let by_hand = Deployment { previous: Some(unknown), ..a_rollback(10, None, false) };
    let failed = broken(&Outside::plain());
    let resumed = Deployment { resumed_at: Some(Timestamp(5_000)), ..rollback.clone() };
    let environment = &Environment { baseline: Some(CommitSha::UNKNOWN), ..Environment::default() };
    let ended = |outcome| Event::Ended { outcome, note: None, listening: false };
    let admitted = Event::Admitted {
        kind: by_hand.kind.clone(),
        sha: by_hand.sha,
        by: person(),
        reason: None,
        request_id: None,
        previous: by_hand.previous,
        planned_on: None,
    };
    let person_done = Deployment { sha: CommitSha::UNKNOWN, ..by_hand.clone() };
    let told = [
        (&failed, ended(Outcome::Failed)),
        (&failed, ended(Outcome::Stranded)),
        (&rollback, Event::Retargeted { sha: CommitSha::UNKNOWN }),
        (&resumed, Event::Recovered { phase: Phase::RollingBack, away_ms: 1 }),
        (&by_hand, admitted),
        (&person_done, ended(Outcome::Live)),
    ];
    for (deployment, event) in told {
        let both = [deployment.clone(), rollback.clone()];
        let deployments = both.map(|each| (each.number, each)).into();
        let known = Known { deployments: &deployments, environment, verify: VerifyWhen::None };
        let entry = Entry { deployment: Some(deployment.number), event };
        let news = known.tell(&Site::prod(), &entry, Timestamp(5_000)).unwrap();
        let (french, english) = (news.text(Locale::Fr), news.text(Locale::En));
        assert!(!english.to_string().contains("0000000"), "{english}");
        let in_words = |word: &str, text: &Text| text.to_string().contains(word);
        let stranded = news.kind() == "stranded";
        assert!(
            stranded || in_words("inconnu", &french) && in_words("unknown", &english),
            "{french}"
        );
    }
}

#[test]
fn only_the_deployments_own_backup_is_offered_to_undo_it() {
    let earlier = backup_before(DeploymentNumber(7)).id;
    let text = |failed: Deployment| {
        let rollback = Deployment { backup: Some(earlier.clone()), ..a_rollback(9, Some(8), true) };
        let deployments = [failed, rollback].map(|each| (each.number, each)).into();
        let environment = &Environment::default();
        let known = Known { deployments: &deployments, environment, verify: VerifyWhen::None };
        let event = Event::Ended { outcome: Outcome::Failed, note: None, listening: false };
        let entry = Entry { deployment: Some(DeploymentNumber(8)), event };
        known.tell(&Site::prod(), &entry, Timestamp(5_000)).unwrap().text(Locale::En).to_string()
    };
    let own = backup_before(DeploymentNumber(8)).id;
    let saved = text(broken(&Outside::plain()));
    assert!(saved.contains(&format!("`ripcord rollback prod --backup {own}`")), "{saved}");
    assert!(!saved.contains(earlier.as_str()), "{saved}");
    let unsaved = text(Deployment { backup: None, ..broken(&Outside::plain()) });
    assert!(!unsaved.contains("--backup"), "{unsaved}");
}

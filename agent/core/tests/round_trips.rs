//! What is written is read back as it was, and no text from outside makes a parser panic.
#![allow(missing_docs, clippy::unwrap_used)]

use proptest::prelude::*;
use ripcord_core::{
    Brought, CommitSha, DeploymentNumber, EnvironmentName, Event, Failure, FailureKind, Identity,
    Outcome, Phase, Refusal, RequestId, Timestamp, Verdict, VerdictReport, effect::TreeReport,
    event::Entry, notice,
};

fn outcome() -> impl Strategy<Value = Outcome> {
    prop::sample::select(vec![
        Outcome::Live,
        Outcome::Validated,
        Outcome::RolledBack,
        Outcome::Failed,
        Outcome::Superseded,
        Outcome::Refused,
        Outcome::Stranded,
    ])
}

fn phase() -> impl Strategy<Value = Phase> {
    prop::sample::select(vec![Phase::Queued, Phase::Gating, Phase::Resetting, Phase::Watching])
}

fn verdict() -> impl Strategy<Value = VerdictReport> {
    let value = prop::sample::select(vec![Verdict::Unknown, Verdict::NoRun, Verdict::Failure]);
    let (url, jobs) =
        (prop::option::of(any::<String>()), prop::collection::vec(any::<String>(), 0..3));
    (value, url, jobs).prop_map(|(value, url, jobs)| VerdictReport {
        value,
        url,
        jobs,
        detail: None,
    })
}

fn tree() -> impl Strategy<Value = TreeReport> {
    let saved = prop::collection::vec(any::<String>(), 0..3);
    (any::<u64>(), prop::option::of(any::<String>()), saved, any::<u64>()).prop_map(
        |(changed, saved_to, saved, untracked)| TreeReport {
            brought: Brought::default(),
            changed,
            saved_to,
            saved,
            untracked,
        },
    )
}

fn event() -> impl Strategy<Value = Event> {
    let sha = any::<[u8; 20]>().prop_map(CommitSha::from_bytes);
    let note = prop::option::of(any::<String>());
    let by = Identity::agent;
    prop_oneof![
        phase().prop_map(|phase| Event::PhaseEntered { phase }),
        any::<(String, String)>().prop_map(|(subject, author)| Event::Prepared { subject, author }),
        tree().prop_map(Event::TreeReset),
        (outcome(), note, any::<bool>()).prop_map(|(outcome, note, listening)| Event::Ended {
            outcome,
            note,
            listening
        }),
        any::<String>()
            .prop_map(|text| Event::StepFailed { failure: Failure::new(FailureKind::Hook, text) }),
        verdict().prop_map(|report| Event::VerdictReceived { report, by: None, reason: None }),
        (sha, any::<String>()).prop_map(move |(sha, why)| Event::Refused {
            sha: Some(sha),
            by: by(),
            refusal: Refusal::Quarantined { sha, why },
        }),
        any::<(String, bool, String)>().prop_map(|(source, stderr, line)| Event::Output {
            source,
            stderr,
            line
        }),
        (any::<Option<u16>>(), any::<u32>())
            .prop_map(|(status, attempts)| Event::WentLive { status, attempts }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_an_id_panic_and_what_is_accepted_prints_as_it_was(text in "\\PC*|[a-z0-9:/._-]*") {
        if let Ok(id) = text.parse::<EnvironmentName>() { prop_assert_eq!(id.as_str(), &text); }
        if let Ok(id) = text.parse::<Identity>() { prop_assert_eq!(id.as_str(), &text); }
        if let Ok(id) = text.parse::<RequestId>() { prop_assert_eq!(id.as_str(), &text); }
        if let Ok(sha) = text.parse::<CommitSha>() {
            prop_assert_eq!(sha.to_string(), text.to_lowercase());
        }
    }

    #[test]
    fn every_commit_id_is_read_back_in_either_case(bytes in any::<[u8; 20]>()) {
        let sha = CommitSha::from_bytes(bytes);
        prop_assert_eq!(sha.to_string().parse::<CommitSha>().unwrap(), sha);
        prop_assert_eq!(sha.to_string().to_uppercase().parse::<CommitSha>().unwrap(), sha);
        let json = serde_json::to_string(&sha).unwrap();
        prop_assert_eq!(serde_json::from_str::<CommitSha>(&json).unwrap(), sha);
    }

    #[test]
    fn well_formed_names_and_identities_are_accepted(
        name in "[a-z0-9][a-z0-9_-]{0,62}",
        identity in "spiffe://[a-z0-9._-]{2,9}[a-z]/[a-z]{1,9}(/[a-z0-9]{1,9}){1,3}",
    ) {
        prop_assert!(name.parse::<EnvironmentName>().is_ok());
        prop_assert!(identity.parse::<Identity>().is_ok());
    }

    #[test]
    fn every_event_is_read_back_from_its_journal_row_and_has_a_sentence(
        event in event(),
        number in prop::option::of(any::<u64>().prop_map(DeploymentNumber)),
    ) {
        let entry = Entry { deployment: number, event };
        let row = serde_json::to_string(&entry).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Entry>(&row).unwrap(), &entry);
        let named = format!("\"event\":\"{}\"", entry.event.name());
        prop_assert!(row.contains(&named));
        let _ = notice::sentence(&entry);
    }

    #[test]
    fn no_bytes_make_a_journal_row_panic(row in any::<String>()) {
        let _ = serde_json::from_str::<Entry>(&row);
    }

    #[test]
    fn time_never_overflows(a in any::<i64>(), b in any::<i64>(), millis in any::<u64>()) {
        let later = Timestamp(a).plus(millis);
        prop_assert!(later >= Timestamp(a));
        let _ = Timestamp(a).since(Timestamp(b));
    }
}

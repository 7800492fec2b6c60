//! Secrets stay where they are: no log line at any level, no error, no report.

use std::{
    io,
    sync::{Arc, Mutex},
};

use ripcord_core::Verdict;
use serde_json::Value;

use crate::{
    client::{app_desk, desk, listing},
    fake::{APP_KEY_PKCS1, FakeGithub, Fault, TOKEN},
    watcher::Site,
};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

const BAD_DAYS: [Fault; 6] = [
    Fault::Status(401),
    Fault::Status(403),
    Fault::HtmlStatus(502),
    Fault::Garbage,
    Fault::Html,
    Fault::Closed,
];

#[tokio::test]
async fn no_log_line_of_any_level_holds_a_token_a_signed_note_or_a_key() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    // For all threads: a line that another test's thread meets first would be off for this one too.
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let server = FakeGithub::start().await;
    for desk in [desk(&server), app_desk(&server, APP_KEY_PKCS1)] {
        desk.github.get::<Value>(&listing()).await.unwrap();
        for fault in BAD_DAYS {
            server.fault(fault, 2);
            let error = desk.github.get::<Value>(&listing()).await.unwrap_err();
            server.be_well();
            tracing::debug!(?error, %error, ?desk.github, "noted");
        }
    }
    let seen: Vec<String> = server.seen().into_iter().filter_map(|seen| seen.token).collect();
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(text.contains("noted") && text.contains("DEBUG"), "nothing was logged");
    assert!(seen.iter().any(|token| token == TOKEN) && seen.len() > 10);
    for token in seen {
        assert!(!text.contains(&token), "{token}");
    }
    assert!(!text.contains("PRIVATE KEY"));
}

#[tokio::test]
async fn what_a_person_reads_of_a_refused_token_names_its_file_and_nothing_of_it() {
    let site = Site::start().await;
    site.server.accept_tokens(&[]);
    let report = site.first_report().await;
    assert_eq!(report.value, Verdict::Unknown);
    let text = format!("{report:?} {}", serde_json::to_string(&report).unwrap());
    assert!(text.contains("github-token") && !text.contains("canary"), "{text}");
}

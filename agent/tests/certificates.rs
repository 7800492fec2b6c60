//! That a certificate ends is told in time, once per step, whatever restarts in between.
#![allow(missing_docs, clippy::unwrap_used)]

mod support {
    pub mod pki;
}

use std::time::{Duration, SystemTime};

use ripcord_agent::{
    config::TlsConfig,
    engine::{Certificates, Clock},
    journal::{Journal, file_in},
    rpc::tls::Tls,
};
use ripcord_core::{Ends, EnvironmentName, Event, Sequence, Timestamp};
use support::pki::Pki;

const DAY: Duration = Duration::from_secs(24 * 3600);

fn millis(duration: Duration) -> u64 {
    duration.as_millis().try_into().unwrap()
}

fn now() -> Timestamp {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    Timestamp(0).plus(millis(now))
}

#[test]
fn what_the_agent_relies_on_is_read_from_the_files_in_use() {
    let pki = Pki::new();
    pki.install_agent(&pki.agent_that_ends(DAY * 90, DAY * 6));
    pki.write("crl.pem", &pki.revoke(&[]));
    let files = TlsConfig { crl: Some(pki.path("crl.pem")), ..pki.tls_config() };
    let tls = Tls::load(&files).unwrap();
    let days = |tls: &Tls| {
        let ends = tls.ends();
        let days = ends.iter().map(|ends| (ends.whose.clone(), ends.days_left(now())));
        days.collect::<Vec<_>>()
    };
    let authorities = [
        ("client CA certificate (clients)".to_owned(), 1),
        ("revocation list (clients)".to_owned(), 1),
    ];
    let [agent, rest @ ..] = &days(&tls)[..] else { panic!("nothing") };
    assert_eq!(agent, &("agent certificate".to_owned(), 6));
    assert_eq!(rest, authorities);
    pki.install_agent(&pki.agent_that_ends(DAY, DAY * 90));
    tls.reload().unwrap();
    assert_eq!(days(&tls)[0].1, 90);
}

#[tokio::test]
async fn a_certificate_that_ends_soon_is_told_once_per_step_also_by_the_next_agent() {
    let folder = tempfile::tempdir().unwrap();
    let pki = Pki::new();
    pki.install_agent(&pki.agent_that_ends(DAY * 335, DAY * 30));
    let tls = Tls::load(&pki.tls_config()).unwrap();
    for days in [0, 0, 1, 22, 23, 24, 29, 30, 31] {
        let journal = Journal::open(&file_in(folder.path())).unwrap();
        let own = |tls: &Tls| -> Vec<Ends> { tls.ends().into_iter().take(1).collect() };
        let tls = tls.clone();
        let clock = Clock::starting_at(now().plus(millis(DAY) * days));
        let ends = Box::new(move || own(&tls));
        let agent = Certificates { journal, clock, ends };
        agent.look().await.unwrap();
        agent.look().await.unwrap();
    }
    let journal = Journal::open(&file_in(folder.path())).unwrap();
    let records = journal.after(Sequence(0), 100).await.unwrap();
    assert!(records.iter().all(|it| it.environment == EnvironmentName::agent()));
    let told: Vec<i64> = records
        .into_iter()
        .map(|it| match it.entry.event {
            Event::CertificateExpires { days, .. } => days,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(told, [30, 7, 1, 0]);
}

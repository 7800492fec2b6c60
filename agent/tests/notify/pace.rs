//! A Discord that is dead, hangs or lies is nothing to a deployment: how long they take, with and
//! without.

use std::{
    fs,
    time::{Duration, Instant},
};

use ripcord_proto::v1::Outcome;

use crate::{
    desk::SECRET,
    receiver::{Answer, Receiver},
    support::site::{Client, Site, deploy, request},
};

const ROUNDS: usize = 20;

async fn timed(site: &Site, client: &mut Client, page: &str) -> Duration {
    let sha = site.git.pushed(page);
    let began = Instant::now();
    let told = deploy(client, request("lab", &sha)).await;
    assert_eq!(told.outcome(), Outcome::Validated, "{}", told.story());
    began.elapsed()
}

/// A sink whose address is in a file of its own.
fn sink(site: &Site, name: &str, kind: &str, address: &str) -> String {
    let (file, secret) = (site.folder.path().join(name), site.folder.path().join("secret"));
    fs::write(&file, address).unwrap();
    fs::write(&secret, SECRET).unwrap();
    let secret = match kind {
        "webhook" => format!("secret_file = \"{}\"\n", secret.display()),
        _ => String::new(),
    };
    format!("[[notify]]\nkind = \"{kind}\"\nurl_file = \"{}\"\n{secret}", file.display())
}

fn report(what: &str, took: &mut [Duration]) -> (Duration, Duration) {
    took.sort();
    let (median, p95) = (took[took.len() / 2], took[took.len() * 95 / 100]);
    println!("{what}: median {median:?}, p95 {p95:?}, of {}", took.len());
    (median, p95)
}

#[tokio::test(flavor = "multi_thread")]
async fn deployments_take_as_long_with_a_dead_a_hanging_and_a_lying_discord_as_without() {
    let (alone, told) = (Site::new().await, Site::new().await);
    let (hanging, lying) = (Receiver::start().await, Receiver::start().await);
    hanging.always(Some(Answer::Hang));
    lying.always(Some(Answer::Truncate));
    let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let sinks = [
        sink(&told, "hanging", "discord", &hanging.url()),
        sink(&told, "lying", "discord", &lying.url()),
        sink(&told, "dead", "webhook", &format!("http://{dead}/")),
    ];
    let without = alone.start(&alone.lab());
    let with = told.start(&format!("{}\n{}", sinks.concat(), told.lab()));
    let (mut client, mut told_client) = (alone.client(&without), told.client(&with));
    let (mut quiet, mut loud) = (Vec::new(), Vec::new());
    // In turns, so that a busy machine is busy for both.
    for round in 0..ROUNDS {
        let page = format!("round {round}");
        quiet.push(timed(&alone, &mut client, &page).await);
        loud.push(timed(&told, &mut told_client, &page).await);
    }
    let (quiet, _) = report("nobody is told", &mut quiet);
    let (loud, _) = report("one hangs, one lies, one is dead", &mut loud);
    assert!(loud < quiet * 2 + Duration::from_millis(200), "{quiet:?} became {loud:?}");
    assert!(hanging.seen().len() == 1 && lying.seen().len() > ROUNDS, "they were really told");
}

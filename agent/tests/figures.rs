//! Figures of a real agent: `stats` over mutual TLS, and what Prometheus scrapes.
#![allow(missing_docs, clippy::unwrap_used)]

mod support {
    pub mod exposition;
    pub mod git;
    pub mod mtls;
    pub mod pki;
    pub mod site;
}

use std::{collections::BTreeSet, fs, net::SocketAddr};

use ripcord_agent::metrics::{ALL, Kind};
use ripcord_proto::v1::{self, Outcome, Phase, WaitFor};
use support::{
    exposition::{Exposition, scrape},
    site::{self, Agent, Client, Site, deploy, reason, request},
};

const DASHBOARD: &str = include_str!("../packaging/grafana-dashboard.json");
const README: &str = include_str!("../README.md");

fn scraped(site: &Site, environments: &str) -> (Agent, SocketAddr) {
    let file = site.write_config(environments);
    let config = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("metrics = \"127.0.0.1:0\"\n{config}")).unwrap();
    let agent = Agent::start(&file);
    let address = agent.metrics.expect("it is scraped somewhere");
    (agent, address)
}

/// A good commit, and one that is rolled back; answers the bad one.
async fn a_good_and_a_bad_one(site: &Site, client: &mut Client) -> String {
    let good = site.git.pushed("good");
    assert_eq!(deploy(client, request("lab", &good)).await.outcome(), Outcome::Validated);
    let bad = site.git.pushed("untested");
    assert_eq!(deploy(client, request("lab", &bad)).await.outcome(), Outcome::RolledBack);
    bad
}

async fn stats(client: &mut Client, environments: &[&str]) -> Vec<v1::EnvironmentStats> {
    let environments = environments.iter().map(ToString::to_string).collect();
    let request = v1::StatsRequest { environments, since: None };
    client.stats(request).await.unwrap().into_inner().environments
}

#[tokio::test]
async fn stats_tell_what_a_real_agent_did() {
    let site = Site::new().await;
    let agent = site.start(&site.lab());
    let mut client = site.client(&agent);
    let [nothing] = &stats(&mut client, &[]).await[..] else { panic!("one environment") };
    assert_eq!((nothing.deployments, nothing.to_live.unwrap().median), (0, None));

    let bad = a_good_and_a_bad_one(&site, &mut client).await;
    let [lab] = &stats(&mut client, &["lab"]).await[..] else { panic!("one environment") };
    let outcomes: Vec<_> = lab.outcomes.iter().map(|it| (it.outcome(), it.count)).collect();
    assert_eq!(lab.deployments, 2);
    assert_eq!(outcomes, [(Outcome::Validated, 1), (Outcome::RolledBack, 1)]);
    assert_eq!(lab.to_live.unwrap().count, 2);
    assert_eq!(lab.to_verdict.unwrap().count, 2);
    assert_eq!(lab.to_roll_back.unwrap().count, 1);
    let phases: Vec<Phase> = lab.phases.iter().map(v1::PhaseSpread::phase).collect();
    assert!(phases.contains(&Phase::Restarting) && phases.contains(&Phase::Watching), "{phases:?}");
    let rollbacks = lab.rollbacks.unwrap();
    assert_eq!((rollbacks.automatic, rollbacks.succeeded, rollbacks.false_alarms), (1, 1, 0));
    assert_ne!(lab.unvalidated_live, Some(prost_types::Duration::default()));
    assert_eq!(lab.uptime, None, "nobody watches it");

    let overruled = v1::DeployRequest {
        override_quarantine: true,
        reason: "the runner was broken".to_owned(),
        wait: WaitFor::Live.into(),
        ..request("lab", &bad)
    };
    deploy(&mut client, overruled).await;
    let [lab] = &stats(&mut client, &["lab"]).await[..] else { panic!("one environment") };
    assert_eq!(lab.rollbacks.unwrap().false_alarms, 1);
}

#[tokio::test]
async fn stats_need_the_right_to_see_the_environment() {
    let site = Site::new().await;
    let agent = site.start(&site.lab());
    let ask = |environment: &str| v1::StatsRequest {
        environments: vec![environment.to_owned()],
        since: Some(prost_types::Duration { seconds: 60, nanos: 0 }),
    };
    let mut stranger = site.client_as(&agent, "spiffe://lab/stranger/mallory");
    let denied = stranger.stats(ask("lab")).await.unwrap_err();
    assert_eq!(reason(&denied), "ACCESS_DENIED");
    assert!(stats(&mut stranger, &[]).await.is_empty());
    let mut viewer = site.client_as(&agent, "spiffe://lab/viewer/vic");
    assert_eq!(viewer.stats(ask("lab")).await.unwrap().into_inner().environments.len(), 1);
    let unknown = viewer.stats(ask("nowhere")).await.unwrap_err();
    assert_eq!(reason(&unknown), "UNKNOWN_ENVIRONMENT");
    let mut backwards = ask("lab");
    backwards.since = Some(prost_types::Duration { seconds: -60, nanos: 0 });
    assert_eq!(reason(&viewer.stats(backwards).await.unwrap_err()), "INVALID_REQUEST");
}

#[tokio::test]
async fn prometheus_reads_what_happened_and_how_things_stand() {
    let site = Site::new().await;
    let (agent, address) = scraped(&site, &site.lab());
    let before = Exposition::parse(&scrape(address).await);
    let ended = |page: &Exposition, kind: &str, outcome: &str| {
        let labels = [("environment", "lab"), ("kind", kind), ("outcome", outcome)];
        page.value("ripcord_deployments_total", &labels).unwrap()
    };
    assert_eq!(ended(&before, "deploy", "validated"), 0.0, "what begins with 1 never grew");
    assert_eq!(before.value("ripcord_live_timestamp_seconds", &[("environment", "lab")]), None);

    a_good_and_a_bad_one(&site, &mut site.client(&agent)).await;
    let page = settled(address).await;
    assert_eq!(ended(&page, "deploy", "validated"), 1.0);
    assert_eq!(ended(&page, "deploy", "rolled_back"), 1.0);
    assert_eq!(ended(&page, "automatic_rollback", "validated"), 1.0);
    let lab = |name: &str| page.value(name, &[("environment", "lab")]).unwrap();
    let phase = [("environment", "lab"), ("phase", "probing")];
    assert_eq!(page.value("ripcord_deployment_phase_seconds_count", &phase), Some(2.0));
    assert!(lab("ripcord_unvalidated_live_seconds_total") > 0.0);
    assert!(
        lab("ripcord_live_timestamp_seconds")
            >= page.value("process_start_time_seconds", &[]).unwrap()
    );
    assert_eq!((lab("ripcord_up"), lab("ripcord_held"), lab("ripcord_stranded")), (1.0, 0.0, 0.0));
    assert_eq!(lab("ripcord_verdict_wait_seconds"), 0.0);
    assert!(page.value("ripcord_journal_events_total", &[]).unwrap() > 10.0);
    assert!(page.value("process_resident_memory_bytes", &[]).unwrap() > 1e6);
    assert!(page.value("process_open_fds", &[]).unwrap() > 3.0);
}

/// The page once everything that happened is counted: the follower comes a moment later.
async fn settled(address: SocketAddr) -> Exposition {
    let rollback = [("environment", "lab"), ("kind", "deploy"), ("outcome", "rolled_back")];
    for _ in 0..500 {
        let page = Exposition::parse(&scrape(address).await);
        if page.value("ripcord_deployments_total", &rollback) == Some(1.0) {
            return page;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the rollback is never counted");
}

#[tokio::test]
async fn after_a_restart_a_scrape_knows_how_things_stood() {
    let site = Site::new().await;
    let (agent, address) = scraped(&site, &site.lab());
    a_good_and_a_bad_one(&site, &mut site.client(&agent)).await;
    let before = settled(address).await;
    agent.kill();
    let (agent, address) = scraped(&site, &site.lab());
    let after = Exposition::parse(&scrape(address).await);
    let gauges =
        ["live_timestamp_seconds", "validated_timestamp_seconds", "up", "held", "stranded"];
    for gauge in gauges.map(|name| format!("ripcord_{name}")) {
        let lab = |page: &Exposition| page.value(&gauge, &[("environment", "lab")]);
        assert!(lab(&before).is_some() && lab(&before) == lab(&after), "{gauge}");
    }
    let unvalidated = "ripcord_unvalidated_live_seconds_total";
    assert_eq!(after.value(unvalidated, &[("environment", "lab")]), Some(0.0));
    site.client(&agent)
        .hold(v1::HoldRequest { environment: "lab".to_owned(), reason: "freeze".to_owned() })
        .await
        .unwrap();
    let held = Exposition::parse(&scrape(address).await);
    assert_eq!(held.value("ripcord_held", &[("environment", "lab")]), Some(1.0));
}

#[tokio::test]
async fn an_environment_whose_journal_cannot_be_used_is_told_as_not_served() {
    let site = Site::new().await;
    fs::create_dir_all(site.state_dir()).unwrap();
    fs::write(site.state_dir().join("journal.sqlite"), "this is no journal".repeat(1000)).unwrap();
    let (_agent, address) = scraped(&site, &site.lab());
    let page = Exposition::parse(&scrape(address).await);
    assert_eq!(page.value("ripcord_environment_served", &[("environment", "lab")]), Some(0.0));
    assert_eq!(page.faults(), Vec::<String>::new());
}

#[tokio::test]
async fn an_address_that_is_taken_costs_the_metrics_and_not_the_agent() {
    let site = Site::new().await;
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let file = site.write_config(&site.lab());
    let config = fs::read_to_string(&file).unwrap();
    let address = taken.local_addr().unwrap();
    fs::write(&file, format!("metrics = \"{address}\"\n{config}")).unwrap();
    let agent = Agent::start(&file);
    assert_eq!(agent.metrics, None);
    let good = site.git.pushed("good");
    let told = deploy(&mut site.client(&agent), request("lab", &good)).await;
    assert_eq!(told.outcome(), Outcome::Validated);
}

#[tokio::test]
async fn a_scrape_follows_the_rules_of_the_field_and_names_no_commit_and_nobody() {
    let site = Site::new().await;
    let (agent, address) = scraped(&site, &site.lab());
    let bad = a_good_and_a_bad_one(&site, &mut site.client(&agent)).await;
    let text = scrape(address).await;
    let page = Exposition::parse(&text);
    assert_eq!(page.faults(), Vec::<String>::new());
    for secret in [&bad[..7], "spiffe", "operator", "untested", "Ann"] {
        assert!(!text.contains(secret), "{secret} is in a scrape");
    }
    let labels = ["environment", "kind", "outcome", "phase", "sink", "version", "le"];
    assert_eq!(page.labels().difference(&labels.into()).next(), None);
    let told: Vec<&str> = page.families.keys().map(String::as_str).collect();
    let known: BTreeSet<&str> = ALL.iter().map(|metric| metric.name).collect();
    assert_eq!(told, known.into_iter().collect::<Vec<_>>());
}

#[tokio::test]
async fn only_metrics_are_served_and_only_for_reading() {
    let site = Site::new().await;
    let (_agent, address) = scraped(&site, &site.lab());
    let client = reqwest::Client::new();
    let root = client.get(format!("http://{address}/")).send().await.unwrap();
    assert_eq!(root.status(), 404);
    let posted = client.post(format!("http://{address}/metrics")).send().await.unwrap();
    assert_eq!(posted.status(), 405);
}

#[tokio::test]
async fn who_holds_connections_open_keeps_no_deployment_waiting() {
    let site = Site::new().await;
    let (agent, address) = scraped(&site, &site.lab());
    let mut held = Vec::new();
    for _ in 0..64 {
        held.push(tokio::net::TcpStream::connect(address).await.unwrap());
    }
    let good = site.git.pushed("good");
    let told = deploy(&mut site.client(&agent), request("lab", &good)).await;
    assert_eq!(told.outcome(), Outcome::Validated);
    drop(held);
    let scraping = tokio::time::timeout(site::PATIENCE, scrape(address));
    scraping.await.expect("scrapes go on once the connections are gone");
}

#[test]
fn the_dashboard_asks_only_for_what_is_served_and_uses_it_as_what_it_is() {
    let dashboard: serde_json::Value = serde_json::from_str(DASHBOARD).unwrap();
    let mut queries = Vec::new();
    collect(&dashboard, &mut queries);
    assert!(queries.len() > 10, "{queries:?}");
    let mut used = BTreeSet::new();
    for query in &queries {
        let words = query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let metrics: Vec<&str> = words
            .filter(|word| word.starts_with("ripcord_") || word.starts_with("process_"))
            .collect();
        assert!(!metrics.is_empty(), "{query} asks for nothing of ripcord");
        for name in metrics {
            let known = ALL.iter().find(|metric| match metric.kind {
                Kind::Histogram => ["_bucket", "_sum", "_count"]
                    .iter()
                    .any(|suffix| name == format!("{}{suffix}", metric.name)),
                Kind::Counter | Kind::Gauge => name == metric.name,
            });
            let known = known.unwrap_or_else(|| panic!("{query}: nobody serves {name}"));
            let grows = ["increase(", "rate("].iter().any(|function| query.contains(function));
            assert!(known.kind == Kind::Gauge || grows, "{query} reads a counter as it is");
            used.insert(known.name);
        }
    }
    let all: BTreeSet<&str> = ALL.iter().map(|metric| metric.name).collect();
    let unused: Vec<_> = all.difference(&used).collect();
    assert_eq!(unused, [&"process_start_time_seconds"], "not on the dashboard");
}

fn collect(value: &serde_json::Value, queries: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(fields) => {
            queries.extend(fields.get("expr").and_then(|it| it.as_str()).map(str::to_owned));
            fields.values().for_each(|field| collect(field, queries));
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| collect(item, queries)),
        _ => {}
    }
}

#[test]
fn every_metric_is_in_the_readme() {
    for metric in ALL {
        let row = format!("| `{}` |", metric.name);
        assert!(README.contains(&row), "agent/README.md lacks {row}");
    }
}

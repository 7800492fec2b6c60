//! What `stats` promises: what it asks for, the shape that programs read, and its exit codes.

#![allow(missing_docs, clippy::unwrap_used)]

mod stage;

use prost_types::Duration;
use ripcord_proto::v1::{
    EnvironmentStats, Outcome, OutcomeCount, Phase, PhaseSpread, RollbackCounts, Spread,
    StatsRequest, StatsResponse, Uptime,
};
use serde_json::{Value, json};
use stage::{
    Stage,
    agent::{Agent, Call},
    said,
};

fn seconds(seconds: i64) -> Option<Duration> {
    Some(Duration { seconds, nanos: 0 })
}

fn preprod() -> EnvironmentStats {
    let took = Some(Spread { count: 2, median: seconds(9), p95: seconds(41) });
    EnvironmentStats {
        name: "preprod".into(),
        from: Some(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 0 }),
        to: Some(prost_types::Timestamp { seconds: 1_700_086_400, nanos: 0 }),
        deployments: 2,
        outcomes: vec![OutcomeCount { outcome: Outcome::RolledBack.into(), count: 1 }],
        phases: vec![PhaseSpread { phase: Phase::Probing.into(), spread: took }],
        to_live: took,
        rollbacks: Some(RollbackCounts {
            automatic: 4,
            succeeded: 3,
            failed: 1,
            ..Default::default()
        }),
        unvalidated_live: seconds(62),
        uptime: Some(Uptime { monitored: seconds(1000), down: seconds(5), outages: 1 }),
        ..EnvironmentStats::default()
    }
}

async fn agent(stage: &Stage, environments: Vec<EnvironmentStats>) -> Agent {
    let agent = Agent::start(stage, vec![]).await;
    agent.set_stats(StatsResponse { environments });
    agent
}

#[tokio::test]
async fn stats_json_has_the_documented_shape_with_nulls_for_what_is_not_known() {
    let stage = Stage::new();
    let prod = EnvironmentStats { name: "prod".into(), ..EnvironmentStats::default() };
    let agent = agent(&stage, vec![preprod(), prod]).await;
    let object = said(stage.operator(agent.port, &["stats", "--json"])).await.json();
    assert_eq!(object["schema"], "ripcord/v1/stats");
    let [preprod, prod] = &object["environments"].as_array().unwrap()[..] else { panic!("two") };
    assert_eq!(preprod["from"], "2023-11-14T22:13:20Z");
    assert_eq!(preprod["outcomes"], json!({ "rolled_back": 1 }));
    let took = json!({ "count": 2, "median": 9000, "p95": 41_000 });
    assert_eq!((&preprod["time_to_live_ms"], &preprod["phases_ms"]["probing"]), (&took, &took));
    assert_eq!(preprod["rollbacks"]["success_rate"], 0.75);
    assert_eq!(preprod["unvalidated_live_ms"], 62_000);
    let uptime =
        json!({ "ratio": 0.995, "monitored_ms": 1_000_000, "down_ms": 5000, "outages": 1 });
    assert_eq!(preprod["uptime"], uptime);
    assert_eq!((&prod["uptime"], &prod["rollbacks"]["success_rate"]), (&Value::Null, &Value::Null));
    assert_eq!(prod["time_to_verdict_ms"], json!({ "count": 0, "median": null, "p95": null }));
}

#[tokio::test]
async fn stats_asks_for_thirty_days_of_everything_unless_told_otherwise() {
    let stage = Stage::new();
    let agent = agent(&stage, vec![preprod()]).await;
    assert_eq!(said(stage.operator(agent.port, &["stats"])).await.code, 0);
    let week = ["stats", "preprod", "--since", "1w"];
    let told = said(stage.operator(agent.port, &week)).await;
    assert!(told.stdout.contains("99.5 % (down once, 5.0 s)"), "{}", told.stdout);
    assert!(told.stdout.contains("75 % (3 of 4)"), "{}", told.stdout);
    let days = |days: i64| seconds(days * 86_400);
    let expected = [
        Call::Stats(StatsRequest { environments: vec![], since: days(30) }),
        Call::Stats(StatsRequest { environments: vec!["preprod".into()], since: days(7) }),
    ];
    assert_eq!(agent.calls(), expected);
}

#[tokio::test]
async fn stats_ends_with_the_code_that_says_why_there_are_none() {
    let stage = Stage::new();
    let agent = agent(&stage, vec![]).await;
    assert_eq!(said(stage.operator(agent.port, &["stats"])).await.code, 4, "no right anywhere");
    let wrong = said(stage.operator(agent.port, &["stats", "--since", "soon", "--json"])).await;
    assert_eq!((wrong.code, &wrong.json()["error"]), (2, &json!("USAGE")));
    let port = agent.port;
    drop(agent);
    assert_eq!(said(stage.operator(port, &["stats"])).await.code, 5);
}

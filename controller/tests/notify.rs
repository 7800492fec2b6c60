//! What `notify test` and `status` promise whoever wants to know whether people are told.
#![allow(missing_docs, clippy::unwrap_used)]

mod stage;

use ripcord_proto::v1::{
    EnvironmentStatus, NotifyTestRequest, NotifyTestResponse, SinkHealth, SinkState, SinkTest,
    SinkTestOutcome, StatusResponse,
};
use stage::{
    Stage,
    agent::{Agent, Call},
    said,
};

fn sink(name: &str, state: SinkState, reason: &str) -> SinkHealth {
    SinkHealth {
        name: name.into(),
        about: "/etc/ripcord/hook".into(),
        state: state.into(),
        reason: reason.into(),
        ..SinkHealth::default()
    }
}

fn test(health: SinkHealth, outcome: SinkTestOutcome, detail: &str) -> SinkTest {
    SinkTest { health: Some(health), outcome: outcome.into(), detail: detail.into() }
}

#[tokio::test]
async fn a_test_shows_every_sink_and_exits_with_10_when_one_would_take_nothing() {
    let stage = Stage::new();
    let agent = Agent::start(&stage, vec![]).await;
    let working = || sink("webhook.1f", SinkState::Working, "");
    let untried = test(working(), SinkTestOutcome::NotTried, "add --send");
    agent.set_notify_test(NotifyTestResponse { sinks: vec![untried.clone()] });
    let good = said(stage.operator(agent.port, &["notify", "test"])).await;
    assert_eq!(good.code, 0, "{}", good.stderr);

    let why = "Discord answers 404: make a webhook";
    let stopped = sink("discord.2f", SinkState::Stopped, why);
    let failed = test(stopped, SinkTestOutcome::Fails, why);
    agent.set_notify_test(NotifyTestResponse { sinks: vec![failed, untried] });
    let bad = said(stage.operator(agent.port, &["notify", "test", "--send"])).await;
    assert_eq!(bad.code, 10);
    insta::assert_snapshot!(bad.stdout, @r"
    SINK     ABOUT              STATE    TEST
    discord  /etc/ripcord/hook  stopped  fails
    webhook  /etc/ripcord/hook  working  not tried
    discord (/etc/ripcord/hook): Discord answers 404: make a webhook
    webhook (/etc/ripcord/hook): add --send
    ");
    let object = said(stage.operator(agent.port, &["notify", "test", "--json"])).await.json();
    assert_eq!(object["schema"], "ripcord/v1/notify_test");
    assert_eq!(object["sinks"][0]["state"], "stopped");
    assert_eq!(object["sinks"][1]["test"], "not_tried");
    let sends: Vec<_> = agent.calls();
    let asked = |send| Call::NotifyTest(NotifyTestRequest { send });
    assert_eq!(sends, [asked(false), asked(true), asked(false)]);
}

#[tokio::test]
async fn status_says_below_its_table_who_is_not_told() {
    let stage = Stage::new();
    let agent = Agent::start(&stage, vec![]).await;
    let waiting = sink("discord.2f", SinkState::Waiting, "Discord answers 502");
    let environments = vec![EnvironmentStatus { name: "lab".into(), ..Default::default() }];
    agent.set_status(StatusResponse { environments, sinks: vec![waiting], agent: None });
    let text = said(stage.operator(agent.port, &["status"])).await.stdout;
    assert!(
        text.contains("discord (/etc/ripcord/hook): lags, what happened is not told yet"),
        "{text}"
    );
    let object = said(stage.operator(agent.port, &["status", "--json"])).await.json();
    assert_eq!(object["sinks"][0]["reason"], "Discord answers 502");
}

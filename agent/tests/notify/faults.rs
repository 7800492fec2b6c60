//! What happens when Discord is not well, refuses, lies, or its answer is lost: nothing is.

use std::time::{Duration, Instant};

use ripcord_agent::{
    config::NotifyStyle,
    notify::{Sink as _, SinkState, Tested},
};
use serde_json::json;

use crate::{
    desk::Desk,
    receiver::{Answer, Seen},
};

const DISCORD: &str = "discord.test";
const STORY: [&str; 3] = [
    "🚀 LAB - Deployment started",
    "✅ LAB - Deployed, CI in progress",
    "✅ LAB - Deployment validated",
];

fn limited(retry_after: f64, global: bool) -> Answer {
    let message = "You are being rate limited.";
    let body = json!({ "message": message, "retry_after": retry_after, "global": global });
    Answer::Json(429, body)
}

#[tokio::test]
async fn a_deployment_is_three_messages_in_order() {
    let mut desk = Desk::new().await;
    let _running = desk.messages().await;
    desk.good_deployment(1).await;
    desk.told_all(DISCORD).await;
    assert_eq!(desk.server.titles(), STORY);
}

#[tokio::test]
async fn a_limit_is_waited_for_as_long_as_its_body_says_and_nothing_overtakes() {
    for limit in [
        limited(0.3, false),
        limited(0.3, true),
        Answer::With(429, ("retry-after", "60".to_owned()), "{\"retry_after\": 0.3}"),
        Answer::With(429, ("retry-after", "1".to_owned()), "<h1>cloudflare</h1>"),
    ] {
        let mut desk = Desk::new().await;
        desk.server.plan([limit]);
        let _running = desk.messages().await;
        let began = Instant::now();
        desk.good_deployment(1).await;
        desk.told_all(DISCORD).await;
        assert_eq!(desk.server.titles(), STORY);
        assert!(began.elapsed() >= Duration::from_secs(1), "{:?}", began.elapsed());
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        assert_eq!(desk.server.seen().len(), 4, "it is asked once more, and not before");
    }
}

#[tokio::test]
async fn a_server_in_trouble_is_asked_again_and_nothing_is_lost() {
    for trouble in [Answer::Html(502), Answer::Json(500, json!({})), Answer::Close] {
        let mut desk = Desk::new().await;
        desk.server.plan([trouble]);
        let running = desk.messages().await;
        desk.good_deployment(1).await;
        let waiting = running.becomes(|state| matches!(state, SinkState::Waiting { .. })).await;
        assert!(format!("{waiting:?}").contains("Discord"), "{waiting:?}");
        desk.told_all(DISCORD).await;
        assert_eq!(desk.server.titles(), STORY);
        assert_eq!(running.health.borrow().state, SinkState::Working);
    }
}

#[tokio::test]
async fn what_discord_took_before_its_answer_was_lost_may_be_repeated_and_never_is_lost() {
    let mut desk = Desk::new().await;
    desk.server.plan([Answer::Close]);
    let _running = desk.messages().await;
    desk.good_deployment(1).await;
    desk.told_all(DISCORD).await;
    let seen = desk.server.seen();
    let titles: Vec<&str> = seen.iter().map(Seen::title).collect();
    assert_eq!(titles, [STORY[0], STORY[0], STORY[1], STORY[2]]);
}

#[tokio::test]
async fn a_reader_that_is_killed_while_it_waits_goes_on_with_what_was_not_told() {
    let mut desk = Desk::new().await;
    desk.server.always(Some(Answer::Hang));
    let running = desk.messages().await;
    desk.good_deployment(1).await;
    desk.server.until(|seen| !seen.is_empty()).await;
    running.kill().await;
    desk.server.always(None);
    let _running = desk.messages().await;
    desk.told_all(DISCORD).await;
    assert_eq!(desk.server.titles(), STORY);
}

#[tokio::test]
async fn a_webhook_that_is_gone_stops_its_sink_and_says_what_to_do_and_a_new_address_heals_it() {
    for status in [401, 403, 404, 301] {
        let mut desk = Desk::new().await;
        let body = json!({ "message": "Unknown Webhook", "code": 10015 });
        desk.server.always(Some(Answer::Json(status, body)));
        let running = desk.messages().await;
        desk.good_deployment(1).await;
        let why = running.stops().await;
        assert!(why.contains(&status.to_string()) && why.contains("webhook-url"), "{why}");
        assert_eq!(desk.server.seen().len(), 1, "it does not try again at once");
        running.kill().await;
        desk.server.always(None);
        let _running = desk.messages().await;
        desk.told_all(DISCORD).await;
        assert_eq!(desk.server.titles(), STORY);
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_as_it_would_hand_the_address_to_somebody_else() {
    let elsewhere = Desk::new().await;
    let mut desk = Desk::new().await;
    let there = elsewhere.server.url();
    desk.server.plan([Answer::With(302, ("location", there), "")]);
    let running = desk.messages().await;
    desk.good_deployment(1).await;
    assert!(running.stops().await.contains("redirect"));
    assert_eq!(elsewhere.server.seen().len(), 0);
}

#[tokio::test]
async fn a_message_that_discord_refuses_is_skipped_and_the_next_ones_are_told() {
    let mut desk = Desk::new().await;
    let body = json!({ "message": "Invalid Form Body", "code": 50035 });
    desk.server.plan([Answer::Json(400, body)]);
    let _running = desk.messages().await;
    desk.good_deployment(1).await;
    desk.told_all(DISCORD).await;
    assert_eq!(desk.server.titles(), STORY[1..]);
}

#[tokio::test]
async fn an_answer_that_says_nothing_is_still_a_yes() {
    let mut desk = Desk::new().await;
    desk.server.plan([Answer::Truncate, Answer::Json(204, json!(null)), Answer::Html(200)]);
    let _running = desk.run(desk.discord(NotifyStyle::Live)).await;
    desk.good_deployment(1).await;
    desk.told_all(DISCORD).await;
    assert_eq!(desk.server.seen().len(), 3);
}

#[tokio::test]
async fn an_address_that_changes_is_used_from_the_next_message_on() {
    let mut desk = Desk::new().await;
    let new = Desk::new().await;
    let _running = desk.messages().await;
    desk.deploy(1).await;
    desk.told_all(DISCORD).await;
    desk.write_url(&new.server.url());
    desk.verdict(1, ripcord_core::Verdict::Success).await;
    desk.told_all(DISCORD).await;
    assert_eq!(desk.server.titles(), STORY[..2]);
    assert_eq!(new.server.titles(), STORY[2..]);
}

#[tokio::test]
async fn in_live_style_a_deployment_is_one_message_that_is_edited() {
    let mut desk = Desk::new().await;
    let _running = desk.run(desk.discord(NotifyStyle::Live)).await;
    desk.deploy(1).await;
    desk.told_all(DISCORD).await;
    desk.verdict(1, ripcord_core::Verdict::Success).await;
    desk.told_all(DISCORD).await;
    let methods: Vec<String> = desk.server.seen().into_iter().map(|seen| seen.method).collect();
    assert_eq!(methods, ["POST", "PATCH", "PATCH"]);
    assert!(desk.server.seen()[2].path.ends_with("/messages/9000"));
    assert_eq!(desk.server.titles(), STORY);
    desk.good_deployment(2).await;
    desk.told_all(DISCORD).await;
    assert_eq!(desk.server.seen()[3].method, "POST", "another deployment is another message");
}

#[tokio::test]
async fn in_live_style_a_restart_edits_the_same_message_and_a_deleted_one_is_posted_anew() {
    let mut desk = Desk::new().await;
    let running = desk.run(desk.discord(NotifyStyle::Live)).await;
    desk.deploy(1).await;
    desk.told_all(DISCORD).await;
    running.kill().await;
    desk.server.delete_messages();
    let _running = desk.run(desk.discord(NotifyStyle::Live)).await;
    desk.verdict(1, ripcord_core::Verdict::Success).await;
    desk.told_all(DISCORD).await;
    let seen = desk.server.seen();
    let last: Vec<_> = seen[2..].iter().map(|seen| (seen.method.as_str(), seen.status)).collect();
    assert_eq!(last, [("PATCH", 404), ("POST", 200)]);
}

#[tokio::test]
async fn late_news_says_so() {
    let mut desk = Desk::new().await;
    desk.earlier(Duration::from_secs(12 * 60 + 20));
    let _running = desk.messages().await;
    desk.good_deployment(1).await;
    desk.told_all(DISCORD).await;
    assert_eq!(desk.server.titles()[0], format!("{} (12 min late)", STORY[0]));
}

#[tokio::test]
async fn a_test_looks_at_the_webhook_and_posts_nothing() {
    let desk = Desk::new().await;
    let discord = desk.discord(NotifyStyle::Messages);
    let Tested::Works(what) = discord.test(true).await.unwrap() else { panic!() };
    assert!(what.contains("deployments"), "{what}");
    let methods: Vec<String> = desk.server.seen().into_iter().map(|seen| seen.method).collect();
    assert_eq!(methods, ["GET"]);
    desk.server.plan([Answer::Json(404, json!({ "code": 10015 })), Answer::Html(200)]);
    for _ in 0..2 {
        let why = discord.test(true).await.unwrap_err().to_string();
        assert!(why.contains("webhook-url"), "{why}");
    }
}

#[tokio::test]
async fn in_live_style_what_mentions_everybody_is_a_new_message_as_an_edit_calls_nobody() {
    let mut desk = Desk::new().await;
    desk.policy = "ping = { \"*\" = [\"ci-failures\"] }";
    let _running = desk.run(desk.discord(NotifyStyle::Live)).await;
    desk.deploy(1).await;
    desk.verdict(1, ripcord_core::Verdict::Failure).await;
    desk.told_all(DISCORD).await;
    let seen = desk.server.seen();
    let loud: Vec<&Seen> = seen.iter().filter(|s| s.content().starts_with("@everyone ")).collect();
    assert_eq!(loud.len(), 1, "{seen:#?}");
    assert_eq!(loud[0].method, "POST");
    assert_eq!(loud[0].body["allowed_mentions"], json!({ "parse": ["everyone"] }));
}

#[tokio::test]
async fn a_commit_message_reaches_the_channel_as_text_and_nothing_else() {
    let mut desk = Desk::new().await;
    desk.subject = "@everyone <@41> [x](https://evil.example) \",\"allowed_mentions\":null";
    desk.author = "`Eve`";
    let _running = desk.messages().await;
    desk.good_deployment(1).await;
    desk.told_all(DISCORD).await;
    for seen in desk.server.seen() {
        assert_eq!(seen.body["allowed_mentions"], json!({ "parse": [] }));
        let content = seen.content();
        assert!(!content.contains("@everyone") && !content.contains("://evil"), "{content}");
    }
}

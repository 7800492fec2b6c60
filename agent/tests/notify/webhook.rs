//! Events for programs: signed as Standard Webhooks describes, told once or more, with one name.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::hmac;
use ripcord_agent::notify::{Sink as _, Tested, webhook::Secret};
use serde_json::json;

use crate::{
    desk::{Desk, SECRET},
    receiver::{Answer, Seen},
};

const WEBHOOK: &str = "webhook.test";

/// Verifies as the documentation of Standard Webhooks tells receivers to.
fn verify(seen: &Seen) {
    let id = &seen.headers["webhook-id"];
    let timestamp = &seen.headers["webhook-timestamp"];
    let age = jiff::Timestamp::now().as_second() - timestamp.parse::<i64>().unwrap();
    assert!((0..300).contains(&age), "{age} s");
    let key = STANDARD.decode(SECRET.strip_prefix("whsec_").unwrap()).unwrap();
    let mut signed = format!("{id}.{timestamp}.").into_bytes();
    signed.extend_from_slice(&seen.raw);
    let signature = seen.headers["webhook-signature"].strip_prefix("v1,").unwrap();
    let signature = STANDARD.decode(signature).unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    hmac::verify(&key, &signed, &signature).unwrap();
}

#[test]
fn a_signature_is_the_one_of_the_standards_example() {
    // From the documentation of the standard's libraries.
    let secret = Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    let body = br#"{"test": 2432232314}"#;
    let signature = secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
    assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

#[test]
fn a_secret_that_receivers_would_read_differently_is_refused() {
    for wrong in ["", "whsec_", "whsec_not base64", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"] {
        assert!(Secret::parse(wrong).is_none(), "{wrong}");
    }
    assert_eq!(format!("{:?}", Secret::parse(SECRET).unwrap()), "Secret(…)");
}

#[tokio::test]
async fn each_piece_of_news_is_a_signed_event() {
    let mut desk = Desk::new().await;
    let _running = desk.run(desk.webhook()).await;
    desk.good_deployment(1).await;
    desk.told_all(WEBHOOK).await;
    let seen = desk.server.seen();
    seen.iter().for_each(verify);
    let kinds: Vec<&str> = seen.iter().map(|seen| seen.body["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["deployment_started", "deployment_live", "deployment_validated"]);
    let first = &seen[0].body;
    assert_eq!(first["schema"], "ripcord/v1/event");
    assert_eq!((&first["class"], &first["environment"]), (&json!("deployments"), &json!("lab")));
    assert_eq!((&first["deployment"], &first["sha"]), (&json!(1), &json!("11".repeat(20))));
    assert_eq!(first["data"]["event"], "phase_entered");
    assert!(
        first["text"].as_str().unwrap().starts_with("🚀 LAB - Deployment started\nSHA: 1111111")
    );
    assert!(first["time"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok());
    assert!(first["sequence"].as_u64() < seen[1].body["sequence"].as_u64());
}

#[tokio::test]
async fn what_is_told_again_has_the_same_name_so_that_the_receiver_knows_it() {
    let mut desk = Desk::new().await;
    desk.server.plan([Answer::Close, Answer::Json(503, json!({}))]);
    let _running = desk.run(desk.webhook()).await;
    desk.good_deployment(1).await;
    desk.told_all(WEBHOOK).await;
    let ids: Vec<String> =
        desk.server.seen().iter().map(|seen| seen.headers["webhook-id"].clone()).collect();
    assert_eq!(ids.len(), 5);
    assert!(ids[0] == ids[1] && ids[1] == ids[2], "{ids:?}");
    assert!(ids[2] != ids[3] && ids[3] != ids[4], "{ids:?}");
    assert!(!ids[0].contains('.'), "a dot parts what is signed");
}

#[tokio::test]
async fn a_receiver_that_is_gone_and_a_secret_that_is_none_stop_the_sink_with_what_to_do() {
    let mut desk = Desk::new().await;
    desk.server.plan([Answer::Json(410, json!({}))]);
    let running = desk.run(desk.webhook()).await;
    desk.good_deployment(1).await;
    assert!(running.stops().await.contains("webhook-url"));
    running.kill().await;
    std::fs::write(desk.folder.path().join("secret"), "canary-without-prefix").unwrap();
    let running = desk.run(desk.webhook()).await;
    let why = running.stops().await;
    assert!(why.contains("openssl rand") && !why.contains("canary"), "{why}");
}

#[tokio::test]
async fn a_test_sends_an_event_only_when_asked_to() {
    let desk = Desk::new().await;
    let webhook = desk.webhook();
    assert!(matches!(webhook.test(false).await.unwrap(), Tested::NotTried(_)));
    assert_eq!(desk.server.seen().len(), 0);
    assert!(matches!(webhook.test(true).await.unwrap(), Tested::Works(_)));
    let seen = tokio::time::timeout(Duration::from_secs(5), desk.server.until(|s| s.len() == 1));
    let seen = seen.await.unwrap();
    verify(&seen[0]);
    assert_eq!(seen[0].body["kind"], "test");
}

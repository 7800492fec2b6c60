//! Where keys come from: asked for once, again when a token names another, never in a flood, from
//! nobody but the issuer, and without them nothing is proven.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::{
    issuer::{Fault, Issuer, judge},
    signer::{Signer, head},
};

/// Lets so much time pass for the agent's clocks; nothing is on its way meanwhile.
async fn later(seconds: u64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(seconds)).await;
    tokio::time::resume();
}

#[tokio::test]
async fn a_key_that_is_new_is_fetched_once_and_then_known() {
    let issuer = Issuer::start().await;
    let proof = issuer.proof();
    judge(&proof, issuer.token()).await.unwrap();
    let fresh = Signer::stranger();
    issuer.publish(vec![issuer.key.jwk("one"), fresh.jwk("two")]);
    later(31).await;
    let token = fresh.token(&head("two"), issuer.claims().to_string());
    for _ in 0..3 {
        assert_eq!(judge(&proof, token.clone()).await, Ok(()));
        assert_eq!(judge(&proof, issuer.token()).await, Ok(()));
    }
    assert_eq!(issuer.fetches(), 2);
}

#[tokio::test]
async fn invented_keys_make_nobody_flood_the_issuer_nor_keep_others_out() {
    let issuer = Issuer::start().await;
    let proof = issuer.proof();
    judge(&proof, issuer.token()).await.unwrap();
    let invented = |number: u32| {
        let head = head(&format!("invented-{number}"));
        Signer::stranger().token(&head, issuer.claims().to_string())
    };
    for number in 0..20 {
        let why = judge(&proof, invented(number)).await.unwrap_err();
        assert!(why.contains("does not publish"), "{why}");
    }
    assert_eq!(issuer.fetches(), 1);
    later(31).await;
    let many = (20..40).map(|number| judge(&proof, invented(number)));
    assert!(futures_util::future::join_all(many).await.iter().all(Result::is_err));
    assert_eq!(issuer.fetches(), 2);
    later(31).await;
    issuer.fault(Fault::Hang);
    let (invented, good) = (judge(&proof, invented(40)), judge(&proof, issuer.token()));
    tokio::pin!(invented);
    tokio::select! {
        good = good => assert_eq!(good, Ok(())),
        _ = &mut invented => panic!("who invents a key comes first"),
    }
}

#[tokio::test]
async fn a_key_that_the_issuer_withdraws_is_good_for_an_hour_at_most() {
    let issuer = Issuer::start().await;
    let proof = issuer.proof();
    judge(&proof, issuer.token()).await.unwrap();
    issuer.publish(vec![Signer::stranger().jwk("two")]);
    later(50 * 60).await;
    assert_eq!(judge(&proof, issuer.token()).await, Ok(()));
    later(11 * 60).await;
    assert!(judge(&proof, issuer.token()).await.unwrap_err().contains("does not publish"));
}

#[tokio::test]
async fn without_the_issuer_nothing_is_proven_not_even_by_keys_that_were_known_once() {
    let issuer = Issuer::start().await;
    let proof = issuer.proof();
    judge(&proof, issuer.token()).await.unwrap();
    later(61 * 60).await;
    issuer.fault(Fault::Status(503));
    let why = judge(&proof, issuer.token()).await.unwrap_err();
    assert!(why.contains(&issuer.url) && why.contains("HTTP 503"), "{why}");
    issuer.fault(None);
    let again = judge(&proof, issuer.token()).await.unwrap_err();
    assert_eq!(again, why, "asked again without a pause");
    later(6).await;
    assert_eq!(judge(&proof, issuer.token()).await, Ok(()));
}

#[tokio::test]
async fn an_issuer_that_hangs_is_waited_for_five_seconds() {
    let issuer = Issuer::start().await;
    let proof = issuer.proof();
    issuer.fault(Fault::Hang);
    let began = Instant::now();
    let why = judge(&proof, issuer.token()).await.unwrap_err();
    assert!(why.contains("no answer within 5 s"), "{why}");
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
}

#[tokio::test]
async fn nobody_answers_in_the_issuers_place() {
    let (issuer, other) = (Issuer::start().await, Issuer::start().await);
    let keys = |issuer: &Issuer| format!("{}/.well-known/jwks", issuer.url);
    let discovery = |who: &str, keys: &str| json!({ "issuer": who, "jwks_uri": keys });
    let elsewhere = format!("{}/.well-known/openid-configuration", other.url);
    let huge = vec![b' '; 300 * 1024];
    for (fault, says) in [
        (Fault::Redirect(elsewhere), "redirects"),
        (Fault::Discovery(discovery(&issuer.url, &keys(&other))), "another host"),
        (Fault::Discovery(discovery(&issuer.url, "file:///etc/keys")), "another host"),
        (Fault::Discovery(discovery(&issuer.url, "http://keys.example/")), "another host"),
        (Fault::Discovery(discovery(&other.url, &keys(&issuer))), "another issuer"),
        (Fault::Discovery(json!([])), "cannot be read"),
        (Fault::Keys(b"<html>".to_vec()), "cannot be read"),
        (Fault::Keys(huge), "more than 256 KiB"),
        (Fault::Keys(br#"{"keys":[{"kty":"oct","kid":"one","k":"AAAA"}]}"#.to_vec()), "no key"),
        (Fault::Status(404), "HTTP 404"),
    ] {
        issuer.fault(fault);
        let why = judge(&issuer.proof(), issuer.token()).await.unwrap_err();
        assert!(why.contains(says), "{says}: {why}");
    }
}

#[tokio::test]
async fn an_issuer_that_is_not_there_or_speaks_plainly_over_a_network_is_refused_with_the_reason() {
    let issuer = Issuer::start().await;
    let judged = async |url: &str| {
        let settings =
            ripcord_agent::adapters::oidc::OidcSettings { issuer: url.into(), ..issuer.settings() };
        let http = ripcord_agent::adapters::git::http_client::build(None).unwrap();
        let proof = ripcord_agent::adapters::oidc::Oidc::new(http, settings);
        judge(&proof, issuer.token()).await.unwrap_err()
    };
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = gone.local_addr().unwrap();
    drop(gone);
    let why = judged(&format!("http://{address}")).await;
    assert!(why.contains("Connection refused"), "{why}");
    let why = judged("http://issuer.example").await;
    assert!(why.contains("not https"), "{why}");
}

//! Which tokens prove something: signed by the issuer, for us, now, by the right workflow.

use serde_json::{Value, json};

use crate::{
    issuer::{AUDIENCE, Issuer, judge, now},
    signer::{Signer, head, signed_with_the_public_key, unsigned},
};

#[tokio::test]
async fn a_token_of_the_right_workflow_proves_it_whatever_form_its_numbers_have() {
    let issuer = Issuer::start().await;
    let proof = issuer.proof();
    for good in [
        json!({}),
        json!({ "repository_id": 74 }),
        json!({ "protected": "true" }),
        json!({ "aud": [AUDIENCE] }),
        json!({ "nbf": null }),
        json!({ "exp": now() - 30 }),
        json!({ "iat": now() + 30, "exp": now() + 300 }),
        json!({ "exp": now() as f64 + 200.5 }),
        json!({ "iat": now(), "exp": now() + 3600 }),
    ] {
        assert_eq!(judge(&proof, issuer.token_with(good.clone())).await, Ok(()), "{good}");
    }
    assert_eq!(issuer.fetches(), 1);
}

#[tokio::test]
async fn every_claim_that_is_missing_or_differs_is_named_with_what_it_should_be() {
    let issuer = Issuer::start().await;
    let proof = issuer.proof();
    for (claim, value, names) in [
        ("iss", json!("https://canary.example"), issuer.url.as_str()),
        ("iss", json!(format!("{}/", issuer.url)), &issuer.url),
        ("aud", json!("canary"), AUDIENCE),
        ("aud", json!(["canary", AUDIENCE]), AUDIENCE),
        ("aud", json!([]), AUDIENCE),
        ("repository_id", json!("75-canary"), "74"),
        ("repository_id", json!(740), "74"),
        ("repository_id", json!(74.5), "74"),
        ("ref", json!("refs/heads/main/canary"), "refs/heads/main"),
        ("ref", json!("Refs/heads/main"), "refs/heads/main"),
        ("protected", json!(false), "true"),
        ("ref", json!(["refs/heads/main"]), ""),
        ("ref", json!({ "canary": 1 }), ""),
        ("ref", Value::Null, ""),
        ("iss", Value::Null, ""),
        ("exp", Value::Null, ""),
        ("exp", json!("canary"), ""),
        ("iat", Value::Null, ""),
        ("nbf", json!("canary"), ""),
    ] {
        let token = issuer.token_with(json!({ claim: value }));
        let why = judge(&proof, token).await.unwrap_err();
        assert!(why.contains(&format!("claim `{claim}`")), "{claim} = {value}: {why}");
        assert!(why.contains(names) && !why.contains("canary"), "{claim} = {value}: {why}");
    }
    // A claim that is there, and null.
    let mut claims = issuer.claims();
    claims["ref"] = Value::Null;
    let token = issuer.key.token(&head("one"), claims.to_string());
    assert!(judge(&proof, token).await.unwrap_err().contains("claim `ref`"));
}

#[tokio::test]
async fn a_token_counts_only_in_its_time_and_only_if_that_is_short() {
    let issuer = Issuer::start().await;
    let proof = issuer.proof();
    let now = now();
    for (times, says) in [
        (json!({ "iat": now - 400, "exp": now - 90 }), "expired"),
        (json!({ "exp": i64::MIN }), "expired"),
        (json!({ "nbf": now + 90 }), "not valid yet"),
        (json!({ "iat": now + 90 }), "not valid yet"),
        (json!({ "iat": now, "exp": now + 3700 }), "more than an hour"),
        (json!({ "iat": now - 7000, "exp": now + 10 }), "more than an hour"),
        (json!({ "iat": i64::MIN, "exp": i64::MAX }), "more than an hour"),
        (json!({ "exp": 1e300 }), "more than an hour"),
    ] {
        let why = judge(&proof, issuer.token_with(times.clone())).await.unwrap_err();
        assert!(why.contains(says), "{times}: {why}");
    }
}

#[tokio::test]
async fn a_token_does_not_choose_how_it_is_verified() {
    let issuer = Issuer::start().await;
    let proof = issuer.proof();
    judge(&proof, issuer.token()).await.unwrap();
    let claims = issuer.claims();
    let signed = issuer.token();
    let (signed, _) = signed.rsplit_once('.').unwrap();
    let head_as = |head: Value| issuer.key.token(&head, claims.to_string());
    for (token, says) in [
        (unsigned(&claims), "RS256 or ES256"),
        (signed_with_the_public_key(&issuer.key, &claims), "RS256 or ES256"),
        (head_as(json!({ "alg": "rs256", "kid": "one" })), "RS256 or ES256"),
        (head_as(json!({ "alg": "RS512", "kid": "one" })), "RS256 or ES256"),
        // The key is there, but for another algorithm.
        (head_as(json!({ "alg": "ES256", "kid": "one" })), "does not publish"),
        (head_as(json!({ "alg": "RS256" })), "names no key"),
        (head_as(json!({ "alg": "RS256", "kid": "one", "crit": ["exp"] })), "extensions"),
        (head_as(json!({ "alg": "RS256", "kid": 1 })), "header"),
        (Signer::stranger().token(&head("one"), claims.to_string()), "not signed by the key"),
        (Signer::stranger().token(&head("two"), claims.to_string()), "does not publish"),
        (format!("{signed}."), "not signed by the key"),
        (format!("{signed}.AAAA"), "not signed by the key"),
    ] {
        let why = judge(&proof, token).await.unwrap_err();
        assert!(why.contains(says), "{says}: {why}");
    }
}

#[tokio::test]
async fn a_changed_claim_breaks_the_signature() {
    let issuer = Issuer::start().await;
    let (proof, token) = (issuer.proof(), issuer.token());
    let other = issuer.token_with(json!({ "ref": "refs/heads/evil" }));
    let parts = |token: &str| token.split('.').map(str::to_owned).collect::<Vec<_>>();
    let (good, other) = (parts(&token), parts(&other));
    let mixed = format!("{}.{}.{}", good[0], good[1], other[2]);
    assert!(judge(&proof, mixed).await.unwrap_err().contains("not signed"));
}

#[tokio::test]
async fn elliptic_curves_are_as_good() {
    let issuer = Issuer::start().await;
    let (key, other) = (Signer::ec(), Signer::ec());
    issuer.publish(vec![issuer.key.jwk("one"), key.jwk("curve")]);
    let (proof, claims) = (issuer.proof(), issuer.claims().to_string());
    let head = json!({ "alg": "ES256", "kid": "curve" });
    assert_eq!(judge(&proof, key.token(&head, &claims)).await, Ok(()));
    let why = judge(&proof, other.token(&head, &claims)).await.unwrap_err();
    assert!(why.contains("not signed by the key"), "{why}");
}

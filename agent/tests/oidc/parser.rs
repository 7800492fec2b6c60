//! Whatever arrives in the place of a token, its claims or the issuer's keys: an answer, never a panic.

use std::sync::LazyLock;

use proptest::prelude::*;
use ripcord_agent::adapters::oidc::Oidc;
use serde_json::json;
use tokio::runtime::Runtime;

use crate::{
    issuer::{Fault, Issuer, judge},
    signer::{encode, head},
};

struct Bench {
    runtime: Runtime,
    issuer: Issuer,
    /// Knows the issuer's keys.
    proof: Oidc,
}

static BENCH: LazyLock<Bench> = LazyLock::new(|| {
    let runtime = Runtime::new().unwrap();
    let (issuer, proof) = runtime.block_on(async {
        let issuer = Issuer::start().await;
        let proof = issuer.proof();
        judge(&proof, issuer.token()).await.unwrap();
        (issuer, proof)
    });
    Bench { runtime, issuer, proof }
});

fn refused(token: String) {
    let judged = BENCH.runtime.block_on(judge(&BENCH.proof, token.clone()));
    assert!(judged.is_err(), "{token:?}");
}

/// Text that looks like JSON from afar.
fn nearly_json() -> impl Strategy<Value = String> {
    let word = "[{}\\[\\]:,\"0-9eE.a-z\\\\-]{0,40}";
    let claim = "(iss|aud|exp|iat|nbf|ref|alg|kid|crit|keys|kty)";
    (word, claim, word).prop_map(|(a, claim, b)| format!("{{\"{claim}\":{a}{b}}}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_text_is_a_token(text in any::<String>()) {
        refused(text);
    }

    #[test]
    fn no_three_parts_are_a_token(
        head in nearly_json(), claims in any::<Vec<u8>>(), signature in any::<Vec<u8>>(),
    ) {
        refused(format!("{}.{}.{}", encode(head), encode(claims), encode(signature)));
    }

    #[test]
    fn what_the_issuer_signs_is_still_no_proof_by_itself(
        claims in prop_oneof![
            any::<Vec<u8>>(),
            nearly_json().prop_map(String::into_bytes),
            (1_usize..4000).prop_map(|deep| vec![b'['; deep]),
        ],
    ) {
        refused(BENCH.issuer.key.token(&head("one"), claims));
    }

    #[test]
    fn numbers_of_every_kind_are_times_or_not(iat in any::<f64>(), exp in any::<i64>()) {
        let token = BENCH.issuer.token_with(json!({ "iat": iat, "exp": exp, "ref": "x" }));
        refused(token);
    }
}

#[test]
fn a_huge_token_is_refused_by_its_length() {
    let token = BENCH.issuer.token_with(json!({ "padding": "x".repeat(9000) }));
    let why = BENCH.runtime.block_on(judge(&BENCH.proof, token)).unwrap_err();
    assert!(why.contains("longer than 8 KiB"), "{why}");
}

#[tokio::test]
async fn no_answer_of_an_issuer_breaks_the_agent() {
    let issuer = Issuer::start().await;
    let jwk = |kty: &str, n: &str, e: &str| {
        json!({ "keys": [{ "kid": "one", "kty": kty, "n": n, "e": e, "crv": "P-256", "x": n, "y": e }] })
            .to_string()
            .into_bytes()
    };
    for keys in [
        jwk("RSA", "", ""),
        jwk("RSA", "AA", "AA"),
        jwk("RSA", "AQ", "AQAB"),
        jwk("RSA", "!", "AQAB"),
        jwk("EC", "AA", "AA"),
        jwk("EC", &encode([255; 32]), &encode([255; 32])),
        jwk("RSA", &encode([255; 4096]), "AQAB"),
        jwk("RSA", &encode([255; 64]), &encode([255; 64])),
        vec![b'['; 100_000],
        br#"{"keys":{}}"#.to_vec(),
        br#"{"keys":[1,null,[],{"kid":1}]}"#.to_vec(),
    ] {
        issuer.fault(Fault::Keys(keys));
        judge(&issuer.proof(), issuer.token()).await.unwrap_err();
        let curve = issuer.key.token(&json!({ "alg": "ES256", "kid": "one" }), "{}");
        judge(&issuer.proof(), curve).await.unwrap_err();
    }
}

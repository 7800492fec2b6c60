//! Somebody who does not know the word: people learn who it was, and the application stays as it is.

use std::fs;

use ripcord_proto::v1::Outcome;
use serde_json::json;

use crate::{
    desk::SECRET,
    receiver::{Receiver, Seen},
    support::{
        git::git,
        site::{Agent, Site, deploy, reason, request},
    },
};

fn start(site: &Site, server: &Receiver) -> Agent {
    let file = |name: &str, text: &str| {
        let file = site.folder.path().join(name);
        fs::write(&file, text).unwrap();
        file
    };
    let (url, secret) = (file("webhook", &server.url()), file("secret", SECRET));
    let confirms = "[environments.lab]\nconfirm = \"DEPLOY\"";
    let lab = site.lab().replace("[environments.lab]", confirms);
    site.start(&format!(
        "[[notify]]\nkind = \"webhook\"\nurl_file = {url:?}\nsecret_file = {secret:?}\nlocale = \"en\"\n{lab}"
    ))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_word_that_is_not_the_word_byte_for_byte_is_told_with_who_it_was_and_changes_nothing() {
    let site = Site::new().await;
    let server = Receiver::start().await;
    let agent = start(&site, &server);
    let mut client = site.client(&agent);
    let before = git(&site.git.live, &["rev-parse", "HEAD"]);
    let sha = site.git.pushed("second");
    let words = ["deploy", "DEPLOY ", ""];
    for word in words {
        let mut asked = request("lab", &sha);
        asked.confirm = word.to_owned();
        let told = deploy(&mut client, asked).await;
        assert_eq!(reason(&told.error.unwrap()), "CONFIRMATION", "{word:?}");
    }
    let seen = server.until(|seen| seen.len() == words.len()).await;
    for one in &seen {
        assert_is_refusal(one, &sha);
    }
    site.git.assert_live_is(&before);

    let mut asked = request("lab", &sha);
    asked.confirm = "DEPLOY".to_owned();
    assert_eq!(deploy(&mut client, asked).await.outcome(), Outcome::Validated);
}

fn assert_is_refusal(seen: &Seen, sha: &str) {
    let (body, text) = (&seen.body, seen.body["text"].as_str().unwrap());
    assert_eq!(body["kind"], "deployment_refused", "{body}");
    assert_eq!((&body["environment"], &body["data"]["sha"]), (&json!("lab"), &json!(sha)));
    assert!(text.contains("missing or wrong confirmation word"), "{text}");
    assert!(text.contains("ann"), "who it was: {text}");
}

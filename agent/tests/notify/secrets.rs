//! Addresses, tokens and keys stay in their files: no log line of any level, no answer, no journal.

use std::{fs, path::Path};

use ripcord_agent::config::NotifyStyle;
use ripcord_proto::v1::{NotifyTestRequest, StatusRequest};
use serde_json::json;

use crate::{
    desk::{Desk, SECRET},
    receiver::{Answer, Receiver, TOKEN},
    support::site::{Agent, Site, deploy, request},
};

const KEY: &str = "Y2FuYXJ5LXNlY3JldC0wMTIzNDU2Nzg5LWFiY2RlZg";

fn bad_days() -> Vec<Option<Answer>> {
    let echo = json!({ "message": TOKEN, "code": 10015 });
    let mut days: Vec<_> = [400, 401, 403, 404, 410, 429, 500, 502]
        .map(|status| Some(Answer::Json(status, echo.clone())))
        .into();
    let leads = ("location", format!("http://127.0.0.1:9/{TOKEN}"));
    days.extend([
        Some(Answer::With(302, leads, "")),
        Some(Answer::Html(200)),
        Some(Answer::Close),
        Some(Answer::Truncate),
        None,
    ]);
    days
}

fn files_in(folder: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        bytes.extend(if path.is_dir() { files_in(&path) } else { fs::read(path).unwrap() });
    }
    bytes
}

fn assert_clean(what: &str, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for secret in [TOKEN, KEY] {
        if let Some(at) = text.find(secret) {
            let around = text[..at].chars().rev().take(200).collect::<Vec<_>>();
            panic!("{what}: {}{secret}", around.into_iter().rev().collect::<String>());
        }
    }
}

fn config(site: &Site, server: &Receiver) -> String {
    let file = |name: &str, text: &str| {
        let path = site.folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (discord, webhook) = (file("discord", &server.url()), file("webhook", &server.url()));
    let secret = file("secret", SECRET);
    format!(
        "[[notify]]\nkind = \"discord\"\nurl_file = \"{discord}\"\n[[notify]]\nkind = \"webhook\"\n\
         url_file = \"{webhook}\"\nsecret_file = \"{secret}\"\n{}",
        site.lab()
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn no_output_of_the_agent_holds_an_address_a_token_or_a_key() {
    let site = Site::new().await;
    let server = Receiver::start().await;
    let file = site.write_config(&config(&site, &server));
    let agent = Agent::start_as(Agent::command(&file).env("RUST_LOG", "trace"));
    let mut client = site.client(&agent);
    let mut answers = String::new();
    for (round, day) in bad_days().into_iter().enumerate() {
        server.always(day);
        let sha = site.git.pushed(&format!("round {round}"));
        let told = deploy(&mut client, request("lab", &sha)).await;
        let status = client.status(StatusRequest::default()).await.unwrap();
        let tested = client.notify_test(NotifyTestRequest { send: true }).await.unwrap();
        answers += &format!("{told:?} {status:?} {tested:?}");
    }
    drop(server);
    let tested = client.notify_test(NotifyTestRequest { send: true }).await.unwrap();
    answers += &format!("{tested:?}");
    assert!(answers.contains("cannot be reached") && answers.contains("redirect"));
    assert!(agent.said().contains("TRACE"), "nothing was traced");
    assert_clean("the log", agent.said().as_bytes());
    assert_clean("an answer", answers.as_bytes());
    assert_clean("the journal", &files_in(&site.state_dir()));
}

#[tokio::test]
async fn an_address_that_is_none_is_named_by_its_file() {
    let mut desk = Desk::new().await;
    desk.write_url(&format!("discord.com/api/webhooks/41/{TOKEN}"));
    let running = desk.messages().await;
    desk.good_deployment(1).await;
    let why = running.stops().await;
    assert!(why.contains("webhook-url") && why.contains("address"), "{why}");
    assert_clean("the reason", why.as_bytes());
    let discord = desk.discord(NotifyStyle::Messages);
    assert_clean("debug", format!("{:?}", discord.url).as_bytes());
}

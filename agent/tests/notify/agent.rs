//! A real agent process that tells a real server: nothing is lost when it is killed, and what the
//! server does is nothing to a deployment.

use std::{
    fs,
    time::{Duration, Instant},
};

use ripcord_proto::v1::Outcome;

use crate::{
    receiver::{Answer, PATH, Receiver, Seen},
    support::site::{Agent, Client, Site, deploy, request},
};

fn config(site: &Site, server: &Receiver, more: &str) -> String {
    let file = site.folder.path().join("discord-webhook");
    fs::write(&file, format!("{}\n", server.url())).unwrap();
    let lab = site.lab().replace("[environments.lab]", "[environments.lab]\ntitle = \"LAB\"");
    format!("[[notify]]\nkind = \"discord\"\nurl_file = \"{}\"\n{more}\n{lab}", file.display())
}

fn start(site: &Site, server: &Receiver, more: &str) -> (Agent, Client) {
    let agent = site.start(&config(site, server, more));
    let client = site.client(&agent);
    (agent, client)
}

/// Waits until a message whose first line says this was taken.
async fn told(server: &Receiver, words: &str) -> Vec<Seen> {
    let says = |seen: &Seen| seen.status == 200 && seen.title().contains(words);
    server.until(|seen| seen.iter().any(says)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_is_told_from_its_start_to_its_end_in_order() {
    let site = Site::new().await;
    let server = Receiver::start().await;
    let (_agent, mut client) = start(&site, &server, "");
    let sha = site.git.pushed("Fix bug analysis");
    let done = deploy(&mut client, request("lab", &sha)).await;
    assert_eq!(done.outcome(), Outcome::Validated, "{}", done.story());
    let seen = told(&server, "Déploiement validé").await;
    assert_eq!(server.titles()[0], "🚀 LAB - Déploiement démarré");
    assert!(
        server.titles().last().unwrap().contains("Déploiement validé"),
        "{:?}",
        server.titles()
    );
    let first = &seen[0];
    assert_eq!((first.method.as_str(), first.path.as_str()), ("POST", PATH));
    assert_eq!(first.query, "wait=true");
    assert_eq!(first.body["allowed_mentions"], serde_json::json!({ "parse": [] }));
    let short = &sha[..7];
    let expected = format!(
        "🚀 LAB - Déploiement démarré\nSHA: {short}\nAuteur: Ann\nMessage: Fix bug analysis\n\n⏳ CI en cours de vérification..."
    );
    assert_eq!(first.content(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_killed_between_a_deployment_and_its_messages_tells_it_after_its_restart() {
    let site = Site::new().await;
    let server = Receiver::start().await;
    server.always(Some(Answer::Hang));
    let (agent, mut client) = start(&site, &server, "locale = \"en\"");
    let sha = site.git.pushed("second");
    deploy(&mut client, request("lab", &sha)).await;
    agent.kill();
    assert_eq!(server.titles(), Vec::<String>::new());
    server.always(None);
    let (_agent, _) = start(&site, &server, "locale = \"en\"");
    told(&server, "Deployment validated").await;
    let titles = server.titles();
    let place = |words: &str| titles.iter().position(|title| title.contains(words));
    assert_eq!(place("Deployment started"), Some(0), "{titles:#?}");
    assert!(place("Deployed, CI in progress") < place("Deployment validated"), "{titles:#?}");
}

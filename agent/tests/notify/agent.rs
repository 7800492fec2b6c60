//! A real agent process that tells a real server: nothing is lost when it is killed, and what the
//! server does is nothing to a deployment.

use std::{fs, time::Duration};

use ripcord_proto::v1::{self, Outcome, SinkState, SinkTestOutcome};

use crate::{
    receiver::{Answer, PATH, Receiver, Seen},
    support::site::{Agent, Client, PATIENCE, Site, deploy, request},
};

fn config(site: &Site, server: &Receiver, more: &str) -> String {
    let file = site.folder.path().join("discord-webhook");
    fs::write(&file, format!("{}\n", server.url())).unwrap();
    let lab = site.lab().replace("[environments.lab]", "[environments.lab]\ntitle = \"LAB\"");
    format!("[[notify]]\nkind = \"discord\"\nurl_file = \"{}\"\n{more}\n{lab}", file.display())
}

/// How `ripcord status` shows the one sink.
async fn in_trouble(client: &mut Client) -> Option<v1::SinkHealth> {
    let answer = client.status(v1::StatusRequest::default()).await.unwrap();
    answer.into_inner().sinks.into_iter().next()
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

#[tokio::test(flavor = "multi_thread")]
async fn status_shows_a_stopped_sink_to_all_and_a_test_is_for_those_who_see_everything() {
    let site = Site::new().await;
    let server = Receiver::start().await;
    server.always(Some(Answer::Json(404, serde_json::json!({ "code": 10015 }))));
    let (agent, mut client) = start(&site, &server, "");
    assert_eq!(in_trouble(&mut client).await, None);
    let sha = site.git.pushed("second");
    deploy(&mut client, request("lab", &sha)).await;
    let stopped = async {
        loop {
            if let Some(sink) = in_trouble(&mut client).await {
                return sink;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let stopped = tokio::time::timeout(PATIENCE, stopped).await.unwrap();
    assert_eq!(stopped.state(), SinkState::Stopped);
    assert!(stopped.reason.contains("make one, and write its address there"), "{stopped:?}");
    assert!(stopped.about.ends_with("/discord-webhook") && stopped.since.is_some());

    let ask = v1::NotifyTestRequest { send: false };
    let tested = client.notify_test(ask).await.unwrap().into_inner().sinks;
    assert_eq!(tested[0].outcome(), SinkTestOutcome::Fails);
    server.always(None);
    let tested = client.notify_test(ask).await.unwrap().into_inner().sinks;
    assert_eq!(tested[0].outcome(), SinkTestOutcome::Works);
    let mut stranger = site.client_as(&agent, "spiffe://lab/stranger/eve");
    let refused = stranger.notify_test(ask).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::PermissionDenied);
}

//! A real agent that asks for a token: what deploys, what is refused, who hears of it, and that a
//! token is nowhere to be read afterwards.

use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex},
};

use ripcord_agent::journal::{Journal, file_in};
use ripcord_core::{Event, Refusal, Sequence};
use ripcord_proto::{
    OIDC_AUDIENCE, OIDC_ON_DEMAND, OIDC_TOKEN,
    v1::{self, DeployRequest, Outcome},
};
use serde_json::json;
use tonic::{Request, Status};
use tonic_types::StatusExt as _;

use crate::{
    issuer::{AUDIENCE, Issuer, now},
    site::{self, Agent, Client, Site, Told, eventually, listen},
};

/// What news of such a refusal hold, once.
const REFUSED: &str = r#""reason":"oidc""#;

struct Scene {
    site: Site,
    issuer: Issuer,
    /// What people are told.
    news: Arc<Mutex<String>>,
    agent: Agent,
    client: Client,
}

impl Scene {
    async fn new() -> Self {
        let (site, issuer) = (Site::new().await, Issuer::start().await);
        let (url, news) = newspaper().await;
        let file = |name: &str, text: &str| {
            let path = site.folder.path().join(name);
            fs::write(&path, text).unwrap();
            path.display().to_string()
        };
        let config = format!(
            "[[notify]]\nkind = \"webhook\"\nurl_file = \"{}\"\nsecret_file = \"{}\"\n{}\n\
             [environments.lab.oidc]\nissuer = \"{}\"\naudience = \"{AUDIENCE}\"\n\
             claims = {{ repository_id = \"74\", ref = \"refs/heads/main\" }}\n",
            file("url", &url),
            file("secret", "whsec_Y2FuYXJ5LXNlY3JldC0wMTIzNDU2Nzg5LWFiY2RlZg=="),
            site.lab(),
            issuer.url,
        );
        let config = site.write_config(&config);
        let agent = Agent::start_as(Agent::command(&config).env("RUST_LOG", "trace"));
        let client = site.client(&agent);
        Self { site, issuer, news, agent, client }
    }

    fn request(&self) -> DeployRequest {
        site::request("lab", &self.site.git.pushed("change"))
    }

    async fn deploy(&mut self, message: DeployRequest, metadata: &[(&'static str, &str)]) -> Told {
        let mut request = Request::new(message);
        for (name, value) in metadata {
            request.metadata_mut().insert(*name, value.parse().unwrap());
        }
        match self.client.deploy(request).await {
            Ok(stream) => listen(stream.into_inner(), |message| message.progress).await,
            Err(status) => Told { error: Some(status), ..Told::default() },
        }
    }

    async fn refused(&mut self, metadata: &[(&'static str, &str)]) -> Status {
        let request = self.request();
        let refused = self.deploy(request, metadata).await.error.expect("refused");
        let info = refused.get_details_error_info().unwrap();
        assert_eq!(
            (info.reason.as_str(), info.metadata[OIDC_AUDIENCE].as_str()),
            ("OIDC", AUDIENCE)
        );
        refused
    }

    /// Who was refused and why, as the journal has it once the agent is gone.
    async fn journaled(self) -> Vec<(String, String)> {
        let Self { site, agent, .. } = self;
        agent.terminate();
        let journal = Journal::open(&file_in(&site.state_dir())).unwrap();
        let all = journal.after(Sequence(0), 10_000).await.unwrap();
        let refusal = |event| match event {
            Event::Refused { by, refusal: Refusal::Oidc { why, .. }, .. } => {
                Some((by.to_string(), why))
            }
            _ => None,
        };
        all.into_iter().filter_map(|record| refusal(record.entry.event)).collect()
    }
}

/// Keeps whatever is sent to it.
async fn newspaper() -> (String, Arc<Mutex<String>>) {
    let news = Arc::<Mutex<String>>::default();
    let kept = news.clone();
    let router = axum::Router::new().fallback(async move |body: String| {
        *kept.lock().unwrap() += &body;
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/news", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, news)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_certificate_deploys_nothing_and_everybody_hears_who_tried() {
    let mut scene = Scene::new().await;
    let expired = scene.issuer.token_with(json!({ "iat": now() - 500, "exp": now() - 100 }));
    let foreign = scene.issuer.token_with(json!({ "repository_id": "75" }));
    let missing = scene.refused(&[]).await;
    assert!(missing.message().contains("there is no token"), "{missing:?}");
    scene.refused(&[(OIDC_TOKEN, &expired)]).await;
    scene.refused(&[(OIDC_TOKEN, &foreign), (OIDC_ON_DEMAND, "yes")]).await;
    scene.refused(&[(OIDC_TOKEN, "canary")]).await;
    let news = scene.news.clone();
    eventually(|| news.lock().unwrap().matches(REFUSED).count() >= 4);
    assert_eq!(site::status(&mut scene.client, "lab").await.live, None);
    let journaled = scene.journaled().await;
    assert!(journaled.iter().all(|(by, _)| by == crate::pki::OPERATOR), "{journaled:?}");
    let whys: Vec<&str> = journaled.iter().map(|(_, why)| why.as_str()).collect();
    let [missing, expired, foreign, garbage] = whys[..] else { panic!("{whys:?}") };
    assert_eq!((missing, expired), ("there is no token", "the token has expired"));
    assert_eq!(foreign, "the claim `repository_id` of the token is not \"74\"");
    assert!(garbage.contains("no JSON web token"), "{garbage}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_workflow_asks_for_whom_the_token_is_and_then_deploys_without_raising_an_alarm() {
    let mut scene = Scene::new().await;
    let request = scene.request();
    let asked = scene.deploy(request.clone(), &[(OIDC_ON_DEMAND, "yes")]).await.error.unwrap();
    let info = asked.get_details_error_info().unwrap();
    assert_eq!(info.metadata[OIDC_AUDIENCE], AUDIENCE);
    let token = scene.issuer.token();
    let told = scene.deploy(request, &[(OIDC_TOKEN, &token)]).await;
    assert_eq!(told.outcome(), Outcome::Validated);
    assert!(scene.journaled().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_and_the_way_back_need_no_token() {
    let mut scene = Scene::new().await;
    let token = scene.issuer.token();
    for _ in 0..2 {
        let request = scene.request();
        let told = scene.deploy(request, &[(OIDC_TOKEN, &token)]).await;
        assert_eq!(told.outcome(), Outcome::Validated);
    }
    let request = scene.request();
    let planned = scene.deploy(DeployRequest { dry_run: true, ..request }, &[]).await;
    let plan = &planned.result().plan;
    assert!(plan.iter().any(|line| line.contains(AUDIENCE)), "{plan:?}");
    let back = v1::RollbackRequest { environment: "lab".into(), ..Default::default() };
    let told = site::rollback(&mut scene.client, back).await;
    assert!(told.error.is_none(), "{told:?}");
}

fn files_in(folder: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        bytes.extend(if path.is_dir() { files_in(&path) } else { fs::read(path).unwrap() });
    }
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn no_log_line_of_any_level_no_answer_no_news_and_no_journal_holds_anything_of_a_token() {
    let mut scene = Scene::new().await;
    let with = |claims| scene.issuer.token_with(claims);
    let tokens = [
        with(json!({ "actor": "canary" })),
        with(json!({ "ref": "refs/heads/canary" })),
        with(json!({ "iss": "https://canary.example" })),
        with(json!({ "exp": "canary" })),
        with(json!({ "exp": now() - 100, "jti": "canary" })),
        format!("{}.canary", scene.issuer.token()),
        scene.issuer.token().replace('.', "canary"),
        "canary".repeat(1500),
    ];
    let mut answers = String::new();
    for token in &tokens {
        let request = scene.request();
        answers += &format!("{:?}", scene.deploy(request, &[(OIDC_TOKEN, token)]).await);
    }
    let news = scene.news.clone();
    eventually(|| news.lock().unwrap().matches(REFUSED).count() >= tokens.len() - 1);
    let log = scene.agent.said();
    assert!(log.contains("TRACE"), "nothing was traced");
    let state = String::from_utf8_lossy(&files_in(&scene.site.state_dir())).into_owned();
    let places = [("log", log), ("answers", answers), ("state", state)];
    let news = ("news", news.lock().unwrap().clone());
    for (place, text) in places.into_iter().chain([news]) {
        for secret in tokens.iter().flat_map(|token| token.split('.')).chain(["canary"]) {
            let is_telling = secret.len() >= 6 && !secret.starts_with("eyJhbGciOi");
            assert!(!is_telling || !text.contains(secret), "{place} holds {secret}");
        }
    }
}

//! A real agent process: what GitHub does is nothing to a deployment, and what is switched off is
//! never asked.

use std::{
    fs,
    time::{Duration, Instant},
};

use ripcord_proto::v1::Outcome;

use crate::support::{
    github::{FakeGithub, Fault, REPOSITORY, TOKEN},
    site::{Agent, Client, PATIENCE, Site, deploy, request},
};

fn config(site: &Site, server: &FakeGithub, more: &str) -> String {
    let token = site.folder.path().join("github-token");
    fs::write(&token, TOKEN).unwrap();
    format!(
        "[github]\nrepository = \"{REPOSITORY}\"\ntoken_file = \"{}\"\napi = \"{}\"\n{more}\n{}",
        token.display(),
        server.api(),
        site.lab(),
    )
}

fn start(site: &Site, server: &FakeGithub, more: &str) -> (Agent, Client) {
    let agent = site.start(&config(site, server, more));
    let client = site.client(&agent);
    (agent, client)
}

/// Deploys new commits, and answers how long each took.
async fn deploy_some(site: &Site, client: &mut Client, name: &str) -> Vec<Duration> {
    let mut took = Vec::new();
    for round in 0..3 {
        let sha = site.git.pushed(&format!("{name} {round}"));
        let began = Instant::now();
        let told = deploy(client, request("lab", &sha)).await;
        took.push(began.elapsed());
        assert_eq!(told.outcome(), Outcome::Validated, "{}", told.story());
    }
    took
}

async fn until(is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("it never came to be so");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_github_that_hangs_delays_neither_a_deployment_nor_the_agents_end_and_is_told_later() {
    let site = Site::new().await;
    let server = FakeGithub::start().await;
    let (agent, mut client) = start(&site, &server, "commit_status = false\ndeployments = false");
    let without = deploy_some(&site, &mut client, "without").await;
    agent.terminate();
    assert_eq!(server.seen().len(), 0, "what is switched off is not asked");

    let (agent, mut client) = start(&site, &server, "");
    server.fault(Fault::Hang, usize::MAX);
    let with = deploy_some(&site, &mut client, "with").await;
    until(|| server.seen().len() >= 2).await;
    assert_eq!(server.seen().iter().filter(|seen| seen.status != 0).count(), 0);
    eprintln!("without {without:?}, with a server that hangs {with:?}");
    let (without, with) = (without.iter().min().unwrap(), with.iter().min().unwrap());
    assert!(*with < *without * 2 + Duration::from_millis(500), "{without:?} became {with:?}");

    let began = Instant::now();
    assert!(agent.terminate().success());
    assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());

    server.be_well();
    let (_agent, _) = start(&site, &server, "");
    until(|| server.seen_at("/statuses/").iter().filter(|seen| seen.status == 201).count() == 3)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_agent_tells_the_rest_after_its_restart() {
    let site = Site::new().await;
    let server = FakeGithub::start().await;
    let (agent, mut client) = start(&site, &server, "");
    server.fault(Fault::Hang, usize::MAX);
    let sha = site.git.pushed("second");
    deploy(&mut client, request("lab", &sha)).await;
    agent.kill();
    server.be_well();
    let (_agent, _) = start(&site, &server, "");
    let is_success = |path: &str| {
        let seen = server.seen_at(path);
        seen.iter().any(|seen| seen.status == 201 && seen.body["state"] == "success")
    };
    until(|| is_success(&format!("/statuses/{sha}")) && is_success("/deployments/")).await;
}

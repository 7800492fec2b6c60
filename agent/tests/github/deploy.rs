//! The whole way: a real agent, real git, and GitHub's word on what it deployed.

use std::path::Path;

use ripcord_proto::v1::Outcome;

use crate::{
    fake::{FakeGithub, FakeJob, FakeRun, Fault, REPOSITORY, TOKEN},
    site::{Agent, Site, deploy, request},
};

/// An agent whose environment `lab` is verified by `ci.yml`.
fn start(site: &Site, server: &FakeGithub) -> Agent {
    let token = site.folder.path().join("github-token");
    std::fs::write(&token, TOKEN).unwrap();
    let github = format!(
        "[github]\nrepository = \"{REPOSITORY}\"\ntoken_file = \"{}\"\napi = \"{}\"\n",
        token.display(),
        server.api()
    );
    let verify =
        "source = \"github\"\nworkflows = [\"ci.yml\"]\nstart_delay = \"0s\"\npoll = \"50ms\"";
    site.start(&(github + &site.environment("lab", verify)))
}

#[tokio::test]
async fn a_green_run_validates_and_a_red_one_is_rolled_back_with_what_failed() {
    let (site, server) = (Site::new().await, FakeGithub::start().await);
    let agent = start(&site, &server);
    let mut client = site.client(&agent);
    let good = site.git.pushed("good");
    server.put_run(FakeRun::of(&good, 1).ended("success"));
    let told = deploy(&mut client, request("lab", &good)).await;
    assert_eq!(told.outcome(), Outcome::Validated, "{}", told.story());

    let bad = site.git.pushed("untested");
    let run = FakeRun::of(&bad, 2).ended("failure");
    server.put_jobs(2, 1, vec![FakeJob::of("tests", "failure", &[("pytest", "failure")])]);
    server.put_run(run.clone());
    let told = deploy(&mut client, request("lab", &bad)).await;
    assert_eq!(told.outcome(), Outcome::RolledBack, "{}", told.story());
    let verdict = told.result().verdict.clone().unwrap();
    assert_eq!((verdict.value.as_str(), verdict.url), ("failure", run.url()));
    assert_eq!(verdict.jobs, ["tests › pytest"]);
    assert!(told.story().contains("tests › pytest"), "{}", told.story());
    site.git.assert_live_is(&good);
}

#[tokio::test]
async fn a_deployment_outlives_a_bad_day_of_github_and_no_secret_is_left_behind() {
    let (site, server) = (Site::new().await, FakeGithub::start().await);
    let agent = start(&site, &server);
    let sha = site.git.pushed("good");
    server.put_run(FakeRun::of(&sha, 1).ended("success"));
    server.fault_at("/actions", Fault::Limit(429, vec![("retry-after", "1".to_owned())]), 1);
    let told = deploy(&mut site.client(&agent), request("lab", &sha)).await;
    assert_eq!(told.outcome(), Outcome::Validated, "{}", told.story());
    assert!(told.story().contains("rate limit"), "{}", told.story());
    let asked = server.seen_at("/actions");
    assert_eq!(asked[..2].iter().map(|seen| seen.status).collect::<Vec<_>>(), [429, 200]);
    agent.kill();
    assert_no_canary(&site.state_dir());
}

fn assert_no_canary(folder: &Path) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            assert_no_canary(&path);
        } else {
            let bytes = std::fs::read(&path).unwrap();
            let has_it = bytes.windows(6).any(|window| window == b"canary");
            assert!(!has_it, "{} holds the token", path.display());
        }
    }
}

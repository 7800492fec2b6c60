//! Ways back when things are as bad as they get: no remote, no branch, no healthy target.
#![allow(missing_docs, clippy::unwrap_used)]

mod support {
    pub mod git;
    pub mod mtls;
    pub mod pki;
    pub mod site;
}

use std::{
    collections::HashSet,
    fs,
    path::Path,
    sync::{Arc, Mutex},
};

use ripcord_proto::v1::{self, Outcome, RollbackRequest, WaitFor};
use support::{
    git::git,
    site::{Agent, Client, Site, Told, deploy, history, reason, request, rollback, status, watch},
};

fn back() -> RollbackRequest {
    RollbackRequest {
        environment: "lab".to_owned(),
        wait: WaitFor::Verdict.into(),
        ..RollbackRequest::default()
    }
}

/// A site whose application is well or sick with each page as the test says.
struct Clinic {
    site: Site,
    sick: Arc<Mutex<HashSet<String>>>,
    url: String,
}

impl Clinic {
    async fn new() -> Self {
        let site = Site::new().await;
        let sick = Arc::<Mutex<HashSet<String>>>::default();
        let (page, known) = (site.git.live.join("page.txt"), sick.clone());
        let answer = move || {
            let page = fs::read_to_string(&page).unwrap_or_default();
            let is_sick = known.lock().unwrap().contains(&page);
            let status = if is_sick { 503 } else { 200 };
            async move { (axum::http::StatusCode::from_u16(status).unwrap(), page) }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let router = axum::Router::new().fallback(answer);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { site, sick, url }
    }

    fn start(&self, verify: &str) -> Agent {
        let runtime = "kind = \"process\"\nrun = [\"sleep\", \"100000\"]";
        self.site.start(&self.site.environment_of("lab", runtime, &self.url, verify))
    }

    fn fall_sick(&self, pages: &[&str]) {
        self.sick.lock().unwrap().extend(pages.iter().map(ToString::to_string));
    }

    /// Deploys these pages one after the other, each of them good.
    async fn deploy_all(&self, client: &mut Client, pages: &[&str]) -> Vec<String> {
        let mut shas = Vec::new();
        for page in pages {
            let sha = self.site.git.pushed(page);
            let told = deploy(client, request("lab", &sha)).await;
            assert_eq!(told.outcome(), Outcome::Validated, "{}", told.story());
            shas.push(sha);
        }
        shas
    }
}

/// What the rollback of `told` tried after its first target.
async fn retargeted(client: &mut Client, told: &Told) -> usize {
    let rollback = told.result().deployment + 1;
    let story = watch(client, "lab", rollback, 0).await;
    story.events.iter().filter(|event| event.kind == "retargeted").count()
}

#[tokio::test]
async fn a_rollback_outlives_the_remote_a_force_push_and_a_garbage_collection() {
    let site = Site::new().await;
    let agent = site.start(&site.lab());
    let mut client = site.client(&agent);
    let one = site.git.pushed("one");
    deploy(&mut client, request("lab", &one)).await;
    git(&site.git.work, &["reset", "--quiet", "--hard", "HEAD~1"]);
    let two = site.git.pushed("two");
    let told = deploy(&mut client, request("lab", &two)).await;
    assert_eq!(told.outcome(), Outcome::Validated, "{}", told.story());
    git(&site.git.live, &["reflog", "expire", "--expire=now", "--all"]);
    git(&site.git.live, &["gc", "--quiet", "--prune=now"]);
    let held_by = git(&site.git.live, &["for-each-ref", "--format=%(refname)", "--contains", &one]);
    assert!(held_by.starts_with("refs/ripcord/lab/"), "only the pin is left: {held_by}");
    fs::rename(&site.git.origin, site.folder.path().join("gone.git")).unwrap();

    let told = rollback(&mut client, back()).await;
    assert_eq!(told.outcome(), Outcome::Validated, "{:?} {}", told.error, told.story());
    site.git.assert_live_is(&one);
    let there_again = RollbackRequest { to: Some(to_sha(&two)), ..back() };
    let told = rollback(&mut client, there_again).await;
    assert_eq!(told.outcome(), Outcome::Validated, "{:?} {}", told.error, told.story());
    site.git.assert_live_is(&two);
}

fn to_sha(sha: &str) -> v1::rollback_request::To {
    v1::rollback_request::To::Sha(sha.to_owned())
}

#[tokio::test]
async fn a_target_that_is_not_healthy_any_more_gives_way_to_the_next_older() {
    let clinic = Clinic::new().await;
    let agent = clinic.start("when = \"none\"");
    let mut client = clinic.site.client(&agent);
    let shas = clinic.deploy_all(&mut client, &["one", "two", "three"]).await;
    clinic.fall_sick(&["three", "four"]);
    let four = clinic.site.git.pushed("four");
    let told = deploy(&mut client, request("lab", &four)).await;
    assert_eq!(told.outcome(), Outcome::Failed, "{}", told.story());
    assert_eq!(told.result().live.as_ref().unwrap().sha, shas[1]);
    assert_eq!(retargeted(&mut client, &told).await, 1);
    clinic.site.git.assert_live_is(&shas[1]);
}

#[tokio::test]
async fn two_older_targets_are_tried_and_then_a_human_is_called_who_can_fix_forward() {
    let clinic = Clinic::new().await;
    let agent = clinic.start("when = \"none\"");
    let mut client = clinic.site.client(&agent);
    clinic.deploy_all(&mut client, &["one", "two", "three", "four"]).await;
    clinic.fall_sick(&["two", "three", "four", "five"]);
    let five = clinic.site.git.pushed("five");
    let told = deploy(&mut client, request("lab", &five)).await;
    assert_eq!(told.outcome(), Outcome::Stranded, "{}", told.story());
    assert_eq!(retargeted(&mut client, &told).await, 2);
    let now = status(&mut client, "lab").await;
    assert!(!now.stranded.is_empty());
    assert_eq!(history(&mut client, "lab").await.len(), 6, "no rollback of a rollback");

    let six = clinic.site.git.pushed("six");
    let told = deploy(&mut client, request("lab", &six)).await;
    assert_eq!(told.outcome(), Outcome::Validated, "{}", told.story());
    let now = status(&mut client, "lab").await;
    assert_eq!((now.stranded.as_str(), now.live.unwrap().sha), ("", six.clone()));
    clinic.site.git.assert_live_is(&six);
}

/// Takes a commit out of the clone, as a damaged disk would.
fn lose(live: &Path, sha: &str) {
    let objects = live.join(".git/objects");
    let _ = fs::remove_file(objects.join(&sha[..2]).join(&sha[2..]));
    for pack in fs::read_dir(objects.join("pack")).unwrap().map(|entry| entry.unwrap().path()) {
        if pack.extension().is_some_and(|extension| extension == "idx")
            && git(live, &["verify-pack", "-v", pack.to_str().unwrap()]).contains(sha)
        {
            fs::remove_file(pack.with_extension("pack")).unwrap();
            fs::remove_file(pack).unwrap();
        }
    }
}

#[tokio::test]
async fn a_target_whose_files_are_lost_gives_way_to_the_next_older() {
    let clinic = Clinic::new().await;
    let site = &clinic.site;
    let gate = site.folder.path().join("gate");
    let check = format!(
        "grep -q bad page.txt || exit 0; while [ ! -e {} ]; do sleep 0.05; done; exit 1",
        gate.display()
    );
    let agent = clinic.start(&format!("source = \"command\"\nrun = [[\"sh\", \"-c\", {check:?}]]"));
    let mut client = site.client(&agent);
    let shas = clinic.deploy_all(&mut client, &["one", "two"]).await;
    let bad = site.git.pushed("bad");
    let mut live = request("lab", &bad);
    live.wait = WaitFor::Live.into();
    assert_eq!(deploy(&mut client, live).await.outcome(), Outcome::Live);
    lose(&site.git.live, &shas[1]);
    fs::write(&gate, "").unwrap();
    let told = watch(&mut client, "lab", 3, 0).await;
    assert_eq!(told.outcome(), Outcome::RolledBack, "{}", told.story());
    assert_eq!(retargeted(&mut client, &told).await, 1);
    assert_eq!(git(&site.git.live, &["rev-parse", "HEAD"]), shas[0]);
    assert_eq!(fs::read_to_string(site.git.live.join("page.txt")).unwrap(), "one");
}

#[tokio::test]
async fn a_rollback_without_docker_is_refused_before_it_can_strand_what_runs() {
    let site = Site::new().await;
    let agent = site.start(&site.lab());
    let one = site.git.pushed("one");
    deploy(&mut site.client(&agent), request("lab", &one)).await;
    let two = site.git.pushed("two");
    deploy(&mut site.client(&agent), request("lab", &two)).await;
    assert!(agent.terminate().success());

    let runtime = "kind = \"container\"\ncontainers = [\"web\"]";
    let contained = site.environment_of("lab", runtime, &site.application, "when = \"none\"");
    let socket = format!("unix://{}", site.folder.path().join("missing.sock").display());
    let config = site.write_config(&contained);
    let agent = Agent::start_as(Agent::command(&config).env("DOCKER_HOST", socket));
    let mut client = site.client(&agent);
    for dry_run in [true, false] {
        let refused = rollback(&mut client, RollbackRequest { dry_run, ..back() }).await;
        let refused = refused.error.unwrap();
        assert_eq!(reason(&refused), "UNAVAILABLE_FEATURE", "{refused:?}");
        let message = refused.message();
        assert!(message.contains("missing.sock") && message.contains("is it running"), "{message}");
    }
    let now = status(&mut client, "lab").await;
    assert_eq!((now.stranded.as_str(), now.live.unwrap().sha), ("", two.clone()));
    assert_eq!(history(&mut client, "lab").await.len(), 2);
    site.git.assert_live_is(&two);
}

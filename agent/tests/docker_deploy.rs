//! The main job with a real agent, real git, real TLS and a real Docker engine: a compose project
//! that serves the live tree. Skipped with a line that says so where no engine answers.
#![allow(missing_docs, clippy::unwrap_used)]

mod support {
    pub mod docker;
    pub mod git;
    pub mod lines;
    pub mod mtls;
    pub mod pki;
    pub mod site;
}

use std::{fs, path::Path};

use ripcord_proto::v1::{LogLine, Outcome, StreamLogsRequest};
use support::{
    docker::{Project, docker, until},
    git::git,
    lines::{LogReader, assert_consecutive, deployment_marks, follow, numbers},
    site::{Agent, Site, deploy, history, request, status},
};

/// Serves the tree, and counts over all its lives.
const START: &str = "stop=
trap 'stop=1' TERM
busybox httpd -f -p 8080 -h /www &
i=$(cat /www/last 2>/dev/null || echo 0)
while test -z \"$stop\"; do i=$((i+1)); echo \"n $i\"; echo $i >/www/last; sleep 0.02; done
";

const SERVICE: &str =
    "command: [/bin/busybox, sh, /www/start.sh]\nports: [\"127.0.0.1:PORT:8080\"]";

const CHECKED: &str = "healthcheck: {test: [CMD, /bin/busybox, wget, -q, -O, /dev/null, \
                       \"http://127.0.0.1:8080/page.txt\"], interval: 1s}";

const CHECK: &str = "source = \"command\"\nrun = [[\"sh\", \"check.sh\"]]";

/// Serves a copy of the page that it reads at its start, and again when it is told to.
const RELOADS: &str = "read_again() { cat /www/page.txt >/served/page.txt; echo read again; }
mkdir -p /served
read_again
trap read_again HUP
trap 'exit 0' TERM
busybox httpd -f -p 8080 -h /served &
while :; do sleep 0.02; done
";

/// A site whose application is a compose project on the live tree.
struct Docked {
    site: Site,
    project: Project,
}

impl Docked {
    async fn new(more: &str) -> Option<Self> {
        Self::running(START, more).await
    }

    async fn running(script: &str, more: &str) -> Option<Self> {
        let mut project = Project::new()?;
        let site = Site::new().await;
        fs::write(site.git.work.join("start.sh"), script).unwrap();
        site.git.pushed("first");
        git(&site.git.live, &["pull", "--quiet"]);
        project.mounted = site.git.live.clone();
        let port = project.port.to_string();
        project.write(&[&SERVICE.replace("PORT", &port), more].join("\n"));
        project.compose(["up", "-d"]);
        Some(Self { site, project })
    }

    fn environment(&self, action: &str) -> String {
        let file = self.project.file();
        let runtime = format!(
            "kind = \"compose\"\nfile = \"{}\"\naction = \"{action}\"\nstop_timeout = \"5s\"",
            file.display()
        );
        let page = format!("http://127.0.0.1:{}/page.txt", self.project.port);
        let environment = self.site.environment_of("lab", &runtime, &page, CHECK);
        environment.replace("interval = \"50ms\"", "interval = \"5s\"")
    }

    /// What a visitor sees now.
    async fn page(&self) -> String {
        let url = format!("http://127.0.0.1:{}/page.txt", self.project.port);
        reqwest::get(url).await.unwrap().text().await.unwrap()
    }
}

/// Deploys a good commit and one whose check fails, with this action.
async fn good_and_untested(action: &str, more: &str) {
    let Some(docked) = Docked::new(more).await else { return };
    let site = &docked.site;
    let agent = site.start(&docked.environment(action));
    let mut client = site.client(&agent);

    let good = site.git.pushed("good");
    let told = deploy(&mut client, request("lab", &good)).await;
    assert_eq!(told.outcome(), Outcome::Validated, "{}", told.story());
    assert!(told.story().contains(action), "{}", told.story());
    site.git.assert_live_is(&good);
    assert_eq!(docked.page().await, "good");

    let untested = site.git.pushed("untested");
    let told = deploy(&mut client, request("lab", &untested)).await;
    assert_eq!(told.outcome(), Outcome::RolledBack, "{}", told.story());
    assert!(told.has("went_live"), "it was live while its check ran: {}", told.story());
    site.git.assert_live_is(&good);
    assert_eq!(docked.page().await, "good");
    let now = status(&mut client, "lab").await;
    assert_eq!((now.live.unwrap().sha, now.health.unwrap().ok), (good, true));
}

#[tokio::test]
async fn a_compose_project_is_restarted_on_the_new_tree_and_rolled_back_when_the_check_fails() {
    good_and_untested("restart", "").await;
}

#[tokio::test]
async fn a_compose_project_is_recreated_and_its_own_health_check_counts() {
    good_and_untested("recreate", CHECKED).await;
}

#[tokio::test]
async fn a_reload_brings_the_new_tree_and_the_old_one_back_while_the_container_goes_on_running() {
    let Some(docked) = Docked::running(RELOADS, "").await else { return };
    let (site, container) = (&docked.site, docked.project.container());
    let agent = site.start(&docked.environment("reload"));
    let mut client = site.client(&agent);
    until("it serves", async || {
        let url = format!("http://127.0.0.1:{}/page.txt", docked.project.port);
        reqwest::get(url).await.is_ok()
    })
    .await;
    let started = || docker(["inspect", "-f", "{{.State.StartedAt}}", &container]).stdout;
    let before = started();
    let mut log =
        LogReader::open(&mut client, StreamLogsRequest { tail: Some(0), ..follow() }).await;

    let good = site.git.pushed("good");
    let told = deploy(&mut client, request("lab", &good)).await;
    assert_eq!(told.outcome(), Outcome::Validated, "{}", told.story());
    assert!(told.story().contains("sent SIGHUP to web"), "{}", told.story());
    assert!(!told.story().contains("restarted"), "{}", told.story());
    until("the new page", async || docked.page().await == "good").await;
    let mark = format!("deployment #1: {} good", &good[..7]);
    let marked = log.until(0, |line| line.line == mark).await;
    log.until(marked, |line| line.line == "read again" && line.deployment == 1).await;

    let untested = site.git.pushed("untested");
    let told = deploy(&mut client, request("lab", &untested)).await;
    assert_eq!(told.outcome(), Outcome::RolledBack, "{}", told.story());
    until("the old page again", async || docked.page().await == "good").await;
    site.git.assert_live_is(&good);
    assert_eq!(started(), before, "it was restarted");
    let now = status(&mut client, "lab").await;
    assert_eq!((now.live.unwrap().sha, now.health.unwrap().ok), (good, true));
}

#[tokio::test]
async fn a_reload_that_nobody_would_hear_fails_before_anything_is_touched() {
    let Some(docked) = Docked::new("").await else { return };
    let site = &docked.site;
    let agent = site.start(&docked.environment("reload"));
    let mut client = site.client(&agent);
    let before = git(&site.git.live, &["rev-parse", "HEAD"]);
    let sha = site.git.pushed("good");
    let told = deploy(&mut client, request("lab", &sha)).await;
    assert_eq!(told.outcome(), Outcome::Failed, "{}", told.story());
    let reason = &told.result().reason;
    assert!(reason.contains("web has no handler for SIGHUP, which would be lost"), "{reason}");
    assert!(!told.has("tree_reset"), "{}", told.story());
    assert_eq!(git(&site.git.live, &["rev-parse", "HEAD"]), before);
}

/// Deploys a commit whose container exits with 7, and finds the old one serving again.
async fn good_and_exiting(more: &str) {
    let Some(docked) = Docked::new(more).await else { return };
    let site = &docked.site;
    let agent = site.start(&docked.environment("restart"));
    let mut client = site.client(&agent);
    let good = site.git.pushed("good");
    deploy(&mut client, request("lab", &good)).await;
    fs::write(site.git.work.join("start.sh"), "echo no such module; exit 7\n").unwrap();
    let bad = site.git.pushed("bad");
    let told = deploy(&mut client, request("lab", &bad)).await;
    assert_eq!(told.outcome(), Outcome::Failed, "{}", told.story());
    let reason = &told.result().reason;
    assert!(
        reason.contains("exited with code 7") || reason.contains("again and again"),
        "{reason}"
    );
    site.git.assert_live_is(&good);
    assert_eq!(docked.page().await, "good");
}

#[tokio::test]
async fn a_commit_whose_container_exits_at_once_fails_and_the_old_one_serves_again() {
    good_and_exiting("").await;
}

#[tokio::test]
async fn a_commit_whose_container_crashes_again_and_again_fails_and_the_old_one_serves_again() {
    good_and_exiting("restart: always").await;
}

#[tokio::test]
async fn without_docker_nothing_is_touched_and_the_message_says_what_to_do() {
    let Some(docked) = Docked::new("").await else { return };
    let site = &docked.site;
    let before = git(&site.git.live, &["rev-parse", "HEAD"]);
    let config = site.write_config(&docked.environment("restart"));
    let socket = site.folder.path().join("missing.sock");
    let host = format!("unix://{}", socket.display());
    let agent = Agent::start_as(Agent::command(&config).env("DOCKER_HOST", host));
    let mut client = site.client(&agent);
    let sha = site.git.pushed("good");
    let told = deploy(&mut client, request("lab", &sha)).await;
    assert_eq!(told.outcome(), Outcome::Failed, "{}", told.story());
    let reason = &told.result().reason;
    assert!(reason.contains("missing.sock") && reason.contains("is it running"), "{reason}");
    assert!(!told.has("tree_reset"), "{}", told.story());
    assert_eq!(git(&site.git.live, &["rev-parse", "HEAD"]), before);
    assert_eq!(docked.page().await, "first");
    let number = told.result().deployment;
    assert_eq!(history(&mut client, "lab").await[0].deployment, number);
}

/// How many sockets the agent has open.
fn sockets(agent: &Agent) -> usize {
    let files = Path::new("/proc").join(agent.process.id().to_string()).join("fd");
    let files =
        fs::read_dir(files).unwrap().filter_map(|file| fs::read_link(file.ok()?.path()).ok());
    files.filter(|target| target.to_string_lossy().starts_with("socket:")).count()
}

#[tokio::test]
async fn followers_of_a_container_get_every_line_once_across_a_deployment_and_share_one_upstream() {
    let Some(docked) = Docked::new("").await else { return };
    let site = &docked.site;
    let agent = site.start(&docked.environment("restart"));
    let mut client = site.client(&agent);
    let new = StreamLogsRequest { tail: Some(0), ..follow() };
    let is_number = |line: &LogLine| !numbers(std::slice::from_ref(line)).is_empty();
    let mut first = LogReader::open(&mut client, new.clone()).await;
    first.until(0, is_number).await;
    let alone = sockets(&agent);
    let mut others = Vec::new();
    for _ in 0..5 {
        others.push(LogReader::open(&mut client, new.clone()).await);
    }
    for other in &mut others {
        other.until(0, is_number).await;
    }
    until("five more readers cost no connection", async || sockets(&agent) <= alone).await;

    let sha = site.git.pushed("good");
    let told = deploy(&mut client, request("lab", &sha)).await;
    assert_eq!(told.outcome(), Outcome::Validated, "{}", told.story());
    let mark = format!("deployment #1: {} good", &sha[..7]);
    for reader in others.iter_mut().chain([&mut first]) {
        let marked = reader.until(0, |line| line.line == mark).await;
        let last = numbers(&reader.lines).last().copied().unwrap();
        let enough = |line: &LogLine| {
            numbers(std::slice::from_ref(line)).iter().any(|number| *number > last + 20)
        };
        reader.until(marked, enough).await;
        assert_consecutive(&reader.lines);
        assert_eq!(deployment_marks(&reader.lines), [&mark]);
        let since = reader.lines[marked - 1].time_unix_nanos;
        let is_right = |line: &LogLine| (line.deployment == 1) == (line.time_unix_nanos >= since);
        // A line that was passed on before anybody knew of the restart is the old one's.
        let is_early = |line: &LogLine| line.deployment == 0 || is_right(line);
        let (before, after) = reader.lines.split_at(marked - 1);
        assert!(before.iter().all(is_early) && after.iter().all(is_right), "{:?}", reader.lines);
    }
}

//! ripcord in the same stories: a real agent process, real git, and a GitHub that speaks as GitHub.

use std::{fs, path::PathBuf, time::Duration};

use ripcord_proto::v1::{DeploymentKind, DeploymentSummary, Outcome, Phase, WaitFor};

use crate::story::{Part, Seen, Step, World};
use crate::{
    git::git,
    github::{FakeGithub, FakeJob, FakeRun, Fault, REPOSITORY, TOKEN},
    site::{self, Agent, Client, Site, request},
};

pub struct Ripcord {
    site: Site,
    github: FakeGithub,
    config: PathBuf,
    running: Option<(Agent, Client)>,
    /// What was deployed, page and commit; its place here is the number of its run on GitHub.
    pushed: Vec<(&'static str, String)>,
    is_busy: bool,
}

/// Verdicts after which a commit is watched on.
const UNDECIDED: [&str; 4] = ["", "pending", "unknown", "no_run"];

impl Ripcord {
    /// With these lines more in the `verify` table.
    pub async fn new(verify: &str) -> Self {
        let (site, github) = (Site::new().await, FakeGithub::start().await);
        let token = site.folder.path().join("github-token");
        fs::write(&token, TOKEN).unwrap();
        let state = site.folder.path().join("app-state/last-validated-sha.txt");
        fs::create_dir(state.parent().unwrap()).unwrap();
        let verify = format!(
            "source = \"github\"\nworkflows = [\"ci.yml\"]\nstart_delay = \"0s\"\npoll = \"50ms\"\n{verify}"
        );
        let runtime = "kind = \"process\"\nrun = [\"sleep\", \"100000\"]";
        let url = serve(&site).await;
        let lab = site.environment_of("lab", runtime, &url, &verify);
        let lab = lab.replace("\nurl = ", &format!("\nvalidated_sha_file = {state:?}\nurl = "));
        let config = site.write_config(&format!(
            r#"[github]
repository = "{REPOSITORY}"
token_file = {token:?}
api = "{api}"
{lab}
[environments.lab.hooks]
pre_restart = [["test", "!", "-e", {no_restart:?}]]
"#,
            api = github.api(),
            no_restart = site.folder.path().join("no-restart"),
        ));
        Self { site, github, config, running: None, pushed: Vec::new(), is_busy: false }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.site.folder.path().join(name)
    }

    fn note(&self, name: &str) {
        fs::write(self.file(name), "").unwrap();
    }

    fn state(&self) -> PathBuf {
        self.file("app-state/last-validated-sha.txt")
    }

    fn client(&mut self) -> Client {
        if self.running.is_none() {
            let agent = Agent::start(&self.config);
            let client = self.site.client(&agent);
            self.running = Some((agent, client));
        }
        self.running.as_ref().unwrap().1.clone()
    }

    fn page_of(&self, sha: &str) -> String {
        git(&self.site.git.live, &["log", "-1", "--format=%s", sha.trim()])
    }

    /// A run that goes on.
    fn run_of(&self, page: &str) -> FakeRun {
        let number = self.pushed.iter().position(|(it, _)| *it == page).unwrap();
        FakeRun::of(&self.pushed[number].1, number as u64)
    }

    async fn deploy(&mut self, page: &'static str) {
        let sha = self.site.git.pushed(page);
        self.pushed.push((page, sha.clone()));
        self.github.put_run(self.run_of(page));
        let mut asked = request("lab", &sha);
        asked.wait = WaitFor::Live.into();
        site::deploy(&mut self.client(), asked).await;
    }

    async fn deployment(&mut self, page: &str) -> DeploymentSummary {
        let history = site::history(&mut self.client(), "lab").await;
        let sha = self.run_of(page).sha;
        let is_it = |it: &DeploymentSummary| it.kind() == DeploymentKind::Deploy && it.sha == sha;
        history.into_iter().find(is_it).unwrap()
    }

    fn end_run(&self, page: &str, conclusion: &str) {
        let run = self.run_of(page).ended(conclusion);
        self.github.put_jobs(run.id, 1, vec![FakeJob::of("tests", conclusion, &[])]);
        self.github.put_run(run);
        let others = if self.is_busy { 12 } else { 0 };
        for number in 0..others {
            self.github.put_run(FakeRun::of("0".repeat(40), 100 + number).ended(conclusion));
        }
    }

    /// Waits until the agent knows how the commit's CI ended, and has done what follows from it.
    ///
    /// Only the journal is read, which is written in one go: `status` may still be of a moment ago.
    async fn look(&mut self, page: &str) {
        let (mut client, sha) = (self.client(), self.run_of(page).sha);
        let is_undecided = |it: &DeploymentSummary| UNDECIDED.contains(&&*it.verdict);
        let is_settled = |it: &DeploymentSummary| {
            it.finished.is_some() || it.phase() == Phase::Watching && is_undecided(it)
        };
        loop {
            let history = site::history(&mut client, "lab").await;
            let knows = history.iter().any(|it| it.sha == sha && !is_undecided(it));
            if knows && history.iter().all(is_settled) {
                return;
            }
            tick().await;
        }
    }

    fn refusals(&self) -> usize {
        self.github.seen().iter().filter(|seen| seen.status == 429).count()
    }

    /// Until the deadline acted, or long after it while GitHub cannot be asked (once in a second).
    async fn time_is_up(&mut self, page: &str) {
        let number = self.deployment(page).await.deployment;
        if self.refusals() == 0 {
            site::watch(&mut self.client(), "lab", number, 0).await;
        }
        while (1..3).contains(&self.refusals()) {
            tick().await;
        }
    }

    /// What the file of the validated commit comes to say.
    async fn state_file_is(&self, sha: &str) {
        let has_it = |text: String| text.trim_end() == sha;
        while !fs::read_to_string(self.state()).is_ok_and(has_it) {
            tick().await;
        }
    }
}

/// A moment, in which the servers of this test may answer.
async fn tick() {
    tokio::time::sleep(Duration::from_millis(5)).await;
}

/// Serves the page of the live tree, and 500 when it is broken or the application is sick.
async fn serve(site: &Site) -> String {
    let (page, sick) = (site.git.live.join("page.txt"), site.folder.path().join("sick"));
    let answer = move || {
        let text = fs::read_to_string(&page).unwrap_or_default();
        let status = if sick.exists() || text.contains("broken") { 500 } else { 200 };
        async move { (axum::http::StatusCode::from_u16(status).unwrap(), text) }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(answer)).await });
    url
}

impl World for Ripcord {
    async fn take(&mut self, step: Step) {
        match step {
            Step::Deploy(page) => self.deploy(page).await,
            Step::Ci(page, conclusion) => {
                self.end_run(page, conclusion);
                self.look(page).await;
            }
            Step::CiAtOnce(pages, conclusion) => {
                for page in pages {
                    self.end_run(page, conclusion);
                }
                for page in pages {
                    self.look(page).await;
                }
            }
            Step::GithubIsBusy => self.is_busy = true,
            // Workflows are known by their files: `FakeRun` has a name that nothing here asks for.
            Step::WorkflowIsRenamed => {}
            Step::GithubFails => {
                let soon = vec![("retry-after", "0".to_owned())];
                self.github.fault(Fault::Limit(429, soon), usize::MAX);
            }
            Step::GithubWorks => self.github.be_well(),
            Step::TimeIsUp(page) => self.time_is_up(page).await,
            Step::Reboot => self.running.take().unwrap().0.kill(),
            Step::Breaks(Part::Reset) => self.note("live/.git/index.lock"),
            Step::Breaks(Part::Restart) => self.note("no-restart"),
            Step::Breaks(Part::Probe) => self.note("sick"),
            Step::StateFileSays(text) => fs::write(self.state(), text).unwrap(),
            Step::StateFileIsHeld => {
                self.seen().await;
                fs::hard_link(self.state(), self.file("held")).unwrap();
            }
            Step::TellingFails => {
                for told in ["/statuses/", "/deployments"] {
                    self.github.fault_at(told, Fault::Status(502), usize::MAX);
                }
                fs::remove_dir_all(self.file("app-state")).unwrap();
                self.note("app-state");
            }
        }
    }

    async fn seen(&mut self) -> Seen {
        let mut client = self.client();
        let mut seen = Seen::default();
        for it in site::history(&mut client, "lab").await {
            if it.kind() == DeploymentKind::Deploy {
                let page = self.page_of(&it.sha);
                let outcome = match it.finished {
                    Some(_) => site::watch(&mut client, "lab", it.deployment, 0).await.outcome(),
                    None => it.outcome(),
                };
                if matches!(outcome, Outcome::Live | Outcome::Validated) {
                    seen.green.insert(page.clone());
                }
                let word = outcome.as_str_name().trim_start_matches("OUTCOME_").to_lowercase();
                seen.told.insert(page, word);
            }
        }
        let now = site::status(&mut client, "lab").await;
        seen.live = fs::read_to_string(self.site.git.live.join("page.txt")).unwrap();
        if let Some(validated) = now.validated {
            if self.file("app-state").is_dir() {
                self.state_file_is(&validated.sha).await;
            }
            seen.validated = Some(self.page_of(&validated.sha));
        }
        seen.held = fs::read_to_string(self.file("held")).ok().map(|sha| self.page_of(&sha));
        seen
    }
}

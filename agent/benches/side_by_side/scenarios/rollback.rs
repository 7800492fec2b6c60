//! From CI's red verdict to the old version being served: by an agent that is nudged, by one that polls,
//! and by a watcher as people write it, which asks GitHub every 10 s. GitHub is a stand-in of ours.

use std::{
    fs,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tokio::runtime::{Builder, Runtime};

use crate::{
    agent::{Agent, Certs, succeed},
    findings::Findings,
    git::git,
    github::{FakeGithub, FakeJob, FakeRun, REPOSITORY, TOKEN},
    interrupt::{self, wait_until},
    options::Options,
    page,
    place::{OBEDIENT, Place, Scene},
    series::Series,
    targets,
    turns::order,
};

/// Between two looks of the watcher, and of the agent.
const POLL: Duration = Duration::from_secs(10);

/// How the verdict is found out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Watcher,
    Nudged,
    Polled,
}

const WAYS: [(Way, &str); 3] = [
    (Way::Watcher, "watcher: curl every 10 s, git, docker-compose"),
    (Way::Nudged, "ripcord watch --nudge at the end of CI"),
    (Way::Polled, "ripcord, which looks every 10 s"),
];

pub(crate) fn run(options: &Options, findings: &mut Findings) {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let mut stage = Stage::new(&runtime);
    let mut series = WAYS.map(|(_, name)| Series::of_times(name));
    let rounds = options.rounds(7, 1).min(20);
    for round in 0..rounds {
        // Verdicts come at every time between two looks.
        let phase = POLL.mul_f64((round as f64 + 0.5) / rounds as f64);
        for at in order(round, WAYS.len()) {
            interrupt::check();
            series[at].add(match WAYS[at].0 {
                Way::Watcher => stage.watched(phase),
                way => stage.by_ripcord(way, phase),
            });
        }
    }
    findings.show(&series.iter().collect::<Vec<_>>());
    findings.compare(&targets::ROLLBACK, &series[1], &series[0]);
}

/// Two places, GitHub's stand-in, and an agent that watches it.
struct Stage {
    agent: Agent,
    github: FakeGithub,
    good: String,
    runs: u64,
    theirs: Place,
    ours: Place,
    scene: Scene,
}

impl Stage {
    fn new(runtime: &Runtime) -> Self {
        let github = runtime.block_on(FakeGithub::start());
        let scene = Scene::new();
        let good = scene.git.pushed("good");
        let (theirs, ours) = (scene.place("watcher", OBEDIENT), scene.place("ripcord", OBEDIENT));
        let token = scene.folder.path().join("token");
        fs::write(&token, TOKEN).unwrap();
        let verify = "source = \"github\"\nworkflows = [\"ci.yml\"]\nstart_delay = \"0s\"";
        let configuration = format!(
            "[github]\nrepository = \"{REPOSITORY}\"\ntoken_file = \"{}\"\napi = \"{}\"\n{}",
            token.display(),
            github.api(),
            ours.environment("bench", verify)
        );
        let certs = Certs::new(scene.folder.path());
        let agent = Agent::start(&scene.folder.path().join("agent"), &certs, &configuration);
        github.put_run(FakeRun::of(&good, 1).ended("success"));
        succeed(&mut agent.controller(&["deploy", "bench", "--sha", &good]));
        Self { agent, github, good, runs: 1, theirs, ours, scene }
    }

    /// A bad commit, whose CI has begun.
    fn bad(&mut self) -> (String, String) {
        self.runs += 1;
        let page = format!("bad {}", self.runs);
        let sha = self.scene.git.pushed(&page);
        self.github.put_run(FakeRun::of(&sha, self.runs));
        (sha, page)
    }

    fn red(&self, sha: &str) -> Instant {
        let job = FakeJob::of("tests", "failure", &[("pytest", "failure")]);
        self.github.put_jobs(self.runs, 1, vec![job]);
        self.github.put_run(FakeRun::of(sha, self.runs).ended("failure"));
        Instant::now()
    }

    fn watched(&mut self, phase: Duration) -> Duration {
        let (sha, page) = self.bad();
        git(&self.theirs.live, &["fetch", "--quiet", "origin", "main"]);
        git(&self.theirs.live, &["reset", "--quiet", "--hard", &sha]);
        self.theirs.project.compose(["restart", "-t", "10"]);
        serves(&self.theirs, &page);
        let watcher = self.watcher(&sha);
        interrupt::wait(phase);
        let red = self.red(&sha);
        serves(&self.theirs, "good");
        let took = red.elapsed();
        ended(watcher, 1);
        assert_eq!(git(&self.theirs.live, &["rev-parse", "HEAD"]), self.good);
        took
    }

    /// What runs in the background after a deployment.
    fn watcher(&self, sha: &str) -> Child {
        let text = format!(
            "cd {live}; while sleep 10; do case $(curl -fsS -H 'Authorization: Bearer {TOKEN}' \
             '{api}repos/{REPOSITORY}/actions/runs?head_sha={sha}') in \
             *'\"conclusion\":\"success\"'*) exit 0;; \
             *'\"conclusion\":\"failure\"'*) git reset --quiet --hard {good}; \
             docker-compose -f {file} restart -t 10; \
             until curl -fs -o /dev/null {url}; do sleep 0.01; done; exit 1;; esac; done",
            live = self.theirs.live.display(),
            api = self.github.api(),
            good = self.good,
            file = self.theirs.project.file().display(),
            url = self.theirs.url(),
        );
        quietly(Command::new("setpriv").args(["--pdeathsig", "TERM", "bash", "-c", &text]))
    }

    fn by_ripcord(&mut self, way: Way, phase: Duration) -> Duration {
        let (sha, page) = self.bad();
        let deploy = quietly(&mut self.agent.controller(&["deploy", "bench", "--sha", &sha]));
        serves(&self.ours, &page);
        interrupt::wait(if way == Way::Nudged { Duration::from_secs(1) } else { phase });
        let red = self.red(&sha);
        if way == Way::Nudged {
            succeed(&mut self.agent.controller(&["watch", "bench", "--nudge", "--wait", "none"]));
        }
        serves(&self.ours, "good");
        let took = red.elapsed();
        // Rolled back.
        ended(deploy, 7);
        assert_eq!(git(&self.ours.live, &["rev-parse", "HEAD"]), self.good);
        // Three of them within an hour are a reason to stop, elsewhere.
        succeed(&mut self.agent.controller(&["resume", "bench"]));
        took
    }
}

fn serves(place: &Place, page: &str) {
    let within = Duration::from_millis(200);
    wait_until(page, || page::get(place.project.port, within).as_deref() == Some(page));
}

fn quietly(command: &mut Command) -> Child {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn ended(mut child: Child, code: i32) {
    assert_eq!(child.wait().unwrap().code(), Some(code));
}

//! The ways to deploy the same change: shell lines as people write them, the floor (the engine's
//! restart and a probe, nothing else), and ripcord.

use std::{process::Command, time::Duration};

use bollard::{Docker, query_parameters::RestartContainerOptionsBuilder};
use ripcord_agent::adapters::docker::default_socket;
use tokio::runtime::{Builder, Runtime};

use crate::{
    agent::{Agent, succeed},
    interrupt::wait_until,
    page,
    place::Place,
    ssh::Ssh,
};

/// A way to deploy.
pub(crate) trait Way {
    fn name(&self) -> &str;
    /// Where it deploys to.
    fn place(&self) -> &Place;
    /// Fetches, resets to `sha`, restarts, and returns after the first good probe.
    fn deploy(&mut self, sha: &str);
    /// Whether it brings the commit; the floor only restarts.
    fn brings_the_commit(&self) -> bool {
        true
    }
}

/// Lines of shell, here or through ssh.
pub(crate) struct Shell<'a> {
    name: &'static str,
    place: &'a Place,
    restart: String,
    ssh: Option<&'a Ssh>,
}

impl<'a> Shell<'a> {
    pub(crate) fn compose(place: &'a Place) -> Self {
        let restart = format!("docker-compose -f {} restart -t 10", place.project.file().display());
        Self { name: "script: git, docker-compose, curl", place, restart, ssh: None }
    }

    pub(crate) fn compose_by_ssh(place: &'a Place, ssh: &'a Ssh) -> Self {
        Self { name: "the same script by multiplexed ssh", ssh: Some(ssh), ..Self::compose(place) }
    }

    pub(crate) fn docker(place: &'a Place) -> Self {
        let restart = format!("docker restart -t 10 {}", place.project.container());
        Self { name: "script: git, docker, curl", place, restart, ssh: None }
    }

    pub(crate) fn engine(place: &'a Place) -> Self {
        let restart = format!(
            "curl -fsS -X POST --unix-socket {} http://docker/containers/{}/restart?t=10",
            default_socket().display(),
            place.project.container()
        );
        Self { name: "script: git, the engine's API by curl", place, restart, ssh: None }
    }

    fn text(&self, sha: &str) -> String {
        format!(
            "set -e; cd {}; git fetch --quiet origin main; git reset --quiet --hard {sha}; {}; \
             until curl -fs -o /dev/null {}; do sleep 0.01; done",
            self.place.live.display(),
            self.restart,
            self.place.url()
        )
    }
}

impl Way for Shell<'_> {
    fn name(&self) -> &str {
        self.name
    }

    fn place(&self) -> &Place {
        self.place
    }

    fn deploy(&mut self, sha: &str) {
        let text = self.text(sha);
        let mut here = Command::new("bash");
        here.args(["-c", &text]);
        succeed(&mut self.ssh.map_or(here, |ssh| ssh.command(&text)));
    }
}

/// What nobody can undercut who restarts the container.
pub(crate) struct Floor<'a> {
    place: &'a Place,
    runtime: Runtime,
    docker: Docker,
}

impl<'a> Floor<'a> {
    pub(crate) fn new(place: &'a Place) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let docker = {
            let _inside = runtime.enter();
            let socket = default_socket();
            let version = bollard::API_DEFAULT_VERSION;
            Docker::connect_with_unix(&socket.to_string_lossy(), 120, version).unwrap()
        };
        let docker = runtime.block_on(docker.negotiate_version()).unwrap();
        Self { place, runtime, docker }
    }
}

impl Way for Floor<'_> {
    fn name(&self) -> &str {
        "the floor: the engine's restart and a probe"
    }

    fn place(&self) -> &Place {
        self.place
    }

    fn deploy(&mut self, _sha: &str) {
        let options = RestartContainerOptionsBuilder::new().t(10).build();
        let name = self.place.project.container();
        let restart = self.docker.restart_container(&name, Some(options));
        self.runtime.block_on(restart).unwrap();
        let port = self.place.project.port;
        wait_until("it answers", || page::get(port, Duration::from_millis(200)).is_some());
    }

    fn brings_the_commit(&self) -> bool {
        false
    }
}

/// A resident agent and the controller.
pub(crate) struct Ripcord<'a> {
    pub(crate) place: &'a Place,
    pub(crate) agent: &'a Agent,
    pub(crate) environment: &'static str,
}

impl Way for Ripcord<'_> {
    fn name(&self) -> &str {
        "ripcord deploy --wait live"
    }

    fn place(&self) -> &Place {
        self.place
    }

    fn deploy(&mut self, sha: &str) {
        let arguments = ["deploy", self.environment, "--sha", sha, "--wait", "live", "--json"];
        let said = succeed(&mut self.agent.controller(&arguments));
        let result: serde_json::Value = serde_json::from_slice(&said).unwrap();
        assert_eq!(result["sha"], sha, "{result}");
    }
}

//! Several agents as one: what one command promises of all of them.

#![allow(missing_docs, clippy::unwrap_used)]

mod asking;
mod leaving;
mod places;
mod questions;
mod rolling;
mod script;
#[path = "../stage/mod.rs"]
mod stage;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use ripcord_proto::v1::{AgentInfo, EnvironmentStatus, HealthInfo, Placement, StatusResponse};
use stage::{
    SHA, Stage,
    agent::{Act, Agent},
};
use tokio::net::TcpListener;

/// Who is in the file, in its order.
struct Fleet {
    stage: Stage,
    entries: Vec<String>,
}

impl Fleet {
    fn new() -> Self {
        Self { stage: Stage::new(), entries: Vec::new() }
    }

    fn add(&mut self, name: &str, port: u16) {
        self.entries.push(format!("[agents.{name}]\nurl = \"https://127.0.0.1:{port}\"\n"));
        self.write("");
    }

    /// An agent that plays nothing, and shows these environments.
    async fn agent(&mut self, name: &str, environments: &[&str]) -> Agent {
        let agent = self.playing(name, vec![]).await;
        agent.set_status(status(name, environments));
        agent
    }

    /// An agent that plays this.
    async fn playing(&mut self, name: &str, acts: Vec<Act>) -> Agent {
        let agent = Agent::start(&self.stage, acts).await;
        self.add(name, agent.port);
        agent
    }

    /// A machine that refuses connections.
    async fn dead(&mut self, name: &str) {
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        self.add(name, port);
    }

    /// A machine that takes connections, and never says a word; how many it took.
    async fn hanging(&mut self, name: &str) -> Arc<AtomicUsize> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        self.add(name, listener.local_addr().unwrap().port());
        let came = Arc::new(AtomicUsize::new(0));
        let counted = came.clone();
        tokio::spawn(async move {
            let mut held = Vec::new();
            loop {
                held.push(listener.accept().await.unwrap());
                counted.fetch_add(1, Ordering::SeqCst);
            }
        });
        came
    }

    /// Writes ripcord.toml, with `more` before the agents.
    fn write(&self, more: &str) {
        let text = format!(
            "cert = \"pki/operator.pem\"\nkey = \"pki/operator.key\"\nca = \"pki/agent-ca.pem\"\n{more}\n{}",
            self.entries.join("")
        );
        std::fs::write(self.stage.folder.path().join("ripcord.toml"), text).unwrap();
    }

    async fn said(&self, arguments: &[&str]) -> stage::Said {
        stage::said(self.stage.bare(arguments)).await
    }
}

fn status(host: &str, environments: &[&str]) -> StatusResponse {
    let environments = environments.iter().map(|name| environment(name)).collect();
    let agent = AgentInfo { version: "0.1.0".into(), host: host.into(), ..AgentInfo::default() };
    StatusResponse { agent: Some(agent), environments, ..StatusResponse::default() }
}

fn environment(name: &str) -> EnvironmentStatus {
    EnvironmentStatus {
        name: name.into(),
        live: Some(Placement { deployment: 142, sha: SHA.into() }),
        health: Some(HealthInfo { ok: true, status: 200, detail: String::new() }),
        ..EnvironmentStatus::default()
    }
}

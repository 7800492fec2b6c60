//! The agent under demonstration: its configuration, its process, and the controller's way to it.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::{repository::Story, tools::Tools};

/// How long the agent may take to answer, and to end.
const PATIENCE: Duration = Duration::from_secs(15);

/// A running agent.
pub(crate) struct Agent {
    process: Child,
    log: PathBuf,
    certs: PathBuf,
    listens: u16,
    pub(crate) application: u16,
    leave: bool,
}

impl Agent {
    pub(crate) fn start(tools: &Tools, folder: &Path, story: &Story) -> Result<Self> {
        let (listens, application) = (free_port()?, free_port()?);
        let certs = folder.join("certs");
        let config = folder.join("agent.toml");
        fs::write(&config, configuration(folder, &certs, story, listens, application)?)?;
        let log = folder.join("agent.log");
        let output = fs::File::create(&log)?;
        let process = Command::new(&tools.agent)
            .args(["run", "--config"])
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .context("the agent could not be started")?;
        let mut agent = Self { process, log, certs, listens, application, leave: false };
        agent.wait_until_it_answers(tools)?;
        Ok(agent)
    }

    fn wait_until_it_answers(&mut self, tools: &Tools) -> Result<()> {
        let started = Instant::now();
        while self.controller(tools, &["status"]).output()?.status.code() != Some(0) {
            let ended = self.process.try_wait()?;
            if ended.is_some() || started.elapsed() > PATIENCE {
                bail!("the agent does not answer:\n{}", self.last_words());
            }
            sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// The controller with everything that it needs to find this agent.
    fn controller(&self, tools: &Tools, arguments: &[&str]) -> Command {
        let mut command = Command::new(&tools.controller);
        command.args(arguments).envs(self.environment());
        for inherited in ["GITHUB_ACTIONS", "GITHUB_SHA", "RIPCORD_CONFIG"] {
            command.env_remove(inherited);
        }
        command
    }

    /// What tells a controller where this agent is, and who is asking.
    pub(crate) fn environment(&self) -> [(&'static str, String); 4] {
        let file = |name: &str| self.certs.join(name).display().to_string();
        [
            ("RIPCORD_AGENT", format!("https://localhost:{}", self.listens)),
            ("RIPCORD_CA", file("agent-ca.pem")),
            ("RIPCORD_CERT", file("operator.pem")),
            ("RIPCORD_KEY", file("operator.key")),
        ]
    }

    /// Runs the controller before the spectator's eyes; answers its exit code.
    pub(crate) fn ripcord(&self, tools: &Tools, arguments: &[&str]) -> Result<i32> {
        let status = self.controller(tools, arguments).status()?;
        status.code().context("the controller was killed")
    }

    /// Runs the controller for its JSON.
    pub(crate) fn json(&self, tools: &Tools, arguments: &[&str]) -> Result<Value> {
        let output = self.controller(tools, arguments).output()?;
        serde_json::from_slice(&output.stdout).with_context(|| {
            let said = String::from_utf8_lossy(&output.stderr);
            format!("ripcord {} did not answer with JSON: {said}", arguments.join(" "))
        })
    }

    /// What the application answers now.
    pub(crate) fn answer(&self) -> Result<String> {
        let mut connection = TcpStream::connect(("127.0.0.1", self.application))?;
        connection.set_read_timeout(Some(PATIENCE))?;
        write!(connection, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut answer = Vec::new();
        connection.read_to_end(&mut answer)?;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n").context("not an HTTP answer")?;
        ensure!(head.contains(" 200 "), "the application answers: {head}");
        Ok(body.lines().next().unwrap_or_default().trim().to_owned())
    }

    pub(crate) fn leave_running(&mut self) {
        self.leave = true;
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// The end of the agent's log.
    pub(crate) fn last_words(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// Asks the agent to end, and waits until it has.
    pub(crate) fn stop(&mut self) -> Result<()> {
        if let Ok(pid) = i32::try_from(self.process.id())
            && let Some(pid) = Pid::from_raw(pid)
        {
            kill_process(pid, Signal::TERM)?;
        }
        let told = Instant::now();
        while self.process.try_wait()?.is_none() {
            ensure!(told.elapsed() < PATIENCE, "the agent did not end");
            sleep(Duration::from_millis(10));
        }
        self.leave = true;
        Ok(())
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if !self.leave && self.stop().is_err() {
            let _ = self.process.kill();
        }
    }
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn configuration(
    folder: &Path,
    certs: &Path,
    story: &Story,
    listens: u16,
    application: u16,
) -> Result<String> {
    let path = |path: PathBuf| toml::Value::from(path.display().to_string());
    let words = |words: &[String]| toml::Value::from(words.to_vec());
    let state_dir = folder.join("state");
    fs::create_dir_all(&state_dir)?;
    Ok(format!(
        r#"listen    = "127.0.0.1:{listens}"
state_dir = {state_dir}

[tls]
cert      = {cert}
key       = {key}
client_ca = {client_ca}

[[access]]
identity = "spiffe://ripcord-dev/operator/*"
allow    = {{ "*" = ["deploy", "rollback", "hold", "verdict", "status", "logs"] }}

[environments.demo]
repository = {live}
url        = "http://127.0.0.1:{application}/"

[environments.demo.runtime]
kind = "process"
run  = {run}
env  = {{ PORT = "{application}" }}

[environments.demo.verify]
source = "command"
run    = [{check}]
"#,
        state_dir = path(state_dir),
        cert = path(certs.join("agent.pem")),
        key = path(certs.join("agent.key")),
        client_ca = path(certs.join("client-ca.pem")),
        live = path(story.live.clone()),
        run = words(&story.run),
        check = words(&story.check),
    ))
}

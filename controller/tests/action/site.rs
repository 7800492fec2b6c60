//! A machine with a real agent process on it, and a repository that workflows run for: real git, real
//! certificates, an application that answers with what is live.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::runner::{Runner, Texts};

/// The tests of the application: red when a commit says so.
const CHECK: &str = "#!/bin/sh
echo '::set-output name=outcome::forged' '##[set-output name=outcome;]forged'
! grep -q red page.txt || { echo 'FAILED tests/test_page.py::test_colour'; exit 1; }
";

pub struct Site {
    pub folder: TempDir,
    agent: Option<Child>,
    pub port: u16,
}

impl Site {
    /// With preprod, whose check is `check.sh` of the commit, and prod, which promotes it.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut site = Self { folder, agent: None, port: 0 };
        site.ripcord(&["certs", "dev", "--out", "pki"], "");
        git(&site.path(""), &["init", "--quiet", "--bare", "--initial-branch=main", "origin.git"]);
        git(&site.path(""), &["clone", "--quiet", "origin.git", "work"]);
        fs::write(site.path("work/check.sh"), CHECK).unwrap();
        site.pushed("first");
        for clone in ["preprod", "prod"] {
            git(&site.path(""), &["clone", "--quiet", "origin.git", clone]);
        }
        let environments = ["preprod", "prod"].map(|name| site.environment(name)).concat();
        site.start(&environments);
        site
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The repository's working copy: what a workflow's checkout would be.
    pub fn work(&self) -> PathBuf {
        self.path("work")
    }

    /// A commit on the origin's main whose page says this.
    pub fn pushed(&self, page: &str) -> String {
        fs::write(self.path("work/page.txt"), page).unwrap();
        git(&self.work(), &["add", "--all"]);
        let who = ["-c", "user.name=Ann", "-c", "user.email=ann@example.invalid"];
        git(&self.work(), &[&who[..], &["commit", "--quiet", "-m", page]].concat());
        git(&self.work(), &["push", "--quiet", "origin", "HEAD:main"]);
        git(&self.work(), &["rev-parse", "HEAD"])
    }

    /// What is live in an environment, as git says.
    pub fn live(&self, environment: &str) -> String {
        git(&self.path(environment), &["rev-parse", "HEAD"])
    }

    /// Runs the controller in the repository or elsewhere in the folder.
    pub fn ripcord(&self, arguments: &[&str], directory: &str) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ripcord"));
        command.args(arguments).current_dir(self.path(directory)).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", self.path(""));
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {said}");
        said + &String::from_utf8(output.stdout).unwrap()
    }

    pub fn pem(&self, file: &str) -> String {
        fs::read_to_string(self.path("pki").join(file)).unwrap()
    }

    /// A runner whose repository has these secrets and variables, for a run about `sha`.
    pub fn runner(&self, sha: &str) -> Runner {
        let temp = self.path("runner");
        fs::create_dir_all(&temp).unwrap();
        let programs = Path::new(env!("CARGO_BIN_EXE_ripcord")).parent().unwrap();
        let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
        let text = |pairs: &[(&str, String)]| -> Texts {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
        };
        Runner {
            workspace: self.work(),
            temp,
            contexts: text(&[
                ("github.sha", sha.to_owned()),
                ("vars.RIPCORD_AGENT", format!("https://localhost:{}", self.port)),
                ("secrets.RIPCORD_CA", self.pem("agent-ca.pem")),
                ("secrets.RIPCORD_CERT", self.pem("operator.pem")),
                ("secrets.RIPCORD_KEY", self.pem("operator.key")),
            ]),
            variables: text(&[
                ("PATH", path),
                ("GITHUB_SHA", sha.to_owned()),
                ("GITHUB_RUN_ID", format!("7{}", &sha[..6])),
                ("GITHUB_RUN_ATTEMPT", "1".to_owned()),
            ]),
        }
    }

    /// Every file that holds a line of the private key, except the one that was issued.
    pub fn places_of_the_key(&self) -> Vec<PathBuf> {
        let secret = self.pem("operator.key").lines().nth(1).unwrap().to_owned();
        let mut found = Vec::new();
        search(self.folder.path(), secret.as_bytes(), &mut found);
        search(Path::new("/dev/shm"), secret.as_bytes(), &mut found);
        found.retain(|file| *file != self.path("pki/operator.key"));
        found
    }

    fn environment(&self, name: &str) -> String {
        let url = serve(self.path(name).join("page.txt"));
        let clone = self.path(name);
        let (before, verify) = match name {
            "prod" => ("promotes = \"preprod\"\nconfirm = \"DEPLOY\"", "when = \"none\""),
            _ => ("", "source = \"command\"\nrun = [[\"sh\", \"check.sh\"]]"),
        };
        format!(
            "[environments.{name}]\nrepository = \"{}\"\nurl = \"{url}\"\n{before}\n\
             [environments.{name}.runtime]\nkind = \"process\"\nrun = [\"sleep\", \"100000\"]\n\
             [environments.{name}.health]\nattempts = 2\ninterval = \"50ms\"\n\
             [environments.{name}.verify]\n{verify}\n",
            clone.display(),
        )
    }

    fn start(&mut self, environments: &str) {
        let config = format!(
            "listen = \"127.0.0.1:0\"\nstate_dir = \"{state}\"\n\
             [tls]\ncert = \"{pki}/agent.pem\"\nkey = \"{pki}/agent.key\"\nclient_ca = \"{pki}/client-ca.pem\"\n\
             [[access]]\nidentity = \"spiffe://ripcord-dev/operator/*\"\n\
             allow = {{ \"*\" = [\"deploy\", \"rollback\", \"hold\", \"verdict\", \"status\", \"logs\"] }}\n{environments}",
            state = self.path("state").display(),
            pki = self.path("pki").display(),
        );
        fs::write(self.path("agent.toml"), config).unwrap();
        let mut command = Command::new(agent_program());
        command.args(["run", "--config"]).arg(self.path("agent.toml")).env_remove("RUST_LOG");
        let mut process = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let mut said = String::new();
        while self.port == 0 {
            let line = lines.next().unwrap_or_else(|| panic!("the agent ended: {said}")).unwrap();
            let told: Value = serde_json::from_str(&line).unwrap_or_default();
            let address = told["address"].as_str().and_then(|text| text.rsplit_once(':'));
            self.port = address.map_or(0, |(_, port)| port.parse().unwrap());
            said += &(line + "\n");
        }
        std::thread::spawn(move || lines.for_each(drop));
        self.agent = Some(process);
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(mut agent) = self.agent.take() {
            // Not SIGKILL: it takes the applications with it.
            let pid = rustix::process::Pid::from_child(&agent);
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
            let _ = agent.wait();
        }
    }
}

/// The agent's program, which cargo builds beside this one's with the whole workspace; built here when
/// only this package is tested.
fn agent_program() -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_ripcord")).with_file_name("ripcord-agent");
    if !program.exists() {
        let arguments =
            ["build", "--quiet", "--package", "ripcord-agent", "--bin", "ripcord-agent"];
        assert!(Command::new(env!("CARGO")).args(arguments).status().unwrap().success());
    }
    program
}

/// Serves what the file says now.
fn serve(page: PathBuf) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let Ok(mut connection) = connection else { continue };
            let mut request = [0; 4096];
            let _ = connection.read(&mut request);
            let body = fs::read_to_string(&page).unwrap_or_default();
            let head =
                format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}", body.len());
            let _ = write!(connection, "{head}\r\n\r\n{body}");
        }
    });
    url
}

pub fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git").arg("-C").arg(folder).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "git {arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn search(folder: &Path, secret: &[u8], found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        if kind.is_dir() {
            search(&path, secret, found);
        } else if kind.is_file() {
            let bytes = fs::read(&path).unwrap_or_default();
            if bytes.windows(secret.len()).any(|window| window == secret) {
                found.push(path);
            }
        }
    }
}

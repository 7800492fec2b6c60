//! A shop as the mission has it: preprod and prod on one machine, two compose files in one folder, and
//! prod's files brought by a command, or by git into a clone of their own. Real git, real compose, a
//! real agent; the script can be stopped half-way, and so can the agent.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use ripcord_proto::v1::{BackupInfo, BackupsRequest, DeployRequest, Outcome, RollbackRequest};

use crate::support::{
    docker::{Project, docker},
    git::git,
    site::{Agent, Client, Site, Told, deploy, request, rollback, status},
};

/// The mission's `deploy_preprod_to_prod.sh`: mirrors preprod's files, each at once. With a file `gate` beside it,
/// it stops half-way until the file is gone, and says so by a file `stopped`.
const PROMOTE: &str = r#"#!/bin/sh
set -e
here=$(dirname "$0")
prod="$here/../20_prod"
echo "promoting $RIPCORD_SHA"
mkdir -p "$prod"
bring() { cp "$RIPCORD_SOURCE/$1" "$prod/.$1.new" && mv "$prod/.$1.new" "$prod/$1"; }
bring start.sh
test ! -e "$here/gate" || { touch "$here/stopped"; while test -e "$here/gate"; do sleep 0.02; done; }
test ! -e "$here/breaks" || { echo "no space left" >&2; exit 4; }
bring page.txt
"#;

/// Serves what was there when the container started: a new page needs a new container.
const START: &str = "mkdir -p /served && cp /www/page.txt /served/ && \
                     exec busybox httpd -f -p 8080 -h /served\n";

const SERVICE: &str =
    "command: [/bin/busybox, sh, /www/start.sh]\nports: [\"127.0.0.1:PORT:8080\"]";

/// How prod gets its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A command brings them from preprod.
    Folder,
    /// Git resets a clone of its own.
    Clone,
}

pub struct Shop {
    pub site: Site,
    pub project: Project,
    pub shape: Shape,
    /// Prod's folder.
    pub prod: PathBuf,
    pub backups: PathBuf,
    port: u16,
}

impl Shop {
    /// Nothing, and one line that says so, where no engine answers.
    pub async fn new(shape: Shape) -> Option<Self> {
        let mut project = Project::new()?;
        let site = Site::new().await;
        fs::write(site.git.work.join("start.sh"), START).unwrap();
        site.git.pushed("good 0");
        git(&site.git.live, &["pull", "--quiet"]);
        project.mounted = site.git.live.clone();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let prod = site.folder.path().join("20_prod");
        let backups = site.folder.path().join("backups");
        let shop = Self { site, project, shape, prod, backups, port };
        shop.furnish();
        Some(shop)
    }

    /// What is there before ripcord comes: prod serves the first page, and is as old as the scripts.
    fn furnish(&self) {
        match self.shape {
            Shape::Folder => {
                fs::create_dir_all(&self.prod).unwrap();
                for file in ["start.sh", "page.txt"] {
                    fs::copy(self.site.git.live.join(file), self.prod.join(file)).unwrap();
                }
            }
            Shape::Clone => {
                let origin = self.site.git.origin.to_str().unwrap();
                let prod = self.prod.to_str().unwrap();
                git(self.site.folder.path(), &["clone", "--quiet", origin, prod]);
            }
        }
        fs::write(self.prod.join("orders.db"), "order 1\n").unwrap();
        fs::create_dir_all(self.scripts()).unwrap();
        fs::write(self.script(), PROMOTE).unwrap();
        fs::set_permissions(self.script(), fs::Permissions::from_mode(0o755)).unwrap();
        self.project.write(&SERVICE.replace("PORT", &self.project.port.to_string()));
        let preprod = fs::read_to_string(self.project.file()).unwrap();
        let live = self.site.git.live.display().to_string();
        let prod = preprod
            .replace("  web:", "  shop:")
            .replace(&live, &self.prod.display().to_string())
            .replace(&self.project.port.to_string(), &self.port.to_string());
        fs::write(self.compose_file(), prod).unwrap();
        self.project.compose(["up", "-d"]);
        self.compose_up();
    }

    pub fn compose_up(&self) {
        let file = self.compose_file();
        let up = std::process::Command::new("docker-compose")
            .arg("-f")
            .arg(file)
            .args(["up", "-d"])
            .output();
        assert!(up.unwrap().status.success());
    }

    pub fn compose_file(&self) -> PathBuf {
        self.project.folder.join("docker-compose-prod.yml")
    }

    fn scripts(&self) -> PathBuf {
        self.site.folder.path().join("70_scripts")
    }

    fn script(&self) -> PathBuf {
        self.scripts().join("deploy_preprod_to_prod.sh")
    }

    /// A file beside the script that it looks for.
    pub fn sign(&self, name: &str) -> PathBuf {
        self.scripts().join(name)
    }

    /// The container that serves prod; empty when there is none.
    pub fn container(&self) -> String {
        let name = format!("{}_shop_1", self.project.name);
        let found = docker(["ps", "-q", "--no-trunc", "--filter", &format!("name=^{name}$")]);
        String::from_utf8_lossy(&found.stdout).trim().to_owned()
    }

    /// The configuration, as an operator of the mission's machine would write it.
    pub fn config(&self, more: &str) -> String {
        let (live, prod) = (self.site.git.live.display(), self.prod.display());
        let files = match self.shape {
            Shape::Folder => String::new(),
            Shape::Clone => format!("repository = \"{prod}\""),
        };
        let promote = match self.shape {
            Shape::Folder => format!(
                "[environments.prod.promote]\nrun = [\"{}\"]\ntimeout = \"60s\"",
                self.script().display()
            ),
            Shape::Clone => String::new(),
        };
        let runtime = |file: &Path, action: &str| {
            let file = file.display();
            format!(
                "kind = \"compose\"\nfile = \"{file}\"\naction = \"{action}\"\nstop_timeout = \"0s\""
            )
        };
        format!(
            r#"
[environments.preprod]
title = "PREPROD"
repository = "{live}"
url = "http://127.0.0.1:{preprod_port}/page.txt"
[environments.preprod.runtime]
{preprod_runtime}
[environments.preprod.health]
attempts = 2
interval = "5s"
[environments.preprod.verify]
source = "command"
run = [["sh", "check.sh"]]

[environments.prod]
title = "PRODUCTION"
url = "http://127.0.0.1:{port}/page.txt"
promotes = "preprod"
confirm = "DEPLOY"
hold_after_manual_rollback = true
{files}
{promote}
[environments.prod.backup]
paths = ["{prod}"]
dir = "{backups}"
keep = 5
[environments.prod.runtime]
{prod_runtime}
[environments.prod.health]
contains = "good"
attempts = 3
interval = "300ms"
[environments.prod.verify]
when = "none"
{more}"#,
            preprod_port = self.project.port,
            preprod_runtime = runtime(&self.project.file(), "restart"),
            port = self.port,
            backups = self.backups.display(),
            prod_runtime = runtime(&self.compose_file(), "recreate"),
        )
    }

    pub fn start(&self) -> Agent {
        self.site.start(&self.config(""))
    }

    pub fn client(&self, agent: &Agent) -> Client {
        self.site.client(agent)
    }

    /// A commit with this page that preprod has validated.
    pub async fn validated(&self, client: &mut Client, page: &str) -> String {
        let sha = self.site.git.pushed(page);
        let told = deploy(client, request("preprod", &sha)).await;
        assert_eq!(told.outcome(), Outcome::Validated, "{}", told.story());
        sha
    }

    /// What a visitor of prod sees now; nothing when nobody answers.
    pub async fn page(&self) -> Option<String> {
        let url = format!("http://127.0.0.1:{}/page.txt", self.port);
        let answer = reqwest::Client::new().get(url).timeout(Duration::from_secs(5)).send().await;
        answer.ok()?.text().await.ok()
    }

    /// What lies in prod's folder, without git's own.
    pub fn files(&self) -> Vec<(String, String)> {
        let mut files: Vec<_> = fs::read_dir(&self.prod)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_file())
            .map(|path| {
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                (name, fs::read_to_string(path).unwrap())
            })
            .collect();
        files.sort();
        files
    }
}

/// Asks for prod what preprod has validated, with the word.
pub fn promotion() -> DeployRequest {
    DeployRequest { confirm: "DEPLOY".to_owned(), ..request("prod", "") }
}

pub async fn promote(client: &mut Client) -> Told {
    deploy(client, promotion()).await
}

pub async fn go_back(client: &mut Client, request: RollbackRequest) -> Told {
    let environment = "prod".to_owned();
    let wait = ripcord_proto::v1::WaitFor::Verdict.into();
    rollback(client, RollbackRequest { environment, wait, ..request }).await
}

pub async fn backups(client: &mut Client) -> Vec<BackupInfo> {
    let request = BackupsRequest { environment: "prod".to_owned() };
    client.backups(request).await.unwrap().into_inner().backups
}

/// The commit that is recorded as live in prod.
pub async fn live(client: &mut Client) -> String {
    status(client, "prod").await.live.map(|live| live.sha).unwrap_or_default()
}

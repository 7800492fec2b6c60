//! What is promised of a production whose files a command brings from preprod.

use std::{fs, io::Read as _, path::Path};

use ripcord_proto::v1::{BackupsRequest, DeployRequest, WaitFor};
use tempfile::TempDir;

use crate::{
    git::{Clone, git},
    old_way,
    site::{self, Agent, Client, Site, request},
    story::{broken, kept},
};

/// What anybody can see of production in the end.
#[derive(Debug, Default)]
struct Shown {
    /// The page that lies in prod's folder.
    page: String,
    /// The page in the backup that people are offered.
    offered: String,
}

/// A page that preprod has validated lies in its tree, then another one that is not tested yet; then
/// somebody promotes.
const TESTED: &str = "tested";
const NOT_YET: &str = "not yet";
/// Fine in preprod, and not in prod.
const BAD: &str = "bad";

struct OldProduction {
    room: TempDir,
    git: Clone,
}

impl OldProduction {
    fn new() -> Self {
        let room = tempfile::tempdir().unwrap();
        let git = Clone::new(room.path());
        fs::create_dir(room.path().join("prod")).unwrap();
        fs::write(room.path().join("prod/page.txt"), "first").unwrap();
        Self { room, git }
    }

    fn preprod(&self, page: &str) {
        let sha = self.git.pushed(page);
        git(&self.git.live, &["fetch", "--quiet"]);
        git(&self.git.live, &["reset", "--quiet", "--hard", &sha]);
    }

    fn promote(&self) {
        let mut script = old_way::script("promote.sh");
        assert!(script.env("ROOM", self.room.path()).status().unwrap().success());
    }

    fn shown(&self) -> Shown {
        let page = fs::read_to_string(self.room.path().join("prod/page.txt")).unwrap();
        let offered = fs::read_to_string(self.room.path().join("offered")).unwrap_or_default();
        let archive = fs::File::open(offered.trim());
        let offered = archive.map(page_in).unwrap_or_default();
        Shown { page, offered }
    }
}

struct Production {
    site: Site,
    agent: Agent,
    offered: String,
}

impl Production {
    async fn new() -> Self {
        let site = Site::new().await;
        let room = site.folder.path();
        let prod = room.join("prod");
        fs::create_dir(&prod).unwrap();
        fs::write(prod.join("page.txt"), "first").unwrap();
        let script = room.join("promote.sh");
        fs::write(&script, format!("cp $RIPCORD_SOURCE/page.txt {}/page.txt", prod.display()))
            .unwrap();
        let gate = format!("while test -e {}; do sleep 0.02; done", room.join("gate").display());
        let verify = format!("source = \"command\"\nrun = [[\"sh\", \"-c\", \"{gate}\"]]");
        let preprod = site.environment("preprod", &verify);
        let config = format!(
            r#"{preprod}
[environments.prod]
url = "{url}"
promotes = "preprod"
[environments.prod.promote]
run = ["sh", "{script}"]
[environments.prod.backup]
paths = ["{prod}"]
dir = "{backups}"
[environments.prod.runtime]
kind = "process"
run = ["sleep", "100000"]
[environments.prod.health]
attempts = 2
interval = "50ms"
"#,
            url = serve(&prod).await,
            script = script.display(),
            prod = prod.display(),
            backups = room.join("backups").display(),
        );
        let agent = site.start(&config);
        Self { site, agent, offered: String::new() }
    }

    fn client(&self) -> Client {
        self.site.client(&self.agent)
    }

    fn nothing_is_tested_from_now_on(&self) {
        fs::write(self.site.folder.path().join("gate"), "").unwrap();
    }

    async fn preprod(&self, page: &str, wait: WaitFor) {
        let sha = self.site.git.pushed(page);
        let asked = DeployRequest { wait: wait.into(), ..request("preprod", &sha) };
        site::deploy(&mut self.client(), asked).await.result();
    }

    async fn promote(&mut self) {
        let mut client = self.client();
        let told = site::deploy(&mut client, request("prod", "")).await;
        let offered = told.result().backup.clone();
        let all = client.backups(BackupsRequest { environment: "prod".to_owned() }).await;
        let all = all.unwrap().into_inner().backups;
        let found = all.iter().find(|backup| backup.id == offered).unwrap();
        let archive = fs::File::open(Path::new(&found.path).join("files.tar.zst")).unwrap();
        self.offered = page_in(zstd::Decoder::new(archive).unwrap());
    }

    fn shown(&self) -> Shown {
        let page = fs::read_to_string(self.site.folder.path().join("prod/page.txt")).unwrap();
        Shown { page, offered: self.offered.clone() }
    }
}

fn page_in(archive: impl std::io::Read) -> String {
    let mut archive = tar::Archive::new(archive);
    let members = archive.entries().unwrap().map(Result::unwrap);
    let mut pages = members.filter(|member| member.path().unwrap().ends_with("page.txt"));
    let mut text = String::new();
    pages.next().unwrap().read_to_string(&mut text).unwrap();
    text
}

/// Serves prod's page; 500 when it is bad.
async fn serve(prod: &Path) -> String {
    let page = prod.join("page.txt");
    let answer = move || {
        let text = fs::read_to_string(&page).unwrap_or_default();
        let status = if text == BAD { 500 } else { 200 };
        async move { (axum::http::StatusCode::from_u16(status).unwrap(), text) }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(answer)).await });
    url
}

/// Fault 14: prod took whatever preprod's tree held at that second.
#[tokio::test]
async fn prod_gets_what_preprod_validated_and_not_what_lies_in_its_tree() {
    let promise = |shown: &Shown| shown.page == TESTED;
    let old = OldProduction::new();
    old.preprod(TESTED);
    old.preprod(NOT_YET);
    old.promote();
    broken(&old.shown(), promise);

    let mut new = Production::new().await;
    new.preprod(TESTED, WaitFor::Verdict).await;
    new.nothing_is_tested_from_now_on();
    new.preprod(NOT_YET, WaitFor::Live).await;
    assert_eq!(fs::read_to_string(new.site.git.live.join("page.txt")).unwrap(), NOT_YET);
    new.promote().await;
    kept(&new.shown(), promise);
}

/// Fault 24: the backup of an earlier run was offered to go back from this one.
#[tokio::test]
async fn the_backup_that_is_offered_is_that_of_this_very_deployment() {
    let promise = |shown: &Shown| shown.offered == "one";
    let old = OldProduction::new();
    for page in ["one", BAD] {
        old.preprod(page);
        old.promote();
    }
    broken(&old.shown(), promise);

    let mut new = Production::new().await;
    new.preprod("one", WaitFor::Verdict).await;
    new.promote().await;
    new.preprod(BAD, WaitFor::Verdict).await;
    new.promote().await;
    kept(&new.shown(), promise);
    kept(&new.shown(), |shown| shown.page == "one");
}

//! A site whose application serves what it read when it was started, as long as its process lives:
//! what is served shows what runs, not only what lies on the disk.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use axum::http::StatusCode;

use crate::support::site::Site;

/// How long a request waits for an application that is being started.
const STARTING: Duration = Duration::from_secs(5);

/// Red when the page says so; slow ones wait for a file with their name, as long as there is a site:
/// a check outlives an agent that is killed.
const CHECK: &str = r#"#!/bin/sh
while grep -q slow page.txt && [ -d "$1" ] && [ ! -e "$1/$(cat page.txt)" ]; do sleep 0.02; done
echo checked
! grep -q untested page.txt
"#;

pub const PAGES: [&str; 11] = [
    "good", "untested", "broken", "slow-1", "next", "slow-2", "slow-3", "slow-4", "slow-5", "held",
    "again",
];

pub struct World {
    pub site: Site,
    pub config: PathBuf,
    /// Which commit has which page.
    pub commits: BTreeMap<&'static str, String>,
    pub url: String,
}

impl World {
    pub async fn new() -> Self {
        let site = Site::new().await;
        fs::write(site.git.work.join("check.sh"), CHECK).unwrap();
        let commits = PAGES.iter().map(|page| (*page, site.git.commit(page))).collect();
        site.git.push();
        let serving = site.folder.path().join("serving");
        let url = serve(serving.clone()).await;
        let script = format!(
            "{{ echo $$; cat page.txt; }} > {file}.$$ && mv {file}.$$ {file} && exec sleep 90000",
            file = serving.display()
        );
        let runtime = format!("kind = \"process\"\nrun = [\"sh\", \"-c\", {script:?}]");
        let gates = site.folder.path().display();
        let verify = format!("source = \"command\"\nrun = [[\"sh\", \"check.sh\", \"{gates}\"]]");
        let saved = format!(
            "[environments.lab.backup]\npaths = [\"{}\"]\ndir = \"{}\"\nkeep = 3\n",
            site.git.live.display(),
            site.folder.path().join("backups").display()
        );
        let lab = site.environment_of("lab", &runtime, &url, &verify);
        let lab = lab.replace("attempts = 2", "attempts = 2\nbake = \"1ms\"");
        let config = site.write_config(&format!("{lab}{saved}"));
        Self { site, config, commits, url }
    }

    /// Lets the check of a slow page end.
    pub fn open_gate(&self, page: &str) {
        fs::write(self.site.folder.path().join(page), "").unwrap();
    }
}

async fn serve(serving: PathBuf) -> String {
    let router = axum::Router::new().fallback(move || answer(serving.clone()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}/")
}

async fn answer(serving: PathBuf) -> (StatusCode, String) {
    let began = Instant::now();
    while began.elapsed() < STARTING {
        if let Some(page) = page_of_the_living(&serving) {
            let broken = page.contains("broken");
            let status = if broken { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::OK };
            return (status, page);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    (StatusCode::SERVICE_UNAVAILABLE, String::new())
}

fn page_of_the_living(serving: &Path) -> Option<String> {
    let text = fs::read_to_string(serving).ok()?;
    let (pid, page) = text.split_once('\n')?;
    // A process that ended, but was not waited for, has no program any more.
    fs::read_link(format!("/proc/{pid}/exe")).ok()?;
    Some(page.to_owned())
}

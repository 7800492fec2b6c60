//! What an agent left: its journal, the work tree, and what the application serves. Reads only.

use std::{collections::BTreeMap, fs, path::Path};

use ripcord_agent::journal::Record;
use ripcord_core::{
    CommitSha, Deployment, DeploymentNumber, Entry, Environment, Sequence, Timestamp,
};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _};

use crate::{
    check::{Evidence, Heard, Tree},
    scenario::ENVIRONMENT,
    support::git::git,
    world::World,
};

pub fn gather(world: &World, journal: &Path, heard: Vec<Heard>, served: String) -> Evidence {
    let state = state(journal).unwrap_or_default();
    let pages = world.commits.iter().map(|(page, sha)| (sha.parse().unwrap(), *page));
    Evidence {
        records: records(journal),
        deployments: deployments(journal),
        tree: tree(&world.site.git.live, state.live.map(|live| live.sha)),
        pages: pages.collect(),
        left_running: running_in(&world.site.git.live),
        state,
        heard,
        served,
    }
}

fn open(journal: &Path) -> Option<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(journal, flags).ok()?;
    connection.busy_timeout(std::time::Duration::from_secs(5)).unwrap();
    Some(connection)
}

/// The stored state; `None` before the first event, and before there is a journal.
pub fn state(journal: &Path) -> Option<Environment> {
    let sql = "SELECT state FROM environment WHERE name = ?1";
    let row = open(journal)?.query_row(sql, [ENVIRONMENT], |row| row.get::<_, String>(0));
    row.optional().ok().flatten().map(|json| serde_json::from_str(&json).unwrap())
}

fn deployments(journal: &Path) -> BTreeMap<DeploymentNumber, Deployment> {
    let connection = open(journal).unwrap();
    let mut statement = connection.prepare("SELECT data FROM deployment").unwrap();
    let rows = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let parsed = rows.map(|row| serde_json::from_str::<Deployment>(&row.unwrap()).unwrap());
    parsed.map(|deployment| (deployment.number, deployment)).collect()
}

fn records(journal: &Path) -> Vec<Record> {
    let connection = open(journal).unwrap();
    let sql = "SELECT sequence, at, environment, deployment, data FROM event ORDER BY sequence";
    let mut statement = connection.prepare(sql).unwrap();
    let record = |row: &rusqlite::Row<'_>| {
        let number: Option<i64> = row.get(3)?;
        let event = serde_json::from_str(&row.get::<_, String>(4)?).unwrap();
        Ok(Record {
            sequence: Sequence(row.get::<_, i64>(0)?.cast_unsigned()),
            at: Timestamp(row.get(1)?),
            environment: row.get::<_, String>(2)?.parse().unwrap(),
            entry: Entry {
                deployment: number.map(|number| DeploymentNumber(number.cast_unsigned())),
                event,
            },
        })
    };
    statement.query_map([], record).unwrap().map(Result::unwrap).collect()
}

/// Compares the files themselves with the commit: the index and its times are not asked.
fn tree(live: &Path, sha: Option<CommitSha>) -> Tree {
    let head = git(live, &["rev-parse", "HEAD"]).parse().unwrap();
    let commit = sha.map_or_else(|| "HEAD".to_owned(), |sha| sha.to_string());
    let mut differences = Vec::new();
    for line in git(live, &["ls-tree", "-r", &commit]).lines() {
        let (about, file) = line.split_once('\t').unwrap();
        let blob = about.split(' ').nth(2).unwrap();
        let there = live.join(file).is_file();
        if !there || git(live, &["hash-object", "--no-filters", file]) != blob {
            differences.push(format!("{file} is not what {commit} says"));
        }
    }
    let status = git(live, &["status", "--porcelain"]);
    differences.extend(status.lines().map(|line| format!("git status says {line:?}")));
    Tree { head, differences }
}

/// The processes that run in this folder.
fn running_in(folder: &Path) -> Vec<String> {
    let runs_there = |entry: &fs::DirEntry| {
        fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd == folder)
    };
    let processes = fs::read_dir("/proc").unwrap().map(Result::unwrap).filter(runs_there);
    processes.map(|entry| format!("pid {}", entry.file_name().display())).collect()
}

/// What the application says; its status when that is not 200.
pub async fn served(url: &str) -> String {
    let response = reqwest::get(url).await.unwrap();
    match response.status().as_u16() {
        200 => response.text().await.unwrap(),
        status => format!("status {status}"),
    }
}

pub fn lines(file: &Path) -> Vec<String> {
    fs::read_to_string(file).unwrap_or_default().lines().map(str::to_owned).collect()
}

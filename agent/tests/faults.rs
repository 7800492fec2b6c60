//! Disks that are full or read-only, and commits that nobody may deploy: refused before anything is
//! touched, undone when it comes in the middle, and said with its cause.
#![allow(missing_docs, clippy::unwrap_used)]

mod support {
    pub mod disk;
    pub mod git;
    pub mod mtls;
    pub mod pki;
    pub mod site;
}

use std::fs;

use ripcord_proto::v1::{Outcome, Phase, WaitFor};
use support::{
    disk::Disk,
    git::git,
    site::{Agent, Site, deploy, eventually, reason, request, status, watch},
};
use tonic::Code;

#[tokio::test]
async fn a_full_state_disk_refuses_a_deployment_before_anything_is_touched() {
    let site = Site::new().await;
    let Some(disk) = Disk::mount(&site.state_dir(), "size=16m") else { return };
    let agent = site.start(&site.lab());
    let mut client = site.client(&agent);
    let one = site.git.pushed("one");
    let told = deploy(&mut client, request("lab", &one)).await;
    assert_eq!(told.outcome(), Outcome::Validated, "{}", told.story());
    let two = site.git.pushed("two");
    let ballast = disk.fill();
    let refused = deploy(&mut client, request("lab", &two)).await.error.unwrap();
    assert_eq!((reason(&refused).as_str(), refused.code()), ("JOURNAL", Code::ResourceExhausted));
    assert!(refused.message().contains("check the disk of state_dir"), "{refused:?}");
    site.git.assert_live_is(&one);
    assert_eq!(status(&mut client, "lab").await.live.unwrap().sha, one);
    fs::remove_file(ballast).unwrap();
    let told = deploy(&mut client, request("lab", &two)).await;
    assert_eq!(told.outcome(), Outcome::Validated, "{}", told.story());
    assert_eq!(told.result().deployment, 2, "what was refused has no number");
}

#[tokio::test]
async fn a_state_disk_that_fills_up_midway_stops_everything_until_there_is_room_and_loses_nothing()
{
    for is_killed in [false, true] {
        fill_up_midway(is_killed).await;
    }
}

async fn fill_up_midway(is_killed: bool) {
    let site = Site::new().await;
    let Some(disk) = Disk::mount(&site.state_dir(), "size=16m") else { return };
    let [reached, gate] = ["reached", "gate"].map(|name| site.folder.path().join(name));
    let (reached_at, gate_at) = (reached.display(), gate.display());
    let hook = format!("touch {reached_at}; while [ ! -e {gate_at} ]; do sleep 0.05; done");
    let hooks = format!("[environments.lab.hooks]\npre_restart = [[\"sh\", \"-c\", {hook:?}]]\n");
    let lab = site.environment("lab", "when = \"none\"") + &hooks;
    let mut agent = site.start(&lab);
    let sha = site.git.pushed("second");
    let mut asked = request("lab", &sha);
    asked.wait = WaitFor::None.into();
    deploy(&mut site.client(&agent), asked).await;
    eventually(|| reached.exists());
    let ballast = disk.fill();
    fs::write(&gate, "").unwrap();
    agent.wait_for_line("nothing is done until the journal can be written");
    let mut client = site.client(&agent);
    let phase = status(&mut client, "lab").await.phase();
    assert_eq!(phase, Phase::Restarting, "nothing goes on without a journal");
    let other = site.git.pushed("third");
    let refused = deploy(&mut client, request("lab", &other)).await.error.unwrap();
    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused:?}");
    if is_killed {
        agent.kill();
        fs::remove_file(ballast).unwrap();
        agent = site.start(&lab);
    } else {
        fs::remove_file(ballast).unwrap();
    }
    let told = watch(&mut site.client(&agent), "lab", 1, 0).await;
    assert_eq!(told.outcome(), Outcome::Validated, "{}", told.story());
    let ends = told.events.iter().filter(|event| event.kind == "ended").count();
    assert_eq!(ends, 1, "{}", told.story());
    site.git.assert_live_is(&sha);
    agent.kill();
    let file = rusqlite::Connection::open(site.state_dir().join("journal.sqlite")).unwrap();
    let sound: String = file.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok");
}

#[tokio::test]
async fn a_read_only_state_disk_is_said_at_the_start() {
    let site = Site::new().await;
    let Some(_disk) = Disk::mount(&site.state_dir(), "ro") else { return };
    let ended = Agent::command(&site.write_config(&site.lab())).output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(said.contains("make it writable for the agent's user"), "{said}");
}

/// So many bytes that no packing makes smaller.
fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    (0..bytes / 8).flat_map(|_| next().to_le_bytes()).collect()
}

#[tokio::test]
async fn a_full_work_tree_disk_leaves_or_restores_what_ran_and_says_so() {
    let site = Site::new().await;
    let Some(_disk) = Disk::mount(&site.git.live, "size=4m") else { return };
    git(&site.git.live, &["clone", "--quiet", site.git.origin.to_str().unwrap(), "."]);
    let agent = site.start(&site.lab());
    let mut client = site.client(&agent);
    let one = site.git.pushed("one");
    let told = deploy(&mut client, request("lab", &one)).await;
    assert_eq!(told.outcome(), Outcome::Validated, "{}", told.story());

    // Does not fit when it is fetched.
    let big = site.git.work.join("big.bin");
    fs::write(&big, noise(8 << 20)).unwrap();
    let two = site.git.pushed("two");
    let told = deploy(&mut client, request("lab", &two)).await;
    assert_eq!(told.outcome(), Outcome::Failed, "{}", told.story());
    assert!(!told.has("tree_reset"), "nothing was touched: {}", told.story());
    assert!(told.result().reason.contains("No space left"), "{}", told.result().reason);
    site.git.assert_live_is(&one);

    // Is fetched in a few kilobytes, and does not fit when it is written.
    git(&site.git.work, &["reset", "--quiet", "--hard", "HEAD~1"]);
    fs::write(&big, vec![0; 8 << 20]).unwrap();
    let three = site.git.pushed("three");
    let told = deploy(&mut client, request("lab", &three)).await;
    assert_eq!(told.outcome(), Outcome::Failed, "{}", told.story());
    assert!(told.story().contains("No space left"), "{}", told.story());
    site.git.assert_live_is(&one);
    assert_eq!(status(&mut client, "lab").await.stranded, "");

    git(&site.git.work, &["reset", "--quiet", "--hard", "HEAD~1"]);
    let four = site.git.pushed("four");
    let told = deploy(&mut client, request("lab", &four)).await;
    assert_eq!(told.outcome(), Outcome::Validated, "room again: {}", told.story());
    site.git.assert_live_is(&four);
}

#[tokio::test]
async fn a_commit_of_a_pull_request_or_from_before_a_force_push_is_refused_and_touches_nothing() {
    let site = Site::new().await;
    let agent = site.start(&site.lab());
    let mut client = site.client(&agent);
    let live = git(&site.git.live, &["rev-parse", "HEAD"]);
    let replaced = site.git.pushed("replaced");
    git(&site.git.live, &["fetch", "--quiet"]);
    git(&site.git.work, &["reset", "--quiet", "--hard", "HEAD~1"]);
    let proposed = site.git.commit("proposed");
    git(&site.git.work, &["push", "--quiet", "origin", "HEAD:refs/pull/7/head"]);
    git(&site.git.work, &["reset", "--quiet", "--hard", "HEAD~1"]);
    site.git.pushed("rewritten");
    for sha in [&replaced, &proposed] {
        let told = deploy(&mut client, request("lab", sha)).await;
        assert_eq!(told.outcome(), Outcome::Refused, "{}", told.story());
        let reason = &told.result().reason;
        assert!(reason.contains(&sha[..7]) && reason.contains("main"), "{reason}");
        site.git.assert_live_is(&live);
    }
}

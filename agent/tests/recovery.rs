//! What a crash, a cut connection or a stop leaves behind: one definite outcome, an exact tree, and
//! nothing lost.
#![allow(missing_docs, clippy::unwrap_used)]

mod support {
    pub mod git;
    pub mod mtls;
    pub mod pki;
    pub mod site;
}

use std::{fs, process::Command, time::Duration};

use ripcord_proto::v1::{self, Outcome, WaitFor, progress::Item};
use support::site::{Site, deploy, reason, request, rollback, status, watch};

/// So many files that a reset takes long enough to be hit.
const FILES: usize = 5_000;
#[tokio::test]
async fn killing_the_agent_in_the_middle_of_a_reset_leaves_one_outcome_and_an_exact_tree() {
    kill_in_the_middle_of_resets(3).await;
}

#[tokio::test]
#[ignore = "takes a minute or two: `cargo test -p ripcord-agent --test recovery -- --ignored`"]
async fn killing_the_agent_twenty_times_in_the_middle_of_a_reset_leaves_an_exact_tree() {
    kill_in_the_middle_of_resets(20).await;
}

async fn kill_in_the_middle_of_resets(kills: u64) {
    let site = Site::new().await;
    let big = site.environment("lab", "when = \"none\"");
    let shas = [fill(&site, "a"), fill(&site, "b")];
    for round in 0..kills {
        let sha = &shas[usize::try_from(round % 2).unwrap()];
        let agent = site.start(&big);
        let mut client = site.client(&agent);
        let mut wanted = request("lab", sha);
        wanted.allow_older = true;
        wanted.redeploy = true;
        let mut stream = client.deploy(wanted).await.unwrap().into_inner();
        let mut number = 0;
        while let Ok(Some(message)) = stream.message().await {
            match message.progress.unwrap().item.unwrap() {
                Item::Admitted(admitted) => number = admitted.deployment,
                Item::Event(event) if event.message.contains("writing the files") => break,
                Item::Event(_) | Item::Activity(_) | Item::Result(_) => {}
            }
        }
        // Somewhere in the reset: a different place each time.
        tokio::time::sleep(Duration::from_millis(60 * round / kills * 2)).await;
        agent.kill();

        let agent = site.start(&big);
        let told = watch(&mut site.client(&agent), "lab", number, 0).await;
        assert_eq!(told.outcome(), Outcome::Validated, "round {round}: {}", told.story());
        site.git.assert_live_is(sha);
        let ends = told.events.iter().filter(|event| event.kind == "ended").count();
        assert_eq!(ends, 1, "round {round}: {}", told.story());
    }
}

fn fill(site: &Site, text: &str) -> String {
    for number in 0..FILES {
        let folder = site.git.work.join(format!("folder-{}", number % 50));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("{number}.txt")), format!("{text} {number}\n")).unwrap();
    }
    site.git.pushed(text)
}

#[tokio::test]
async fn a_caller_that_goes_away_changes_nothing_and_watch_goes_on_where_it_stopped() {
    let site = Site::new().await;
    let agent = site.start(&site.lab());
    let mut client = site.client(&agent);
    let sha = site.git.pushed("second");
    let mut stream = client.deploy(request("lab", &sha)).await.unwrap().into_inner();
    let mut seen = Vec::new();
    while seen.len() < 3 {
        let progress = stream.message().await.unwrap().unwrap().progress.unwrap();
        if let Item::Event(event) = progress.item.unwrap() {
            seen.push(event.sequence);
        }
    }
    drop((stream, client));

    let mut client = site.client(&agent);
    let rest = watch(&mut client, "lab", 1, *seen.last().unwrap()).await;
    assert_eq!(rest.outcome(), Outcome::Validated, "{}", rest.story());
    seen.extend(rest.events.iter().map(|event| event.sequence));
    let whole = watch(&mut client, "lab", 1, 0).await;
    let all: Vec<u64> = whole.events.iter().map(|event| event.sequence).collect();
    assert_eq!(seen, all, "nothing is lost, and nothing is told twice");
}

#[tokio::test]
async fn watching_goes_on_after_the_agent_was_killed() {
    let site = Site::new().await;
    let gate = site.folder.path().join("gate");
    let check = format!("while [ ! -e {} ]; do sleep 0.05; done", gate.display());
    let slow = format!("source = \"command\"\nrun = [[\"sh\", \"-c\", {check:?}]]");
    let lab = site.environment("lab", &slow);
    let agent = site.start(&lab);
    let sha = site.git.pushed("second");
    let mut live = request("lab", &sha);
    live.wait = WaitFor::Live.into();
    assert_eq!(deploy(&mut site.client(&agent), live).await.outcome(), Outcome::Live);
    agent.kill();
    fs::write(&gate, "").unwrap();

    let agent = site.start(&lab);
    let told = watch(&mut site.client(&agent), "lab", 1, 0).await;
    assert_eq!(told.outcome(), Outcome::Validated, "{}", told.story());
}

#[tokio::test]
async fn the_application_runs_again_after_the_agent_was_stopped_or_killed() {
    let site = Site::new().await;
    let lab = site.lab();
    let sha = site.git.pushed("second");
    let agent = site.start(&lab);
    deploy(&mut site.client(&agent), request("lab", &sha)).await;
    assert!(agent.terminate().success());
    let agent = site.start(&lab);
    agent.wait_for_line("\"ready\"");
    assert!(status(&mut site.client(&agent), "lab").await.health.unwrap().ok);
    agent.kill();
    let agent = site.start(&lab);
    agent.wait_for_line("\"ready\"");
    assert!(status(&mut site.client(&agent), "lab").await.health.unwrap().ok);
}

#[tokio::test]
async fn a_stop_lets_the_running_step_end_and_the_next_start_finishes_the_deployment() {
    let site = Site::new().await;
    let lab = site.environment("lab", "when = \"none\"");
    let agent = site.start(&lab);
    let sha = fill(&site, "a");
    let mut client = site.client(&agent);
    let mut wanted = request("lab", &sha);
    wanted.wait = WaitFor::None.into();
    let number = deploy(&mut client, wanted).await.result().deployment;
    assert!(agent.terminate().success());
    let agent = site.start(&lab);
    let told = watch(&mut site.client(&agent), "lab", number, 0).await;
    assert_eq!(told.outcome(), Outcome::Validated, "{}", told.story());
    site.git.assert_live_is(&sha);
}

#[tokio::test]
async fn two_agents_cannot_share_a_state_folder() {
    let site = Site::new().await;
    let lab = site.lab();
    let _first = site.start(&lab);
    let config = site.write_config(&lab);
    let second = support::site::Agent::command(&config).output().unwrap();
    let said = String::from_utf8_lossy(&second.stderr);
    assert_eq!(second.status.code(), Some(1));
    assert!(said.contains("another agent uses the state folder"), "{said}");
}

#[tokio::test]
async fn a_rollback_without_its_repository_is_refused_and_strands_nothing() {
    let site = Site::new().await;
    let lab = site.lab();
    let agent = site.start(&lab);
    let sha = site.git.pushed("one");
    deploy(&mut site.client(&agent), request("lab", &sha)).await;
    assert!(agent.terminate().success());
    fs::rename(&site.git.live, site.folder.path().join("gone")).unwrap();
    let agent = site.start(&lab);
    let mut client = site.client(&agent);
    for dry_run in [true, false] {
        let environment = "lab".to_owned();
        let back = v1::RollbackRequest { environment, dry_run, ..Default::default() };
        let refused = rollback(&mut client, back).await.error.unwrap();
        assert_eq!(reason(&refused), "UNAVAILABLE_FEATURE", "{refused:?}");
    }
    assert_eq!(status(&mut client, "lab").await.stranded, "");
}

#[test]
fn an_agent_that_is_not_built_for_the_crash_sweep_cannot_be_told_to_die() {
    let binary = env!("CARGO_BIN_EXE_ripcord-agent");
    let knows = |word: &str| {
        let grep = Command::new("grep").args(["--text", "--quiet", word, binary]).status();
        grep.unwrap().success()
    };
    assert!(knows("phase_entered"), "the search does not find what is there");
    for word in ["RIPCORD_DIE_AT", "RIPCORD_FAILPOINTS"] {
        assert_eq!(knows(word), cfg!(feature = "failpoints"), "{word}");
    }
}

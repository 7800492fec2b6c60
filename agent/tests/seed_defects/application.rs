//! What is promised of containers, of environments that share a clone, and of the word that confirms.

use std::{collections::BTreeSet, fs, time::Duration};

use ripcord_agent::ports::{Runtime as _, RuntimeHealth};

use crate::{
    docker::{self, Project},
    old_way::script,
    site::{self, Site, request},
    story::{broken, kept},
};

/// What a program that succeeds says.
fn said(command: &mut std::process::Command) -> String {
    let output = command.stdout(std::process::Stdio::piped()).output().unwrap();
    assert!(output.status.success(), "{command:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// What people read when the compose file has changed and the containers are restarted.
#[derive(Debug)]
struct Restart {
    is_applied: bool,
    told: String,
}

/// Fault 12: a restart did not apply a changed compose file, and nobody was told.
#[tokio::test]
async fn a_change_of_the_compose_file_is_applied_or_said() {
    let service =
        "command: [sh, -c, \"trap 'exit 0' TERM; while :; do sleep 0.05; done\"]".to_owned();
    let Some(project) = Project::up(&service) else { return };
    project.write(&(service + "\nenvironment: [CHANGED=yes]"));
    let later = std::time::SystemTime::now() + Duration::from_secs(5);
    fs::File::open(project.file()).unwrap().set_modified(later).unwrap();
    let seen = |told| {
        let inspected = docker::docker(["inspect", &project.container()]).stdout;
        Restart { is_applied: String::from_utf8_lossy(&inspected).contains("CHANGED"), told }
    };
    let promise =
        |it: &Restart| it.is_applied || it.told.contains("docker-compose.yml was modified");

    let mut old = script("restart.sh");
    old.env("COMPOSE_FILE", project.file()).env("PATH", std::env::var("PATH").unwrap());
    broken(&seen(said(&mut old)), promise);
    let (result, told) = docker::restart(&project.runtime()).await;
    result.unwrap();
    kept(&seen(told.join("\n")), promise);
}

/// Fault 21: "healthy" was found in "unhealthy".
#[tokio::test]
async fn an_unhealthy_container_is_not_taken_for_a_healthy_one() {
    let check = "healthcheck: {test: [CMD, \"false\"], interval: 1s, retries: 1}";
    let Some(project) = Project::up(&format!("command: [sleep, \"1000\"]\n{check}")) else {
        return;
    };
    let container = project.container();
    docker::until("unhealthy", async || {
        let format = "{{.State.Health.Status}}";
        docker::docker(["inspect", "-f", format, &container]).stdout == b"unhealthy\n"
    })
    .await;
    let promise = |is_taken_for_healthy: &bool| !is_taken_for_healthy;

    let old = script("healthy.sh").env("CONTAINER", &container).status().unwrap();
    broken(&old.success(), promise);
    let health = project.runtime().health().await.unwrap();
    kept(&(health == RuntimeHealth::Fine), promise);
}

/// `prod`, which was given the page `one`, when something else was deployed to `preprod`.
#[derive(Debug)]
struct Prod {
    files: String,
    /// What people are told that it runs, and whether its files are said to be just that.
    told: String,
    is_said_to_be_exact: bool,
}

/// Fault 13: a reset for preprod changed prod's files in the clone that they shared.
///
/// Whoever lets two environments share a clone is told at least: what each was given, and that its
/// files are something else now.
#[tokio::test]
async fn prod_is_never_silently_what_preprod_was_given() {
    let promise =
        |prod: &Prod| prod.told == "one" && (prod.files == "one" || !prod.is_said_to_be_exact);
    let site = Site::new().await;
    let page = || fs::read_to_string(site.git.live.join("page.txt")).unwrap();
    let [prod, preprod] = ["prod", "preprod"].map(|name| site.environment(name, "when = \"none\""));
    let agent = site.start(&[prod, preprod].concat());
    let mut client = site.client(&agent);
    let one = site.git.pushed("one");
    site::deploy(&mut client, request("prod", &one)).await;
    let two = site.git.pushed("two");
    site::deploy(&mut client, request("preprod", &two)).await;

    let told = said(script("environments.sh").env("LIVE", &site.git.live));
    let told = told.trim().trim_start_matches("PROD: ").to_owned();
    broken(&Prod { files: page(), told, is_said_to_be_exact: true }, promise);
    let now = site::status(&mut client, "prod").await;
    let told = if now.live.unwrap().sha == one { "one" } else { "two" }.to_owned();
    kept(&Prod { files: page(), told, is_said_to_be_exact: now.exact == Some(true) }, promise);
}

/// Fault 20: the confirmation was accepted in another case.
#[tokio::test]
async fn the_word_that_confirms_is_taken_byte_for_byte() {
    let promise = |accepted: &BTreeSet<&str>| accepted.iter().eq(["DEPLOY"].iter());
    let words = ["deploy", "Deploy", "DEPLOY"];

    let old = |word: &&str| script("confirm.sh").env("CONFIRM", word).status().unwrap().success();
    broken(&words.into_iter().filter(old).collect(), promise);

    let site = Site::new().await;
    let lab = site.environment("lab", "when = \"none\"");
    let lab = lab.replace("\nurl = ", "\nconfirm = \"DEPLOY\"\nurl = ");
    let agent = site.start(&lab);
    let mut asked = request("lab", &site.git.pushed("one"));
    let mut accepted = BTreeSet::new();
    for word in words {
        asked.confirm = word.to_owned();
        if site::deploy(&mut site.client(&agent), asked.clone()).await.error.is_none() {
            accepted.insert(word);
        }
    }
    kept(&accepted, promise);
}

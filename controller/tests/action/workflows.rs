//! The mission's workflows, from what sets them off to what people and later steps see of the end.

use std::{fs, io::Write as _, os::unix::fs::PermissionsExt as _};

use serde_json::Value;

use crate::{
    runner::{Step, yaml},
    site::Site,
};

const PREPROD: &str = ".github/workflows/cd-preprod.yml";
const PROD: &str = ".github/workflows/cd-prod.yml";

impl Site {
    fn deploy_to_prod(&self, confirmation: &str) -> Vec<Step> {
        let mut runner = self.runner(&self.live("preprod"));
        let mut input = |name: &str, value: &str| {
            runner.contexts.insert(format!("inputs.{name}"), value.to_owned());
        };
        input("confirmation", confirmation);
        input("reason", "release 12");
        runner.workflow(PROD)
    }
}

#[test]
fn what_is_pushed_is_live_on_preprod_at_once_and_the_runner_is_free() {
    let site = Site::initialized();
    let sha = site.pushed("a green page");
    let [step] = site.runner(&sha).workflow(PREPROD).try_into().unwrap();
    assert_eq!(step.code, 0, "{}", step.log);
    assert_eq!(step.outputs["outcome"], "live");
    assert_eq!((step.outputs["sha"].as_str(), site.live("preprod")), (sha.as_str(), sha.clone()));
    assert_eq!(step.outputs["live-sha"], sha);
    let groups = step.commands().into_iter().filter(|line| line.starts_with("::group::")).count();
    assert_eq!(groups, 1, "{}", step.log);
    assert!(step.summary.starts_with("### ✔ preprod #1 "), "{}", step.summary);
    // The agent needs no runner to learn what CI says.
    let verdict = site.action(&sha, &[("command", "watch"), ("environment", "preprod")]);
    assert_eq!((verdict.code, verdict.outputs["outcome"].as_str()), (0, "validated"));
    assert_eq!(site.places_of_the_key(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn a_red_commit_is_a_red_run_whose_page_and_outputs_say_why_and_what_serves_instead() {
    let site = Site::initialized();
    let good = site.pushed("a green page");
    let inputs = [("command", "deploy"), ("environment", "preprod"), ("wait", "verdict")];
    assert_eq!(site.action(&good, &inputs).outputs["outcome"], "validated");
    let bad = site.pushed("a red page");
    let step = site.action(&bad, &inputs);
    assert_eq!(step.code, 7, "{}", step.log);
    step.assert_one_error();
    let output = |name: &str| step.outputs[name].as_str();
    assert_eq!((output("outcome"), output("verdict")), ("rolled_back", "failure"));
    assert_eq!(
        (output("sha"), output("previous-sha"), output("live-sha")),
        (&*bad, &*good, &*good)
    );
    assert!(output("json").starts_with("{\"schema\":\"ripcord/v1/result\",\"command\":\"deploy\""));
    let object: Value = serde_json::from_str(output("json")).unwrap();
    assert_eq!(object["exit_code"], 7);
    assert!(step.summary.contains("rolled back; the previous version serves again"));
    assert!(step.summary.contains("  why   "), "{}", step.summary);
    // What the check printed is shown, and obeyed by nobody.
    assert!(step.log.contains("::set-output name=outcome::forged"), "{}", step.log);
    assert!(!step.commands().iter().any(|line| line.contains("set-output")), "{}", step.log);
    assert_eq!(site.live("preprod"), good);
}

#[test]
fn production_takes_what_preprod_has_validated_and_only_for_the_exact_word() {
    let site = Site::initialized();
    let sha = site.pushed("a green page");
    let before = site.live("prod");
    let deployed = site.action(&sha, &[("command", "deploy"), ("environment", "preprod")]);
    assert_eq!(deployed.outputs["outcome"], "validated", "{}", deployed.log);
    for wrong in ["deploy", "DEPLOY ", "", "$(echo DEPLOY)"] {
        let [status, refused] = site.deploy_to_prod(wrong).try_into().unwrap();
        assert_eq!((status.code, refused.code), (0, 6), "{wrong}: {}", refused.log);
        refused.assert_one_error();
        assert_eq!(refused.outputs["outcome"], "refused");
        assert!(refused.summary.contains("  why   "), "{}", refused.summary);
        assert_eq!(site.live("prod"), before);
    }
    let [_, deployed] = site.deploy_to_prod("DEPLOY").try_into().unwrap();
    assert_eq!((deployed.code, site.live("prod")), (0, sha), "{}", deployed.log);
}

#[test]
fn the_hourly_look_is_green_while_all_is_well_and_red_when_the_agent_is_gone() {
    let site = Site::initialized();
    let mut runner = site.runner(&site.live("preprod"));
    let [well] = runner.workflow(".github/workflows/health-check.yml").try_into().unwrap();
    assert_eq!((well.code, well.outputs["outcome"].as_str()), (0, "healthy"), "{}", well.log);
    let webhook = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/token-of-the-webhook", webhook.local_addr().unwrap());
    runner.contexts.insert("secrets.DISCORD_WEBHOOK_URL".into(), address);
    runner.contexts.insert("vars.RIPCORD_AGENT".into(), "https://localhost:1".into());
    let told = std::thread::spawn(move || {
        let (mut connection, _) = webhook.accept().unwrap();
        let mut told = vec![0; 4096];
        let length = std::io::Read::read(&mut connection, &mut told).unwrap();
        connection.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").unwrap();
        String::from_utf8_lossy(&told[..length]).into_owned()
    });
    let [gone] = runner.workflow(".github/workflows/health-check.yml").try_into().unwrap();
    assert_eq!(gone.code, 5, "{}", gone.log);
    gone.assert_one_error();
    assert_eq!(gone.outputs["outcome"], "error");
    assert!(gone.summary.starts_with("### ✘ ripcord health"), "{}", gone.summary);
    assert!(told.join().unwrap().starts_with("POST /token-of-the-webhook"));
    assert!(!gone.log.contains("token-of-the-webhook"));
}

/// The controller itself, as a workflow gets it: downloaded, and verified.
#[test]
fn ci_is_green_and_red_with_the_checks_of_the_repository() {
    let site = Site::new();
    site.ripcord(&["init", "--github", "--yes"], "work");
    let style = "test ! -e red || { echo 'app.py:3:80: E501 line too long'; exit 1; }";
    let checks = format!("[[checks.preprod.jobs]]\nname = \"style\"\nrun = \"{style}\"\n");
    fs::write(site.work().join("ripcord.toml"), checks).unwrap();
    let folder = format!("ripcord-0.1.0-{}-unknown-linux-gnu", std::env::consts::ARCH);
    let program = site.path("release").join(&folder).join("ripcord");
    fs::create_dir_all(program.parent().unwrap()).unwrap();
    fs::copy(env!("CARGO_BIN_EXE_ripcord"), &program).unwrap();
    let mut runner = site.runner(&site.live("preprod"));
    let releases = crate::releases::published(&site, "0.1.0", &folder);
    runner.contexts.insert("vars.RIPCORD_RELEASES".into(), releases);
    let [green] = runner.workflow(".github/workflows/ci.yml").try_into().unwrap();
    assert_eq!(green.code, 0, "{}", green.log);
    assert!(green.summary.contains("style"), "{}", green.summary);

    fs::write(site.work().join("red"), "").unwrap();
    let [red] = runner.workflow(".github/workflows/ci.yml").try_into().unwrap();
    assert_eq!(red.code, 7, "{}", red.log);
    assert!(red.summary.contains("❌"), "{}", red.summary);
    let annotated = "::error file=app.py,line=3,col=80";
    assert!(red.commands().iter().any(|line| line.starts_with(annotated)), "{}", red.log);
}

/// Stands in for the controller: what `check` does is told above and elsewhere.
#[test]
fn ci_asks_for_the_checks_of_preprod_and_keeps_the_key_from_them() {
    let site = Site::new();
    site.ripcord(&["init", "--github", "--python", "--yes"], "work");
    let folder = format!("ripcord-0.1.0-{}-unknown-linux-gnu", std::env::consts::ARCH);
    let program = site.path("release").join(&folder).join("ripcord");
    fs::create_dir_all(program.parent().unwrap()).unwrap();
    fs::write(&program, "#!/bin/sh\nprintf '%s\\n' \"$@\"\nenv | grep -c _PEM\n").unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let mut runner = site.runner(&site.live("preprod"));
    let releases = crate::releases::published(&site, "0.1.0", &folder);
    runner.contexts.insert("vars.RIPCORD_RELEASES".into(), releases);
    let [step] = runner.workflow(".github/workflows/ci.yml").try_into().unwrap();
    assert_eq!(step.log, "check\npreprod\n0\n");
    let releases = runner.contexts["vars.RIPCORD_RELEASES"].clone();
    let secret = |name: &str| runner.contexts[&format!("secrets.{name}")].clone();
    let given = |command: &str| {
        [
            ("command", command.to_owned()),
            ("version", "0.1.0".to_owned()),
            ("key", secret("RIPCORD_KEY")),
        ]
    };
    for (command, told) in [("check", "check\n0\n"), ("status", "status\n1\n")] {
        let given = given(command).map(|(name, value)| (name.to_owned(), value)).into();
        let environment = [("RIPCORD_RELEASES".to_owned(), releases.clone())].into();
        let folder = runner.workspace.join(crate::ACTION);
        assert_eq!(runner.action(command, &folder, &given, &environment).log, told);
    }
}

#[test]
fn the_workflows_are_set_off_and_kept_apart_as_the_mission_says() {
    let site = Site::initialized();
    let file = |name: &str| yaml(&site.work().join(".github/workflows").join(name));
    let (ci, preprod) = (file("ci.yml"), file("cd-preprod.yml"));
    let (prod, health) = (file("cd-prod.yml"), file("health-check.yml"));
    assert_eq!(ci["on"]["push"]["branches"][0], "main");
    assert_eq!(ci["on"]["pull_request"]["branches"][0], "main");
    assert_eq!(preprod["on"]["push"]["branches"][0], "main");
    assert_eq!(health["on"]["schedule"][0]["cron"], "0 * * * *");
    let by_hand = prod["on"].as_object().unwrap();
    assert_eq!(by_hand.keys().collect::<Vec<_>>(), ["workflow_dispatch"]);
    assert_eq!(prod["on"]["workflow_dispatch"]["inputs"]["confirmation"]["required"], true);
    for workflow in [&ci, &preprod, &prod, &health] {
        assert_eq!(workflow["permissions"], serde_json::json!({ "contents": "read" }));
        let job = workflow["jobs"].as_object().unwrap().values().next().unwrap();
        assert!(job["timeout-minutes"].is_i64());
    }
    for kept in [&preprod, &prod, &health] {
        assert_eq!(kept["concurrency"]["cancel-in-progress"], false);
    }
    // A commit that is pushed has a group of its own: no newer one takes its verdict away.
    let group = ci["concurrency"]["group"].as_str().unwrap();
    assert_eq!(group, "ci-${{ github.event.pull_request.number || github.sha }}");
    assert!(ci["on"]["push"]["paths"].is_null() && ci["on"]["push"]["paths-ignore"].is_null());
}

//! The operator's own commands around a restart, through a real agent.
#![allow(missing_docs, clippy::unwrap_used)]

mod support {
    pub mod git;
    pub mod mtls;
    pub mod pki;
    pub mod site;
}

use std::fs;

use ripcord_proto::v1::Outcome;
use support::site::{Site, Told, deploy, request};

/// Writes down when it runs and for what; fails when the commit brings a file that says so.
const HOOK: &str = "echo \"$1 of $RIPCORD_ENVIRONMENT #$RIPCORD_DEPLOYMENT\"
echo \"$1 $RIPCORD_SHA\" >>../ran
if test -e \"fails-$1\"; then echo \"no room for $1\" >&2; exit 4; fi
";

async fn site_with_hooks() -> Site {
    let site = Site::new().await;
    fs::write(site.git.work.join("hook.sh"), HOOK).unwrap();
    site
}

fn environment(site: &Site) -> String {
    let hooks = "[environments.lab.hooks]
pre_restart = [[\"sh\", \"hook.sh\", \"pre\"]]
post_restart = [[\"sh\", \"hook.sh\", \"post\"], [\"sh\", \"hook.sh\", \"late\"]]
timeout = \"10s\"
";
    [&site.lab(), hooks].concat()
}

fn ran(site: &Site) -> Vec<String> {
    let text = fs::read_to_string(site.folder.path().join("ran")).unwrap();
    text.lines().map(str::to_owned).collect()
}

async fn failing(site: &Site, hook: &str) -> (Told, String) {
    let agent = site.start(&environment(site));
    let mut client = site.client(&agent);
    let good = site.git.pushed("good");
    assert_eq!(deploy(&mut client, request("lab", &good)).await.outcome(), Outcome::Validated);
    fs::write(site.git.work.join(format!("fails-{hook}")), "").unwrap();
    let bad = site.git.pushed("bad");
    (deploy(&mut client, request("lab", &bad)).await, good)
}

#[tokio::test]
async fn hooks_run_in_order_around_the_restart_and_their_output_is_in_the_story() {
    let site = site_with_hooks().await;
    let agent = site.start(&environment(&site));
    let sha = site.git.pushed("good");
    let told = deploy(&mut site.client(&agent), request("lab", &sha)).await;
    assert_eq!(told.outcome(), Outcome::Validated, "{}", told.story());
    assert_eq!(ran(&site), [format!("pre {sha}"), format!("post {sha}"), format!("late {sha}")]);
    let story = told.story();
    let at = |text: &str| story.find(text).unwrap_or_else(|| panic!("{text}: {story}"));
    assert!(at("pre_restart: pre of lab #1") < at("restarted `sleep"), "{story}");
    assert!(at("restarted `sleep") > at("pre of lab"), "{story}");
    assert!(at("post_restart: post of lab #1") < at("post_restart: late of lab #1"), "{story}");
}

#[tokio::test]
async fn a_failing_hook_before_the_restart_fails_the_deployment_and_what_ran_is_restored() {
    let site = site_with_hooks().await;
    let (told, good) = failing(&site, "pre").await;
    assert_eq!(told.outcome(), Outcome::Failed, "{}", told.story());
    assert!(told.result().reason.contains("hook pre_restart"), "{}", told.result().reason);
    assert!(told.story().contains("no room for pre"), "{}", told.story());
    site.git.assert_live_is(&good);
    assert_eq!(told.result().live.as_ref().unwrap().sha, good);
}

#[tokio::test]
async fn a_failing_hook_after_the_restart_fails_the_deployment_and_what_ran_is_restored() {
    let site = site_with_hooks().await;
    let (told, good) = failing(&site, "post").await;
    assert_eq!(told.outcome(), Outcome::Failed, "{}", told.story());
    assert!(told.result().reason.contains("hook post_restart"), "{}", told.result().reason);
    site.git.assert_live_is(&good);
    let ran = ran(&site);
    assert_eq!(ran.iter().filter(|line| line.starts_with("late")).count(), 2, "{ran:?}");
    assert_eq!(ran.last(), Some(&format!("late {good}")), "the restoring restart has hooks too");
}

//! A prod whose files a command brings, through a real agent with real backups.

use std::{fs, os::unix::fs::PermissionsExt as _};

use ripcord_proto::v1::{Outcome, RollbackRequest, WaitFor};

use crate::support::site::{Agent, Site, deploy, request, rollback, status};

/// `preprod` validates by `check.sh`; `prod` is a folder that a script fills, and that is saved first.
fn start(site: &Site) -> Agent {
    let root = site.folder.path();
    let (prod, script) = (root.join("prod"), root.join("promote.sh"));
    fs::create_dir(&prod).unwrap();
    fs::write(prod.join("page.txt"), "from before").unwrap();
    let text = "#!/bin/sh\nset -e\ncp \"$RIPCORD_SOURCE\"/page.txt ../prod/page.txt\n";
    let text = text.replace("../prod", prod.to_str().unwrap());
    let text = format!("{text}if grep -q half-way page.txt; then exit 3; fi\n");
    fs::write(&script, text).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let preprod =
        site.environment("preprod", "source = \"command\"\nrun = [[\"sh\", \"check.sh\"]]");
    let (prod, script) = (prod.display(), script.display());
    let backups = root.join("backups");
    let tables = format!(
        r#"
[environments.prod]
promotes = "preprod"
url = "{url}"
[environments.prod.promote]
run = ["{script}"]
[environments.prod.backup]
paths = ["{prod}"]
dir = "{backups}"
[environments.prod.runtime]
kind = "process"
run = ["sleep", "100000"]
[environments.prod.health]
attempts = 2
interval = "50ms"
[environments.prod.verify]
when = "none"
"#,
        url = site.application,
        backups = backups.display(),
    );
    site.start(&[preprod, tables].concat())
}

fn page(site: &Site) -> String {
    fs::read_to_string(site.folder.path().join("prod/page.txt")).unwrap()
}

fn back() -> RollbackRequest {
    RollbackRequest {
        environment: "prod".to_owned(),
        wait: WaitFor::Verdict.into(),
        ..RollbackRequest::default()
    }
}

#[tokio::test]
async fn a_commit_is_promoted_and_a_rollback_restores_what_was_there_without_any_network() {
    let site = Site::new().await;
    let agent = start(&site);
    let mut client = site.client(&agent);
    let (first, second) = (site.git.pushed("one"), site.git.commit("two"));
    deploy(&mut client, request("preprod", &first)).await;
    let told = deploy(&mut client, request("prod", &first)).await;
    assert_eq!(told.outcome(), Outcome::Validated, "{}", told.story());
    assert_eq!(page(&site), "one");
    site.git.push();
    deploy(&mut client, request("preprod", &second)).await;
    fs::rename(&site.git.origin, site.folder.path().join("gone")).unwrap();
    let told = deploy(&mut client, request("prod", &second)).await;
    assert_eq!(told.outcome(), Outcome::Validated, "{}", told.story());
    assert_eq!((page(&site).as_str(), status(&mut client, "prod").await.exact), ("two", None));
    let told = rollback(&mut client, back()).await;
    assert_eq!(told.result().live.as_ref().unwrap().sha, first, "{}", told.story());
    assert_eq!(page(&site), "one");
}

#[tokio::test]
async fn a_first_promotion_that_fails_half_way_leaves_prod_as_it_was() {
    let site = Site::new().await;
    let agent = start(&site);
    let mut client = site.client(&agent);
    let bad = site.git.pushed("half-way");
    deploy(&mut client, request("preprod", &bad)).await;
    let told = deploy(&mut client, request("prod", &bad)).await;
    assert_eq!(told.outcome(), Outcome::Failed, "{}", told.story());
    assert_eq!(page(&site), "from before");
    assert!(told.story().contains("exited with code 3"), "{}", told.story());
}

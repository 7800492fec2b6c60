//! Where the action gets the controller from: PATH, or a release of which not one byte runs before its
//! digest was compared.

use std::{fs, process::Command};

use crate::{runner::Step, site::Site};

/// A release of `release/FOLDER` as its own page would offer it; answers where its like are.
pub(crate) fn published(site: &Site, version: &str, folder: &str) -> String {
    let place = site.path("releases").join(format!("v{version}"));
    fs::create_dir_all(&place).unwrap();
    let archive = place.join(format!("{folder}.tar.gz"));
    let script = "tar -czf \"$1\" -C \"$2\" \"$3\" && cd \"${1%/*}\" && sha256sum \"$3.tar.gz\" >\"$3.tar.gz.sha256\"";
    let mut packing = Command::new("sh");
    packing.args(["-c", script, "sh"]).arg(&archive).arg(site.path("release")).arg(folder);
    assert!(packing.status().unwrap().success());
    format!("file://{}", site.path("releases").display())
}

fn release_of_the_controller(site: &Site) -> (String, String) {
    let folder = format!("ripcord-0.9.0-{}-unknown-linux-gnu", std::env::consts::ARCH);
    let program = site.path("release").join(&folder);
    fs::create_dir_all(&program).unwrap();
    fs::copy(env!("CARGO_BIN_EXE_ripcord"), program.join("ripcord")).unwrap();
    let archive = site.path(&format!("releases/v0.9.0/{folder}.tar.gz"));
    (published(site, "0.9.0", &folder), archive.display().to_string())
}

fn status_with(site: &Site, releases: &str, version: &str) -> Step {
    let mut runner = site.runner(&site.live("preprod"));
    runner.variables.insert("RIPCORD_RELEASES".into(), releases.into());
    // No other controller than the one that is downloaded.
    runner.variables.insert("PATH".into(), std::env::var("PATH").unwrap());
    let mut given = crate::Texts::new();
    let context = |name: &str| runner.contexts[name].clone();
    given.insert("command".into(), "status".into());
    given.insert("version".into(), version.into());
    given.insert("agent".into(), context("vars.RIPCORD_AGENT"));
    for (input, secret) in [("ca", "RIPCORD_CA"), ("cert", "RIPCORD_CERT"), ("key", "RIPCORD_KEY")]
    {
        given.insert(input.into(), context(&format!("secrets.{secret}")));
    }
    runner.action("status", &runner.workspace.join(crate::ACTION), &given, &crate::Texts::new())
}

#[test]
fn a_release_runs_when_its_digest_is_right_and_never_otherwise() {
    let site = Site::initialized();
    let (releases, archive) = release_of_the_controller(&site);
    let published = fs::read_to_string(format!("{archive}.sha256")).unwrap();
    let digest = &published[..64];
    let pinned = format!("0.9.0@sha256:{digest}");
    for version in ["0.9.0", "v0.9.0", &pinned] {
        let step = status_with(&site, &releases, version);
        assert_eq!(step.code, 0, "{version}: {}", step.log);
        assert!(step.log.contains("preprod"), "{}", step.log);
    }
    // Whoever can put another archive there can put its digest there too, but not into the workflow.
    let other = published.replace(&digest[..4], "0000");
    fs::write(format!("{archive}.sha256"), other).unwrap();
    assert_eq!(status_with(&site, &releases, &pinned).code, 0);
    let refused = status_with(&site, &releases, "0.9.0");
    assert_eq!((refused.code, refused.outputs["outcome"].as_str()), (2, "error"));
    assert!(refused.log.contains("nothing of it was run"), "{}", refused.log);
    refused.assert_one_error();
}

#[test]
fn a_controller_that_is_nowhere_is_told_once_with_what_to_do() {
    let site = Site::initialized();
    for (version, told) in [
        ("local", "install it there, or name a release"),
        ("9.9.9", "cannot be downloaded"),
        ("../../etc", "neither local nor a release"),
        ("1.0.0; touch pwned", "neither local nor a release"),
    ] {
        let step = status_with(&site, "file:///nowhere", version);
        assert_eq!((step.code, step.outputs["outcome"].as_str()), (2, "error"), "{version}");
        assert!(step.log.contains(told), "{}", step.log);
        step.assert_one_error();
    }
}

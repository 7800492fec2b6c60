//! The binaries under demonstration, built by the cargo that runs the demo.

use std::{
    env,
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};

/// Where the binaries are.
pub(crate) struct Tools {
    pub(crate) controller: PathBuf,
    pub(crate) agent: PathBuf,
}

impl Tools {
    pub(crate) fn build() -> Result<Self> {
        let example = env::current_exe()?;
        let folder = example.parent().and_then(Path::parent);
        let folder = folder.context("the demo runs outside of a target folder")?.to_owned();
        let mut build = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        build.args(["build", "--bins", "--package", "ripcord", "--package", "ripcord-agent"]);
        build.arg("--manifest-path").arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
        if folder.ends_with("release") {
            build.arg("--release");
        }
        for (name, _) in env::vars_os().filter(|(name, _)| is_about_the_demo(name)) {
            build.env_remove(name);
        }
        let status = build.status().context("cargo could not be started")?;
        ensure!(status.success(), "the build failed; its messages are above");
        Ok(Self { controller: folder.join("ripcord"), agent: folder.join("ripcord-agent") })
    }

    pub(crate) fn certificates(&self, out: &Path) -> Result<()> {
        let mut certs = Command::new(&self.controller);
        let made = certs.args(["certs", "dev", "--out"]).arg(out).output()?;
        let said = String::from_utf8_lossy(&made.stderr);
        ensure!(made.status.success(), "`ripcord certs dev` failed: {said}");
        Ok(())
    }
}

/// What `cargo run` tells the demo of its own package. Build scripts that look at these variables
/// (ring's does) would otherwise run again in the build below, and once more at the next demo.
fn is_about_the_demo(variable: &OsStr) -> bool {
    let name = variable.to_string_lossy();
    name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
}

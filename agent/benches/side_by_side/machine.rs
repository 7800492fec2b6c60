//! The machine that is measured: what has to be installed on it, and what it is.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Where programs are that only root uses.
const OF_ROOT: [&str; 3] = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/// Programs, and the Debian packages that have them.
const NEEDED: [(&str, &str); 6] = [
    ("docker", "docker.io"),
    ("docker-compose", "docker-compose"),
    ("busybox", "busybox-static"),
    ("curl", "curl"),
    ("git", "git"),
    ("setpriv", "util-linux"),
];

/// Debian packages without which nothing can be measured.
pub(crate) fn missing() -> Vec<&'static str> {
    let missing = NEEDED.iter().filter(|(program, _)| !has(program));
    missing.map(|(_, package)| *package).collect()
}

/// Whether there is such a program.
pub(crate) fn has(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(OF_ROOT.map(PathBuf::from));
    folders.into_iter().any(|folder| folder.join(program).exists())
}

/// Where runs find the binaries, and leave their figures.
pub(crate) fn folder() -> PathBuf {
    let target = Path::new(env!("CARGO_BIN_EXE_ripcord-agent")).ancestors().nth(2).unwrap();
    target.join("side_by_side")
}

/// One line for people: figures mean nothing without it.
///
/// # Errors
/// Says that no Docker engine answers.
pub(crate) fn description() -> Result<String, String> {
    let engine = engine_version()?;
    let read = |file| fs::read_to_string(file).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let processor = read("/proc/cpuinfo");
    let processor = processor.lines().find_map(|line| line.strip_prefix("model name"));
    let processor =
        processor.map_or("unknown processor", |name| name.trim_matches([' ', '\t', ':']));
    let kernel = read("/proc/sys/kernel/osrelease");
    let load = read("/proc/loadavg");
    let load = load.split(' ').next().unwrap_or_default();
    let today = jiff::Zoned::now().strftime("%Y-%m-%d").to_string();
    let kernel = kernel.trim();
    Ok(format!(
        "{today}, {cores} cores ({processor}), Linux {kernel}, Docker {engine}, load {load} at the start"
    ))
}

fn engine_version() -> Result<String, String> {
    let mut docker = Command::new("docker");
    docker.args(["version", "--format", "{{.Server.Version}}"]);
    let output = docker.output().map_err(|error| format!("docker does not start: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("no Docker engine answers: {}", said.trim()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

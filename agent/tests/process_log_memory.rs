//! Readers of the end of a long log must not each hold a file of it: measured on the process,
//! therefore alone in its binary.
#![allow(missing_docs, clippy::unwrap_used)]

use std::{fmt::Write, fs, path::Path, time::Duration};

use futures_util::{StreamExt, future::join_all};
use ripcord_agent::{
    adapters::process::{ProcessRuntime, ProcessSettings},
    ports::{LogStart, Runtime},
};

const READERS: usize = 50;
const LINES: i64 = 40_000;

fn peak_bytes() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

/// What an application left that wrote 8 MB.
fn write_long_log(state: &Path) {
    let folder = state.join("log");
    fs::create_dir_all(&folder).unwrap();
    let mut text = String::new();
    for n in 1..=LINES {
        writeln!(text, "{n} o {n:08} {}", "x".repeat(190)).unwrap();
    }
    fs::write(folder.join("00000001.log"), text).unwrap();
}

#[tokio::test]
async fn fifty_readers_of_the_last_line_of_a_long_log_cost_less_than_32_mib() {
    let state = tempfile::tempdir().unwrap();
    write_long_log(state.path());
    let log = ProcessRuntime::new(ProcessSettings {
        name: "web".to_owned(),
        argv: vec!["true".to_owned()],
        cwd: state.path().to_owned(),
        env: Vec::new(),
        stop_timeout: Duration::from_secs(1),
        state_dir: state.path().to_owned(),
    });
    let before = peak_bytes();
    let last = LogStart { tail: Some(1), ..LogStart::default() };
    let readings = (0..READERS).map(|_| log.logs().lines(last).collect::<Vec<_>>());
    for records in join_all(readings).await {
        let [Ok(chunk)] = &records[..] else { panic!("one line: {records:?}") };
        let [record] = &chunk[..] else { panic!("one line: {chunk:?}") };
        assert!(record.line.starts_with("00040000 "), "{}", record.line);
    }
    let grown = peak_bytes().saturating_sub(before);
    assert!(grown < 32 * 1024 * 1024, "grown by {grown} bytes");
}

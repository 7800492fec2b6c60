//! Files as Docker leaves them behind: rotated, compressed, torn, truncated while they are read.

use std::{
    fs::{self, OpenOptions},
    io::{Read, Write},
    path::Path,
};

use flate2::{Compression, read::MultiGzDecoder, write::GzEncoder};
use tempfile::TempDir;

use super::{LogFile, Reader};
use crate::{
    adapters::docker::tracker::Tracker,
    ports::{LogRecord, LogStart},
};

/// A log whose line `n` was printed in second `n`.
struct Log {
    folder: TempDir,
    kept: u32,
}

/// As Docker writes it down.
fn line(n: u64) -> String {
    let (minute, second) = (n / 60 % 60, n % 60);
    let time = format!("2026-11-22T{:02}:{minute:02}:{second:02}.5Z", n / 3600);
    format!("{{\"log\":\"n {n}\\n\",\"stream\":\"stdout\",\"time\":\"{time}\"}}\n")
}

fn lines(numbers: impl IntoIterator<Item = u64>) -> String {
    numbers.into_iter().map(line).collect()
}

fn second(n: u64) -> i64 {
    1_795_305_600_000_000_000 + i64::try_from(n).unwrap() * 1_000_000_000
}

impl Log {
    fn new(kept: u32) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), kept }
    }

    fn path(&self, suffix: &str) -> std::path::PathBuf {
        self.folder.path().join(format!("x-json.log{suffix}"))
    }

    fn write(&self, suffix: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(suffix), content).unwrap();
    }

    fn append(&self, content: &str) {
        let file = OpenOptions::new().append(true).open(self.path(""));
        file.unwrap().write_all(content.as_bytes()).unwrap();
    }

    fn compress(&self, suffix: &str, content: &str) {
        fs::write(self.path(&format!("{suffix}.gz")), compressed(content)).unwrap();
    }

    fn open(&self, from: LogStart) -> Reader {
        let parts = LogFile { path: self.path(""), kept: self.kept }.open().unwrap();
        Reader::new(parts, Tracker::new("web".into(), from.since_unix_nanos.unwrap_or(0)), from)
    }

    fn read(&self, from: LogStart) -> Vec<String> {
        rest(&mut self.open(from))
    }
}

fn compressed(content: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn rest(reader: &mut Reader) -> Vec<String> {
    let chunks = std::iter::from_fn(|| reader.next().unwrap());
    chunks.flatten().map(|LogRecord { line, .. }| line).collect()
}

fn numbers(range: impl IntoIterator<Item = u64>) -> Vec<String> {
    range.into_iter().map(|n| format!("n {n}")).collect()
}

fn tail(tail: u64) -> LogStart {
    LogStart { tail: Some(tail), ..LogStart::default() }
}

fn since(n: u64) -> LogStart {
    LogStart { since_unix_nanos: Some(second(n)), ..LogStart::default() }
}

/// Of 12,000 lines the oldest in two compressed files, then in a plain one, then in the newest.
fn rotated() -> Log {
    let log = Log::new(5);
    log.compress(".3", &lines(0..3_000));
    log.compress(".2", &lines(3_000..6_000));
    log.write(".1", lines(6_000..9_000));
    log.write("", lines(9_000..12_000));
    log
}

#[test]
fn all_files_are_one_log_from_the_oldest_to_the_newest() {
    assert_eq!(rotated().read(LogStart::default()), numbers(0..12_000));
}

#[test]
fn files_that_docker_does_not_keep_any_more_are_not_read() {
    let log = rotated();
    let log = Log { kept: 2, ..log };
    assert_eq!(log.read(LogStart::default()), numbers(6_000..12_000));
}

#[test]
fn the_last_lines_are_found_in_whichever_file_they_begin() {
    let log = rotated();
    for wanted in [0, 1, 7, 2_999, 3_000, 3_001, 6_000, 6_500, 9_000, 9_001, 12_000, 50_000] {
        let first = 12_000_u64.saturating_sub(wanted);
        assert_eq!(log.read(tail(wanted)), numbers(first..12_000), "the last {wanted}");
    }
}

#[test]
fn lines_since_an_instant_are_the_same_as_by_reading_everything() {
    let log = rotated();
    for first in [0, 1, 2_950, 3_030, 6_000, 8_999, 9_000, 11_000, 11_999, 12_000] {
        assert_eq!(log.read(since(first)), numbers(first..12_000), "since {first}");
    }
}

#[test]
fn while_a_file_is_being_compressed_its_lines_come_once() {
    let log = rotated();
    log.write(".1.gz", &compressed(&lines(6_000..9_000))[..200]);
    assert_eq!(log.read(LogStart::default()), numbers(0..12_000));
}

#[test]
fn rotation_during_the_reading_takes_nothing_away_and_repeats_nothing() {
    let log = rotated();
    let mut reader = log.open(LogStart::default());
    let mut read: Vec<String> =
        reader.next().unwrap().unwrap().into_iter().map(|record| record.line).collect();
    fs::remove_file(log.path(".3.gz")).unwrap();
    for (from, to) in [(".2.gz", ".3.gz"), (".1", ".2"), ("", ".1")] {
        fs::rename(log.path(from), log.path(to)).unwrap();
    }
    log.write("", lines(12_000..12_100));
    read.extend(rest(&mut reader));
    assert_eq!(read, numbers(0..12_000));
}

#[test]
fn a_file_that_is_truncated_while_it_is_read_is_not_taken_for_read_to_its_end() {
    for later in [0, 10, 40_000] {
        let log = Log::new(1);
        log.write("", lines(0..20_000));
        let mut reader = log.open(LogStart::default());
        let first = reader.next().unwrap().unwrap().len() as u64;
        log.write("", lines(20_000..20_000 + later));
        let mut read = Vec::new();
        let end = loop {
            match reader.next() {
                Ok(Some(records)) => read.extend(records.into_iter().map(|record| record.line)),
                end => break end,
            }
        };
        // A chunk may have been at hand; nothing of the new content is taken for the old one's.
        assert_eq!(read, numbers(first..first + read.len() as u64), "then {later} lines");
        assert!(end.is_err(), "then {later} lines");
    }
}

#[test]
fn a_line_that_is_being_written_is_waited_for_no_longer_than_the_file_is() {
    let log = Log::new(1);
    let torn = line(2);
    log.write("", lines(0..2) + &torn[..40]);
    assert_eq!(log.read(LogStart::default()), numbers(0..2));
    let mut reader = log.open(LogStart::default());
    log.append(&torn[40..]);
    log.append(&line(3));
    assert_eq!(rest(&mut reader), numbers(0..3), "the line, and none from after the opening");
}

#[test]
fn damage_costs_the_damaged_line_alone() {
    let log = Log::new(3);
    let torn = &line(1)[..30];
    log.write(".1", lines(0..1) + torn);
    let zeros = "\0".repeat(3 * 1024 * 1024);
    log.write("", format!("{zeros}\n{}not json\n{torn}{}{}", line(2), line(3), line(4)));
    assert_eq!(log.read(LogStart::default()), numbers([0, 2, 3, 4]));
}

#[test]
fn a_damaged_archive_costs_its_own_rest_alone() {
    let log = rotated();
    let whole = fs::read(log.path(".2.gz")).unwrap();
    log.write(".2.gz", &whole[..whole.len() / 2]);
    let mut legible = Vec::new();
    let _ = MultiGzDecoder::new(&whole[..whole.len() / 2]).read_to_end(&mut legible);
    let kept = legible.iter().filter(|byte| **byte == b'\n').count() as u64;
    assert!(kept > 0 && kept < 3_000, "{kept}");
    let kept: Vec<u64> = (0..3_000 + kept).chain(6_000..12_000).collect();
    assert_eq!(log.read(LogStart::default()), numbers(kept.iter().copied()));
    for wanted in [6_001, 6_500, 9_000] {
        let last = &kept[kept.len().saturating_sub(wanted)..];
        assert_eq!(log.read(tail(wanted as u64)), numbers(last.iter().copied()));
    }
}

#[test]
fn a_log_that_is_not_at_hand_is_an_error_before_anything_is_read() {
    let file = LogFile { path: Path::new("/nowhere/x-json.log").into(), kept: 1 };
    assert!(file.open().is_err());
}

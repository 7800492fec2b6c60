//! No question to the journal reads all of it: SQLite's own plan of every statement that the journal's
//! source holds says so, whatever somebody adds later.
#![allow(missing_docs, clippy::unwrap_used)]

use std::{fs, path::Path};

use regex::Regex;
use ripcord_agent::journal::{Journal, file_in};
use rusqlite::Connection;
use tempfile::TempDir;

/// A statement, and where it is.
struct Statement {
    file: String,
    sql: String,
}

/// The string literals of the journal's source that are SQL about rows.
fn statements() -> Vec<Statement> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/journal");
    let literal = Regex::new(r#""((?:[^"\\]|\\[\s\S])*)""#).unwrap();
    let sources = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let sources = sources.filter(|path| !path.ends_with("schema.rs"));
    let mut found = Vec::new();
    for path in sources {
        let source = without_comments(&fs::read_to_string(&path).unwrap());
        for text in literal.captures_iter(&source) {
            let sql = filled_in(&text[1]);
            let verb = sql.split_whitespace().next().unwrap_or_default();
            if ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH"].contains(&verb) {
                let file = path.file_name().unwrap().to_string_lossy().into_owned();
                found.push(Statement { file, sql });
            }
        }
    }
    found
}

fn without_comments(source: &str) -> String {
    source
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// What the code puts in is names of events: those that the index of figures knows.
fn filled_in(literal: &str) -> String {
    let names = ripcord_core::stats::Tally::EVENTS.map(|name| format!("'{name}'")).join(", ");
    let indexed = format!("name IN ({names})");
    let continued = Regex::new(r"\\\n\s*").unwrap();
    let text = continued.replace_all(literal, "");
    text.replace("{INDEXED}", &indexed).replace("({})", &format!("({names})"))
}

fn plan(file: &Connection, sql: &str) -> Vec<String> {
    let mut explained = file.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    // What is not bound is NULL, which changes no plan.
    let mut rows = explained.raw_query();
    let mut steps = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        steps.push(row.get::<_, String>(3).unwrap());
    }
    steps
}

/// What grows with the history and would be read from one end to the other, or sorted.
fn grows(step: &str) -> bool {
    let scans = step.starts_with("SCAN event") || step.starts_with("SCAN deployment");
    // All that an environment ever had is found by an index, too.
    scans || step.contains("TEMP B-TREE") || step.ends_with("(environment=?)")
}

/// The newest of an environment need no other condition: a limit is where the reading ends.
fn is_of_the_newest(sql: &str) -> bool {
    Regex::new(r"WHERE environment = :\w+\s+ORDER BY number DESC LIMIT").unwrap().is_match(sql)
}

/// Figures sort what they were asked for, and nothing else does.
fn is_bounded_by_its_asker(sql: &str) -> bool {
    sql.contains("at BETWEEN :from AND :to")
}

#[test]
fn every_statement_of_the_journal_finds_its_rows_by_an_index() {
    let folder = TempDir::new().unwrap();
    let path = file_in(folder.path());
    drop(Journal::open(&path).unwrap());
    let file = Connection::open(&path).unwrap();
    let statements = statements();
    assert!(statements.len() >= 25, "only {} statements were found", statements.len());
    for Statement { file: source, sql } in &statements {
        let steps = plan(&file, sql);
        let bad: Vec<_> = steps.iter().filter(|step| grows(step)).collect();
        let sorts = |step: &&&String| step.contains("TEMP B-TREE");
        let fine = bad.is_empty()
            || is_bounded_by_its_asker(sql) && bad.iter().all(|step| sorts(&step))
            || is_of_the_newest(sql) && bad.len() == 1 && !bad[0].starts_with("SCAN");
        assert!(fine, "{source}: {sql}\nis done by {steps:#?}");
    }
}

#[test]
fn a_statement_that_reads_everything_would_be_seen() {
    let folder = TempDir::new().unwrap();
    let path = file_in(folder.path());
    drop(Journal::open(&path).unwrap());
    let file = Connection::open(&path).unwrap();
    let slow = [
        "SELECT count(*) FROM deployment",
        "SELECT at FROM event WHERE name = 'output'",
        "SELECT at FROM event WHERE environment = :name ORDER BY at",
        "SELECT at FROM event WHERE environment = :name ORDER BY sequence DESC LIMIT 1",
        "SELECT at FROM event WHERE environment = :name AND deployment IN (:one, :other)
         ORDER BY sequence LIMIT 9",
        "SELECT data FROM deployment WHERE environment = :name AND request_id = :request
         ORDER BY number DESC LIMIT 1",
        "DELETE FROM event WHERE at < 5",
    ];
    for sql in slow {
        assert!(plan(&file, sql).iter().any(|step| grows(step)), "{sql}");
    }
}

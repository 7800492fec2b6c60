//! What real tools printed, and what is read from it. The first line of each sample says how it was
//! made.

use std::fs;

use serde_json::Value;

use crate::project::Project;

/// What is read from a sample, as `file:line:column severity title: message`.
async fn read(sample: &str) -> Vec<String> {
    let run = format!("sed \"s|@ROOT@|$PWD|g\" ../{sample}; exit 1");
    let project = Project::of_jobs(&[("x", &run, "dir = 'app'")]);
    let source = format!("{}/tests/check/fixtures/{sample}", env!("CARGO_MANIFEST_DIR"));
    fs::copy(source, project.path(sample)).unwrap();
    project.write("app/keep", "");
    let object = project.check(&["--json"]).await.json();
    object["jobs"][0]["diagnostics"].as_array().unwrap().iter().map(line).collect()
}

fn line(diagnostic: &Value) -> String {
    let text = |key: &str| diagnostic[key].as_str().unwrap_or("-").to_owned();
    let number = |key: &str| diagnostic[key].as_u64().map_or("-".to_owned(), |it| it.to_string());
    let place = format!("{}:{}:{}", text("file"), number("line"), number("column"));
    format!("{place} {} {}: {}", text("severity"), text("title"), text("message"))
}

#[tokio::test]
async fn flake8() {
    insta::assert_snapshot!(read("flake8.txt").await.join("\n"), @"");
}

#[tokio::test]
async fn mypy() {
    insta::assert_snapshot!(read("mypy.txt").await.join("\n"), @"");
}

#[tokio::test]
async fn pydocstyle() {
    insta::assert_snapshot!(read("pydocstyle.txt").await.join("\n"), @"");
}

#[tokio::test]
async fn black() {
    insta::assert_snapshot!(read("black.txt").await.join("\n"), @"");
}

#[tokio::test]
async fn pytest_names_each_test_with_its_own_line_and_the_whole_reason() {
    insta::assert_snapshot!(read("pytest.txt").await.join("\n"), @"");
}

#[tokio::test]
async fn pytest_that_cannot_import_a_file_names_it() {
    insta::assert_snapshot!(read("pytest-collection.txt").await.join("\n"), @"");
}

#[tokio::test]
async fn rustc_in_both_forms() {
    insta::assert_snapshot!(read("rustc.txt").await.join("\n"), @"");
    insta::assert_snapshot!(read("rustc-short.txt").await.join("\n"), @"");
}

#[tokio::test]
async fn cargo_test_names_the_panic_and_the_warning() {
    insta::assert_snapshot!(read("cargo-test.txt").await.join("\n"), @"");
}

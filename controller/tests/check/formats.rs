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
    insta::assert_snapshot!(read("flake8.txt").await.join("\n"), @r#"
    app/src/bad.py:1:1 error F401: 'os' imported but unused
    app/src/bad.py:2:1 error E302: expected 2 blank lines, found 0
    app/src/bad.py:3:16 error E201: whitespace after '('
    app/src/bad.py:3:27 error E202: whitespace before ')'
    app/src/bad.py:4:1 error E302: expected 2 blank lines, found 0
    app/src/bad.py:6:9 error F841: local variable 'x' is assigned to but never used
    app/src/bad.py:7:15 error E271: multiple spaces after keyword
    app/src/broken.py:1:6 error E999: SyntaxError: invalid syntax
    "#);
}

#[tokio::test]
async fn mypy() {
    insta::assert_snapshot!(read("mypy.txt").await.join("\n"), @r#"
    app/src/bad.py:3:12 error return-value: Incompatible return value type (got "str", expected "int")
    "#);
}

#[tokio::test]
async fn pydocstyle() {
    insta::assert_snapshot!(read("pydocstyle.txt").await.join("\n"), @r#"
    app/src/bad.py:1:- error D100: Missing docstring in public module
    app/src/bad.py:2:- error D103: Missing docstring in public function
    app/src/bad.py:4:- error D101: Missing docstring in public class
    app/src/bad.py:5:- error D102: Missing docstring in public method
    "#);
}

#[tokio::test]
async fn black() {
    insta::assert_snapshot!(read("black.txt").await.join("\n"), @r#"
    app/src/broken.py:1:4 error black: black cannot parse this file
    app/src/bad.py:1:- error black: this file is not formatted as black does it
    "#);
}

#[tokio::test]
async fn pytest_names_each_test_with_its_own_line_and_the_whole_reason() {
    insta::assert_snapshot!(read("pytest.txt").await.join("\n"), @r#"
    -:-:- error coverage: Required test coverage of 90% not reached. Total coverage: 71.43%
    app/tests/test_bad.py:7:- error test_half: AssertionError: assert '2.0' == 2
    app/tests/test_bad.py:11:- error TestThing::test_name: TypeError: Thing.name() missing 1 required positional argument: 'a'
    app/tests/test_bad.py:15:- error test_many[2]: AssertionError: n: 50%, more
    app/tests/test_bad.py:19:- error test_fixture: RuntimeError: no database
    "#);
}

#[tokio::test]
async fn pytest_that_cannot_import_a_file_names_it() {
    insta::assert_snapshot!(read("pytest-collection.txt").await.join("\n"), @"app/tests/test_import.py:1:- error tests/test_import.py: ModuleNotFoundError: No module named 'nothing_here'");
}

#[tokio::test]
async fn rustc_in_both_forms() {
    insta::assert_snapshot!(read("rustc.txt").await.join("\n"), @"app/src/lib.rs:3:5 error error[E0308]: mismatched types");
    insta::assert_snapshot!(read("rustc-short.txt").await.join("\n"), @"app/src/lib.rs:3:5 error error[E0308]: mismatched types: expected `u32`, found `&str`");
}

#[tokio::test]
async fn cargo_test_names_the_panic_and_the_warning() {
    insta::assert_snapshot!(read("cargo-test.txt").await.join("\n"), @r#"
    app/src/lib.rs:2:9 warning warning: unused variable: `unused`
    app/src/lib.rs:10:9 error tests::four_has_a_half: assertion `left == right` failed: 50%, or not
    "#);
}

//! What may be written, which group is meant, and what is said when neither is clear.

use crate::project::Project;

/// The file of the documentation, with all that may be written.
const EXAMPLE: &str = include_str!("fixtures/example.toml");

const TWO: &str = "[checks.preprod]\n[[checks.preprod.jobs]]\nname = 'x'\nrun = 'true'\n\
    [checks.prod]\n[[checks.prod.jobs]]\nname = 'y'\nrun = 'true'\n";

#[tokio::test]
async fn the_documented_example_is_understood_to_the_last_key() {
    let project = Project::new(EXAMPLE);
    let object = project.check(&["--list", "--json"]).await.json();
    assert_eq!(object["schema"], "ripcord/v1/checks");
    let group = &object["groups"][0];
    assert_eq!((&group["name"], &group["dir"]), (&"preprod".into(), &"10_preprod".into()));
    assert_eq!(group["setup"][0], "uv pip install -e .[dev]");
    let jobs = group["jobs"].as_array().unwrap();
    assert_eq!(jobs.len(), 6);
    assert_eq!(jobs[1]["fix"], "black src/ tests/");
    assert_eq!(jobs[4]["needs"][1], "Format (black)");
    assert_eq!(
        (&jobs[4]["timeout_ms"], &jobs[0]["timeout_ms"]),
        (&600_000.into(), &3_600_000.into())
    );
    assert_eq!((&jobs[4]["dir"], &jobs[5]["dir"]), (&"10_preprod".into(), &"50_test".into()));
    let shown = project.check(&["--list"]).await;
    assert_eq!(shown.code, 0);
    assert!(shown.stdout.contains("PEP8 (flake8), Format (black)"), "{}", shown.stdout);
    assert!(!project.path("10_preprod").exists(), "a list runs nothing");
}

#[tokio::test]
async fn a_misspelt_key_is_told_with_its_line_before_anything_runs() {
    let toml = "[checks.a]\nsetup = ['touch ran']\n[[checks.a.jobs]]\nname = 'x'\nrun = 'touch ran'\nneed = ['y']\n";
    let project = Project::new(toml);
    let said = project.check(&[]).await;
    assert_eq!(said.code, 2);
    let expected = "ripcord.toml:6: unknown key `need`; did you mean `needs`?";
    assert!(said.stderr.contains(expected), "{}", said.stderr);
    assert!(!project.path("ran").exists());
    let object = project.check(&["--json"]).await.json();
    assert_eq!(
        (&object["schema"], &object["error"]),
        (&"ripcord/v1/error".into(), &"USAGE".into())
    );
}

#[tokio::test]
async fn needs_that_cannot_be_met_are_a_wrong_configuration() {
    let project =
        Project::of_jobs(&[("a", "true", "needs = ['b']"), ("b", "true", "needs = ['a']")]);
    let said = project.check(&[]).await;
    assert_eq!(said.code, 2);
    assert!(said.stderr.contains("never begin: a → b → a"), "{}", said.stderr);
    let unknown = Project::of_jobs(&[("a", "true", "needs = ['c']")]).check(&[]).await;
    assert_eq!(unknown.code, 2);
    assert!(unknown.stderr.contains("ripcord.toml:4: `needs` names \"c\""), "{}", unknown.stderr);
}

#[tokio::test]
async fn without_a_name_the_default_environments_group_runs_and_else_they_are_listed() {
    let unsure = Project::new(TWO).check(&[]).await;
    assert_eq!(unsure.code, 2);
    assert!(unsure.stderr.contains("name one of preprod, prod"), "{}", unsure.stderr);
    let project = Project::new(&format!("default_environment = 'prod'\n{TWO}"));
    assert_eq!(project.check(&["--json"]).await.json()["group"], "prod");
    assert_eq!(project.check(&["preprod", "--json"]).await.json()["group"], "preprod");
    let unknown = project.check(&["staging"]).await;
    assert_eq!(unknown.code, 2);
    assert!(unknown.stderr.contains("no [checks.staging]; there are preprod, prod"));
}

#[tokio::test]
async fn it_works_from_a_folder_below_and_with_a_file_that_is_named() {
    let project = Project::of_jobs(&[("x", "test -e ripcord.toml", "")]);
    project.write("deep/down/keep", "");
    let mut below = project.command(&[]);
    below.current_dir(project.path("deep/down"));
    assert_eq!(crate::project::said(below).await.code, 0);
    let elsewhere = tempfile::tempdir().unwrap();
    let file = project.path("ripcord.toml");
    let mut named = project.command(&["--config", file.to_str().unwrap()]);
    named.current_dir(elsewhere.path());
    assert_eq!(crate::project::said(named).await.code, 0);
    let mut nothing = project.command(&[]);
    nothing.current_dir(elsewhere.path());
    let nothing = crate::project::said(nothing).await;
    assert_eq!(nothing.code, 2);
    assert!(nothing.stderr.contains("there is no ripcord.toml"), "{}", nothing.stderr);
}

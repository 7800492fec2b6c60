//! How findings are told and weighed, what is compared without an agent's configuration, and what no
//! file can do to the lint.

use std::fs;

use crate::repository::{Repository, said};

const CI: &str = ".github/workflows/ci.yml";
const PREPROD: &str = "30_docker/docker-compose-preprod.yml";

#[test]
fn people_read_the_place_the_reason_and_the_fix() {
    let repository = Repository::good();
    repository.edit(CI, "branches: [main]\n", "branches: [main]\n    paths: [src/**]\n");
    let said = repository.lint(&[]);
    assert_eq!(said.code, 2);
    let head = ".github/workflows/ci.yml:5: error RC013: the push trigger is filtered by `paths`\n";
    assert!(said.stdout.starts_with(head), "{}", said.stdout);
    assert!(said.stdout.contains("\n  why: a push that touches none"), "{}", said.stdout);
    assert!(said.stdout.contains("\n  fix: remove `paths`"), "{}", said.stdout);
    assert!(said.stdout.contains("\n1 error, 0 warnings, 0 notes;"), "{}", said.stdout);
}

#[test]
fn only_errors_fail_and_programs_read_how_many_there_are() {
    let repository = Repository::good();
    repository.edit(PREPROD, "kitchen:1.4.2", "kitchen");
    let said = repository.lint(&["--json"]);
    let object = said.json();
    assert_eq!((said.code, &object["exit_code"]), (0, &0.into()));
    assert_eq!(object["schema"], "ripcord/v1/lint");
    assert_eq!((&object["errors"], &object["warnings"]), (&0.into(), &1.into()));
    let finding = &object["findings"][0];
    assert_eq!((&finding["severity"], &finding["line"]), (&"warning".into(), &8.into()));
    for key in ["code", "file", "message", "why", "fix"] {
        assert!(finding[key].as_str().is_some_and(|text| !text.is_empty()), "{key}");
    }
}

#[test]
fn in_a_workflow_findings_are_shown_at_their_lines() {
    let repository = Repository::good();
    repository.edit(CI, "  checks:\n", "  checks:\n    continue-on-error: true\n");
    repository.edit(CI, "[main]\n", "[main]\n    paths: [x]\n");
    let mut command = repository.command(&["--config"]);
    command.env("GITHUB_ACTIONS", "true");
    let told = said(command).stderr;
    let error = "::error file=.github/workflows/ci.yml,line=5,title=ripcord RC013::the push";
    let warning = "::warning file=.github/workflows/ci.yml,line=13,title=ripcord RC015::job checks";
    assert!(told.contains(error) && told.contains(warning), "{told}");
}

#[test]
fn a_comment_at_the_line_allows_that_one_only() {
    let repository = Repository::good();
    let allowed = "image: kitchen # ripcord: allow RC045 built on the machine";
    repository.edit(PREPROD, "image: kitchen:1.4.2", allowed);
    repository.edit(PREPROD, "image: caddy:2.10.2", "image: caddy");
    assert_eq!(repository.findings(), [format!("RC045 {PREPROD}:17")]);
}

#[test]
fn without_an_agents_configuration_ci_yml_is_ci_and_deploying_workflows_name_the_branch() {
    let repository = Repository::good();
    repository.remove("agent.toml");
    assert_eq!(repository.findings(), [""; 0]);
    repository.edit(CI, "branches: [main]", "branches: [master]");
    assert_eq!(repository.findings(), [format!("RC012 {CI}:4")]);
    repository.edit(".github/workflows/cd-preprod.yml", "branches: [main]", "branches: [master]");
    assert_eq!(repository.findings(), [""; 0]);
}

#[test]
fn the_agents_configuration_may_lie_elsewhere() {
    let repository = Repository::good();
    let elsewhere = tempfile::tempdir().unwrap();
    let file = elsewhere.path().join("vm.toml");
    let text = fs::read_to_string(repository.path("agent.toml")).unwrap();
    fs::write(&file, text.replace("ci.yml", "tests.yml")).unwrap();
    repository.remove("agent.toml");
    let object = repository.lint(&["--agent-config", file.to_str().unwrap(), "--json"]).json();
    let codes: Vec<_> =
        object["findings"].as_array().unwrap().iter().map(|one| &one["code"]).collect();
    assert_eq!(codes, ["RC011", "RC010"], "ci.yml is unknown, tests.yml is missing: {object}");
}

#[test]
fn the_verdicts_source_is_the_agents_own_default() {
    let repository = Repository::good();
    repository.edit(CI, "branches: [main]", "branches: [master]");
    repository.edit("agent.toml", "source = \"github\"\n", "");
    assert_eq!(repository.findings(), [format!("RC012 {CI}:4")], "workflows alone mean github");
    repository.edit("agent.toml", "workflows =", "event = \"workflow_dispatch\"\nworkflows =");
    assert_eq!(repository.findings(), [""; 0], "pushes start nothing that is waited for");
}

#[test]
fn projects_that_the_agent_names_are_told_apart() {
    let repository = Repository::good();
    for environment in ["preprod", "prod"] {
        let file = format!("30_docker/docker-compose-{environment}.yml");
        repository.edit(&file, &format!("name: kitchen-{environment}\n"), "");
        let path = format!("file = \"/app/{file}\"");
        repository.edit("agent.toml", &path, &format!("{path}\nproject = \"{environment}\""));
    }
    assert_eq!(repository.findings(), [""; 0]);
}

#[test]
fn it_judges_the_whole_repository_from_a_folder_below() {
    let repository = Repository::good();
    repository.edit(CI, "branches: [main]", "branches: [master]");
    let mut command = repository.command(&["--lint", "--json"]);
    command.current_dir(repository.path("30_docker"));
    assert_eq!(said(command).json()["errors"], 1);
}

#[test]
fn files_that_are_no_text_are_findings_and_an_empty_repository_has_none() {
    let repository = Repository::good();
    fs::write(repository.path(PREPROD), b"\xff\xfe\x00services").unwrap();
    fs::write(repository.path("ripcord.toml"), b"\xff").unwrap();
    repository.write(CI, &"[".repeat(50_000));
    let found = repository.findings();
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found.iter().all(|one| one.starts_with("RC004")), "{found:?}");
    let empty = tempfile::tempdir().unwrap();
    let mut command = repository.command(&["--config"]);
    command.current_dir(empty.path());
    assert_eq!(said(command).stdout, "nothing was found\n");
}

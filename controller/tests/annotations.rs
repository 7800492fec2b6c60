//! In a workflow, whatever ends badly is one annotation with an outcome behind it, whichever verb it was.

#![allow(missing_docs, clippy::unwrap_used)]

mod stage;

use ripcord_proto::v1::{EnvironmentStatus, HealthInfo, StatusResponse};
use stage::{SHA, Said, Stage, agent::Agent, said};

/// Runs a verb as a step of a workflow; gives what it said and its outputs.
async fn step(stage: &Stage, port: u16, arguments: &[&str]) -> (Said, String) {
    let outputs = stage.folder.path().join("outputs");
    std::fs::write(&outputs, "").unwrap();
    let mut command = stage.operator(port, arguments);
    command.env("GITHUB_ACTIONS", "true").env("GITHUB_OUTPUT", &outputs);
    let said = said(command).await;
    (said, std::fs::read_to_string(outputs).unwrap())
}

#[tokio::test]
async fn every_verb_that_fails_annotates_once_and_leaves_an_outcome() {
    let stage = Stage::new();
    let agent = Agent::start(&stage, Vec::new()).await;
    let health = HealthInfo { ok: false, status: 502, ..HealthInfo::default() };
    let sick =
        EnvironmentStatus { name: "preprod".into(), health: Some(health), ..Default::default() };
    agent.set_status(StatusResponse { environments: vec![sick], ..Default::default() });
    let table: [(&[&str], i32, &str); 6] = [
        (&["status", "--check"], 10, "unhealthy"),
        (&["deploy", "preprod", "--sha", SHA], 1, "error"),
        (&["deploy", "preprod", "--bogus"], 2, "error"),
        (&["history", "Not A Name"], 2, "error"),
        (&["logs", "preprod"], 1, "error"),
        (&["help", "nothing"], 2, "error"),
    ];
    for (arguments, code, outcome) in table {
        let (said, outputs) = step(&stage, agent.port, arguments).await;
        assert_eq!(said.code, code, "{arguments:?}: {}", said.stderr);
        let errors = said.stderr.matches("::error title=ripcord::").count();
        assert_eq!(errors, 1, "{arguments:?}: {}", said.stderr);
        assert_eq!(outputs.lines().nth(1), Some(outcome), "{arguments:?}: {outputs}");
    }
    let (well, outputs) = step(&stage, agent.port, &["status"]).await;
    assert_eq!((well.code, well.stderr.as_str(), outputs.as_str()), (0, "", ""));
}

#[tokio::test]
async fn outside_of_a_workflow_nothing_of_it_is_written() {
    let stage = Stage::new();
    let outputs = stage.folder.path().join("outputs");
    let mut command = stage.operator(1, &["status"]);
    command.env("GITHUB_OUTPUT", &outputs);
    let said = said(command).await;
    assert!(said.code == 5 && !said.stderr.contains("::error"), "{}", said.stderr);
    assert!(!outputs.exists());
}

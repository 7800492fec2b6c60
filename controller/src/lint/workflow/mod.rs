//! The mistakes of workflows: which of them gives the verdict, and what each may not do.

mod branches;
mod delivery;
mod model;
mod safety;
mod verdict;

use std::collections::BTreeSet;

use super::{
    Document,
    agent::Agent,
    files::Sources,
    finding::{Code, Finding},
};

/// Judges the workflows of a repository.
pub(super) fn judge(
    workflows: &[Document<'_>],
    agent: Option<&Agent>,
    sources: &Sources,
    findings: &mut Vec<Finding>,
) {
    let branches = deployed_branches(workflows, agent, sources);
    for workflow in workflows {
        if gives_verdict(workflow, agent) {
            verdict::judge(workflow, &branches, findings);
        } else if agent.is_some_and(Agent::asks_github) {
            verdict::unknown(workflow, &branches, findings);
        }
        delivery::judge(workflow, findings);
        safety::judge(workflow, findings);
    }
    if let (Some(agent), Some(source)) = (agent, &sources.agent) {
        missing(agent, &source.path, sources, findings);
    }
}

/// The branches whose pushes are deployed: what the agent says, else what the workflows that deploy
/// say, else the remote's own.
fn deployed_branches(
    workflows: &[Document<'_>],
    agent: Option<&Agent>,
    sources: &Sources,
) -> BTreeSet<String> {
    if let Some(agent) = agent.filter(|agent| agent.asks_github()) {
        let watched = agent.environments.iter().filter(|one| !one.workflows.is_empty());
        return watched.filter_map(|one| one.branch.clone()).collect();
    }
    let deploying = workflows.iter().filter(|one| model::jobs(one).any(|job| job.deploys()));
    let mut branches: BTreeSet<String> = deploying.flat_map(pushed_branches).collect();
    if branches.is_empty() {
        branches.insert(sources.branch.clone().unwrap_or_else(|| "main".to_owned()));
    }
    branches
}

/// The branches that a push trigger names without patterns.
fn pushed_branches(workflow: &Document<'_>) -> Vec<String> {
    let model::Trigger::Filtered(push) = model::trigger(workflow, "push") else {
        return Vec::new();
    };
    let named = push.value.get("branches").into_iter().flat_map(super::yaml::Node::texts);
    named.filter(|name| !name.contains(['*', '!', '?', '+', '['])).map(str::to_owned).collect()
}

fn gives_verdict(workflow: &Document<'_>, agent: Option<&Agent>) -> bool {
    match agent.filter(|agent| agent.asks_github()) {
        Some(agent) => agent.workflows().any(|file| file == workflow.name()),
        None => ["ci.yml", "ci.yaml"].contains(&workflow.name()),
    }
}

/// What the agent waits for in vain.
fn missing(agent: &Agent, path: &str, sources: &Sources, findings: &mut Vec<Finding>) {
    let is_there = |file: &str| {
        sources.workflows.iter().any(|source| source.path.rsplit('/').next() == Some(file))
    };
    let named = agent.environments.iter().flat_map(|environment| &environment.workflows);
    for (file, line) in named.filter(|(file, _)| !is_there(file)) {
        let message = format!(".github/workflows has no file {file:?}");
        findings.push(Finding::new(Code::NoSuchWorkflow, path, *line, message));
    }
}

//! The mistakes of compose files: of each service, and of environments that meet on one machine.

mod mounts;
mod ports;
mod service;

use super::{
    Document,
    agent::Agent,
    finding::{Code, Finding},
    yaml::{Entry, Node},
};

/// Judges the compose files of a repository.
pub(super) fn judge(files: &[Document<'_>], agent: Option<&Agent>, findings: &mut Vec<Finding>) {
    let files: Vec<&Document<'_>> = files.iter().filter(|file| !is_override(file)).collect();
    for (at, file) in files.iter().enumerate() {
        services(file).for_each(|service| service::judge(file, service, findings));
        own_ports(file, findings);
        for other in &files[..at] {
            mounts(file, other, findings);
            ports(file, other, findings);
            projects(file, other, agent, findings);
        }
    }
}

/// It is read together with another file, and is no environment of its own.
fn is_override(file: &Document<'_>) -> bool {
    file.name().contains("override")
}

fn services<'a>(file: &'a Document<'_>) -> impl Iterator<Item = &'a Entry> {
    file.root.get("services").map_or([].as_slice(), Node::entries).iter()
}

fn mounts(file: &Document<'_>, other: &Document<'_>, findings: &mut Vec<Finding>) {
    let of = |file: &Document<'_>| -> Vec<mounts::Mount> {
        services(file).flat_map(|service| mounts::of(&service.value, file.folder())).collect()
    };
    let others = of(other);
    for mount in of(file) {
        if let Some(shared) = others.iter().find(|shared| mount.shares(shared)) {
            let place = format!("{}:{}", other.path, shared.line);
            let message = format!("{} is mounted by {place} too", shown(&mount.source));
            findings.push(file.found(Code::SharedMount, mount.line, message));
        }
    }
}

fn shown(source: &str) -> &str {
    if source.is_empty() { "the repository" } else { source }
}

fn ports(file: &Document<'_>, other: &Document<'_>, findings: &mut Vec<Finding>) {
    let others: Vec<_> = services(other).flat_map(|service| ports::of(&service.value)).collect();
    for port in services(file).flat_map(|service| ports::of(&service.value)) {
        if let Some(taken) = others.iter().find(|taken| port.clashes(taken)) {
            let place = format!("{}:{}", other.path, taken.line);
            let message = format!("port {} is published by {place} too", port.first);
            findings.push(file.found(Code::PortClash, port.line, message));
        }
    }
}

/// Two services of one file.
fn own_ports(file: &Document<'_>, findings: &mut Vec<Finding>) {
    let all: Vec<_> = services(file).flat_map(|service| ports::of(&service.value)).collect();
    for (at, port) in all.iter().enumerate() {
        if let Some(taken) = all[..at].iter().find(|taken| port.clashes(taken)) {
            let message = format!("port {} is published in line {} too", port.first, taken.line);
            findings.push(file.found(Code::PortClash, port.line, message));
        }
    }
}

fn projects(
    file: &Document<'_>,
    other: &Document<'_>,
    agent: Option<&Agent>,
    findings: &mut Vec<Finding>,
) {
    let name = |file: &Document<'_>| project(file, agent);
    if file.folder() == other.folder() && name(file) == name(other) {
        let line = file.root.entry("name").map_or(1, |name| name.line);
        let message = format!("compose takes it and {} for one project", other.name());
        findings.push(file.found(Code::SharedProject, line, message));
    }
}

/// The project's name: the agent's word, the file's, or none, which is that of the folder.
fn project(file: &Document<'_>, agent: Option<&Agent>) -> Option<String> {
    let environments = agent.into_iter().flat_map(|agent| &agent.environments);
    let mut composes = environments.filter_map(|environment| environment.compose.as_ref());
    let is_this = |path: &str| path.rsplit('/').next() == Some(file.name());
    let agents = composes.find(|compose| is_this(&compose.file));
    let agents = agents.and_then(|compose| compose.project.clone());
    agents.or_else(|| file.root.text_of("name").map(str::to_owned))
}

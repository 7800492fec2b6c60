//! `ripcord check --config`: whether `ripcord.toml`, the workflows and the compose files fit the
//! policy "deploy first, test in parallel, go back when CI is red". Offline: it reads files, runs
//! nothing and asks nobody.
//!
//! `files` reads; everything else is pure. Rules that need one file only are in `workflow` and
//! `compose/service`; `compose` also compares the environments' files. `finding` has the codes.

mod agent;
mod allow;
mod compose;
mod files;
pub(crate) mod finding;
mod project;
pub(crate) mod tell;
mod workflow;
mod yaml;

use std::path::Path;

use self::{
    agent::Agent,
    files::{Source, Sources},
    finding::{Code, Finding},
    yaml::Node,
};

/// Judges the repository at `root`. The agent's configuration is the one that is named, or one that
/// lies in the root; without any, `ci.yml` counts as CI.
pub(crate) fn run(root: &Path, agent_config: Option<&Path>) -> Vec<Finding> {
    judge(&Sources::read(root, agent_config))
}

fn judge(sources: &Sources) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(source) = &sources.project {
        project::judge(source, &mut findings);
    }
    let agent = sources.agent.as_ref().and_then(|source| Agent::read(source, &mut findings));
    let workflows = documents(&sources.workflows, &mut findings);
    workflow::judge(&workflows, agent.as_ref(), sources, &mut findings);
    let composes = documents(&sources.composes, &mut findings);
    compose::judge(&composes, agent.as_ref(), &mut findings);
    findings.retain(|finding| !is_allowed(sources, finding));
    findings.sort_by(|a, b| place(a).cmp(&place(b)));
    findings.dedup();
    findings
}

fn place(finding: &Finding) -> (&str, usize, Code) {
    (&finding.file, finding.line, finding.code)
}

fn is_allowed(sources: &Sources, finding: &Finding) -> bool {
    let mut of_file = sources.all().filter(|source| source.path == finding.file);
    of_file.any(|source| source.text.as_ref().is_ok_and(|text| allow::allows(text, finding)))
}

/// A file that could be read.
struct Document<'a> {
    path: &'a str,
    text: &'a str,
    root: Node,
}

impl Document<'_> {
    /// Without the folder.
    fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(self.path)
    }

    /// The folder.
    fn folder(&self) -> &str {
        self.path.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    fn found(&self, code: Code, line: usize, message: impl Into<String>) -> Finding {
        Finding::new(code, self.path, line, message)
    }

    /// The first line from `line` on that holds `needle`: where in a script something is.
    fn line_with(&self, needle: &str, line: usize) -> usize {
        let from = line.saturating_sub(1);
        let lines = self.text.lines().skip(from).position(|text| text.contains(needle));
        lines.map_or(line, |at| from + at + 1)
    }
}

/// What can be read; the rest is a finding. An empty file holds nothing to judge.
fn documents<'a>(sources: &'a [Source], findings: &mut Vec<Finding>) -> Vec<Document<'a>> {
    let mut documents = Vec::new();
    for Source { path, text } in sources {
        let read = match text {
            Ok(text) => yaml::parse(text).map(|root| root.map(|root| (text, root))),
            Err(message) => Err(yaml::Fault { line: 1, message: message.clone() }),
        };
        match read {
            Ok(Some((text, root))) => documents.push(Document { path, text, root }),
            Ok(None) => {}
            Err(yaml::Fault { line, message }) => {
                findings.push(Finding::new(Code::Unreadable, path, line, message));
            }
        }
    }
    documents
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

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

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, sample::select};

    use super::*;

    const GOOD: [(&str, &str); 5] = [
        ("ripcord.toml", include_str!("../../tests/lint/good/ripcord.toml")),
        ("agent.toml", include_str!("../../tests/lint/good/agent.toml")),
        ("ci.yml", include_str!("../../tests/lint/good/.github/workflows/ci.yml")),
        ("cd.yml", include_str!("../../tests/lint/good/.github/workflows/cd-preprod.yml")),
        ("a/compose.yml", include_str!("../../tests/lint/good/30_docker/docker-compose-prod.yml")),
    ];

    fn judged(texts: [String; 5]) -> Vec<Finding> {
        let mut files = GOOD.iter().zip(texts);
        let mut next = || {
            let (path, text) = files.next().map(|((path, _), text)| (*path, text))?;
            Some(Source { path: path.to_owned(), text: Ok(text) })
        };
        let (project, agent) = (next(), next());
        let workflows = vec![next(), next()].into_iter().flatten().collect();
        let composes = next().into_iter().collect();
        judge(&Sources { project, agent, workflows, composes, branch: None })
    }

    /// Words that mean something to the rules, and what breaks a syntax.
    fn piece() -> impl Strategy<Value = String> {
        let words = [
            "on: push",
            "branches: [",
            "${{",
            "}}",
            "secrets.",
            ": *a",
            "&a",
            "<<: *common",
            "\n",
            "  ",
            "- ",
            "ports: ['::']",
            "8500-",
            "../../..",
            "bash -c",
            "@",
            "\u{e9}",
            "\0",
            "\t",
            "'",
            "\"",
            "# ripcord: allow RC",
        ];
        prop_oneof![select(words.to_vec()).prop_map(str::to_owned), "\\PC{0,8}"]
    }

    /// A good text with some of it cut out, and something else in its place.
    fn damaged(good: &'static str) -> impl Strategy<Value = String> {
        let cut = (any::<prop::sample::Index>(), 0..40usize, piece());
        prop::collection::vec(cut, 0..4).prop_map(move |cuts| {
            cuts.into_iter().fold(good.to_owned(), |text, (at, length, piece)| {
                let signs: Vec<char> = text.chars().collect();
                let at = at.index(signs.len() + 1);
                let end = (at + length).min(signs.len());
                signs[..at]
                    .iter()
                    .copied()
                    .chain(piece.chars())
                    .chain(signs[end..].iter().copied())
                    .collect()
            })
        })
    }

    #[test]
    fn the_good_files_are_good() {
        assert_eq!(judged(GOOD.map(|(_, text)| text.to_owned())), []);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn no_damage_panics_and_every_finding_has_a_line(
            texts in GOOD.map(|(_, good)| prop_oneof![3 => damaged(good).boxed(), 1 => "(?s).{0,60}".boxed()])
        ) {
            for finding in judged(texts) {
                prop_assert!(finding.line > 0, "{finding:?}");
            }
        }
    }
}

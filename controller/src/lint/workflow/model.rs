//! A workflow as the rules see it: what starts it, its jobs and steps, and what they are for.

use super::super::{
    Document,
    yaml::{Entry, Node},
};

/// What is run to judge a commit, or to hear the judgement.
const TESTS: [&str; 6] =
    ["pytest", "flake8", "run_ci_checks", "gh run watch", "cargo test", "npm test"];

/// A job.
pub(super) struct Job<'a> {
    pub(super) name: &'a str,
    pub(super) line: usize,
    pub(super) node: &'a Node,
}

/// The jobs, in the order of the file.
pub(super) fn jobs<'a>(document: &'a Document<'_>) -> impl Iterator<Item = Job<'a>> {
    let entries = document.root.get("jobs").map_or([].as_slice(), Node::entries);
    entries.iter().map(|Entry { key, line, value }| Job { name: key, line: *line, node: value })
}

impl<'a> Job<'a> {
    pub(super) fn steps(&self) -> impl Iterator<Item = &'a Node> + use<'a> {
        let steps = self.node.get("steps").filter(|steps| steps.is_list());
        steps.into_iter().flat_map(Node::each)
    }

    /// Whether it changes what runs somewhere: with ripcord, or by hand on a machine of our own.
    pub(super) fn deploys(&self) -> bool {
        self.steps().any(|step| {
            let by_hand = |script: &str| {
                let compose =
                    script.contains("docker-compose ") || script.contains("docker compose ");
                let acts = [" up", " restart", " down"].iter().any(|verb| script.contains(verb));
                script.contains("git reset --hard") || compose && acts
            };
            let script = step.text_of("run").unwrap_or_default();
            is_ripcord(step, &["deploy", "rollback"]) || self.is_on_our_machine() && by_hand(script)
        })
    }

    /// Whether it says something about the quality of a commit.
    pub(super) fn tests(&self) -> bool {
        let calls_ci = self.node.text_of("uses").is_some_and(|uses| uses.contains("/ci."));
        calls_ci || self.steps().any(tests)
    }

    fn is_on_our_machine(&self) -> bool {
        self.node.get("runs-on").is_some_and(|on| on.texts().any(|label| label == "self-hosted"))
    }
}

/// Whether a step says something about the quality of a commit.
pub(super) fn tests(step: &Node) -> bool {
    let script = step.text_of("run").unwrap_or_default();
    is_ripcord(step, &["check"]) || TESTS.iter().any(|tool| script.contains(tool))
}

/// Whether a step runs one of these commands of ripcord, by its action or by itself.
fn is_ripcord(step: &Node, commands: &[&str]) -> bool {
    let script = step.text_of("run").unwrap_or_default();
    let by_action = step.text_of("uses").is_some_and(|uses| uses.contains("ripcord"))
        && step
            .get("with")
            .and_then(|with| with.text_of("command"))
            .is_some_and(|command| commands.contains(&command));
    by_action || commands.iter().any(|command| script.contains(&format!("ripcord {command}")))
}

/// What `on` says of an event.
pub(super) enum Trigger<'a> {
    /// It does not start the workflow.
    Never,
    /// It does, whatever it is about.
    Always,
    /// It does, with filters.
    Filtered(&'a Entry),
}

/// What starts the workflow.
pub(super) fn trigger<'a>(document: &'a Document<'_>, event: &str) -> Trigger<'a> {
    let Some(on) = document.root.entry("on") else { return Trigger::Never };
    if let Some(entry) = on.value.entry(event) {
        return Trigger::Filtered(entry);
    }
    let is_listed = on.value.texts().any(|one| one == event);
    if is_listed { Trigger::Always } else { Trigger::Never }
}

/// Whether a push to `branch` starts it; else where that is said, and why.
pub(super) fn runs_on_push(document: &Document<'_>, branch: &str) -> Result<(), (usize, String)> {
    let entry = match trigger(document, "push") {
        Trigger::Always => return Ok(()),
        Trigger::Filtered(entry) => entry,
        Trigger::Never => {
            let line = document.root.entry("on").map_or(1, |on| on.line);
            return Err((line, "no push starts it".to_owned()));
        }
    };
    let (only, not) = (entry.value.entry("branches"), entry.value.entry("branches-ignore"));
    if let Some(only) = only.filter(|only| !super::branches::take(only.value.texts(), branch)) {
        return Err((only.line, format!("its branches leave out {branch}")));
    }
    if let Some(not) = not.filter(|not| super::branches::take(not.value.texts(), branch)) {
        return Err((not.line, format!("its branches-ignore leave out {branch}")));
    }
    let is_about_tags = entry.value.entry("tags").or(entry.value.entry("tags-ignore"));
    match is_about_tags.filter(|_| only.is_none() && not.is_none()) {
        Some(tags) => Err((tags.line, "it runs for tags only".to_owned())),
        None => Ok(()),
    }
}

/// The places where `cancel-in-progress` says yes, of the workflow and of its jobs. An expression
/// decides by itself.
pub(super) fn cancels<'a>(document: &'a Document<'_>) -> Vec<&'a Entry> {
    let of_jobs = jobs(document).filter_map(|job| job.node.get("concurrency"));
    let all = document.root.get("concurrency").into_iter().chain(of_jobs);
    let entries = all.filter_map(|concurrency| {
        let shared = !["github.sha", "github.run_id"]
            .iter()
            .any(|own| concurrency.text_of("group").is_some_and(|group| group.contains(own)));
        concurrency.entry("cancel-in-progress").filter(|_| shared)
    });
    entries.filter(|cancel| cancel.value.is_true()).collect()
}

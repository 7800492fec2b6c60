//! What nobody from outside may reach: secrets, scripts, and the action that holds a certificate.

use super::{
    super::{
        Document,
        finding::{Code, Finding},
        yaml::Node,
    },
    model::{self, Trigger},
};

/// What others write: it may hold anything. A commit id, a number and a user's name may not.
const FOREIGN: [&str; 12] = [
    "github.head_ref",
    "github.event.head_commit.message",
    "github.event.head_commit.author",
    "github.event.commits",
    "github.event.pull_request.title",
    "github.event.pull_request.body",
    "github.event.pull_request.head.ref",
    "github.event.pull_request.head.label",
    "github.event.issue",
    "github.event.comment",
    "github.event.inputs.",
    "inputs.",
];

/// Judges it.
pub(super) fn judge(workflow: &Document<'_>, findings: &mut Vec<Finding>) {
    let is_privileged = !matches!(model::trigger(workflow, "pull_request_target"), Trigger::Never);
    for job in model::jobs(workflow) {
        for step in job.steps() {
            if is_privileged {
                foreign_code(workflow, step, findings);
            }
            pin(workflow, step, findings);
            scripts(workflow, step, findings);
        }
    }
}

fn foreign_code(workflow: &Document<'_>, step: &Node, findings: &mut Vec<Finding>) {
    let is_checkout =
        step.text_of("uses").is_some_and(|uses| uses.starts_with("actions/checkout@"));
    let with = step.get("with").filter(|_| is_checkout);
    let named = with.into_iter().flat_map(|with| ["ref", "repository"].map(|key| with.entry(key)));
    let by_action = named.flatten().find(|entry| {
        let text = entry.value.text().unwrap_or_default();
        ["pull_request", "head_ref", "refs/pull"].iter().any(|part| text.contains(part))
    });
    let by_hand = step
        .entry("run")
        .filter(|run| run.value.text().is_some_and(|script| script.contains("gh pr checkout")));
    findings.extend(by_action.or(by_hand).map(|entry| {
        let message = "it checks the code of a pull request out, with secrets at hand";
        workflow.found(Code::ForeignCheckout, entry.line, message)
    }));
}

/// Actions of this repository come with the commit; ours from elsewhere are pinned.
fn pin(workflow: &Document<'_>, step: &Node, findings: &mut Vec<Finding>) {
    let Some(uses) = step.entry("uses") else { return };
    let Some((action, version)) = uses.value.text().and_then(|uses| uses.split_once('@')) else {
        return;
    };
    let is_commit = version.len() == 40 && version.bytes().all(|byte| byte.is_ascii_hexdigit());
    if action.contains("ripcord") && !action.starts_with("./") && !is_commit {
        let message = format!("{action} is taken at {version}, which can be moved");
        findings.push(workflow.found(Code::UnpinnedAction, uses.line, message));
    }
}

fn scripts(workflow: &Document<'_>, step: &Node, findings: &mut Vec<Finding>) {
    let Some(run) = step.entry("run") else { return };
    let script = run.value.text().unwrap_or_default();
    for expression in expressions(script) {
        let code = if expression.contains("secrets.") || expression.contains("secrets[") {
            Code::SecretInScript
        } else if FOREIGN.iter().any(|foreign| names(expression, foreign)) {
            Code::TextInScript
        } else {
            continue;
        };
        let line = workflow.line_with(expression, run.line);
        let message = format!("{} is pasted into a script", expression.trim());
        findings.push(workflow.found(code, line, message));
    }
}

/// Whether an expression names it from its beginning: `inputs.` is no part of `my-inputs.`.
fn names(expression: &str, path: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let starts = expression.match_indices(path).map(|(at, _)| at);
    let mut starts = starts.map(|at| expression.as_bytes()[..at].last().copied());
    starts.any(|before| before.is_none_or(|byte| !is_word(byte)))
}

/// What stands between `${{` and `}}`.
fn expressions(script: &str) -> impl Iterator<Item = &str> {
    script.split("${{").skip(1).filter_map(|rest| Some(rest.split_once("}}")?.0))
}

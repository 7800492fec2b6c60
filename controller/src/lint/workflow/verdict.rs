//! CI as the source of verdicts: every pushed commit gets one, of its own, that means what it says.

use std::collections::BTreeSet;

use super::{
    super::{
        Document,
        finding::{Code, Finding},
        yaml::{Entry, Node},
    },
    model::{self, Job, Trigger},
};

/// Judges a workflow that the agent waits for.
pub(super) fn judge(
    workflow: &Document<'_>,
    branches: &BTreeSet<String>,
    findings: &mut Vec<Finding>,
) {
    for branch in branches {
        if let Err((line, why)) = model::runs_on_push(workflow, branch) {
            let message = format!("commits pushed to {branch} get no run: {why}");
            findings.push(workflow.found(Code::NoRunOnPush, line, message));
        }
    }
    if let Trigger::Filtered(push) = model::trigger(workflow, "push") {
        let filters = ["paths", "paths-ignore"].iter().filter_map(|key| push.value.entry(key));
        findings.extend(filters.map(|filter| {
            let message = format!("the push trigger is filtered by `{}`", filter.key);
            workflow.found(Code::PathFilter, filter.line, message)
        }));
    }
    findings.extend(model::cancels(workflow).into_iter().map(|cancel| {
        let message = "runs of pushed commits cancel each other";
        workflow.found(Code::CancelledVerdict, cancel.line, message)
    }));
    for job in model::jobs(workflow) {
        findings.extend(ignored(&job).map(|entry| {
            let message = format!("job {} may fail and CI is green", job.name);
            workflow.found(Code::IgnoredFailure, entry.line, message)
        }));
    }
}

/// Where the failure of a whole job is ignored: for the job, or for each of its steps that tests.
fn ignored<'a>(job: &Job<'a>) -> Option<&'a Entry> {
    let says_so =
        |node: &'a Node| node.entry("continue-on-error").filter(|entry| entry.value.is_true());
    let mut steps = job.steps().filter(|step| model::tests(step)).map(says_so);
    says_so(job.node).or_else(|| {
        let first = steps.next()??;
        steps.all(|step| step.is_some()).then_some(first)
    })
}

/// A workflow that tests what is deployed, and that the agent does not know.
pub(super) fn unknown(
    workflow: &Document<'_>,
    branches: &BTreeSet<String>,
    findings: &mut Vec<Finding>,
) {
    let runs = branches.iter().any(|branch| model::runs_on_push(workflow, branch).is_ok());
    let deploys = model::jobs(workflow).any(|job| job.deploys());
    let tests = model::jobs(workflow).any(|job| job.tests());
    if runs && tests && !deploys {
        let message = format!("the agent does not wait for {}", workflow.name());
        let line = workflow.root.entry("name").map_or(1, |name| name.line);
        findings.push(workflow.found(Code::UnknownWorkflow, line, message));
    }
}

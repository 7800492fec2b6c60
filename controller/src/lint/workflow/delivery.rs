//! Workflows that deploy: at once, one at a time, and never cut off.

use super::{
    super::{
        Document,
        finding::{Code, Finding},
    },
    model::{self, Job, Trigger},
};

/// What keeps a commit from getting a run of CI, when its message has it.
const SKIPS: [&str; 5] = ["[skip ci]", "[ci skip]", "[no ci]", "[skip actions]", "[actions skip]"];

/// Judges it.
pub(super) fn judge(workflow: &Document<'_>, findings: &mut Vec<Finding>) {
    let is_alone = workflow.root.get("concurrency").is_some();
    let mut deploys = false;
    for job in model::jobs(workflow) {
        skips(workflow, &job, findings);
        if !job.deploys() {
            continue;
        }
        deploys = true;
        if let Some((line, message)) = waits(workflow, &job) {
            findings.push(workflow.found(Code::WaitsAndDeploys, line, message));
        }
        if !is_alone && job.node.get("concurrency").is_none() {
            let message = format!("job {} deploys, and may run twice at a time", job.name);
            findings.push(workflow.found(Code::NoConcurrency, job.line, message));
        }
    }
    let cut_off = model::cancels(workflow).into_iter().filter(|_| deploys);
    findings.extend(cut_off.map(|cancel| {
        let message = "the next run cancels this one while it deploys";
        workflow.found(Code::CancelledDeployment, cancel.line, message)
    }));
}

/// Where a job that deploys waits for a verdict first.
fn waits(workflow: &Document<'_>, job: &Job<'_>) -> Option<(usize, String)> {
    if let Trigger::Filtered(after) = model::trigger(workflow, "workflow_run") {
        return Some((after.line, "it deploys when another workflow has ended".to_owned()));
    }
    if job.tests() {
        return Some((job.line, format!("job {} tests, then deploys", job.name)));
    }
    let needs = job.node.entry("needs")?;
    let tests = |name: &str| model::jobs(workflow).any(|job| job.name == name && job.tests());
    let test = needs.value.texts().find(|name| tests(name))?;
    Some((needs.line, format!("job {} deploys when job {test} has ended", job.name)))
}

fn skips(workflow: &Document<'_>, job: &Job<'_>, findings: &mut Vec<Finding>) {
    for run in job.steps().filter_map(|step| step.entry("run")) {
        let script = run.value.text().unwrap_or_default();
        if let Some(mark) = SKIPS.iter().find(|mark| script.contains(**mark)) {
            let line = workflow.line_with(mark, run.line);
            let message = format!("it commits with {mark}");
            findings.push(workflow.found(Code::SkippedCi, line, message));
        }
    }
}

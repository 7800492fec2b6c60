//! The plan of a deployment.

use std::time::Duration;

use ripcord_core::{DeployRequest, Environment, Refusal, admission};

use super::{
    Plan, admitted,
    words::{self, Row},
};
use crate::engine::{EnvironmentHandle, Promotion, Saving};

pub(super) async fn plan(
    environment: &EnvironmentHandle,
    state: &Environment,
    request: &DeployRequest,
    confirm: Option<&str>,
) -> Result<Plan, Refusal> {
    if let Some(refusal) = environment.door(request.sha, confirm).await {
        return Err(refusal);
    }
    let admission = admission::admit_deploy(state, request);
    let mut lines = Vec::new();
    let joins = admitted(admission, state, &mut lines)?;
    lines.extend(words::aligned(&[
        comes(environment, request).await,
        lives(environment, state).await,
    ]));
    lines.extend(newer(environment, request));
    if joins.is_none() {
        lines.extend(words::between(environment, state.live, request.sha).await);
        lines.extend(steps(environment));
        lines.push(on_failure(environment, state, request));
    }
    Ok(Plan { sha: request.sha, joins, lines })
}

/// What goes live, and who stands behind it.
async fn comes(environment: &EnvironmentHandle, request: &DeployRequest) -> Row {
    match &environment.promotion {
        Some(promotion) => {
            let Promotion { journal, source, title, .. } = promotion;
            let validated = words::newest(journal, source, request.sha, ", validated").await;
            (title.clone(), validated)
        }
        None => {
            let journal = environment.journal();
            let known = words::newest(journal, &environment.name, request.sha, "").await;
            ("new".to_owned(), known)
        }
    }
}

/// What the source has validated since, which may be what people want rather.
fn newer(environment: &EnvironmentHandle, request: &DeployRequest) -> Option<String> {
    let promotion = environment.promotion.as_ref()?;
    let newest = promotion.newest().ok().filter(|newest| *newest != request.sha)?;
    Some(format!("newer in {}: {} is validated", promotion.title, newest.short()))
}

async fn lives(environment: &EnvironmentHandle, state: &Environment) -> Row {
    let label = if environment.promotion.is_some() { words::title(environment) } else { "live" };
    (label.to_owned(), words::placed(environment, state.live).await)
}

fn steps(environment: &EnvironmentHandle) -> Vec<String> {
    let doings = &environment.about.doings;
    let mut steps = Vec::new();
    if let Some(proof) = &environment.proof {
        steps.push(format!("ask for the workflow's OIDC token, made for {}", proof.audience()));
    }
    steps.push(doings.find.clone());
    match &doings.save {
        Some(saving) => steps.push(save(saving)),
        None if environment.promotion.is_some() => {
            steps.push("save nothing: no backup is configured".to_owned());
        }
        None => {}
    }
    steps.extend([&doings.bring, &doings.restart, &doings.probe, &doings.judge].map(String::clone));
    steps.extend(doings.bake.map(bake));
    steps
}

fn save(Saving { paths, dir, keep }: &Saving) -> String {
    let paths: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    format!("save {} in {}, which keeps {keep}", paths.join(", "), dir.display())
}

fn bake(time: Duration) -> String {
    let (minutes, seconds) = (time.as_secs() / 60, time.as_secs() % 60);
    let time = match (minutes, seconds) {
        (0, seconds) => format!("{seconds} s"),
        (minutes, 0) => format!("{minutes} min"),
        (minutes, seconds) => format!("{minutes} min {seconds} s"),
    };
    format!("bake: for {time} after it went live, failing health rolls it back")
}

fn on_failure(
    environment: &EnvironmentHandle,
    state: &Environment,
    request: &DeployRequest,
) -> String {
    let back = state.way_back_from(request.sha);
    let untouched = state.live.is_none() && state.baseline.is_none();
    let Some(back) = back else {
        return if untouched && state.stranded.is_none() {
            "on failure, go back to what runs now".to_owned()
        } else {
            "on failure, keep it: there is nothing to go back to".to_owned()
        };
    };
    let from_backup = !environment.repository.remembers() && state.live == Some(back);
    let files = if from_backup { ", with the files that were saved" } else { "" };
    format!("on failure, roll back to {}{files}", words::name(back))
}

//! What `ripcord status` shows of an environment.

use ripcord_core::{Ends, Environment, Phase, Timestamp};
use ripcord_proto::v1;

use super::convert;
use crate::{
    engine::{About, EnvironmentHandle, Observation, Place, Stopped},
    ports::{Advice, Sample},
};

/// The agent itself, and what of its certificates ends when.
pub(super) fn agent(certificates: &[Ends]) -> v1::AgentInfo {
    v1::AgentInfo {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        host: gethostname::gethostname().to_string_lossy().into_owned(),
        certificates: certificates.iter().map(certificate).collect(),
    }
}

fn certificate(ends: &Ends) -> v1::CertificateInfo {
    let now = Timestamp(jiff::Timestamp::now().as_millisecond());
    v1::CertificateInfo {
        whose: ends.whose.clone(),
        expires: Some(convert::time(ends.until)),
        days_left: ends.days_left(now),
        ends_soon: ends.is_near(now),
    }
}

/// One environment, looked at now.
pub(super) async fn of(place: &Place) -> v1::EnvironmentStatus {
    match place {
        Place::Driven(environment) => driven(environment).await,
        Place::Stopped(environment) => stopped(environment),
    }
}

/// What the configuration says of it, and why there is nothing more to say.
fn stopped(environment: &Stopped) -> v1::EnvironmentStatus {
    v1::EnvironmentStatus {
        name: environment.name.to_string(),
        title: environment.about.title.clone(),
        url: environment.about.url.clone().unwrap_or_default(),
        stranded: "its journal cannot be used, so nobody watches what runs here".to_owned(),
        unavailable: environment.why.clone(),
        ..probed(&environment.about)
    }
}

/// What whoever looks from elsewhere has to know.
fn probed(about: &About) -> v1::EnvironmentStatus {
    let probed = about.probed.as_ref();
    v1::EnvironmentStatus {
        probe_url: probed.map(|it| it.url.clone()).unwrap_or_default(),
        expected_status: probed.map_or(0, |it| it.status.into()),
        contains: probed.and_then(|it| it.contains.clone()).unwrap_or_default(),
        monitored: about.monitored,
        ..v1::EnvironmentStatus::default()
    }
}

async fn driven(environment: &EnvironmentHandle) -> v1::EnvironmentStatus {
    let state = environment.state.borrow().clone();
    let look = async {
        match state.live {
            Some(live) => Some(environment.observer.look(live.sha).await),
            None => None,
        }
    };
    let (seen, advice) = tokio::join!(look, environment.observer.advice());
    let live_deployment = match state.live.and_then(|live| live.deployment) {
        Some(number) => environment.deployment(number).await.ok(),
        None => None,
    };
    let foremost = state.foremost();
    // While files are written, the comparison with the live commit says nothing.
    let mutates = state.active_deployment().is_some_and(|active| active.phase.has_touched());
    let tree = seen.as_ref().filter(|_| !mutates).and_then(|seen| seen.tree);
    v1::EnvironmentStatus {
        name: environment.name.to_string(),
        title: environment.about.title.clone(),
        url: environment.about.url.clone().unwrap_or_default(),
        live: state.live.map(convert::placement),
        validated: state.newest_validated().map(convert::placement),
        rollback_point: state.rollback_point().map(convert::placement),
        phase: foremost.map_or(v1::Phase::Unspecified, phase).into(),
        active: foremost.map_or(0, |deployment| deployment.number.0),
        hold: state.hold.as_ref().map(convert::hold),
        health: seen.and_then(health),
        exact: tree.map(|tree| tree.exact),
        untracked: tree.map_or(0, |tree| tree.untracked),
        stranded: state.stranded.as_ref().map(|it| it.reason.clone()).unwrap_or_default(),
        unavailable: environment.about.unavailable.clone().unwrap_or_default(),
        subject: live_deployment.as_ref().and_then(|it| it.subject.clone()).unwrap_or_default(),
        author: live_deployment.and_then(|it| it.author).unwrap_or_default(),
        promotes: environment
            .promotion
            .as_ref()
            .map_or_else(String::new, |it| it.source.to_string()),
        baking_until: baking_until(&state),
        advice: advice.iter().map(|Advice { what, how }| format!("{what}: {how}")).collect(),
        ..probed(&environment.about)
    }
}

/// Until when the health of what is live may undo it.
fn baking_until(state: &Environment) -> Option<prost_types::Timestamp> {
    let live = state.live?.deployment?;
    let (_, bake) = state.bakes().find(|(number, _)| *number == live)?;
    Some(convert::time(bake.until()))
}

/// A rollback that runs is what people want to see, whatever step it is in.
fn phase(deployment: &ripcord_core::Deployment) -> v1::Phase {
    if deployment.is_rollback() && deployment.phase != Phase::Ended {
        v1::Phase::RollingBack
    } else {
        convert::phase(deployment.phase)
    }
}

fn health(seen: Observation) -> Option<v1::HealthInfo> {
    let Sample { ok, status, detail, .. } = seen.health?;
    Some(v1::HealthInfo { ok, status: status.map_or(0, u32::from), detail })
}

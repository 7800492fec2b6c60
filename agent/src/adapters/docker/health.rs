//! What Docker says of containers, as one verdict. Pure: no text is searched for words like
//! "healthy", which "unhealthy" contains.

use bollard::models::{
    ContainerInspectResponse, ContainerState, ContainerStateStatusEnum as Status, Health,
    HealthStatusEnum, RestartPolicyNameEnum,
};
use jiff::{SignedDuration, Timestamp};

use crate::ports::RuntimeHealth;

/// A container that ran for so long since it last crashed has come up after all.
const SETTLED: SignedDuration = SignedDuration::from_secs(60);

/// So much of a health check's output is shown.
const OUTPUT_CHARS: usize = 500;

/// The worst of all containers counts. One that ended well and is not meant to be started again
/// (a migration) is no fault as long as another one runs.
pub(super) fn judge_all<'a>(
    containers: impl Iterator<Item = (&'a str, &'a ContainerInspectResponse)> + Clone,
    now: Timestamp,
) -> RuntimeHealth {
    let one_runs = containers.clone().any(|(_, look)| status(look) == Some(Status::RUNNING));
    let serving = containers.filter(|(_, look)| !(one_runs && is_done(look)));
    let (mut bad, mut starting) = (Vec::new(), false);
    for (name, look) in serving {
        match judge(name, look, now) {
            RuntimeHealth::Fine => {}
            RuntimeHealth::Starting => starting = true,
            RuntimeHealth::Bad { detail } => bad.push(detail),
        }
    }
    match (bad.is_empty(), starting) {
        (false, _) => RuntimeHealth::Bad { detail: bad.join("; ") },
        (true, true) => RuntimeHealth::Starting,
        (true, false) => RuntimeHealth::Fine,
    }
}

fn status(look: &ContainerInspectResponse) -> Option<Status> {
    look.state.as_ref()?.status
}

fn is_done(look: &ContainerInspectResponse) -> bool {
    let once = !is_restarted_by_docker(look);
    let code = look.state.as_ref().and_then(|state| state.exit_code);
    once && status(look) == Some(Status::EXITED) && code == Some(0)
}

fn judge(name: &str, look: &ContainerInspectResponse, now: Timestamp) -> RuntimeHealth {
    if let Some(why) = why_not_running(look, now) {
        return RuntimeHealth::Bad { detail: format!("{name} {why}") };
    }
    match look.state.as_ref().and_then(|state| state.health.as_ref()) {
        Some(health) => judge_check(name, health),
        None => RuntimeHealth::Fine,
    }
}

/// Why the container is not one that runs and goes on running, whatever its health check says.
pub(super) fn why_not_running(look: &ContainerInspectResponse, now: Timestamp) -> Option<String> {
    let Some(state) = &look.state else { return Some("has no state".to_owned()) };
    let restarts = look.restart_count.unwrap_or_default();
    Some(match state.status {
        Some(Status::RUNNING) if restarts > 0 && !has_settled(state, now) => {
            format!("restarts again and again ({restarts} times since it was started)")
        }
        Some(Status::RUNNING) => return None,
        Some(Status::RESTARTING) => {
            format!("restarts again and again ({restarts} times): it {}", ending(state))
        }
        Some(Status::EXITED | Status::DEAD) => ending(state),
        Some(Status::CREATED) => format!("was created and never started{}", error(state)),
        Some(Status::PAUSED) => "is paused".to_owned(),
        Some(Status::REMOVING | Status::STOPPING) => "is being stopped".to_owned(),
        Some(Status::EMPTY) | None => "does not say what it does".to_owned(),
    })
}

/// Whether Docker starts it again when it ends.
pub(super) fn is_restarted_by_docker(look: &ContainerInspectResponse) -> bool {
    let policy = look.host_config.as_ref().and_then(|host| host.restart_policy.as_ref());
    policy.and_then(|policy| policy.name).is_some_and(|name| {
        !matches!(name, RestartPolicyNameEnum::NO | RestartPolicyNameEnum::EMPTY)
    })
}

fn has_settled(state: &ContainerState, now: Timestamp) -> bool {
    let started = state.started_at.as_deref().and_then(|text| text.parse::<Timestamp>().ok());
    started.is_some_and(|started| now.duration_since(started) >= SETTLED)
}

fn ending(state: &ContainerState) -> String {
    let code = state.exit_code.unwrap_or_default();
    let memory = if state.oom_killed == Some(true) { " (out of memory)" } else { "" };
    format!("exited with code {code}{memory}{}", error(state))
}

fn error(state: &ContainerState) -> String {
    let error = state.error.as_deref().filter(|error| !error.is_empty());
    error.map(|error| format!(": {error}")).unwrap_or_default()
}

fn judge_check(name: &str, health: &Health) -> RuntimeHealth {
    match health.status {
        None | Some(HealthStatusEnum::EMPTY | HealthStatusEnum::NONE) => RuntimeHealth::Fine,
        Some(HealthStatusEnum::HEALTHY) => RuntimeHealth::Fine,
        Some(HealthStatusEnum::STARTING) => RuntimeHealth::Starting,
        Some(HealthStatusEnum::UNHEALTHY) => {
            let last = health.log.as_ref().and_then(|log| log.last());
            let output = last.and_then(|last| last.output.as_deref()).unwrap_or_default().trim();
            let output: String = output.chars().take(OUTPUT_CHARS).collect();
            let output = if output.is_empty() { "no output".to_owned() } else { output };
            RuntimeHealth::Bad { detail: format!("{name} is unhealthy: {output}") }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(json: &str) -> ContainerInspectResponse {
        serde_json::from_str(json).expect("parses")
    }

    fn judged(looks: &[&str]) -> RuntimeHealth {
        let looks: Vec<_> = looks.iter().map(|json| look(json)).collect();
        let now = "2026-01-01T00:01:00Z".parse().expect("a time");
        judge_all(looks.iter().map(|look| ("web", look)), now)
    }

    fn bad(detail: &str) -> RuntimeHealth {
        RuntimeHealth::Bad { detail: detail.to_owned() }
    }

    const RUNNING: &str = r#"{"State":{"Status":"running"}}"#;
    const DONE: &str = r#"{"State":{"Status":"exited","ExitCode":0}}"#;

    #[test]
    fn unhealthy_is_not_healthy() {
        let unhealthy = r#"{"State":{"Status":"running","Health":{"Status":"unhealthy",
            "Log":[{"Output":"first"},{"Output":"HTTP 500\n"}]}}}"#;
        assert_eq!(judged(&[unhealthy]), bad("web is unhealthy: HTTP 500"));
        let starting = r#"{"State":{"Status":"running","Health":{"Status":"starting"}}}"#;
        assert_eq!(judged(&[starting, RUNNING]), RuntimeHealth::Starting);
        let none = r#"{"State":{"Status":"running","Health":{"Status":"none"}}}"#;
        assert_eq!(judged(&[none]), RuntimeHealth::Fine);
    }

    #[test]
    fn who_does_not_run_is_bad_and_says_how_it_ended() {
        let killed = r#"{"State":{"Status":"exited","ExitCode":137,"OOMKilled":true}}"#;
        assert_eq!(judged(&[killed]), bad("web exited with code 137 (out of memory)"));
        let looping = r#"{"RestartCount":4,"State":{"Status":"restarting","ExitCode":1}}"#;
        let detail = "web restarts again and again (4 times): it exited with code 1";
        assert_eq!(judged(&[looping]), bad(detail));
    }

    #[test]
    fn a_crash_loop_is_not_fine_in_the_second_in_which_it_runs() {
        let at = |second: &str| {
            format!(
                r#"{{"RestartCount":1,"State":{{"Status":"running","StartedAt":"2026-01-01T00:00:{second}Z"}}}}"#
            )
        };
        assert!(matches!(judged(&[&at("59.5")]), RuntimeHealth::Bad { .. }));
        assert_eq!(judged(&[&at("00")]), RuntimeHealth::Fine, "it ran for a minute since");
    }

    #[test]
    fn a_finished_migration_is_no_fault_but_a_finished_application_is() {
        assert_eq!(judged(&[DONE, RUNNING]), RuntimeHealth::Fine);
        assert_eq!(judged(&[DONE]), bad("web exited with code 0"));
    }
}

//! Which news is told where, and which may mention everybody.

use std::path::Path;

use ripcord_agent::{config::Config, notify::Policy};
use ripcord_core::{EnvironmentName, news::Class, notice::Severity};

const AGENT: &str = include_str!("../../packaging/agent.example.toml");
const ALL: [Class; 6] = [
    Class::Deployments,
    Class::Rollbacks,
    Class::CiFailures,
    Class::Down,
    Class::Stranded,
    Class::Agent,
];

/// The example's policy with these lines in the place of `events` and `ping`.
fn policy(lines: &str) -> Policy {
    let is_policy = |line: &&str| line.starts_with("events ") || line.starts_with("ping ");
    let kept: Vec<&str> = AGENT.lines().filter(|line| !is_policy(line)).collect();
    let text = kept.join("\n").replacen("[[notify]]\n", &format!("[[notify]]\n{lines}\n"), 1);
    Policy::new(&Config::parse(Path::new("agent.toml"), &text).unwrap().notify[0])
}

fn environment(name: &str) -> EnvironmentName {
    name.parse().unwrap()
}

fn told(policy: &Policy, name: &str) -> Vec<Class> {
    let tells = |class: &Class| policy.tells_class(&environment(name), *class);
    ALL.into_iter().filter(tells).collect()
}

#[test]
fn without_a_policy_the_missions_is_followed() {
    assert_eq!(told(&policy(""), "preprod"), ALL);
    assert_eq!(told(&policy(""), "prod"), ALL);
}

#[test]
fn the_examples_policy_is_the_missions() {
    let config = Config::parse(Path::new("agent.toml"), AGENT).unwrap();
    let policy = Policy::new(&config.notify[0]);
    assert_eq!(told(&policy, "prod"), ALL);
    let pings = |name, class| policy.pings_class(&environment(name), class, Severity::Error);
    assert!(pings("prod", Class::Down) && pings("prod", Class::Stranded));
    assert!(!pings("preprod", Class::Down) && !pings("prod", Class::Rollbacks));
}

#[test]
fn what_is_said_of_an_environment_adds_to_what_is_said_of_all() {
    let policy = policy("events = { prod = [\"rollbacks\"], \"*\" = [\"down\"] }");
    let everywhere = [Class::Down, Class::Agent];
    assert_eq!(told(&policy, "preprod"), everywhere);
    assert_eq!(
        told(&policy, "prod"),
        [Class::Rollbacks, Class::Down, Class::Stranded, Class::Agent]
    );
}

#[test]
fn whoever_is_told_of_deployments_is_told_that_a_human_is_needed() {
    let policy = policy("events = { prod = [\"deployments\"], preprod = [\"ci-failures\"] }");
    assert_eq!(told(&policy, "prod"), [Class::Deployments, Class::Stranded]);
    assert_eq!(told(&policy, "preprod"), [Class::CiFailures]);
}

#[test]
fn that_it_is_up_again_wakes_nobody() {
    let policy = policy("ping = { \"*\" = [\"down\", \"deployments\"] }");
    let pings = |class, severity| policy.pings_class(&environment("prod"), class, severity);
    assert!(pings(Class::Down, Severity::Error));
    assert!(!pings(Class::Down, Severity::Info));
    assert!(pings(Class::Deployments, Severity::Info), "that was asked for");
    assert!(!pings(Class::Agent, Severity::Error));
}

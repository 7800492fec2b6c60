//! What the agent says: who we are to it, what we may do there, and what it sees behind itself.

use std::{iter, time::Duration};

use ripcord_core::Timestamp;
use ripcord_proto::v1::{
    AgentInfo, DiagnoseRequest, DiagnoseResponse, Finding, FindingOutcome, Rights, StatusRequest,
};
use tonic::{Code, Status};

use super::{Hop, Outcome, Side, certificates::now, network::Door};
use crate::{
    client::{Agent, Client},
    context::NOTHING_TO_SEE,
    exit::{self, Exit},
    failure::Failure,
    render::duration,
    target::Target,
};

/// The agent answers within 10 s, or never.
const PATIENCE: Duration = Duration::from_secs(15);
/// More than this and certificates and tokens of minutes begin to fail for the clock alone.
const SKEW_MS: u64 = 30_000;

/// Asks the agent, where there is a way to it.
pub(super) async fn look(door: Door, environments: &[String]) -> Vec<Hop> {
    let target = match door {
        Door::Open(target) => target,
        Door::Shut(because) => return unseen(0, because).collect(),
    };
    let asking = tokio::time::timeout(PATIENCE, ask(&target, environments));
    match asking.await {
        Ok(Ok(answer)) => told(&answer),
        Ok(Err(hops)) => hops,
        Err(_) => unanswered(
            Hop::failed("access", Exit::Unreachable, "no answer within 15 s")
                .fix("look at the agent's log, and at the load of its machine"),
        ),
    }
}

/// Those from this one on cannot be looked at.
fn unseen(from: usize, because: &str) -> impl Iterator<Item = Hop> {
    let names = ["access", "version", "clock", "rights", "agent"];
    names.into_iter().skip(from).map(move |name| Hop::skipped(name, because))
}

fn unanswered(why: Hop) -> Vec<Hop> {
    iter::once(why).chain(unseen(1, "the agent does not answer")).collect()
}

async fn ask(target: &Target, environments: &[String]) -> Result<DiagnoseResponse, Vec<Hop>> {
    let agent = Agent::new(target).map_err(|failure| refused(&failure))?;
    let mut client = agent.connect().await.map_err(|failure| refused(&failure))?;
    let request = DiagnoseRequest { environments: environments.to_vec() };
    match client.diagnose(request).await {
        Ok(answer) => Ok(answer.into_inner()),
        Err(status) if is_unknown(&status) => Err(older(&agent, &mut client).await),
        Err(status) => Err(refused(&agent.failure(&status).await)),
    }
}

/// An agent says it in this code alone. A web server has no such page either, in words of its own.
fn is_unknown(status: &Status) -> bool {
    status.code() == Code::Unimplemented && status.message().is_empty()
}

/// An agent from before it could look at itself still says which version it is.
async fn older(agent: &Agent, client: &mut Client) -> Vec<Hop> {
    match client.status(StatusRequest::default()).await {
        Ok(answer) => {
            let of_agent = answer.into_inner().agent.unwrap_or_default();
            let mut hops = vec![Hop::fine("access", "the agent answers"), version(&of_agent)];
            hops.extend(unseen(2, "this agent is too old to look at itself"));
            hops
        }
        Err(status) => refused(&agent.failure(&status).await),
    }
}

fn refused(failure: &Failure) -> Vec<Hop> {
    let fix = match failure {
        Failure::Access { .. } => {
            "have a certificate signed by the CA that the agent trusts (its tls.client_ca): `ripcord \
             certs issue`; if it is not expired, compare the clocks"
        }
        Failure::Unreachable { .. } => {
            "look whether a proxy stands between: it must pass TLS through, and HTTP/2 with it"
        }
        Failure::Refused { .. } => "name an environment that `ripcord status` shows",
        Failure::Usage(_) => "correct what was named",
        // Only a deployment is asked for a token.
        Failure::Oidc { .. }
        | Failure::TimedOut { .. }
        | Failure::Detached
        | Failure::Left
        | Failure::Unexpected(_)
        | Failure::Stdout(_) => "compare host and port with the agent's `listen`, and read its log",
    };
    let exit = exit::of_failure(failure);
    let is_of_the_way = matches!(exit, Exit::Usage | Exit::Access | Exit::Unreachable);
    let exit = if is_of_the_way { exit } else { Exit::Unhealthy };
    unanswered(Hop::failed("access", exit, failure.to_string()).fix(fix))
}

fn told(answer: &DiagnoseResponse) -> Vec<Hop> {
    let known = format!("the agent knows you as {}", answer.identity);
    let agent = answer.agent.clone().unwrap_or_default();
    let mut hops = vec![Hop::fine("access", known), version(&agent), clock(answer)];
    if answer.rights.is_empty() {
        let fix = format!(
            "in the agent's configuration: [[access]] identity = \"{}\", allow = {{ \"*\" = [\"status\"] }}",
            answer.identity
        );
        hops.push(Hop::failed("rights", Exit::Access, NOTHING_TO_SEE).fix(fix));
    }
    let (own, of_environments): (Vec<_>, Vec<_>) =
        answer.findings.iter().partition(|finding| finding.environment.is_empty());
    if own.is_empty() {
        let because = "it takes the right `status` on \"*\"";
        hops.push(Hop::skipped("agent", because).of(Side::Agent));
    }
    hops.extend(own.into_iter().map(found));
    for rights in &answer.rights {
        hops.push(allowed(rights, &answer.identity));
        let of_this = of_environments.iter().filter(|one| one.environment == rights.environment);
        hops.extend(of_this.map(|finding| found(finding)));
    }
    hops
}

fn version(agent: &AgentInfo) -> Hop {
    let (ours, theirs) = (env!("CARGO_PKG_VERSION"), agent.version.as_str());
    if ours == theirs {
        return Hop::fine("version", format!("{theirs} here and on {}", agent.host));
    }
    let detail = format!("{ours} here, {theirs} on {}", agent.host);
    Hop::warning("version", detail).fix("install the same version on both sides")
}

fn clock(answer: &DiagnoseResponse) -> Hop {
    let Some(time) = &answer.time else {
        return Hop::skipped("clock", "the agent does not tell its time");
    };
    let theirs = Timestamp(time.seconds.saturating_mul(1000) + i64::from(time.nanos) / 1_000_000);
    skew(theirs, now())
}

fn skew(theirs: Timestamp, ours: Timestamp) -> Hop {
    let apart = theirs.0.abs_diff(ours.0);
    let told = duration(Duration::from_millis(apart));
    if apart <= SKEW_MS {
        return Hop::fine("clock", format!("the agent's is {told} apart from this one"));
    }
    let which = if theirs.0 > ours.0 { "ahead of" } else { "behind" };
    Hop::warning("clock", format!("the agent's is {told} {which} this one"))
        .fix("let both machines keep their time by NTP (`timedatectl`)")
}

fn allowed(rights: &Rights, identity: &str) -> Hop {
    let environment = &rights.environment;
    let hop = if rights.allowed.iter().any(|right| right == "status") {
        Hop::fine("rights", rights.allowed.join(", "))
    } else {
        let detail = match rights.allowed.as_slice() {
            [] => "none: this certificate may do nothing here".to_owned(),
            some => format!("{}, but not status: nothing can be seen here", some.join(", ")),
        };
        Hop::failed("rights", Exit::Access, detail).fix(format!(
            "in the agent's configuration: [[access]] identity = \"{identity}\", allow = {{ \
             {environment} = [\"status\"] }}"
        ))
    };
    hop.of(Side::Environment(environment.clone()))
}

fn found(finding: &Finding) -> Hop {
    let outcome = match finding.outcome() {
        FindingOutcome::Ok => Outcome::Fine,
        FindingOutcome::Warning => Outcome::Warning,
        FindingOutcome::Failed => Outcome::Failed(Exit::Unhealthy),
        FindingOutcome::Skipped | FindingOutcome::Unspecified => Outcome::Skipped,
    };
    let side = match finding.environment.as_str() {
        "" => Side::Agent,
        name => Side::Environment(name.to_owned()),
    };
    Hop::new(&finding.hop, outcome, &finding.detail).fix(&finding.fix).of(side)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_that_are_apart_are_told_with_who_is_ahead() {
        let (ours, late) = (Timestamp(1_000_000), Timestamp(1_000_000 - 95_000));
        assert_eq!(skew(ours, ours).outcome, Outcome::Fine);
        let behind = skew(late, ours);
        assert_eq!(behind.outcome, Outcome::Warning);
        assert_eq!(behind.detail, "the agent's is 1 min 35 s behind this one");
        assert!(skew(ours, late).detail.ends_with("ahead of this one"));
    }
}

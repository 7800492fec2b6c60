//! The rules that hold whatever happened to the agent. Pure: evidence in, violations out.
//!
//! `doctored.rs` shows that each rule can be broken.

use std::collections::{BTreeMap, BTreeSet};

use ripcord_agent::journal::Record;
use ripcord_core::{
    CommitSha, Deployment, DeploymentNumber, Environment, Event, Outcome, Phase, RequestId, Verdict,
};

/// What is left of a story when nothing is open any more.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// The whole journal.
    pub records: Vec<Record>,
    /// What is stored beside it.
    pub state: Environment,
    pub deployments: BTreeMap<DeploymentNumber, Deployment>,
    /// What callers were told.
    pub heard: Vec<Heard>,
    pub tree: Tree,
    /// What the application says.
    pub served: String,
    /// Processes of the application that outlive an agent that was stopped.
    pub left_running: Vec<String>,
    /// Which commit has which page.
    pub pages: BTreeMap<CommitSha, &'static str>,
}

/// What one caller was told, over all its connections.
#[derive(Debug, Clone, Default)]
pub struct Heard {
    pub what: &'static str,
    /// The ways in which it may end.
    pub ends: &'static [&'static str],
    /// 0: it was never told a number.
    pub number: u64,
    pub sequences: Vec<u64>,
    /// As the wire says it, in lower case.
    pub result: Option<String>,
}

/// The work tree, compared with the commit that is recorded as live.
#[derive(Debug, Clone)]
pub struct Tree {
    pub head: CommitSha,
    pub differences: Vec<String>,
}

/// A rule: what violates it, in words.
pub type Rule = fn(&Evidence) -> Vec<String>;

pub const RULES: &[(&str, Rule)] = &[
    ("sequence numbers have no gaps", no_gaps),
    ("the stored state is the fold of the journal", fold_is_stored),
    ("every accepted deployment ends exactly once", one_outcome),
    ("a repeated request makes one deployment", one_deployment_per_request),
    ("no effect without an earlier intent", intent_before_effect),
    ("one deployment mutates at a time", one_mutation),
    ("validated never moves back", validated_moves_forward),
    ("only what earned it is validated", validation_is_earned),
    ("nothing red stays live", nothing_red_is_live),
    ("the tree is that of the recorded live commit", tree_is_live),
    ("what serves is what is recorded as live", served_is_live),
    ("each request ends as it does without a crash", ends_as_expected),
    ("a caller is told its whole story, each event once", told_once),
    ("nobody is stranded", not_stranded),
    ("no application is started and forgotten", |evidence| evidence.left_running.clone()),
];

/// All violations, with the rule that they violate.
pub fn violations(evidence: &Evidence) -> Vec<String> {
    let broken = |(rule, check): &(&str, Rule)| {
        let found = check(evidence).into_iter();
        found.map(|found| format!("{rule}: {found}")).collect::<Vec<_>>()
    };
    RULES.iter().flat_map(broken).collect()
}

/// The events of deployments, oldest first.
fn events(evidence: &Evidence) -> impl Iterator<Item = (DeploymentNumber, &Event)> {
    let entries = evidence.records.iter().map(|record| &record.entry);
    entries.filter_map(|entry| Some((entry.deployment?, &entry.event)))
}

fn outcome_of(event: &Event) -> Option<Outcome> {
    match event {
        Event::Ended { outcome, .. } => Some(*outcome),
        Event::Superseded { .. } => Some(Outcome::Superseded),
        _ => None,
    }
}

fn no_gaps(evidence: &Evidence) -> Vec<String> {
    let numbered = evidence.records.iter().zip(1..);
    let astray = numbered.filter(|(record, expected)| record.sequence.0 != *expected);
    astray.map(|(record, expected)| format!("{} is at {expected}", record.sequence.0)).collect()
}

fn fold_is_stored(evidence: &Evidence) -> Vec<String> {
    let mut state = Environment::default();
    let mut deployments = BTreeMap::new();
    for record in &evidence.records {
        if let Some(deployment) = state.apply(&record.entry, record.at) {
            deployments.insert(deployment.number, deployment);
        }
    }
    let mut found = Vec::new();
    if state != evidence.state {
        found.push(format!("{state:?} is stored as {:?}", evidence.state));
    }
    if deployments != evidence.deployments {
        found.push(format!("{deployments:?} are stored as {:?}", evidence.deployments));
    }
    found
}

fn one_outcome(evidence: &Evidence) -> Vec<String> {
    let mut outcomes: BTreeMap<DeploymentNumber, Vec<Outcome>> = BTreeMap::new();
    let mut found = Vec::new();
    for (number, event) in events(evidence) {
        match event {
            Event::Admitted { .. } => drop(outcomes.entry(number).or_default()),
            Event::PhaseEntered { .. } | Event::WentLive { .. } | Event::UndoneBy { .. }
                if outcomes.get(&number).is_some_and(|ended| !ended.is_empty()) =>
            {
                found.push(format!("{number} goes on after its end: {}", event.name()));
            }
            _ => outcomes.entry(number).or_default().extend(outcome_of(event)),
        }
    }
    for (number, ended) in &outcomes {
        let stored = evidence.deployments.get(number).and_then(|stored| stored.outcome);
        if ended.len() != 1 || stored != ended.first().copied() {
            found.push(format!("{number} ended as {ended:?}, stored is {stored:?}"));
        }
    }
    found.extend(evidence.state.open.keys().map(|number| format!("{number} is open")));
    found
}

fn one_deployment_per_request(evidence: &Evidence) -> Vec<String> {
    let mut made: BTreeMap<&RequestId, Vec<DeploymentNumber>> = BTreeMap::new();
    for (number, event) in events(evidence) {
        if let Event::Admitted { request_id: Some(id), .. } = event {
            made.entry(id).or_default().push(number);
        }
    }
    let twice = made.iter().filter(|(_, numbers)| numbers.len() > 1);
    twice.map(|(id, numbers)| format!("{id:?} made {numbers:?}")).collect()
}

/// The phase that an effect's event belongs to.
fn phase_of(effect: &Event) -> Option<Phase> {
    match effect {
        Event::BackedUp(_) => Some(Phase::BackingUp),
        Event::TreeReset(_) => Some(Phase::Resetting),
        Event::Restarted { .. } => Some(Phase::Restarting),
        Event::WentLive { .. } => Some(Phase::Probing),
        _ => None,
    }
}

fn intent_before_effect(evidence: &Evidence) -> Vec<String> {
    let mut phases = BTreeMap::new();
    let mut intended = BTreeSet::new();
    let mut found = Vec::new();
    for (number, event) in events(evidence) {
        if let Event::PhaseEntered { phase } = event {
            intended.insert((number, phase.as_str()));
        }
        if let Event::PhaseEntered { phase } | Event::Recovered { phase, .. } = event {
            phases.insert(number, *phase);
        }
        let Some(phase) = phase_of(event) else { continue };
        let is_intended = intended.contains(&(number, phase.as_str()));
        if !is_intended || phases.get(&number) != Some(&phase) {
            found.push(format!("{number} has {} in {:?}", event.name(), phases.get(&number)));
        }
    }
    found
}

fn one_mutation(evidence: &Evidence) -> Vec<String> {
    let mut mutating = None;
    let mut found = Vec::new();
    for (number, event) in events(evidence) {
        let touches = matches!(
            event,
            Event::PhaseEntered { phase: Phase::Resetting | Phase::Restarting | Phase::Probing }
        ) || phase_of(event).is_some();
        let foreign = mutating.filter(|other| *other != number);
        if let Some(other) = foreign.filter(|_| touches) {
            found.push(format!("{number} has {} while {other} mutates", event.name()));
        }
        let stops = matches!(event, Event::WentLive { .. } | Event::UndoneBy { .. })
            || outcome_of(event).is_some();
        if stops {
            mutating = mutating.filter(|other| *other != number);
        } else if touches {
            mutating = Some(number);
        }
    }
    found
}

fn validated_moves_forward(evidence: &Evidence) -> Vec<String> {
    let mut state = Environment::default();
    let mut found = Vec::new();
    for record in &evidence.records {
        let before = state.newest_validated().and_then(|it| it.deployment);
        state.apply(&record.entry, record.at);
        let after = state.newest_validated().and_then(|it| it.deployment);
        if after < before {
            found.push(format!("from {before:?} to {after:?} at {}", record.sequence.0));
        }
    }
    let newest = state.newest_validated().and_then(|it| it.deployment);
    let stored = evidence.state.newest_validated().and_then(|it| it.deployment);
    if stored < newest {
        found.push(format!("from {newest:?} to {stored:?}, which is stored"));
    }
    found
}

fn validation_is_earned(evidence: &Evidence) -> Vec<String> {
    let mut commits: BTreeMap<DeploymentNumber, CommitSha> = BTreeMap::new();
    let mut green: BTreeSet<CommitSha> = BTreeSet::new();
    let mut found = Vec::new();
    for (number, event) in events(evidence) {
        match event {
            Event::Admitted { sha, .. } | Event::Retargeted { sha } => {
                commits.insert(number, *sha);
            }
            Event::VerdictReceived { report, .. } if report.value == Verdict::Success => {
                green.extend(commits.get(&number).copied());
            }
            Event::Validated if !commits.get(&number).is_some_and(|sha| green.contains(sha)) => {
                found.push(format!("{number}, which has no good verdict"));
            }
            _ => {}
        }
    }
    found
}

fn nothing_red_is_live(evidence: &Evidence) -> Vec<String> {
    let Some(live) = evidence.state.live else { return vec!["nothing is live".to_owned()] };
    let page = evidence.pages.get(&live.sha).copied().unwrap_or("an unknown page");
    let is_red = evidence.state.quarantined.contains_key(&live.sha)
        || ["untested", "broken"].contains(&page);
    is_red.then(|| format!("{page} is")).into_iter().collect()
}

fn tree_is_live(evidence: &Evidence) -> Vec<String> {
    let live = evidence.state.live.map(|live| live.sha);
    let mut found = evidence.tree.differences.clone();
    if live != Some(evidence.tree.head) {
        found.push(format!("HEAD is {}, live is {live:?}", evidence.tree.head));
    }
    found
}

fn served_is_live(evidence: &Evidence) -> Vec<String> {
    let live = evidence.state.live.and_then(|live| evidence.pages.get(&live.sha));
    let wrong = live.is_none_or(|page| *page != evidence.served);
    wrong
        .then(|| format!("{live:?} is live, {:?} is served", evidence.served))
        .into_iter()
        .collect()
}

fn ends_as_expected(evidence: &Evidence) -> Vec<String> {
    let unexpected = |heard: &Heard| {
        let stored = evidence.deployments.get(&DeploymentNumber(heard.number));
        let outcome = stored.and_then(|stored| stored.outcome).map(Outcome::as_str);
        let fits = outcome.is_some_and(|outcome| heard.ends.contains(&outcome));
        (!fits).then(|| format!("{} ({}) ended as {outcome:?}", heard.what, heard.number))
    };
    evidence.heard.iter().filter_map(unexpected).collect()
}

/// The numbers of all that belongs to a deployment's story: its own events, and its rollback's.
fn story_of(evidence: &Evidence, number: DeploymentNumber) -> Vec<u64> {
    let undone_by = evidence.deployments.get(&number).and_then(|stored| stored.undone_by);
    let its = |record: &&Record| {
        let whose = record.entry.deployment;
        whose == Some(number) || (undone_by.is_some() && whose == undone_by)
    };
    evidence.records.iter().filter(its).map(|record| record.sequence.0).collect()
}

fn told_once(evidence: &Evidence) -> Vec<String> {
    let mut found = Vec::new();
    for heard in &evidence.heard {
        let number = DeploymentNumber(heard.number);
        let newest = heard.sequences.last().copied().unwrap_or_default();
        let mut story = story_of(evidence, number);
        story.retain(|sequence| *sequence <= newest);
        if story != heard.sequences {
            let (what, told) = (heard.what, &heard.sequences);
            found.push(format!("{what} ({number}) is {story:?}, told was {told:?}"));
        }
        let stored = evidence.deployments.get(&number).and_then(|stored| stored.outcome);
        let ends = stored.map(|outcome| format!("outcome_{}", outcome.as_str()));
        let told = heard.result.as_deref().unwrap_or("nothing");
        let early = ["outcome_pending", "outcome_live"].contains(&told);
        if !early && ends.as_deref() != Some(told) {
            found.push(format!("{} ({number}) was told {told}, stored is {ends:?}", heard.what));
        }
    }
    found
}

fn not_stranded(evidence: &Evidence) -> Vec<String> {
    evidence.state.stranded.iter().map(|stranded| format!("{stranded:?}")).collect()
}

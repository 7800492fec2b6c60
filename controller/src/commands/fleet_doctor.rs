//! `ripcord doctor` of several agents: a line for each, and below it what is not in order; with `-v`
//! everything that was looked at.

use std::collections::BTreeMap;

use crate::{
    context::Context,
    doctor::{self, Configuration, Hop},
    exit::Exit,
    failure::Failure,
    fleet::{
        self, Answer, patience,
        scope::{self, Scope, Wanted},
    },
    out,
    render::{doctor as show, fleet as shown},
    workflow,
};

/// Looks at all of them at once.
pub(super) async fn run(
    context: &mut Context,
    agents: Vec<(String, Configuration)>,
    wanted: &[Wanted],
) -> Result<Exit, Failure> {
    let theirs = environments(context, wanted).await?;
    let mut looking = Vec::new();
    for (name, configuration) in agents {
        let is_theirs = |one: &&Wanted| {
            let has = |shown: &Vec<String>| one.agent.is_some() || shown.contains(&one.environment);
            one.may_be_of(&name) && theirs.get(&name).is_none_or(has)
        };
        let names: Vec<String> =
            wanted.iter().filter(is_theirs).map(|one| one.environment.clone()).collect();
        if wanted.is_empty() || !names.is_empty() {
            looking.push(look(name, configuration, names));
        }
    }
    let answers = fleet::all(looking).await;
    let judged = |hops: &Vec<Hop>| (show::json(hops), doctor::exit(hops));
    let seen: Vec<_> = answers.iter().map(|answer| answer.see(judged)).collect();
    let (object, exit) = (shown::object("doctor", &seen), shown::exit(&seen));
    let told = answers.iter().filter_map(|answer| Some((&answer.name, answer.told.as_ref().ok()?)));
    let blocks = told.map(|(name, hops)| show::agent(name, hops, context.global.verbose));
    let people = blocks.collect::<Vec<_>>().join("\n");
    if context.wants_json() { out::json(&object) } else { out::people(&people) }?;
    workflow::of_fleet(context.command, &people, &object, exit);
    Ok(exit)
}

async fn look(name: String, configuration: Configuration, names: Vec<String>) -> Answer<Vec<Hop>> {
    let told = doctor::look(configuration, &names, |_| Ok::<(), Failure>(())).await;
    Answer { name, told }
}

/// What the agents that answer show, where an environment is named without its agent: who does not
/// have it has nothing to be looked at, and what nobody has is a mistake.
async fn environments(
    context: &mut Context,
    wanted: &[Wanted],
) -> Result<BTreeMap<String, Vec<String>>, Failure> {
    let bare = wanted.iter().filter(|one| one.agent.is_none());
    let anywhere: Vec<String> = bare.map(|one| one.environment.clone()).collect();
    if anywhere.is_empty() {
        return Ok(BTreeMap::new());
    }
    let Scope::Several(parts) = scope::of(context, &[])? else { return Ok(BTreeMap::new()) };
    let answers = fleet::ask(parts, patience(context), |agent, _| async move {
        fleet::destination::shown(&agent).await
    });
    let answers = answers.await;
    scope::somebody_has(&anywhere, &answers, |shown| shown.iter().map(String::as_str).collect())?;
    let of = |answer: Answer<Vec<String>>| Some((answer.name, answer.told.ok()?));
    Ok(answers.into_iter().filter_map(of).collect())
}

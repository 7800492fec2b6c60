//! `ripcord deploy ENV --agents …`: the same commit at each of them.

use ripcord_proto::v1::DeployRequest;

use super::{
    Rolling, Step, Turn,
    plans::{self, Planned},
    request_id,
};
use crate::{
    commands::deploy::{self, Arguments},
    context::Context,
    exit::{Asked, Exit},
    failure::{Failure, LEFT},
    fleet::{Member, destination},
    follow::Opening,
    prompt,
    render::{self, sanitize::sanitize},
    revision,
};

/// Runs it; the exit code is that of the worst end.
pub(crate) async fn run(context: &mut Context, arguments: &Arguments, asked: Asked) -> Exit {
    let environment = match environment(context, arguments.environment.as_deref()) {
        Ok(environment) => environment,
        Err(failure) => return super::conclude(context, None, Err(failure)),
    };
    let ended = roll(context, arguments, asked, &environment).await;
    super::conclude(context, Some(&environment), ended)
}

/// The environment, which has the same name at all of them.
pub(super) fn environment(context: &mut Context, named: Option<&str>) -> Result<String, Failure> {
    let named = match named {
        Some(named) => Some(named.to_owned()),
        None => context.default_environment()?,
    };
    let missing = || Failure::Usage("which environment? --agents needs its name".to_owned());
    destination::environment_alone(&named.ok_or_else(missing)?)
}

async fn roll(
    context: &mut Context,
    arguments: &Arguments,
    asked: Asked,
    environment: &str,
) -> Result<Vec<Turn>, Failure> {
    let named = arguments.sha.as_deref().map(revision::named).transpose()?;
    let sha = named.map(|sha| sha.to_string()).unwrap_or_default();
    let members = arguments.several.members(context, asked.wait)?;
    let whole = deploy::request_id(arguments.request_id.as_deref(), environment, "")?;
    let mut request = deploy::request(arguments, environment.to_owned(), sha, whole.clone());
    request.wait = asked.wait.into();
    let context = &*context;
    let planned = plan_all(context, arguments, members, &mut request).await?;
    let rolling = Rolling {
        context,
        several: &arguments.several,
        asked,
        environment,
        sha: crate::report::present(request.sha.clone()),
        request_id: &whole,
    };
    let planned = match rolling.begins(planned) {
        Ok(planned) => planned,
        Err(turns) => return Ok(turns),
    };
    let words = confirm(context, arguments, &request, &planned).await?;
    let mut steps = Vec::new();
    for one in planned {
        steps.push(step(&request, &whole, &words, one)?);
    }
    Ok(rolling.roll(steps).await)
}

/// The plan of each agent. Which commit is meant where none is named is the agents' to say; where they
/// do not know, it is what `$GITHUB_SHA` or the local branch says. It is the same one everywhere.
async fn plan_all(
    context: &Context,
    arguments: &Arguments,
    members: Vec<Member>,
    request: &mut DeployRequest,
) -> Result<Vec<Planned>, Failure> {
    let word = arguments.confirm.clone().filter(|_| arguments.dry_run).unwrap_or_default();
    let dry = DeployRequest { dry_run: true, confirm: word, ..request.clone() };
    let mut planned = plans::ask(context, members, |name| at(&dry, name)).await?;
    if planned.iter().any(|one| one.plan.as_ref().is_err_and(Failure::lacks_commit)) {
        let sha = revision::implied()?.to_string();
        let dry = DeployRequest { sha, ..dry };
        let again = |one: Planned| Member {
            name: one.name,
            agent: match (one.agent, one.plan) {
                (Some(agent), _) => Ok(agent),
                (None, Err(failure)) => Err(failure),
                (None, Ok(_)) => Err(Failure::Unexpected("there is no agent".to_owned())),
            },
        };
        let members = planned.into_iter().map(again).collect();
        planned = plans::ask(context, members, |name| at(&dry, name)).await?;
        request.sha = dry.sha;
    }
    if request.sha.is_empty() {
        request.sha = the_same(&planned)?;
    }
    Ok(planned)
}

/// The request of the whole as the one agent gets it.
fn at(whole: &DeployRequest, name: &str) -> Result<Opening, Failure> {
    let request_id = request_id(&whole.request_id, name)?;
    Ok(Opening::Deploy(DeployRequest { request_id, ..whole.clone() }))
}

/// The one commit of all plans.
fn the_same(planned: &[Planned]) -> Result<String, Failure> {
    let of = |one: &Planned| Some((one.name.clone(), one.plan.as_ref().ok()?.sha.clone()?));
    let all: Vec<(String, String)> = planned.iter().filter_map(of).collect();
    let Some((_, first)) = all.first() else { return Ok(String::new()) };
    if all.iter().all(|(_, sha)| sha == first) {
        return Ok(first.clone());
    }
    let each: Vec<String> =
        all.iter().map(|(name, sha)| format!("{} at {name}", render::short(sha))).collect();
    Err(Failure::Usage(format!(
        "the agents would deploy different commits ({}): name one with --sha",
        each.join(", ")
    )))
}

/// What was typed for which word of the plans.
struct Words {
    /// Whether the plans were shown: then they are what is agreed to.
    shown: bool,
    /// Whether somebody was there to be asked.
    asks: bool,
    typed: Vec<(String, String)>,
}

/// Shows every plan where it matters, and asks for each word once where that is possible. What is typed is
/// for the agents to judge.
async fn confirm(
    context: &Context,
    arguments: &Arguments,
    request: &DeployRequest,
    planned: &[Planned],
) -> Result<Words, Failure> {
    let mut words = Words { shown: false, asks: false, typed: Vec::new() };
    let plans = || planned.iter().filter_map(|one| one.plan.as_ref().ok());
    let given = arguments.confirm.is_some();
    if !given && plans().all(|plan| plan.confirm.is_none() && plan.promotes.is_none()) {
        return Ok(words);
    }
    words.shown = true;
    let environment = &request.environment;
    let asks = !given && prompt::is_possible(context);
    words.asks = asks;
    if !context.global.quiet || asks {
        plans::show(planned, |name, plan| {
            let sha = plan.sha.as_deref().map_or("?", render::short);
            format!("the plan of {name}, to deploy {sha} to {environment}:")
        });
    }
    let joined = |plan: &&crate::report::Report| plan.deployment.is_some();
    for word in
        plans().filter(|plan| asks && !joined(plan)).filter_map(|plan| plan.confirm.as_ref())
    {
        if words.typed.iter().any(|(asked, _)| asked == word) {
            continue;
        }
        let with_it = |one: &&Planned| {
            one.plan.as_ref().is_ok_and(|plan| plan.confirm.as_ref() == Some(word))
        };
        let names: Vec<&str> =
            planned.iter().filter(with_it).map(|one| one.name.as_str()).collect();
        let sha = render::short(&request.sha);
        let question =
            format!("Type {word} to deploy {sha} to {environment} at {}:", names.join(", "));
        let typed = prompt::ask(&sanitize(&question)).await?;
        let typed = typed.ok_or_else(|| Failure::Usage(LEFT.to_owned()))?;
        words.typed.push((word.clone(), typed));
    }
    Ok(words)
}

fn step(
    request: &DeployRequest,
    whole: &str,
    words: &Words,
    one: Planned,
) -> Result<Step, Failure> {
    let mut request =
        DeployRequest { request_id: request_id(whole, &one.name)?, ..request.clone() };
    Ok(one.step(|plan| {
        let plan = match plan {
            Ok(plan) => plan,
            // The agent shall know that somebody tried, and say no itself.
            Err(Failure::Refused { message, .. }) => {
                request.expected_plan = vec![format!("refused: {message}")];
                return Ok(Opening::Deploy(request));
            }
            Err(failure) => return Err(failure),
        };
        if !words.shown {
            return Ok(Opening::Deploy(request));
        }
        if let (Some(deployment), Some(_)) = (plan.deployment, &plan.confirm)
            && words.asks
        {
            return Ok(deploy::joined(request, deployment));
        }
        let typed = words.typed.iter().find(|(word, _)| Some(word) == plan.confirm.as_ref());
        if let Some((_, typed)) = typed {
            request.confirm.clone_from(typed);
        }
        request.expected_plan = plan.plan;
        Ok(Opening::Deploy(request))
    }))
}

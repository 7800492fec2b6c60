//! `ripcord rollback ENV --agents …`: each of them goes back to what it had validated last, or all to one
//! commit.

use ripcord_proto::v1::{RollbackRequest, rollback_request::To};

use super::{
    Rolling, Turn, deploy,
    plans::{self, Planned},
    request_id,
};
use crate::{
    commands::{deploy::request_id as whole_id, rollback::Arguments},
    context::Context,
    exit::{Asked, Exit},
    failure::{Failure, LEFT},
    follow::Opening,
    prompt, render,
};

/// Runs it; the exit code is that of the worst end.
pub(crate) async fn run(context: &mut Context, arguments: &Arguments, asked: Asked) -> Exit {
    let environment = match deploy::environment(context, arguments.environment.as_deref()) {
        Ok(environment) => environment,
        Err(failure) => return super::conclude(context, None, Err(failure)),
    };
    let ended = roll(context, arguments, asked, &environment).await;
    super::conclude(context, Some(&environment), ended)
}

async fn roll(
    context: &mut Context,
    arguments: &Arguments,
    asked: Asked,
    environment: &str,
) -> Result<Vec<Turn>, Failure> {
    let must_ask = arguments.must_ask(context)?;
    let to = match arguments.target()? {
        Some(To::Deployment(_) | To::Backup(_)) => {
            let text = "deployments and backups have other numbers at each agent: with --agents, --to takes \
                        a commit";
            return Err(Failure::Usage(text.to_owned()));
        }
        to @ (Some(To::Sha(_)) | None) => to,
    };
    let members = arguments.several.members(context, asked.wait)?;
    let whole = whole_id(arguments.request_id.as_deref(), environment, "-rollback")?;
    let request = |name: &str| -> Result<RollbackRequest, Failure> {
        let id = request_id(&whole, name)?;
        Ok(arguments.request(id, environment.to_owned(), to.clone(), asked.wait))
    };
    let context = &*context;
    let dry =
        |name: &str| Ok(Opening::Rollback(RollbackRequest { dry_run: true, ..request(name)? }));
    let planned = plans::ask(context, members, dry).await?;
    let sha = match &to {
        Some(To::Sha(sha)) => Some(sha.clone()),
        Some(To::Deployment(_) | To::Backup(_)) | None => None,
    };
    let several = &arguments.several;
    let rolling = Rolling { context, several, asked, environment, sha, request_id: &whole };
    let planned = match rolling.begins(planned) {
        Ok(planned) => planned,
        Err(turns) => return Ok(turns),
    };
    agree(context, environment, &planned, must_ask).await?;
    let mut steps = Vec::new();
    for one in planned {
        let mut request = request(&one.name)?;
        // The agent shall know that somebody tried, and say no itself.
        let goes_on = one.is_refused() && arguments.yes;
        steps.push(one.step(|plan| match plan {
            Ok(plan) => {
                if must_ask {
                    request.expected_plan = plan.plan;
                }
                Ok(Opening::Rollback(request))
            }
            Err(_) if goes_on => Ok(Opening::Rollback(request)),
            Err(failure) => Err(failure),
        }));
    }
    Ok(rolling.roll(steps).await)
}

/// Shows every plan, and asks once for all of them.
async fn agree(
    context: &Context,
    environment: &str,
    planned: &[Planned],
    must_ask: bool,
) -> Result<(), Failure> {
    if !context.global.quiet || must_ask {
        plans::show(planned, |name, plan| {
            let sha = plan.sha.as_deref().map_or("?", render::short);
            format!("{environment}@{name} goes back to {sha}:")
        });
    }
    if !must_ask || planned.iter().all(|one| one.plan.is_err()) {
        return Ok(());
    }
    let question = format!("Go back at {}? [y/N]", plans::names(planned));
    let answer = prompt::ask(&question).await?;
    match answer.as_deref().map(str::trim) {
        Some("y" | "Y" | "yes") => Ok(()),
        Some(_) | None => Err(Failure::Usage(LEFT.to_owned())),
    }
}

//! What would happen at each agent: asked of all at once, before anything is touched anywhere.

use super::Step;
use crate::{
    client::Agent,
    commands::plan,
    context::Context,
    failure::Failure,
    fleet::{self, Member, patience},
    follow::Opening,
    report::Report,
};

/// One agent's plan.
pub(super) struct Planned {
    pub(super) name: String,
    /// `None`: it cannot even be asked.
    pub(super) agent: Option<Agent>,
    pub(super) plan: Result<Report, Failure>,
}

impl Planned {
    /// Whether the agent itself says no.
    pub(super) fn is_refused(&self) -> bool {
        matches!(self.plan, Err(Failure::Refused { .. }))
    }

    /// What is done there.
    pub(super) fn step(
        self,
        opening: impl FnOnce(Result<Report, Failure>) -> Result<Opening, Failure>,
    ) -> Step {
        let ready = match self.agent {
            Some(agent) => opening(self.plan).map(|opening| (agent, opening)),
            None => Err(self
                .plan
                .err()
                .unwrap_or_else(|| Failure::Unexpected("there is no plan".to_owned()))),
        };
        Step { name: self.name, ready }
    }
}

/// Asks all of them, once every `opening` can be: the dry run for the agent of this name.
pub(super) async fn ask(
    context: &Context,
    members: Vec<Member>,
    opening: impl Fn(&str) -> Result<Opening, Failure>,
) -> Result<Vec<Planned>, Failure> {
    let part = |member: Member| {
        let opening = opening(&member.name)?;
        Ok((member, opening))
    };
    let parts = members.into_iter().map(part).collect::<Result<_, Failure>>()?;
    let ask = |agent: Agent, opening| async move {
        let plan = plan::ask(context, &agent, opening).await;
        Ok((agent, plan))
    };
    // Once for all of them, and before each of them hears of it: those that wait for their turn would
    // begin after it.
    let answers = tokio::select! {
        biased;
        Ok(()) = tokio::signal::ctrl_c() => return Err(Failure::Left),
        answers = fleet::ask(parts, patience(context), ask) => answers,
    };
    let planned = answers.into_iter().map(|answer| match answer.told {
        Ok((agent, plan)) => Planned { name: answer.name, agent: Some(agent), plan },
        Err(failure) => Planned { name: answer.name, agent: None, plan: Err(failure) },
    });
    Ok(planned.collect())
}

/// Shows every plan that there is.
pub(super) fn show(planned: &[Planned], heading: impl Fn(&str, &Report) -> String) {
    for one in planned {
        if let Ok(report) = &one.plan {
            plan::show(report, &heading(&one.name, report));
        }
    }
}

/// The names of those that would do something, for a question.
pub(super) fn names(planned: &[Planned]) -> String {
    let able = planned.iter().filter(|one| one.plan.is_ok());
    able.map(|one| one.name.as_str()).collect::<Vec<_>>().join(", ")
}

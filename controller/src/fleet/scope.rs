//! `ENV@AGENT`, and which agents a list of such names is for.

use ripcord_core::EnvironmentName;

use super::{Answer, Crowd, Member};
use crate::{client::Agent, context::Context, failure::Failure};

/// An environment as it is named: perhaps with its agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) environment: String,
    pub(crate) agent: Option<String>,
}

impl Wanted {
    /// Reads `preprod` or `preprod@paris`.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let (environment, agent) = match text.split_once('@') {
            Some((environment, agent)) => (environment, Some(agent.to_owned())),
            None => (text, None),
        };
        let parsed = environment.parse::<EnvironmentName>();
        let parsed = parsed.map_err(|error| Failure::Usage(error.to_string()))?;
        Ok(Self { environment: parsed.into(), agent })
    }

    /// Whether it may be of the agent of this name.
    pub(crate) fn may_be_of(&self, name: &str) -> bool {
        self.agent.as_deref().is_none_or(|agent| agent == name)
    }
}

/// Whom a question about some environments is for.
pub(crate) enum Scope {
    /// One agent, and the environments that are named.
    One(Agent, Vec<String>),
    Several(Vec<(Member, Part)>),
}

/// What one of several agents is asked for. Nothing at all: everything that may be seen.
#[derive(Debug, Clone, Default)]
pub(crate) struct Part {
    /// With an `@` and its name: it is there, or that is an error.
    named: Vec<String>,
    /// Without: somebody has it.
    anywhere: Vec<String>,
}

/// Who is meant by `names`; with none, every environment of everybody.
pub(crate) fn of(context: &mut Context, names: &[String]) -> Result<Scope, Failure> {
    let wanted: Vec<Wanted> =
        names.iter().map(|name| Wanted::parse(name)).collect::<Result<_, _>>()?;
    let all = |wanted: &[Wanted]| wanted.iter().map(|one| one.environment.clone()).collect();
    let agents: Vec<&str> = wanted.iter().filter_map(|one| one.agent.as_deref()).collect();
    for agent in &agents {
        agree(context, agent)?;
    }
    let is_of_one =
        wanted.len() == agents.len() && agents.windows(2).all(|pair| pair[0] == pair[1]);
    if let (Some(agent), true) = (agents.first(), is_of_one) {
        return Ok(Scope::One(one(context, agent)?, all(&wanted)));
    }
    match context.crowd()? {
        Crowd::One(_, agent) => Ok(Scope::One(agent, all(&wanted))),
        Crowd::Several(members) => {
            let named = members.into_iter().map(|member| {
                let part = part(&member.name, &wanted);
                (member, part)
            });
            let is_asked = |(_, part): &(Member, Part)| wanted.is_empty() || !part.is_everything();
            Ok(Scope::Several(named.filter(is_asked).collect()))
        }
    }
}

/// The agent that stands behind an `@`.
pub(crate) fn one(context: &mut Context, name: &str) -> Result<Agent, Failure> {
    agree(context, name)?;
    let mut members = context.named_agents(&[name.to_owned()])?;
    members.pop().map_or_else(|| Err(unknown(name)), |member| member.agent)
}

fn unknown(name: &str) -> Failure {
    Failure::Usage(format!("there is no agent {name:?} in [agents]"))
}

/// An `@` that nobody has, or that says another agent than the flag, is a mistake.
pub(crate) fn agree(context: &mut Context, name: &str) -> Result<(), Failure> {
    context.named_agents(&[name.to_owned()])?;
    match context.typed_agent() {
        Some(typed) if typed != name && typed != crate::config::agents::ALL => {
            Err(Failure::Usage(format!(
                "@{name} names one agent, and --agent or RIPCORD_AGENT another ({typed}): leave one out"
            )))
        }
        _ => Ok(()),
    }
}

fn part(agent: &str, wanted: &[Wanted]) -> Part {
    let mut part = Part::default();
    for one in wanted.iter().filter(|one| one.may_be_of(agent)) {
        let list = if one.agent.is_some() { &mut part.named } else { &mut part.anywhere };
        list.push(one.environment.clone());
    }
    part
}

impl Part {
    fn is_everything(&self) -> bool {
        self.named.is_empty() && self.anywhere.is_empty()
    }

    /// What was asked for of all that an agent shows.
    pub(crate) fn of<E>(&self, shown: Vec<E>, name: fn(&E) -> &str) -> Result<Vec<E>, Failure> {
        if self.is_everything() {
            return Ok(shown);
        }
        for wanted in &self.named {
            if !shown.iter().any(|one| name(one) == wanted) {
                return Err(shows_no(wanted));
            }
        }
        let all = || self.named.iter().chain(&self.anywhere);
        Ok(shown.into_iter().filter(|one| all().any(|wanted| wanted == name(one))).collect())
    }
}

/// The environments of one agent's answer.
pub(crate) type Shown<T> = fn(&T) -> Vec<&str>;

/// The names without an agent, of which each is somebody's.
pub(crate) fn anywhere(parts: &[(Member, Part)]) -> Vec<String> {
    parts.first().map(|(_, part)| part.anywhere.clone()).unwrap_or_default()
}

/// Who has none of what is asked for is left out. What nobody has is a mistake.
pub(crate) fn those_with_something<T>(
    answers: Vec<Answer<T>>,
    anywhere: &[String],
    shown: Shown<T>,
) -> Result<Vec<Answer<T>>, Failure> {
    somebody_has(anywhere, &answers, shown)?;
    let says_something =
        |answer: &Answer<T>| answer.told.as_ref().map_or(true, |it| !shown(it).is_empty());
    Ok(answers.into_iter().filter(says_something).collect())
}

/// A name that is not found beside others that are is misspelt all the same. As long as an agent is
/// silent, the name may be its own.
pub(crate) fn somebody_has<T>(
    anywhere: &[String],
    answers: &[Answer<T>],
    shown: Shown<T>,
) -> Result<(), Failure> {
    let told: Vec<&T> = answers.iter().filter_map(|answer| answer.told.as_ref().ok()).collect();
    if told.len() < answers.len() {
        return Ok(());
    }
    let has = |wanted: &&String| told.iter().any(|it| shown(it).contains(&wanted.as_str()));
    let unknown = anywhere.iter().find(|wanted| !has(wanted));
    unknown.map_or(Ok(()), |wanted| Err(nobody_shows(wanted)))
}

/// There is none anywhere, or none that this certificate may know of.
pub(crate) fn nobody_shows(environment: &str) -> Failure {
    let message = format!("no agent shows an environment {environment:?} to this certificate");
    Failure::Refused { reason: "UNKNOWN_ENVIRONMENT".to_owned(), message }
}

/// There is none, or none that this certificate may know of.
pub(crate) fn shows_no(environment: &str) -> Failure {
    let message = format!("the agent shows no environment {environment:?} to this certificate");
    Failure::Refused { reason: "UNKNOWN_ENVIRONMENT".to_owned(), message }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(part: &Part, shown: &[&'static str]) -> Vec<&'static str> {
        part.of(shown.to_vec(), |name| *name).expect("there")
    }

    #[test]
    fn each_agent_is_asked_for_what_may_be_its_own() {
        let wanted = ["preprod", "prod@paris"].map(|name| Wanted::parse(name).expect("a name"));
        let (paris, lyon) = (part("paris", &wanted), part("lyon", &wanted));
        assert_eq!(names(&paris, &["lab", "preprod", "prod"]), ["preprod", "prod"]);
        assert_eq!(names(&lyon, &["lab", "preprod", "prod"]), ["preprod"]);
        assert_eq!(names(&lyon, &["prod"]), [""; 0], "somebody else has it");
        assert!(paris.of(vec!["preprod"], |name| *name).is_err(), "it was named with its agent");
        assert_eq!(names(&part("x", &[]), &["lab"]), ["lab"]);
    }

    #[test]
    fn names_are_judged_before_anybody_is_asked() {
        assert_eq!(Wanted::parse("a@b@c").expect("a name").agent.as_deref(), Some("b@c"));
        assert!(Wanted::parse("Pre prod").is_err());
        assert!(Wanted::parse("@paris").is_err());
    }
}

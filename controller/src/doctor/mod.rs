//! Every link between a command here and a deployment there, each looked at on its own: what is there,
//! or what is wrong and what to do. One that is broken leaves those that hang on it unseen, and no other.

mod agent;
mod certificates;
mod configuration;
mod network;

use crate::exit::Exit;

pub(crate) use configuration::{Configuration, Known};

/// One link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hop {
    /// What it is, such as `tcp`. Scripts know it by this.
    pub(crate) name: String,
    /// On which side.
    pub(crate) side: Side,
    pub(crate) outcome: Outcome,
    /// What was seen, or what is wrong.
    pub(crate) detail: String,
    /// What to do; empty where nothing is to be done.
    pub(crate) fix: String,
}

/// Whose link it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Side {
    /// From this machine to the agent's door.
    Here,
    /// Of the agent itself.
    Agent,
    /// Of one of its environments.
    Environment(String),
}

/// How a link is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Fine,
    /// It holds, and somebody should look at it.
    Warning,
    /// It is broken; commands that need it end with this exit code.
    Failed(Exit),
    /// Another one has to be put right before it can be looked at.
    Skipped,
}

impl Hop {
    fn new(name: &str, outcome: Outcome, detail: impl Into<String>) -> Self {
        let (detail, fix) = (detail.into(), String::new());
        Self { name: name.to_owned(), side: Side::Here, outcome, detail, fix }
    }

    fn fine(name: &str, detail: impl Into<String>) -> Self {
        Self::new(name, Outcome::Fine, detail)
    }

    fn warning(name: &str, detail: impl Into<String>) -> Self {
        Self::new(name, Outcome::Warning, detail)
    }

    fn failed(name: &str, exit: Exit, detail: impl Into<String>) -> Self {
        Self::new(name, Outcome::Failed(exit), detail)
    }

    fn skipped(name: &str, because: &str) -> Self {
        Self::new(name, Outcome::Skipped, format!("not looked at: {because}"))
    }

    fn of(self, side: Side) -> Self {
        Self { side, ..self }
    }

    fn fix(self, fix: impl Into<String>) -> Self {
        Self { fix: fix.into(), ..self }
    }

    /// Whether nobody has to do anything about it.
    pub(crate) fn is_in_order(&self) -> bool {
        matches!(self.outcome, Outcome::Fine | Outcome::Skipped)
    }

    fn is_fine(&self) -> bool {
        matches!(self.outcome, Outcome::Fine | Outcome::Warning)
    }
}

/// The class of the first broken link: what comes behind it may only follow from it.
pub(crate) fn exit(hops: &[Hop]) -> Exit {
    let failed = |hop: &Hop| match hop.outcome {
        Outcome::Failed(exit) => Some(exit),
        Outcome::Fine | Outcome::Warning | Outcome::Skipped => None,
    };
    hops.iter().find_map(failed).unwrap_or(Exit::Success)
}

/// Looks at everything, and tells each link as soon as it is known.
pub(crate) async fn look<E>(
    configuration: Configuration,
    environments: &[String],
    mut tell: impl FnMut(&Hop) -> Result<(), E>,
) -> Result<Vec<Hop>, E> {
    let mut hops = Vec::new();
    let mut add = |found: Vec<Hop>| {
        for hop in found {
            tell(&hop)?;
            hops.push(hop);
        }
        Ok(())
    };
    let Configuration { hops: read, known } = configuration;
    add(read)?;
    let (files, proven) = certificates::look(&known);
    add(files)?;
    let (way, open) = network::look(&known, proven).await;
    add(way)?;
    add(agent::look(open, environments).await)?;
    Ok(hops)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_broken_link_decides_the_exit_code_and_a_warning_does_not() {
        let (warning, fine) = (Hop::warning("a", ""), Hop::fine("b", ""));
        assert_eq!(exit(&[warning.clone(), fine.clone()]), Exit::Success);
        let broken = [Exit::Unreachable, Exit::Unhealthy].map(|exit| Hop::failed("c", exit, ""));
        assert_eq!(exit(&[warning, fine, broken[0].clone(), broken[1].clone()]), Exit::Unreachable);
    }
}

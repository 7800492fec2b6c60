//! Several agents as one: each is asked at the same time as the others, and has a time of its own. One
//! that is slow or dead delays nobody's answer, and is an answer itself.

pub(crate) mod destination;
pub(crate) mod scope;

use std::time::Duration;

use futures_util::{StreamExt, stream};

use crate::{client::Agent, context::Context, failure::Failure, render::duration};

/// So many are asked at once. Their handshakes together take a small part of [`CONNECT`] even on a slow
/// machine, their sockets a small part of what a process may open; and three dozen of a hundred have
/// to be dead before one has to wait for another.
pub(crate) const AT_ONCE: usize = 32;
/// Name, TCP and TLS. The first packet is sent again after 1 s, and after 3 s: an agent that does not
/// answer within 5 s was asked three times. A single agent gets 10 s: there nobody waits beside it.
const CONNECT: Duration = Duration::from_secs(5);
/// Connecting, and the answer: agents answer a question within 10 s, or never.
const ANSWER: Duration = Duration::from_secs(15);

/// One of several agents, or why nothing can be asked of it.
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) agent: Result<Agent, Failure>,
}

/// Whom a command is for.
pub(crate) enum Crowd {
    /// One agent; with its name, where it is one of several.
    One(Option<String>, Agent),
    Several(Vec<Member>),
}

/// What became of one agent's part.
pub(crate) struct Answer<T, E = Failure> {
    pub(crate) name: String,
    pub(crate) told: Result<T, E>,
}

impl<T> Answer<T> {
    /// The same answer, seen otherwise.
    pub(crate) fn see<U>(&self, see: impl FnOnce(&T) -> U) -> Answer<U, &Failure> {
        Answer { name: self.name.clone(), told: self.told.as_ref().map(see) }
    }
}

/// How long each agent may take.
pub(crate) fn patience(context: &Context) -> Duration {
    context.global.timeout.map_or(ANSWER, |timeout| timeout.min(ANSWER))
}

/// Asks all of `parts` at once, and gives the answers in their order.
pub(crate) async fn ask<P, T, F>(
    parts: Vec<(Member, P)>,
    patience: Duration,
    question: impl Fn(Agent, P) -> F,
) -> Vec<Answer<T>>
where
    F: Future<Output = Result<T, Failure>>,
{
    let asking = parts.into_iter().map(|(member, part)| {
        let asked = member.agent.map(|agent| {
            let agent = hurried(agent, patience);
            within(patience, agent.clone(), question(agent, part))
        });
        async move {
            let told = match asked {
                Ok(asked) => asked.await,
                Err(failure) => Err(failure),
            };
            Answer { name: member.name, told }
        }
    });
    all(asking).await
}

/// Does all of it, [`AT_ONCE`] at a time, and gives what came of it in order. One that takes long
/// holds one of these places, and no other.
pub(crate) async fn all<F: Future>(work: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let work = work.into_iter().enumerate().map(|(at, work)| async move { (at, work.await) });
    let mut done: Vec<_> = stream::iter(work).buffer_unordered(AT_ONCE).collect().await;
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, done)| done).collect()
}

/// An agent of several: nobody waits long for its connection.
pub(crate) fn hurried(agent: Agent, patience: Duration) -> Agent {
    agent.within(CONNECT.min(patience))
}

async fn within<T>(
    patience: Duration,
    agent: Agent,
    asking: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let late = |_| Err(agent.unreachable(&format!("no answer within {}", duration(patience))));
    tokio::time::timeout(patience, asking).await.unwrap_or_else(late)
}

/// How an environment of an agent is named where several are.
pub(crate) fn full_name(environment: &str, agent: Option<&str>) -> String {
    agent.map_or_else(|| environment.to_owned(), |agent| format!("{environment}@{agent}"))
}

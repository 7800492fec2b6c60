//! `ripcord status -w` of several agents: each is looked at on its own, every second; the table shows what
//! was heard last of each.

use std::time::Duration;

use ripcord_proto::v1::StatusResponse;
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{MissedTickBehavior, interval, sleep, timeout},
};

use super::status::{self, LOOK_AGAIN, Screen};
use crate::{
    client::Client,
    context::Context,
    exit::Exit,
    failure::Failure,
    fleet::{
        Answer, Member, hurried, patience,
        scope::{self, Part},
    },
};

/// Which agent, and what it said.
type Heard = (usize, Result<StatusResponse, Failure>);

/// Looks until Ctrl-C.
pub(super) async fn run(context: &Context, parts: Vec<(Member, Part)>) -> Result<Exit, Failure> {
    tokio::select! {
        ended = look(context, parts) => ended,
        _ = tokio::signal::ctrl_c() => Ok(Exit::Detached),
    }
}

async fn look(context: &Context, parts: Vec<(Member, Part)>) -> Result<Exit, Failure> {
    let anywhere = scope::anywhere(&parts);
    let silent = || Failure::Unreachable { message: "no answer yet".to_owned() };
    let unheard =
        |(member, _): &(Member, Part)| Answer { name: member.name.clone(), told: Err(silent()) };
    let mut answers: Vec<Answer<StatusResponse>> = parts.iter().map(unheard).collect();
    let (tell, mut told) = mpsc::channel::<Heard>(parts.len().max(1));
    // They end with this set, whoever ends it.
    let mut looking = JoinSet::new();
    for (at, (member, part)) in parts.into_iter().enumerate() {
        looking.spawn(look_at(at, member, part, patience(context), tell.clone()));
    }
    let (mut screen, mut unheard) = (Screen::new(context), answers.len());
    let mut turn = interval(LOOK_AGAIN);
    turn.set_missed_tick_behavior(MissedTickBehavior::Delay);
    turn.tick().await;
    loop {
        tokio::select! {
            Some((at, heard)) = told.recv() => {
                answers[at].told = heard;
                unheard = unheard.saturating_sub(1);
                // As soon as everybody spoke; later, and while some are slow, once a second.
                if unheard != 0 { continue; }
                unheard = usize::MAX;
            }
            _ = turn.tick() => {}
        }
        scope::somebody_has(&anywhere, &answers, status::names)?;
        screen.show(status::told(context, &answers, false).0)?;
    }
}

/// One agent, again and again, over one connection as long as that holds.
async fn look_at(
    at: usize,
    member: Member,
    part: Part,
    patience: Duration,
    tell: mpsc::Sender<Heard>,
) {
    let agent = match member.agent {
        Ok(agent) => hurried(agent, patience),
        Err(failure) => {
            let _ = tell.send((at, Err(failure))).await;
            return;
        }
    };
    let mut connected: Option<Client> = None;
    loop {
        let asking = async {
            let client = match connected.as_mut() {
                Some(client) => client,
                None => connected.insert(agent.connect().await?),
            };
            status::keep(status::ask(&agent, client, &[]).await?, &part)
        };
        let heard = timeout(patience, asking).await;
        let heard = heard.unwrap_or_else(|_| Err(agent.unreachable("no answer in time")));
        if heard.is_err() {
            connected = None;
        }
        if tell.send((at, heard)).await.is_err() {
            return;
        }
        sleep(LOOK_AGAIN).await;
    }
}

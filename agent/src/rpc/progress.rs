//! A deployment's stream: its story from a cursor on, and its result as the last message.
//!
//! The stream is a reading of the journal and owns no work: when its caller goes away, only the
//! reading ends.

use futures_util::future::join;
use ripcord_core::{Deployment, DeploymentNumber, Sequence};
use ripcord_proto::v1::{self, WaitFor, progress::Item};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::{afterwards, convert, errors};
use crate::{engine::EnvironmentHandle, journal::Chapter};

/// How many messages wait for a slow caller before the reading itself waits.
const WAITING_MESSAGES: usize = 64;
/// How many events are read from the journal at once.
const CHAPTER: usize = 256;

/// What a caller wants to be told.
pub(super) struct Reading {
    pub(super) environment: EnvironmentHandle,
    pub(super) number: DeploymentNumber,
    pub(super) after: Sequence,
    pub(super) wait: WaitFor,
    /// Sent first: the caller has just been admitted.
    pub(super) admitted: Option<v1::Admitted>,
}

pub(super) type ProgressStream = ReceiverStream<Result<v1::Progress, Status>>;

/// Starts to tell; ends early when `cut` resolves, with the status that says why.
pub(super) fn tell(
    reading: Reading,
    cut: impl Future<Output = Status> + Send + 'static,
) -> ProgressStream {
    let (out, stream) = mpsc::channel(WAITING_MESSAGES);
    tokio::spawn(async move {
        let last_words = tokio::select! {
            told = reading.tell_into(&out) => told.err(),
            status = cut => Some(status),
            () = out.closed() => None,
        };
        if let Some(status) = last_words {
            let _ = out.send(Err(status)).await;
        }
    });
    ReceiverStream::new(stream)
}

/// A stream of this one message.
pub(super) fn only(item: Item) -> ProgressStream {
    let (out, stream) = mpsc::channel(1);
    let _ = out.try_send(Ok(v1::Progress { item: Some(item) }));
    ReceiverStream::new(stream)
}

type Out = mpsc::Sender<Result<v1::Progress, Status>>;

impl Reading {
    async fn tell_into(mut self, out: &Out) -> Result<(), Status> {
        let mut appended = self.environment.journal().appended();
        let mut activity = self.environment.activity.clone();
        if let Some(admitted) = self.admitted.take() {
            send(out, Item::Admitted(admitted)).await;
        }
        loop {
            appended.mark_unchanged();
            if let Some(result) = self.tell_news(out).await? {
                send(out, Item::Result(result)).await;
                return Ok(());
            }
            tokio::select! {
                changed = appended.changed() => {
                    changed.map_err(|_| errors::shutting_down())?;
                }
                Ok(()) = activity.changed() => {
                    let now = *activity.borrow_and_update();
                    if let Some(now) = now.filter(|now| now.deployment == self.number) {
                        send(out, Item::Activity(convert::activity(&now))).await;
                    }
                }
            }
        }
    }

    /// Tells what is new; answers the result once there is nothing more to wait for.
    async fn tell_news(&mut self, out: &Out) -> Result<Option<v1::Result>, Status> {
        loop {
            let journal = self.environment.journal();
            let chapter = journal
                .chapter(&self.environment.name, self.number, self.after, CHAPTER)
                .await
                .map_err(errors::journal)?
                .ok_or_else(|| errors::unknown_deployment(&self.environment.name, self.number))?;
            for record in &chapter.records {
                send(out, Item::Event(convert::event(record))).await;
                self.after = record.sequence;
            }
            if chapter.records.len() < CHAPTER {
                let over = is_over(&chapter.deployment, self.wait);
                return match over {
                    true => self.result_of(&chapter).await.map(Some),
                    false => Ok(None),
                };
            }
        }
    }

    async fn result_of(&self, chapter: &Chapter) -> Result<v1::Result, Status> {
        let deployment = &chapter.deployment;
        let (journal, name) = (self.environment.journal(), &self.environment.name);
        let state = journal.state(name).await.map_err(errors::journal)?.unwrap_or_default();
        let result = convert::result(name.as_str(), deployment, &state);
        let (undo, by_hand) = join(
            afterwards::undo(&self.environment, deployment, &state),
            afterwards::by_hand(&self.environment, deployment, &state),
        )
        .await;
        let story_removed = chapter.removed.map(convert::time);
        Ok(v1::Result { undo, by_hand, story_removed, ..result })
    }
}

/// Whether a caller that waits for `wait` has heard enough.
fn is_over(deployment: &Deployment, wait: WaitFor) -> bool {
    let ended = deployment.outcome.is_some();
    match wait {
        WaitFor::None => true,
        WaitFor::Live => {
            let is_live = deployment.live_at.is_some() && deployment.undone_by.is_none();
            ended || is_live
        }
        WaitFor::Verdict | WaitFor::Unspecified => ended,
    }
}

/// A caller that is gone is noticed by [`tell`]; until then its messages go nowhere.
async fn send(out: &Out, item: Item) {
    let _ = out.send(Ok(v1::Progress { item: Some(item) })).await;
}

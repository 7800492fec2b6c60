//! What ends a run from outside: Ctrl-C, another signal that ends, or `--timeout`.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::report::Verdict;
use crate::failure::Failure;

/// Waits for a signal that ends, or for the end of `limit`.
pub(crate) fn told_to_stop(
    limit: Option<Duration>,
) -> Result<impl Future<Output = Verdict>, Failure> {
    let listen = |kind| {
        let unheard = |error| Failure::Unexpected(format!("cannot listen to signals: {error}"));
        signal(kind).map_err(unheard)
    };
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let mut hangup = listen(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            () = heard(&mut interrupt) => Verdict::Interrupted,
            () = heard(&mut terminate) => Verdict::Interrupted,
            () = heard(&mut hangup) => Verdict::Interrupted,
            () = passed(limit) => Verdict::TimedOut,
        }
    })
}

async fn heard(signal: &mut Signal) {
    if signal.recv().await.is_none() {
        std::future::pending::<()>().await;
    }
}

async fn passed(limit: Option<Duration>) {
    match limit {
        Some(limit) => tokio::time::sleep(limit).await,
        None => std::future::pending().await,
    }
}

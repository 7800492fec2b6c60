//! Waiting that ends by the wall's clock: the tests' own may be paused.
#![allow(missing_docs, dead_code, unreachable_pub)]

use std::{sync::mpsc::RecvTimeoutError, time::Duration};

/// `work`, which must end within 30 s of real time.
pub async fn bounded<T>(work: impl Future<Output = T>) -> T {
    let (done, waits) = std::sync::mpsc::channel::<()>();
    let (late, too_late) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let waited = waits.recv_timeout(Duration::from_secs(30));
        if waited == Err(RecvTimeoutError::Timeout) {
            let _ = late.send(());
        }
    });
    let ended = tokio::select! {
        ended = work => ended,
        Ok(()) = too_late => panic!("nothing happened for 30 s"),
    };
    drop(done);
    ended
}

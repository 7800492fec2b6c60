//! Ctrl-C and SIGTERM end a run the way an error does: at the next step, by a panic, so that
//! whatever a scenario has set up is taken down by its `Drop`.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use tokio::{
    runtime::Builder,
    signal::unix::{SignalKind, signal},
};

static ASKED: AtomicBool = AtomicBool::new(false);

/// Listens from now on.
pub(crate) fn listen() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let mut signals = {
        let _inside = runtime.enter();
        [SignalKind::interrupt(), SignalKind::terminate()].map(|kind| signal(kind).unwrap())
    };
    thread::spawn(move || {
        runtime.block_on(async {
            let [interrupt, terminate] = &mut signals;
            tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
        });
        ASKED.store(true, Ordering::Relaxed);
        eprintln!("interrupted: cleaning up");
    });
}

pub(crate) fn is_asked() -> bool {
    ASKED.load(Ordering::Relaxed)
}

/// Panics when somebody wants the run to end.
pub(crate) fn check() {
    assert!(!is_asked(), "interrupted");
}

/// Waits, and panics when somebody wants the run to end.
pub(crate) fn wait(duration: Duration) {
    let until = Instant::now() + duration;
    while Instant::now() < until {
        check();
        thread::sleep(Duration::from_millis(100).min(until - Instant::now().min(until)));
    }
}

/// Waits until it holds, looking every 2 ms.
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds() {
        check();
        assert!(Instant::now() < deadline, "never: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

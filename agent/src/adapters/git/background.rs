//! Work on a repository that can wait: on a thread of its own that yields to everything else, and
//! that stops when nobody wants it any more.

use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use ripcord_core::{Failure, FailureKind};
use rustix::process::setpriority_process;
use tokio::sync::oneshot;

use super::{site::Site, tidy};

/// The lowest priority that there is.
const NICE: i32 = 19;

/// Repositories that are tidied up just now; two environments may share one.
static BUSY: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

fn busy() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    BUSY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Tells the thread when its work is not wanted any more.
struct Cancel(Arc<AtomicBool>);

impl Drop for Cancel {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The one who tidies up a repository.
struct Turn(PathBuf);

impl Drop for Turn {
    fn drop(&mut self) {
        busy().remove(&self.0);
    }
}

/// See [`crate::ports::SourceRepository::tidy`]. Dropping it ends the work soon.
pub(super) async fn tidy(site: Arc<Site>) -> Result<Option<String>, Failure> {
    if !busy().insert(site.common_dir.clone()) {
        return Ok(None);
    }
    let turn = Turn(site.common_dir.clone());
    let (answer, answered) = oneshot::channel();
    let cancel = Cancel(Arc::default());
    let is_cancelled = Arc::clone(&cancel.0);
    let work = move || {
        // On Linux this is about the thread, which is why it is not one that others use later.
        let _ = setpriority_process(None, NICE);
        let tidied = tidy::tidy(&site, &is_cancelled);
        drop(turn);
        let _ = answer.send(tidied);
    };
    let broke_off =
        |why: &str| Failure::new(FailureKind::Internal, format!("cannot tidy up: {why}"));
    let thread = thread::Builder::new().name("tidy".to_owned()).spawn(work);
    thread.map_err(|error| broke_off(&error.to_string()))?;
    let tidied = answered.await;
    drop(cancel);
    tidied.unwrap_or_else(|_| Err(broke_off("a thread broke off")))
}

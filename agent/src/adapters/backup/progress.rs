//! How far a long call has come, what it wants to say at its end, and whether anybody still waits.

use std::{
    io,
    time::{Duration, Instant},
};

use tokio_util::sync::CancellationToken;

use crate::ports::{Activity, Reporter};

/// Often enough for an eye, and no flood.
const EVERY: Duration = Duration::from_millis(200);
/// So many remarks are told; the rest are counted.
const MOST_REMARKS: usize = 10;

/// One for each call; lives on its blocking thread.
#[derive(Debug)]
pub struct Progress {
    reporter: Reporter,
    stop: CancellationToken,
    unit: &'static str,
    bytes: u64,
    total: u64,
    told: Option<Instant>,
    remarks: Vec<String>,
    untold: usize,
}

impl Progress {
    /// Tells `reporter`, until `stop`.
    #[must_use]
    pub fn new(reporter: Reporter, stop: CancellationToken) -> Self {
        let (remarks, unit) = (Vec::new(), "bytes");
        Self { reporter, stop, unit, bytes: 0, total: 0, told: None, remarks, untold: 0 }
    }

    /// A new count begins.
    pub(super) fn begin(&mut self, unit: &'static str, total: u64) {
        (self.unit, self.bytes, self.total, self.told) = (unit, 0, total, None);
    }

    /// So many bytes more. An error when nobody waits for the rest.
    pub(super) fn add(&mut self, bytes: u64) -> io::Result<()> {
        self.bytes += bytes;
        if self.stop.is_cancelled() {
            return Err(io::Error::other("it was stopped"));
        }
        if self.told.is_none_or(|told| told.elapsed() >= EVERY) {
            self.told = Some(Instant::now());
            let Self { unit, bytes: done, total, .. } = *self;
            self.reporter.activity(Activity { unit, done, total });
        }
        Ok(())
    }

    /// Something that the operator should know.
    pub(super) fn remark(&mut self, message: String) {
        if self.remarks.len() < MOST_REMARKS {
            self.remarks.push(message);
        } else {
            self.untold += 1;
        }
    }

    /// All that was remarked.
    pub(super) fn into_remarks(self) -> Vec<String> {
        let mut remarks = self.remarks;
        if self.untold > 0 {
            remarks.push(format!("and {} more like these", self.untold));
        }
        remarks
    }
}

//! What an HTTP answer means for a sink: the one place that decides it.

use std::{path::Path, time::Duration};

use super::Undelivered;
use crate::adapters::secret_url::{Answer, SendError};

/// Who answered, for the words.
#[derive(Debug, Clone, Copy)]
pub(super) struct Whom<'a> {
    /// What people call it.
    pub(super) name: &'a str,
    /// Where its address is.
    pub(super) file: &'a Path,
    /// How long it wants to be left alone, when it says so in the body.
    pub(super) wait: Option<Duration>,
}

/// Whether the other side took it, and what becomes of what it did not take.
pub(super) fn taken(answer: Answer, whom: Whom<'_>) -> Result<Answer, Undelivered> {
    if answer.is_good() {
        return Ok(answer);
    }
    let Whom { name, file, wait } = whom;
    let (status, file) = (answer.status, file.display());
    let why = format!("{name} answers {status}");
    Err(match status {
        429 => Undelivered::Later {
            after: wait.or(answer.retry_after),
            why: format!("{why}: it wants fewer messages"),
        },
        408 | 425 | 500.. => Undelivered::Later { after: answer.retry_after, why },
        401 | 403 => Undelivered::Stopped {
            why: format!(
                "{why}: it does not accept the address in {file}; write a valid one there"
            ),
        },
        404 | 410 => Undelivered::Stopped {
            why: format!(
                "{why}: there is no webhook any more at the address in {file}; make one, and write \
                 its address there"
            ),
        },
        300..=399 => Undelivered::Stopped {
            why: format!("{why}, a redirect: write the address that it leads to into {file}"),
        },
        _ => Undelivered::Skip { why: format!("{why}: it refuses this message") },
    })
}

/// What becomes of a record that got no answer.
pub(super) fn unanswered(error: &SendError, name: &str) -> Undelivered {
    match error {
        SendError::Address { .. } => Undelivered::Stopped { why: error.to_string() },
        SendError::Unreachable { why } => {
            Undelivered::Later { after: None, why: format!("{name} cannot be reached: {why}") }
        }
    }
}

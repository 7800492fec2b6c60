//! What GitHub answered before, so that it can say "not changed", which costs no rate limit.

use std::{collections::VecDeque, sync::Arc};

use reqwest::header::HeaderValue;

use super::Request;

/// A listing per watched commit and a few jobs: more are of commits that nobody watches any more.
const MOST_ANSWERS: usize = 32;
/// A page of 100 runs is 1.5 MB; all answers together take no more than this.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// Answers of one login: what one may see is nothing to another.
#[derive(Default)]
pub(super) struct Etags {
    /// The one used last is the last one.
    answers: VecDeque<Answer>,
}

struct Answer {
    route: String,
    etag: HeaderValue,
    body: Arc<str>,
}

impl Etags {
    /// The answer that is known, and its tag.
    pub(super) fn of(&mut self, request: &Request<'_>) -> Option<(HeaderValue, Arc<str>)> {
        let answer = self.take(request)?;
        let known = (answer.etag.clone(), answer.body.clone());
        self.answers.push_back(answer);
        Some(known)
    }

    /// Remembers an answer, and forgets the oldest ones.
    pub(super) fn keep(&mut self, request: &Request<'_>, etag: HeaderValue, body: Arc<str>) {
        self.take(request);
        self.answers.push_back(Answer { route: request.route.to_owned(), etag, body });
        while self.answers.len() > MOST_ANSWERS || self.bytes() > MOST_BYTES {
            self.answers.pop_front();
        }
    }

    fn take(&mut self, request: &Request<'_>) -> Option<Answer> {
        let at = self.answers.iter().position(|answer| answer.route == request.route)?;
        self.answers.remove(at).filter(|_| request.body.is_none())
    }

    fn bytes(&self) -> usize {
        self.answers.iter().map(|answer| answer.body.len()).sum()
    }
}

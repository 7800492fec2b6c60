//! Tells a Discord channel through its webhook: a message for each piece of news, or one for each
//! deployment that is edited as it goes on.

mod live;
mod render;

use std::time::Duration;

use async_trait::async_trait;
use ripcord_core::news::Locale;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

pub use render::{CONTENT, message};

use self::live::Posted;
use super::{
    Newsroom, Policy, Sink, Tested, Undelivered,
    answers::{Whom, taken, unanswered},
    now,
};
use crate::{
    adapters::secret_url::{Answer, Letter, Method, SecretUrl},
    config::NotifyStyle,
    journal::Record,
};

/// A channel's webhook.
pub struct Discord {
    /// The name of its place in the journal.
    pub name: String,
    /// Where news comes from.
    pub newsroom: Newsroom,
    /// What is told.
    pub policy: Policy,
    /// In which language.
    pub locale: Locale,
    /// A message for each piece of news, or for each deployment.
    pub style: NotifyStyle,
    /// The webhook's address; its `adapt` is [`versioned`].
    pub url: SecretUrl,
}

/// Discord's addresses without a version speak an old dialect, with milliseconds for seconds.
pub fn versioned(address: &mut Url) {
    if let Some(rest) = address.path().strip_prefix("/api/webhooks/") {
        let path = format!("/api/v10/webhooks/{rest}");
        address.set_path(&path);
    }
}

/// What is needed of the message that Discord made.
#[derive(Deserialize)]
struct Made {
    id: String,
}

/// What Discord says to who writes too much.
#[derive(Deserialize)]
struct Limited {
    /// Seconds.
    retry_after: f64,
}

/// What Discord says of an error.
#[derive(Deserialize)]
struct Refused {
    code: u64,
}

/// Discord's code for a message that somebody deleted.
const UNKNOWN_MESSAGE: u64 = 10008;

#[async_trait]
impl Sink for Discord {
    fn name(&self) -> &str {
        &self.name
    }

    fn about(&self) -> String {
        self.url.file.display().to_string()
    }

    fn concerns(&self, record: &Record) -> bool {
        self.newsroom.may_have_news(record)
    }

    async fn deliver(&self, record: &Record, memo: &mut Option<String>) -> Result<(), Undelivered> {
        let Some(item) = self.newsroom.item(record, &self.policy).await? else { return Ok(()) };
        let text = item.news.text(self.locale);
        let body = message(&text, self.locale, now().0 - record.at.0, item.pings);
        match (self.style, &item.deployment) {
            (NotifyStyle::Live, Some(deployment)) => {
                let mut posted = Posted::read(memo.as_deref());
                let known = posted.of(&record.environment, deployment.number);
                // An edit calls nobody.
                let known = known.filter(|_| !item.pings);
                if let Some(id) = self.post_or_edit(known, &body).await? {
                    posted.keep(&record.environment, deployment.number, id);
                    *memo = posted.write();
                }
                Ok(())
            }
            (NotifyStyle::Live, None) | (NotifyStyle::Messages, _) => {
                self.post(&body).await.map(drop)
            }
        }
    }

    async fn test(&self, _send: bool) -> Result<Tested, Undelivered> {
        #[derive(Deserialize)]
        struct Webhook {
            name: Option<String>,
        }
        let answer = self.ask(Method::Get, &[], None).await?;
        let answer = taken(answer, self.whom(None))?;
        let webhook: Webhook = serde_json::from_slice(&answer.body).map_err(|_| {
            let why = format!("{} does not lead to a Discord webhook", self.about());
            Undelivered::Stopped { why }
        })?;
        let name = webhook.name.unwrap_or_default();
        Ok(Tested::Works(format!("Discord knows the webhook as {name:?}")))
    }
}

impl Discord {
    /// Edits a message; posts one where there is none, or none any more. Answers its id.
    async fn post_or_edit(
        &self,
        known: Option<&str>,
        body: &Value,
    ) -> Result<Option<String>, Undelivered> {
        let Some(id) = known else { return self.post(body).await };
        let answer = self.ask(Method::Patch, &["messages", id], Some(body)).await?;
        let deleted = serde_json::from_slice(&answer.body)
            .is_ok_and(|refused: Refused| refused.code == UNKNOWN_MESSAGE);
        if answer.status == 404 && deleted {
            return self.post(body).await;
        }
        self.taken(answer).map(|_| Some(id.to_owned()))
    }

    /// Posts a message. Answers its id, unless that part of the answer was lost.
    async fn post(&self, body: &Value) -> Result<Option<String>, Undelivered> {
        let answer = self.ask(Method::Post, &[], Some(body)).await?;
        let answer = self.taken(answer)?;
        Ok(serde_json::from_slice(&answer.body).ok().map(|made: Made| made.id))
    }

    fn taken(&self, answer: Answer) -> Result<Answer, Undelivered> {
        let limited: Option<Limited> = serde_json::from_slice(&answer.body).ok();
        let wait = limited.and_then(|it| Duration::try_from_secs_f64(it.retry_after).ok());
        taken(answer, self.whom(wait))
    }

    fn whom(&self, wait: Option<Duration>) -> Whom<'_> {
        Whom { name: "Discord", file: &self.url.file, wait }
    }

    async fn ask(
        &self,
        method: Method,
        below: &[&str],
        body: Option<&Value>,
    ) -> Result<Answer, Undelivered> {
        // Without it, Discord answers before it knows whether the message can be stored.
        let query: &[_] = if method == Method::Post { &[("wait", "true")] } else { &[] };
        let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        let letter = Letter { method, below, query, headers: &[], body };
        self.url.send(letter).await.map_err(|error| unanswered(&error, "Discord"))
    }
}

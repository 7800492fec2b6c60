//! Tells a program: a signed JSON event for each piece of news, as Standard Webhooks describes.

mod event;
mod signature;

use std::path::PathBuf;

use async_trait::async_trait;
use ripcord_core::news::Locale;

pub use event::SCHEMA;
pub use signature::Secret;

use self::event::Body;
use super::{
    Newsroom, Policy, Sink, Tested, Undelivered,
    answers::{Whom, taken, unanswered},
    fingerprint, now,
};
use crate::{
    adapters::secret_url::{Letter, Method, SecretUrl},
    journal::Record,
};

/// A receiver of events.
pub struct Webhook {
    /// The name of its place in the journal.
    pub name: String,
    /// Where news comes from.
    pub newsroom: Newsroom,
    /// What is told.
    pub policy: Policy,
    /// In which language its text is.
    pub locale: Locale,
    /// The receiver's address.
    pub url: SecretUrl,
    /// Where the key of the signatures is; read at each delivery.
    pub secret_file: PathBuf,
}

#[async_trait]
impl Sink for Webhook {
    fn name(&self) -> &str {
        &self.name
    }

    fn about(&self) -> String {
        self.url.file.display().to_string()
    }

    fn concerns(&self, record: &Record) -> bool {
        self.newsroom.may_have_news(record)
    }

    async fn deliver(
        &self,
        record: &Record,
        _memo: &mut Option<String>,
    ) -> Result<(), Undelivered> {
        let Some(item) = self.newsroom.item(record, &self.policy).await? else { return Ok(()) };
        self.send(&self.id(record), &Body::of(record, &item, self.locale)).await
    }

    async fn test(&self, send: bool) -> Result<Tested, Undelivered> {
        if !send {
            Secret::read(&self.secret_file).map_err(|why| Undelivered::Stopped { why })?;
            return Ok(Tested::NotTried("add --send to send it an event of the kind `test`"));
        }
        let at = now().0;
        let id = format!("test_{}", fingerprint(&[&self.name, &at.to_string()]));
        self.send(&id, &Body::test(at, self.locale)).await?;
        Ok(Tested::Works("it took a signed test event".to_owned()))
    }
}

impl Webhook {
    /// The same for each try, so that who was told twice can know it; the instant parts it from the
    /// same place in another journal.
    fn id(&self, record: &Record) -> String {
        let (sequence, at) = (record.sequence.0.to_string(), record.at.0.to_string());
        let parts = [self.name.as_str(), record.environment.as_str(), &sequence, &at];
        format!("evt_{}", fingerprint(&parts))
    }

    async fn send(&self, id: &str, body: &Body<'_>) -> Result<(), Undelivered> {
        let secret = Secret::read(&self.secret_file).map_err(|why| Undelivered::Stopped { why })?;
        let (timestamp, body) = (now().0 / 1000, body.to_json());
        let headers = [
            ("webhook-id", id.to_owned()),
            ("webhook-timestamp", timestamp.to_string()),
            ("webhook-signature", secret.sign(id, timestamp, &body)),
        ];
        let letter =
            Letter { method: Method::Post, below: &[], query: &[], headers: &headers, body };
        let name = "the webhook";
        let answer = self.url.send(letter).await.map_err(|error| unanswered(&error, name))?;
        taken(answer, Whom { name, file: &self.url.file, wait: None }).map(drop)
    }
}

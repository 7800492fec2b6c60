//! An event as programs read it. Pure. Fields are added, never renamed.

use ripcord_core::{
    CommitSha, DeploymentNumber, EnvironmentName, Event,
    news::{Class, Locale},
    notice::Severity,
};
use serde::Serialize;

use crate::{journal::Record, notify::Item};

/// What the body is.
pub const SCHEMA: &str = "ripcord/v1/event";

/// The body of a request.
#[derive(Debug, Serialize)]
pub(super) struct Body<'a> {
    pub(super) schema: &'static str,
    /// The news' stable name, or `test`.
    pub(super) kind: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) class: Option<&'static str>,
    pub(super) severity: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) environment: Option<&'a EnvironmentName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) deployment: Option<DeploymentNumber>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sha: Option<CommitSha>,
    /// What people read, in the sink's language, in lines.
    pub(super) text: String,
    /// When it happened, RFC 3339.
    pub(super) time: String,
    /// Its place in the agent's journal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sequence: Option<u64>,
    /// The event as the journal holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) data: Option<&'a Event>,
}

impl<'a> Body<'a> {
    pub(super) fn of(record: &'a Record, item: &'a Item, locale: Locale) -> Self {
        let sha = item.deployment.as_ref().map(|deployment| deployment.sha);
        Self {
            schema: SCHEMA,
            kind: item.news.kind(),
            class: Some(class(item.news.class())),
            severity: severity(item.news.severity()),
            environment: Some(&record.environment),
            deployment: record.entry.deployment,
            sha: sha.filter(|sha| *sha != CommitSha::UNKNOWN),
            text: item.news.text(locale).to_string(),
            time: time(record.at.0),
            sequence: Some(record.sequence.0),
            data: Some(&record.entry.event),
        }
    }

    /// Tells nothing but that it arrives.
    pub(super) fn test(at: i64, locale: Locale) -> Self {
        let text = match locale {
            Locale::Fr => "Test de ripcord : rien ne s'est passé",
            Locale::En => "A test of ripcord: nothing happened",
        };
        Self {
            schema: SCHEMA,
            kind: "test",
            class: None,
            severity: severity(Severity::Info),
            environment: None,
            deployment: None,
            sha: None,
            text: text.to_owned(),
            time: time(at),
            sequence: None,
            data: None,
        }
    }

    pub(super) fn to_json(&self) -> Vec<u8> {
        // Strings, numbers and lists only: there is nothing that JSON cannot say.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

fn class(class: Class) -> &'static str {
    match class {
        Class::Deployments => "deployments",
        Class::Rollbacks => "rollbacks",
        Class::CiFailures => "ci-failures",
        Class::Down => "down",
        Class::Stranded => "stranded",
        Class::Agent => "agent",
    }
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

fn time(millis: i64) -> String {
    jiff::Timestamp::from_millisecond(millis).map(|time| time.to_string()).unwrap_or_default()
}

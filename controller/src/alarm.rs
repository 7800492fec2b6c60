//! The fallback voice: tells people on Discord what the agent cannot tell itself. It remembers
//! nothing, so it says so again at every run for as long as it lasts.

use std::path::Path;

use clap::ValueEnum;
use reqwest::{Client, Url};
use serde_json::json;

use crate::{failure::Failure, probe, render::sanitize::sanitize};

/// Discord takes 2,000 characters.
const LONGEST_LINE: usize = 500;

/// The language of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Locale {
    /// French
    Fr,
    /// English
    En,
}

/// What the agent cannot tell.
pub(crate) enum Alarm<'a> {
    /// It does not answer, or not in a way that can be used.
    AgentSilent { why: &'a str },
    /// An application is down.
    Down { title: &'a str, url: &'a str, why: &'a str },
}

impl Alarm<'_> {
    fn text(&self, locale: Locale) -> String {
        let error = match locale {
            Locale::Fr => "Erreur",
            Locale::En => "Error",
        };
        match (self, locale) {
            (Self::AgentSilent { why }, Locale::Fr) => {
                format!("🔴 AGENT - Injoignable\n{error}: {}", line(why))
            }
            (Self::AgentSilent { why }, Locale::En) => {
                format!("🔴 AGENT - Unreachable\n{error}: {}", line(why))
            }
            (Self::Down { title, url, why }, Locale::Fr | Locale::En) => {
                let (title, url, why) = (line(&title.to_uppercase()), line(url), line(why));
                format!("🔴 {title} - DOWN\nURL: {url}\n{error}: {why}")
            }
        }
    }
}

/// Text from outside on one line of its own, short, without markdown and without a code that pings.
fn line(text: &str) -> String {
    let mut clean = String::new();
    for letter in sanitize(text).chars().take(LONGEST_LINE) {
        if "*_~`|>\\<@#[]".contains(letter) {
            clean.push('\\');
        }
        clean.push(letter);
    }
    clean
}

/// Where and how people are told. The address is a secret: nothing shows it.
pub(crate) struct Voice {
    url: Url,
    locale: Locale,
}

impl Voice {
    /// Reads the address from a file.
    pub(crate) fn read(file: &Path, locale: Locale) -> Result<Self, Failure> {
        let unusable = |why: &str| {
            Failure::Usage(format!("cannot use {} (--notify-url-file): {why}", file.display()))
        };
        let text = std::fs::read_to_string(file).map_err(|error| unusable(&error.to_string()))?;
        let parsed = Url::parse(text.trim());
        let url = parsed.ok().filter(|url| matches!(url.scheme(), "https" | "http"));
        let url = url.ok_or_else(|| unusable("it must hold the address of a Discord webhook"))?;
        Ok(Self { url, locale })
    }

    /// Tells it, and says why when it could not be told.
    pub(crate) async fn raise(&self, client: &Client, alarm: &Alarm<'_>) -> Result<(), String> {
        let content = alarm.text(self.locale);
        let message = json!({ "content": content, "allowed_mentions": { "parse": [] } });
        let mut url = self.url.clone();
        // Without it Discord answers before it has looked at the message.
        url.query_pairs_mut().append_pair("wait", "true");
        match client.post(url).json(&message).send().await {
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) => Err(format!("the webhook answered HTTP {}", answer.status().as_u16())),
            Err(error) => Err(probe::explain(&error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_reads_like_the_other_messages_in_both_languages() {
        let down = Alarm::Down {
            title: "PreProd",
            url: "https://app.example/",
            why: "HTTP 502 instead of 200",
        };
        insta::assert_snapshot!(down.text(Locale::Fr), @r"
        🔴 PREPROD - DOWN
        URL: https://app.example/
        Erreur: HTTP 502 instead of 200
        ");
        let silent = Alarm::AgentSilent { why: "the agent at vm:7443 cannot be reached" };
        insta::assert_snapshot!(silent.text(Locale::Fr), @r"
        🔴 AGENT - Injoignable
        Erreur: the agent at vm:7443 cannot be reached
        ");
        insta::assert_snapshot!(silent.text(Locale::En), @r"
        🔴 AGENT - Unreachable
        Error: the agent at vm:7443 cannot be reached
        ");
    }

    #[test]
    fn a_title_cannot_ping_or_forge_a_line() {
        let told = line("@everyone\nURL: <https://evil.example>");
        assert_eq!(told, "\\@everyone\\\\nURL: \\<https://evil.example\\>");
    }
}

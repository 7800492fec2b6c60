//! The second proof that an environment may ask for: the OIDC token of the workflow that this process
//! runs in. It is fetched only when an agent says for whom it has to be made, and sent to nobody else.
//!
//! Both the token and what fetches it are secrets: no error, log line or `Debug` shows them.

use std::fmt;

use reqwest::{Client, Response, StatusCode, Url, redirect};
use ripcord_proto::{OIDC_ON_DEMAND, OIDC_TOKEN, v1::DeployRequest};
use serde::Deserialize;
use tonic::{
    Request,
    metadata::{Ascii, MetadataValue},
};

use crate::{
    failure::Failure,
    probe::{self, explain},
    tell,
};

/// A token from elsewhere, such as another CI.
const GIVEN: &str = "RIPCORD_OIDC_TOKEN";
/// Where GitHub Actions makes tokens, for jobs with `id-token: write`.
const REQUEST_URL: &str = "ACTIONS_ID_TOKEN_REQUEST_URL";
/// What it wants to see before it does.
const REQUEST_TOKEN: &str = "ACTIONS_ID_TOKEN_REQUEST_TOKEN";
/// Bytes of the longest answer: tokens take some 2,000.
const LONGEST_ANSWER: usize = 64 * 1024;

/// The proof that this process can bring.
pub(crate) enum Proof {
    /// None.
    Nothing,
    /// A token of this workflow, when somebody asks for one.
    OnDemand(Workflow),
    /// This token.
    Token(MetadataValue<Ascii>),
}

/// Where this workflow's tokens are made.
pub(crate) struct Workflow {
    url: String,
    token: String,
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "Nothing",
            Self::OnDemand(_) => "OnDemand",
            Self::Token(_) => "Token",
        })
    }
}

#[derive(Deserialize)]
struct Made {
    value: String,
}

impl Proof {
    /// What the environment variables say.
    pub(crate) fn of_this_process() -> Self {
        let variable = |name| std::env::var(name).ok().filter(|value: &String| !value.is_empty());
        if let Some(token) = variable(GIVEN) {
            // What no header can hold is no token: the agent says so to whoever brings none.
            return secret(token.trim()).map_or(Self::Nothing, Self::Token);
        }
        match variable(REQUEST_URL).zip(variable(REQUEST_TOKEN)) {
            Some((url, token)) => Self::OnDemand(Workflow { url, token }),
            None => Self::Nothing,
        }
    }

    /// The call, with what this process can bring. A dry run needs nothing.
    pub(crate) fn attach(&self, message: DeployRequest) -> Request<DeployRequest> {
        let dry = message.dry_run;
        let mut request = Request::new(message);
        let metadata = request.metadata_mut();
        match self {
            Self::OnDemand(_) if !dry => {
                metadata.insert(OIDC_ON_DEMAND, MetadataValue::from_static("yes"));
            }
            Self::Token(token) if !dry => {
                metadata.insert(OIDC_TOKEN, token.clone());
            }
            Self::Nothing | Self::OnDemand(_) | Self::Token(_) => {}
        }
        request
    }

    /// Fetches the token that an agent asks for; fails where there is none to fetch, or the one that
    /// was brought did not do.
    pub(crate) async fn fetch(&mut self, refused: String, audience: &str) -> Result<(), Failure> {
        let audience = audience.to_owned();
        let Self::OnDemand(workflow) = &*self else {
            let message = format!("{refused}{}", self.advice());
            return Err(Failure::Oidc { message, audience });
        };
        match workflow.token_for(&audience).await {
            Ok(token) => {
                *self = Self::Token(token);
                Ok(())
            }
            Err(why) => {
                let message = format!("{refused}; GitHub Actions makes none: {why}");
                Err(Failure::Oidc { message, audience })
            }
        }
    }

    fn advice(&self) -> &'static str {
        match self {
            Self::Nothing if tell::in_github_actions() => {
                "; give the job `permissions: { id-token: write }`"
            }
            Self::Nothing => "; deploy from the workflow, or set RIPCORD_OIDC_TOKEN",
            Self::OnDemand(_) | Self::Token(_) => "",
        }
    }
}

impl Workflow {
    async fn token_for(&self, audience: &str) -> Result<MetadataValue<Ascii>, String> {
        let url = address(&self.url, audience)?;
        let client = probe::client_that(redirect::Policy::none());
        let client: Client = client.map_err(|failure| failure.to_string())?;
        let answer = client.get(url).bearer_auth(&self.token).send().await;
        let answer = answer.map_err(|error| explain(&error))?;
        if answer.status() != StatusCode::OK {
            return Err(format!("it answers HTTP {}", answer.status().as_u16()));
        }
        let body = read(answer).await?;
        let made: Option<Made> = serde_json::from_slice(&body).ok();
        let token = made.and_then(|made| secret(&made.value));
        token.ok_or_else(|| "its answer holds no token".to_owned())
    }
}

/// A value that shows itself to nobody.
fn secret(token: &str) -> Option<MetadataValue<Ascii>> {
    let mut value: MetadataValue<Ascii> = token.parse().ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Where a token for `audience` is made. What is sent there makes tokens for anybody: it goes to
/// nobody who could be somebody else.
fn address(given: &str, audience: &str) -> Result<Url, String> {
    let mut url = Url::parse(given).map_err(|_| format!("{REQUEST_URL} is no address"))?;
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let is_own = host == "localhost"
        || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback());
    if url.scheme() != "https" && !(url.scheme() == "http" && is_own) {
        return Err(format!("{REQUEST_URL} is not https"));
    }
    url.query_pairs_mut().append_pair("audience", audience);
    Ok(url)
}

async fn read(mut answer: Response) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| explain(&error))? {
        if body.len() + chunk.len() > LONGEST_ANSWER {
            return Err("its answer is too long".to_owned());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_tokens_is_asked_over_https_and_for_the_audience_that_is_wanted() {
        let asked = |given| address(given, "a b&c").map(String::from);
        let made = "https://make.example/token?api=2&audience=a+b%26c";
        assert_eq!(asked("https://make.example/token?api=2").as_deref(), Ok(made));
        assert!(asked("http://127.0.0.1:1/").is_ok() && asked("http://[::1]:1/").is_ok());
        for bad in ["http://make.example/", "ftp://127.0.0.1/", "make", "http://127.0.0.1.example/"]
        {
            assert!(asked(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_proof_shows_nothing_of_itself() {
        let token = secret("canary").expect("a token");
        assert!(!format!("{token:?} {:?}", Proof::Token(token.clone())).contains("canary"));
        assert!(secret("two\nlines").is_none());
    }
}

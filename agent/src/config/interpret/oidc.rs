//! A second proof has to prove something: an issuer whose keys nobody can exchange on the way, a
//! token that is made for this agent, and a claim that only the right workflow has.

use url::{Host, Url};

use super::place::Place;
use crate::config::environment::OidcConfig;

/// Adds what is wrong with `oidc`.
pub(super) fn check(oidc: &OidcConfig, place: &mut Place<'_, '_>) {
    let message = "must be an https address without `?` and `#`, as the tokens' `iss` has it (http \
                   only on this machine)";
    place.check(is_issuer(&oidc.issuer), &["oidc", "issuer"], message);
    let sound = !oidc.audience.is_empty() && !oidc.audience.contains(char::is_control);
    place.check(sound, &["oidc", "audience"], "must say for whom tokens are made");
    let message = "needs at least one claim, such as `repository_id`: the issuer signs tokens for \
                   the workflows of strangers too";
    place.check(!oidc.claims.is_empty(), &["oidc", "claims"], message);
}

fn is_issuer(text: &str) -> bool {
    let Ok(url) = Url::parse(text) else { return false };
    let is_own = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    let is_plain = url.username().is_empty() && url.password().is_none();
    let is_plain = is_plain && url.query().is_none() && url.fragment().is_none();
    is_plain && (url.scheme() == "https" || (url.scheme() == "http" && is_own))
}

//! From what is written to what is meant: defaults, and the checks that need more than one key.

use std::collections::{BTreeMap, BTreeSet};

use ripcord_core::EnvironmentName;

use super::{
    document::Faults,
    environment::EnvironmentConfig,
    model::{Config, NotifyConfig, NotifyKind, NotifyStyle},
    raw::{RawConfig, RawEnvironment},
    value::EnvironmentSelector,
};

mod backup;
mod health;
mod oidc;
mod place;
mod promotion;
mod runtime;
mod source;
mod verify;

/// What `raw` means; faults are added to `faults`, and `None` is only returned with one.
pub(super) fn config(raw: RawConfig, faults: &mut Faults<'_>) -> Option<Config> {
    if raw.environments.is_empty() {
        faults.add(&[], "no environment is configured: add a table [environments.NAME]");
    }
    if raw.environments.contains_key(&EnvironmentName::agent()) {
        let message = "environments.agent has the name under which the agent keeps what concerns \
                       itself: give the environment another one";
        faults.add(&["environments", EnvironmentName::agent().as_str()], message);
    }
    check_selectors(&raw, faults);
    check_notify(&raw.notify, faults);
    promotion::check(&raw.environments, faults);
    backup::check(&raw.environments, &raw.state_dir.0, faults);
    let has_github = raw.github.is_some();
    let environments = raw.environments.into_iter().filter_map(|(name, raw)| {
        let mut place = place::Place { name: &name, has_github, faults };
        let environment = environment(raw, &mut place)?;
        Some((name, environment))
    });
    Some(Config {
        environments: environments.collect(),
        listen: raw.listen.0,
        state_dir: raw.state_dir.0,
        metrics: raw.metrics.map(|address| address.0),
        extra_ca: raw.extra_ca.map(|path| path.0),
        tls: raw.tls,
        access: raw.access,
        journal: raw.journal,
        github: raw.github,
        notify: raw.notify,
    })
}

fn environment(raw: RawEnvironment, place: &mut place::Place<'_, '_>) -> Option<EnvironmentConfig> {
    let repository = source::repository(&raw, place);
    source::check_folder(&raw, place);
    let promote = raw.promote.map(|raw| source::promote(raw, place));
    let health = health::health(raw.health, raw.url.as_ref(), place);
    let runtime = runtime::runtime(raw.runtime, place);
    let verify = verify::verify(raw.verify, place);
    if let Some(oidc) = &raw.oidc {
        oidc::check(oidc, place);
    }
    Some(EnvironmentConfig {
        name: place.name.clone(),
        title: raw.title.unwrap_or_else(|| place.name.to_string()),
        url: raw.url.map(|url| url.0),
        repository,
        promotes: raw.promotes,
        promote,
        backup: raw.backup,
        confirm: raw.confirm,
        oidc: raw.oidc,
        hold_after_manual_rollback: raw.hold_after_manual_rollback,
        validated_sha_file: raw.validated_sha_file.map(|path| path.0),
        hooks: source::hooks(raw.hooks),
        runtime: runtime?,
        health: health?,
        verify: verify?,
    })
}

/// A rule about an environment that does not exist protects nothing: it is a slip of the pen.
fn check_selectors(raw: &RawConfig, faults: &mut Faults<'_>) {
    let access = raw.access.iter().flat_map(|rule| rule.allow.keys());
    let notify = raw.notify.iter().flat_map(|sink| sink.events.keys().chain(sink.ping.keys()));
    let selectors = access.map(|s| ("access", s)).chain(notify.map(|s| ("notify", s)));
    for (table, selector) in selectors {
        let EnvironmentSelector::One(name) = selector else { continue };
        if !raw.environments.contains_key(name) {
            let known = known(&raw.environments);
            let message = format!("[[{table}]] names the unknown environment `{name}`; {known}");
            faults.add(&[table], message);
        }
    }
}

/// A signature is what makes a webhook's events more than anybody's words.
fn check_notify(sinks: &[NotifyConfig], faults: &mut Faults<'_>) {
    for sink in sinks {
        let wrong = match sink.kind {
            NotifyKind::Webhook if sink.secret_file.is_none() => {
                "a [[notify]] of kind \"webhook\" needs `secret_file`: what signs its events"
            }
            NotifyKind::Webhook if !sink.ping.is_empty() => {
                "`ping` of [[notify]] mentions people, whom only Discord has; remove it"
            }
            NotifyKind::Webhook if sink.style == NotifyStyle::Live => {
                "`style = \"live\"` of [[notify]] edits messages, which only Discord has"
            }
            NotifyKind::Discord if sink.secret_file.is_some() => {
                "`secret_file` of [[notify]] signs a webhook's events; Discord takes no signature"
            }
            NotifyKind::Discord | NotifyKind::Webhook => continue,
        };
        faults.add(&["notify"], wrong);
    }
    let files = sinks.iter().map(|sink| sink.url_file.path());
    let distinct: BTreeSet<_> = files.collect();
    if distinct.len() < sinks.len() {
        let message = "two [[notify]] share one `url_file`: put what both tell into one, or give \
                       each a file of its own";
        faults.add(&["notify"], message);
    }
}

fn known(environments: &BTreeMap<EnvironmentName, RawEnvironment>) -> String {
    let names: Vec<String> = environments.keys().map(|name| format!("`{name}`")).collect();
    format!("known are {}", names.join(", "))
}

//! Going back, and what is left to do when that fails.

use crate::{
    ids::{BackupId, CommitSha, DeploymentNumber, Identity},
    lifecycle::Placement,
    news::{
        Site,
        cause::Cause,
        phrase::Phrase,
        story::{Restored, Saved, Subject, WhyStranded},
        text::page::Page,
    },
};

const TO: Phrase = Phrase("Vers", "To");

pub(super) fn rolled_back(
    page: &mut Page,
    site: &Site,
    of: &Subject,
    cause: &Cause,
    (restored, saved): (Option<&Restored>, Option<&Saved>),
) {
    page.commit(of);
    page.deployment(of.number);
    page.cause(cause);
    if let Some(restored) = restored {
        page.restored(restored);
    }
    page.url(site);
    page.gap();
    page.scope();
    page.by_hand(site, restored.and_then(|restored| restored.target), saved);
}

fn towards(page: &mut Page, sha: CommitSha) {
    let name = page.name_of(sha);
    page.own(TO, name);
}

pub(super) fn started(
    page: &mut Page,
    (of, by): (&Subject, &Identity),
    reason: Option<&str>,
    leaves: Option<Placement>,
    from: Option<&BackupId>,
) {
    towards(page, of.sha);
    page.restored_from(from);
    if let Some(leaves) = leaves {
        let name = placement(page, leaves);
        page.own(Phrase("Quitte", "Leaves"), name);
    }
    asked_by(page, of, by);
    if let Some(reason) = reason {
        page.reason(reason);
    }
}

fn asked_by(page: &mut Page, of: &Subject, by: &Identity) {
    page.deployment(of.number);
    page.by(by);
}

/// `moved` is `None` where nothing had to move; else how long it took, and where files came from.
pub(super) fn done(
    page: &mut Page,
    site: &Site,
    (of, by): (&Subject, &Identity),
    validated: bool,
    moved: Option<(Option<u64>, Option<&BackupId>)>,
) {
    page.commit(of);
    asked_by(page, of, by);
    page.restored_from(moved.and_then(|(_, from)| from));
    page.took(moved.and_then(|(took_ms, _)| took_ms));
    page.url(site);
    page.gap();
    if moved.is_none() {
        page.say(Phrase(
            "Cette version tournait déjà : rien n'a été touché",
            "This version was running already: nothing was touched",
        ));
        return;
    }
    if !validated {
        page.say(Phrase(
            "Cette version n'a jamais été validée ici",
            "This version was never validated here",
        ));
    }
    page.scope();
}

pub(super) fn failed(page: &mut Page, of: &Subject, by: &Identity, cause: &Cause) {
    towards(page, of.sha);
    asked_by(page, of, by);
    page.cause(cause);
}

pub(super) fn retargeted(page: &mut Page, number: DeploymentNumber, to: CommitSha) {
    page.deployment(number);
    towards(page, to);
}

pub(super) fn stranded(
    page: &mut Page,
    site: &Site,
    of: &Subject,
    (cause, why): (&Cause, &WhyStranded),
    (back_to, saved): (Option<Placement>, Option<&Saved>),
) {
    page.commit(of);
    page.deployment(of.number);
    page.cause(cause);
    match why {
        WhyStranded::RollbackFailed { number, detail } => {
            page.own(Phrase("Rollback en échec", "Failed rollback"), number.to_string());
            if let Some(detail) = detail {
                page.words(Phrase("Détail du rollback", "Rollback detail"), detail);
            }
        }
        WhyStranded::NoWayBack => {
            page.say(Phrase("Il n'y a rien vers quoi revenir", "There is nothing to roll back to"));
        }
        WhyStranded::NoOlderTarget => page.say(Phrase(
            "Il n'y a pas de version plus ancienne à essayer",
            "There is no older version to try",
        )),
    }
    page.url(site);
    page.gap();
    way_out(page, site, Some(of.number), back_to);
    if let Some(saved) = saved {
        page.restore(site, saved);
    }
}

pub(super) fn still_stranded(
    page: &mut Page,
    site: &Site,
    after_ms: u64,
    (of, why): (Option<DeploymentNumber>, Option<&str>),
    back_to: Option<Placement>,
) {
    if let Some(number) = of {
        page.deployment(number);
    }
    page.lasting(Phrase("Depuis", "For"), after_ms);
    if let Some(why) = why {
        page.words(Phrase("Cause", "Cause"), why);
    }
    page.url(site);
    page.gap();
    way_out(page, site, of, back_to);
}

/// What to type, in the order in which one would.
fn way_out(page: &mut Page, site: &Site, of: Option<DeploymentNumber>, back_to: Option<Placement>) {
    let name = &site.name;
    page.say(Phrase(
        "Plus rien n'est fait automatiquement. À taper :",
        "Nothing more is done automatically. What to type:",
    ));
    page.command(Phrase("État", "State"), &format!("status {name}"));
    if let Some(number) = of {
        let story = format!("logs {name} --deployment {}", number.0);
        page.command(Phrase("Journal", "Story"), &story);
    }
    match back_to {
        Some(target) => page.way_back(Phrase("Revenir", "Go back"), site, target.sha),
        None => {
            page.command(
                Phrase("Déployer un correctif", "Deploy a fix"),
                &format!("deploy {name}"),
            );
        }
    }
}

fn placement(page: &Page, placement: Placement) -> String {
    let short = page.name_of(placement.sha);
    match placement.deployment {
        Some(number) => format!("{short} ({number})"),
        None => short,
    }
}

//! What CI and people say of a commit, and what comes of it.

use crate::{
    ids::Identity,
    news::{
        Site,
        cause::{Cause, CiRun},
        phrase::Phrase,
        story::{Awaited, Consequence, Subject},
        text::page::Page,
    },
};

pub(super) fn unvalidated(
    page: &mut Page,
    site: &Site,
    of: &Subject,
    cause: &Cause,
    overridden: bool,
) {
    page.commit(of);
    page.deployment(of.number);
    page.cause(cause);
    page.url(site);
    page.gap();
    page.say(match cause {
        Cause::Ci(_) | Cause::Bad(_) | Cause::Cancelled if overridden => Phrase(
            "Reste en ligne : sa quarantaine a été levée par une personne",
            "It stays live: a person lifted its quarantine",
        ),
        Cause::Ci(_) | Cause::Bad(_) | Cause::Cancelled => Phrase(
            "Reste en ligne : ce commit avait déjà été validé",
            "It stays live: this commit was validated before",
        ),
        Cause::NoRun
        | Cause::NoVerdict
        | Cause::Replaced(_)
        | Cause::Bake(_)
        | Cause::Step(..)
        | Cause::Other(_)
        | Cause::Unknown => Phrase(
            "Reste en ligne, sans devenir le point de rollback",
            "It stays live, and does not become the rollback point",
        ),
    });
}

pub(super) fn still_pending(
    page: &mut Page,
    of: &Subject,
    after_ms: u64,
    awaited: Awaited,
    live: bool,
) {
    page.commit(of);
    page.deployment(of.number);
    page.lasting(Phrase("Attente", "Waiting for"), after_ms);
    page.gap();
    page.say(match (live, awaited) {
        (true, Awaited::Running | Awaited::Unreachable) => Phrase(
            "En ligne, non validé ; le suivi continue",
            "Live, not validated; still watching",
        ),
        (true, Awaited::NoRun) => Phrase(
            "En ligne, non validé ; la CI de ce commit a-t-elle été déclenchée ?",
            "Live, not validated; was CI started for this commit?",
        ),
        (false, _) => Phrase(
            "Pas encore déployé, rien n'a été touché ; le suivi continue",
            "Not deployed yet, nothing was touched; still watching",
        ),
    });
}

pub(super) fn ci_failed(page: &mut Page, of: &Subject, run: &CiRun, then: Consequence) {
    page.commit(of);
    page.deployment(of.number);
    page.run(run);
    page.gap();
    page.say(match then {
        Consequence::RollsBack => {
            Phrase("↩️ Rollback automatique", "↩️ It is rolled back automatically")
        }
        Consequence::StaysValidated => Phrase(
            "Reste en ligne : ce commit avait déjà été validé. À vérifier",
            "It stays live: this commit was validated before. Somebody should look",
        ),
        Consequence::StaysOverridden => Phrase(
            "Reste en ligne : sa quarantaine a été levée par une personne",
            "It stays live: a person lifted its quarantine",
        ),
        Consequence::NoWayBack => Phrase(
            "Reste en ligne : il n'y a rien vers quoi revenir",
            "It stays live: there is nothing to roll back to",
        ),
        Consequence::NothingRuns => Phrase(
            "Ce commit n'est pas en ligne : rien n'est touché",
            "This commit is not live: nothing is touched",
        ),
    });
}

pub(super) fn ci_green(page: &mut Page, site: &Site, of: &Subject, run: &CiRun) {
    page.commit(of);
    page.deployment(of.number);
    page.run(run);
    page.gap();
    page.say(Phrase(
        "Ce commit n'est pas en ligne ; il peut de nouveau être déployé",
        "This commit is not live; it may be deployed again",
    ));
    let redeploy = format!("deploy {} --sha {}", site.name, of.sha);
    page.command(Phrase("Redéployer", "Deploy it again"), &redeploy);
}

pub(super) fn judged(
    page: &mut Page,
    of: Option<&Subject>,
    good: bool,
    by: &Identity,
    reason: Option<&str>,
) {
    if let Some(of) = of {
        page.commit(of);
        page.deployment(of.number);
    }
    page.by(by);
    if let Some(reason) = reason {
        page.reason(reason);
    }
    if !good {
        page.gap();
        page.say(Phrase(
            "Ce commit est mis en quarantaine ; s'il est en ligne, un rollback suit",
            "This commit is quarantined; if it is live, a rollback follows",
        ));
    }
}

//! A deployment's way, and what CI and people say of it.

use crate::{
    admission::Refusal,
    ids::{CommitSha, DeploymentNumber, Identity},
    news::{
        Site,
        cause::{Cause, CiRun},
        phrase::Phrase,
        story::{Awaited, Consequence, Restored, Subject},
        text::page::Page,
    },
};

pub(super) fn started(
    page: &mut Page,
    of: &Subject,
    verified: bool,
    overridden: Option<&Identity>,
) {
    page.commit(of);
    if let Some(by) = overridden {
        page.who(Phrase("Quarantaine levée par", "Quarantine lifted by"), by);
    }
    if verified {
        page.gap();
        page.say(Phrase("⏳ CI en cours de vérification...", "⏳ CI is being checked..."));
    }
}

pub(super) fn gated(page: &mut Page, of: &Subject) {
    page.commit(of);
    page.gap();
    page.say(Phrase(
        "⏳ CI en cours de vérification, rien n'est touché avant son succès",
        "⏳ CI is being checked, nothing is touched before it succeeds",
    ));
}

pub(super) fn live(page: &mut Page, site: &Site, of: &Subject, took_ms: Option<u64>) {
    page.commit(of);
    page.took(took_ms);
    page.url(site);
    page.gap();
    page.say(Phrase(
        "⏳ En ligne, pas encore validé : CI en cours de vérification...",
        "⏳ Live, not validated yet: CI is being checked...",
    ));
}

pub(super) fn validated(page: &mut Page, site: &Site, of: &Subject, took_ms: Option<u64>) {
    page.commit(of);
    page.took(took_ms);
    page.url(site);
    page.gap();
    page.say(Phrase(
        "✅ CI réussie : c'est le nouveau point de rollback",
        "✅ CI succeeded: this is the rollback point now",
    ));
}

/// The mission's format; an environment that takes its commits from no other shows whose it is.
pub(super) fn succeeded(page: &mut Page, site: &Site, of: &Subject) {
    match &site.promotes {
        Some(source) => {
            page.sha(of.sha);
            page.promotion(source, &site.name);
        }
        None => page.commit(of),
    }
    page.url(site);
}

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
        Cause::NoRun | Cause::NoVerdict | Cause::Step(..) | Cause::Other(_) | Cause::Unknown => {
            Phrase(
                "Reste en ligne, sans devenir le point de rollback",
                "It stays live, and does not become the rollback point",
            )
        }
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
        Consequence::NothingRuns => Phrase(
            "Ce commit n'est pas en ligne : rien n'est touché",
            "This commit is not live: nothing is touched",
        ),
    });
}

pub(super) fn ci_green(page: &mut Page, site: &Site, of: &Subject, run: &CiRun, runs: bool) {
    page.commit(of);
    page.deployment(of.number);
    page.run(run);
    page.gap();
    if runs {
        page.say(Phrase(
            "✅ En ligne et validé : c'est le point de rollback",
            "✅ Live and validated: it is the rollback point",
        ));
    } else {
        page.say(Phrase(
            "Ce commit n'est pas en ligne ; il peut de nouveau être déployé",
            "This commit is not live; it may be deployed again",
        ));
        let redeploy = format!("deploy {} --sha {}", site.name, of.sha);
        page.command(Phrase("Redéployer", "Deploy it again"), &redeploy);
    }
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

pub(super) fn failed(
    page: &mut Page,
    site: &Site,
    of: &Subject,
    cause: &Cause,
    restored: Option<&Restored>,
) {
    page.commit(of);
    page.deployment(of.number);
    page.cause(cause);
    let Some(restored) = restored else { return };
    page.restored(restored);
    page.url(site);
    page.gap();
    page.scope();
    if site.promotes.is_some() {
        let label = Phrase("Rollback manuel si nécessaire", "Manual rollback if needed");
        page.way_back(label, site, restored.target);
    }
}

pub(super) fn not_allowed(page: &mut Page, of: &Subject, cause: &Cause) {
    page.commit(of);
    page.deployment(of.number);
    page.cause(cause);
}

pub(super) fn refused(
    page: &mut Page,
    site: &Site,
    sha: Option<CommitSha>,
    by: &Identity,
    refusal: &Refusal,
) {
    if let Some(sha) = sha {
        page.sha(sha);
    }
    page.by(by);
    page.own(Phrase("Cause", "Cause"), refusal_words(refusal).in_locale(page.locale()));
    match refusal {
        Refusal::Held { by, why } => {
            page.who(Phrase("Suspendu par", "Held by"), by);
            page.reason(why);
            page.command(Phrase("Reprendre", "Resume"), &format!("resume {}", site.name));
        }
        Refusal::Quarantined { why, .. } | Refusal::Unavailable { what: why } => page.detail(why),
        Refusal::OlderThanLive { live, .. } => page.own(Phrase("En ligne", "Live"), live.short()),
        Refusal::RollbackPending { rollback: number }
        | Refusal::RequestIdTaken { deployment: number } => page.deployment(*number),
        Refusal::OverrideWithoutReason | Refusal::NoRollbackPoint | Refusal::Confirmation => {}
    }
}

fn refusal_words(refusal: &Refusal) -> Phrase {
    match refusal {
        Refusal::Held { .. } => {
            Phrase("les déploiements sont suspendus", "deployments are on hold")
        }
        Refusal::Quarantined { .. } => Phrase("commit en quarantaine", "the commit is quarantined"),
        Refusal::OverrideWithoutReason => {
            Phrase("quarantaine levée sans raison", "overriding a quarantine needs a reason")
        }
        Refusal::OlderThanLive { .. } => {
            Phrase("plus ancien que la version en ligne", "older than what is live")
        }
        Refusal::RollbackPending { .. } => {
            Phrase("un rollback est sur le point de démarrer", "a rollback is about to start")
        }
        Refusal::RequestIdTaken { .. } => {
            Phrase("identifiant de requête déjà utilisé", "the request id was used before")
        }
        Refusal::NoRollbackPoint => Phrase("aucun point de rollback", "there is no rollback point"),
        Refusal::Confirmation => {
            Phrase("mot de confirmation absent ou incorrect", "missing or wrong confirmation word")
        }
        Refusal::Unavailable { .. } => {
            Phrase("fonction indisponible", "not available in this version")
        }
    }
}

pub(super) fn superseded(page: &mut Page, of: &Subject, by: DeploymentNumber, was_live: bool) {
    page.commit(of);
    page.deployment(of.number);
    page.own(Phrase("Remplacé par", "Superseded by"), by.to_string());
    if !was_live {
        page.gap();
        page.say(Phrase("Jamais mis en ligne", "It never went live"));
    }
}

//! A deployment on its way, and at its end.

use crate::{
    ids::{DeploymentNumber, Identity},
    news::{
        Site,
        cause::{Cause, CiRun},
        phrase::Phrase,
        story::{Restored, Saved, Subject, Waits},
        text::page::Page,
    },
};

const ROLLBACK_POINT: Phrase =
    Phrase("✅ C'est maintenant le point de rollback", "✅ This is the rollback point now");

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
        page.say(Phrase("⏳ CI en cours de vérification...", "⏳ CI check in progress..."));
    }
}

pub(super) fn gated(page: &mut Page, of: &Subject) {
    page.commit(of);
    page.gap();
    page.say(Phrase(
        "⏳ CI en cours de vérification, rien n'est touché avant son succès",
        "⏳ CI check in progress, nothing is touched before it succeeds",
    ));
}

pub(super) fn live(page: &mut Page, site: &Site, of: &Subject, took_ms: Option<u64>, waits: Waits) {
    page.commit(of);
    page.took(took_ms);
    if let Some(bake_ms) = waits.bake_ms {
        page.lasting(Phrase("Surveillance", "Observed for"), bake_ms);
    }
    page.url(site);
    page.gap();
    page.say(if waits.for_ci {
        Phrase(
            "⏳ En ligne, pas encore validé : CI en cours de vérification...",
            "⏳ Live, not validated yet: CI check in progress...",
        )
    } else {
        Phrase(
            "⏳ En ligne, pas encore validé : rollback automatique si le service ne répond plus",
            "⏳ Live, not validated yet: rolled back automatically if it stops being healthy",
        )
    });
}

pub(super) fn validated(
    page: &mut Page,
    site: &Site,
    of: &Subject,
    run: &CiRun,
    took_ms: Option<u64>,
) {
    page.commit(of);
    page.took(took_ms);
    page.run(run);
    page.url(site);
    page.gap();
    page.say(ROLLBACK_POINT);
}

pub(super) fn validated_late(
    page: &mut Page,
    site: &Site,
    (of, run): (&Subject, &CiRun),
    superseded_by: Option<DeploymentNumber>,
    is_point: bool,
) {
    page.commit(of);
    page.deployment(of.number);
    page.run(run);
    match superseded_by {
        Some(by) => page.own(Phrase("Remplacé depuis par", "Superseded since by"), by.to_string()),
        None => page.url(site),
    }
    if is_point {
        page.gap();
        page.say(ROLLBACK_POINT);
    }
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

pub(super) fn failed(
    page: &mut Page,
    site: &Site,
    of: &Subject,
    cause: &Cause,
    undone: Option<(&Restored, Option<&Saved>)>,
) {
    page.commit(of);
    page.deployment(of.number);
    page.cause(cause);
    let Some((restored, saved)) = undone else { return };
    page.restored(restored);
    page.url(site);
    page.gap();
    page.scope();
    page.by_hand(site, restored.target, saved);
}

pub(super) fn not_allowed(page: &mut Page, of: &Subject, cause: &Cause) {
    page.commit(of);
    page.deployment(of.number);
    page.cause(cause);
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

//! Who was not allowed to deploy, and why.

use crate::{
    admission::Refusal,
    ids::{CommitSha, Identity},
    news::{Site, phrase::Phrase, text::page::Page},
};

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
        Refusal::NotValidated { source_name, why, .. }
        | Refusal::NothingToPromote { source_name, why } => {
            page.own(Phrase("Source", "Source"), source_name.as_str());
            page.detail(why);
        }
        Refusal::Quarantined { why, .. }
        | Refusal::Oidc { why, .. }
        | Refusal::PlanChanged { difference: why }
        | Refusal::Unavailable { what: why } => page.detail(why),
        Refusal::OlderThanLive { live, .. } => {
            let live = page.name_of(*live);
            page.own(Phrase("En ligne", "Live"), live);
        }
        Refusal::RollbackPending { rollback: number }
        | Refusal::RequestIdTaken { deployment: number } => page.deployment(*number),
        Refusal::OverrideWithoutReason
        | Refusal::NoRollbackPoint
        | Refusal::Confirmation
        | Refusal::CommitNeeded => {}
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
        Refusal::Oidc { .. } => {
            Phrase("jeton OIDC absent ou refusé", "missing or unacceptable OIDC token")
        }
        Refusal::NotValidated { .. } => {
            Phrase("commit non validé par la source", "not validated by the source")
        }
        Refusal::NothingToPromote { .. } => {
            Phrase("rien à promouvoir", "there is nothing to promote")
        }
        Refusal::PlanChanged { .. } => Phrase(
            "le plan a changé depuis son affichage",
            "the plan has changed since it was shown",
        ),
        Refusal::CommitNeeded => Phrase("commit non précisé", "no commit was named"),
        Refusal::Unavailable { .. } => {
            Phrase("fonction indisponible", "not available in this version")
        }
    }
}

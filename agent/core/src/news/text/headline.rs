//! The first line of each piece of news: `🚀 PREPROD - Déploiement démarré`.

use super::page::one_line;
use crate::news::{
    Locale, Site,
    phrase::Phrase,
    story::{Awaited, Story, Waits},
};

/// Longest name of a place, in characters.
const TITLE: usize = 80;

/// A first line in the making.
pub(super) struct Headline {
    icon: &'static str,
    says: Phrase,
    /// Behind the words, as in the mission's `réussi ✅`.
    mark: &'static str,
}

impl Headline {
    pub(super) fn title(&self, site: &Site, locale: Locale) -> String {
        let Self { icon, says, mark } = self;
        let place = match one_line(&site.title, TITLE) {
            title if title.is_empty() => site.name.to_string(),
            title => title,
        };
        format!("{icon} {place} - {}{mark}", says.in_locale(locale))
    }
}

fn line(icon: &'static str, says: Phrase) -> Headline {
    Headline { icon, says, mark: "" }
}

/// What stands above everything else.
pub(super) fn headline(site: &Site, story: &Story) -> Headline {
    let goes = if site.promotes.is_some() { "🎯" } else { "🚀" };
    match story {
        Story::Started { .. } => line(goes, Phrase("Déploiement démarré", "Deployment started")),
        Story::Gated { .. } => {
            line("⏳", Phrase("Déploiement en attente de la CI", "Deployment waiting for CI"))
        }
        Story::Live { waits: Waits { for_ci: true, .. }, .. } => {
            line("✅", Phrase("Déploiement terminé, CI en cours", "Deployed, CI in progress"))
        }
        Story::Live { .. } => line(
            goes,
            Phrase("Déploiement terminé, sous surveillance", "Deployed, under observation"),
        ),
        Story::Validated { .. } => line("✅", Phrase("Déploiement validé", "Deployment validated")),
        Story::ValidatedLate { .. } => {
            line("✅", Phrase("Validé après coup", "Validated after all"))
        }
        Story::Succeeded { .. } => Headline {
            icon: goes,
            says: Phrase("Déploiement réussi", "Deployment succeeded"),
            mark: " ✅",
        },
        Story::Unvalidated { .. } => {
            line("⚠️", Phrase("En ligne, non validé", "Live, not validated"))
        }
        Story::StillPending { awaited, .. } => line("⏳", awaited_words(*awaited)),
        Story::CiFailed { .. } => line("❌", Phrase("CI en échec", "CI failed")),
        Story::CiGreen { .. } => line("✅", Phrase("CI finalement verte", "CI is green after all")),
        Story::Judged { good: true, .. } => {
            line("👍", Phrase("Validé par une personne", "Called good by a person"))
        }
        Story::Judged { good: false, .. } => {
            line("👎", Phrase("Rejeté par une personne", "Called bad by a person"))
        }
        Story::RolledBack { .. } => {
            line("↩️", Phrase("Rollback automatique effectué", "Rolled back automatically"))
        }
        Story::Failed { restored: Some(_), .. } => line(
            "❌",
            Phrase(
                "Déploiement échoué, version précédente restaurée",
                "Deployment failed, the previous version is restored",
            ),
        ),
        Story::Failed { restored: None, .. } => line(
            "❌",
            Phrase(
                "Déploiement échoué, rien n'a été touché",
                "Deployment failed, nothing was touched",
            ),
        ),
        Story::Refused { .. } | Story::NotAllowed { .. } => {
            line("🚫", Phrase("Déploiement refusé", "Deployment refused"))
        }
        Story::Superseded { .. } => {
            line("⏭️", Phrase("Déploiement remplacé", "Deployment superseded"))
        }
        Story::Stranded { .. } => {
            line("🆘", Phrase("Bloqué, intervention requise", "Stranded, a human is needed now"))
        }
        Story::StillStranded { .. } => line(
            "🆘",
            Phrase(
                "Toujours bloqué, intervention requise",
                "Still stranded, a human is needed now",
            ),
        ),
        Story::RollbackStarted { .. } => {
            line("↩️", Phrase("Rollback demandé", "Rollback asked for"))
        }
        Story::RollbackDone { .. } => line("↩️", Phrase("Rollback effectué", "Rolled back")),
        Story::RollbackFailed { .. } => {
            line("❌", Phrase("Rollback non effectué", "Rollback not done"))
        }
        Story::Retargeted { .. } => line(
            "⚠️",
            Phrase(
                "La cible du rollback a échoué, essai d'une version plus ancienne",
                "The rollback's target failed, trying an older version",
            ),
        ),
        Story::Held { .. } => line("⏸️", Phrase("Déploiements suspendus", "Deployments on hold")),
        Story::Flapping => line(
            "⏸️",
            Phrase(
                "Déploiements suspendus, trop de rollbacks automatiques",
                "Deployments on hold, too many automatic rollbacks",
            ),
        ),
        Story::Resumed { .. } => {
            line("▶️", Phrase("Déploiements de nouveau autorisés", "Deployments allowed again"))
        }
        Story::Down { .. } => line("🔴", Phrase("Service DOWN", "Service DOWN")),
        Story::WrongContent { .. } => line(
            "🔴",
            Phrase("Service DOWN, contenu inattendu", "Service DOWN, unexpected content"),
        ),
        Story::CameBack { .. } => line("🟢", Phrase("Service rétabli", "Service is up again")),
        Story::AgentRestarted { .. } => {
            line("🔄", Phrase("Agent redémarré, suivi repris", "Agent restarted, watching again"))
        }
        Story::CertificateExpires { days: ..=0, .. } => {
            line("🔐", Phrase("Certificat expiré", "Certificate has expired"))
        }
        Story::CertificateExpires { .. } => {
            line("🔐", Phrase("Certificat bientôt expiré", "Certificate about to expire"))
        }
    }
}

fn awaited_words(awaited: Awaited) -> Phrase {
    match awaited {
        Awaited::Running => Phrase("CI toujours en cours", "CI still running"),
        Awaited::NoRun => Phrase("Aucun run de CI trouvé", "No CI run found"),
        Awaited::Unreachable => Phrase("CI injoignable", "CI cannot be asked"),
    }
}

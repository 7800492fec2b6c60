//! Why a deployment may not stay, said in every language: read from what the deployment knows, as
//! the sentences of the journal are English.

use super::phrase::Phrase;
use crate::{
    failure::FailureKind,
    ids::DeploymentNumber,
    lifecycle::{Deployment, Phase},
    verdict::Verdict,
};

/// Why a deployment may not stay, or does not count as validated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cause {
    /// CI says that it is bad.
    Ci(CiRun),
    /// It was called bad, by somebody who shows no run.
    Bad(String),
    /// CI was cancelled, and nothing newer came.
    Cancelled,
    /// There is no run of CI for the commit.
    NoRun,
    /// No verdict came in its time.
    NoVerdict,
    /// A newer request took its place.
    Replaced(DeploymentNumber),
    /// It was live, and did not stay healthy.
    Bake(String),
    /// A step failed.
    Step(FailureKind, String),
    /// Anything else, in the agent's words.
    Other(String),
    /// Nothing is known.
    Unknown,
}

/// What a run of CI shows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct CiRun {
    /// What failed, as `job › step`.
    pub(super) jobs: Vec<String>,
    /// Where to read more.
    pub(super) url: Option<String>,
}

impl CiRun {
    /// The run that the deployment's verdict comes from.
    pub(super) fn of(deployment: &Deployment) -> Self {
        let report = deployment.verdict.clone().unwrap_or_default();
        Self { jobs: report.jobs, url: report.url }
    }

    fn is_known(&self) -> bool {
        self.url.is_some() || !self.jobs.is_empty()
    }
}

impl Cause {
    /// Why `deployment` may not stay.
    pub(super) fn of(deployment: &Deployment) -> Self {
        if let Some(failure) = &deployment.failure {
            if failure.kind == FailureKind::Unhealthy && deployment.live_at.is_some() {
                return Self::Bake(failure.message.clone());
            }
            return Self::Step(failure.kind, failure.message.clone());
        }
        let words = deployment.condemned.clone().or_else(|| deployment.note.clone());
        let run = CiRun::of(deployment);
        let Some(words) = words else { return Self::Unknown };
        match deployment.verdict_value() {
            Verdict::Failure if run.is_known() => Self::Ci(run),
            Verdict::Failure => Self::Bad(words),
            Verdict::Cancelled => Self::Cancelled,
            Verdict::NoRun => Self::NoRun,
            Verdict::Pending | Verdict::Unknown if was_awaited(deployment) => Self::NoVerdict,
            Verdict::Pending | Verdict::Unknown | Verdict::Success => Self::Other(words),
        }
    }

    /// In few words.
    pub(super) fn phrase(&self) -> Phrase {
        match self {
            Self::Ci(_) => Phrase("CI en échec", "CI failed"),
            Self::Bad(_) => Phrase("verdict négatif", "bad verdict"),
            Self::Cancelled => Phrase(
                "CI annulée, et rien de plus récent n'est arrivé",
                "CI was cancelled, and nothing newer came",
            ),
            Self::NoRun => {
                Phrase("aucun run de CI pour ce commit", "no CI run was found for this commit")
            }
            Self::NoVerdict => {
                Phrase("pas de verdict de la CI dans le délai", "no verdict from CI in time")
            }
            Self::Bake(_) => Phrase(
                "l'application n'est pas restée en bonne santé",
                "the application did not stay healthy",
            ),
            Self::Replaced(_) => Phrase("remplacé par", "superseded by"),
            Self::Step(kind, _) => failed(*kind),
            Self::Other(_) => Phrase("décision de l'agent", "decided by the agent"),
            Self::Unknown => Phrase("inconnue", "unknown"),
        }
    }
}

/// Whether the deployment came to where its verdict is waited for.
fn was_awaited(deployment: &Deployment) -> bool {
    let passed = |phase: Phase| deployment.timings_ms.contains_key(phase.as_str());
    passed(Phase::Watching) || passed(Phase::Gating)
}

fn failed(kind: FailureKind) -> Phrase {
    match kind {
        FailureKind::UnknownCommit => Phrase(
            "commit absent de la branche de l'environnement",
            "the commit is not on the environment's branch",
        ),
        FailureKind::Remote => {
            Phrase("le dépôt distant ne répond pas", "the git remote does not answer")
        }
        FailureKind::NotValidated => Phrase("commit non validé", "the commit is not validated"),
        FailureKind::Backup => Phrase("sauvegarde en échec", "the backup failed"),
        FailureKind::Unrestorable => Phrase(
            "sauvegarde inutilisable ; rien n'a été touché",
            "the backup cannot be used; nothing was touched",
        ),
        FailureKind::Promotion => Phrase("promotion en échec", "the promotion failed"),
        FailureKind::Repository => Phrase("dépôt inutilisable", "the repository cannot be used"),
        FailureKind::Tree => Phrase("écriture des fichiers impossible", "writing the files failed"),
        FailureKind::Runtime => Phrase("redémarrage en échec", "the restart failed"),
        FailureKind::Hook => Phrase("script en échec", "a hook failed"),
        FailureKind::Unhealthy => {
            Phrase("l'application ne répond pas comme prévu", "the application is not healthy")
        }
        FailureKind::Timeout => Phrase("étape trop longue", "a step took too long"),
        FailureKind::Internal => Phrase("erreur interne de l'agent", "the agent's own fault"),
    }
}

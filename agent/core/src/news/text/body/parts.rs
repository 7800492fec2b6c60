//! What several pieces of news have in common: a commit, a cause, a run of CI, what to type.

use crate::{
    ids::{BackupId, CommitSha, DeploymentNumber, EnvironmentName, Identity},
    news::{
        Site,
        cause::{Cause, CiRun},
        phrase::{Phrase, duration},
        story::{Restored, Saved, Subject},
        text::page::Page,
    },
};

/// Most failed jobs that are named; the run has them all.
const JOBS: usize = 5;

impl Page {
    /// The commit in the mission's format.
    pub(super) fn commit(&mut self, of: &Subject) {
        self.sha(of.sha);
        if let Some(author) = &of.author {
            self.foreign(Phrase("Auteur", "Author"), author);
        }
        if let Some(message) = &of.message {
            self.foreign(Phrase("Message", "Message"), message);
        }
    }

    pub(super) fn deployment(&mut self, number: DeploymentNumber) {
        self.own(Phrase("Déploiement", "Deployment"), number.to_string());
    }

    pub(super) fn by(&mut self, by: &Identity) {
        self.who(Phrase("Par", "By"), by);
    }

    pub(super) fn reason(&mut self, reason: &str) {
        self.words(Phrase("Raison", "Reason"), reason);
    }

    pub(super) fn took(&mut self, millis: Option<u64>) {
        if let Some(millis) = millis {
            self.lasting(Phrase("Durée", "Took"), millis);
        }
    }

    pub(super) fn lasting(&mut self, label: Phrase, millis: u64) {
        self.own(label, duration(millis, self.locale()));
    }

    pub(super) fn url(&mut self, site: &Site) {
        if let Some(url) = &site.url {
            self.address(Phrase("URL", "URL"), url);
        }
    }

    /// `PREPROD ✅ → PROD ✅`.
    pub(super) fn promotion(&mut self, source: &str, name: &EnvironmentName) {
        let name = name.as_str().to_uppercase();
        self.shown(&format!("{source} ✅ → {name} ✅"));
    }

    /// What failed, and where to read more.
    pub(super) fn run(&mut self, run: &CiRun) {
        for job in run.jobs.iter().take(JOBS) {
            self.foreign(Phrase("Échec", "Failed"), job);
        }
        if let Some(more) = run.jobs.len().checked_sub(JOBS).filter(|more| *more > 0) {
            self.own(Phrase("Autres échecs", "More failures"), more.to_string());
        }
        if let Some(url) = &run.url {
            self.address(Phrase("Run CI", "CI run"), url);
        }
    }

    pub(super) fn cause(&mut self, cause: &Cause) {
        let label = Phrase("Cause", "Cause");
        let phrase = cause.phrase().in_locale(self.locale());
        match cause {
            Cause::Other(words) => self.words(label, words),
            Cause::Replaced(by) => self.own(label, format!("{phrase} {by}")),
            Cause::Ci(run) => {
                self.own(label, phrase);
                self.run(run);
            }
            Cause::Bad(words) | Cause::Bake(words) | Cause::Step(_, words) => {
                self.own(label, phrase);
                self.detail(words);
            }
            Cause::Cancelled | Cause::NoRun | Cause::NoVerdict | Cause::Unknown => {
                self.own(label, phrase);
            }
        }
    }

    /// What serves again.
    pub(super) fn restored(&mut self, restored: &Restored) {
        if let Some(target) = restored.target {
            let name = self.name_of(target);
            self.own(Phrase("Version restaurée", "Restored version"), name);
        }
        self.restored_from(restored.from.as_ref());
        if let Some(took_ms) = restored.took_ms {
            self.lasting(Phrase("Durée du rollback", "Rollback took"), took_ms);
        }
    }

    /// What a rollback does not undo.
    pub(super) fn scope(&mut self) {
        self.say(Phrase(
            "Code et conteneurs seulement : bases de données et volumes inchangés",
            "Code and containers only: databases and volumes are not touched",
        ));
    }

    /// The backup that files come from.
    pub(super) fn restored_from(&mut self, backup: Option<&BackupId>) {
        if let Some(backup) = backup {
            self.own(Phrase("Depuis la sauvegarde", "From the backup"), format!("`{backup}`"));
        }
    }

    /// What to type when what serves again is not good either.
    pub(super) fn by_hand(&mut self, site: &Site, to: Option<CommitSha>, saved: Option<&Saved>) {
        if let (Some(_), Some(target)) = (&site.promotes, to) {
            let label = Phrase("Rollback manuel si nécessaire", "Manual rollback if needed");
            self.way_back(label, site, target);
        }
        if let Some(saved) = saved {
            self.restore(site, saved);
        }
    }

    /// The command that goes back to `target`; what has no name that can be typed is what the
    /// rollback point is.
    pub(super) fn way_back(&mut self, label: Phrase, site: &Site, target: CommitSha) {
        let command = if target == CommitSha::UNKNOWN {
            format!("rollback {}", site.name)
        } else {
            format!("rollback {} --to {target}", site.name)
        };
        self.command(label, &command);
    }

    /// The command that brings back what was there before the deployment, and where that is.
    pub(super) fn restore(&mut self, site: &Site, saved: &Saved) {
        let label = Phrase("Restaurer la sauvegarde", "Restore the backup");
        self.command(label, &format!("rollback {} --backup {}", site.name, saved.id));
        if let Some(folder) = &saved.folder {
            self.foreign(Phrase("Sauvegarde", "Backup"), folder);
        }
    }
}

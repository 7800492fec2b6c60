//! Which commits an environment may take from another one: those that the other has validated.

use std::sync::Arc;

use ripcord_core::{CommitSha, Environment, EnvironmentName, Objection, Refusal};
use tokio::sync::watch;

use crate::{journal::Journal, ports::SourceRepository};

/// The environment that validates what another one takes. Cheap to clone.
#[derive(Clone)]
pub struct Promotion {
    /// Its name.
    pub source: EnvironmentName,
    /// Its name for people.
    pub title: String,
    /// Its state, as of the last journaled event.
    pub state: watch::Receiver<Arc<Environment>>,
    /// Where its older deployments are.
    pub journal: Journal,
    /// Its repository: the commits in question are there.
    pub repository: Arc<dyn SourceRepository>,
    /// Why nobody knows what it validated; then nothing is taken from it.
    pub broken: Option<String>,
}

impl Promotion {
    /// What is taken when nobody names a commit: the newest that the source has validated, and that
    /// nobody rolled back since.
    ///
    /// # Errors
    /// [`Refusal::NothingToPromote`].
    pub fn newest(&self) -> Result<CommitSha, Refusal> {
        let nothing = |why| Refusal::NothingToPromote { source_name: self.source.clone(), why };
        if let Some(why) = &self.broken {
            return Err(nothing(why.clone()));
        }
        let newest = self.state.borrow().newest_sound().map(|newest| newest.sha);
        newest.ok_or_else(|| {
            let first =
                format!("deploy a commit to {} first, and let it be validated", self.source);
            nothing(first)
        })
    }

    /// Whether the source stands behind `sha` now.
    ///
    /// # Errors
    /// [`Refusal::NotValidated`], with what is missing.
    pub async fn accepts(&self, sha: CommitSha) -> Result<(), Refusal> {
        let source = &self.source;
        let refused = |why| Err(Refusal::NotValidated { sha, source_name: source.clone(), why });
        if let Some(why) = &self.broken {
            return refused(why.clone());
        }
        let Some(objection) = self.state.borrow().objection(sha) else { return Ok(()) };
        let why = match objection {
            Objection::Quarantined(reason) => format!("{source} has it in quarantine: {reason}"),
            Objection::Left => format!("{source} was rolled back from it"),
            Objection::NotValidated if self.was_validated_long_ago(sha).await => return Ok(()),
            Objection::NotValidated => match self.newest() {
                Ok(newest) => {
                    format!("{source} has not validated it; it has validated {}", newest.short())
                }
                Err(_) => format!("{source} has not validated it"),
            },
        };
        refused(why)
    }

    /// The state remembers the newest ones; the journal remembers all.
    async fn was_validated_long_ago(&self, sha: CommitSha) -> bool {
        let newest = self.journal.newest_of(&self.source, sha).await.ok().flatten();
        newest.is_some_and(|deployment| self.state.borrow().stood_behind(&deployment))
    }
}

//! The second proof that a deployment has to carry where the environment asks for one, so that a
//! stolen certificate deploys nothing. Rollbacks ask for none: whoever goes back at night has no workflow.

use ripcord_core::{Answer, CommitSha, Identity, Refusal};
use secrecy::SecretString;

use super::handle::{EngineError, EnvironmentHandle};

/// What a caller carried besides the certificate.
#[derive(Debug)]
pub enum Carried {
    /// No token.
    Nothing,
    /// No token yet: the caller fetches one when it is told for whom.
    OnDemand,
    /// A token.
    Token(SecretString),
}

impl EnvironmentHandle {
    /// The refusal of a deployment whose second proof is missing or does not hold.
    ///
    /// # Errors
    /// When the journal or the driver does not answer.
    pub(super) async fn unproven(
        &self,
        sha: CommitSha,
        by: &Identity,
        carried: &Carried,
    ) -> Result<Option<Answer>, EngineError> {
        let Some(proof) = &self.proof else { return Ok(None) };
        let refusal = |why: String| Refusal::Oidc { audience: proof.audience().to_owned(), why };
        let judged = match carried {
            Carried::Token(token) => proof.judge(token).await,
            Carried::Nothing => Err("there is no token".to_owned()),
            // A question, not an attempt: it is neither journaled nor told, as a dry run is not.
            Carried::OnDemand => {
                return Ok(Some(Answer::Refused(refusal("there is no token yet".to_owned()))));
            }
        };
        match judged {
            Ok(()) => Ok(None),
            Err(why) => self.refuse(Some(sha), by.clone(), refusal(why)).await.map(Some),
        }
    }
}

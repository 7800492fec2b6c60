//! Which message speaks of which deployment, kept across a crash.

use ripcord_core::{DeploymentNumber, EnvironmentName};
use serde::{Deserialize, Serialize};

/// How many are remembered in each environment: whoever goes on being told after so many newer ones
/// gets a new message.
const REMEMBERED: usize = 16;

/// The messages, the newest last.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Posted(Vec<Message>);

#[derive(Debug, Serialize, Deserialize)]
struct Message {
    environment: EnvironmentName,
    number: DeploymentNumber,
    id: String,
}

impl Posted {
    /// Reads a memo. One that cannot be read is forgotten: that costs a message, never a loss.
    pub(super) fn read(memo: Option<&str>) -> Self {
        memo.and_then(|memo| serde_json::from_str(memo).ok()).unwrap_or_default()
    }

    pub(super) fn write(&self) -> Option<String> {
        serde_json::to_string(self).ok()
    }

    pub(super) fn of(
        &self,
        environment: &EnvironmentName,
        number: DeploymentNumber,
    ) -> Option<&str> {
        let found = self.0.iter().find(|it| it.number == number && it.environment == *environment);
        found.map(|message| message.id.as_str())
    }

    pub(super) fn keep(
        &mut self,
        environment: &EnvironmentName,
        number: DeploymentNumber,
        id: String,
    ) {
        self.0.retain(|it| it.number != number || it.environment != *environment);
        self.0.push(Message { environment: environment.clone(), number, id });
        let is_here = |message: &Message| message.environment == *environment;
        if self.0.iter().filter(|message| is_here(message)).count() > REMEMBERED {
            let oldest = self.0.iter().position(is_here);
            oldest.map(|oldest| self.0.remove(oldest));
        }
    }
}

//! What the two sinks have to know again after a crash: what GitHub was told already, and under which
//! number it keeps each deployment. Small: the oldest are forgotten.

use ripcord_core::{CommitSha, DeploymentNumber, EnvironmentName};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::shown::{CommitStatus, DeploymentState, DeploymentStatus};

/// How many are remembered in each environment. Superseded deployments listen to their CI for a
/// while, 16 of them; the rest is room for redeployments. An answer of GitHub's is a few hundred
/// bytes, so that a memo stays below a page or two per environment.
const REMEMBERED: usize = 32;

/// Reads a memo. One that cannot be read is forgotten: that costs repetition, never a loss.
pub(super) fn read<T: DeserializeOwned + Default>(memo: Option<&str>) -> T {
    memo.and_then(|memo| serde_json::from_str(memo).ok()).unwrap_or_default()
}

/// Writes a memo.
pub(super) fn write<T: Serialize>(memo: &T) -> Option<String> {
    serde_json::to_string(memo).ok()
}

/// The statuses of commits, the newest last.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Statuses(Vec<Said>);

/// What was said of a commit.
#[derive(Debug, Serialize, Deserialize)]
struct Said {
    environment: EnvironmentName,
    sha: CommitSha,
    /// Whose standing it is.
    number: DeploymentNumber,
    status: CommitStatus,
}

impl Statuses {
    /// Whether this is nothing new, or comes from a deployment (`from`) that is older than the one
    /// of the same commit that spoke last.
    pub(super) fn need_no(
        &self,
        status: &CommitStatus,
        environment: &EnvironmentName,
        sha: CommitSha,
        from: Option<DeploymentNumber>,
    ) -> bool {
        let said = self.0.iter().find(|said| said.sha == sha && said.environment == *environment);
        said.is_some_and(|said| {
            said.status == *status || from.is_some_and(|number| number < said.number)
        })
    }

    pub(super) fn remember(
        &mut self,
        status: CommitStatus,
        environment: &EnvironmentName,
        sha: CommitSha,
        number: DeploymentNumber,
    ) {
        self.0.retain(|said| said.sha != sha || said.environment != *environment);
        self.0.push(Said { environment: environment.clone(), sha, number, status });
        forget_oldest(&mut self.0, |said| said.environment == *environment);
    }
}

/// The deployments that GitHub keeps, the newest last.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Kept(Vec<KeptDeployment>);

/// A deployment that GitHub keeps.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct KeptDeployment {
    pub(super) environment: EnvironmentName,
    pub(super) number: DeploymentNumber,
    pub(super) sha: CommitSha,
    /// GitHub's number for it.
    pub(super) id: u64,
    /// Whether it has ended.
    pub(super) over: bool,
    /// What was told of it last; nothing right after it was made.
    pub(super) told: Option<DeploymentStatus>,
}

impl Kept {
    pub(super) fn of(
        &self,
        environment: &EnvironmentName,
        number: DeploymentNumber,
    ) -> Option<&KeptDeployment> {
        self.0.iter().find(|kept| kept.number == number && kept.environment == *environment)
    }

    /// Keeps it, in the place of what was known of the same deployment.
    pub(super) fn keep(&mut self, deployment: KeptDeployment) {
        let environment = deployment.environment.clone();
        self.forget(&environment, deployment.number);
        self.0.push(deployment);
        self.0.sort_by_key(|kept| kept.number);
        forget_oldest(&mut self.0, |kept| kept.environment == environment);
    }

    pub(super) fn forget(&mut self, environment: &EnvironmentName, number: DeploymentNumber) {
        self.0.retain(|kept| kept.number != number || kept.environment != *environment);
    }

    /// Those that still look as if they ran, although something newer does.
    pub(super) fn seem_to_run_before(
        &self,
        environment: &EnvironmentName,
        number: DeploymentNumber,
    ) -> Vec<KeptDeployment> {
        let seems_to_run = |kept: &&KeptDeployment| {
            let state = kept.told.as_ref().map(|told| told.state);
            let running = [Some(DeploymentState::Success), Some(DeploymentState::InProgress)];
            kept.environment == *environment
                && kept.number < number
                && kept.over
                && running.contains(&state)
        };
        self.0.iter().filter(seems_to_run).cloned().collect()
    }
}

fn forget_oldest<T>(list: &mut Vec<T>, is_same_place: impl Fn(&T) -> bool) {
    if list.iter().filter(|item| is_same_place(item)).count() > REMEMBERED {
        let oldest = list.iter().position(is_same_place);
        oldest.map(|oldest| list.remove(oldest));
    }
}

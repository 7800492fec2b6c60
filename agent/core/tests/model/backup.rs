//! What a model of the world answers when files are to be saved.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]

use ripcord_core::{
    BackupId, CommitSha, DeploymentNumber, Placement, RollbackRequest, effect::BackupReport,
};

use super::rollback_to;

pub fn backup_before(deployment: DeploymentNumber) -> BackupReport {
    BackupReport {
        id: format!("20261123T061742Z-{}", deployment.0).parse().unwrap(),
        path: format!("/backups/{}", deployment.0),
        files: 3,
        bytes: 42,
    }
}

/// A person asks for the files of a backup, as the agent looks them up.
pub fn restore_of((id, of): &(BackupId, Option<Placement>)) -> RollbackRequest {
    let unknown = Placement { deployment: None, sha: CommitSha::UNKNOWN };
    let request = rollback_to(Some(of.unwrap_or(unknown)));
    RollbackRequest { backup: Some(id.clone()), ..request }
}

//! What a model of the world answers when files are to be saved.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

use ripcord_core::{DeploymentNumber, effect::BackupReport};

pub fn backup_before(deployment: DeploymentNumber) -> BackupReport {
    BackupReport {
        id: format!("20261123T061742Z-{}", deployment.0).parse().unwrap(),
        path: format!("/backups/{}", deployment.0),
        files: 3,
        bytes: 42,
    }
}

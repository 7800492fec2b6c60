//! What people see on GitHub: the commit status `ripcord/<environment>`, and a deployment with its
//! statuses. Decided by where a deployment stands, told by two sinks, each with a cursor of its own.
//!
//! | a deployment … | its commit's status | GitHub's deployment |
//! |---|---|---|
//! | waits for another one, or at the gate | pending | queued |
//! | is fetched, reset, restarted or probed | pending | in_progress |
//! | is live, and its CI is awaited, silent or cannot be asked | pending | in_progress |
//! | is condemned, or being rolled back | failure | in_progress |
//! | ended `validated` | success | success |
//! | ended `live`: no verdict in its time, or a red one after an earlier validation | pending, or failure when CI is red | in_progress |
//! | … and is called good by a person later | success | success |
//! | ended `rolled_back` or `failed` | failure | failure |
//! | ended `stranded` | error | error |
//! | ended `superseded` | pending, until its own CI says success or failure | inactive |
//! | ended `refused`, admitted and then not allowed | error: nothing is said about the commit itself | error |
//! | was refused when it was asked for | nothing: the caller has the answer, and the commit may be live and validated | nothing |
//! | is over, and something newer went live, or stranded | as it was | inactive |
//!
//! A rollback is a deployment of its own there, too. It says nothing about its target's commit until
//! that serves again: success if it is validated, else pending. One that goes on with an older target
//! is shown as another deployment, because GitHub's have one commit each. A deployment that ended
//! without a trace (refused, or failed before anything was touched) leaves a commit that is live with
//! the status that it has as the live one. An equal status is not told twice: GitHub takes 1000 for a
//! commit and context.

mod memo;
mod shown;
mod sinks;
mod succession;
mod undelivered;
mod words;

pub use shown::{
    CommitStatus, DeploymentState, DeploymentStatus, Meaning, Moment, StatusState, commit_status,
    deployment_status, meaning,
};
pub use sinks::{CommitStatuses, Deployments, Place, Site};

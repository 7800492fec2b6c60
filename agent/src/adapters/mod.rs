//! What the engine acts through: each adapter implements a port over one foreign crate.

pub mod backup;
pub mod command;
pub mod compose;
pub mod docker;
pub mod git;
pub mod github;
mod group;
pub mod hooks;
pub mod http_probe;
mod lines;
pub mod neighbour;
pub mod oidc;
mod orphan;
pub mod process;
pub mod promote;
pub mod secret_url;
pub mod validated_file;

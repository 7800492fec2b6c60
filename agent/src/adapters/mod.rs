//! What the engine acts through: each adapter implements a port over one foreign crate.

pub mod command;
pub mod compose;
pub mod docker;
pub mod git;
pub mod http_probe;
pub mod process;

//! Sources of verdicts.

pub mod command;
pub mod github;

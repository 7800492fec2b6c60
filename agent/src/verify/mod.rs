//! Sources of verdicts.

pub mod command;

//! What `ripcord init` writes into an application's repository, and what it must not write over.

mod diff;
mod files;
mod mark;
mod templates;

pub(crate) use diff::unified;
pub(crate) use files::{Fate, Planned, plan, root, write};
pub(crate) use templates::{Choices, Runner};

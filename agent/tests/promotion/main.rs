//! What reaches an environment that promotes: only what its source has validated, and exactly that.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

#[path = "../support"]
mod support {
    pub mod bounded;
    pub mod fake;
    pub mod git;
    pub mod mtls;
    pub mod pki;
    pub mod site;
}

mod bake;
mod by_command;
mod command;
mod doors;
mod own_clone;
mod town;
mod tree;

//! Requests reach a restarted container at once: the kernel is told who answers for its address, where
//! that is of use and the agent may; where it may not, nothing fails, and people are told.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../support"]
mod support {
    pub mod between;
    pub mod docker;
    pub mod git;
    pub mod mtls;
    pub mod pki;
    pub mod site;
}

mod engine;
mod kernel;
mod right;
mod table;

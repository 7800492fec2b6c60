//! Deployments as GitHub shows them, against a server that speaks its format: nothing lost, in order,
//! and never on a deployment's way.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../support"]
mod support {
    pub mod git;
    pub mod github;
    pub mod mtls;
    pub mod pki;
    pub mod site;
}

mod agent;
mod desk;
mod faults;
mod told;

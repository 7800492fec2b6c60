//! People and programs are told: nothing lost, in order, never on a deployment's way, and nobody can
//! put words into the agent's mouth.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../support"]
mod support {
    pub mod git;
    pub mod mtls;
    pub mod pki;
    pub mod site;
}

mod agent;
mod confirmation;
mod desk;
mod faults;
mod pace;
mod policy;
mod receiver;
mod render;
mod secrets;
mod webhook;

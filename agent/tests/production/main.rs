//! An environment that promotes, confirms and saves, behind the agent's real door: what its plans say,
//! what a plan that changed does, and how a person gets back.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../support"]
mod support {
    pub mod bounded;
    pub mod fake;
    pub mod lab;
    pub mod mtls;
    pub mod pki;
}
mod afterwards;
mod confirmation;
mod place;
mod plans;

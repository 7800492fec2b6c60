//! The OIDC token of a workflow as the second proof of a deployment, against a local issuer with real
//! keys: what proves something, what does not, and what people and journals hear of it.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

#[path = "../support/git.rs"]
mod git;
#[path = "../support/mtls.rs"]
mod mtls;
#[path = "../support/pki.rs"]
mod pki;
#[path = "../support/site.rs"]
mod site;

mod claims;
mod deploy;
mod issuer;
mod keys;
mod parser;
mod signer;

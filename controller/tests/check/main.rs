//! `ripcord check`, with the real binary and real processes.

#![allow(missing_docs, clippy::unwrap_used)]

mod actions;
mod application;
mod configuration;
mod formats;
mod order;
mod output;
mod project;
mod running;
mod stopping;
mod verifier;

//! `ripcord check --config`, with the real binary: a repository without mistakes, and one mistake at
//! a time.

#![allow(missing_docs, clippy::unwrap_used)]

mod mistakes;
mod repository;
mod telling;

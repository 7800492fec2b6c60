//! The agent: a service that deploys exact commits, watches their verdict and rolls back by itself.
//!
//! `ARCHITECTURE.md` beside this folder is the map. The arrows that matter: `rpc` asks the `engine`,
//! the `engine` decides with `ripcord-core`, writes the `journal`, and acts through the traits of
//! `ports`, which the `adapters` implement. Only `assembly` and `main` see everything.

pub mod adapters;
pub mod assembly;
mod causes;
pub mod config;
pub mod engine;
pub mod journal;
pub mod logs;
pub mod metrics;
pub mod notify;
pub mod ports;
pub mod rpc;
pub mod service;
mod shell;
pub mod telemetry;
pub mod verify;

//! The wire: a listener of our own on rustls, rights per call, and the services.

pub mod access;
mod afterwards;
mod asking;
mod convert;
mod doctor;
mod ends;
pub mod errors;
mod files;
pub mod limits;
pub mod listener;
mod notify_test;
mod parse;
pub mod peer;
mod plan;
mod progress;
pub mod service;
mod stats;
mod status;
pub mod stream_logs;
pub mod tls;

//! The wire: a listener of our own on rustls, rights per call, and the services.

pub mod access;
pub mod errors;
mod files;
pub mod limits;
pub mod listener;
pub mod peer;
pub mod tls;

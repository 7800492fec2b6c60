//! The wire: a listener of our own on rustls, rights per call, and the services.

pub mod access;
pub mod listener;
pub mod tls;

//! Certificates: two authorities, one for clients and one for agents, and what they sign.
//!
//! Identity is exactly one URI SAN, `spiffe://<trust-domain>/<kind>/<name…>`. Client certificates
//! carry clientAuth only, agents serverAuth only, so that neither can stand in for the other.

mod authority;
mod files;
mod list;

pub(crate) use authority::{Authority, Kind, Leaf};
pub(crate) use files::Files;
pub(crate) use list::{Listed, list};

//! What Prometheus may ask: how deployments went since the agent started, and how things stand.
//!
//! Counters follow the journal, gauges look at the engine's state: a scrape reads memory only, so
//! that nobody who scrapes often keeps a deployment waiting. No label ever holds a commit, a text of
//! people or an identity.

mod catalogue;
mod counters;
mod follow;
mod gather;
mod histogram;
mod page;
mod process;
mod serve;

pub use catalogue::{ALL, Kind, Metric};
pub use follow::{Counts, Follower};
pub use gather::Metrics;
pub use serve::Door;

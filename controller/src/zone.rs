//! The time zone that times are shown in: this machine's.

use std::{env, fs};

use jiff::tz::TimeZone;

/// Where a machine keeps its zone.
const LOCAL: &str = "/etc/localtime";

/// This machine's zone, or the one that `TZ` names.
///
/// The rules are read from the one file that has them. Asked for the zone by its name, which nothing
/// here shows, the library would look through the whole database first: a hundred folders and more,
/// at every start.
pub(crate) fn local() -> TimeZone {
    let is_named = env::var_os("TZ").is_some();
    let rules = if is_named { None } else { fs::read(LOCAL).ok() };
    let zone = rules.and_then(|rules| TimeZone::tzif(LOCAL, &rules).ok());
    zone.unwrap_or_else(TimeZone::system)
}

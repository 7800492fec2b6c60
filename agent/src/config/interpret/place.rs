//! Where in the file a check stands: so that every fault names its environment and finds its line.

use ripcord_core::EnvironmentName;

use crate::config::document::Faults;

/// The environment whose tables are read.
pub(super) struct Place<'p, 'f> {
    pub(super) name: &'p EnvironmentName,
    /// Whether the file has a `[github]` table.
    pub(super) has_github: bool,
    pub(super) faults: &'p mut Faults<'f>,
}

impl Place<'_, '_> {
    /// Adds a fault of the key at `path` below the environment.
    pub(super) fn fault(&mut self, path: &[&str], message: &str) {
        let whole: Vec<&str> =
            ["environments", self.name.as_str()].into_iter().chain(path.iter().copied()).collect();
        self.faults.add(&whole, format!("{}: {message}", whole.join(".")));
    }

    /// Adds a fault unless `fine`.
    pub(super) fn check(&mut self, fine: bool, path: &[&str], message: &str) {
        if !fine {
            self.fault(path, message);
        }
    }
}

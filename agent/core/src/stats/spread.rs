//! How long things took: how many, the middle one, and one that few exceed.

/// A collection of durations, in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Spread(Vec<u64>);

impl Spread {
    /// These durations.
    #[must_use]
    pub fn of(durations_ms: impl IntoIterator<Item = u64>) -> Self {
        durations_ms.into_iter().collect::<Vec<_>>().into()
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The shortest that at least half of them do not exceed.
    #[must_use]
    pub fn median_ms(&self) -> Option<u64> {
        self.percentile(50)
    }

    /// The shortest that at least 95 in 100 do not exceed.
    #[must_use]
    pub fn p95_ms(&self) -> Option<u64> {
        self.percentile(95)
    }

    /// The nearest rank: always one that was measured.
    fn percentile(&self, percent: usize) -> Option<u64> {
        let rank = (self.0.len() * percent).div_ceil(100);
        self.0.get(rank.checked_sub(1)?).copied()
    }
}

impl From<Vec<u64>> for Spread {
    fn from(mut durations_ms: Vec<u64>) -> Self {
        durations_ms.sort_unstable();
        Self(durations_ms)
    }
}

//! Durations, counted by how long they were.

/// Upper bounds in milliseconds: from a git fetch that finds nothing to a CI that takes an hour.
const BOUNDS_MS: [u64; 14] = [
    100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_800_000,
    3_600_000,
];

/// Durations, counted by how long they were.
#[derive(Debug, Clone, Default)]
pub(super) struct Histogram {
    /// Per bound, and behind the last one.
    counts: [u64; BOUNDS_MS.len() + 1],
    sum_ms: u64,
}

#[allow(clippy::cast_precision_loss, reason = "Prometheus knows no other numbers")]
impl Histogram {
    pub(super) fn observe(&mut self, millis: u64) {
        let bucket = BOUNDS_MS.iter().position(|bound| millis <= *bound);
        self.counts[bucket.unwrap_or(BOUNDS_MS.len())] += 1;
        self.sum_ms = self.sum_ms.saturating_add(millis);
    }

    /// How many did not exceed each bound, in seconds; the last bound is `+Inf`.
    pub(super) fn cumulative(&self) -> impl Iterator<Item = (String, f64)> {
        let bounds = BOUNDS_MS.iter().map(|bound| (*bound as f64 / 1000.0).to_string());
        let counts = self.counts.iter().scan(0, |sum, count| {
            *sum += count;
            Some(*sum as f64)
        });
        bounds.chain(["+Inf".to_owned()]).zip(counts)
    }

    pub(super) fn count(&self) -> f64 {
        self.counts.iter().sum::<u64>() as f64
    }

    pub(super) fn sum_seconds(&self) -> f64 {
        self.sum_ms as f64 / 1000.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_counts_in_its_bucket_and_in_all_above() {
        let mut histogram = Histogram::default();
        [100, 101, 9_000_000].into_iter().for_each(|millis| histogram.observe(millis));
        let counts: Vec<(String, f64)> = histogram.cumulative().collect();
        assert_eq!(counts[0], ("0.1".to_owned(), 1.0));
        assert_eq!(counts[1], ("0.25".to_owned(), 2.0));
        assert_eq!(counts[13], ("3600".to_owned(), 2.0));
        assert_eq!(counts[14], ("+Inf".to_owned(), 3.0));
        assert_eq!((histogram.count(), histogram.sum_seconds()), (3.0, 9000.201));
    }
}

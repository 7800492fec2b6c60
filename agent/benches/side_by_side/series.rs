//! What was measured again and again, and its median.

use std::time::Duration;

/// One thing, as often as it was measured.
#[derive(Clone)]
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) unit: &'static str,
    pub(crate) values: Vec<f64>,
}

impl Series {
    /// Durations, in milliseconds.
    pub(crate) fn of_times(name: impl Into<String>) -> Self {
        Self::new(name, "ms")
    }

    pub(crate) fn new(name: impl Into<String>, unit: &'static str) -> Self {
        Self { name: name.into(), unit, values: Vec::new() }
    }

    pub(crate) fn add(&mut self, took: Duration) {
        self.push(took.as_secs_f64() * 1000.0);
    }

    pub(crate) fn push(&mut self, value: f64) {
        self.values.push(value);
    }

    pub(crate) fn median(&self) -> f64 {
        let values = self.sorted();
        let middle = values.len() / 2;
        match values.len() {
            0 => f64::NAN,
            count if count % 2 == 0 => values[middle - 1].midpoint(values[middle]),
            _ => values[middle],
        }
    }

    /// Of so large a part of the values none is larger: a value that was measured.
    pub(crate) fn quantile(&self, part: f64) -> f64 {
        let values = self.sorted();
        let at = (values.len() as f64 * part) as usize;
        values.get(at.min(values.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
    }

    fn sorted(&self) -> Vec<f64> {
        let mut values = self.values.clone();
        values.sort_by(f64::total_cmp);
        values
    }

    /// Round by round, by how much this is above `floor`.
    pub(crate) fn above(&self, floor: &Self) -> Self {
        let pairs = self.values.iter().zip(&floor.values);
        let values = pairs.map(|(mine, floors)| mine - floors).collect();
        Self { name: format!("above the floor: {}", self.name), unit: self.unit, values }
    }
}

/// As many digits as are worth reading.
pub(crate) fn rounded(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if size < 0.1 => format!("{value:.3}"),
        size if size < 10.0 => format!("{value:.2}"),
        size if size < 100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

//! Figures as they are printed: medians, and ratios to a median.

use std::time::Duration;

/// What one thing took, again and again.
pub(crate) struct Series {
    name: String,
    milliseconds: Vec<f64>,
}

impl Series {
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), milliseconds: Vec::new() }
    }

    pub(crate) fn add(&mut self, took: Duration) {
        self.milliseconds.push(took.as_secs_f64() * 1000.0);
    }

    pub(crate) fn forget_first(&mut self) {
        self.milliseconds.remove(0);
    }

    pub(crate) fn median(&self) -> f64 {
        median(self.milliseconds.clone())
    }

    /// The median of the ratios to `other`, round by round.
    pub(crate) fn of_each(&self, other: &Self) -> f64 {
        let pairs = self.milliseconds.iter().zip(&other.milliseconds);
        median(pairs.map(|(mine, others)| mine / others).collect())
    }

    pub(crate) fn print(&self, floor: f64) {
        let (median, ratio) = (self.median(), self.median() / floor);
        println!("  {:<44} {median:>8.0} ms   × {ratio:.2}", self.name);
    }

    pub(crate) fn print_part(&self) {
        println!("    {:<42} {:>8.0} ms", self.name, self.median());
    }

    pub(crate) fn print_milliseconds(&self) {
        println!("  {:<44} {:>8.2} ms", self.name, self.median());
    }
}

pub(crate) fn heading(text: &str) {
    println!("\n{text}");
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

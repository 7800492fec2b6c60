//! What came out: every series, and how the targets were met.

use serde_json::{Value, json};

use crate::{
    series::{Series, rounded},
    table::table,
    targets::{Limit, Target},
};

/// Everything that a run has found out.
#[derive(Default)]
pub(crate) struct Findings {
    /// Where it was found out.
    pub(crate) machine: String,
    scenario: &'static str,
    series: Vec<(&'static str, Series)>,
    pub(crate) found: Vec<Finding>,
    /// What a reader of the figures has to know.
    pub(crate) notes: Vec<String>,
}

/// How one target was met.
pub(crate) struct Finding {
    pub(crate) target: &'static Target,
    /// What is compared with the limit.
    pub(crate) value: f64,
    /// Medians and their unit: of the others, and ours.
    medians: Option<(f64, f64, &'static str)>,
}

impl Findings {
    pub(crate) fn of(machine: String) -> Self {
        println!("{machine}");
        Self { machine, ..Self::default() }
    }

    pub(crate) fn begin(&mut self, scenario: &'static str) {
        self.scenario = scenario;
    }

    /// Prints these, with the ratio of each to the first.
    pub(crate) fn show(&mut self, all: &[&Series]) {
        let first = all[0].median();
        for series in all {
            let (name, unit, median) = (&series.name, series.unit, series.median());
            let spread = [0.1, 0.9].map(|part| rounded(series.quantile(part)));
            println!(
                "  {name:<58} {:>8} {unit:<4} × {:<6.3} [{} – {}], {}",
                rounded(median),
                median / first,
                spread[0],
                spread[1],
                series.values.len()
            );
            self.series.push((self.scenario, (*series).clone()));
        }
    }

    /// Ours beside theirs.
    pub(crate) fn compare(&mut self, target: &'static Target, ours: &Series, theirs: &Series) {
        let (ours_median, theirs_median) = (ours.median(), theirs.median());
        let medians = Some((theirs_median, ours_median, ours.unit));
        self.found.push(Finding { target, value: ours_median / theirs_median, medians });
    }

    /// A figure that stands for itself.
    pub(crate) fn figure(&mut self, target: &'static Target, value: f64) {
        self.found.push(Finding { target, value, medians: None });
    }

    /// Says something once here, and again below the table.
    pub(crate) fn note(&mut self, text: impl Into<String>) {
        let text = text.into();
        println!("  ({text})");
        self.notes.push(text);
    }

    pub(crate) fn table(&self) -> String {
        let head = ["what", "beside", "theirs", "ours", "ratio", "wanted", ""];
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        rows.extend(self.found.iter().map(Finding::row));
        table(&rows, &[2, 3, 4])
    }

    /// Every series and every finding, an object each.
    pub(crate) fn json_lines(&self) -> String {
        let series = self.series.iter().map(|(scenario, series)| {
            json!({ "scenario": scenario, "series": series.name, "unit": series.unit,
                "median": series.median(), "values": series.values })
        });
        let found = self.found.iter().map(Finding::json);
        series.chain(found).map(|line| format!("{line}\n")).collect()
    }
}

impl Finding {
    fn is_met(&self) -> bool {
        match self.target.limit {
            Limit::Times(most) | Limit::AtMost(most, _) => self.value <= most,
            Limit::AtLeast(least, _) => self.value >= least,
        }
    }

    fn row(&self) -> Vec<String> {
        let value = rounded(self.value);
        let (ours, ratio, wanted) = match self.target.limit {
            Limit::Times(most) => (None, value, format!("≤ {most}")),
            Limit::AtMost(most, unit) => {
                (Some((value, unit)), String::new(), format!("≤ {most} {unit}"))
            }
            Limit::AtLeast(least, unit) => {
                (Some((value, unit)), String::new(), format!("≥ {least} {unit}"))
            }
        };
        let with_unit = |value: f64, unit: &str| format!("{} {unit}", rounded(value));
        let theirs = self.medians.map(|(theirs, _, unit)| with_unit(theirs, unit));
        let median = self.medians.map(|(_, ours, unit)| with_unit(ours, unit));
        let ours = ours.map(|(value, unit)| format!("{value} {unit}")).or(median);
        let met = if self.is_met() { "✔" } else { "✘" };
        let Target { what, beside, .. } = self.target;
        let [what, beside, met] = [*what, *beside, met].map(str::to_owned);
        vec![what, beside, theirs.unwrap_or_default(), ours.unwrap_or_default(), ratio, wanted, met]
    }

    fn json(&self) -> Value {
        let (limit, unit) = match self.target.limit {
            Limit::Times(most) => (most, "times"),
            Limit::AtMost(limit, unit) | Limit::AtLeast(limit, unit) => (limit, unit),
        };
        json!({ "target": self.target.what, "beside": self.target.beside, "value": self.value,
            "limit": limit, "unit": unit, "met": self.is_met(),
            "theirs": self.medians.map(|medians| medians.0), "ours": self.medians.map(|medians| medians.1) })
    }
}

//! Writes the text that Prometheus reads.

use std::fmt::Write as _;

use super::{catalogue::Metric, histogram::Histogram};

/// A page of metrics in the making.
#[derive(Debug, Default)]
pub(super) struct Page(String);

impl Page {
    /// Begins a metric; its samples follow.
    pub(super) fn metric(&mut self, metric: &Metric) -> Samples<'_> {
        let Metric { name, help, kind, labels } = *metric;
        let kind = kind.as_str();
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
        Samples { page: &mut self.0, name, labels }
    }

    pub(super) fn into_text(self) -> String {
        self.0
    }
}

/// The samples of one metric.
pub(super) struct Samples<'a> {
    page: &'a mut String,
    name: &'static str,
    labels: &'static [&'static str],
}

impl Samples<'_> {
    /// One value, with the values of its labels in the order of the catalogue.
    pub(super) fn add(&mut self, labels: &[&str], value: f64) -> &mut Self {
        self.line("", labels, None, value);
        self
    }

    pub(super) fn add_flag(&mut self, labels: &[&str], is_so: bool) -> &mut Self {
        self.add(labels, f64::from(u8::from(is_so)))
    }

    pub(super) fn add_count(&mut self, labels: &[&str], count: u64) -> &mut Self {
        #[allow(clippy::cast_precision_loss, reason = "Prometheus knows no other numbers")]
        self.add(labels, count as f64)
    }

    pub(super) fn add_histogram(&mut self, labels: &[&str], histogram: &Histogram) -> &mut Self {
        for (bound, count) in histogram.cumulative() {
            self.line("_bucket", labels, Some(&bound), count);
        }
        self.line("_sum", labels, None, histogram.sum_seconds());
        self.line("_count", labels, None, histogram.count());
        self
    }

    fn line(&mut self, suffix: &str, labels: &[&str], bound: Option<&str>, value: f64) {
        let named = self.labels.iter().copied().zip(labels.iter().copied());
        let pairs: Vec<String> = named
            .chain(bound.map(|bound| ("le", bound)))
            .map(|(name, value)| format!("{name}=\"{}\"", escape(value)))
            .collect();
        let braces = match pairs.is_empty() {
            true => String::new(),
            false => format!("{{{}}}", pairs.join(",")),
        };
        let _ = writeln!(self.page, "{}{suffix}{braces} {value}", self.name);
    }
}

fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::catalogue::{BUILD, EVENTS};

    #[test]
    fn a_metric_is_told_with_its_help_and_its_labels_and_no_value_can_forge_another() {
        let mut page = Page::default();
        page.metric(&BUILD).add(&["1\"} 2\nx\\"], 1.0);
        page.metric(&EVENTS).add_count(&[], 12_345_678);
        insta::assert_snapshot!(page.into_text(), @r#"
        # HELP ripcord_build_info Always 1; says which version runs.
        # TYPE ripcord_build_info gauge
        ripcord_build_info{version="1\"} 2\nx\\"} 1
        # HELP ripcord_journal_events_total Events in the journal, since its first.
        # TYPE ripcord_journal_events_total counter
        ripcord_journal_events_total 12345678
        "#);
    }
}

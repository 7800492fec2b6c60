//! Reads what Prometheus would read, and finds fault with it as `promtool check metrics` does.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
};

pub async fn scrape(address: SocketAddr) -> String {
    let answer = reqwest::get(format!("http://{address}/metrics")).await.unwrap();
    assert_eq!(answer.status(), 200);
    let format = answer.headers()["content-type"].to_str().unwrap().to_owned();
    assert!(format.starts_with("text/plain; version=0.0.4"), "{format}");
    answer.text().await.unwrap()
}

#[derive(Default)]
pub struct Family {
    help: Option<String>,
    kind: Option<String>,
    samples: Vec<Sample>,
}

struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

#[derive(Default)]
pub struct Exposition {
    pub families: BTreeMap<String, Family>,
    faults: Vec<String>,
}

impl Exposition {
    pub fn parse(text: &str) -> Self {
        let (mut page, mut current) = (Self::default(), String::new());
        for line in text.lines() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, help) = help.split_once(' ').unwrap();
                name.clone_into(&mut current);
                let family = page.families.entry(current.clone()).or_default();
                if family.help.replace(help.to_owned()).is_some() {
                    page.faults.push(format!("{name} is there twice"));
                }
            } else if let Some(kind) = line.strip_prefix("# TYPE ") {
                let (name, kind) = kind.split_once(' ').unwrap();
                let family = page.families.entry(name.to_owned()).or_default();
                family.kind = Some(kind.to_owned());
            } else {
                let sample = Sample::parse(line);
                if !sample.name.starts_with(&current) {
                    page.faults.push(format!("{line} is not under its metric"));
                }
                page.families.entry(current.clone()).or_default().samples.push(sample);
            }
        }
        page
    }

    /// The value of this series.
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let wanted = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let wanted: BTreeMap<String, String> = wanted.collect();
        let mut samples = self.families.values().flat_map(|family| &family.samples);
        let found = samples.find(|sample| sample.name == name && sample.labels == wanted);
        found.map(|sample| sample.value)
    }

    pub fn labels(&self) -> BTreeSet<&str> {
        let samples = self.families.values().flat_map(|family| &family.samples);
        samples.flat_map(|sample| sample.labels.keys().map(String::as_str)).collect()
    }

    /// What is against the rules.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = self.faults.clone();
        for (name, family) in &self.families {
            let mut fault = |what: &str| faults.push(format!("{name}: {what}"));
            let kind = family.kind.as_deref().unwrap_or("none");
            let ends = |suffixes: &[&str]| suffixes.iter().any(|suffix| name.ends_with(suffix));
            let plain = |c: char| c.is_ascii_lowercase() || c == '_';
            if !name.chars().all(plain)
                || !(name.starts_with("ripcord_") || name.starts_with("process_"))
            {
                fault("is not a name of ours");
            }
            if !family.help.as_deref().is_some_and(|help| help.ends_with('.')) {
                fault("has no sentence that says what it is");
            }
            if (kind == "counter") != ends(&["_total"]) {
                fault("a counter ends with _total, and nothing else does");
            }
            if ends(&["_count", "_sum", "_bucket", "_gauge", "_counter"]) {
                fault("the end of its name means something else");
            }
            if ["_ms", "milli", "minute", "hour", "kilo", "mega"].iter().any(|it| name.contains(it))
            {
                fault("times are in seconds, sizes in bytes");
            }
            family.faults(kind, &mut fault);
        }
        faults
    }
}

impl Family {
    fn faults(&self, kind: &str, fault: &mut impl FnMut(&str)) {
        let mut seen = BTreeSet::new();
        for Sample { name, labels, value } in &self.samples {
            if !seen.insert((name, labels)) {
                fault("has a series twice");
            }
            if !value.is_finite() || (kind != "gauge" && *value < 0.0) {
                fault("has a value that is none");
            }
            if labels.contains_key("le") != name.ends_with("_bucket") {
                fault("`le` belongs to buckets");
            }
        }
        let buckets: Vec<&Sample> =
            self.samples.iter().filter(|sample| sample.name.ends_with("_bucket")).collect();
        for pair in buckets.windows(2) {
            let [less, more] = pair else { continue };
            if more.labels["le"] != "0.1" && less.value > more.value {
                fault("buckets do not add up");
            }
        }
        let last = buckets.iter().filter(|sample| sample.labels["le"] == "+Inf").count();
        let counts = self.samples.iter().filter(|it| it.name.ends_with("_seconds_count")).count();
        if kind == "histogram" && last != counts {
            fault("a histogram ends with +Inf");
        }
    }
}

impl Sample {
    /// `name{a="b",c="d"} 1`; our values hold no comma and no quote.
    fn parse(line: &str) -> Self {
        let (series, value) = line.rsplit_once(' ').unwrap();
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        let pairs = labels.strip_suffix('}').unwrap().split(',').filter(|pair| !pair.is_empty());
        let pairs = pairs.map(|pair| {
            let (label, value) = pair.split_once("=\"").unwrap();
            (label.to_owned(), value.strip_suffix('"').unwrap().to_owned())
        });
        let (name, labels) = (name.to_owned(), pairs.collect());
        Self { name, labels, value: value.parse().unwrap() }
    }
}

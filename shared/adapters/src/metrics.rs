//! Metrics, as log lines that CloudWatch reads: the
//! [embedded metric format](https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html).
//!
//! No call is made and nothing is kept between invocations: what an invocation counted is one line on standard output, and one more for each
//! vendor that failed, for a line has one value of a dimension. Values only: what is counted is decided where the values are.
//!
//! The libraries for this put a recorder into the process, once and for all of its code (`metrics`), or write when a value is dropped. Here
//! both functions run in one process, many times over in tests, and a metric is a value like any other; what is left to write is this.

use std::collections::BTreeMap;
use std::io::Write as _;

use serde_json::{Value, json};

use crate::settings::Settings;

/// The namespace where no other is configured.
const NAMESPACE: &str = "OrgvueScim";
/// The dimension that every metric has.
const DEPLOYMENT: &str = "DEPLOYMENT_NAME";
/// [Most values](https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html) that a
/// line has of one metric.
const VALUES_MAX: usize = 100;

/// Where metrics go.
#[derive(Debug, Clone)]
pub struct Metrics {
    /// The CloudWatch namespace.
    pub namespace: String,
    /// The deployment, by which its metrics are told from another one's; without a name nothing is written.
    pub deployment: Option<String>,
    /// Takes a line.
    pub out: fn(&str),
}

/// One thing that was measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Metric {
    name: &'static str,
    amount: Amount,
    vendor: Option<Vendor>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Amount {
    Count(usize),
    Seconds(f64),
}

/// Whose fault a fault was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Vendor {
    /// WorkOS's.
    WorkOs,
    /// Orgvue's.
    Orgvue,
}

impl Metric {
    /// So many of something.
    pub const fn count(name: &'static str, n: usize) -> Self {
        Self { name, amount: Amount::Count(n), vendor: None }
    }

    /// So long.
    pub fn seconds(name: &'static str, seconds: f64) -> Self {
        Self { name, amount: Amount::Seconds(seconds), vendor: None }
    }

    /// The same of one vendor; it is counted for all of them together, too.
    #[must_use]
    pub fn of(self, vendor: Vendor) -> Self {
        Self { vendor: Some(vendor), ..self }
    }
}

impl Metrics {
    /// Reads the environment variables.
    pub fn read<L: Fn(&str) -> Option<String>>(settings: &Settings<L>) -> Self {
        Self {
            namespace: settings.optional("METRICS_NAMESPACE").unwrap_or_else(|| NAMESPACE.to_owned()),
            deployment: settings.optional(DEPLOYMENT),
            out: to_stdout,
        }
    }

    /// No metrics.
    pub fn off() -> Self {
        Self::read(&Settings::new(|_: &str| None))
    }

    /// Writes what an invocation measured.
    pub fn write(&self, at_ms: i64, measured: &[Metric]) {
        let Some(deployment) = &self.deployment else { return };
        let mut by_vendor: BTreeMap<Option<Vendor>, Vec<&Metric>> = BTreeMap::new();
        for metric in measured {
            by_vendor.entry(metric.vendor).or_default().push(metric);
        }
        for (vendor, metrics) in by_vendor {
            (self.out)(&line(&self.namespace, deployment, at_ms, vendor, &metrics).to_string());
        }
    }
}

/// One document: metrics of the same dimensions.
fn line(namespace: &str, deployment: &str, at_ms: i64, vendor: Option<Vendor>, metrics: &[&Metric]) -> Value {
    let mut by_name: BTreeMap<&str, Vec<Amount>> = BTreeMap::new();
    for metric in metrics {
        by_name.entry(metric.name).or_default().push(metric.amount);
    }
    let dimensions = match vendor {
        None => json!([[DEPLOYMENT]]),
        Some(_) => json!([[DEPLOYMENT], [DEPLOYMENT, "vendor"]]),
    };
    let values: Vec<(&str, &str, Value)> = by_name.into_iter().map(|(name, amounts)| told(name, &amounts)).collect();
    let units: Vec<Value> = values.iter().map(|(name, unit, _)| json!({"Name": name, "Unit": unit})).collect();
    let directive = json!({"Namespace": namespace, "Dimensions": dimensions, "Metrics": units});
    let mut document = json!({"_aws": {"Timestamp": at_ms, "CloudWatchMetrics": [directive]}, DEPLOYMENT: deployment});
    for (name, _, value) in values {
        document[name] = value;
    }
    match vendor {
        None => {}
        Some(Vendor::WorkOs) => document["vendor"] = "workos".into(),
        Some(Vendor::Orgvue) => document["vendor"] = "orgvue".into(),
    }
    document
}

/// A metric's unit and value. Counts are added up; times stay single values.
fn told<'a>(name: &'a str, amounts: &[Amount]) -> (&'a str, &'static str, Value) {
    let (mut n, mut seconds) = (0, Vec::new());
    for amount in amounts {
        match amount {
            Amount::Count(more) => n += more,
            Amount::Seconds(one) => seconds.push(*one),
        }
    }
    seconds.truncate(VALUES_MAX);
    if seconds.is_empty() { (name, "Count", json!(n)) } else { (name, "Seconds", json!(seconds)) }
}

/// A line goes out whole: standard output ends its buffer with each.
fn to_stdout(line: &str) {
    // Without a reader there is nobody to tell.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

    fn keep(line: &str) {
        LINES.lock().unwrap().push(line.to_owned());
    }

    #[test]
    fn an_invocation_is_a_line_and_one_more_for_each_vendor_that_failed() {
        let metrics = Metrics { deployment: Some("prod".to_owned()), out: keep, ..Metrics::off() };
        let fault = |vendor| Metric::count("VendorFaults", 2).of(vendor);
        metrics.write(7, &[Metric::count("Runs", 1), Metric::seconds("RunSeconds", 1.5), fault(Vendor::Orgvue), Metric::count("Runs", 2)]);
        metrics.write(8, &[]);
        Metrics { deployment: None, ..metrics }.write(9, &[Metric::count("Runs", 1)]);
        let expected = [
            r#"{"DEPLOYMENT_NAME":"prod","RunSeconds":[1.5],"Runs":3,"_aws":{"CloudWatchMetrics":[{"Dimensions":[["DEPLOYMENT_NAME"]],"Metrics":[{"Name":"RunSeconds","Unit":"Seconds"},{"Name":"Runs","Unit":"Count"}],"Namespace":"OrgvueScim"}],"Timestamp":7}}"#,
            r#"{"DEPLOYMENT_NAME":"prod","VendorFaults":2,"_aws":{"CloudWatchMetrics":[{"Dimensions":[["DEPLOYMENT_NAME"],["DEPLOYMENT_NAME","vendor"]],"Metrics":[{"Name":"VendorFaults","Unit":"Count"}],"Namespace":"OrgvueScim"}],"Timestamp":7},"vendor":"orgvue"}"#,
        ];
        assert_eq!(*LINES.lock().unwrap(), expected);
    }

    #[test]
    fn a_blank_name_is_none() {
        let settings = Settings::new(|name: &str| Some(if name == DEPLOYMENT { " " } else { "Mine" }.to_owned()));
        let metrics = Metrics::read(&settings);
        assert_eq!((metrics.namespace.as_str(), metrics.deployment), ("Mine", None));
    }
}

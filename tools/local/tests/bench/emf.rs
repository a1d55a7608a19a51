//! What a function measured, read as CloudWatch reads it: by the schema of the
//! [embedded metric format](https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html).

use std::collections::BTreeSet;
use std::sync::Mutex;

use adapters::clock::now_ms;
use adapters::metrics::Metrics;
use serde_json::{Map, Value, json};

/// Those of all tests of the process; each test has a deployment of its own.
static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Metrics that [`measured`] returns.
pub(crate) fn metrics(deployment: &str) -> Metrics {
    Metrics { deployment: Some(deployment.to_owned()), out: |line| LINES.lock().unwrap().push(line.to_owned()), ..Metrics::off() }
}

/// What was measured since the last look, a text for each line: `Name=1`, `Name{workos}=1` where a vendor is a dimension too, `Name=s` for a time.
/// Counts of 0 are left out, but where nothing else is told.
pub(crate) fn measured(deployment: &str) -> Vec<String> {
    let mut lines = LINES.lock().unwrap();
    let is_own = |line: &String| line.contains(&format!("\"{deployment}\""));
    let (own, others): (Vec<String>, Vec<String>) = std::mem::take(&mut *lines).into_iter().partition(is_own);
    *lines = others;
    drop(lines);
    own.iter().map(|line| read(line, deployment)).collect()
}

fn read(line: &str, deployment: &str) -> String {
    assert!(!line.contains(['\n', '@']), "a line of its own, and no address in it: {line}");
    let document: Map<String, Value> = serde_json::from_str(line).unwrap();
    let aws = document["_aws"].as_object().unwrap();
    assert_eq!(members(aws), ["CloudWatchMetrics", "Timestamp"]);
    assert!((now_ms() - 60_000..=now_ms()).contains(&aws["Timestamp"].as_i64().unwrap()), "milliseconds since 1970");
    let [directive] = &aws["CloudWatchMetrics"].as_array().unwrap()[..] else { panic!("one directive: {line}") };
    let directive = directive.as_object().unwrap();
    assert_eq!(members(directive), ["Dimensions", "Metrics", "Namespace"]);
    assert_eq!((&directive["Namespace"], &document["DEPLOYMENT_NAME"]), (&json!("OrgvueScim"), &json!(deployment)));
    let vendor = document.get("vendor").map(|vendor| vendor.as_str().unwrap());
    let dimensions =
        if vendor.is_some() { json!([["DEPLOYMENT_NAME"], ["DEPLOYMENT_NAME", "vendor"]]) } else { json!([["DEPLOYMENT_NAME"]]) };
    assert_eq!(directive["Dimensions"], dimensions);

    let metrics = directive["Metrics"].as_array().unwrap();
    assert!((1..=100).contains(&metrics.len()), "{line}");
    let names: BTreeSet<&str> = metrics.iter().map(|metric| metric["Name"].as_str().unwrap()).collect();
    let others: BTreeSet<&str> = document.keys().map(String::as_str).filter(|name| !names.contains(name)).collect();
    assert!(names.len() == metrics.len() && others.is_subset(&["_aws", "DEPLOYMENT_NAME", "vendor"].into()), "{line}");
    let told = metrics.iter().filter_map(|metric| {
        let metric = metric.as_object().unwrap();
        assert_eq!(members(metric), ["Name", "Unit"]);
        let name = metric["Name"].as_str().unwrap();
        let of = vendor.map(|vendor| format!("{{{vendor}}}")).unwrap_or_default();
        match (metric["Unit"].as_str().unwrap(), &document[name]) {
            ("Count", value) => value.as_u64().map(|n| (n > 0).then(|| format!("{name}{of}={n}"))).unwrap(),
            ("Seconds", Value::Array(values)) => values.iter().all(|value| value.as_f64() >= Some(0.0)).then(|| format!("{name}{of}=s")),
            (unit, value) => panic!("{name} is {value} {unit}"),
        }
    });
    told.collect::<Vec<_>>().join(" ")
}

fn members(object: &Map<String, Value>) -> Vec<&str> {
    let mut names: Vec<&str> = object.keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

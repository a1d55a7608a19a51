//! The figures of both sides, as a table and as JSON.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::lambda::median;

/// One thing that is measured, on both sides. Less is better.
pub(crate) struct Measure {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    /// How many times less than the reference ours should be.
    pub(crate) aim: Option<f64>,
    pub(crate) ours: Vec<f64>,
    pub(crate) node: Vec<f64>,
}

impl Measure {
    fn ratio(&self) -> f64 {
        median(&self.node) / median(&self.ours)
    }
}

/// Prints the table.
pub(crate) fn print(measures: &[Measure]) {
    println!("{:<44} {:>10} {:>10}  {:<4} {:>8}  aim", "median of each", "ours", "node", "", "ratio");
    for measure in measures {
        let aim = match measure.aim {
            None => String::new(),
            Some(aim) => format!("{aim:.0}: {}", if measure.ratio() >= aim { "met" } else { "not met" }),
        };
        let Measure { name, unit, ours, node, .. } = measure;
        println!("{name:<44} {:>10} {:>10}  {unit:<4} {:>7.1}x  {aim}", figure(median(ours)), figure(median(node)), measure.ratio());
    }
}

/// Prints what was measured of our side alone.
pub(crate) fn print_ours(measures: &[Measure], load_before: &str) {
    for Measure { name, unit, ours, .. } in measures.iter().filter(|measure| !measure.ours.is_empty()) {
        let all: Vec<String> = ours.iter().copied().map(figure).collect();
        println!("{name:<44} {:>10}  {unit:<4} of {}", figure(median(ours)), all.join(" "));
    }
    println!("load: {load_before} before, {} after", load());
}

/// Three digits that mean something.
fn figure(value: f64) -> String {
    let decimals = if value >= 100.0 { 0 } else { [3, 2, 1][usize::from(value >= 1.0) + usize::from(value >= 10.0)] };
    format!("{value:.decimals$}")
}

/// Writes `target/bench/peers.json`, and tells where it is.
pub(crate) fn write(measures: &[Measure], node: &Path, load_before: &str) -> std::io::Result<PathBuf> {
    let rows: Vec<Value> = measures
        .iter()
        .map(|measure| {
            json!({
                "name": measure.name, "unit": measure.unit, "aim": measure.aim, "ratio": measure.ratio(),
                "ours": { "median": median(&measure.ours), "values": measure.ours },
                "node": { "median": median(&measure.node), "values": measure.node },
            })
        })
        .collect();
    let report = json!({ "machine": machine(load_before), "node": said(node, "--version"), "packages": packages(), "measures": rows });
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/bench");
    std::fs::create_dir_all(&folder)?;
    let file = folder.canonicalize()?.join("peers.json");
    std::fs::write(&file, serde_json::to_vec_pretty(&report)?)?;
    Ok(file)
}

fn machine(load_before: &str) -> Value {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    let cpus = read("/proc/cpuinfo");
    let cpu = cpus.lines().find_map(|line| line.strip_prefix("model name")).map(|rest| rest.trim_start_matches([' ', '\t', ':']));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    json!({ "cpu": cpu, "cores": cores, "kernel": read("/proc/sys/kernel/osrelease"), "load_before": load_before, "load_after": read("/proc/loadavg") })
}

/// The load of the machine before the first measurement, which should be near nothing.
pub(crate) fn load() -> String {
    std::fs::read_to_string("/proc/loadavg").unwrap_or_default().trim().to_owned()
}

fn said(program: &Path, argument: &str) -> String {
    let output = Command::new(program).arg(argument).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}

fn packages() -> Value {
    let file: Value = serde_json::from_str(include_str!("../../../../benches/peers/node/package.json")).expect("npm reads it too");
    file["dependencies"].clone()
}

//! The largest customers, against the limits that the vendors document: `cargo bench -p local --bench large`.
//!
//! * `reads [N]`: a directory of 10,000 users or of N, read in WorkOS's limit of four calls a second (`reads.rs`).
//! * `first-sync [N]`: 100,000 accounts or N, written into an empty Users dataset and read again in Orgvue's limits (`first_sync.rs`).
//!
//! Both without a name. Prints a table, and writes the same to `target/bench/large.json`, one object a line.

mod first_sync;
mod reads;

use std::path::Path;

use clap::{Parser, Subcommand};
use comfy_table::Table;
use comfy_table::presets::ASCII_MARKDOWN;
use serde_json::{Map, Value, json};
use tokio::runtime::{Builder, Runtime};

#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    part: Option<Part>,
    /// Cargo says so.
    #[arg(long, hide = true, global = true)]
    bench: bool,
}

#[derive(Clone, Copy, Subcommand)]
enum Part {
    /// Reads a directory.
    Reads {
        /// Its users.
        #[arg(default_value_t = 10_000)]
        n: usize,
    },
    /// Fills an empty Users dataset.
    FirstSync {
        /// The accounts.
        #[arg(default_value_t = 100_000)]
        n: usize,
    },
}

/// What came out of one part.
struct Case {
    name: &'static str,
    n: usize,
    /// What was measured, in the unit that it is named with.
    figures: Vec<(&'static str, f64)>,
}

fn main() {
    let parts = match Args::parse().part {
        Some(part) => vec![part],
        None => vec![Part::Reads { n: 10_000 }, Part::FirstSync { n: 100_000 }],
    };
    // The stand-ins have threads of their own; what is measured has one, as on Lambda.
    let servers = Runtime::new().expect("threads can be had");
    let function = Builder::new_current_thread().enable_all().build().expect("a runtime can be had");
    let load_before = load();
    let cases: Vec<Case> = parts
        .into_iter()
        .map(|part| match part {
            Part::Reads { n } => reads::measure(&servers, &function, n),
            Part::FirstSync { n } => first_sync::measure(&servers, &function, n),
        })
        .collect();
    print(&cases);
    println!("load: {load_before} before, {} after", load());
    write(&cases);
}

fn print(cases: &[Case]) {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN).set_header(["case", "n", "figure", ""]);
    for Case { name, n, figures } in cases {
        for (what, value) in figures {
            let decimals = if value.fract() == 0.0 { 0 } else { 2 };
            table.add_row([(*name).to_owned(), n.to_string(), what.replace('_', " "), format!("{value:.decimals$}")]);
        }
    }
    println!("{table}");
}

fn write(cases: &[Case]) {
    let object = |case: &Case| {
        let mut object = Map::from_iter([("case".to_owned(), json!(case.name)), ("n".to_owned(), json!(case.n))]);
        object.extend(case.figures.iter().map(|(what, value)| ((*what).to_owned(), json!(value))));
        format!("  {}", Value::from(object))
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/bench");
    std::fs::create_dir_all(&folder).expect("the folder of what is built can be written");
    let lines: Vec<String> = cases.iter().map(object).collect();
    std::fs::write(folder.join("large.json"), format!("[\n{}\n]\n", lines.join(",\n"))).expect("it can be written there");
}

/// How busy the machine is.
fn load() -> String {
    let averages = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    averages.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

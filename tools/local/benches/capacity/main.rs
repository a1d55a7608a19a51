//! What the service costs, how much of it the limits let through, and what a day of a thousand customers is like:
//! `cargo bench -p local --bench capacity`, whose tables are those of `docs/capacity.md`.
//!
//! 1. The real functions, against emulated AWS and the vendors' stand-ins, with every call out of them counted (`scenes.rs`, `rig.rs`, `meter.rs`).
//! 2. What that costs (`prices.rs`): the one place where prices are.
//! 3. A day of a fleet, played by the service's own rules with the measured figures (`fleet.rs`).
//! 4. A thousand integrations through the whole system, as a check of the third (`thousand.rs`).

mod customer;
mod fleet;
mod meter;
mod prices;
mod report;
mod rig;
mod scenes;
mod thousand;

use std::path::PathBuf;
use std::time::Instant;

use clap::{Parser, ValueEnum};
use serde_json::json;
use tokio::runtime::{Builder, Runtime};
use tracing_subscriber::EnvFilter;

#[derive(Parser)]
struct Args {
    /// What to do; everything by default. The fleet's day is fed with what is measured before it.
    #[arg(value_enum)]
    part: Option<Part>,
    /// Writes the figures there, too.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Cargo says so.
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Measures single invocations.
    Measure,
    /// The same, and a day of a fleet.
    Fleet,
    /// A thousand integrations through the system.
    Thousand,
}

fn main() {
    let args = Args::parse();
    let servers = Runtime::new().expect("threads can be had");
    let mut told = json!({});
    if args.part != Some(Part::Thousand) {
        // As on Lambda: one thread, this one, and log lines as JSON.
        let functions = Builder::new_current_thread().enable_all().build().expect("a runtime can be had");
        let heard = EnvFilter::new("off,webhook=info,sync=info,adapters=info,domain=info,capacity=info");
        let lines = tracing_subscriber::fmt().json().flatten_event(true).with_current_span(false).with_span_list(true);
        lines.with_env_filter(heard).with_writer(|| rig::CountedLog).init();
        let began = Instant::now();
        let figures = scenes::measure(&servers, &functions);
        report::prices();
        report::scenes(&figures);
        report::month(&figures);
        eprintln!("measured in {:.0} s", began.elapsed().as_secs_f64());
        told["figures"] = json!(figures);
        if args.part != Some(Part::Measure) {
            told["fleet"] = report::fleet(&figures);
        }
    }
    if !matches!(args.part, Some(Part::Measure | Part::Fleet)) {
        let thousand = servers.block_on(thousand::play());
        report::thousand(&thousand);
        told["thousand"] = json!(thousand);
    }
    if let Some(path) = args.json {
        std::fs::write(path, told.to_string()).expect("the file can be written");
    }
}

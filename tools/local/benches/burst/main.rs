//! A directory is synced anew, or a thousand at once: `cargo bench -p local --bench burst`, or `-- 5000 --at-once 8` for fewer events and requests.
//!
//! Signed events, a tenth of them duplicates and all in an order drawn by lot, go through the webhook function's own handler, whose SDK clients
//! talk HTTP to the emulators ([`world`]). Every attempt of theirs is counted, and DynamoDB's limit of writes to one item is played, which the
//! emulator does not have ([`wire`]). What was answered with 503 is sent again at once, as WorkOS does later. In the end the table is compared
//! with what was answered with 200: the bench fails if anything is lost.
//!
//! Prints a table, and writes the same to `target/bench/burst.json`.

mod wire;
mod world;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use clap::Parser;
use comfy_table::Table;
use comfy_table::presets::ASCII_MARKDOWN;
use futures::future::join_all;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};
use tracing_subscriber::EnvFilter;
use webhook::Deps;

use wire::{Counts, EVENT, MARK, MESSAGE, NOTE, SCHEDULE, Wire};
use world::{Kept, World};

/// Writes a second that [one partition of DynamoDB](https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html)
/// takes, and so one item.
const ITEM_WRITES_PER_SECOND: u32 = 1_000;
/// How many times as many requests are under way at once where Lambda scales with what waits.
const CROWD: usize = 8;
/// One delivery in so many is a duplicate.
const DUPLICATES: usize = 10;
const SEED: u64 = 20_261_122;
/// How often WorkOS is taken to try at most; the bench wants everything taken by then.
const ROUNDS_MAX: usize = 20;
/// The threads of the functions, by which their processor time is told from that of the emulators.
const THREADS: &str = "webhook";

#[derive(Parser)]
struct Args {
    /// How many events each scenario has.
    #[arg(default_value_t = 100_000)]
    events: usize,
    /// How many requests are under way at once: Lambda's concurrent executions.
    #[arg(long, default_value_t = 64)]
    at_once: usize,
    /// Cargo says so.
    #[arg(long, hide = true)]
    bench: bool,
}

struct Scenario {
    name: &'static str,
    n_events: usize,
    n_directories: usize,
    n_at_once: usize,
    item_writes_per_second: Option<u32>,
}

/// One request.
struct Answer {
    event: usize,
    ms: f64,
    is_taken: bool,
}

struct Outcome {
    scenario: Scenario,
    answers: Vec<Answer>,
    n_rounds: usize,
    seconds: f64,
    cpu_seconds: f64,
    counts: Counts,
    kept: Kept,
}

fn main() {
    let Args { events, at_once, bench: _ } = Args::parse();
    // As on Lambda, log lines are written as JSON.
    let lines = tracing_subscriber::fmt().json().flatten_event(true).with_current_span(false).with_span_list(true);
    lines.with_env_filter(EnvFilter::new("off,webhook=info,adapters=info,domain=info")).with_writer(std::io::sink).init();
    let servers = Runtime::new().expect("threads can be had");
    let functions = Builder::new_multi_thread().enable_all().thread_name(THREADS).build().expect("threads can be had");
    let scenario = |name, n_directories, n_at_once, item_writes_per_second| {
        let scenario = Scenario { name, n_events: events, n_directories, n_at_once, item_writes_per_second };
        play(scenario, &servers, &functions)
    };
    let limit = Some(ITEM_WRITES_PER_SECOND);
    let outcomes = [
        scenario("1,000 directories", 1_000, at_once, limit),
        scenario("one directory, no limit", 1, at_once, None),
        scenario("one directory", 1, at_once, limit),
        scenario("one directory, a crowd", 1, at_once * CROWD, limit),
    ];
    print(&outcomes);
    write(&outcomes);
}

fn play(scenario: Scenario, servers: &Runtime, functions: &Runtime) -> Outcome {
    eprintln!("{}: {} events", scenario.name, scenario.n_events);
    let world = Arc::new(servers.block_on(World::start(scenario.n_directories)));
    let wire = Wire::new(scenario.item_writes_per_second);
    let environments: Vec<_> = (0..scenario.n_at_once).map(|at| Arc::new(world.environment(at, &wire))).collect();
    let (began, cpu_before) = (Instant::now(), cpu_seconds());
    let mut answers: Vec<Answer> = Vec::new();
    let mut to_send = deliveries(scenario.n_events);
    let mut n_rounds = 0;
    while !to_send.is_empty() {
        assert!(n_rounds < ROUNDS_MAX, "{} events were refused {ROUNDS_MAX} times", to_send.len());
        n_rounds += 1;
        let round = functions.block_on(send(&world, &environments, to_send));
        to_send = round.iter().filter(|answer| !answer.is_taken).map(|answer| answer.event).collect();
        answers.extend(round);
    }
    let (seconds, cpu_seconds) = (began.elapsed().as_secs_f64(), cpu_seconds() - cpu_before);
    let counts = wire.counts();
    let taken: Vec<usize> = answers.iter().filter(|answer| answer.is_taken).map(|answer| answer.event).collect();
    assert_eq!(taken.len(), scenario.n_events);
    let kept = servers.block_on(world.check(&taken, answers.len() - taken.len(), &counts));
    Outcome { scenario, answers, n_rounds, seconds, cpu_seconds, counts, kept }
}

/// So many events, of which a tenth come a second time, in an order drawn by lot: always the same.
fn deliveries(n: usize) -> Vec<usize> {
    let n_events = n - n / DUPLICATES;
    let mut rng = StdRng::seed_from_u64(SEED);
    let mut deliveries: Vec<usize> = (0..n_events).collect();
    deliveries.extend((n_events..n).map(|_| rng.random_range(0..n_events)).collect::<Vec<_>>());
    deliveries.shuffle(&mut rng);
    deliveries
}

/// Each environment takes one event after another, as long as there are any.
async fn send(world: &Arc<World>, environments: &[Arc<Deps>], events: Vec<usize>) -> Vec<Answer> {
    let (events, next) = (Arc::new(events), Arc::new(AtomicUsize::new(0)));
    let environments = environments.iter().map(|deps| {
        let (world, deps, events, next) = (Arc::clone(world), Arc::clone(deps), Arc::clone(&events), Arc::clone(&next));
        tokio::spawn(async move {
            let mut answers = Vec::new();
            while let Some(event) = events.get(next.fetch_add(1, Ordering::Relaxed)) {
                let request = world.request(*event);
                let began = Instant::now();
                let status = webhook::handle(&deps, request).await.status().as_u16();
                assert!(status == 200 || status == 503, "{status}");
                answers.push(Answer { event: *event, ms: began.elapsed().as_secs_f64() * 1e3, is_taken: status == 200 });
            }
            answers
        })
    });
    join_all(environments).await.into_iter().flat_map(|answers| answers.expect("no environment panics")).collect()
}

/// The processor time of the functions' threads.
fn cpu_seconds() -> f64 {
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let of = |thread: std::fs::DirEntry| {
        let read = |file: &str| std::fs::read_to_string(thread.path().join(file)).unwrap_or_default();
        let nanoseconds = read("schedstat").split(' ').next().and_then(|first| first.parse::<f64>().ok());
        (read("comm").trim() == THREADS).then_some(nanoseconds).flatten()
    };
    threads.filter_map(of).sum::<f64>() / 1e9
}

impl Outcome {
    fn per_second(&self) -> f64 {
        self.answers.len() as f64 / self.seconds
    }

    fn n_refused(&self) -> usize {
        self.answers.iter().filter(|answer| !answer.is_taken).count()
    }

    /// Of the times of all requests: the one in the middle, the one below which 99 in 100 lie, and the longest.
    fn times_ms(&self) -> [f64; 3] {
        let mut times: Vec<f64> = self.answers.iter().map(|answer| answer.ms).collect();
        times.sort_by(f64::total_cmp);
        [50, 99, 100].map(|percent| times[(times.len() * percent / 100).min(times.len() - 1)])
    }

    fn cpu_ms(&self) -> f64 {
        self.cpu_seconds * 1e3 / self.answers.len() as f64
    }

    fn attempts(&self, name: &str) -> u64 {
        self.counts.attempts.get(name).copied().unwrap_or_default()
    }
}

fn print(outcomes: &[Outcome]) {
    let head = [
        "",
        "events",
        "at once",
        "writes a second to one item",
        "requests a second",
        "p50 ms",
        "p99 ms",
        "max ms",
        "CPU ms",
        "marks",
        "event records",
        "CreateSchedule + noted",
        "schedules",
        "refused writes",
        "SDK's retries",
        "503",
    ];
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN).set_header(head);
    for outcome in outcomes {
        let Outcome { scenario, counts, .. } = outcome;
        let [p50, p99, max] = outcome.times_ms();
        table.add_row([
            scenario.name.to_owned(),
            scenario.n_events.to_string(),
            scenario.n_at_once.to_string(),
            scenario.item_writes_per_second.map_or_else(|| "any".to_owned(), |limit| limit.to_string()),
            format!("{:.0}", outcome.per_second()),
            format!("{p50:.1}"),
            format!("{p99:.1}"),
            format!("{max:.0}"),
            format!("{:.2}", outcome.cpu_ms()),
            outcome.attempts(MARK).to_string(),
            outcome.attempts(EVENT).to_string(),
            format!("{} + {}", outcome.attempts(SCHEDULE), outcome.attempts(NOTE)),
            outcome.kept.n_schedules.to_string(),
            counts.refused.values().sum::<u64>().to_string(),
            counts.retries.to_string(),
            outcome.n_refused().to_string(),
        ]);
    }
    println!("{table}");
}

/// One object a line.
fn write(outcomes: &[Outcome]) {
    let line = |outcome: &Outcome| -> Value {
        let Scenario { name, n_events, n_directories, n_at_once, item_writes_per_second } = &outcome.scenario;
        let [p50_ms, p99_ms, max_ms] = outcome.times_ms();
        json!({
            "case": "burst", "scenario": name, "n": n_events, "directories": n_directories, "at_once": n_at_once,
            "item_writes_per_second": item_writes_per_second, "seconds": outcome.seconds, "requests_per_second": outcome.per_second(),
            "p50_ms": p50_ms, "p99_ms": p99_ms, "max_ms": max_ms, "cpu_ms": outcome.cpu_ms(), "calls": outcome.counts.attempts,
            "messages": outcome.attempts(MESSAGE), "schedules": outcome.kept.n_schedules, "refused_writes": outcome.counts.refused,
            "retries": outcome.counts.retries, "answered_503": outcome.n_refused(), "rounds": outcome.n_rounds,
            "marks_unheard": outcome.counts.marks_unheard, "marked": outcome.kept.n_marked, "recorded": outcome.kept.n_recorded,
        })
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/bench");
    std::fs::create_dir_all(&folder).expect("the folder of what is built can be written");
    let lines: Vec<String> = outcomes.iter().map(|outcome| format!("  {}", line(outcome))).collect();
    std::fs::write(folder.join("burst.json"), format!("[\n{}\n]\n", lines.join(",\n"))).expect("it can be written there");
}

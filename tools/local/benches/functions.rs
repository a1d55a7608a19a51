//! Measures the functions on this machine: `cargo bench -p local --bench functions`.
//!
//! * From the start of a process to its first request for work, and its memory then, for the release binaries of both functions
//!   (`cargo build --release -p webhook -p sync` first; without them this part is left out).
//! * The warm webhook handler against the emulated services in the process, beside the one DynamoDB write it cannot do without:
//!   the ratio says what the function itself adds, whatever the machine.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use adapters::clock::now_ms;
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use domain::integration::Integration;
use lambda_http::{Body, Request};
use local::input::Input;
use local::system::{Options, System, short_delays};
use sync::Tokens;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

const STARTS: usize = 21;
const CALLS: usize = 3_000;
const WARM_UP: usize = 200;

#[tokio::main]
async fn main() {
    for function in ["webhook", "sync"] {
        let binary = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/release").join(function);
        if binary.exists() {
            start(function, &binary).await;
        } else {
            println!("{function}: not built; cargo build --release -p webhook -p sync");
        }
    }
    handler().await;
}

/// Time to the first `/next`, and resident memory then, as medians.
async fn start(function: &str, binary: &PathBuf) {
    let mut times = Vec::new();
    let mut memory = Vec::new();
    for _ in 0..STARTS {
        let (asked, mut first) = mpsc::channel(8);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let api = Router::new().route("/2018-06-01/runtime/invocation/next", get(next)).with_state(asked);
        let server = tokio::spawn(async move { axum::serve(listener, api).await });
        let began = Instant::now();
        let mut child = Running(spawn(binary, &address.to_string()));
        first.recv().await.expect("the function asks for work");
        times.push(began.elapsed());
        memory.push(resident_kib(child.0.id()));
        let _ = child.0.kill();
        server.abort();
    }
    times.sort();
    memory.sort_unstable();
    let bytes = std::fs::metadata(binary).map(|file| file.len()).unwrap_or_default();
    println!(
        "{function}: first /next after {:.1} ms (median of {STARTS}), {:.1} MB resident, binary {:.1} MB",
        times[STARTS / 2].as_secs_f64() * 1e3,
        memory[STARTS / 2] as f64 / 1024.0,
        bytes as f64 / 1e6
    );
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn next(State(asked): State<mpsc::Sender<()>>) {
    let _ = asked.send(()).await;
    // There is no work: the function waits, as it does on Lambda.
    std::future::pending::<()>().await;
}

fn spawn(binary: &PathBuf, runtime_api: &str) -> Child {
    let environment = [
        ("AWS_LAMBDA_RUNTIME_API", runtime_api),
        ("AWS_LAMBDA_FUNCTION_NAME", "bench"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "bench"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "bench"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "bench"),
        ("AWS_SECRET_ACCESS_KEY", "bench"),
        ("TABLE_NAME", "bench"),
        ("SYNC_QUEUE_URL", "http://127.0.0.1:9/sync"),
        ("SYNC_QUEUE_ARN", "arn:aws:sqs:us-east-1:000000000000:sync"),
        ("DEAD_LETTER_QUEUE_URL", "http://127.0.0.1:9/dead"),
        ("SCHEDULE_GROUP", "windows"),
        ("SCHEDULE_ROLE_ARN", "arn:aws:iam::000000000000:role/scheduler"),
        ("WORKOS_WEBHOOK_SECRETS", "bench"),
        ("WORKOS_API_KEY", "bench"),
        ("ORGVUE_URL", "https://orgvue.invalid"),
        ("ORGVUE_TOKENS", r#"{"*":"bench"}"#),
    ];
    let mut command = Command::new(binary);
    command.env_clear().envs(environment).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("the binary can be started")
}

/// `VmRSS` of a process, in KiB.
fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()).and_then(|kib| kib.parse().ok()).unwrap_or_default()
}

/// The webhook handler, warm, beside a bare write of the same item.
async fn handler() {
    let system = System::start(Options {
        port: 0,
        database: None,
        workos_url: "http://127.0.0.1:9".to_owned(),
        workos_key: "bench".to_owned(),
        workos_users_per_second: 4,
        orgvue_url: "http://127.0.0.1:9".to_owned(),
        orgvue_tokens: Tokens::default(),
        http_timeout: Duration::from_secs(1),
        webhook_secrets: vec!["bench".to_owned()],
        delays: short_delays(Duration::from_secs(3_600)),
        sweep: Duration::from_secs(3_600),
    })
    .await
    .expect("the local system starts");
    let (integration, file): (Integration, String) = Input::example().expect("the example has no mistakes").integrations.remove(0);
    system.apply(&integration, &file).await.expect("the example can be applied");

    let body = format!(r#"{{"id":"event_1","event":"dsync.user.updated","data":{{"directory_id":"{}"}}}}"#, integration.directory);
    let mut handled = Vec::new();
    let mut written = Vec::new();
    for call in 0..WARM_UP + CALLS {
        let header = standins::workos::webhook::sign("bench", now_ms(), body.as_bytes());
        let mut request = Request::new(Body::from(body.clone()));
        *request.method_mut() = lambda_http::http::Method::POST;
        request.headers_mut().insert("workos-signature", header.parse().expect("a signature is a header value"));
        let began = Instant::now();
        let response = webhook::handle(&system.webhook, request).await;
        let took = began.elapsed();
        assert_eq!(response.status(), 200);
        let began = Instant::now();
        system.store.mark(&integration.directory, now_ms() + 3_600_000).await.expect("the emulator takes writes");
        if call >= WARM_UP {
            handled.push(took);
            written.push(began.elapsed());
        }
    }
    let (p50, p99) = percentiles(&mut handled);
    let (bare_p50, bare_p99) = percentiles(&mut written);
    println!("webhook handler, warm, {CALLS} calls (two writes each): p50 {p50:.2} ms, p99 {p99:.2} ms");
    println!("one bare write beside it: p50 {bare_p50:.2} ms, p99 {bare_p99:.2} ms; ratio of p50 {:.2}", p50 / bare_p50);
}

/// The 50th and 99th percentile, in milliseconds.
fn percentiles(times: &mut [Duration]) -> (f64, f64) {
    times.sort();
    let at = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)].as_secs_f64() * 1e3;
    (at(50), at(99))
}

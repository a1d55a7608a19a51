//! A Lambda function as a process: the Runtime API that it asks for work, and what the kernel tells of its time and memory.

#![allow(dead_code, reason = "a part of benchmarks; each of them uses a part of it")]

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::routing::{get, post};
use axum::serve::ListenerExt as _;
use axum::{Router, serve};
use nix::time::clock_getcpuclockid;
use nix::unistd::Pid;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;

/// Longest that a function may take to ask for work or to answer.
const PATIENCE: Duration = Duration::from_secs(600);

/// What is started.
#[derive(Clone)]
pub(crate) struct Program {
    pub(crate) command: PathBuf,
    pub(crate) arguments: Vec<String>,
}

/// A running function. It ends when this is dropped.
pub(crate) struct Function {
    child: Child,
    server: JoinHandle<()>,
    events: mpsc::Sender<String>,
    answers: mpsc::Receiver<Answer>,
    /// From the start of the process to its first request for work.
    pub(crate) start: Duration,
    /// The processor time until then, in milliseconds.
    pub(crate) start_cpu_ms: f64,
}

/// What a function answered, and when.
struct Answer {
    at: Instant,
    status: Result<Value, Value>,
}

struct Api {
    asked: mpsc::Sender<()>,
    events: Mutex<mpsc::Receiver<String>>,
    answers: mpsc::Sender<Answer>,
}

impl Function {
    /// Starts the process, in the environment that Lambda gives and `environment`, and waits until it asks for work.
    pub(crate) async fn start<K: AsRef<OsStr>, V: AsRef<OsStr>>(program: &Program, environment: impl IntoIterator<Item = (K, V)>) -> Self {
        let (asked, mut first) = mpsc::channel(8);
        let (events, waiting) = mpsc::channel(1);
        let (answered, answers) = mpsc::channel(1);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let listener = listener.tap_io(|tcp| tcp.set_nodelay(true).expect("a new connection takes options"));
        let api = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .route("/2018-06-01/runtime/init/error", post(init_error))
            .with_state(Arc::new(Api { asked, events: Mutex::new(waiting), answers: answered }));
        let server = tokio::spawn(async move { serve(listener, api).await.expect("axum's accept loop never ends") });
        let mut command = Command::new(&program.command);
        command.args(&program.arguments).env_clear().envs(lambda_environment(&address.to_string())).envs(environment);
        // The logs of a function that works are not of interest, and what it prints otherwise is.
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(if std::env::var_os("BENCH_SHOW").is_some() {
            Stdio::inherit()
        } else {
            Stdio::null()
        });
        let began = Instant::now();
        let child = command.spawn().expect("the program can be started");
        let mut function = Self { child, server, events, answers, start: Duration::ZERO, start_cpu_ms: 0.0 };
        tokio::time::timeout(PATIENCE, first.recv()).await.expect("the function asks for work").expect("the API runs");
        function.start = began.elapsed();
        function.start_cpu_ms = function.cpu_ms();
        function
    }

    /// Hands over an event, and waits for the answer.
    ///
    /// # Panics
    ///
    /// If the function answers with an error: what is measured must work.
    pub(crate) async fn invoke(&mut self, event: String) -> (Value, Duration) {
        let began = Instant::now();
        self.events.send(event).await.expect("the API runs");
        let answer = tokio::time::timeout(PATIENCE, self.answers.recv()).await.expect("the function answers").expect("the API runs");
        (answer.status.expect("the function works"), answer.at - began)
    }

    /// The processor time of all its threads so far, ended ones too, in user and system mode. `/proc/<pid>/stat` counts it in hundredths of a
    /// second, which is a tenth of a run.
    pub(crate) fn cpu_ms(&self) -> f64 {
        let pid = Pid::from_raw(self.child.id().try_into().expect("a process id"));
        let clock = clock_getcpuclockid(pid).expect("the process runs");
        Duration::from(clock.now().expect("the process runs")).as_secs_f64() * 1e3
    }

    /// A line of `/proc/<pid>/status` in MB of 1,000,000 bytes: `VmRSS` is resident now, `VmHWM` was at its peak.
    pub(crate) fn memory_mb(&self, name: &str) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("the process runs");
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let kib: f64 = line.and_then(|line| line.split_whitespace().next()).and_then(|kib| kib.parse().ok()).expect("a count of KiB");
        kib * 1024.0 / 1e6
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.server.abort();
    }
}

async fn next(State(api): State<Arc<Api>>) -> ([(HeaderName, String); 4], String) {
    let _ = api.asked.try_send(());
    // Without work the function waits, as it does on Lambda.
    let Some(event) = api.events.lock().await.recv().await else { std::future::pending().await };
    let deadline_ms = adapters::clock::now_ms() + 900_000;
    let headers = [
        ("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned()),
        ("lambda-runtime-deadline-ms", deadline_ms.to_string()),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:000000000000:function:bench".to_owned()),
        ("lambda-runtime-trace-id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0".to_owned()),
    ];
    (headers.map(|(name, value)| (HeaderName::from_static(name), value)), event)
}

async fn response(State(api): State<Arc<Api>>, Path(_): Path<String>, body: Bytes) -> StatusCode {
    answer(&api, &body, Ok).await
}

async fn error(State(api): State<Arc<Api>>, Path(_): Path<String>, _: HeaderMap, body: Bytes) -> StatusCode {
    answer(&api, &body, Err).await
}

async fn answer(api: &Api, body: &[u8], status: impl Fn(Value) -> Result<Value, Value>) -> StatusCode {
    let at = Instant::now();
    let value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let _ = api.answers.send(Answer { at, status: status(value) }).await;
    StatusCode::ACCEPTED
}

async fn init_error(body: Bytes) -> StatusCode {
    eprintln!("the function cannot start: {}", String::from_utf8_lossy(&body));
    StatusCode::ACCEPTED
}

/// What Lambda sets for every function.
fn lambda_environment(runtime_api: &str) -> [(&'static str, &str); 10] {
    [
        ("AWS_LAMBDA_RUNTIME_API", runtime_api),
        ("AWS_LAMBDA_FUNCTION_NAME", "bench"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "bench"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "bench"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "bench"),
        ("AWS_SECRET_ACCESS_KEY", "bench"),
        ("PATH", "/usr/bin:/bin"),
    ]
}

/// The binary of one of our functions as it is deployed, if `infra/build` made it.
pub(crate) fn ours(function: &str) -> Option<Program> {
    let command = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/lambda").join(function).join("bootstrap");
    command.exists().then(|| Program { command, arguments: Vec::new() })
}

/// The value in the middle; of an even number of them the upper one of the two.
pub(crate) fn median(values: &[f64]) -> f64 {
    percentile(values, 50)
}

/// The value below which so many percent lie.
pub(crate) fn percentile(values: &[f64], percent: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)]
}

/// Milliseconds.
pub(crate) fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

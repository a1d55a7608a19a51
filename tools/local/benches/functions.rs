//! Measures the functions on this machine: `cargo bench -p local --bench functions`.
//!
//! * From the start of a process to its first request for work, and its memory then, for both functions as they are deployed
//!   (`infra/build` for this machine's architecture first; without it this part is left out).
//! * The warm webhook handler against the emulated services in the process, beside the one DynamoDB write it cannot do without:
//!   the ratio says what the function itself adds, whatever the machine.

mod lambda;

use std::time::{Duration, Instant};

use adapters::clock::now_ms;
use adapters::tls::Tls;
use domain::integration::Integration;
use lambda::{Function, Program, median, ms, percentile};
use lambda_http::{Body, Request};
use local::input::Input;
use local::system::{Options, System, short_delays};
use sync::Tokens;

const STARTS: usize = 21;
const CALLS: usize = 3_000;
const WARM_UP: usize = 200;

#[tokio::main]
async fn main() {
    for function in ["webhook", "sync"] {
        match lambda::ours(function) {
            Some(program) => start(function, &program).await,
            None => println!("{function}: not built; infra/build builds it"),
        }
    }
    handler().await;
}

/// Time to the first `/next`, and resident memory then, as medians.
async fn start(function: &str, program: &Program) {
    let mut times = Vec::new();
    let mut memory = Vec::new();
    for _ in 0..STARTS {
        let running = Function::start(program, ENVIRONMENT).await;
        times.push(ms(running.start));
        memory.push(running.memory_mb("VmRSS"));
    }
    let bytes = std::fs::metadata(&program.command).map(|file| file.len()).unwrap_or_default();
    println!(
        "{function}: first /next after {:.1} ms (median of {STARTS}), {:.1} MB resident, binary {:.1} MB",
        median(&times),
        median(&memory),
        bytes as f64 / 1e6
    );
}

/// What a function needs to start; nothing of it is called.
const ENVIRONMENT: [(&str, &str); 10] = [
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
        tls: Tls::default(),
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
            handled.push(ms(took));
            written.push(ms(began.elapsed()));
        }
    }
    let (p50, p99) = (percentile(&handled, 50), percentile(&handled, 99));
    let (bare_p50, bare_p99) = (percentile(&written, 50), percentile(&written, 99));
    println!("webhook handler, warm, {CALLS} calls (two writes each): p50 {p50:.2} ms, p99 {p99:.2} ms");
    println!("one bare write beside it: p50 {bare_p50:.2} ms, p99 {bare_p99:.2} ms; ratio of p50 {:.2}", p50 / bare_p50);
}

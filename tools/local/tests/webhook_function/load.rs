//! Requests that are not WorkOS's, thousands of them, on a function that runs for minutes.

use adapters::clock::{ahead, now_ms};
use lambda_http::Request;
use standins::workos::webhook::sign;
use webhook::WebhookSecrets;

use crate::bench::Bench;
use crate::{Function, SECRET, event, request};

const MINUTES: i64 = 3;
const REQUESTS_OF_A_MINUTE: usize = 1_200;

#[tokio::test]
async fn thousands_of_hostile_requests_reach_no_table_and_one_secret_a_minute() {
    let bench = Bench::with_acme().await;
    let arn = bench.secrets.put("orgvue-scim/webhook", SECRET);
    let function = Function::on(bench, |config| config.secrets = WebhookSecrets::Kept(arn));
    let n_before = function.bench.dynamodb.n_calls();
    for minute in 0..MINUTES {
        let at_load = async {
            for n in 0..REQUESTS_OF_A_MINUTE {
                let (what, hostile) = hostile(n);
                let status = function.answer(hostile).await;
                assert_eq!(status, if what == "oversized" { 413 } else { 401 }, "{what} {n}");
            }
        };
        ahead(minute * 61_000, at_load).await;
    }
    assert_eq!(function.bench.dynamodb.n_calls(), n_before, "the table hears of none of them");
    assert_eq!((function.bench.queues.n_calls(), function.bench.scheduler.schedules().len()), (0, 0));
    let n_read = i64::try_from(function.bench.secrets.calls("GetSecretValue")).unwrap();
    assert!(n_read <= 1 + MINUTES, "the first read, and one a minute: {n_read}");
    assert_eq!(function.answer(request(event(), &sign(SECRET, now_ms(), event().as_bytes()))).await, 200, "and WorkOS is heard");
}

fn hostile(n: usize) -> (&'static str, Request) {
    let event = event();
    let good = |signed_at_ms: i64| sign(SECRET, signed_at_ms, event.as_bytes());
    match n % 7 {
        0 => ("replayed", request(event.as_str(), &good(now_ms() - 600_000 - n as i64))),
        1 => ("from the future", request(event.as_str(), &good(now_ms() + 600_000 + n as i64))),
        2 => ("forged", request(event.as_str(), &sign(&format!("forged{n}"), now_ms(), event.as_bytes()))),
        3 => ("cut short", request(&event[..n % event.len()], &good(now_ms()))),
        4 => {
            let header = good(now_ms());
            ("cut in its header", request(event.as_str(), &header[..n % header.len()]))
        }
        5 if n % 35 == 5 => ("oversized", request("x".repeat(1024 * 1024 + 1 + n), &good(now_ms()))),
        5 => ("changed", request(event.replace("directory_01ACME", &format!("directory_01{n}")), &good(now_ms()))),
        _ => ("unsigned", lambda_http::http::Request::post("https://example.com/").body(event.as_str().into()).unwrap()),
    }
}

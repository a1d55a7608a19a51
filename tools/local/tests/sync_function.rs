//! The sync function: what invokes it, which messages come again, and the sweep.

#![expect(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]

mod bench;

#[path = "sync_function/config.rs"]
mod config;
#[path = "sync_function/metrics.rs"]
mod metrics;
#[path = "sync_function/operate.rs"]
mod operate;
#[path = "sync_function/secrets.rs"]
mod secrets;

use std::time::Duration;

use adapters::clock::now_ms;
use adapters::http::Deadline;
use adapters::metrics::Metrics;
use adapters::secrets::Ages;
use adapters::tls::Tls;
use aws_sdk_dynamodb::types::AttributeValue;
use bench::{Bench, DEAD_LETTERS, DIRECTORY, QUEUE, TABLE, directory};
use domain::delays::Delays;
use domain::message::{Reason, SyncMessage};
use domain::pending::Switch;
use domain::run::Status;
use secrecy::SecretString;
use serde_json::{Value, json};
use standins::workos::{Options, WorkOs};
use sync::{Config, Deps, Invocation, Swept, TokenSource, Tokens, handle_batch, sweep};

/// The function, the AWS around it, and a WorkOS that knows no directory.
struct Function {
    bench: Bench,
    deps: Deps,
    workos: WorkOs,
}

impl Function {
    async fn new() -> Self {
        Self::with(|_, _| {}).await
    }

    async fn with(change: impl FnOnce(&mut Config, &Bench)) -> Self {
        let bench = Bench::with_acme().await;
        let workos = WorkOs::start(Options::default()).await.unwrap();
        let mut config = Config {
            table: TABLE.to_owned(),
            queue_url: bench.queue_url.clone(),
            dead_letter_queue_url: bench.dead_letter_queue_url.clone(),
            workos_url: workos.url().parse().unwrap(),
            workos_key: SecretString::from(workos.key()).into(),
            workos_users_per_second: 4,
            // Nothing listens there; no run gets that far.
            orgvue_url: "http://127.0.0.1:9".parse().unwrap(),
            orgvue_tokens: TokenSource::Given(Tokens::default()),
            secret_ages: Ages::default(),
            http_timeout: Duration::from_secs(5),
            tenants_at_once: 4,
            delays: Delays::default(),
            notice_topic_arn: None,
            metrics: Metrics::off(),
            tls: Tls::default(),
        };
        change(&mut config, &bench);
        Self { deps: Deps::new(config, &bench.aws).unwrap(), bench, workos }
    }

    /// The ids of the messages that come again, of a batch whose messages have the ids 0, 1 and so on.
    async fn handle(&self, bodies: &[&str]) -> Vec<String> {
        let Ok(Invocation::Batch(batch)) = Invocation::parse(batch(bodies)) else { panic!("this is a batch") };
        let response = handle_batch(&self.deps, *batch, Deadline::after(Duration::from_secs(60))).await;
        response.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect()
    }

    /// Work is owed for which the table has no window and no nudge.
    async fn owe(&self) {
        self.bench.store.ask(&directory(), now_ms() - Delays::default().nudge_ms).await.unwrap();
    }

    fn dead_letters(&self) -> Vec<String> {
        self.bench.sqs.bodies(DEAD_LETTERS)
    }
}

fn batch(bodies: &[&str]) -> Value {
    let record = |(n, body): (usize, &&str)| {
        json!({
            "messageId": n.to_string(), "receiptHandle": "AQEB", "body": body, "md5OfBody": "0", "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:eu-west-1:1:sync", "awsRegion": "eu-west-1", "messageAttributes": {},
            "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1795305600000", "SenderId": "A"},
        })
    };
    json!({"Records": bodies.iter().enumerate().map(record).collect::<Vec<_>>()})
}

fn message(generation: u64) -> String {
    SyncMessage::new(directory(), generation, Reason::Webhook).to_json()
}

const NONE: [&str; 0] = [];

#[test]
fn an_sqs_event_is_a_batch() {
    let Ok(Invocation::Batch(batch)) = Invocation::parse(batch(&["one", "two"])) else { panic!("this is a batch") };
    assert_eq!(batch.records.iter().map(|record| record.body.as_deref()).collect::<Vec<_>>(), [Some("one"), Some("two")]);
    assert!(matches!(Invocation::parse(json!({"Records": []})), Ok(Invocation::Batch(_))));
}

#[test]
fn the_recurring_schedules_input_is_a_sweep() {
    assert!(matches!(Invocation::parse(json!({"action": "sweep"})), Ok(Invocation::Sweep)));
}

#[test]
fn anything_else_is_refused_and_the_error_says_what_is_known() {
    for event in [
        json!({}),
        json!({"action": "Sweep"}),
        json!({"action": true}),
        json!({"Records": "sweep"}),
        json!({"Records": null}),
        json!({"Records": [7]}),
        json!([]),
        json!(null),
        json!("sweep"),
    ] {
        let error = Invocation::parse(event.clone()).expect_err(&event.to_string());
        assert_eq!(error.to_string(), r#"not an SQS event and not {"action":"sweep"}"#);
    }
}

#[tokio::test]
async fn messages_come_again_when_the_table_is_down() {
    let function = Function::new().await;
    function.owe().await;
    function.bench.dynamodb.refuse("UpdateItem", "");
    assert_eq!(function.handle(&[&message(1)]).await, ["0"]);

    function.bench.dynamodb.refuse_nothing();
    assert_eq!(function.handle(&[&message(1)]).await, NONE);
    assert_eq!(function.bench.pending().await.lease, None);
}

#[tokio::test]
async fn a_malformed_message_goes_to_the_dead_letter_queue_and_does_not_come_again() {
    let function = Function::new().await;
    let newer = message(1).replace(r#""v":1"#, r#""v":2"#);
    let bodies = ["not JSON", "{}", &newer];
    assert_eq!(function.handle(&bodies).await, NONE);
    assert_eq!(function.dead_letters(), bodies);
}

#[tokio::test]
async fn an_empty_message_is_malformed_too() {
    let function = Function::new().await;
    assert_eq!(function.handle(&[""]).await, NONE);
    assert_eq!(function.dead_letters(), ["(empty)"]);
}

#[tokio::test]
async fn a_malformed_message_comes_again_when_the_dead_letter_queue_is_down() {
    let function = Function::new().await;
    function.bench.queues.refuse("SendMessage", "");
    assert_eq!(function.handle(&["not JSON"]).await, ["0"]);
}

#[tokio::test]
async fn a_message_that_fails_takes_no_other_of_its_batch_with_it() {
    let function = Function::new().await;
    function.bench.apply("other", "directory_02").await;
    function.bench.dynamodb.refuse("UpdateItem", "PENDING#directory_02");
    let other = message(1).replace(DIRECTORY, "directory_02");
    assert_eq!(function.handle(&[&other, "not JSON", &message(1), &other]).await, ["0", "3"]);
    assert_eq!(function.dead_letters(), ["not JSON"]);
}

#[tokio::test]
async fn a_failed_message_without_an_id_fails_the_batch() {
    let function = Function::new().await;
    function.bench.dynamodb.refuse("UpdateItem", "");
    let mut event = batch(&[&message(1)]);
    event["Records"][0]["messageId"] = Value::Null;
    let Ok(Invocation::Batch(batch)) = Invocation::parse(event) else { panic!("this is a batch") };
    let response = handle_batch(&function.deps, *batch, Deadline::after(Duration::from_secs(60))).await;
    let response = serde_json::to_value(response).unwrap();
    assert_eq!(response, json!({"batchItemFailures": [{"itemIdentifier": ""}]}), "which Lambda takes for all of it");
}

#[tokio::test]
async fn a_message_that_finds_nothing_to_do_is_done_with() {
    let function = Function::new().await;
    let unknown = message(1).replace(DIRECTORY, "directory_01UNKNOWN");
    let before = function.bench.items().await;
    assert_eq!(function.handle(&[&unknown, &message(0)]).await, NONE);
    assert_eq!(function.bench.items().await, before);
    assert_eq!(function.dead_letters(), NONE);
}

#[tokio::test]
async fn a_run_that_is_refused_is_recorded_and_its_message_is_done_with() {
    let function = Function::new().await;
    function.owe().await;
    assert_eq!(function.handle(&[&message(1)]).await, NONE);

    let pending = function.bench.pending().await;
    let runs = function.bench.store.runs(&pending.integration).await.unwrap();
    assert_eq!(runs.iter().map(|run| run.status).collect::<Vec<_>>(), [Status::Refused]);
    assert_eq!((pending.last_run, pending.lease), (Some(runs[0].id.clone()), None));
    let record = function.bench.store.run(&runs[0].id).await.unwrap().unwrap();
    assert_eq!((record.generation, record.reason), (1, Reason::Webhook));
}

#[tokio::test]
async fn a_message_comes_again_when_its_run_could_not_be_recorded() {
    for (operation, part) in [("PutItem", "RUN#"), ("PutItem", "RUNS#"), ("UpdateItem", "SET last_run")] {
        let function = Function::new().await;
        function.owe().await;
        function.bench.dynamodb.refuse(operation, part);
        assert_eq!(function.handle(&[&message(1)]).await, ["0"], "{operation} {part}");
        let pending = function.bench.pending().await;
        assert!(pending.is_owed() && pending.lease.is_some(), "{operation} {part}: the lease ends by itself");
    }
}

#[tokio::test]
async fn the_sweep_sends_for_what_is_owed_and_tells_how_many() {
    let function = Function::new().await;
    function.bench.apply("idle", "directory_02").await;
    function.owe().await;
    assert_eq!(sweep(&function.deps).await.unwrap(), Swept { n_integrations: 2, n_sent: 1, n_failed: 0 });
    assert_eq!(function.bench.sqs.bodies(QUEUE), [SyncMessage::new(directory(), 1, Reason::Owed).to_json()]);
    assert_eq!(sweep(&function.deps).await.unwrap(), Swept { n_integrations: 2, n_sent: 0, n_failed: 0 }, "not again at once");
}

#[tokio::test]
async fn the_sweep_asks_for_one_generation_when_drift_is_due() {
    let function = Function::new().await;
    let seen = function.bench.pending().await;
    let due_ms = now_ms() - 1;
    function.bench.put(with_number(&function, "next_drift_ms", due_ms).await).await;
    assert_eq!(sweep(&function.deps).await.unwrap(), Swept { n_integrations: 1, n_sent: 1, n_failed: 0 });

    let pending = function.bench.pending().await;
    assert_eq!(pending.generation, seen.generation + 1);
    assert_eq!(pending.next_drift_ms, due_ms + Delays::default().drift_ms);
    assert_eq!(function.bench.sqs.bodies(QUEUE), [SyncMessage::new(directory(), 1, Reason::Drift).to_json()]);
    assert_eq!(sweep(&function.deps).await.unwrap().n_sent, 0);
}

#[tokio::test]
async fn the_sweep_sends_nothing_for_a_paused_integration() {
    let function = Function::new().await;
    function.owe().await;
    let mut item = item_of(&function).await;
    item.insert("switch".to_owned(), AttributeValue::S(Switch::Paused.as_str().to_owned()));
    function.bench.put(item).await;
    assert_eq!(sweep(&function.deps).await.unwrap(), Swept { n_integrations: 1, n_sent: 0, n_failed: 0 });
}

#[tokio::test]
async fn what_the_sweep_could_not_send_is_told_and_sent_by_the_next() {
    let function = Function::new().await;
    function.owe().await;
    function.bench.queues.refuse("SendMessage", "");
    assert_eq!(sweep(&function.deps).await.unwrap(), Swept { n_integrations: 1, n_sent: 0, n_failed: 1 });
    function.bench.queues.refuse_nothing();
    assert_eq!(sweep(&function.deps).await.unwrap(), Swept { n_integrations: 1, n_sent: 1, n_failed: 0 });
}

#[tokio::test]
async fn one_integration_that_cannot_be_swept_stops_no_other() {
    let function = Function::new().await;
    function.owe().await;
    function.bench.apply("broken", "directory_02").await;
    function.bench.put([text("pk", "PENDING#directory_02"), text("sk", "PENDING")].into()).await;
    function.bench.put([text("pk", "INTEGRATIONS"), text("sk", "halved")].into()).await;
    // As a table that was put back may have it: a second integration of a directory.
    let twin = [text("pk", "INTEGRATIONS"), text("sk", "twin"), text("directory", DIRECTORY), text("file", "")];
    function.bench.put(twin.into()).await;
    assert_eq!(sweep(&function.deps).await.unwrap(), Swept { n_integrations: 4, n_sent: 1, n_failed: 3 });
}

#[tokio::test]
async fn a_run_that_finds_a_corrupt_item_is_refused_and_tried_later() {
    let function = Function::new().await;
    function.owe().await;
    function.bench.put([text("pk", "TENANTS#acme"), text("sk", "ACME")].into()).await;
    assert_eq!(function.handle(&[&message(1)]).await, NONE);

    let pending = function.bench.pending().await;
    assert!(pending.is_owed() && pending.lease.is_none() && pending.retry_at_ms.is_some());
    let record = function.bench.store.run(&pending.last_run.unwrap()).await.unwrap().unwrap();
    assert_eq!((record.status, record.code.as_deref()), (Status::Refused, Some("table_corrupt")));
}

#[tokio::test]
async fn a_sweep_without_the_table_is_an_error() {
    for operation in ["Query", "BatchGetItem"] {
        let function = Function::new().await;
        function.bench.dynamodb.refuse(operation, "");
        assert!(sweep(&function.deps).await.is_err(), "{operation}");
    }
}

fn text(name: &str, value: &str) -> (String, AttributeValue) {
    (name.to_owned(), AttributeValue::S(value.to_owned()))
}

/// The pending item of `acme`.
async fn item_of(function: &Function) -> bench::Item {
    let is_it = |item: &bench::Item| item["sk"].as_s().is_ok_and(|sk| sk == "PENDING");
    function.bench.items().await.into_iter().find(is_it).unwrap()
}

async fn with_number(function: &Function, name: &str, number: i64) -> bench::Item {
    let mut item = item_of(function).await;
    item.insert(name.to_owned(), AttributeValue::N(number.to_string()));
    item
}

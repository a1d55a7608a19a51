//! The webhook function: real requests in; what is durable, scheduled and queued out.

#![expect(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]

mod bench;

#[path = "webhook_function/admission.rs"]
mod admission;
#[path = "webhook_function/config.rs"]
mod config;
#[path = "webhook_function/gateways.rs"]
mod gateways;
#[path = "webhook_function/load.rs"]
mod load;
#[path = "webhook_function/metrics.rs"]
mod metrics;
#[path = "webhook_function/secrets.rs"]
mod secrets;

use std::collections::BTreeSet;

use adapters::clock::now_ms;
use adapters::metrics::Metrics;
use adapters::scheduler::ScheduleTarget;
use adapters::secrets::Ages;
use adapters::tls::Tls;
use bench::{Bench, DEAD_LETTERS, DIRECTORY, QUEUE, SCHEDULE_GROUP, directory};
use domain::delays::Delays;
use domain::message::{Reason, SyncMessage};
use futures::future::join_all;
use lambda_http::{Body, Request};
use local::aws::{Depth, FaultKind, Times};
use secrecy::SecretString;
use serde_json::json;
use standins::workos::webhook::{SIGNATURE_HEADER, sign};
use webhook::{Config, Deps, WebhookSecrets, handle};

const SECRET: &str = "whsec_0FWAiVGkEfGBqqsJH4aNAGBJ4";
const OTHER_SECRET: &str = "nTqlYkHe6GyqYkmUQWksUWYmQ";
const ROLE: &str = "arn:aws:iam::000000000000:role/scheduler";
const WINDOW_MS: i64 = 300_000;

/// The function, and the AWS around it.
struct Function {
    bench: Bench,
    deps: Deps,
}

impl Function {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut Config)) -> Self {
        Self::on(Bench::with_acme().await, change)
    }

    fn on(bench: Bench, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config {
            table: bench::TABLE.to_owned(),
            queue_url: bench.queue_url.clone(),
            schedule: ScheduleTarget {
                group: SCHEDULE_GROUP.to_owned(),
                queue_arn: bench.sqs.arn(QUEUE),
                role_arn: ROLE.to_owned(),
                dead_letter_arn: Some(bench.sqs.arn(DEAD_LETTERS)),
            },
            secrets: WebhookSecrets::Given(vec![SecretString::from(SECRET), SecretString::from(OTHER_SECRET)]),
            secret_ages: Ages::default(),
            tolerance_ms: 180_000,
            path_token: None,
            sources: Vec::new(),
            delays: Delays::default(),
            metrics: Metrics::off(),
            tls: Tls::default(),
        };
        change(&mut config);
        Self { deps: Deps::new(config, &bench.aws), bench }
    }

    /// The status of the answer, which never has a body.
    async fn answer(&self, request: Request) -> u16 {
        let response = handle(&self.deps, request).await;
        assert!(response.body().is_empty(), "an answer says nothing: {:?}", response.body());
        response.status().as_u16()
    }

    /// Sends a body as WorkOS signs it.
    async fn send(&self, body: &str) -> u16 {
        self.answer(signed(body)).await
    }

    async fn n_marks(&self) -> u64 {
        self.bench.pending().await.generation
    }
}

fn event() -> String {
    event_of("event_01", DIRECTORY)
}

fn event_of(id: &str, directory: &str) -> String {
    let user = json!({"id": "directory_user_01", "directory_id": directory, "email": "ada@example.com", "first_name": "Ada"});
    json!({"id": id, "event": "dsync.user.updated", "created_at": "2026-01-01T00:00:00.000Z", "data": user}).to_string()
}

fn signed(body: &str) -> Request {
    request(body, &sign(SECRET, now_ms(), body.as_bytes()))
}

fn request(body: impl Into<Body>, signature: &str) -> Request {
    lambda_http::http::Request::post("https://example.com/").header(SIGNATURE_HEADER, signature).body(body.into()).unwrap()
}

#[tokio::test]
async fn an_event_becomes_a_mark_a_schedule_and_a_record() {
    let function = Function::new().await;
    let from = now_ms();
    assert_eq!(function.send(&event()).await, 200);
    let to = now_ms();

    let pending = function.bench.pending().await;
    let due_ms = pending.window_due_ms.unwrap();
    assert_eq!((pending.generation, pending.wants_schedule()), (1, None));
    assert_eq!(due_ms % 1_000, 0, "Scheduler knows whole seconds only");
    assert!((from + WINDOW_MS..to + WINDOW_MS + 1_000).contains(&due_ms), "never early, and late by less than a second");

    let [schedule] = &function.bench.scheduler.schedules()[..] else { panic!("one window is one schedule") };
    assert_eq!((schedule.group.as_str(), schedule.name.as_str()), (SCHEDULE_GROUP, format!("acme.{due_ms}").as_str()));
    assert_eq!(schedule.at.as_millisecond(), due_ms);
    assert_eq!(schedule.target_arn, function.bench.sqs.arn(QUEUE));
    assert_eq!(SyncMessage::from_json(&schedule.input), Ok(SyncMessage::new(directory(), 1, Reason::Webhook)));
    assert_eq!(function.bench.sqs.depth(QUEUE), Depth::default());
}

#[tokio::test]
async fn a_schedule_goes_when_it_is_done_and_gives_up_into_the_dead_letter_queue() {
    let function = Function::new().await;
    function.send(&event()).await;
    let due_ms = function.bench.pending().await.window_due_ms.unwrap();
    let client = aws_sdk_scheduler::Client::new(&function.bench.aws);
    let schedule = client.get_schedule().group_name(SCHEDULE_GROUP).name(format!("acme.{due_ms}")).send().await.unwrap();

    assert_eq!(schedule.action_after_completion().unwrap().as_str(), "DELETE");
    assert_eq!(schedule.flexible_time_window().unwrap().mode().as_str(), "OFF");
    assert_eq!(schedule.schedule_expression_timezone(), Some("UTC"));
    let target = schedule.target().unwrap();
    let retries = target.retry_policy().unwrap();
    assert_eq!((retries.maximum_event_age_in_seconds(), retries.maximum_retry_attempts()), (Some(3_600), Some(10)));
    assert_eq!(target.role_arn(), ROLE);
    assert_eq!(target.dead_letter_config().unwrap().arn(), Some(function.bench.sqs.arn(DEAD_LETTERS).as_str()));
}

#[tokio::test]
async fn the_record_of_an_event_has_no_personal_data_and_expires_after_thirty_days() {
    let function = Function::new().await;
    let from = now_ms();
    function.send(&event()).await;
    let items = function.bench.items().await;
    let item = items.iter().find(|item| item["pk"].as_s().unwrap().starts_with(&format!("EVENT#{DIRECTORY}#"))).unwrap();

    let names: BTreeSet<&str> = item.keys().map(String::as_str).collect();
    assert_eq!(names, BTreeSet::from(["pk", "sk", "event", "kind", "received_at_ms", "expires_at"]));
    assert_eq!((item["event"].as_s().unwrap().as_str(), item["kind"].as_s().unwrap().as_str()), ("event_01", "dsync.user.updated"));
    let number = |name: &str| item[name].as_n().unwrap().parse::<i64>().unwrap();
    assert!((from..=now_ms()).contains(&number("received_at_ms")));
    assert_eq!(number("expires_at"), number("received_at_ms") / 1_000 + 30 * 86_400);
    assert!(!format!("{items:?}").to_lowercase().contains("ada"));
}

#[tokio::test]
async fn the_second_event_of_a_window_is_counted_and_schedules_nothing() {
    let function = Function::new().await;
    assert_eq!(function.send(&event()).await, 200);
    let due_ms = function.bench.pending().await.window_due_ms;
    assert_eq!(function.send(&event_of("event_02", DIRECTORY)).await, 200);

    let pending = function.bench.pending().await;
    assert_eq!((pending.generation, pending.window_due_ms), (2, due_ms));
    assert_eq!(function.bench.scheduler.calls("CreateSchedule"), 1);
}

#[tokio::test]
async fn a_burst_is_one_window_and_one_schedule() {
    let function = Function::new().await;
    let bodies: Vec<String> = (0..20).map(|n| event_of(&format!("event_{n}"), DIRECTORY)).collect();
    assert_eq!(join_all(bodies.iter().map(|body| function.send(body))).await, [200; 20]);
    assert_eq!(function.n_marks().await, 20);
    assert_eq!(function.bench.scheduler.created_count(), 1);
    assert_eq!(function.bench.pending().await.wants_schedule(), None);
    assert_eq!(function.bench.sqs.depth(QUEUE), Depth::default());
}

#[tokio::test]
async fn an_event_whose_window_was_never_scheduled_schedules_it() {
    let function = Function::new().await;
    let due_ms = now_ms() / 1_000 * 1_000 + 60_000;
    function.bench.store.mark(&directory(), due_ms).await.unwrap();
    assert_eq!(function.send(&event()).await, 200);

    let schedules = function.bench.scheduler.schedules();
    assert_eq!(schedules.iter().map(|schedule| schedule.name.clone()).collect::<Vec<_>>(), [format!("acme.{due_ms}")]);
    assert_eq!(function.bench.pending().await.wants_schedule(), None);
}

#[tokio::test]
async fn a_window_that_ended_without_a_schedule_is_sent_for_at_once() {
    let function = Function::new().await;
    function.bench.store.mark(&directory(), now_ms() - 60_000).await.unwrap();
    assert_eq!(function.send(&event()).await, 200);

    assert_eq!(function.bench.scheduler.calls("CreateSchedule"), 0);
    assert_eq!(function.bench.sqs.depth(QUEUE), Depth { visible: 1, ..Depth::default() });
    assert_eq!(function.send(&event()).await, 200);
    assert_eq!(function.bench.sqs.bodies(QUEUE).len(), 1, "once");
}

#[tokio::test]
async fn a_schedule_whose_answer_was_lost_is_there_once() {
    let function = Function::new().await;
    function.bench.scheduler.fault("CreateSchedule", Times::Next(1), FaultKind::CutAfterCommit);
    assert_eq!(function.send(&event()).await, 200);
    assert_eq!(function.bench.scheduler.schedules().len(), 1);
    assert_eq!(function.bench.sqs.bodies(QUEUE).len(), 0);
}

#[tokio::test]
async fn a_schedule_that_could_not_be_noted_is_asked_for_again_and_its_conflict_is_success() {
    let function = Function::new().await;
    function.bench.dynamodb.refuse("UpdateItem", "SET scheduled_due_ms");
    assert_eq!(function.send(&event()).await, 200);
    function.bench.dynamodb.refuse_nothing();
    assert_eq!(function.send(&event()).await, 200);

    assert_eq!((function.bench.scheduler.calls("CreateSchedule"), function.bench.scheduler.created_count()), (2, 1));
    assert_eq!(function.bench.sqs.bodies(QUEUE).len(), 0);
    assert_eq!(function.bench.pending().await.wants_schedule(), None);
}

#[tokio::test]
async fn the_queue_delays_the_message_when_scheduler_fails() {
    for fault in [FaultKind::Status500, FaultKind::Throttle, FaultKind::Reset] {
        let function = Function::new().await;
        function.bench.scheduler.fault("CreateSchedule", Times::Always, fault);
        assert_eq!(function.send(&event()).await, 200, "{fault:?}");

        let [sent] = &function.bench.queues.calls("SendMessage")[..] else { panic!("one message, {fault:?}") };
        let seconds_left = (function.bench.pending().await.window_due_ms.unwrap() - now_ms()) / 1_000;
        let delay = sent["DelaySeconds"].as_i64().unwrap();
        assert!((seconds_left..=seconds_left + 10).contains(&delay) && delay <= 301, "{delay} s, {seconds_left} s are left");
        assert_eq!(sent["MessageBody"], SyncMessage::new(directory(), 1, Reason::Webhook).to_json());
        assert_eq!(function.bench.sqs.depth(QUEUE), Depth { delayed: 1, ..Depth::default() });
        assert_eq!(function.bench.pending().await.wants_schedule(), None, "once is enough");
    }
}

#[tokio::test]
async fn the_queue_delays_a_longer_window_for_fifteen_minutes() {
    let function = Function::with(|config| config.delays.window_ms = 1_200_000).await;
    function.bench.scheduler.fault("CreateSchedule", Times::Always, FaultKind::Status500);
    assert_eq!(function.send(&event()).await, 200);
    assert_eq!(function.bench.queues.calls("SendMessage")[0]["DelaySeconds"], 900);
}

#[tokio::test]
async fn without_schedule_and_queue_the_event_is_to_come_again_and_then_schedules() {
    let function = Function::new().await;
    function.bench.scheduler.fault("CreateSchedule", Times::Always, FaultKind::Status500);
    function.bench.queues.refuse("SendMessage", "");
    assert_eq!(function.send(&event()).await, 503);
    assert!(function.bench.pending().await.wants_schedule().is_some(), "the mark stays, and says so");

    function.bench.scheduler.clear_faults();
    assert_eq!(function.send(&event()).await, 200);
    assert_eq!(function.bench.scheduler.created_count(), 1);
}

#[tokio::test]
async fn an_event_that_could_not_be_marked_is_to_come_again() {
    let function = Function::new().await;
    function.bench.dynamodb.refuse("UpdateItem", "window_due_ms");
    assert_eq!(function.send(&event()).await, 503);
    assert_eq!(function.bench.scheduler.calls("CreateSchedule"), 0);
    assert_eq!(function.bench.items().await.len(), 5, "the integration, its two locks, its pending item and its audit");
}

#[tokio::test]
async fn an_event_is_accepted_although_it_could_not_be_recorded() {
    let function = Function::new().await;
    function.bench.dynamodb.refuse("PutItem", "EVENT#");
    assert_eq!(function.send(&event()).await, 200);
    assert_eq!(function.bench.scheduler.created_count(), 1);
}

#[tokio::test]
async fn an_event_without_an_id_counts_and_is_not_recorded() {
    let function = Function::new().await;
    let body = json!({"event": "dsync.deleted", "data": {"id": DIRECTORY}}).to_string();
    assert_eq!(function.send(&body).await, 200);
    assert_eq!(function.n_marks().await, 1);
    assert_eq!(function.bench.dynamodb.calls("PutItem").len(), 0);
}

#[tokio::test]
async fn what_is_not_for_us_or_cannot_be_read_is_answered_200_and_writes_nothing() {
    let function = Function::new().await;
    let before = function.bench.items().await;
    for body in [
        event_of("event_01", "directory_01UNKNOWN"),
        json!({"id": "event_01", "event": "user.created", "data": {"directory_id": DIRECTORY}}).to_string(),
        json!({"id": "event_01", "event": "dsync.user.created", "data": {}}).to_string(),
        json!({"id": "event_01", "event": "dsync.user.created", "data": {"directory_id": "not one"}}).to_string(),
        "[]".to_owned(),
        "not JSON".to_owned(),
        String::new(),
    ] {
        assert_eq!(function.send(&body).await, 200, "{body}");
        assert_eq!(function.bench.items().await, before, "{body}");
    }
    assert_eq!(function.bench.scheduler.calls("CreateSchedule") + function.bench.queues.n_calls(), 0);
}

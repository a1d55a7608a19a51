//! The in-process EventBridge Scheduler, driven by the AWS SDK.

#![expect(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use adapters::aws::http_client;
use adapters::tls::Tls;
use aws_sdk_scheduler::Client;
use aws_sdk_scheduler::config::retry::RetryConfig;
use aws_sdk_scheduler::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_scheduler::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_scheduler::operation::create_schedule::builders::CreateScheduleFluentBuilder as Call;
use aws_sdk_scheduler::types::{ActionAfterCompletion, FlexibleTimeWindow, FlexibleTimeWindowMode, RetryPolicy, ScheduleState, Target};
use jiff::Timestamp;
use local::aws::{Clock, FaultKind, QueueSettings, REGION, Scheduler, Sqs, Times};

const ROLE: &str = "arn:aws:iam::000000000000:role/scheduler";

fn client(scheduler: &Scheduler) -> Client {
    let config = aws_sdk_scheduler::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(http_client(&Tls::default()))
        .region(Region::new(REGION))
        .credentials_provider(Credentials::new("id", "secret", None, None, "test"))
        .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(1)))
        .endpoint_url(scheduler.url())
        .build();
    Client::from_conf(config)
}

/// A scheduler with the queue `work` to send to.
struct Bench {
    sqs: Sqs,
    scheduler: Scheduler,
    client: Client,
}

impl Bench {
    async fn new() -> Self {
        let sqs = Sqs::start(0).await.unwrap();
        sqs.create_queue("work", QueueSettings::default());
        let scheduler = Scheduler::start(0, &sqs).await.unwrap();
        let client = client(&scheduler);
        Self { sqs, scheduler, client }
    }

    /// A scheduler whose clock can be put forward, with that clock.
    async fn by_a_clock() -> (Self, Clock) {
        let clock = Clock::default();
        let sqs = Sqs::start_by(clock.clone(), 0).await.unwrap();
        sqs.create_queue("work", QueueSettings::default());
        let scheduler = Scheduler::start(0, &sqs).await.unwrap();
        let client = client(&scheduler);
        (Self { sqs, scheduler, client }, clock)
    }

    /// A call that succeeds unless it is changed.
    fn call(&self, name: &str, at: &str) -> Call {
        let window = FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off).build().unwrap();
        self.client
            .create_schedule()
            .name(name)
            .schedule_expression(at)
            .flexible_time_window(window)
            .target(target(&self.sqs.arn("work"), ROLE))
    }

    /// The bodies of the queue, once there are any.
    async fn fired(&self) -> Vec<String> {
        until(|| !self.sqs.bodies("work").is_empty()).await;
        self.sqs.bodies("work")
    }
}

fn target(arn: &str, role_arn: &str) -> Target {
    Target::builder().arn(arn).role_arn(role_arn).input("poke").build().unwrap()
}

/// Waits for a condition that becomes true on its own.
async fn until(condition: impl Fn() -> bool) {
    let poll = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), poll).await.expect("the condition within ten seconds");
}

/// The expression for the first whole second that is at least `seconds` from now.
fn at(seconds: i64) -> String {
    let now_millis = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let second = i64::try_from(now_millis.div_ceil(1000)).unwrap() + seconds;
    let text = Timestamp::from_second(second).unwrap().to_string();
    format!("at({})", text.trim_end_matches('Z'))
}

/// The error code, for an error that the service answered.
fn outcome<T, E: ProvideErrorMetadata, R>(result: Result<T, SdkError<E, R>>) -> Result<(), String> {
    match result {
        Ok(_) => Ok(()),
        Err(error) => Err(error.code().unwrap_or("no answer").to_owned()),
    }
}

fn refused(code: &str) -> Result<(), String> {
    Err(code.to_owned())
}

#[tokio::test]
async fn fires_into_the_queue_at_its_time_and_is_gone() {
    let bench = Bench::new().await;
    let call = bench.call("acme.1", &at(0)).action_after_completion(ActionAfterCompletion::Delete);
    call.send().await.unwrap();
    let due = bench.scheduler.schedules()[0].at.as_millisecond();

    assert_eq!(bench.fired().await, ["poke"]);
    let now_millis = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    assert!(i64::try_from(now_millis).unwrap() >= due, "never before its time");
    assert_eq!(bench.scheduler.schedules(), []);
    assert_eq!(bench.scheduler.created_count(), 1);
}

#[tokio::test]
async fn goes_by_the_clock_of_its_queues() {
    let (bench, clock) = Bench::by_a_clock().await;
    clock.advance(Duration::from_secs(3_600));
    assert_eq!(outcome(bench.call("past", &at(60)).send().await), refused("ValidationException"));
    bench.call("lost", &at(7_200)).send().await.unwrap();
    bench.scheduler.lose_all();
    bench.call("kept", &at(7_200)).send().await.unwrap();
    bench.scheduler.fire_due();
    assert_eq!(bench.sqs.bodies("work"), [""; 0]);

    let due = bench.scheduler.next_due().unwrap();
    clock.advance(due.duration_since(clock.now()).unsigned_abs() + Duration::from_millis(1));
    bench.scheduler.fire_due();
    assert_eq!((bench.sqs.bodies("work"), bench.scheduler.next_due()), (vec!["poke".to_owned()], None));
}

#[tokio::test]
async fn stays_after_it_fired_unless_asked_to_go() {
    let bench = Bench::new().await;
    bench.call("kept", &at(0)).send().await.unwrap();
    bench.fired().await;
    let schedules = bench.scheduler.schedules();
    assert_eq!((schedules[0].name.as_str(), schedules[0].has_fired), ("kept", true));
    assert_eq!(outcome(bench.call("kept", &at(60)).send().await), refused("ConflictException"));
}

#[tokio::test]
async fn an_earlier_schedule_is_not_held_up_by_a_later_one() {
    let bench = Bench::new().await;
    bench.call("later", &at(3600)).send().await.unwrap();
    bench.call("sooner", &at(0)).send().await.unwrap();
    assert_eq!(bench.fired().await, ["poke"]);
}

#[tokio::test]
async fn deleted_and_disabled_schedules_do_not_fire() {
    let bench = Bench::new().await;
    let due = at(1);
    bench.call("deleted", &due).send().await.unwrap();
    bench.call("disabled", &due).state(ScheduleState::Disabled).send().await.unwrap();
    bench.client.delete_schedule().name("deleted").send().await.unwrap();
    let arn = bench.sqs.arn("work");
    let witness = Target::builder().arn(arn).role_arn(ROLE).input("witness").build().unwrap();
    bench.call("witness", &due).target(witness).send().await.unwrap();
    assert_eq!(bench.fired().await, ["witness"]);
}

#[tokio::test]
async fn refuses_expressions_other_than_a_time_to_come() {
    let bench = Bench::new().await;
    let exact = at(60);
    let zoned = exact.replace(')', "Z)");
    let fraction = exact.replace(')', ".5)");
    for expression in [&zoned, &fraction, "rate(5 minutes)", "at(tomorrow)", &at(-5)] {
        let call = bench.call("acme.1", expression).send().await;
        assert_eq!(outcome(call), refused("ValidationException"), "{expression}");
    }
    assert_eq!(outcome(bench.call("acme.1", &exact).send().await), Ok(()));
}

#[tokio::test]
async fn refuses_names_that_aws_refuses() {
    let bench = Bench::new().await;
    for name in ["a b", "a:b", "é", &"a".repeat(65)] {
        let call = bench.call(name, &at(60)).send().await;
        assert_eq!(outcome(call), refused("ValidationException"), "{name}");
    }
    assert_eq!(outcome(bench.call(&"a".repeat(64), &at(60)).send().await), Ok(()));
}

#[tokio::test]
async fn requires_a_flexible_time_window_and_a_whole_target() {
    let bench = Bench::new().await;
    let arn = bench.sqs.arn("work");
    let flexible = FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Flexible).build().unwrap();
    let patient = RetryPolicy::builder().maximum_retry_attempts(186).build();
    let retried = Target::builder().arn(&arn).role_arn(ROLE).input("x").retry_policy(patient).build();
    let call = || bench.call("acme.1", &at(60));
    let bad = [
        call().set_flexible_time_window(None),
        call().flexible_time_window(flexible),
        call().set_target(None),
        call().target(target("", ROLE)),
        call().target(target(&arn, "")),
        call().target(target(&arn, "scheduler")),
        call().target(Target::builder().arn(&arn).role_arn(ROLE).build().unwrap()),
        call().target(retried.unwrap()),
        call().schedule_expression_timezone("Europe/London"),
    ];
    for call in bad {
        assert_eq!(outcome(call.clone().send().await), refused("ValidationException"), "{call:?}");
    }
}

#[tokio::test]
async fn names_are_unique_within_a_group_that_exists() {
    let bench = Bench::new().await;
    let create = || bench.call("acme.1", &at(60));
    assert_eq!(outcome(create().send().await), Ok(()));
    assert_eq!(outcome(create().send().await), refused("ConflictException"));
    let elsewhere = || create().group_name("windows");
    assert_eq!(outcome(elsewhere().send().await), refused("ResourceNotFoundException"));
    bench.scheduler.create_group("windows");
    assert_eq!(outcome(elsewhere().send().await), Ok(()));
    assert_eq!(bench.scheduler.created_count(), 2);
}

#[tokio::test]
async fn the_same_call_again_succeeds_without_a_second_schedule() {
    let bench = Bench::new().await;
    let due = at(60);
    let create = || bench.call("acme.1", &due).client_token("token");
    assert_eq!(outcome(create().send().await), Ok(()));
    assert_eq!(outcome(create().send().await), Ok(()));
    assert_eq!(outcome(create().name("acme.2").send().await), refused("ConflictException"));
    assert_eq!(bench.scheduler.created_count(), 1);
}

#[tokio::test]
async fn the_sdk_retry_of_a_cut_response_finds_its_own_schedule() {
    let bench = Bench::new().await;
    bench.scheduler.fault("CreateSchedule", Times::Next(1), FaultKind::CutAfterCommit);
    bench.call("acme.1", &at(60)).send().await.unwrap();
    assert_eq!(bench.scheduler.calls("CreateSchedule"), 2);
    assert_eq!(bench.scheduler.created_count(), 1);
}

#[tokio::test]
async fn the_sdk_retries_faults_that_pass() {
    for kind in [FaultKind::Status500, FaultKind::Throttle, FaultKind::Reset] {
        let bench = Bench::new().await;
        bench.scheduler.fault("CreateSchedule", Times::Next(2), kind);
        bench.call("acme.1", &at(60)).send().await.unwrap();
        assert_eq!(bench.scheduler.calls("CreateSchedule"), 3, "{kind:?}");
        assert_eq!(bench.scheduler.created_count(), 1, "{kind:?}");
    }
}

#[tokio::test]
async fn a_fault_that_stays_reaches_the_caller() {
    let bench = Bench::new().await;
    bench.scheduler.fault("CreateSchedule", Times::Always, FaultKind::Status500);
    let call = bench.call("acme.1", &at(60));
    assert_eq!(outcome(call.clone().send().await), refused("InternalServerException"));
    bench.scheduler.clear_faults();
    assert_eq!(outcome(call.send().await), Ok(()));
}

#[tokio::test]
async fn shows_what_was_asked() {
    let bench = Bench::new().await;
    let due = at(60);
    bench.call("acme.1", &due).description("a window").send().await.unwrap();
    let schedule = bench.client.get_schedule().name("acme.1").group_name("default").send().await.unwrap();
    assert_eq!(schedule.schedule_expression(), Some(due.as_str()));
    assert_eq!(schedule.description(), Some("a window"));
    assert_eq!(schedule.target().and_then(|target| target.input()), Some("poke"));
    assert_eq!(schedule.state(), Some(&ScheduleState::Enabled));
    assert_eq!(schedule.action_after_completion(), Some(&ActionAfterCompletion::None));

    bench.client.delete_schedule().name("acme.1").send().await.unwrap();
    let error = bench.client.get_schedule().name("acme.1").send().await.unwrap_err();
    assert!(error.into_service_error().is_resource_not_found_exception());
    let error = bench.client.delete_schedule().name("acme.1").send().await.unwrap_err();
    assert!(error.into_service_error().is_resource_not_found_exception());
}

#[tokio::test]
async fn lists_by_prefix_in_pages() {
    let bench = Bench::new().await;
    for name in ["acme.1", "acme.2", "acme.3", "other.1"] {
        bench.call(name, &at(60)).send().await.unwrap();
    }
    let pages = bench.client.list_schedules().name_prefix("acme.").max_results(2).into_paginator().items();
    let listed = pages.send().collect::<Result<Vec<_>, _>>().await.unwrap();
    let names: Vec<_> = listed.iter().filter_map(|schedule| schedule.name()).collect();
    assert_eq!(names, ["acme.1", "acme.2", "acme.3"]);
}

//! The mark that work is owed: whatever is lost or comes at a bad moment, the work is done.

use std::time::Duration;

use adapters::clock::now_ms;
use domain::message::Reason;
use domain::pending::Switch;
use local::aws::{Depth, FaultKind as AwsFault, Times};
use local::system::QUEUE;
use standins::workos::Delivery;
use standins::{FaultKind, Matcher, Nth};

use crate::world::{GET_ITEMS, Setup, User, World, fault, multi, single, until};

crate::tests![
    an_event_during_a_run_leads_to_another_run,
    a_message_that_meets_a_running_sync_is_brought_back_by_the_sweep,
    a_mark_without_a_schedule_is_scheduled_by_the_next_event,
    a_mark_without_a_schedule_is_found_by_the_sweep,
    without_the_scheduler_the_queue_delays_the_message,
    what_could_not_be_made_durable_is_sent_again_by_workos,
    a_lost_answer_of_the_scheduler_makes_no_second_schedule,
    #[both]
    a_malformed_message_is_put_aside_at_once_and_stops_nothing,
    a_pause_runs_nothing_and_loses_nothing,
    a_paused_tenant_is_left_alone,
    a_changed_file_asks_for_a_sync,
];

/// The first read of the dataset takes so long that a test can act meanwhile.
fn slow_first_read(world: &World) {
    let read = Matcher::path("/items").method("GET");
    world.orgvue.fault(fault(read, Nth::At(1), FaultKind::Slow(Duration::from_secs(3))));
}

async fn running(world: &World) {
    until("the first run", || world.orgvue.calls().of(GET_ITEMS) == 1).await;
}

async fn an_event_during_a_run_leads_to_another_run() {
    let world = World::start(single("ACME")).await;
    slow_first_read(&world);
    world.add(User::new("ada").in_group("user"));
    world.poke().await;
    running(&world).await;
    world.add(User::new("bob").in_group("user"));
    world.poke().await;
    world.settled().await;

    let runs = world.runs().await;
    let created: Vec<_> = runs.iter().map(|run| (run.generation, run.created())).collect();
    assert_eq!(created, [(1, vec!["ada"]), (2, vec!["bob"])]);
    assert_eq!(world.rows("ACME"), ["ada user", "bob user"]);
    world.end().await;
}

async fn a_message_that_meets_a_running_sync_is_brought_back_by_the_sweep() {
    let world = World::start(single("ACME")).await;
    slow_first_read(&world);
    world.add(User::new("ada").in_group("user"));
    world.ask().await;
    running(&world).await;
    world.add(User::new("bob").in_group("user"));
    world.ask().await;
    until("the acknowledgement", || world.system().sqs.depth(QUEUE) == Depth { in_flight: 1, ..Depth::default() }).await;
    assert_eq!(world.runs().await.len(), 0, "the first run is still under way");
    world.settled().await;

    let reasons: Vec<Reason> = world.runs().await.iter().map(|run| run.reason).collect();
    assert_eq!(reasons, [Reason::OnDemand, Reason::Owed]);
    assert_eq!(world.rows("ACME"), ["ada user", "bob user"]);
    world.end().await;
}

/// What a webhook leaves behind that dies between its mark and its schedule.
async fn mark_alone(world: &World, window_ms: i64) {
    let due_ms = (now_ms() / 1_000) * 1_000 + window_ms;
    world.store().mark(&world.customers[0].directory_id(), due_ms).await.unwrap();
}

async fn a_mark_without_a_schedule_is_scheduled_by_the_next_event() {
    let world = World::start(single("ACME")).await;
    world.add(User::new("ada").in_group("user"));
    mark_alone(&world, 4_000).await;
    world.poke().await;
    assert_eq!(world.system().scheduler.created_count(), 1);
    world.settled().await;

    let runs = world.runs().await;
    assert_eq!((runs.len(), runs[0].reason, runs[0].generation), (1, Reason::Webhook, 2));
    world.end().await;
}

async fn a_mark_without_a_schedule_is_found_by_the_sweep() {
    let world = World::start(single("ACME")).await;
    world.add(User::new("ada").in_group("user"));
    mark_alone(&world, 2_000).await;
    world.settled().await;

    assert_eq!((world.system().scheduler.created_count(), world.last_run().await.reason), (0, Reason::Owed));
    assert_eq!(world.rows("ACME"), ["ada user"]);
    world.end().await;
}

async fn without_the_scheduler_the_queue_delays_the_message() {
    let world = World::start(Setup { window_ms: 6_000, ..Setup::from(single("ACME")) }).await;
    world.add(User::new("ada").in_group("user"));
    world.system().scheduler.fault("CreateSchedule", Times::Always, AwsFault::Status500);
    world.poke().await;
    assert_eq!(world.system().sqs.depth(QUEUE), Depth { delayed: 1, ..Depth::default() });
    world.poke().await;
    assert_eq!(world.system().sqs.depth(QUEUE), Depth { delayed: 1, ..Depth::default() }, "one message for one window");
    world.settled().await;

    let runs = world.runs().await;
    assert_eq!((runs.len(), runs[0].reason), (1, Reason::Webhook));
    assert_eq!(world.rows("ACME"), ["ada user"]);
    world.end().await;
}

async fn what_could_not_be_made_durable_is_sent_again_by_workos() {
    let world = World::start(single("ACME")).await;
    world.add(User::new("ada").in_group("user"));
    let event = world.workos.sample_event(&world.directory());
    let deliver = async || {
        let delivery = Delivery { timeout: Duration::from_secs(20), ..Delivery::default() };
        world.workos.deliver(&world.system().webhook_url, &event, delivery).await.unwrap()
    };
    world.system().scheduler.fault("CreateSchedule", Times::Always, AwsFault::Throttle);
    world.system().sqs.fault("SendMessage", Times::Always, AwsFault::Reset);
    assert_eq!(deliver().await, 503);
    world.system().scheduler.clear_faults();
    world.system().sqs.clear_faults();
    assert_eq!(deliver().await, 200);
    world.settled().await;

    assert_eq!(world.rows("ACME"), ["ada user"]);
    world.end().await;
}

async fn a_lost_answer_of_the_scheduler_makes_no_second_schedule() {
    let world = World::start(Setup { window_ms: 3_000, ..Setup::from(single("ACME")) }).await;
    world.add(User::new("ada").in_group("user"));
    world.system().scheduler.fault("CreateSchedule", Times::Next(1), AwsFault::CutAfterCommit);
    world.poke().await;
    world.settled().await;

    assert_eq!((world.system().scheduler.created_count(), world.runs().await.len()), (1, 1));
    world.end().await;
}

async fn a_malformed_message_is_put_aside_at_once_and_stops_nothing() {
    let world = World::start(single("ACME")).await;
    world.add(User::new("ada").in_group("user"));
    let strangers = ["no message", r#"{"v":2,"directory":"directory_01ACME","generation":1,"reason":"webhook"}"#];
    for stranger in strangers {
        world.home().send(stranger).await;
    }
    world.asked().await;

    assert_eq!(world.rows("ACME"), ["ada user"]);
    world.end_with_dead_letters(&strangers).await;
}

async fn a_pause_runs_nothing_and_loses_nothing() {
    let world = World::start(single("ACME")).await;
    world.add(User::new("ada").in_group("user"));
    world.asked().await;
    world.apply(&single("ACME").mode("paused")).await;
    world.add(User::new("bob").in_group("user"));
    let calls = (world.workos.calls().total(), world.orgvue.calls().total());
    world.poke().await;
    world.settled().await;

    assert_eq!(world.system().scheduler.created_count(), 1, "the window ended");
    assert_eq!((world.workos.calls().total(), world.orgvue.calls().total()), calls);
    let pending = world.pending().await;
    assert!(pending.is_owed() && pending.switch == Switch::Paused, "{pending:?}");
    assert_eq!((world.runs().await.len(), world.rows("ACME")), (1, vec!["ada user".to_owned()]));

    world.apply(&single("ACME")).await;
    world.settled().await;
    assert_eq!(world.rows("ACME"), ["ada user", "bob user"], "without a further event");
    world.end().await;
}

async fn a_paused_tenant_is_left_alone() {
    let paused = multi(&["ACME", "BETA"]).tenant_line("BETA", r#"mode = "paused""#);
    let world = World::start(paused).await;
    world.add(User::new("ada").in_group("ACME_user").in_group("BETA_user"));
    world.synced().await;
    assert_eq!((world.rows("ACME").len(), world.rows("BETA").len()), (1, 0));

    world.apply(&multi(&["ACME", "BETA"])).await;
    world.settled().await;
    assert_eq!(world.rows("BETA"), ["ada user"]);
    world.end().await;
}

async fn a_changed_file_asks_for_a_sync() {
    let world = World::start(single("ACME").mode("simulate")).await;
    world.add(User::new("ada").in_group("user"));
    world.synced().await;
    assert_eq!(world.rows("ACME"), [""; 0]);

    world.apply(&single("ACME")).await;
    world.settled().await;
    assert_eq!((world.rows("ACME"), world.last_run().await.reason), (vec!["ada user".to_owned()], Reason::Applied));
    world.apply(&single("ACME")).await;
    world.settled().await;
    assert_eq!(world.runs().await.len(), 2, "the same file again asks for nothing");
    world.end().await;
}

//! The system dies, or an answer is lost: what was begun is finished, once.

use std::time::Duration;

use adapters::clock::now_ms;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::message::Reason;
use domain::run::Status;
use local::play;
use standins::{FaultKind, Matcher, Nth};

use crate::world::{GET_ITEMS, Setup, User, World, fault, single, until};

crate::tests![
    a_killed_run_is_finished_without_a_new_event,
    a_run_is_told_when_it_has_ended_or_was_cut_short,
    a_run_that_is_killed_between_its_writes_is_finished_without_a_new_event,
    a_window_outlives_the_system,
    a_write_whose_answer_is_lost_makes_no_second_account,
    a_write_that_fails_without_effect_is_sent_again,
    what_is_overwritten_is_saved_before,
    a_run_that_lost_its_lease_writes_nothing_more,
];

async fn on_disk(window_ms: i64) -> World {
    World::start(Setup { on_disk: true, window_ms, ..Setup::from(single("ACME")) }).await
}

fn writes() -> Matcher {
    Matcher::path("/items").method("PUT")
}

async fn a_killed_run_is_finished_without_a_new_event() {
    let mut world = on_disk(1_000).await;
    world.add(User::new("ada").in_group("user"));
    world.orgvue.fault(fault(writes(), Nth::At(1), FaultKind::Slow(Duration::from_secs(3))));
    world.poke().await;
    until("the write", || world.puts() == 1).await;
    world.kill().await;
    world.restart().await;
    world.settled().await;

    let runs = world.runs().await;
    assert_eq!((runs.len(), runs[0].reason), (1, Reason::Owed));
    let killed = world.interrupted_runs().await.remove(0);
    assert_eq!((killed.status, killed.reason), (Status::Superseded, Reason::Webhook), "it says that it began to write");
    assert_eq!(world.rows("ACME"), ["ada user"]);
    world.end().await;
}

async fn a_run_is_told_when_it_has_ended_or_was_cut_short() {
    let mut world = on_disk(1_000).await;
    let told = async |world: &World| {
        let runs = play::runs_since(world.store(), &world.id(), 0).await.unwrap();
        runs.into_iter().map(|run| run.status).collect::<Vec<_>>()
    };
    world.add(User::new("ada").in_group("user"));
    world.orgvue.fault(fault(writes(), Nth::At(1), FaultKind::Slow(Duration::from_secs(3))));
    world.poke().await;
    until("the write", || world.puts() == 1).await;
    assert_eq!(told(&world).await, [], "it is at work");
    world.kill().await;
    world.restart().await;
    world.settled().await;
    assert_eq!(told(&world).await, [Status::Superseded, Status::Applied]);
}

async fn a_run_that_is_killed_between_its_writes_is_finished_without_a_new_event() {
    let mut world = on_disk(1_000).await;
    world.add(User::new("old").in_group("user"));
    world.add(User::new("ada").in_group("user"));
    world.asked().await;
    world.leaves("old");
    world.add(User::new("new").in_group("user"));
    world.orgvue.fault(fault(writes(), Nth::At(2), FaultKind::Slow(Duration::from_secs(3))));
    world.poke().await;
    until("the removals", || world.puts() == 3).await;
    world.kill().await;
    assert_eq!(world.rows("ACME"), ["ada user", "new user", "old user"]);
    world.restart().await;
    world.settled().await;

    assert_eq!(world.rows("ACME"), ["ada user", "new user"]);
    world.end().await;
}

async fn a_window_outlives_the_system() {
    let mut world = on_disk(4_000).await;
    world.add(User::new("ada").in_group("user"));
    world.poke().await;
    world.kill().await;
    assert_eq!(world.orgvue.calls().total(), 0);
    world.restart().await;
    assert_eq!(world.system().scheduler.schedules(), [], "what was scheduled is lost");
    world.settled().await;

    assert_eq!(world.rows("ACME"), ["ada user"]);
    world.end().await;
}

async fn a_write_whose_answer_is_lost_makes_no_second_account() {
    let world = World::start(single("ACME")).await;
    world.add(User::new("old").in_group("user"));
    world.add(User::new("ada").in_group("user"));
    world.asked().await;
    world.leaves("old");
    world.add(User::new("bob").in_group("user"));
    world.orgvue.fault(fault(writes(), Nth::First(2), FaultKind::CutAfterCommit));
    let run = world.synced().await;

    assert_eq!((run.status, run.created(), run.removed()), (Status::Applied, vec!["bob"], vec!["old"]));
    assert_eq!(world.rows("ACME"), ["ada user", "bob user"]);
    assert_eq!((world.puts(), world.orgvue.calls().of(GET_ITEMS)), (3, 1 + 2 + 2), "looked at again, not written again");
    world.end().await;
}

async fn a_write_that_fails_without_effect_is_sent_again() {
    let world = World::start(single("ACME")).await;
    world.add(User::new("ada").in_group("user"));
    world.orgvue.fault(fault(writes(), Nth::At(1), FaultKind::Html(502)));
    let run = world.synced().await;

    assert_eq!((run.status, world.rows("ACME")), (Status::Applied, vec!["ada user".to_owned()]));
    world.end().await;
}

async fn what_is_overwritten_is_saved_before() {
    let world = World::start(single("ACME")).await;
    world.account("ACME", "ada", "user,Retail");
    world.orgvue.edit("ACME", "ada@acme.com", |row| row["Cost centre"] = "4711".into());
    world.add(User::new("ada").in_group("admin"));
    let before = world.orgvue.rows("ACME").remove(0);
    let run = world.synced().await;

    let saved = world.store().saved_before(&run.id, &run.tenants[0].tenant).await.unwrap();
    let saved: Vec<_> =
        saved.rows.iter().map(|row| ["_id", "Login", "Role", "Enabled", "Cost centre"].map(|key| row.properties()[key].clone())).collect();
    assert_eq!(saved, [["_id", "Login", "Role", "Enabled", "Cost centre"].map(|key| before[key].clone())]);
    world.end().await;
}

async fn a_run_that_lost_its_lease_writes_nothing_more() {
    let world = World::in_step(2).await;
    world.leaves("p00");
    world.add(User::new("ada").in_group("user"));
    let (puts, state) = (world.puts(), world.state("ACME").await);
    let read = Matcher::path("/items").method("GET");
    world.orgvue.fault(fault(read, Nth::At(1), FaultKind::Slow(Duration::from_millis(3_500))));
    world.poke().await;
    until("the run", || world.orgvue.calls().of(GET_ITEMS) == 2).await;
    let until_ms = now_ms() + 4_000;
    world.set_pending("lease_run", AttributeValue::S("another".to_owned())).await;
    world.set_pending("lease_until_ms", AttributeValue::N(until_ms.to_string())).await;
    let run = world.run_where("superseded", |run| run.status == Status::Superseded).await;
    assert_eq!((run.tenant("ACME").code.as_deref(), run.created(), world.puts()), (Some("superseded"), vec![], puts));
    assert_eq!(world.state("ACME").await, state, "the other run may be at work on it");

    // The other run is never heard of again, so that its lease ends and the work is owed.
    world.settled().await;
    assert_eq!((world.last_run().await.reason, world.rows("ACME")), (Reason::Owed, vec!["ada user".to_owned(), "p01 user".to_owned()]));
    world.end().await;
}

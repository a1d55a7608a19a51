//! A directory that no longer speaks for its customer removes nobody.

use std::time::Duration;

use domain::pending::Switch;
use domain::run::Status;
use futures::future::join_all;
use standins::workos::{Delivery, Model, UnknownFilter};
use standins::{FaultKind, Matcher, Nth};

use crate::world::{User, World, fault, single};

crate::tests![
    #[both]
    a_directory_that_is_unlinked_suspends_the_integration,
    a_directory_that_is_being_deleted_suspends_the_integration,
    a_directory_that_goes_while_it_is_read_suspends_the_integration,
    a_directory_that_stays_deleted_suspends_the_integration_in_the_end,
    a_directory_that_is_not_found_for_a_while_is_asked_for_again,
    a_directory_that_is_not_found_once_behind_an_outage_is_asked_for_again,
    a_directory_that_is_not_settled_is_read_later,
];

/// Two accounts in step with the directory.
async fn world() -> World {
    let world = World::start(single("ACME")).await;
    world.add(User::new("ada").in_group("user"));
    world.add(User::new("bob").in_group("user"));
    world.asked().await;
    world
}

async fn assert_suspended_with_all_accounts(world: World) {
    world.settled().await;
    let run = world.last_run().await;
    assert_eq!((run.status, world.pending().await.switch), (Status::Refused, Switch::Suspended));
    assert!(run.error.as_ref().is_some_and(|error| error.contains("no longer speaks")), "{run:?}");
    assert_eq!(world.rows("ACME"), ["ada user", "bob user"]);
    assert_eq!(world.puts(), 1, "those of the first run");
    world.end().await;
}

async fn a_directory_that_is_unlinked_suspends_the_integration() {
    suspended_by("unlinked").await;
}

async fn a_directory_that_is_being_deleted_suspends_the_integration() {
    suspended_by("deleting").await;
}

async fn suspended_by(state: &str) {
    let world = world().await;
    world.workos.switches(|switches| switches.unlinked_keeps_rows = false);
    world.workos.set_directory_state(&world.directory(), state);
    world.poke().await;
    assert_suspended_with_all_accounts(world).await;
}

async fn a_directory_that_goes_while_it_is_read_suspends_the_integration() {
    type Go = fn(&mut Model);
    let ways: [(&str, Go); 2] = [
        ("directory=", |model| model.set_directory_state("directory_01ACME", "unlinked")),
        ("group=", |model| model.set_directory_state("directory_01ACME", "deleting")),
    ];
    let stories = ways.map(async |(during, go): (&str, Go)| {
        let world = world().await;
        world.workos.switches(|switches| switches.unlinked_keeps_rows = false);
        world.workos.before_call(Matcher::path("/directory_users").query(during), 1, go);
        world.ask().await;
        assert_suspended_with_all_accounts(world).await;
    });
    join_all(stories).await;
}

async fn a_directory_that_stays_deleted_suspends_the_integration_in_the_end() {
    let stories = [UnknownFilter::Empty, UnknownFilter::NotFound].map(async |unknown| {
        let world = world().await;
        world.workos.switches(|switches| switches.unknown_filter = unknown);
        let read = Matcher::path("/directory_users").query("directory=");
        world.workos.before_call(read, 1, |model| model.delete_directory("directory_01ACME"));
        world.ask().await;
        world.run_where("refused", |run| run.status == Status::Refused).await;
        assert_eq!((world.rows("ACME").len(), world.pending().await.switch), (2, Switch::Live));

        let event = world.workos.emitted().pop().unwrap();
        assert_eq!(event["event"], "dsync.deleted");
        assert_eq!(world.workos.deliver(&world.system().webhook_url, &event, Delivery::persistent()).await.unwrap(), 200);
        world.settled().await;
        assert_eq!((world.last_run().await.status, world.pending().await.switch), (Status::Refused, Switch::Suspended));
        assert_eq!((world.rows("ACME").len(), world.puts()), (2, 1));
        world.end().await;
    });
    join_all(stories).await;
}

async fn a_directory_that_is_not_found_for_a_while_is_asked_for_again() {
    let world = world().await;
    // So does an API key of another environment look.
    world.workos.fault(fault(Matcher::any(), Nth::From(1), FaultKind::Status(404)));
    world.leaves("bob");
    world.poke().await;
    world.run_where("refused", |run| run.status == Status::Refused).await;
    assert_eq!(world.rows("ACME"), ["ada user", "bob user"]);

    world.workos.clear_faults();
    world.settled().await;
    assert_eq!(world.rows("ACME"), ["ada user"], "without a further event");
    world.end().await;
}

async fn a_directory_that_is_not_found_once_behind_an_outage_is_asked_for_again() {
    let world = world().await;
    let outage = FaultKind::TooMany { retry_after: Some("3600".to_owned()) };
    world.workos.fault(fault(Matcher::any(), Nth::From(1), outage));
    world.leaves("bob");
    world.poke().await;
    while world.pending().await.backoff.attempts < 2 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    world.workos.clear_faults();
    world.workos.fault(fault(Matcher::any(), Nth::At(1), FaultKind::Status(404)));
    world.settled().await;

    let codes: Vec<_> = world.runs().await.iter().rev().take(3).map(|run| run.code.clone().unwrap_or_default()).collect();
    assert_eq!(codes, ["", "directory_not_found", "workos_unavailable"]);
    assert_eq!((world.pending().await.switch, world.rows("ACME")), (Switch::Live, vec!["ada user".to_owned()]));
    world.end().await;
}

async fn a_directory_that_is_not_settled_is_read_later() {
    let stories = ["validating", "invalid_credentials", "a state of next year"].map(async |state| {
        let world = world().await;
        world.workos.switches(|switches| switches.unlinked_keeps_rows = false);
        world.workos.set_directory_state(&world.directory(), state);
        world.poke().await;
        world.run_where("failed", |run| run.status == Status::Failed).await;
        assert_eq!((world.rows("ACME").len(), world.puts()), (2, 1));

        world.add(User::new("cy").in_group("user"));
        world.workos.set_directory_state(&world.directory(), "linked");
        world.settled().await;
        assert_eq!(world.rows("ACME"), ["ada user", "bob user", "cy user"], "without a further event");
        world.end().await;
    });
    join_all(stories).await;
}

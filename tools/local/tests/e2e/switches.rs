//! What a person stops stays stopped, stops within a heartbeat, and loses nothing.

use std::time::Duration;

use domain::pending::Switch;
use domain::run::Status;
use standins::{FaultKind, Matcher, Nth};
use sync::OperateError;

use crate::world::{Customer, GET_ITEMS, PUT_ITEMS, Setup, User, World, fault, single, until};

crate::tests![
    a_pause_stops_a_run_before_its_next_write,
    a_pause_of_everything_stops_every_customer,
    #[both]
    a_pause_by_hand_outlives_a_new_file,
    a_pause_in_the_file_ends_with_the_file_alone,
    a_customer_that_is_paused_alone_stays_so_when_everything_resumes,
];

/// Customers whose `old` has left and whose `new` has come, with an Orgvue that takes longer for the additions than a heartbeat; they are
/// at work on these.
async fn at_work_on_slow_additions(customers: Vec<Customer>) -> World {
    let world = World::start(Setup { customers, ..Setup::default() }).await;
    for customer in &world.customers {
        world.add_to(customer, User::new("ada").in_group("user"));
        world.add_to(customer, User::new("old").in_group("user"));
        world.ask_of(customer).await;
    }
    world.settled().await;
    let n_customers: u32 = world.customers.len().try_into().unwrap();
    // The customers do not come to their additions at the same time.
    let slow = FaultKind::Slow(Duration::from_millis(2_500) * n_customers);
    world.orgvue.fault(fault(Matcher::path("/items").method("PUT"), Nth::First(n_customers), slow));
    for customer in &world.customers {
        world.workos.remove_user(&customer.directory(), "old");
        world.add_to(customer, User::new("new").in_group("user"));
        world.poke_of(customer).await;
    }
    until("the additions", || world.orgvue.calls().of(PUT_ITEMS) == 2 * u64::from(n_customers)).await;
    world
}

async fn a_pause_stops_a_run_before_its_next_write() {
    let world = at_work_on_slow_additions(vec![single("ACME")]).await;
    assert_eq!(world.operator().pause(&world.id()).await.unwrap(), Switch::Paused);
    let run = world.run_where("paused", |run| run.code.as_deref() == Some("paused")).await;

    assert_eq!((run.status, run.created(), run.removed()), (Status::Superseded, vec!["new"], vec![]), "what it had done is told");
    assert_eq!((world.rows("ACME").len(), world.puts()), (3, 2));
    until_free(&world).await;
    let pending = world.pending().await;
    assert_eq!((pending.switch, pending.is_owed(), pending.retry_at_ms), (Switch::Paused, true, None));

    let calls = (world.workos.calls().total(), world.orgvue.calls().total());
    world.poke().await;
    world.drained().await;
    assert_eq!((world.workos.calls().total(), world.orgvue.calls().total()), calls, "events are taken and lead to no run");

    world.operator().resume(&world.id(), async |_| panic!("it is not suspended")).await.unwrap();
    world.settled().await;
    assert_eq!((world.last_run().await.removed(), world.rows("ACME").len()), (vec!["old"], 2));
    world.end().await;
}

/// Waits until the run that was stopped has given its lease back.
async fn until_free(world: &World) {
    while world.pending().await.lease.is_some() {
        tokio::task::yield_now().await;
    }
}

async fn a_pause_of_everything_stops_every_customer() {
    let customers = vec![single("ACME"), single("BETA")];
    let world = at_work_on_slow_additions(customers.clone()).await;
    world.operator().pause_all().await.unwrap();
    world.drained().await;
    for customer in &customers {
        let run = world.runs_of(customer).await.pop().unwrap();
        assert_eq!((run.code.as_deref(), run.removed()), (Some("paused"), vec![]), "{}", customer.id);
        world.poke_of(customer).await;
    }
    world.drained().await;
    assert_eq!(world.puts(), 4);

    world.operator().resume_all().await.unwrap();
    world.settled().await;
    for tenant in ["ACME", "BETA"] {
        assert_eq!(world.rows(tenant), ["ada user", "new user"]);
    }
    world.end().await;
}

async fn a_pause_by_hand_outlives_a_new_file() {
    let world = World::in_step(2).await;
    world.operator().pause(&world.id()).await.unwrap();
    world.add(User::new("new").in_group("user"));
    world.apply(&single("ACME").line(r#"domains = ["acme.com"]"#)).await;
    world.poke().await;
    world.drained().await;
    assert_eq!((world.pending().await.switch, world.orgvue.calls().of(GET_ITEMS)), (Switch::Paused, 1));

    world.operator().resume(&world.id(), async |_| Ok(())).await.unwrap();
    world.settled().await;
    assert_eq!(world.rows("ACME").len(), 3);
    world.end().await;
}

async fn a_pause_in_the_file_ends_with_the_file_alone() {
    let world = World::in_step(2).await;
    world.apply(&single("ACME").mode("paused")).await;
    world.add(User::new("new").in_group("user"));
    world.poke().await;
    world.drained().await;
    let refused = world.operator().resume(&world.id(), async |_| Ok(())).await;
    assert!(matches!(refused, Err(OperateError::PausedByFile)), "{refused:?}");
    assert_eq!(world.rows("ACME").len(), 2);

    world.apply(&single("ACME")).await;
    world.settled().await;
    assert_eq!(world.rows("ACME").len(), 3);
    world.end().await;
}

async fn a_customer_that_is_paused_alone_stays_so_when_everything_resumes() {
    let (acme, beta) = (single("ACME"), single("BETA"));
    let world = World::start(Setup { customers: vec![acme.clone(), beta.clone()], ..Setup::default() }).await;
    world.operator().pause(&beta.integration_id()).await.unwrap();
    world.operator().pause_all().await.unwrap();
    for customer in [&acme, &beta] {
        world.add_to(customer, User::new("ada").in_group("user"));
        world.poke_of(customer).await;
    }
    world.drained().await;
    assert_eq!(world.orgvue.calls().total(), 0);

    world.operator().resume_all().await.unwrap();
    world.settled().await;
    assert_eq!((world.rows("ACME").len(), world.rows("BETA").len()), (1, 0));
    assert_eq!(world.orgvue.calls().of(PUT_ITEMS), 1);
    world.end().await;
}

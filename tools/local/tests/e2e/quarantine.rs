//! Whoever fails by their own fault is left alone, and nobody else; an outage of a vendor is nobody's fault and leaves nobody alone.

use std::time::Duration;

use domain::backoff::Backoff;
use domain::pending::Switch;
use domain::run::Status;
use domain::tenant_state::TenantState;
use futures::future::join_all;
use standins::{FaultKind, Matcher, Nth};
use sync::OperateError;

use crate::world::{Customer, Setup, User, World, deadline, email, fault, multi, own_token, people, single, until};

crate::tests![
    #[both]
    a_bad_token_quarantines_its_own_tenant_until_a_person_asks,
    a_bad_token_quarantines_its_own_tenant_until_a_person_resumes,
    a_bad_token_quarantines_its_own_tenant_until_a_file_is_applied,
    whoever_asks_while_a_run_is_at_work_ends_a_quarantine_too,
    whoever_asks_during_an_outage_ends_a_quarantine_too,
    a_directory_that_keeps_failing_is_left_alone_until_a_person_asks,
    an_outage_of_workos_quarantines_nobody,
    an_outage_of_orgvue_quarantines_nobody,
    accounts_that_orgvue_refuses_to_create_stop_no_leaver,
    more_refused_accounts_than_can_be_told_apart_stop_no_leaver,
    an_account_that_orgvue_refuses_to_remove_stops_no_other_leaver,
    a_key_of_another_environment_suspends_nobody,
    a_directory_that_is_gone_while_another_is_found_is_suspended_alone,
    a_directory_that_is_gone_is_suspended_though_others_went_before,
    directories_that_go_together_are_all_suspended,
];

/// A deployment of so many customers that most of them wait while others run.
const CUSTOMERS: usize = 20;
/// No test waits for the end of it.
const LONG: [i64; 3] = [3_600_000; 3];

/// Two tenants, of which `BETA` is quarantined although its token is mended.
async fn beta_in_quarantine(customer: &Customer) -> World {
    let setup = Setup { quarantine_ms: LONG, own_tokens: vec!["ACME", "BETA"], ..Setup::from(customer.clone()) };
    let world = World::start(setup).await;
    world.add(User::new("ada").in_group("ACME_user").in_group("BETA_user"));
    world.orgvue.refuse_token(&own_token("BETA"), "40302");
    world.poke().await;
    world.drained().await;
    let TenantState { backoff, fault, .. } = world.state("BETA").await;
    assert_eq!((backoff.is_quarantined(), fault.unwrap().code.as_str()), (true, "orgvue_40302"), "at once");
    world.orgvue.add_token(&own_token("BETA"), "BETA");
    world
}

async fn a_bad_token_quarantines_its_own_tenant_until_a_person_asks() {
    quarantined_until(async |world, _| world.ask().await).await;
}

async fn a_bad_token_quarantines_its_own_tenant_until_a_person_resumes() {
    let resume = async |world: &World, _| {
        world.operator().resume(&world.id(), async |_| Ok(())).await.unwrap();
    };
    quarantined_until(resume).await;
}

async fn a_bad_token_quarantines_its_own_tenant_until_a_file_is_applied() {
    quarantined_until(async |world, customer| world.apply(&customer.line(r#"domains = ["acme.com"]"#)).await).await;
}

async fn quarantined_until(lift: impl AsyncFn(&World, Customer)) {
    let customer = multi(&["ACME", "BETA"]);
    let world = beta_in_quarantine(&customer).await;
    let calls = calls_about(&world, "/BETA/");
    world.joins("ada", "ACME_Retail");
    world.poke().await;
    until("the change of the other", || world.rows("ACME") == ["ada Retail,user"]).await;
    world.drained().await;
    assert_eq!((calls_about(&world, "/BETA/"), world.rows("BETA").len()), (calls, 0), "an event does not end it");

    lift(&world, customer).await;
    world.settled().await;
    let TenantState { backoff, fault, .. } = world.state("BETA").await;
    assert_eq!((world.rows("BETA"), backoff, fault), (vec!["ada user".to_owned()], Backoff::default(), None));
    world.end().await;
}

async fn whoever_asks_while_a_run_is_at_work_ends_a_quarantine_too() {
    let world = beta_in_quarantine(&multi(&["ACME", "BETA"])).await;
    let slow = FaultKind::Slow(Duration::from_millis(1_500));
    world.orgvue.fault(fault(Matcher::path("/ACME/").method("GET"), Nth::At(1), slow));
    let calls = world.orgvue.calls().total();
    world.poke().await;
    until("the run", || world.orgvue.calls().total() > calls).await;
    world.ask().await;
    wait_until(async || !world.pending().await.is_owed() && world.pending().await.lease.is_none()).await;

    assert_eq!(world.rows("BETA"), ["ada user"], "its message met the run, and the sweep made up for it");
    world.end().await;
}

async fn whoever_asks_during_an_outage_ends_a_quarantine_too() {
    let world = beta_in_quarantine(&multi(&["ACME", "BETA"])).await;
    world.workos.fault(fault(Matcher::any(), Nth::At(1), outage()));
    world.ask().await;
    wait_until(async || !world.pending().await.is_owed() && world.pending().await.lease.is_none()).await;

    assert_eq!(world.rows("BETA"), ["ada user"], "by the retry");
    world.end().await;
}

fn calls_about(world: &World, part: &str) -> usize {
    world.orgvue.calls().lines().iter().filter(|line| line.contains(part)).count()
}

async fn a_directory_that_keeps_failing_is_left_alone_until_a_person_asks() {
    let world = World::start(Setup { quarantine_ms: LONG, ..Setup::from(single("ACME")) }).await;
    world.add(User::new("ada").in_group("user"));
    world.workos.fault(fault(Matcher::path("/directory_users"), Nth::From(1), FaultKind::ForeignDirectoryRow));
    world.poke().await;
    wait_until(async || world.pending().await.backoff.is_quarantined()).await;
    world.drained().await;
    assert_eq!((world.pending().await.backoff.own_faults, world.runs().await.len()), (6, 6), "five short retries");

    let calls = world.workos.calls().total();
    world.workos.clear_faults();
    world.poke().await;
    world.drained().await;
    assert_eq!(world.workos.calls().total(), calls, "an event does not end it");

    world.asked().await;
    assert_eq!((world.rows("ACME").len(), world.pending().await.backoff), (1, Backoff::default()));
    world.end().await;
}

async fn wait_until(holds: impl AsyncFn() -> bool) {
    while !holds().await {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// So many customers, each with a user whose account is still to be made.
async fn customers(n: usize) -> World {
    let customers: Vec<Customer> = (0..n).map(|n| single(&format!("T{n:02}"))).collect();
    let world = World::start(Setup { customers, quarantine_ms: LONG, ..Setup::default() }).await;
    for customer in &world.customers {
        world.add_to(customer, User::new("ada").in_group("user"));
    }
    world
}

async fn poke_all(world: &World) {
    for customer in &world.customers {
        world.poke_of(customer).await;
    }
}

/// What a vendor answers that cannot go on; it asks for so much patience that a run does not wait for it.
fn outage() -> FaultKind {
    FaultKind::TooMany { retry_after: Some("3600".to_owned()) }
}

/// Waits until everybody has failed time and again, for which everybody must have something to do; returns everybody's failures.
async fn failing(world: &World, backoff: impl AsyncFn(&World, &Customer) -> Backoff) -> Vec<Backoff> {
    loop {
        let mut all = Vec::new();
        for customer in &world.customers {
            all.push(backoff(world, customer).await);
        }
        if all.iter().all(|backoff| backoff.attempts > 2) {
            return all;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

async fn assert_all_recover(world: World) {
    world.settled().await;
    for customer in &world.customers {
        assert_eq!(world.rows(&customer.id.to_uppercase()), ["ada user"], "{}", customer.id);
    }
    world.end().await;
}

async fn an_outage_of_workos_quarantines_nobody() {
    let world = customers(CUSTOMERS).await;
    world.workos.fault(fault(Matcher::any(), Nth::From(1), outage()));
    poke_all(&world).await;
    let directory =
        async |world: &World, customer: &Customer| world.store().pending(&[customer.directory_id()]).await.unwrap().remove(0).backoff;
    let backoffs = failing(&world, directory).await;
    assert!(backoffs.iter().all(|backoff| backoff.own_faults == 0), "{backoffs:?}");

    world.workos.clear_faults();
    assert_all_recover(world).await;
}

async fn an_outage_of_orgvue_quarantines_nobody() {
    let world = customers(CUSTOMERS).await;
    world.orgvue.fault(fault(Matcher::any(), Nth::From(1), outage()));
    poke_all(&world).await;
    let tenant = async |world: &World, customer: &Customer| world.state_of(customer, &customer.id.to_uppercase()).await.backoff;
    let backoffs = failing(&world, tenant).await;
    assert!(backoffs.iter().all(|backoff| backoff.own_faults == 0), "{backoffs:?}");

    world.orgvue.clear_faults();
    assert_all_recover(world).await;
}

/// Six people in step in a tenant whose quarantine no test waits for.
async fn six_in_step() -> World {
    let world = World::start(Setup { quarantine_ms: LONG, ..Setup::from(single("ACME")) }).await;
    world.arrive(0..6);
    world.asked().await;
    world
}

async fn accounts_that_orgvue_refuses_to_create_stop_no_leaver() {
    let world = six_in_step().await;
    world.arrive(6..11);
    let reject = |is_rejected| {
        world.orgvue.edit_model(|model| people(6..11).iter().for_each(|name| model.reject_login("ACME", &email(name), is_rejected)));
    };
    reject(true);
    let run = world.asked().await;
    assert_eq!((run.status, run.findings().len()), (Status::Applied, 5));

    world.leaves("p00");
    assert_eq!(world.synced().await.removed(), ["p00"]);
    reject(false);
    assert_eq!(world.asked().await.created().len(), 5);
    world.end().await;
}

async fn more_refused_accounts_than_can_be_told_apart_stop_no_leaver() {
    let world = six_in_step().await;
    let joiners = people(6..150);
    world.orgvue.edit_model(|model| joiners.iter().for_each(|name| model.reject_login("ACME", &email(name), true)));
    world.arrive(6..150);
    world.poke().await;
    world.drained().await;
    let TenantState { backoff, fault, .. } = world.state("ACME").await;
    assert_eq!((backoff.own_faults, fault.unwrap().code.as_str()), (0, "accounts_not_settled"));

    world.leaves("p00");
    world.poke().await;
    until("the removal", || world.rows("ACME").len() == 5).await;
    world.close().await;
}

async fn an_account_that_orgvue_refuses_to_remove_stops_no_other_leaver() {
    let world = six_in_step().await;
    let deny = |is_denied| world.orgvue.edit_model(|model| model.deny_item("ACME", &email("p00"), is_denied));
    deny(true);
    world.leaves("p00");
    world.poke().await;
    wait_until(async || world.state("ACME").await.backoff.attempts > 6).await;

    world.leaves("p01");
    world.poke().await;
    until("the removal of the other", || world.rows("ACME").len() == 5).await;
    deny(false);
    world.settled().await;
    assert_eq!(world.rows("ACME").len(), 4);
    world.end().await;
}

/// Two customers in step.
async fn two_in_step() -> World {
    let world = customers(2).await;
    poke_all(&world).await;
    world.settled().await;
    world
}

async fn a_key_of_another_environment_suspends_nobody() {
    let world = two_in_step().await;
    world.workos.fault(fault(Matcher::any(), Nth::From(1), FaultKind::Status(404)));
    poke_all(&world).await;
    let directory =
        async |world: &World, customer: &Customer| world.store().pending(&[customer.directory_id()]).await.unwrap().remove(0).backoff;
    let backoffs = failing(&world, directory).await;
    assert!(backoffs.iter().all(|backoff| backoff.own_faults == 0), "{backoffs:?}");
    assert_eq!(world.pending().await.switch, Switch::Live);

    world.workos.clear_faults();
    assert_all_recover(world).await;
}

async fn a_directory_that_is_gone_while_another_is_found_is_suspended_alone() {
    let world = two_in_step().await;
    let (gone, other) = (&world.customers[0], &world.customers[1]);
    world.add_to(other, User::new("bob").in_group("user"));
    world.workos.delete_directory(&gone.directory());
    world.ask().await;
    world.poke_of(other).await;
    world.settled().await;
    let run = world.last_run().await;
    assert_eq!(
        (run.status, run.code.as_deref(), world.pending().await.switch),
        (Status::Refused, Some("directory_not_found"), Switch::Suspended)
    );
    assert_eq!((world.rows("T00").len(), world.rows("T01").len()), (1, 2), "nobody is deprovisioned, and the other goes on");

    let check = async |integration: &_| sync::check_directory(world.sync(), integration, deadline()).await;
    let resume = async || world.operator().resume(&world.id(), check).await;
    assert!(matches!(resume().await, Err(OperateError::Directory(_))));
    world.workos.add_directory(&gone.directory());
    world.workos.set_directory_state(&gone.directory(), "unlinked");
    assert!(matches!(resume().await, Err(OperateError::Directory(_))));
    assert_eq!(world.pending().await.switch, Switch::Suspended);

    world.workos.set_directory_state(&gone.directory(), "linked");
    world.add(User::new("ada").in_group("user"));
    resume().await.unwrap();
    world.settled().await;
    assert_eq!((world.last_run().await.status, world.rows("T00")), (Status::Applied, vec!["ada user".to_owned()]));
    world.end().await;
}

async fn a_directory_that_is_gone_is_suspended_though_others_went_before() {
    let stories = [0, 1].map(async |n_staying| {
        let world = customers(4 + n_staying).await;
        poke_all(&world).await;
        world.settled().await;
        for before in &world.customers[..3] {
            world.workos.set_directory_state(&before.directory(), "unlinked");
            world.ask_of(before).await;
        }
        world.settled().await;
        for gone in &world.customers[..4] {
            world.workos.delete_directory(&gone.directory());
        }
        world.ask_of(&world.customers[3]).await;
        world.settled().await;

        assert_eq!(switches(&world).await, [vec![Switch::Suspended; 4], vec![Switch::Live; n_staying]].concat());
        assert_eq!(world.rows("T03"), ["ada user"]);
        world.end().await;
    });
    join_all(stories).await;
}

async fn directories_that_go_together_are_all_suspended() {
    let world = customers(5).await;
    poke_all(&world).await;
    world.settled().await;
    for gone in &world.customers[..4] {
        world.workos.delete_directory(&gone.directory());
        world.ask_of(gone).await;
    }
    world.settled().await;
    assert_eq!(switches(&world).await, [vec![Switch::Suspended; 4], vec![Switch::Live]].concat());
    world.end().await;
}

/// Of every customer.
async fn switches(world: &World) -> Vec<Switch> {
    let directories: Vec<_> = world.customers.iter().map(Customer::directory_id).collect();
    world.store().pending(&directories).await.unwrap().iter().map(|pending| pending.switch).collect()
}

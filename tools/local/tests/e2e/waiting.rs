//! What waits for a person's word waits for it, whatever else changes: what was turned down, and what was over a limit.

use std::ops::Range;
use std::time::Duration;

use adapters::clock::now_ms;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::held::{APPROVAL_MS, Decision, HeldSet, Verdict};
use domain::ids::TenantId;
use domain::login::Login;
use domain::run::Status;
use futures::future::join_all;
use standins::{FaultKind, Matcher, Nth};

use crate::approvals::{over_limit, six_of_twenty_leave};
use crate::world::{Customer, GET_ITEMS, User, World, email, fault, people, single, until};

crate::tests![
    who_was_turned_down_as_an_administrator_stays_though_another_comes_back,
    what_was_turned_down_stays_though_some_of_it_comes_back,
    what_was_turned_down_stays_though_something_else_is_held,
    what_is_turned_down_while_a_run_is_at_work_stays,
    what_was_turned_down_long_ago_is_asked_about_anew,
    what_goes_over_the_limit_waits_though_it_was_first_held_for_another_reason,
    what_was_turned_down_stays_though_it_would_be_done_in_another_way,
    what_was_held_is_not_done_when_nobody_knows_any_more_what_it_was,
    what_was_turned_down_stays_though_a_later_approval_ran_out,
    an_approval_that_is_not_used_up_can_be_taken_back,
    who_is_turned_down_while_a_run_removes_the_others_stays,
    an_approval_of_a_list_that_was_erased_is_used_up,
    what_a_run_held_that_was_stopped_takes_nobodys_place,
    what_is_approved_is_no_longer_marked_as_turned_down,
];

const NO_LIMIT: &str = "[limits]\nremovals_percent = 100";

fn held_for(why: &str, numbers: Range<usize>) -> Vec<String> {
    people(numbers).iter().map(|name| format!("{name} remove {why}")).collect()
}

impl World {
    /// Run after run holds just this, and tells that people said that of it.
    async fn keeps_holding(&self, verdict: Option<Verdict>, held: &[impl AsRef<str>]) {
        let held: Vec<&str> = held.iter().map(AsRef::as_ref).collect();
        for n in 0..3 {
            let run = self.asked().await;
            assert_eq!((run.tenants[0].verdict, run.held()), (verdict, held.iter().map(ToString::to_string).collect()), "run {n}");
        }
    }

    /// What is held of the first customer's only tenant, as it is stored.
    async fn held_set(&self) -> HeldSet {
        let (tenant, head) = (TenantId::parse("ACME").unwrap(), self.state("ACME").await.held.unwrap());
        self.store().held(&self.id(), &tenant, &head.hash).await.unwrap().unwrap()
    }

    /// Puts another file of the first customer in force, and waits for its run.
    async fn under(&self, customer: &Customer) {
        self.apply(customer).await;
        self.settled().await;
    }
}

async fn who_was_turned_down_as_an_administrator_stays_though_another_comes_back() {
    let world = World::in_step(20).await;
    ["p00", "p19"].iter().for_each(|name| world.joins(name, "admin"));
    world.asked().await;
    ["p00", "p19"].iter().for_each(|name| world.leaves(name));
    assert_eq!(world.asked().await.held(), ["p00 remove last_admin", "p19 remove last_admin"]);
    world.decide("ACME", Verdict::Rejected).await.unwrap();

    world.add(User::new("p19").in_group("user").in_group("admin"));
    world.keeps_holding(Some(Verdict::Rejected), &["p00 remove last_admin"]).await;
    assert_eq!(world.approved("ACME").await.removed(), ["p00"]);
    world.end().await;
}

async fn what_was_turned_down_stays_though_some_of_it_comes_back() {
    let world = World::in_step(3).await;
    world.depart(0..3);
    assert_eq!(world.asked().await.held(), held_for("nothing_desired", 0..3));
    world.decide("ACME", Verdict::Rejected).await.unwrap();

    world.arrive(0..1);
    world.keeps_holding(Some(Verdict::Rejected), &held_for("nothing_desired", 1..3)).await;
    world.depart(0..1);
    world.arrive(1..3);
    assert_eq!(world.asked().await.removed(), ["p00"], "who came back in between is judged anew");
    world.end().await;
}

async fn what_was_turned_down_stays_though_something_else_is_held() {
    let world = World::in_step(10).await;
    world.joins("p09", "admin");
    world.asked().await;
    world.add(User::new("p00").no_email());
    assert_eq!(world.asked().await.held(), ["p00 remove unknown_owner"]);
    world.decide("ACME", Verdict::Rejected).await.unwrap();

    ["p00", "p09"].iter().for_each(|name| world.leaves(name));
    world.keeps_holding(None, &["p00 remove unknown_owner", "p09 remove last_admin"]).await;
    let set = world.held_set().await;
    assert_eq!(set.actions().map(|held| held.rejected).collect::<Vec<_>>(), [true, false], "nobody decided about the second");
    world.end().await;
}

async fn what_is_turned_down_while_a_run_is_at_work_stays() {
    let world = World::in_step(20).await;
    ["p00", "p19"].iter().for_each(|name| world.joins(name, "admin"));
    world.asked().await;
    ["p00", "p19"].iter().for_each(|name| world.leaves(name));
    world.asked().await;
    let shown = world.state("ACME").await.held.unwrap().hash;
    world.add(User::new("p19").in_group("user"));
    // As if this run had read the decisions before.
    assert_eq!(world.asked().await.held(), ["p00 remove last_admin", "p19 update last_admin"]);
    let (id, tenant) = (world.id(), world.last_run().await.tenants[0].tenant.clone());
    let rejected = Decision { verdict: Verdict::Rejected, hash: shown, by: "ada".to_owned(), at_ms: now_ms() };
    world.store().decide(&id, &tenant, &rejected, i64::MIN).await.unwrap();

    world.joins("p19", "admin");
    world.keeps_holding(Some(Verdict::Rejected), &["p00 remove last_admin"]).await;
    world.end().await;
}

async fn what_was_turned_down_long_ago_is_asked_about_anew() {
    let world = six_of_twenty_leave().await;
    world.decide("ACME", Verdict::Rejected).await.unwrap();
    world.keeps_holding(Some(Verdict::Rejected), &over_limit(0..6)).await;
    world.arrive(0..6);
    assert!(world.asked().await.held().is_empty());
    world.depart(0..6);
    world.keeps_holding(None, &over_limit(0..6)).await;
    world.end().await;
}

async fn what_goes_over_the_limit_waits_though_it_was_first_held_for_another_reason() {
    let world = World::in_step(20).await;
    world.depart(0..20);
    assert_eq!(world.asked().await.held(), held_for("nothing_desired", 0..20));
    world.add(User::new("new").in_group("user"));
    assert_eq!(world.asked().await.held(), over_limit(0..20));

    world.under(&single("ACME").section(NO_LIMIT)).await;
    world.keeps_holding(None, &over_limit(0..20)).await;
    world.end().await;
}

async fn what_was_turned_down_stays_though_it_would_be_done_in_another_way() {
    let world = six_of_twenty_leave().await;
    world.decide("ACME", Verdict::Rejected).await.unwrap();
    world.under(&single("ACME").line(r#"deprovision = "disable""#).section(NO_LIMIT)).await;
    let disabled: Vec<String> = people(0..6).iter().map(|name| format!("{name} disable over_limit")).collect();
    world.keeps_holding(Some(Verdict::Rejected), &disabled).await;
    assert!(world.rows("ACME").iter().all(|row| !row.ends_with(" off")));
    world.end().await;
}

async fn what_was_held_is_not_done_when_nobody_knows_any_more_what_it_was() {
    let stories = [None, Some(Verdict::Rejected)].map(async |verdict| {
        let world = six_of_twenty_leave().await;
        if let Some(verdict) = verdict {
            world.decide("ACME", verdict).await.unwrap();
        }
        for item in world.items().await {
            if item["pk"] == AttributeValue::S("HELD#acme".to_owned()) {
                world.delete_item(item).await;
            }
        }
        world.under(&single("ACME").section(NO_LIMIT)).await;
        world.keeps_holding(verdict, &held_for("held_set_lost", 0..6)).await;
        assert_eq!(world.approved("ACME").await.removed().len(), 6);
        world.end().await;
    });
    join_all(stories).await;
}

async fn an_approval_that_is_not_used_up_can_be_taken_back() {
    let world = six_of_twenty_leave().await;
    let writes = Matcher::path("/items").method("PUT");
    world.orgvue.fault(fault(writes, Nth::From(1), FaultKind::Status(503)));
    world.decide("ACME", Verdict::Approved).await.unwrap();
    world.run_where("failed", |run| run.status == Status::Failed).await;
    world.drained().await;

    world.decide("ACME", Verdict::Rejected).await.unwrap();
    world.orgvue.clear_faults();
    world.settled().await;
    world.under(&single("ACME").section(NO_LIMIT)).await;
    world.keeps_holding(Some(Verdict::Rejected), &over_limit(0..6)).await;
    assert_eq!(world.rows("ACME").len(), 20);
    world.end().await;
}

async fn what_was_turned_down_stays_though_a_later_approval_ran_out() {
    let world = World::in_step(10).await;
    world.add(User::new("p00").no_email());
    world.asked().await;
    world.decide("ACME", Verdict::Rejected).await.unwrap();
    world.keeps_holding(Some(Verdict::Rejected), &["p00 remove unknown_owner"]).await;
    world.operator().pause(&world.id()).await.unwrap();
    world.decide("ACME", Verdict::Approved).await.unwrap();
    let ago = |ms: i64| AttributeValue::N((now_ms() - ms).to_string());
    world.set_item("APPROVAL#acme", "ACME", "at_ms", ago(APPROVAL_MS)).await;
    world.set_item("TENANTS#acme", "ACME", "decisions_used_ms", ago(2 * APPROVAL_MS)).await;
    world.leaves("p00");
    world.operator().resume(&world.id(), async |_| Ok(())).await.unwrap();
    world.settled().await;
    assert_eq!(world.last_run().await.held(), ["p00 remove unknown_owner"]);
    world.end().await;
}

async fn who_is_turned_down_while_a_run_removes_the_others_stays() {
    let world = six_of_twenty_leave().await;
    world.orgvue.edit_model(|model| model.deny_item("ACME", &email("p00"), true));
    world.orgvue.fault(fault(Matcher::path("/items").method("PUT"), Nth::At(1), FaultKind::Slow(Duration::from_secs(2))));
    let puts = world.puts();
    world.decide("ACME", Verdict::Approved).await.unwrap();
    until("the removals", || world.puts() > puts).await;
    assert!(world.decide("ACME", Verdict::Rejected).await.unwrap().is_at_work, "nobody is told that it stays held");
    until("the removal of the others", || world.rows("ACME").len() == 15).await;
    world.orgvue.edit_model(|model| model.deny_item("ACME", &email("p00"), false));
    world.settled().await;
    world.keeps_holding(Some(Verdict::Rejected), &over_limit(0..1)).await;
    world.end().await;
}

async fn an_approval_of_a_list_that_was_erased_is_used_up() {
    let world = six_of_twenty_leave().await;
    world.operator().pause(&world.id()).await.unwrap();
    world.decide("ACME", Verdict::Approved).await.unwrap();
    world.store().erase_login(&world.id(), &Login::as_found(&email("p05"))).await.unwrap();
    world.operator().resume(&world.id(), async |_| Ok(())).await.unwrap();
    world.settled().await;
    world.keeps_holding(None, &over_limit(0..6)).await;
    world.end().await;
}

async fn what_a_run_held_that_was_stopped_takes_nobodys_place() {
    let world = six_of_twenty_leave().await;
    let hash = world.state("ACME").await.held.unwrap().hash;
    world.depart(6..7);
    let reads = world.orgvue.calls().of(GET_ITEMS);
    world.orgvue.fault(fault(Matcher::path("/items").method("GET"), Nth::At(1), FaultKind::Slow(Duration::from_secs(3))));
    world.ask().await;
    until("the read", || world.orgvue.calls().of(GET_ITEMS) > reads).await;
    world.operator().pause(&world.id()).await.unwrap();
    world.run_where("stopped", |run| run.code.as_deref() == Some("paused")).await;

    let items = world.items().await;
    let held: Vec<_> = items.iter().filter(|item| item["pk"] == AttributeValue::S("HELD#acme".to_owned())).collect();
    assert!(held.iter().all(|item| item["sk"] == AttributeValue::S(format!("ACME#{hash}#0000")) && !item.contains_key("expires_at")));
    world.operator().resume(&world.id(), async |_| Ok(())).await.unwrap();
    world.settled().await;
    assert_eq!(world.last_run().await.held(), over_limit(0..7));
    world.end().await;
}

async fn what_is_approved_is_no_longer_marked_as_turned_down() {
    let world = six_of_twenty_leave().await;
    world.joins("p19", "admin");
    world.asked().await;
    world.decide("ACME", Verdict::Rejected).await.unwrap();
    world.keeps_holding(Some(Verdict::Rejected), &over_limit(0..6)).await;
    world.orgvue.fault(fault(Matcher::path("/items").method("PUT"), Nth::From(1), FaultKind::Status(503)));
    world.leaves("p19");
    world.decide("ACME", Verdict::Approved).await.unwrap();
    world.run_where("failed", |run| run.status == Status::Failed).await;
    world.drained().await;
    let set = world.held_set().await;
    assert_eq!((set.len(), set.actions().any(|held| held.rejected)), (7, false));

    world.orgvue.clear_faults();
    world.settled().await;
    world.keeps_holding(None, &["p19 remove last_admin"]).await;
    assert_eq!(world.rows("ACME").len(), 14);
    world.end().await;
}

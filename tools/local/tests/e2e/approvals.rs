//! What waits for a person, and what a person's word lets through: that and no more, for a while and once.

use std::ops::Range;
use std::time::Duration;

use adapters::clock::now_ms;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::held::{APPROVAL_MS, HeldHead, Verdict};
use domain::message::Reason;
use domain::run::Status;
use futures::future::join_all;
use standins::{FaultKind, Matcher, Nth};
use sync::{OperateError, Operator};

use crate::world::{Run, Setup, User, World, email, fault, group, multi, people, single, until};

crate::tests![
    #[both]
    what_is_approved_is_done_and_nothing_else,
    an_approval_covers_what_is_still_due_of_it,
    #[both]
    an_approval_of_one_tenant_is_none_of_another,
    an_approval_that_is_too_old_lets_nothing_through,
    what_is_rejected_stays_held_until_it_changes,
    what_was_over_the_limit_waits_for_a_decision_though_the_limit_moves,
    a_rejection_ends_with_what_it_was_about,
    the_newest_word_counts,
    of_two_who_approve_at_once_one_did,
    an_approval_is_used_up,
    an_approval_is_used_up_though_orgvue_refuses_a_part,
    what_is_held_waits_on_behind_a_simulation,
    of_those_who_wait_for_a_decision_a_few_are_asked_about,
    an_approval_outlasts_the_faults_of_a_tenant,
    an_approval_outlasts_a_crash,
    a_hash_that_is_not_held_is_no_approval,
    the_last_admin_goes_when_that_is_approved_as_such,
    an_approval_for_another_reason_does_not_take_the_last_admin,
    nobody_decides_about_a_tenant_that_runs_leave_alone,
    what_stays_held_is_stored_once,
];

/// 20 people in step, of whom the first six leave: one more than the limit.
pub(crate) async fn six_of_twenty_leave() -> World {
    let world = World::in_step(20).await;
    world.depart(0..6);
    let run = world.asked().await;
    assert_eq!((run.status, run.held()), (Status::PartlyHeld, over_limit(0..6)));
    world
}

pub(crate) fn over_limit(numbers: Range<usize>) -> Vec<String> {
    people(numbers).iter().map(|name| format!("{name} remove over_limit")).collect()
}

fn held_hash(run: &Run) -> String {
    run.tenants[0].held_hash.as_ref().unwrap().to_string()
}

async fn what_is_approved_is_done_and_nothing_else() {
    let world = six_of_twenty_leave().await;
    let run = world.approved("ACME").await;

    assert_eq!(
        (run.reason, run.status, run.removed()),
        (Reason::Approved, Status::Applied, vec!["p00", "p01", "p02", "p03", "p04", "p05"])
    );
    assert_eq!((run.held().len(), world.rows("ACME").len(), world.state("ACME").await.held), (0, 14, None));
    world.end().await;
}

async fn an_approval_covers_what_is_still_due_of_it() {
    let world = six_of_twenty_leave().await;
    let first = held_hash(&world.last_run().await);
    world.arrive(0..1);
    world.depart(10..16);
    let run = world.approved("ACME").await;

    assert_eq!((run.status, run.removed()), (Status::PartlyHeld, vec!["p01", "p02", "p03", "p04", "p05"]));
    assert_eq!((run.held(), held_hash(&run) == first), (over_limit(10..16), false), "what has come meanwhile is another question");
    assert_eq!(world.asked().await.held(), over_limit(10..16));
    world.end().await;
}

async fn an_approval_of_one_tenant_is_none_of_another() {
    let world = World::start(multi(&["ACME", "BETA"])).await;
    people(0..12).iter().for_each(|name| world.add(User::new(name).in_group("ACME_user").in_group("BETA_user")));
    world.asked().await;
    world.depart(0..6);
    world.asked().await;
    let run = world.approved("BETA").await;

    assert_eq!((run.tenant("ACME").held.len(), run.tenant("BETA").removed.len()), (6, 6));
    assert_eq!((world.rows("ACME").len(), world.rows("BETA").len()), (12, 6));
    world.end().await;
}

async fn an_approval_that_is_too_old_lets_nothing_through() {
    let world = six_of_twenty_leave().await;
    world.operator().pause(&world.id()).await.unwrap();
    world.decide("ACME", Verdict::Approved).await.unwrap();
    let at_ms = (now_ms() - APPROVAL_MS).to_string();
    world.set_item("APPROVAL#acme", "ACME", "at_ms", AttributeValue::N(at_ms)).await;
    world.operator().resume(&world.id(), async |_| Ok(())).await.unwrap();
    world.settled().await;
    assert_eq!((world.last_run().await.held(), world.rows("ACME").len()), (over_limit(0..6), 20));

    let again = world.decide("ACME", Verdict::Approved).await.unwrap();
    world.settled().await;
    assert_eq!((again.already, world.rows("ACME").len()), (None, 14));
    world.end().await;
}

async fn what_is_rejected_stays_held_until_it_changes() {
    let world = six_of_twenty_leave().await;
    let decided = world.decide("ACME", Verdict::Rejected).await.unwrap();
    assert_eq!(decided.generation, None, "there is nothing to run for");
    for _ in 0..2 {
        let run = world.asked().await;
        assert_eq!((run.tenants[0].verdict, run.held()), (Some(Verdict::Rejected), over_limit(0..6)));
    }

    world.depart(6..7);
    let run = world.asked().await;
    assert_eq!((run.tenants[0].verdict, run.held()), (None, over_limit(0..7)), "it is asked anew");
    world.end().await;
}

async fn what_was_over_the_limit_waits_for_a_decision_though_the_limit_moves() {
    let stories = [None, Some(Verdict::Rejected)].map(async |verdict| {
        let world = World::in_step(29).await;
        world.depart(0..6);
        assert_eq!(world.asked().await.held(), over_limit(0..6));
        if let Some(verdict) = verdict {
            world.decide("ACME", verdict).await.unwrap();
        }
        // Of 30 accounts, six may go.
        world.add(User::new("new").in_group("user"));
        for _ in 0..2 {
            let run = world.asked().await;
            assert_eq!((run.tenants[0].verdict, run.held(), world.rows("ACME").len()), (verdict, over_limit(0..6), 30));
        }

        assert_eq!(world.approved("ACME").await.removed().len(), 6, "{verdict:?}");
        world.end().await;
    });
    join_all(stories).await;
}

async fn a_rejection_ends_with_what_it_was_about() {
    let world = six_of_twenty_leave().await;
    world.decide("ACME", Verdict::Rejected).await.unwrap();
    world.arrive(0..6);
    assert_eq!(world.asked().await.held().len(), 0);
    world.depart(0..1);
    assert_eq!(world.asked().await.removed(), ["p00"]);
    world.end().await;
}

async fn the_newest_word_counts() {
    let world = six_of_twenty_leave().await;
    world.operator().pause(&world.id()).await.unwrap();
    world.decide("ACME", Verdict::Approved).await.unwrap();
    world.decide("ACME", Verdict::Rejected).await.unwrap();
    world.operator().resume(&world.id(), async |_| Ok(())).await.unwrap();
    world.settled().await;
    let run = world.last_run().await;
    assert_eq!((run.tenants[0].verdict, run.removed(), world.rows("ACME").len()), (Some(Verdict::Rejected), vec![], 20));

    assert_eq!(world.approved("ACME").await.removed().len(), 6, "whoever said no may say yes");
    world.end().await;
}

async fn of_two_who_approve_at_once_one_did() {
    let world = six_of_twenty_leave().await;
    let (id, hash) = (world.id(), held_hash(&world.last_run().await));
    let (one, other) = (Operator { by: "one", ..world.operator() }, Operator { by: "other", ..world.operator() });
    let approve = async |operator: &Operator<'_>| operator.decide(&id, None, &hash, Verdict::Approved).await.unwrap();
    let (first, second) = tokio::join!(approve(&one), approve(&other));

    let already: Vec<_> = [first, second].into_iter().filter_map(|decided| decided.already).collect();
    assert_eq!(already.len(), 1, "{already:?}");
    world.settled().await;
    assert_eq!(world.rows("ACME").len(), 14);
    world.end().await;
}

async fn an_approval_is_used_up() {
    let world = six_of_twenty_leave().await;
    let first = held_hash(&world.last_run().await);
    world.approved("ACME").await;
    world.arrive(0..6);
    assert_eq!(world.asked().await.created().len(), 6);
    world.depart(0..6);
    let run = world.asked().await;
    assert_eq!((run.held(), held_hash(&run)), (over_limit(0..6), first), "the very same question, and no answer to it yet");

    assert_eq!(world.approved("ACME").await.removed().len(), 6);
    world.end().await;
}

async fn an_approval_is_used_up_though_orgvue_refuses_a_part() {
    let world = six_of_twenty_leave().await;
    world.orgvue.edit_model(|model| model.deny_item("ACME", &email("p00"), true));
    world.decide("ACME", Verdict::Approved).await.unwrap();
    until("the removal of the others", || world.rows("ACME").len() == 15).await;
    world.arrive(1..6);
    world.poke().await;
    until("the return", || world.rows("ACME").len() == 20).await;
    world.depart(1..6);
    world.asked().await;
    assert_eq!((world.state("ACME").await.held.map(|head| head.n_actions), world.rows("ACME").len()), (Some(6), 20));
    world.end().await;
}

async fn what_is_held_waits_on_behind_a_simulation() {
    let world = six_of_twenty_leave().await;
    world.decide("ACME", Verdict::Rejected).await.unwrap();
    let higher = single("ACME").section("[limits]\nremovals_percent = 100");
    world.apply(&higher.clone().mode("simulate")).await;
    world.settled().await;
    let run = world.last_run().await;
    assert_eq!((run.status, run.held()), (Status::Simulated, over_limit(0..6)));
    let refused = world.decide("ACME", Verdict::Approved).await;
    assert!(matches!(refused, Err(OperateError::LeftAlone(_))), "{refused:?}");
    world.apply(&higher).await;
    world.settled().await;
    let run = world.last_run().await;
    assert_eq!((run.tenants[0].verdict, run.held(), world.rows("ACME").len()), (Some(Verdict::Rejected), over_limit(0..6), 20));
    world.end().await;
}

async fn of_those_who_wait_for_a_decision_a_few_are_asked_about() {
    let world = World::in_step(50).await;
    people(0..20).iter().for_each(|name| world.quits(name, "user"));
    let asked_about = || world.workos.calls().lines().iter().filter(|line| line.starts_with("GET /directory_groups?user=")).count();
    for n in 1..3 {
        assert_eq!((world.asked().await.held(), asked_about()), (over_limit(0..20), n * 10));
    }
    assert_eq!((world.approved("ACME").await.removed().len(), asked_about()), (20, 40));
    world.end().await;
}

async fn an_approval_outlasts_the_faults_of_a_tenant() {
    let busy = FaultKind::TooMany { retry_after: Some("3600".to_owned()) };
    let faults =
        [("GET", busy.clone(), "orgvue_unavailable"), ("PUT", busy, "orgvue_unavailable"), ("PUT", FaultKind::Status(401), "orgvue_40102")];
    let stories = faults.map(async |(method, kind, code)| {
        let world = six_of_twenty_leave().await;
        world.orgvue.fault(fault(Matcher::path("/items").method(method), Nth::At(1), kind));
        world.decide("ACME", Verdict::Approved).await.unwrap();
        world.settled().await;

        let runs = world.runs().await;
        let codes: Vec<_> = runs.iter().rev().take(2).map(|run| run.tenants[0].code.as_deref()).collect();
        assert_eq!(codes, [None, Some(code)]);
        let last = world.last_run().await;
        assert_eq!((last.reason, last.held(), world.rows("ACME").len()), (Reason::Retry, vec![], 14), "{method} {code}");
        world.end().await;
    });
    join_all(stories).await;
}

async fn an_approval_outlasts_a_crash() {
    let mut world = World::start(Setup { on_disk: true, ..Setup::from(single("ACME")) }).await;
    world.arrive(0..20);
    world.asked().await;
    world.depart(0..6);
    world.asked().await;
    world.orgvue.fault(fault(Matcher::path("/items").method("PUT"), Nth::At(1), FaultKind::Slow(Duration::from_secs(3))));
    world.decide("ACME", Verdict::Approved).await.unwrap();
    until("the removals", || world.puts() == 2).await;
    world.kill().await;
    assert_eq!(world.rows("ACME").len(), 20);
    world.restart().await;
    world.settled().await;

    assert_eq!((world.last_run().await.held().len(), world.rows("ACME").len()), (0, 14));
    world.end().await;
}

async fn a_hash_that_is_not_held_is_no_approval() {
    let world = six_of_twenty_leave().await;
    let old = held_hash(&world.last_run().await);
    world.depart(6..7);
    world.asked().await;
    let approve = async |hash: &str| world.operator().decide(&world.id(), None, hash, Verdict::Approved).await;

    assert!(matches!(approve(&old).await, Err(OperateError::NotHeld(_))), "it has changed since somebody looked");
    assert!(matches!(approve(&old[..7]).await, Err(OperateError::ShortHash(_))));
    world.settled().await;
    assert_eq!(world.rows("ACME").len(), 20);

    let new = held_hash(&world.last_run().await);
    approve(&new[..8]).await.unwrap();
    world.settled().await;
    assert_eq!(world.rows("ACME").len(), 13);
    world.end().await;
}

async fn the_last_admin_goes_when_that_is_approved_as_such() {
    let world = World::start(single("ACME")).await;
    world.add(User::new("ada").in_group("admin"));
    world.add(User::new("bob").in_group("user"));
    world.asked().await;
    world.leaves("ada");
    assert_eq!(world.synced().await.held(), ["ada remove last_admin"]);

    assert_eq!(world.approved("ACME").await.removed(), ["ada"]);
    assert_eq!(world.rows("ACME"), ["bob user"]);
    world.end().await;
}

async fn an_approval_for_another_reason_does_not_take_the_last_admin() {
    let world = World::in_step(20).await;
    ["p00", "p19"].iter().for_each(|name| world.joins(name, "admin"));
    world.asked().await;
    world.depart(0..6);
    assert_eq!(world.asked().await.held(), over_limit(0..6), "p19 is an administrator still");
    world.leaves("p19");
    let run = world.approved("ACME").await;

    assert_eq!(run.removed(), ["p01", "p02", "p03", "p04", "p05"]);
    assert_eq!(run.held(), ["p00 remove last_admin", "p19 remove last_admin"]);
    assert_eq!(world.asked().await.held().len(), 2);
    assert_eq!(world.approved("ACME").await.removed(), ["p00", "p19"]);
    assert!(world.orgvue.rows("ACME").iter().all(|row| row["Login"] != email("p00")));
    world.end().await;
}

async fn nobody_decides_about_a_tenant_that_runs_leave_alone() {
    let customer = multi(&["ACME", "BETA"]);
    let world = World::start(customer.clone()).await;
    people(0..6).iter().for_each(|name| world.add(User::new(name).in_group("ACME_user").in_group("BETA_user").in_group("BETA_Retail")));
    world.asked().await;
    world.workos.rename_group(&world.directory(), &group("BETA_Retail"), &group("BETA_Shops"));
    assert_eq!(world.asked().await.held_why(), [("roles_over_limit".to_owned(), 6)]);
    let knows_old_name = async || {
        let snapshot = world.store().snapshot(&world.id()).await.unwrap().unwrap();
        snapshot.groups.values().any(|name| *name == group("BETA_Retail"))
    };
    assert!(knows_old_name().await);

    let hash = world.state("BETA").await.held.unwrap().hash;
    let decide = async || world.operator().decide(&world.id(), None, hash.as_str(), Verdict::Approved).await;
    world.apply(&customer.tenant_line("BETA", r#"mode = "paused""#)).await;
    world.settled().await;
    let refused = decide().await;
    assert!(matches!(&refused, Err(OperateError::LeftAlone(tenant)) if tenant.as_str() == "BETA"), "{refused:?}");
    assert!(!knows_old_name().await, "nothing waits for a person any more");

    world.apply(&multi(&["ACME"])).await;
    world.settled().await;
    assert!(matches!(decide().await, Err(OperateError::LeftAlone(_) | OperateError::NotHeld(_))));
    world.end().await;
}

async fn what_stays_held_is_stored_once() {
    let world = six_of_twenty_leave().await;
    let head = world.state("ACME").await.held.unwrap();
    let key = format!("ACME#{}#0000", head.hash);
    let mark = AttributeValue::N((now_ms() / 1_000 + 4_711).to_string());
    let is_marked = async || {
        world.items().await.iter().any(|item| item["sk"] == AttributeValue::S(key.clone()) && item.get("expires_at") == Some(&mark))
    };
    world.set_item("HELD#acme", &key, "expires_at", mark.clone()).await;
    world.asked().await;
    assert!(is_marked().await, "it is there already");

    let old = HeldHead { since_ms: head.since_ms - 31 * 86_400_000, ..head };
    let old = serde_json::to_string(&old).unwrap();
    world.set_item("TENANTS#acme", "ACME", "held", AttributeValue::S(old)).await;
    world.asked().await;
    assert!(!is_marked().await, "what an earlier version let expire is kept");
    world.end().await;
}

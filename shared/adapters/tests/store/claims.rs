//! Claims and their leases.

use std::time::Duration;

use adapters::clock::now_ms;
use adapters::store::{AfterApply, Claim, LeaseLost};
use domain::backoff::Backoff;
use domain::delays::Delays;
use domain::message::{Reason, SyncMessage};
use domain::pending::NotClaimed::{Busy, Deferred, Paused, Superseded, Suspended, UnknownDirectory};
use domain::pending::{Lease, NotClaimed, Pending, RunEnd, Switch};

use crate::table::{DIRECTORY, NOW_MS, Table, directory, file, integration, run};

const DONE: RunEnd = RunEnd::Reconciled { retry_at_ms: None };
const ONCE: Backoff = Backoff { attempts: 1, own_faults: 1 };

fn message(generation: u64) -> SyncMessage {
    SyncMessage::new(directory(), generation, Reason::Webhook)
}

/// A table where one generation is owed.
async fn owing() -> Table {
    let table = Table::with_acme().await;
    table.store.ask(&directory(), NOW_MS).await.unwrap();
    table
}

async fn claim(table: &Table, by: &str, at_ms: i64) -> Result<Claim, NotClaimed> {
    table.store.claim(&message(1), &run(by), at_ms, &Delays::default()).await.unwrap()
}

async fn hold(table: &Table, by: &str, at_ms: i64) -> Result<Claim, NotClaimed> {
    table.store.hold(&directory(), &run(by), at_ms, &Delays::default()).await.unwrap()
}

async fn claim_with_heartbeat(table: &Table, by: &str) -> Claim {
    let delays = Delays { heartbeat_ms: 5, ..Delays::default() };
    table.store.claim(&message(1), &run(by), now_ms(), &delays).await.unwrap().unwrap()
}

async fn lost_within_ten_seconds(claim: &Claim) -> LeaseLost {
    tokio::time::timeout(Duration::from_secs(10), claim.lease().keep()).await.expect("the end is noticed within ten seconds")
}

/// Work that was asked for twice and reconciled once; one more message can be claimed.
fn owed() -> Pending {
    Pending { generation: 2, reconciled_generation: 1, ..Pending::new(directory(), integration(), NOW_MS) }
}

fn lease(by: &str, until_ms: i64) -> Option<Lease> {
    Some(Lease { run: run(by), until_ms })
}

fn failing(retry_at_ms: i64) -> Pending {
    Pending { backoff: ONCE, retry_at_ms: Some(retry_at_ms), ..owed() }
}

#[tokio::test]
async fn a_message_is_claimed_or_refused_for_a_reason() {
    let done = Pending { reconciled_generation: 2, ..owed() };
    let tenants_fail = |pending: Pending, retry_at_ms| Pending { retry_at_ms: Some(retry_at_ms), ..pending };
    let mine = |switch| Pending { switch, lease: lease("me", NOW_MS + 1), ..done.clone() };
    let switched = |switch| Pending { switch, lease: lease("other", NOW_MS + 1), ..owed() };
    let cases = [
        ("new work", owed(), 2, None),
        ("reconciled meanwhile", done.clone(), 2, Some(Superseded)),
        ("an old message while newer work is owed", owed(), 1, Some(Superseded)),
        ("another run works", Pending { lease: lease("other", NOW_MS + 1), ..owed() }, 2, Some(Busy)),
        ("another run's lease has just ended", Pending { lease: lease("other", NOW_MS), ..owed() }, 2, None),
        ("my own lease again", mine(Switch::Live), 2, None),
        ("my own lease, paused meanwhile", mine(Switch::Paused), 2, None),
        ("my own lease, suspended meanwhile", mine(Switch::Suspended), 2, None),
        ("the directory failed a moment ago", failing(NOW_MS + 1), 2, Some(Deferred)),
        ("the directory is to be tried again", failing(NOW_MS), 2, None),
        ("the directory is to be tried again, by an old message", failing(NOW_MS), 1, None),
        ("some tenants failed and there is new work", tenants_fail(owed(), NOW_MS + 1), 2, None),
        ("some tenants failed a moment ago", tenants_fail(done.clone(), NOW_MS + 1), 2, Some(Deferred)),
        ("some tenants are to be tried again", tenants_fail(done.clone(), NOW_MS), 2, None),
        ("paused", switched(Switch::Paused), 2, Some(Paused)),
        ("suspended", switched(Switch::Suspended), 2, Some(Suspended)),
    ];
    let table = Table::new().await;
    for (case, pending, generation, refusal) in cases {
        table.put_pending(&pending).await;
        let claimed = table.store.claim(&message(generation), &run("me"), NOW_MS, &Delays::default()).await.unwrap();
        assert_eq!(claimed.as_ref().err(), refusal.as_ref(), "{case}");
        assert_eq!(pending.refuses(generation, &run("me"), NOW_MS), refusal, "{case}, in the domain");
        match claimed {
            Ok(claim) => {
                assert_eq!((claim.generation(), claim.is_new_work(), claim.backoff()), (2, pending.is_owed(), pending.backoff), "{case}");
            }
            Err(_) => assert_eq!(table.pending().await, pending, "{case}"),
        }
    }
}

#[tokio::test]
async fn nobody_claims_an_unknown_directory() {
    let table = Table::new().await;
    assert_eq!(claim(&table, "me", NOW_MS).await.err(), Some(UnknownDirectory));
    assert_eq!(table.items().await, []);
}

#[tokio::test]
async fn of_ten_claims_at_once_one_wins() {
    let table = owing().await;
    let runs: Vec<String> = (0..10).map(|n| format!("run-{n}")).collect();
    let claims = futures::future::join_all(runs.iter().map(|run| claim(&table, run, NOW_MS))).await;

    let won: Vec<&Claim> = claims.iter().filter_map(|claim| claim.as_ref().ok()).collect();
    assert_eq!(won.len(), 1);
    assert_eq!(claims.iter().filter(|claim| claim.as_ref().err() == Some(&Busy)).count(), 9);
    assert_eq!(table.pending().await.lease.unwrap().run, *won[0].run());
}

#[tokio::test]
async fn work_that_comes_during_a_run_is_owed_after_it() {
    let table = owing().await;
    let first = claim(&table, "first", NOW_MS).await.unwrap();
    table.store.mark(&directory(), NOW_MS + 300_000).await.unwrap();
    table.store.release(first, DONE).await.unwrap().unwrap();

    let after = table.pending().await;
    assert_eq!((after.generation, after.reconciled_generation, after.window_due_ms), (2, 1, Some(NOW_MS + 300_000)));
}

#[tokio::test]
async fn a_run_that_lost_its_lease_records_nothing() {
    let table = owing().await;
    let lost = claim(&table, "lost", NOW_MS).await.unwrap();
    let heir = claim(&table, "heir", NOW_MS + Delays::default().lease_ms).await.unwrap();
    let before = table.pending().await;

    assert_eq!(table.store.release(lost, DONE).await.unwrap(), Err(LeaseLost::TakenOver));
    assert_eq!(table.pending().await, before);
    assert_eq!(table.store.release(heir, DONE).await.unwrap(), Ok(()));
}

#[tokio::test]
async fn an_end_that_arrives_twice_counts_once() {
    for end in [DONE, RunEnd::Failed { retry_at_ms: NOW_MS + 1, backoff: ONCE }, RunEnd::Suspended, RunEnd::Stopped] {
        let table = owing().await;
        let first = claim(&table, "me", NOW_MS).await.unwrap();
        let again = claim(&table, "me", NOW_MS).await.unwrap();
        assert_eq!(table.store.release(first, end).await.unwrap(), Ok(()));
        let after = table.pending().await;
        assert_eq!(table.store.release(again, end).await.unwrap(), Ok(()), "{end:?}");
        assert_eq!(table.pending().await, after, "{end:?}");
    }
}

#[tokio::test]
async fn a_suspended_directory_leaves_no_retry_and_no_lease() {
    let table = Table::new().await;
    table.put_pending(&failing(NOW_MS)).await;
    let claim = claim(&table, "me", NOW_MS).await.unwrap();
    table.store.release(claim, RunEnd::Suspended).await.unwrap().unwrap();
    assert_eq!(table.pending().await, Pending { last_run: Some(run("me")), switch: Switch::Suspended, ..owed() });
}

#[tokio::test]
async fn a_nudge_is_forgotten_if_its_message_was_claimed_before_it_was_noted() {
    for released in [false, true] {
        let table = owing().await;
        let seen = table.pending().await;
        let claim = claim(&table, "me", NOW_MS).await.unwrap();
        if released {
            table.store.release(claim, RunEnd::Failed { retry_at_ms: NOW_MS + 60_000, backoff: ONCE }).await.unwrap().unwrap();
        }
        table.store.nudged(&seen, NOW_MS).await.unwrap();
        assert_eq!(table.pending().await.nudged_at_ms, None, "released: {released}");
    }
}

#[tokio::test]
async fn a_run_that_is_paused_may_end_but_not_renew() {
    let table = owing().await;
    let claim = claim(&table, "me", now_ms() - 50_000).await.unwrap();
    assert_eq!(table.store.pause(&directory()).await.unwrap(), Some(Switch::Paused));
    let paused = table.pending().await;
    assert_eq!(claim.lease().cover(Duration::from_secs(20)).await, Err(LeaseLost::Paused));
    assert_eq!(table.pending().await, paused);

    assert_eq!(table.store.release(claim, RunEnd::Stopped).await.unwrap(), Ok(()));
    let stopped = Pending { lease: None, claimed_generation: None, claimed_at_ms: None, last_run: Some(run("me")), ..paused };
    assert_eq!(table.pending().await, stopped);
    assert!(stopped.is_owed());
}

#[tokio::test]
async fn once_paused_a_run_covers_nothing_although_time_is_left_and_the_pause_is_over() {
    let table = owing().await;
    let claim = claim_with_heartbeat(&table, "me").await;
    table.store.pause(&directory()).await.unwrap();
    assert_eq!(lost_within_ten_seconds(&claim).await, LeaseLost::Paused);
    table.resume(&table.pending().await, &table.in_force().await, NOW_MS).await.unwrap();

    let before = table.pending().await;
    assert_eq!(claim.lease().clone().cover(Duration::ZERO).await, Err(LeaseLost::Paused));
    assert_eq!(claim.lease().keep().await, LeaseLost::Paused);
    assert_eq!(table.pending().await, before);
}

/// A run began behind this generation, and its read fails.
async fn fails(table: &Table, claim: Claim) {
    let end = RunEnd::Failed { retry_at_ms: NOW_MS + 60_000, backoff: ONCE };
    assert_eq!(table.store.release(claim, end).await.unwrap(), Ok(()));
}

#[tokio::test]
async fn what_a_person_asks_for_while_a_read_fails_waits_for_no_retry() {
    let table = owing().await;
    let first = claim(&table, "me", NOW_MS).await.unwrap();
    fails(&table, first).await;
    assert_eq!((table.pending().await.backoff, table.pending().await.retry_at_ms), (ONCE, Some(NOW_MS + 60_000)));

    let second = claim(&table, "me again", NOW_MS + 60_000).await.unwrap();
    table.store.ask(&directory(), NOW_MS).await.unwrap();
    fails(&table, second).await;
    let pending = table.pending().await;
    assert_eq!((pending.backoff, pending.retry_at_ms, pending.lease), (Backoff::default(), None, None));
    assert!(table.store.claim(&message(2), &run("next"), NOW_MS, &Delays::default()).await.unwrap().is_ok());
}

#[tokio::test]
async fn a_pause_by_the_file_stops_a_run_too() {
    let table = owing().await;
    let claim = claim_with_heartbeat(&table, "me").await;
    table.apply(&file("acme", DIRECTORY, "paused"), AfterApply::Wait).await.unwrap();
    assert_eq!(lost_within_ten_seconds(&claim).await, LeaseLost::Paused);
}

#[tokio::test]
async fn while_the_deployment_is_paused_nothing_is_claimed() {
    let table = owing().await;
    let before = table.pending().await;
    table.store.pause_deployment("an operator", NOW_MS).await.unwrap();
    assert_eq!(claim(&table, "me", NOW_MS).await.err(), Some(Paused));
    assert_eq!(table.pending().await, before);
    table.store.resume_deployment().await.unwrap();
    assert!(claim(&table, "me", NOW_MS).await.is_ok());
}

#[tokio::test]
async fn a_run_learns_of_the_deployments_pause_by_its_heartbeat_and_can_be_released() {
    let table = owing().await;
    let claim = claim_with_heartbeat(&table, "me").await;
    table.store.pause_deployment("an operator", NOW_MS).await.unwrap();
    assert_eq!(lost_within_ten_seconds(&claim).await, LeaseLost::Paused);
    assert_eq!(claim.lease().cover(Duration::ZERO).await, Err(LeaseLost::Paused));
    assert_eq!(table.store.release(claim, RunEnd::Stopped).await.unwrap(), Ok(()));
}

#[tokio::test]
async fn what_a_person_does_by_hand_holds_the_lease_whatever_is_paused() {
    let table = owing().await;
    table.store.pause(&directory()).await.unwrap();
    table.store.pause_deployment("an operator", NOW_MS).await.unwrap();
    let before = table.pending().await;
    let from = now_ms();
    let held = hold(&table, "me", from - 50_000).await.unwrap();
    assert_eq!((held.integration(), held.is_new_work()), (&integration(), false));
    assert_eq!(hold(&table, "other", from).await.err(), Some(Busy));
    assert_eq!(held.lease().cover(Duration::from_secs(20)).await, Ok(()));
    assert!(table.pending().await.lease.is_some_and(|lease| lease.until_ms >= from + 60_000));

    assert_eq!(table.store.release(held, RunEnd::Stopped).await.unwrap(), Ok(()));
    assert_eq!(table.pending().await, Pending { last_run: Some(run("me")), nudged_at_ms: None, ..before });
}

#[tokio::test]
async fn nobody_holds_an_unknown_directory_or_one_at_work() {
    let table = Table::new().await;
    assert_eq!(hold(&table, "me", NOW_MS).await.err(), Some(UnknownDirectory));
    assert_eq!(table.items().await, []);
    table.put_pending(&Pending { lease: lease("other", NOW_MS + 1), ..owed() }).await;
    assert_eq!(hold(&table, "me", NOW_MS).await.err(), Some(Busy));
    assert!(hold(&table, "me", NOW_MS + 1).await.is_ok());
}

#[tokio::test]
async fn a_lease_that_covers_is_not_renewed() {
    let table = owing().await;
    let claim = claim(&table, "me", now_ms()).await.unwrap();
    let before = table.pending().await;
    assert_eq!(claim.lease().cover(Duration::from_secs(20)).await, Ok(()));
    assert_eq!(table.pending().await, before);
}

#[tokio::test]
async fn a_lease_about_to_end_is_renewed_before_a_write() {
    let table = owing().await;
    let claim = claim(&table, "me", now_ms() - 50_000).await.unwrap();
    let from = now_ms();
    assert_eq!(claim.lease().cover(Duration::from_secs(20)).await, Ok(()));
    let until = table.pending().await.lease.unwrap().until_ms;
    assert!((from + 60_000..=now_ms() + 60_000).contains(&until), "{until}");
}

#[tokio::test]
async fn a_lease_covers_nothing_longer_than_itself() {
    let table = owing().await;
    let claim = claim(&table, "me", now_ms()).await.unwrap();
    assert_eq!(claim.lease().cover(Duration::from_secs(60)).await, Err(LeaseLost::TakenOver));
    assert_eq!(claim.lease().cover(Duration::MAX).await, Err(LeaseLost::TakenOver));
}

#[tokio::test]
async fn a_lost_lease_covers_nothing_and_is_not_taken_back() {
    let table = owing().await;
    let delays = Delays { heartbeat_ms: 5, ..Delays::default() };
    let lost = table.store.claim(&message(1), &run("lost"), now_ms() - 60_000, &delays).await.unwrap().unwrap();
    let _heir = claim(&table, "heir", now_ms()).await.unwrap();
    let before = table.pending().await;
    assert_eq!(lost.lease().cover(Duration::from_secs(20)).await, Err(LeaseLost::TakenOver));
    assert_eq!(lost.lease().keep().await, LeaseLost::TakenOver);
    assert_eq!(table.pending().await, before);
}

#[tokio::test]
async fn a_kept_lease_is_renewed_until_it_is_lost() {
    let table = owing().await;
    let delays = Delays { heartbeat_ms: 5, ..Delays::default() };
    let from = now_ms();
    let claim = table.store.claim(&message(1), &run("me"), from - 50_000, &delays).await.unwrap().unwrap();
    let keeping = tokio::spawn({
        let lease = claim.lease().clone();
        async move { lease.keep().await }
    });
    let renewed = async {
        while table.pending().await.lease.is_some_and(|lease| lease.until_ms < from + 60_000) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), renewed).await.expect("a renewal within ten seconds");
    table.put_pending(&Pending { lease: lease("heir", from + 60_000), ..table.pending().await }).await;
    let lost = tokio::time::timeout(Duration::from_secs(10), keeping).await.expect("the loss is noticed within ten seconds");
    assert_eq!(lost.unwrap(), LeaseLost::TakenOver);
}

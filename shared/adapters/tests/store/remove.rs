//! Integrations taken out of force.

use adapters::clock::now_ms;
use adapters::store::{AfterApply, RemoveError, Removed};
use domain::delays::Delays;
use domain::held::{Decision, HeldHash, Verdict};
use domain::ids::IntegrationId;
use domain::pending::RunEnd;
use domain::tenant_state::TenantState;

use crate::approvals::held;
use crate::runs::record;
use crate::snapshots::snapshot;
use crate::table::{DIRECTORY, NOW_MS, Table, dataset_of, directory, file, file_of, integration, run, tenant};

/// Everything that an integration can have.
async fn full() -> Table {
    let table = Table::with_acme().await;
    let store = &table.store;
    store.put_tenant_state(&integration(), &tenant("ACME"), &TenantState::default()).await.unwrap();
    store.put_held(&integration(), &held(&["ada@acme.com"])).await.unwrap();
    let decision = Decision { verdict: Verdict::Approved, hash: HeldHash::new("ab"), by: "ann".to_owned(), at_ms: NOW_MS };
    store.decide(&integration(), &tenant("ACME"), &decision, 0).await.unwrap();
    store.put_snapshot(&integration(), &snapshot(&["ada@acme.com"])).await.unwrap();
    store.put_run(&record("r1")).await.unwrap();
    table
}

/// All keys but those of the audit, and what the audit has of `acme`.
async fn left(table: &Table) -> (Vec<String>, Vec<(String, String)>) {
    let mut keys = table.keys_with("").await;
    keys.retain(|key| !key.starts_with("AUDIT#"));
    let audits = table.store.audits(Some(&integration()), 9).await.unwrap();
    (keys, audits.into_iter().map(|entry| (entry.by, entry.action)).collect())
}

fn audited(actions: &[(&str, &str)]) -> Vec<(String, String)> {
    actions.iter().map(|(by, action)| ((*by).to_owned(), (*action).to_owned())).collect()
}

#[tokio::test]
async fn what_is_removed_leaves_its_runs_and_the_audit() {
    let table = full().await;
    let (own, _) = left(&table).await;
    table.apply(&file("acme-eu", "directory_02", "simulate"), AfterApply::Wait).await.unwrap();
    let (mut expected, _) = left(&table).await;
    let stays = |key: &str| ["RUNS#acme/r1", "RUN#r1/record#0000"].contains(&key);
    expected.retain(|key| stays(key) || !own.contains(key));
    assert_eq!(expected.len(), 2 + 4, "{expected:?}");

    assert_eq!(table.store.remove(&integration(), "ann").await.unwrap(), Removed::Done);
    assert_eq!(left(&table).await, (expected, audited(&[("an operator", "apply"), ("ann", "remove")])));
    assert_eq!(table.store.remove(&integration(), "ann").await.unwrap(), Removed::Unknown);
    table.apply(&file("other", DIRECTORY, "simulate"), AfterApply::Wait).await.unwrap();
}

/// A decision outlives its removal by no state that says it is used up.
#[tokio::test]
async fn decisions_are_removed_before_what_says_that_they_are_used_up() {
    let table = full().await;
    table.calls.take();
    table.store.remove(&integration(), "ann").await.unwrap();
    let calls = table.calls.take();
    let at = |key: &str| calls.iter().position(|call| call == key).unwrap();
    assert!(at("Delete APPROVAL#acme/ACME") < at("Delete TENANTS#acme/ACME"), "{calls:?}");
}

#[tokio::test]
async fn nothing_is_removed_while_a_run_is_at_work() {
    let table = full().await;
    let held = table.store.hold(&directory(), &run("me"), now_ms(), &Delays::default()).await.unwrap().unwrap();
    let before = table.items().await;
    assert_eq!(table.store.remove(&integration(), "ann").await.unwrap(), Removed::Running);
    assert_eq!(table.items().await, before);
    table.store.release(held, RunEnd::Stopped).await.unwrap().unwrap();
    assert_eq!(table.store.remove(&integration(), "ann").await.unwrap(), Removed::Done);
}

#[tokio::test]
async fn a_removal_that_was_cut_short_is_finished_by_the_next() {
    let table = Table::new().await;
    table.store.put_snapshot(&integration(), &snapshot(&["ada@acme.com"])).await.unwrap();
    assert_eq!(table.store.remove(&integration(), "ann").await.unwrap(), Removed::Unknown);
    assert_eq!(table.items().await, []);
}

#[tokio::test]
async fn a_removal_that_fails_behind_its_change_is_told_as_done_and_audited_once() {
    let table = full().await;
    table.calls.fail(2, "Delete ");
    let told = table.store.remove(&integration(), "ann").await;
    assert!(matches!(told, Err(RemoveError::Left(_))), "{told:?}");
    assert_eq!(table.store.remove(&integration(), "ann").await.unwrap(), Removed::Unknown);
    let (keys, audits) = left(&table).await;
    assert_eq!(keys, ["RUN#r1/record#0000", "RUNS#acme/r1"]);
    assert_eq!(audits, audited(&[("an operator", "apply"), ("ann", "remove")]));
}

/// A table with an integration of so many tenants that its locks do not fit into one transaction.
async fn with_sixty_tenants() -> Table {
    let table = Table::new().await;
    let names: Vec<(String, String)> = (0..60).map(|n| (format!("T{n}"), dataset_of(&format!("{n}")))).collect();
    let tenants: Vec<(&str, &str)> = names.iter().map(|(tenant, dataset)| (&tenant[..], &dataset[..])).collect();
    for n in [40, 60] {
        table.apply(&file_of("acme", DIRECTORY, "simulate", &tenants[..n]), AfterApply::Wait).await.unwrap();
    }
    table
}

#[tokio::test]
async fn more_locks_than_one_transaction_holds_are_all_given_back() {
    let table = with_sixty_tenants().await;
    assert_eq!(table.store.remove(&integration(), "ann").await.unwrap(), Removed::Done);
    assert_eq!(left(&table).await.0, Vec::<String>::new());
    assert_eq!(table.store.remove(&IntegrationId::parse("nobody").unwrap(), "ann").await.unwrap(), Removed::Unknown);
}

#[tokio::test]
async fn a_removal_that_fails_between_two_transactions_is_finished_by_the_next() {
    let table = with_sixty_tenants().await;
    table.calls.fail(2, "Transact");
    let told = table.store.remove(&integration(), "ann").await;
    assert!(matches!(told, Err(RemoveError::Left(_))), "{told:?}");
    assert_eq!(table.keys_with("PENDING#").await, Vec::<String>::new(), "a run could begin");
    assert_eq!(table.store.remove(&integration(), "ann").await.unwrap(), Removed::Done);
    assert_eq!(left(&table).await.0, Vec::<String>::new());
}

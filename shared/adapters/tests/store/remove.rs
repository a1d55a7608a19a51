//! Integrations taken out of force.

use adapters::clock::now_ms;
use adapters::store::{AfterApply, AuditEntry, Removed};
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
    let entry = AuditEntry { at_ms: NOW_MS, by: "ann".to_owned(), action: "apply".to_owned(), detail: None };
    store.audit(Some(&integration()), &entry).await.unwrap();
    table
}

#[tokio::test]
async fn what_is_removed_leaves_its_runs_and_the_audit() {
    let table = full().await;
    let own = table.keys_with("").await;
    table.apply(&file("acme-eu", "directory_02", "simulate"), AfterApply::Wait).await.unwrap();
    let mut expected = table.keys_with("").await;
    let stays = |key: &str| ["AUDIT#acme/", "RUNS#acme/r1", "RUN#r1/record#0000"].iter().any(|stays| key.starts_with(stays));
    expected.retain(|key| stays(key) || !own.contains(key));
    assert_eq!(expected.len(), 3 + 4, "{expected:?}");

    assert_eq!(table.store.remove(&integration()).await.unwrap(), Removed::Done);
    assert_eq!(table.keys_with("").await, expected);
    assert_eq!(table.store.remove(&integration()).await.unwrap(), Removed::Unknown);
    table.apply(&file("other", DIRECTORY, "simulate"), AfterApply::Wait).await.unwrap();
}

/// A decision outlives its removal by no state that says it is used up.
#[tokio::test]
async fn decisions_are_removed_before_what_says_that_they_are_used_up() {
    let table = full().await;
    table.calls.take();
    table.store.remove(&integration()).await.unwrap();
    let calls = table.calls.take();
    let at = |key: &str| calls.iter().position(|call| call == key).unwrap();
    assert!(at("Delete APPROVAL#acme/ACME") < at("Delete TENANTS#acme/ACME"), "{calls:?}");
}

#[tokio::test]
async fn nothing_is_removed_while_a_run_is_at_work() {
    let table = full().await;
    let held = table.store.hold(&directory(), &run("me"), now_ms(), &Delays::default()).await.unwrap().unwrap();
    let before = table.items().await;
    assert_eq!(table.store.remove(&integration()).await.unwrap(), Removed::Running);
    assert_eq!(table.items().await, before);
    table.store.release(held, RunEnd::Stopped).await.unwrap().unwrap();
    assert_eq!(table.store.remove(&integration()).await.unwrap(), Removed::Done);
}

#[tokio::test]
async fn a_removal_that_was_cut_short_is_finished_by_the_next() {
    let table = Table::new().await;
    table.store.put_snapshot(&integration(), &snapshot(&["ada@acme.com"])).await.unwrap();
    assert_eq!(table.store.remove(&integration()).await.unwrap(), Removed::Unknown);
    assert_eq!(table.items().await, []);
}

#[tokio::test]
async fn more_locks_than_one_transaction_holds_are_all_given_back() {
    let table = Table::new().await;
    let names: Vec<(String, String)> = (0..60).map(|n| (format!("T{n}"), dataset_of(&format!("{n}")))).collect();
    let tenants: Vec<(&str, &str)> = names.iter().map(|(tenant, dataset)| (&tenant[..], &dataset[..])).collect();
    for n in [40, 60] {
        table.apply(&file_of("acme", DIRECTORY, "simulate", &tenants[..n]), AfterApply::Wait).await.unwrap();
    }
    assert_eq!(table.store.remove(&integration()).await.unwrap(), Removed::Done);
    assert_eq!(table.items().await, []);
    assert_eq!(table.store.remove(&IntegrationId::parse("nobody").unwrap()).await.unwrap(), Removed::Unknown);
}

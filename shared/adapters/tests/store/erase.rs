//! One person's login is taken out of everything that is kept.

use adapters::store::{Erased, StoreError};
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::held::{Decision, HeldHead, Verdict};
use domain::ids::IntegrationId;
use domain::integration::Mode;
use domain::login::Login;
use domain::row::Row;
use domain::run::{RunRecord, Status, TenantRecord};
use domain::tenant_state::TenantState;
use serde_json::json;

use crate::approvals::held;
use crate::runs::{noise, record, row};
use crate::snapshots::snapshot;
use crate::table::{NOW_MS, Table, dataset, integration, number, run, tenant, text};

const ADA: &str = "ada@example.com";

fn ada_login() -> Login {
    Login::as_found("ADA@example.com")
}

fn record_of(id: &str, logins: &[&str]) -> RunRecord {
    let created = logins.iter().map(|login| Login::as_found(login)).collect();
    let tenant = TenantRecord { created, ..TenantRecord::new(tenant("ACME"), Mode::Enforce, Status::Applied) };
    RunRecord { tenants: vec![tenant], ..record(id) }
}

#[tokio::test]
async fn nothing_names_the_person_any_more_and_everybody_else_is_still_there() {
    let table = Table::with_acme().await;
    let store = &table.store;
    store.put_run(&record_of("r1", &[ADA, "bob@example.com"])).await.unwrap();
    store.put_run(&record_of("r2", &["bob@example.com"])).await.unwrap();
    let mut bob = row("2", "").properties();
    bob.extend([("Login".to_owned(), json!("bob@example.com")), ("Manager".to_owned(), json!("Ada@example.com"))]);
    store.save_before(&run("r1"), &tenant("ACME"), &dataset(), &[&row("1", ""), &bob.clone().into()]).await.unwrap();
    // A run that ended before it was recorded has rows and no head.
    store.save_before(&run("killed"), &tenant("TACME"), &dataset(), &[&row("1", "")]).await.unwrap();
    store.save_before(&run("foreign"), &tenant("FOREIGN"), &dataset(), &[&row("1", "")]).await.unwrap();
    store.put_snapshot(&integration(), &snapshot(&[ADA, "bob@example.com"])).await.unwrap();

    let erased = store.erase_login(&integration(), &ada_login()).await.unwrap();
    assert_eq!(erased, Erased { n_runs: 1, n_rows: 3, n_held: 0, snapshot: true });
    assert_eq!(store.run(&run("r1")).await.unwrap(), Some(record_of("r1", &["bob@example.com"])));
    bob.remove("Manager");
    assert_eq!(store.saved_before(&run("r1"), &tenant("ACME")).await.unwrap().rows, [bob.into()]);
    assert_eq!(store.saved_before(&run("killed"), &tenant("TACME")).await.unwrap().rows.len(), 0);
    assert_eq!(store.saved_before(&run("foreign"), &tenant("FOREIGN")).await.unwrap().rows.len(), 1);
    assert_eq!(store.snapshot(&integration()).await.unwrap(), Some(snapshot(&["bob@example.com"])));
    assert_eq!(store.erase_login(&integration(), &ada_login()).await.unwrap(), Erased::default());
}

#[tokio::test]
async fn a_record_that_is_not_listed_is_found_and_another_integrations_is_left_alone() {
    let table = Table::with_acme().await;
    let other = RunRecord { integration: IntegrationId::parse("other").unwrap(), ..record_of("r2", &[ADA]) };
    for record in [&record_of("r1", &[ADA]), &other] {
        table.store.put_run(record).await.unwrap();
    }
    // Both runs died before their heads were written.
    for head in table.items().await.into_iter().filter(|item| text(item, "pk").starts_with("RUNS#")) {
        table.delete(head).await;
    }
    let erased = table.store.erase_login(&integration(), &ada_login()).await.unwrap();
    assert_eq!(erased, Erased { n_runs: 1, ..Erased::default() });
    assert_eq!(table.store.run(&run("r1")).await.unwrap(), Some(record_of("r1", &[])));
    assert_eq!(table.store.run(&run("r2")).await.unwrap(), Some(other));
}

#[tokio::test]
async fn what_is_held_about_others_waits_on_without_the_person() {
    let table = Table::with_acme().await;
    let (named, other, left) = (held(&[ADA, "bob@example.com"]), held(&["cid@example.com"]), held(&["bob@example.com"]));
    for set in [&named, &other] {
        table.store.put_held(&integration(), set).await.unwrap();
    }
    let head = HeldHead { hash: named.hash(), n_actions: 2, run: run("r1"), since_ms: NOW_MS, rejected: false };
    let state = TenantState { held: Some(head), succeeded_ms: Some(NOW_MS), ..TenantState::default() };
    table.store.put_tenant_state(&integration(), &tenant("ACME"), &state).await.unwrap();

    let rejected = Decision { verdict: Verdict::Rejected, hash: named.hash(), by: "someone".to_owned(), at_ms: NOW_MS };
    table.store.decide(&integration(), &tenant("ACME"), &rejected, i64::MIN).await.unwrap();

    table.calls.fail(1, "Put TENANTS#");
    table.store.erase_login(&integration(), &ada_login()).await.unwrap_err();
    let erased = table.store.erase_login(&integration(), &ada_login()).await.unwrap();
    assert_eq!(erased, Erased { n_held: 1, ..Erased::default() });
    let rejected = Decision { hash: left.hash(), ..rejected };
    let left = left.judged(Some(&rejected));
    assert!(left.is_rejected(), "who was to stay stays");
    assert_eq!(table.store.held(&integration(), &tenant("ACME"), &named.hash()).await.unwrap(), None);
    assert_eq!(table.store.held(&integration(), &tenant("ACME"), &other.hash()).await.unwrap(), Some(other));
    assert_eq!(table.store.held(&integration(), &tenant("ACME"), &left.hash()).await.unwrap(), Some(left.clone()));
    let head = HeldHead { hash: left.hash(), n_actions: 1, run: run("r1"), since_ms: NOW_MS, rejected: true };
    let states = async || table.store.tenant_states(&integration()).await.unwrap().remove(&tenant("ACME")).unwrap();
    assert_eq!(states().await, TenantState { held: Some(head), ..state.clone() });

    let bob = Login::as_found("bob@example.com");
    table.store.erase_login(&integration(), &bob).await.unwrap();
    assert_eq!(table.store.held(&integration(), &tenant("ACME"), &left.hash()).await.unwrap(), None);
    assert_eq!(states().await, TenantState { held: None, ..state }, "nobody is left of it");
}

#[tokio::test]
async fn a_held_set_that_cannot_be_read_is_erased_and_still_missed() {
    let table = Table::with_acme().await;
    let set = held(&["bob@example.com"]);
    table.store.put_held(&integration(), &set).await.unwrap();
    let head = HeldHead { hash: set.hash(), n_actions: 1, run: run("r1"), since_ms: NOW_MS, rejected: true };
    let state = TenantState { held: Some(head), ..TenantState::default() };
    table.store.put_tenant_state(&integration(), &tenant("ACME"), &state).await.unwrap();
    let mut chunk = table.items().await.into_iter().find(|item| text(item, "pk").starts_with("HELD#")).unwrap();
    chunk.insert("chunk".to_owned(), AttributeValue::B(Blob::new("spoilt")));
    table.put(chunk).await;

    let erased = table.store.erase_login(&integration(), &ada_login()).await.unwrap();
    assert_eq!(erased, Erased { n_held: 1, ..Erased::default() });
    assert_eq!(table.store.tenant_states(&integration()).await.unwrap().remove(&tenant("ACME")), Some(state));
}

#[tokio::test]
async fn an_erasure_that_fails_midway_leaves_all_to_be_read_and_the_next_one_ends_it() {
    let table = Table::with_acme().await;
    let (ada, mut bob) = (row("1", &noise(900_000)), row("2", &noise(1_000_000)).properties());
    bob.insert("Login".to_owned(), json!("bob@example.com"));
    let bob = Row::from(bob);
    let rows = async || table.store.saved_before(&run("r1"), &tenant("ACME")).await.unwrap().rows;
    table.store.put_run(&record("r1")).await.unwrap();
    table.store.save_before(&run("r1"), &tenant("ACME"), &dataset(), &[&ada, &bob]).await.unwrap();

    table.calls.fail(2, "Put RUN#r1/before#ACME#");
    table.store.erase_login(&integration(), &ada_login()).await.unwrap_err();
    assert!(rows().await == [ada, bob.clone()]);
    table.calls.fail(2, "Delete RUN#r1/before#ACME#");
    table.store.erase_login(&integration(), &ada_login()).await.unwrap_err();
    assert!(rows().await == [bob.clone()]);
    let n_chunks = table.keys_with("before#").await.len();
    assert_eq!(table.store.erase_login(&integration(), &ada_login()).await.unwrap(), Erased::default());
    assert!(rows().await == [bob] && table.keys_with("before#").await.len() < n_chunks);
}

#[tokio::test]
async fn what_is_left_of_a_record_is_kept_no_longer_than_before() {
    let table = Table::with_acme().await;
    table.store.put_run(&record_of("r1", &[ADA])).await.unwrap();
    let mut item = table.items_under("RUN#r1").await.remove(0);
    item.insert("expires_at".to_owned(), AttributeValue::N("1800000123".to_owned()));
    table.put(item).await;
    table.store.erase_login(&integration(), &ada_login()).await.unwrap();
    assert_eq!(number(&table.items_under("RUN#r1").await[0], "expires_at"), 1_800_000_123);
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_told_and_hides_no_other() {
    let table = Table::with_acme().await;
    for id in ["r1", "r2", "r3"] {
        table.store.put_run(&record_of(id, &[ADA])).await.unwrap();
    }
    let mut item = table.items_under("RUN#r2").await.remove(0);
    item.insert("chunk".to_owned(), AttributeValue::B(Blob::new("broken")));
    table.put(item).await;
    let told = table.store.erase_login(&integration(), &ada_login()).await;
    assert!(matches!(&told, Err(StoreError::Corrupt { key, .. }) if key == "RUN#r2/record"), "{told:?}");
    for id in ["r1", "r3"] {
        assert_eq!(table.store.run(&run(id)).await.unwrap(), Some(record_of(id, &[])));
    }
}

#[tokio::test]
async fn another_integrations_records_are_left_alone() {
    let table = Table::with_acme().await;
    let other = RunRecord { integration: IntegrationId::parse("other").unwrap(), ..record_of("r1", &[ADA]) };
    table.store.put_run(&other).await.unwrap();
    assert_eq!(table.store.erase_login(&integration(), &ada_login()).await.unwrap(), Erased::default());
    assert_eq!(table.store.run(&run("r1")).await.unwrap(), Some(other));
}

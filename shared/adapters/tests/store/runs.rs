//! Run records and what runs saved.

use adapters::clock::now_ms;
use adapters::store::RunHead;
use domain::current::Row;
use domain::finding::{Finding, FindingCode};
use domain::ids::{IntegrationId, TenantId};
use domain::message::Reason;
use domain::run::{RunRecord, Status};
use serde_json::json;

use crate::table::{NOW_MS, Table, directory, integration, number, run, text};

const ITEM_BYTES_MAX: usize = 400 * 1024;
/// How long runs are kept.
const KEPT_SECONDS: i64 = 90 * 86_400;

fn record(id: &str) -> RunRecord {
    RunRecord {
        v: 1,
        id: run(id),
        integration: integration(),
        directory: directory(),
        reason: Reason::Webhook,
        generation: 7,
        status: Status::Applied,
        code: None,
        error: None,
        started_at_ms: NOW_MS,
        tenants: Vec::new(),
        findings: Vec::new(),
        workos_calls: 1,
        orgvue_calls: 2,
        seconds: 0.5,
    }
}

/// Text of which compression saves no more than half.
fn noise(n_bytes: usize) -> String {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        format!("{state:016x}")
    };
    (0..n_bytes.div_ceil(16)).map(|_| next()).collect()
}

fn tenant(id: &str) -> TenantId {
    TenantId::parse(id).unwrap()
}

fn row(id: &str, note: &str) -> Row {
    json!({"_id": id, "Login": "ada@example.com", "Role": "user,HR", "Enabled": true, "Note": note, "Level": 3.5})
        .as_object()
        .expect("an object")
        .clone()
}

#[tokio::test]
async fn a_large_record_comes_back_whole_from_several_items() {
    let table = Table::new().await;
    let large = RunRecord { findings: vec![Finding::new(FindingCode::NoEmail, noise(2_500_000))], ..record("r1") };
    table.store.put_run(&large).await.unwrap();
    table.store.put_run(&record("r10")).await.unwrap();

    assert!(table.store.run(&run("r1")).await.unwrap() == Some(large));
    let chunks = table.items_under("RUN#r1").await;
    let sizes: Vec<usize> = chunks.iter().map(|item| item["chunk"].as_b().unwrap().as_ref().len()).collect();
    assert!(sizes.iter().sum::<usize>() > 1024 * 1024, "more than one page of Query: {sizes:?}");
    assert!(sizes.iter().all(|size| *size < ITEM_BYTES_MAX), "{sizes:?}");
}

#[tokio::test]
async fn a_small_record_is_one_item_and_comes_back_as_it_was() {
    let table = Table::new().await;
    table.store.put_run(&record("r1")).await.unwrap();
    table.store.put_run(&record("r1")).await.unwrap();
    assert_eq!(table.items_under("RUN#r1").await.len(), 1);
    assert_eq!(table.store.run(&run("r1")).await.unwrap(), Some(record("r1")));
    assert_eq!(table.store.run(&run("r2")).await.unwrap(), None);
}

#[tokio::test]
async fn saved_rows_come_back_whole_and_by_tenant() {
    let table = Table::new().await;
    let rows = [row("1", &noise(600_000)), row("2", &noise(600_000))];
    table.store.save_before(&run("r1"), &tenant("ACME"), &rows.iter().collect::<Vec<_>>()).await.unwrap();
    table.store.save_before(&run("r1"), &tenant("ACME_EU"), &[&row("3", "")]).await.unwrap();
    table.store.save_before(&run("r1"), &tenant("NONE"), &[]).await.unwrap();

    assert!(table.store.saved_before(&run("r1"), &tenant("ACME")).await.unwrap() == rows);
    assert_eq!(table.store.saved_before(&run("r1"), &tenant("ACME_EU")).await.unwrap(), [row("3", "")]);
    assert_eq!(table.store.saved_before(&run("r1"), &tenant("NONE")).await.unwrap(), Vec::<Row>::new());
    assert_eq!(table.store.saved_before(&run("r2"), &tenant("ACME")).await.unwrap(), Vec::<Row>::new());
}

#[tokio::test]
async fn runs_are_listed_oldest_first_and_each_under_its_integration() {
    let table = Table::new().await;
    let ids = ["0190-b", "0190-a", "0191", "018f"];
    let statuses = [Status::Refused, Status::PartlyHeld, Status::Superseded, Status::Simulated];
    for (id, status) in ids.into_iter().zip(statuses) {
        table.store.put_run(&RunRecord { status, ..record(id) }).await.unwrap();
    }
    let head = |id, status| RunHead { id: run(id), status, started_at_ms: NOW_MS };
    assert_eq!(
        table.store.runs(&integration()).await.unwrap(),
        [
            head("018f", Status::Simulated),
            head("0190-a", Status::PartlyHeld),
            head("0190-b", Status::Refused),
            head("0191", Status::Superseded)
        ]
    );
    assert_eq!(table.store.runs(&IntegrationId::parse("acm").unwrap()).await.unwrap(), []);
}

#[tokio::test]
async fn everything_of_a_run_expires_after_ninety_days_in_seconds() {
    let table = Table::new().await;
    let from = now_ms() / 1_000 + KEPT_SECONDS;
    table.store.put_run(&record("r1")).await.unwrap();
    table.store.save_before(&run("r1"), &tenant("ACME"), &[&row("1", "")]).await.unwrap();
    let to = now_ms() / 1_000 + KEPT_SECONDS;

    let items = table.items().await;
    assert_eq!(items.len(), 3);
    for item in items {
        assert!((from..=to).contains(&number(&item, "expires_at")), "{}", text(&item, "pk"));
    }
}

//! Run records and what runs saved.

use adapters::clock::now_ms;
use adapters::store::RunHead;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::finding::{Finding, FindingCode};
use domain::ids::{DatasetId, IntegrationId};
use domain::message::Reason;
use domain::row::Row;
use domain::run::{RunRecord, Status};
use flate2::Compression;
use flate2::write::DeflateEncoder;
use serde_json::json;

use crate::snapshots::{large, snapshot};
use crate::table::{Item, NOW_MS, Table, dataset, dataset_of, directory, integration, number, run, tenant, text};

const ITEM_BYTES_MAX: usize = 400 * 1024;
/// How long runs are kept.
const KEPT_SECONDS: i64 = 90 * 86_400;

pub(crate) fn record(id: &str) -> RunRecord {
    RunRecord {
        v: 1,
        id: run(id),
        integration: integration(),
        directory: directory(),
        reason: Reason::Webhook,
        generation: 7,
        restores: None,
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
pub(crate) fn noise(n_bytes: usize) -> String {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        format!("{state:016x}")
    };
    (0..n_bytes.div_ceil(16)).map(|_| next()).collect()
}

pub(crate) fn row(id: &str, note: &str) -> Row {
    json!({"_id": id, "Login": "ada@example.com", "Role": "user,HR", "Enabled": true, "Note": note, "Level": 3.5})
        .as_object()
        .expect("an object")
        .clone()
        .into()
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

/// Numbers the chunks of all values as versions before did.
async fn number_alone(table: &Table, edit: impl Fn(&mut Item)) {
    for item in table.items().await {
        let (mut renamed, tag) = (item.clone(), format!("#{}", text(&item, "tag")));
        renamed.insert("sk".to_owned(), AttributeValue::S(text(&item, "sk").replace(&tag, "")));
        edit(&mut renamed);
        table.delete(item).await;
        table.put(renamed).await;
    }
}

#[tokio::test]
async fn chunks_as_versions_before_wrote_them_are_read_until_another_value_takes_their_place() {
    let table = Table::new().await;
    let without_tag = |item: &mut Item| item.retain(|name, _| name != "tag" && name != "n_chunks");
    for edit in [&(|_: &mut Item| {}) as &dyn Fn(&mut Item), &without_tag] {
        table.store.put_snapshot(&integration(), &large(1)).await.unwrap();
        number_alone(&table, edit).await;
        assert_eq!(table.keys_with("#").await[1], "SNAPSHOT#acme/snapshot#0001");
        assert!(table.store.snapshot(&integration()).await.unwrap() == Some(large(1)));

        table.calls.fail(2, "Put SNAPSHOT#acme/");
        table.store.put_snapshot(&integration(), &large(2)).await.unwrap_err();
        assert!(table.store.snapshot(&integration()).await.unwrap() == Some(large(1)));
        table.store.put_snapshot(&integration(), &snapshot(&[])).await.unwrap();
        assert_eq!(table.keys_with("#").await, ["SNAPSHOT#acme/snapshot#0000"]);
    }
}

#[tokio::test]
async fn saved_rows_come_back_whole_and_by_tenant() {
    let table = Table::new().await;
    let rows = [row("1", &noise(600_000)), row("2", &noise(600_000))];
    table.store.save_before(&run("r1"), &tenant("ACME"), &dataset(), &rows.iter().collect::<Vec<_>>()).await.unwrap();
    table.store.save_before(&run("r1"), &tenant("ACME_EU"), &dataset(), &[&row("3", "")]).await.unwrap();
    table.store.save_before(&run("r1"), &tenant("NONE"), &dataset(), &[]).await.unwrap();

    assert!(table.store.saved_before(&run("r1"), &tenant("ACME")).await.unwrap().rows == rows);
    assert_eq!(table.store.saved_before(&run("r1"), &tenant("ACME_EU")).await.unwrap().rows, [row("3", "")]);
    assert_eq!(table.store.saved_before(&run("r1"), &tenant("NONE")).await.unwrap().rows, Vec::<Row>::new());
    assert_eq!(table.store.saved_before(&run("r2"), &tenant("ACME")).await.unwrap().rows, Vec::<Row>::new());
}

#[tokio::test]
async fn saved_rows_are_of_the_dataset_that_they_were_in() {
    let table = Table::new().await;
    let (other, upper) = (dataset_of("other"), dataset_of("acme").to_uppercase());
    let [other, upper] = [other, upper].map(|id| DatasetId::parse(&id).unwrap());
    table.store.save_before(&run("r1"), &tenant("ACME"), &dataset(), &[&row("1", "")]).await.unwrap();
    let saved = table.store.saved_before(&run("r1"), &tenant("ACME")).await.unwrap();
    assert_eq!(
        (saved.clone().of(&dataset()), saved.clone().of(&upper), saved.of(&other)),
        (vec![row("1", "")], vec![row("1", "")], vec![])
    );

    // As an earlier version saved them: of which dataset is not known.
    let mut packed = DeflateEncoder::new(Vec::new(), Compression::fast());
    serde_json::to_writer(&mut packed, &[row("1", "")]).unwrap();
    let mut item = table.items_under("RUN#r1").await.remove(0);
    item.remove("tag");
    item.insert("chunk".to_owned(), AttributeValue::B(Blob::new(packed.finish().unwrap())));
    table.put(item).await;
    let saved = table.store.saved_before(&run("r1"), &tenant("ACME")).await.unwrap();
    assert_eq!((&saved.dataset, saved.clone().of(&other)), (&None, vec![row("1", "")]));
}

#[tokio::test]
async fn runs_are_listed_in_order_and_each_under_its_integration() {
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

    let latest = [head("0191", Status::Superseded), head("0190-b", Status::Refused)];
    assert_eq!(table.store.latest_runs(&integration(), 2).await.unwrap(), latest);
    assert_eq!(table.store.latest_runs(&integration(), 0).await.unwrap(), []);
    assert_eq!(table.store.latest_runs(&integration(), 9).await.unwrap().len(), 4);
}

#[tokio::test]
async fn everything_of_a_run_expires_after_ninety_days_in_seconds() {
    let table = Table::new().await;
    let from = now_ms() / 1_000 + KEPT_SECONDS;
    table.store.put_run(&record("r1")).await.unwrap();
    table.store.save_before(&run("r1"), &tenant("ACME"), &dataset(), &[&row("1", "")]).await.unwrap();
    let to = now_ms() / 1_000 + KEPT_SECONDS;

    let items = table.items().await;
    assert_eq!(items.len(), 3);
    for item in items {
        assert!((from..=to).contains(&number(&item, "expires_at")), "{}", text(&item, "pk"));
    }
}

#[tokio::test]
async fn what_takes_nothings_place_costs_no_look_for_what_was_there() {
    let table = Table::new().await;
    table.calls.take();
    table.store.put_run(&record("r1")).await.unwrap();
    table.store.save_before(&run("r1"), &tenant("ACME"), &dataset(), &[&row("1", "")]).await.unwrap();
    assert_eq!(table.calls.take(), ["Put RUN#r1/record#0000", "Put RUNS#acme/r1", "Put RUN#r1/before#ACME#0000"]);
    table.store.put_snapshot(&integration(), &snapshot(&["ada@acme.com"])).await.unwrap();
    assert_eq!(table.calls.take(), ["Put SNAPSHOT#acme/snapshot#0000", "Query SNAPSHOT#acme"]);
}

#[tokio::test]
async fn a_shorter_value_leaves_nothing_of_the_longer_one() {
    let table = Table::new().await;
    table.store.put_snapshot(&integration(), &large(1)).await.unwrap();
    let longer = table.items_under("SNAPSHOT#acme").await;
    assert!(longer.len() > 1);
    table.store.put_snapshot(&integration(), &snapshot(&[])).await.unwrap();
    assert_eq!(table.items_under("SNAPSHOT#acme").await.len(), 1);

    // A crash before the rest of the longer one was deleted.
    table.put(longer.into_iter().find(|item| text(item, "sk").ends_with("#0001")).unwrap()).await;
    assert_eq!(table.store.snapshot(&integration()).await.unwrap(), Some(snapshot(&[])));
}

#[tokio::test]
async fn a_value_that_lacks_a_chunk_is_noticed_and_one_without_its_head_is_not_there() {
    let table = Table::new().await;
    table.store.save_before(&run("r1"), &tenant("ACME"), &dataset(), &[&row("1", &noise(1_800_000))]).await.unwrap();
    let mut chunks = table.items_under("RUN#r1").await;
    chunks.sort_by_key(|item| text(item, "sk").to_owned());
    table.delete(chunks.pop().unwrap()).await;
    let error = table.store.saved_before(&run("r1"), &tenant("ACME")).await.unwrap_err();
    assert_eq!(error.to_string(), "item RUN#r1/before#ACME has no valid chunks");

    assert!(chunks.len() > 1);
    table.delete(chunks.swap_remove(0)).await;
    assert_eq!(table.store.saved_before(&run("r1"), &tenant("ACME")).await.unwrap().rows, Vec::<Row>::new());
}

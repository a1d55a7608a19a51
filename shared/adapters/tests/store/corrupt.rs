//! Items that are not as this version writes them: the error says which, and what is wrong with it.

use adapters::store::StoreError;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::pending::Pending;

use crate::table::{DIRECTORY, Item, NOW_MS, Table, directory, integration, pending_item, run};

const KEY: &str = "PENDING#directory_01ACME/PENDING";

fn item() -> Item {
    pending_item(&Pending { window_due_ms: Some(NOW_MS), ..Pending::new(directory(), integration(), NOW_MS) })
}

fn item_of(pk: &str, sk: &str, attributes: &[(&str, AttributeValue)]) -> Item {
    let keys = [("pk", AttributeValue::S(pk.to_owned())), ("sk", AttributeValue::S(sk.to_owned()))];
    keys.iter().chain(attributes).map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

#[track_caller]
fn assert_says<T: std::fmt::Debug>(result: Result<T, StoreError>, key: &str, attribute: &str) {
    assert_eq!(result.unwrap_err().to_string(), format!("item {key} has no valid {attribute}"));
}

#[tokio::test]
async fn a_pending_item_without_what_it_needs_is_named() {
    let table = Table::new().await;
    for attribute in ["directory", "integration", "generation", "reconciled_generation", "attempts", "next_drift_ms", "switch"] {
        let mut item = item();
        item.remove(attribute);
        table.put(item).await;
        assert_says(table.store.pending(&[directory()]).await, KEY, attribute);
    }
}

#[tokio::test]
async fn a_pending_item_with_a_wrong_value_is_named() {
    let table = Table::new().await;
    let number = |digits: &str| AttributeValue::N(digits.to_owned());
    for (attribute, value) in [
        ("generation", number("1.5")),
        ("generation", number("-1")),
        ("window_due_ms", text("soon")),
        ("retry_at_ms", AttributeValue::Null(true)),
        ("lease_until_ms", text("never")),
        ("switch", text("on")),
        ("integration", text("ACME")),
    ] {
        let mut item = item();
        item.insert(attribute.to_owned(), value);
        table.put(item).await;
        assert_says(table.store.pending(&[directory()]).await, KEY, attribute);
    }
}

#[tokio::test]
async fn one_corrupt_item_hides_no_other() {
    let table = Table::with_acme().await;
    let sound = table.pending().await;
    let other = domain::ids::DirectoryId::parse("directory_02").unwrap();
    table.put(item_of("PENDING#directory_02", "PENDING", &[])).await;
    let found = table.store.each_pending(&[other, directory()]).await.unwrap();
    let (sounds, corrupts): (Vec<_>, Vec<_>) = found.into_iter().partition(Result::is_ok);
    assert_eq!(sounds.into_iter().map(Result::unwrap).collect::<Vec<_>>(), [sound]);
    assert_eq!(corrupts.len(), 1);
}

#[tokio::test]
async fn a_mark_on_a_corrupt_item_is_an_error_that_names_it() {
    let table = Table::new().await;
    let mut item = item();
    item.remove("integration");
    table.put(item).await;
    assert_says(table.store.mark(&directory(), NOW_MS).await, KEY, "integration");
}

#[tokio::test]
async fn a_broken_run_record_is_named() {
    let table = Table::new().await;
    let chunk = AttributeValue::B(Blob::new("not compressed"));
    table.put(item_of("RUN#r1", "record#0000", &[("chunk", chunk)])).await;
    assert_says(table.store.run(&run("r1")).await, "RUN#r1/record", "chunks");
    table.put(item_of("RUN#r1", "record#0000", &[("chunk", text("text"))])).await;
    assert_says(table.store.run(&run("r1")).await, "RUN#r1/record#0000", "chunk");
}

#[tokio::test]
async fn a_broken_head_of_a_run_is_named() {
    let table = Table::new().await;
    let started = AttributeValue::N(NOW_MS.to_string());
    table.put(item_of("RUNS#acme", "r1", &[("run_status", text("splendid")), ("started_at_ms", started)])).await;
    assert_says(table.store.runs(&integration()).await, "RUNS#acme/r1", "run_status");
}

#[tokio::test]
async fn a_broken_integration_is_named() {
    let table = Table::new().await;
    table.put(item_of("INTEGRATIONS", "acme", &[("directory", text(DIRECTORY))])).await;
    assert_says(table.store.integration_file(&integration()).await, "INTEGRATIONS/acme", "file");
    table.put(item_of("INTEGRATIONS", "acme", &[("file", text("")), ("directory", text("acme"))])).await;
    assert_says(table.store.each_integration().await.unwrap().remove(0), "INTEGRATIONS/acme", "directory");
}

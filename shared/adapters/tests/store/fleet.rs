//! What the sweep counts of an integration, beside its pending item.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::delays::Delays;
use domain::fleet::{Owed, Standing, Tally};
use domain::message::{Reason, SyncMessage};

use crate::table::{NOW_MS, Table, directory, pending_item, run};
use crate::{DUE_MS, mark};

const OWED: Owed = Owed { generation: 1, since_ms: NOW_MS };
const TALLY: Tally = Tally { n_held: 1, n_quarantined: 2, quiet_since_ms: Some(NOW_MS), n_findings: Some(3) };

async fn standing(table: &Table) -> Standing {
    table.store.each_standing(&[directory()]).await.unwrap().pop().unwrap().unwrap()
}

#[tokio::test]
async fn what_is_counted_lies_beside_the_pending_item_and_changes_nothing_of_it() {
    let table = Table::with_acme().await;
    let pending = table.pending().await;
    assert_eq!(standing(&table).await, Standing { pending: pending.clone(), owed: None, tally: Tally::default() });
    table.store.note_owed(&directory(), Some(OWED)).await.unwrap();
    assert_eq!(standing(&table).await, Standing { pending, owed: Some(OWED), tally: Tally::default() });
    table.store.note_owed(&directory(), None).await.unwrap();
    assert_eq!(standing(&table).await.owed, None);
}

#[tokio::test]
async fn a_tally_is_that_of_the_run_that_holds_the_lease() {
    let table = Table::with_acme().await;
    mark(&table, DUE_MS).await;
    let (message, delays) = (SyncMessage::new(directory(), 1, Reason::Webhook), Delays::default());
    let first = table.store.claim(&message, &run("r1"), NOW_MS, &delays).await.unwrap().unwrap();
    table.store.put_tally(&first, &TALLY).await.unwrap();
    assert_eq!(standing(&table).await.tally, TALLY);

    let later_ms = NOW_MS + delays.lease_ms;
    let second = table.store.claim(&message, &run("r2"), later_ms, &delays).await.unwrap().unwrap();
    table.store.put_tally(&first, &Tally::default()).await.unwrap();
    assert_eq!(standing(&table).await.tally, TALLY);
    table.store.put_tally(&second, &Tally::default()).await.unwrap();
    assert_eq!(standing(&table).await.tally, Tally { n_findings: Some(3), ..Tally::default() }, "nobody looked for findings");
}

#[tokio::test]
async fn nothing_is_counted_of_an_integration_that_is_gone() {
    let table = Table::new().await;
    table.store.note_owed(&directory(), Some(OWED)).await.unwrap();
    assert_eq!(table.items().await, []);
}

#[tokio::test]
async fn a_count_that_cannot_be_read_is_none_and_stops_nothing() {
    let table = Table::with_acme().await;
    let mut item = pending_item(&table.pending().await);
    for name in ["owed_generation", "owed_since_ms", "n_held", "n_quarantined", "quiet_since_ms", "n_findings"] {
        item.insert(name.to_owned(), AttributeValue::S("many".to_owned()));
    }
    table.put(item).await;
    assert_eq!((standing(&table).await.owed, standing(&table).await.tally), (None, Tally::default()));
}

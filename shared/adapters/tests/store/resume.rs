//! A person lets an integration run again: what they looked at is what they resume.

use adapters::store::AfterApply;
use domain::delays::Delays;
use domain::integration::Integration;
use domain::pending::{Pending, Switch};

use crate::table::{DIRECTORY, NOW_MS, Table, directory, file, integration};

/// `acme`, paused by hand.
async fn paused() -> Table {
    let table = Table::with_acme().await;
    pause(&table).await;
    table
}

async fn pause(table: &Table) {
    table.store.pause(&directory()).await.unwrap();
}

/// What a person who looks finds out does not hold any more.
async fn assert_not_resumed(table: &Table, change: impl AsyncFnOnce()) {
    let (seen, in_force) = (table.pending().await, table.in_force().await);
    change().await;
    let before = table.items().await;
    assert_eq!(table.resume(&seen, &in_force, NOW_MS + 2).await, None);
    assert_eq!(table.items().await, before);
}

#[tokio::test]
async fn what_is_paused_or_suspended_is_live_again_and_asked_for() {
    for (switch, paused_by_hand) in [(Switch::Paused, true), (Switch::Paused, false), (Switch::Suspended, true), (Switch::Live, false)] {
        let table = Table::with_acme().await;
        let stopped = Pending { switch, paused_by_hand, ..table.pending().await };
        table.put_pending(&stopped).await;
        let in_force = table.in_force().await;
        assert_eq!(table.resume(&stopped, &in_force, NOW_MS).await, Some(1));
        let resumed = table.pending().await;
        assert_eq!((resumed.switch, resumed.paused_by_hand, resumed.asked_generation), (Switch::Live, false, 1));
    }
}

#[tokio::test]
async fn a_file_that_pauses_behind_the_look_is_not_undone() {
    for first in [Table::with_acme().await, paused().await] {
        let pausing = file("acme", DIRECTORY, "paused");
        assert_not_resumed(&first, async || {
            let integration = Integration::parse(&pausing).unwrap();
            first.store.apply(&integration, &pausing, AfterApply::Wait, "another", NOW_MS + 1, &Delays::default()).await.unwrap();
        })
        .await;
    }
}

#[tokio::test]
async fn a_pause_by_hand_or_a_suspension_behind_the_look_is_not_undone() {
    let table = Table::with_acme().await;
    assert_not_resumed(&table, async || pause(&table).await).await;

    let table = Table::with_acme().await;
    let by_file = Pending { switch: Switch::Paused, ..table.pending().await };
    table.put_pending(&by_file).await;
    assert_not_resumed(&table, async || pause(&table).await).await;
    assert_not_resumed(&table, async || table.put_pending(&Pending { switch: Switch::Suspended, ..by_file.clone() }).await).await;
}

#[tokio::test]
async fn an_event_behind_the_look_stands_in_nobodys_way() {
    let table = paused().await;
    let (seen, in_force) = (table.pending().await, table.in_force().await);
    table.store.mark(&directory(), NOW_MS).await.unwrap();
    assert_eq!(table.resume(&seen, &in_force, NOW_MS).await, Some(2));
}

#[tokio::test]
async fn a_mark_of_before_there_was_such_a_look_is_resumed() {
    let table = paused().await;
    let mut item = table.items_under(&format!("PENDING#{}", directory())).await.remove(0);
    item.retain(|name, _| name != "applied_at_ms");
    table.put(item).await;
    assert_eq!(table.resume(&table.pending().await, &table.in_force().await, NOW_MS).await, Some(1));
}

#[tokio::test]
async fn a_resume_that_arrives_twice_is_one() {
    let table = paused().await;
    let (seen, in_force) = (table.pending().await, table.in_force().await);
    assert_eq!(table.resume(&seen, &in_force, NOW_MS).await, Some(1));
    assert_eq!(table.resume(&seen, &in_force, NOW_MS).await, Some(1));
    assert_eq!(table.resume(&seen, &in_force, NOW_MS + 1).await, None);
    assert_eq!((table.pending().await.generation, table.pending().await.integration), (1, integration()));
}

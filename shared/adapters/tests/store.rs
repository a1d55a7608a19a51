//! The table, against an emulator of DynamoDB: `dynoxide` in this process, or the one at `TEST_DYNAMODB_ENDPOINT`.

#![expect(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]

#[path = "store/apply.rs"]
mod apply;
#[path = "store/claims.rs"]
mod claims;
#[path = "store/corrupt.rs"]
mod corrupt;
#[path = "store/pages.rs"]
mod pages;
#[path = "store/runs.rs"]
mod runs;
#[path = "store/table.rs"]
mod table;
#[path = "store/walk.rs"]
mod walk;

use std::collections::BTreeSet;

use adapters::store::{EventRecord, Marked};
use domain::ids::{DirectoryId, EventId, IntegrationId, TenantId};
use domain::pending::Pending;
use domain::tenant_state::TenantState;
use futures::future::join_all;
use table::{DIRECTORY, NOW_MS, Table, directory, integration};

const DUE_MS: i64 = NOW_MS + 300_000;

async fn mark(table: &Table, due_ms: i64) -> Pending {
    match table.store.mark(&directory(), due_ms).await.unwrap() {
        Marked::Pending(pending) => *pending,
        Marked::UnknownDirectory => panic!("{DIRECTORY} is known"),
    }
}

#[tokio::test]
async fn the_first_mark_opens_the_window_and_later_ones_never_move_it() {
    let table = Table::with_acme().await;
    assert_eq!(mark(&table, DUE_MS).await.window_due_ms, Some(DUE_MS));
    let second = mark(&table, DUE_MS + 60_000).await;
    assert_eq!((second.generation, second.window_due_ms), (2, Some(DUE_MS)));
    assert_eq!(table.pending().await, second);
}

#[tokio::test]
async fn twenty_marks_at_once_count_twenty_and_open_one_window() {
    let table = Table::with_acme().await;
    let marked = join_all((0..20).map(|n| mark(&table, DUE_MS + n))).await;

    let generations: BTreeSet<u64> = marked.iter().map(|pending| pending.generation).collect();
    let windows: BTreeSet<Option<i64>> = marked.iter().map(|pending| pending.window_due_ms).collect();
    assert_eq!(generations, (1..=20).collect());
    assert_eq!(windows.len(), 1);
    assert_eq!(table.pending().await.generation, 20);
}

#[tokio::test]
async fn what_is_said_about_an_unknown_directory_writes_nothing() {
    let table = Table::new().await;
    let unknown = Pending::new(directory(), integration(), NOW_MS);
    assert_eq!(table.store.mark(&directory(), DUE_MS).await.unwrap(), Marked::UnknownDirectory);
    table.store.scheduled(&directory(), DUE_MS).await.unwrap();
    table.store.nudged(&unknown, NOW_MS).await.unwrap();
    assert_eq!(table.store.bump(&directory(), NOW_MS).await.unwrap(), None);
    assert_eq!(table.store.bump_for_drift(&unknown, NOW_MS, NOW_MS).await.unwrap(), None);
    assert_eq!(table.items().await, []);
}

#[tokio::test]
async fn a_schedule_is_noted_for_the_open_window_only() {
    let table = Table::with_acme().await;
    assert_eq!(mark(&table, DUE_MS).await.wants_schedule(), Some(DUE_MS));
    table.store.scheduled(&directory(), DUE_MS - 1).await.unwrap();
    assert_eq!(table.pending().await.wants_schedule(), Some(DUE_MS));
    table.store.scheduled(&directory(), DUE_MS).await.unwrap();
    assert_eq!(table.pending().await.wants_schedule(), None);
    assert_eq!(mark(&table, DUE_MS + 1).await.wants_schedule(), None);
}

#[tokio::test]
async fn drift_is_asked_for_once_however_many_sweeps_see_it() {
    let table = Table::with_acme().await;
    let seen = table.pending().await;
    let asked = join_all((0..5).map(|n| table.store.bump_for_drift(&seen, NOW_MS + 1_000 + n, NOW_MS))).await;
    let asked: Vec<u64> = asked.into_iter().filter_map(Result::unwrap).collect();
    assert_eq!(asked, [1]);
    assert_eq!(table.pending().await.generation, 1);
}

#[tokio::test]
async fn an_event_is_kept_for_thirty_days_and_says_nothing_about_people() {
    let table = Table::new().await;
    let event = EventRecord {
        id: EventId::new("event_01"),
        kind: "dsync.user.updated".to_owned(),
        directory: directory(),
        received_at_ms: NOW_MS + 999,
    };
    table.store.put_event(&event).await.unwrap();
    table.store.put_event(&event).await.unwrap();

    let [item] = &table.items().await[..] else { panic!("one event is one item") };
    let names: BTreeSet<&str> = item.keys().map(String::as_str).collect();
    assert_eq!(names, BTreeSet::from(["pk", "sk", "kind", "directory", "received_at_ms", "expires_at"]));
    assert_eq!(table::text(item, "pk"), "EVENT#event_01");
    assert_eq!(table::number(item, "expires_at"), NOW_MS / 1_000 + 30 * 86_400);
}

#[tokio::test]
async fn the_states_of_tenants_are_kept_for_each_integration() {
    let table = Table::new().await;
    let tenant = |id| TenantId::parse(id).unwrap();
    let failing = TenantState { attempts: 2, retry_at_ms: Some(NOW_MS), settled_scope: Some("scope".to_owned()) };
    table.store.put_tenant_state(&integration(), &tenant("B"), &failing).await.unwrap();
    table.store.put_tenant_state(&integration(), &tenant("A"), &failing).await.unwrap();
    table.store.put_tenant_state(&integration(), &tenant("A"), &TenantState::default()).await.unwrap();

    let states = table.store.tenant_states(&integration()).await.unwrap();
    assert_eq!(states.into_iter().collect::<Vec<_>>(), [(tenant("A"), TenantState::default()), (tenant("B"), failing)]);
    assert_eq!(table.store.tenant_states(&IntegrationId::parse("acm").unwrap()).await.unwrap().len(), 0);
}

#[tokio::test]
async fn an_unknown_directory_has_no_pending_item() {
    let table = Table::with_acme().await;
    let other = DirectoryId::parse("directory_other").unwrap();
    let found = table.store.pending(&[other, directory()]).await.unwrap();
    assert_eq!(found.into_iter().map(|pending| pending.directory).collect::<Vec<_>>(), [directory()]);
    assert_eq!(table.store.pending(&[]).await.unwrap(), []);
}

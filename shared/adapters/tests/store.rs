//! The table, against an emulator of DynamoDB: `dynoxide` in this process, or the one at `TEST_DYNAMODB_ENDPOINT`.

#![expect(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]

#[path = "store/apply.rs"]
mod apply;
#[path = "store/approvals.rs"]
mod approvals;
#[path = "store/claims.rs"]
mod claims;
#[path = "store/corrupt.rs"]
mod corrupt;
#[path = "store/erase.rs"]
mod erase;
#[path = "store/fleet.rs"]
mod fleet;
#[path = "store/leave.rs"]
mod leave;
#[path = "store/locks.rs"]
mod locks;
#[path = "store/operators.rs"]
mod operators;
#[path = "store/pages.rs"]
mod pages;
#[path = "store/remove.rs"]
mod remove;
#[path = "store/resume.rs"]
mod resume;
#[path = "store/runs.rs"]
mod runs;
#[path = "store/snapshots.rs"]
mod snapshots;
#[path = "store/table.rs"]
mod table;
#[path = "store/walk.rs"]
mod walk;

use std::collections::BTreeSet;

use adapters::store::{EventRecord, InForce, Marked};
use aws_sdk_dynamodb::types::AttributeValue;
use domain::backoff::Backoff;
use domain::harm::{HarmLog, Harmed};
use domain::held::{HeldHash, HeldHead};
use domain::ids::{DirectoryId, EventId, IntegrationId, RunId};
use domain::pending::Pending;
use domain::tenant_state::{StandingFault, TenantState};
use futures::future::join_all;
use table::{DIRECTORY, NOW_MS, Table, directory, integration, tenant};

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
    assert_eq!(table.store.ask(&directory(), NOW_MS).await.unwrap(), None);
    assert_eq!(table.store.pause(&directory()).await.unwrap(), None);
    let in_force = InForce { file: String::new(), directory: directory(), applied_at_ms: NOW_MS, applied_by: None };
    assert_eq!(table.resume(&unknown, &in_force, NOW_MS).await, None);
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

fn event(id: &str, received_at_ms: i64) -> EventRecord {
    EventRecord { id: EventId::new(id), kind: "dsync.user.updated".to_owned(), directory: directory(), received_at_ms }
}

#[tokio::test]
async fn an_event_is_kept_for_thirty_days_and_says_nothing_about_people() {
    let table = Table::new().await;
    table.store.put_event(&event("event_01", NOW_MS + 999)).await.unwrap();
    table.store.put_event(&event("event_01", NOW_MS + 999)).await.unwrap();

    let [item] = &table.items().await[..] else { panic!("one event is one item") };
    let names: BTreeSet<&str> = item.keys().map(String::as_str).collect();
    assert_eq!(names, BTreeSet::from(["pk", "sk", "event", "kind", "received_at_ms", "expires_at"]));
    assert!(table::text(item, "pk").starts_with("EVENT#directory_01ACME#"));
    assert_eq!(table::text(item, "sk"), format!("{}#event_01", NOW_MS + 999));
    assert_eq!(table::number(item, "expires_at"), NOW_MS / 1_000 + 30 * 86_400);
}

#[tokio::test]
async fn the_last_events_of_a_directory_come_first_whichever_shard_they_are_in() {
    let table = Table::new().await;
    for n in 0..40 {
        table.store.put_event(&event(&format!("event_{n:02}"), NOW_MS + n)).await.unwrap();
    }
    let other = EventRecord { directory: DirectoryId::parse("directory_01ACMEX").unwrap(), ..event("event_99", NOW_MS + 99) };
    table.store.put_event(&other).await.unwrap();

    let shards: BTreeSet<String> = table.items().await.iter().map(|item| table::text(item, "pk").to_owned()).collect();
    assert!(shards.len() > 5, "spread: {shards:?}");
    let last: Vec<EventRecord> = (30..40).rev().map(|n| event(&format!("event_{n:02}"), NOW_MS + n)).collect();
    assert_eq!(table.store.events(&directory(), 10).await.unwrap(), last);
    assert_eq!(table.store.events(&directory(), 100).await.unwrap().len(), 40);
    assert_eq!(table.store.events(&directory(), 0).await.unwrap(), []);
}

/// A state of which every field says something.
fn state() -> TenantState {
    TenantState {
        backoff: Backoff { attempts: 7, own_faults: 2 },
        retry_at_ms: Some(NOW_MS),
        fault: Some(StandingFault { code: "wrong_form".to_owned(), since_ms: NOW_MS - 1 }),
        settled_scope: Some("scope".to_owned()),
        harm: HarmLog::default().with(Harmed { n_accounts: 3, n_removed: 2, n_roles: 1 }, NOW_MS),
        held: Some(HeldHead { hash: HeldHash::new("ab12"), n_actions: 4, run: RunId::new("r1"), since_ms: NOW_MS - 2, rejected: true }),
        decisions_used_ms: Some(NOW_MS - 3),
        succeeded_ms: Some(NOW_MS - 4),
        whole_ms: Some(NOW_MS - 5),
    }
}

#[tokio::test]
async fn the_states_of_tenants_are_kept_for_each_integration() {
    let table = Table::new().await;
    table.store.put_tenant_state(&integration(), &tenant("B"), &state()).await.unwrap();
    table.store.put_tenant_state(&integration(), &tenant("A"), &state()).await.unwrap();
    table.store.put_tenant_state(&integration(), &tenant("A"), &TenantState::default()).await.unwrap();

    let states = table.store.tenant_states(&integration()).await.unwrap();
    assert_eq!(states.into_iter().collect::<Vec<_>>(), [(tenant("A"), TenantState::default()), (tenant("B"), state())]);
    assert_eq!(table.store.tenant_states(&IntegrationId::parse("acm").unwrap()).await.unwrap().len(), 0);
}

#[tokio::test]
async fn items_of_the_first_version_are_read() {
    let table = Table::with_acme().await;
    let mut pending = table::pending_item(&table.pending().await);
    pending.retain(|name, _| name != "own_faults" && name != "paused_by_hand");
    table.put(pending).await;
    assert_eq!((table.pending().await.backoff, table.pending().await.paused_by_hand), (Backoff::default(), false));

    let attributes = [("pk", "TENANTS#acme"), ("sk", "A")].map(|(name, text)| (name.to_owned(), AttributeValue::S(text.to_owned())));
    let attempts = ("attempts".to_owned(), AttributeValue::N("3".to_owned()));
    table.put(attributes.into_iter().chain([attempts]).collect()).await;
    let states = table.store.tenant_states(&integration()).await.unwrap();
    assert_eq!(states[&tenant("A")], TenantState { backoff: Backoff { attempts: 3, own_faults: 0 }, ..TenantState::default() });
}

#[tokio::test]
async fn an_unknown_directory_has_no_pending_item() {
    let table = Table::with_acme().await;
    let other = DirectoryId::parse("directory_other").unwrap();
    let found = table.store.pending(&[other, directory()]).await.unwrap();
    assert_eq!(found.into_iter().map(|pending| pending.directory).collect::<Vec<_>>(), [directory()]);
    assert_eq!(table.store.pending(&[]).await.unwrap(), []);
}

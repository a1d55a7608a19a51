//! Integrations put in force.

use adapters::store::{AfterApply, Applied, ApplyError, AuditEntry};
use domain::delays::Delays;
use domain::ids::IntegrationId;
use domain::message::{Reason, SyncMessage};
use domain::pending::{Pending, RunEnd, SweepStep, Switch};
use futures::future::join_all;

use crate::table::{DIRECTORY, NOW_MS, Table, directory, file, integration, run};

fn is_taken(applied: &Result<Applied, ApplyError>) -> bool {
    matches!(applied, Err(ApplyError::DirectoryTaken { directory: taken }) if *taken == directory())
}

#[tokio::test]
async fn a_new_integration_is_in_force_and_asks_for_a_sync() {
    let table = Table::new().await;
    let text = file("acme", DIRECTORY, "simulate");
    assert_eq!(table.apply(&text, AfterApply::Sync).await.unwrap(), Applied::Changed { generation: 1 });

    let pending = table.pending().await;
    let fresh = Pending::new(directory(), integration(), pending.next_drift_ms);
    assert_eq!(pending, Pending { generation: 1, asked_generation: 1, nudged_at_ms: Some(NOW_MS), ..fresh });
    assert_eq!(table.store.integration_file(&integration()).await.unwrap(), Some(text));
    assert_eq!(table.integrations().await, [(integration(), directory())]);
}

#[tokio::test]
async fn an_application_that_fails_behind_its_change_is_told_as_done_and_audited_once() {
    let table = Table::new().await;
    let text = file("acme", DIRECTORY, "simulate");
    // The pending item of before, the locks, and the generation.
    table.calls.fail(3, "BatchGet");
    assert_eq!(table.apply(&text, AfterApply::Sync).await.unwrap(), Applied::Changed { generation: 1 });
    assert_eq!(table.apply(&text, AfterApply::Sync).await.unwrap(), Applied::Unchanged);
    let entry = AuditEntry { at_ms: NOW_MS, by: "an operator".to_owned(), action: "apply".to_owned(), detail: None };
    assert_eq!(table.store.audits(Some(&integration()), 9).await.unwrap(), [entry]);
}

#[tokio::test]
async fn the_first_look_for_drift_is_within_one_interval_and_not_at_once() {
    let table = Table::new().await;
    let drift_ms = Delays::default().drift_ms;
    for n in 0..10 {
        let (id, directory) = (format!("acme-{n}"), format!("directory_{n}"));
        table.apply(&file(&id, &directory, "simulate"), AfterApply::Wait).await.unwrap();
    }
    let all: Vec<_> = table.integrations().await.into_iter().map(|(_, directory)| directory).collect();
    let mut first: Vec<i64> = table.store.pending(&all).await.unwrap().into_iter().map(|pending| pending.next_drift_ms).collect();
    assert!(first.iter().all(|at| (NOW_MS + drift_ms / 2..NOW_MS + drift_ms).contains(at)), "{first:?}");
    first.sort_unstable();
    first.dedup();
    assert_eq!(first.len(), 10, "spread");
}

#[tokio::test]
async fn the_same_file_again_changes_nothing() {
    let table = Table::with_acme().await;
    let before = table.items().await;
    assert_eq!(table.apply(&file("acme", DIRECTORY, "simulate"), AfterApply::Sync).await.unwrap(), Applied::Unchanged);
    assert_eq!(table.items().await, before);
}

#[tokio::test]
async fn a_changed_file_keeps_what_is_owed_and_scheduled() {
    let table = Table::with_acme().await;
    table.store.mark(&directory(), NOW_MS).await.unwrap();
    table.store.scheduled(&directory(), NOW_MS).await.unwrap();
    let before = table.pending().await;
    let text = file("acme", DIRECTORY, "enforce");
    assert_eq!(table.apply(&text, AfterApply::Sync).await.unwrap(), Applied::Changed { generation: 2 });
    assert_eq!(table.pending().await, Pending { generation: 2, asked_generation: 2, nudged_at_ms: Some(NOW_MS), ..before });
    assert_eq!(table.store.integration_file(&integration()).await.unwrap(), Some(text));
}

#[tokio::test]
async fn a_directory_is_one_integrations_and_the_other_is_not_stored() {
    let table = Table::with_acme().await;
    let before = table.items().await;
    let applied = table.apply(&file("other", DIRECTORY, "simulate"), AfterApply::Sync).await;
    assert!(is_taken(&applied), "{applied:?}");
    assert_eq!(table.items().await, before);
    assert_eq!(table.store.integration_file(&IntegrationId::parse("other").unwrap()).await.unwrap(), None);
}

#[tokio::test]
async fn of_integrations_that_want_one_directory_at_once_one_gets_it() {
    let table = Table::new().await;
    let files: Vec<String> = (0..6).map(|n| file(&format!("acme-{n}"), DIRECTORY, "simulate")).collect();
    let applied = join_all(files.iter().map(|file| table.apply(file, AfterApply::Wait))).await;

    assert_eq!(applied.iter().filter(|applied| applied.is_ok()).count(), 1, "{applied:?}");
    assert_eq!(applied.iter().filter(|applied| is_taken(applied)).count(), 5, "{applied:?}");
    assert_eq!(table.integrations().await, [(table.pending().await.integration, directory())]);
}

#[tokio::test]
async fn of_applications_at_once_of_one_integration_none_finds_its_own_directory_taken() {
    let table = Table::with_acme().await;
    let files: Vec<String> =
        (0..12).map(|n| format!("# {n}\n{}", file("acme", DIRECTORY, if n % 2 == 0 { "paused" } else { "simulate" }))).collect();
    for applied in join_all(files.iter().map(|file| table.apply(file, AfterApply::Sync))).await {
        applied.unwrap();
    }
    assert_eq!(table.pending().await.generation, 12);
    let is_paused = table.store.integration_file(&integration()).await.unwrap().unwrap().contains("paused");
    assert_eq!(table.pending().await.switch, if is_paused { Switch::Paused } else { Switch::Live });
}

#[tokio::test]
async fn a_pause_keeps_the_window_open_and_its_end_resumes() {
    let table = Table::with_acme().await;
    table.apply(&file("acme", DIRECTORY, "paused"), AfterApply::Wait).await.unwrap();
    table.store.mark(&directory(), NOW_MS).await.unwrap();
    let paused = table.pending().await;
    assert_eq!((paused.switch, paused.window_due_ms, paused.is_owed()), (Switch::Paused, Some(NOW_MS), true));

    table.apply(&file("acme", DIRECTORY, "simulate"), AfterApply::Sync).await.unwrap();
    let resumed = table.pending().await;
    assert_eq!((resumed.switch, resumed.window_due_ms, resumed.generation), (Switch::Live, Some(NOW_MS), 2));
}

#[tokio::test]
async fn an_end_of_a_pause_that_sends_nothing_leaves_the_rest_to_the_next_sweep() {
    let table = Table::with_acme().await;
    table.store.mark(&directory(), NOW_MS).await.unwrap();
    table.apply(&file("acme", DIRECTORY, "paused"), AfterApply::Wait).await.unwrap();
    table.apply(&file("acme", DIRECTORY, "simulate"), AfterApply::Wait).await.unwrap();
    let delays = Delays::default();
    assert_eq!(table.pending().await.sweep(NOW_MS + delays.overdue_ms + 1, &delays), SweepStep::Send(Reason::Owed));
}

#[tokio::test]
async fn a_suspension_stays_whatever_the_file_says() {
    let table = Table::with_acme().await;
    table.store.ask(&directory(), NOW_MS).await.unwrap();
    let message = SyncMessage::new(directory(), 1, Reason::OnDemand);
    let claim = table.store.claim(&message, &run("me"), NOW_MS, &Delays::default()).await.unwrap().unwrap();
    table.store.release(claim, RunEnd::Suspended).await.unwrap().unwrap();

    for mode in ["paused", "enforce"] {
        table.apply(&file("acme", DIRECTORY, mode), AfterApply::Sync).await.unwrap();
        assert_eq!(table.pending().await.switch, Switch::Suspended, "{mode}");
    }
}

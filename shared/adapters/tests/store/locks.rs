//! Tenants and datasets belong to one integration each; a change of directory leaves nothing behind.

use std::time::{Duration, Instant};

use adapters::clock::now_ms;
use adapters::store::{AfterApply, Applied, ApplyError, LeaseLost};
use aws_sdk_dynamodb::types::AttributeValue;
use domain::backoff::Backoff;
use domain::delays::Delays;
use domain::ids::{DirectoryId, IntegrationId};
use domain::message::{Reason, SyncMessage};
use domain::pending::{Lease, Pending, RunEnd, Switch};
use futures::future::join_all;

use crate::table::{DIRECTORY, NOW_MS, Table, dataset_of, directory, file, file_of, integration, run};

fn acme(tenants: &[(&str, &str)]) -> String {
    file_of("acme", DIRECTORY, "simulate", tenants)
}

fn other(tenants: &[(&str, &str)]) -> String {
    file_of("other", "directory_02", "simulate", tenants)
}

fn lock(dataset: &str) -> String {
    format!("LOCK#DATASET#{}/LOCK", dataset_of(dataset).to_uppercase())
}

#[tokio::test]
async fn a_tenant_or_dataset_is_one_integrations_until_it_gives_it_back() {
    let table = Table::new().await;
    let (one, two) = (&dataset_of("one")[..], &dataset_of("two")[..]);
    table.apply(&acme(&[("ACME", one)]), AfterApply::Wait).await.unwrap();
    let before = table.items().await;

    let taken = table.apply(&other(&[("FREE", &dataset_of("three")), ("ACME", two)]), AfterApply::Wait).await.unwrap_err();
    assert_eq!(taken.to_string(), "tenant ACME belongs to the integration acme: take it out of that one first, or correct the tenant");
    let upper = one.to_uppercase();
    let taken = table.apply(&other(&[("OTHER", &upper)]), AfterApply::Wait).await.unwrap_err();
    assert!(matches!(&taken, ApplyError::DatasetTaken { dataset, by } if dataset.as_str() == upper && *by == integration()), "{taken}");
    assert_eq!(table.items().await, before);

    table.apply(&acme(&[("ACME", two)]), AfterApply::Wait).await.unwrap();
    assert_eq!(table.keys_with("LOCK#DATASET").await, [lock("two")]);
    table.apply(&other(&[("OTHER", one)]), AfterApply::Wait).await.unwrap();
    table.apply(&acme(&[("ACME_EU", two)]), AfterApply::Wait).await.unwrap();
    assert_eq!(table.keys_with("LOCK#TENANT").await, ["LOCK#TENANT#ACME_EU/LOCK", "LOCK#TENANT#OTHER/LOCK"]);
}

#[tokio::test]
async fn of_integrations_that_want_one_tenant_at_once_one_gets_it() {
    let table = Table::new().await;
    let file = |n| file_of(&format!("acme-{n}"), &format!("directory_{n}"), "simulate", &[("ACME", &dataset_of("one"))]);
    let files: Vec<String> = (0..6).map(file).collect();
    let applied = join_all(files.iter().map(|file| table.apply(file, AfterApply::Wait))).await;
    let n_taken = applied.iter().filter(|applied| matches!(applied, Err(ApplyError::TenantTaken { .. }))).count();
    assert_eq!((applied.iter().filter(|applied| applied.is_ok()).count(), n_taken), (1, 5), "{applied:?}");
    assert_eq!(table.integrations().await.len(), 1);
}

#[tokio::test]
async fn a_file_in_force_without_its_locks_is_given_them() {
    let table = Table::with_acme().await;
    let locks = table.keys_with("LOCK#").await;
    for mut item in table.items().await {
        match item["pk"].as_s().unwrap().as_str() {
            "INTEGRATIONS" => {
                item.retain(|name, _| name != "locks" && name != "revision" && name != "applied_by");
                table.put(item).await;
            }
            pk if pk.starts_with("LOCK#") => table.delete(item).await,
            _ => {}
        }
    }
    assert_eq!(table.keys_with("LOCK#").await, Vec::<String>::new());
    assert_eq!(table.store.integration_in_force(&integration()).await.unwrap().unwrap().applied_by, None);
    table.apply(&file("acme", DIRECTORY, "simulate"), AfterApply::Wait).await.unwrap();
    assert_eq!(table.keys_with("LOCK#").await, locks);
}

#[tokio::test]
async fn locks_that_are_missing_or_anothers_are_seen_behind_an_unchanged_file() {
    let table = Table::with_acme().await;
    let locks = table.keys_with("LOCK#").await;
    let in_force = table.store.integration_in_force(&integration()).await.unwrap().unwrap().file;
    for lock in table.items().await.into_iter().filter(|item| item["pk"].as_s().unwrap().starts_with("LOCK#")) {
        table.delete(lock).await;
    }
    table.apply(&in_force, AfterApply::Wait).await.unwrap();
    assert_eq!(table.keys_with("LOCK#").await, locks);

    for mut lock in table.items().await.into_iter().filter(|item| item["pk"].as_s().unwrap().starts_with("LOCK#TENANT#")) {
        lock.insert("integration".to_owned(), AttributeValue::S("other".to_owned()));
        table.put(lock).await;
    }
    let refused = table.apply(&in_force, AfterApply::Wait).await.unwrap_err();
    assert!(matches!(refused, ApplyError::TenantTaken { .. }), "{refused}");
}

#[tokio::test]
async fn many_tenants_come_in_steps() {
    let table = Table::new().await;
    let names: Vec<(String, String)> = (0..60).map(|n| (format!("T{n}"), dataset_of(&format!("{n}")))).collect();
    let tenants: Vec<(&str, &str)> = names.iter().map(|(tenant, dataset)| (&tenant[..], &dataset[..])).collect();
    let refused = table.apply(&acme(&tenants), AfterApply::Wait).await.unwrap_err();
    assert!(matches!(refused, ApplyError::TooManyTenants { n: 60, max: 48 }), "{refused}");
    assert_eq!(table.items().await, []);
    table.apply(&acme(&tenants[..48]), AfterApply::Wait).await.unwrap();
    table.apply(&acme(&tenants), AfterApply::Wait).await.unwrap();
    assert_eq!(table.keys_with("LOCK#").await.len(), 120);
}

#[tokio::test]
async fn a_change_of_directory_ends_the_pending_work_of_the_former_one() {
    let table = Table::with_acme().await;
    table.store.ask(&directory(), NOW_MS).await.unwrap();
    table.apply(&file("acme", "directory_02", "simulate"), AfterApply::Sync).await.unwrap();
    assert_eq!(table.keys_with("PENDING#").await, ["PENDING#directory_02/PENDING"]);
    let moved = DirectoryId::parse("directory_02").unwrap();
    assert_eq!(table.integrations().await, [(integration(), moved.clone())]);
    assert_eq!(table.pending_of(&moved).await.generation, 1);
    table.apply(&file("other", DIRECTORY, "simulate"), AfterApply::Wait).await.unwrap();
}

#[tokio::test]
async fn a_pause_by_hand_comes_along_to_another_directory_and_a_suspension_does_not() {
    for (switch, paused_by_hand, expected) in
        [(Switch::Paused, true, Switch::Paused), (Switch::Suspended, true, Switch::Paused), (Switch::Suspended, false, Switch::Live)]
    {
        let table = Table::with_acme().await;
        table.put_pending(&Pending { switch, paused_by_hand, ..table.pending().await }).await;
        table.apply(&file("acme", "directory_02", "enforce"), AfterApply::Sync).await.unwrap();
        let moved = table.pending_of(&DirectoryId::parse("directory_02").unwrap()).await;
        assert_eq!((moved.switch, moved.paused_by_hand), (expected, paused_by_hand));
    }
}

/// A person pauses, or resumes, between the look at the integration and the change of its directory.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_does_by_hand_just_before_the_directory_changes_comes_along() {
    for pauses in [true, false] {
        let table = Table::with_acme().await;
        let [switch, expected] = if pauses { [Switch::Live, Switch::Paused] } else { [Switch::Paused, Switch::Live] };
        table.put_pending(&Pending { switch, paused_by_hand: !pauses, ..table.pending().await }).await;
        let (store, seen, in_force) = (table.store.clone(), table.pending().await, table.in_force().await);
        table.calls.before("Transact", async move {
            if pauses {
                store.pause(&directory()).await.unwrap().unwrap();
            } else {
                store.resume(&seen, &in_force, NOW_MS).await.unwrap().unwrap();
            }
        });
        table.apply(&file("acme", "directory_02", "enforce"), AfterApply::Sync).await.unwrap();
        let moved = table.pending_of(&DirectoryId::parse("directory_02").unwrap()).await;
        assert_eq!((moved.switch, moved.paused_by_hand), (expected, pauses));
    }
}

#[tokio::test]
async fn the_directory_is_not_changed_while_a_run_is_at_work_on_it() {
    let table = Table::with_acme().await;
    let lease = Some(Lease { run: run("me"), until_ms: NOW_MS + 1 });
    table.put_pending(&Pending { lease, ..table.pending().await }).await;
    let before = table.items().await;
    let refused = table.apply(&file("acme", "directory_02", "simulate"), AfterApply::Sync).await;
    assert!(matches!(refused, Err(ApplyError::Running)), "{refused:?}");
    assert_eq!(table.items().await, before);
}

#[tokio::test]
async fn nothing_is_given_up_while_a_run_is_at_work_on_it() {
    let table = Table::new().await;
    let [one, two, three] = &["one", "two", "three"].map(dataset_of);
    table.apply(&acme(&[("ACME", one), ("ACME_EU", two)]), AfterApply::Wait).await.unwrap();
    let leased = async |until_ms| {
        let lease = Some(Lease { run: run("me"), until_ms });
        table.put_pending(&Pending { lease, ..table.pending().await }).await;
    };
    leased(NOW_MS + 1).await;
    let before = table.items().await;
    for less in [acme(&[("ACME", one)]), acme(&[("ACME", one), ("ACME_EU", three)]), acme(&[("ACME", one), ("ACME_US", two)])] {
        let refused = table.apply(&less, AfterApply::Sync).await.unwrap_err();
        assert_eq!(refused.to_string(), "a run is at work on this integration: try again when it has ended");
    }
    assert_eq!(table.items().await, before);

    table.apply(&acme(&[("ACME", one), ("ACME_EU", two), ("ACME_US", three)]), AfterApply::Wait).await.unwrap();
    leased(NOW_MS).await;
    table.apply(&acme(&[("ACME", one)]), AfterApply::Wait).await.unwrap();
}

/// As on a machine that slept.
#[tokio::test]
async fn a_run_whose_lease_ran_out_does_not_take_it_back_when_a_tenant_was_given_up() {
    let table = Table::new().await;
    let [one, two] = &["one", "two"].map(dataset_of);
    let (both, now_ms) = (acme(&[("ACME", one), ("ACME_EU", two)]), now_ms());
    for (file, expected) in [(format!("# more\n{both}"), Ok(())), (acme(&[("ACME", one)]), Err(LeaseLost::TakenOver))] {
        table.apply_at(now_ms, &both, AfterApply::Wait).await.unwrap();
        let claim = table.store.hold(&directory(), &run("me"), now_ms - 61_000, &Delays::default()).await.unwrap().unwrap();
        table.apply_at(now_ms, &file, AfterApply::Wait).await.unwrap();
        assert_eq!(claim.lease().cover(Duration::ZERO).await, expected);
    }
}

#[tokio::test]
async fn a_run_that_begins_while_tenants_are_given_up_stands_in_the_way_or_reads_the_new_file() {
    let table = Table::new().await;
    let [one, two] = &["one", "two"].map(dataset_of);
    let mut seen = [0, 0];
    for n_calls_before in 0..40 {
        table.apply(&format!("# {n_calls_before}\n{}", acme(&[("ACME", one), ("ACME_EU", two)])), AfterApply::Sync).await.unwrap();
        let claimed = async {
            for _ in 0..n_calls_before % 10 {
                table.store.deployment().await.unwrap();
            }
            let message = SyncMessage::new(directory(), u64::MAX, Reason::OnDemand);
            table.store.claim(&message, &run("me"), NOW_MS, &Delays::default()).await.unwrap().unwrap()
        };
        let less = acme(&[("ACME", one)]);
        let (applied, claim) = tokio::join!(table.apply(&less, AfterApply::Sync), claimed);
        match applied {
            Ok(Applied::Changed { .. }) => assert_eq!(claim.generation(), table.pending().await.generation, "it began behind the file"),
            Err(ApplyError::Running) => {}
            other => panic!("{other:?}"),
        }
        seen[usize::from(applied.is_ok())] += 1;
        table.store.release(claim, RunEnd::Stopped).await.unwrap().unwrap();
    }
    assert!(seen.iter().all(|n| *n > 0), "both come about: {seen:?}");
}

#[tokio::test]
async fn an_application_that_cannot_succeed_gives_others_time_between_its_tries() {
    let table = Table::new().await;
    let [one, two] = &["one", "two"].map(dataset_of);
    table.apply(&acme(&[("ACME", one), ("ACME_EU", two)]), AfterApply::Wait).await.unwrap();
    for mut item in table.items_under("LOCK#TENANT#ACME_EU").await {
        item.insert("integration".to_owned(), AttributeValue::S("other".to_owned()));
        table.put(item).await;
    }
    table.calls.take();
    let begin = Instant::now();
    let refused = table.apply(&acme(&[("ACME", one)]), AfterApply::Wait).await;
    assert!(matches!(refused, Err(ApplyError::Contended)), "{refused:?}");
    assert_eq!(table.calls.take().iter().filter(|call| *call == "Transact").count(), 20);
    assert!(begin.elapsed() >= Duration::from_millis(19 * 50));
}

#[tokio::test]
async fn a_pause_by_hand_outlives_files_and_a_person_who_applies_ends_the_wait_for_a_retry() {
    let table = Table::with_acme().await;
    let failing = Pending { backoff: Backoff { attempts: 9, own_faults: 9 }, retry_at_ms: Some(NOW_MS + 1), ..table.pending().await };
    table.put_pending(&failing).await;
    table.store.pause(&directory()).await.unwrap();
    table.apply(&file("acme", DIRECTORY, "paused"), AfterApply::Wait).await.unwrap();
    assert_eq!(table.pending().await.backoff, failing.backoff);
    table.apply(&file("acme", DIRECTORY, "enforce"), AfterApply::Sync).await.unwrap();
    let pending = table.pending().await;
    assert_eq!((pending.switch, pending.paused_by_hand), (Switch::Paused, true));
    assert_eq!((pending.backoff, pending.retry_at_ms), (Backoff::default(), None));
}

#[tokio::test]
async fn what_is_in_force_tells_who_applied_it() {
    let table = Table::new().await;
    let text = file("acme", DIRECTORY, "simulate");
    assert_eq!(table.apply(&text, AfterApply::Sync).await.unwrap(), Applied::Changed { generation: 1 });
    let in_force = table.store.integration_in_force(&integration()).await.unwrap().unwrap();
    assert_eq!((in_force.file, in_force.directory, in_force.applied_at_ms), (text, directory(), NOW_MS));
    assert_eq!(in_force.applied_by.as_deref(), Some("an operator"));
    assert_eq!(table.store.integration_in_force(&IntegrationId::parse("other").unwrap()).await.unwrap(), None);
}

//! Tenants that leave an integration take along what runs and people knew of them.

use adapters::store::{AfterApply, ApplyError};
use domain::held::{Decision, HeldHash, Verdict};
use domain::tenant_state::TenantState;

use crate::approvals::held;
use crate::table::{DIRECTORY, NOW_MS, Table, dataset_of, file_of, integration, tenant};

fn acme(tenants: &[&str]) -> String {
    let datasets: Vec<String> = tenants.iter().map(|tenant| dataset_of(tenant)).collect();
    let tenants: Vec<(&str, &str)> = tenants.iter().zip(&datasets).map(|(tenant, dataset)| (*tenant, &dataset[..])).collect();
    file_of("acme", DIRECTORY, "enforce", &tenants)
}

/// Two tenants, of which everything is known that there can be.
async fn settled() -> Table {
    let table = Table::new().await;
    table.apply(&acme(&["ACME", "ACME_EU"]), AfterApply::Wait).await.unwrap();
    let state = TenantState { settled_scope: Some("scope".to_owned()), decisions_used_ms: Some(NOW_MS), ..TenantState::default() };
    let decision = Decision { verdict: Verdict::Approved, hash: HeldHash::new("ab"), by: "ann".to_owned(), at_ms: NOW_MS };
    for id in ["ACME", "ACME_EU"] {
        table.store.put_tenant_state(&integration(), &tenant(id), &state).await.unwrap();
        table.store.decide(&integration(), &tenant(id), &decision, 0).await.unwrap();
    }
    table.store.put_held(&integration(), &held(&["ada@acme.com"])).await.unwrap();
    table
}

/// All keys but those of the audit.
async fn keys(table: &Table) -> Vec<String> {
    table.keys_with("").await.into_iter().filter(|key| !key.starts_with("AUDIT#")).collect()
}

#[tokio::test]
async fn a_tenant_that_comes_back_begins_anew_and_the_others_go_on() {
    let table = settled().await;
    table.apply(&acme(&["ACME_EU"]), AfterApply::Wait).await.unwrap();
    let expected = ["APPROVAL#acme/ACME_EU", "INTEGRATIONS/acme", "LOCK#", "LOCK#", "PENDING#", "TENANTS#acme/ACME_EU"];
    let keys = keys(&table).await;
    assert!(keys.len() == expected.len() && keys.iter().zip(expected).all(|(key, begin)| key.starts_with(begin)), "{keys:?}");

    table.apply(&acme(&["ACME", "ACME_EU"]), AfterApply::Wait).await.unwrap();
    let states = table.store.tenant_states(&integration()).await.unwrap();
    assert_eq!(states.keys().collect::<Vec<_>>(), [&tenant("ACME_EU")]);
    assert_eq!(table.store.decision(&integration(), &tenant("ACME")).await.unwrap(), None);
}

#[tokio::test]
async fn a_tenant_that_has_another_dataset_stays() {
    let table = settled().await;
    let other = acme(&["ACME", "ACME_EU"]).replace(&dataset_of("ACME"), &dataset_of("another"));
    let known = async || keys(&table).await.into_iter().filter(|key| key.contains("acme/")).collect::<Vec<_>>();
    let before = known().await;
    table.apply(&other, AfterApply::Wait).await.unwrap();
    assert_eq!(known().await, before);
}

/// No crash can come between the file in force and what is forgotten.
#[tokio::test]
async fn what_is_known_of_a_tenant_ends_with_the_file_at_once() {
    let table = settled().await;
    table.calls.take();
    table.apply(&acme(&["ACME_EU"]), AfterApply::Wait).await.unwrap();
    let calls = table.calls.take();
    let deleted: Vec<&str> = calls.iter().filter_map(|call| call.strip_prefix("Delete ")).collect();
    assert!(deleted.len() == 1 && deleted[0].starts_with("HELD#acme/ACME#"), "{calls:?}");
}

#[tokio::test]
async fn many_tenants_leave_in_steps() {
    let names: Vec<String> = (0..26).map(|n| format!("T{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let table = Table::new().await;
    table.apply(&acme(&names), AfterApply::Wait).await.unwrap();
    let refused = table.apply(&acme(&names[..1]), AfterApply::Wait).await.unwrap_err();
    assert!(matches!(refused, ApplyError::TooManyTenants { n: 25, max: 24 }), "{refused}");
    table.apply(&acme(&names[..2]), AfterApply::Wait).await.unwrap();
    table.apply(&acme(&names[..1]), AfterApply::Wait).await.unwrap();
    assert_eq!(table.keys_with("LOCK#").await.len(), 2);
}

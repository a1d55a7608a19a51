//! The deployment's switch, and what operators did.

use adapters::store::{AuditEntry, Deployment};
use aws_sdk_dynamodb::types::AttributeValue;

use crate::table::{NOW_MS, Table, integration, number};

fn entry(at_ms: i64, action: &str, detail: Option<&str>) -> AuditEntry {
    AuditEntry { at_ms, by: "ann".to_owned(), action: action.to_owned(), detail: detail.map(str::to_owned) }
}

#[tokio::test]
async fn the_deployment_runs_until_somebody_pauses_it_and_the_first_who_did_is_named() {
    let table = Table::new().await;
    assert_eq!(table.store.deployment().await.unwrap(), Deployment::Running);
    table.store.pause_deployment("ann", NOW_MS).await.unwrap();
    table.store.pause_deployment("bea", NOW_MS + 1).await.unwrap();
    assert_eq!(table.store.deployment().await.unwrap(), Deployment::Paused { by: "ann".to_owned(), at_ms: NOW_MS });
    table.store.resume_deployment().await.unwrap();
    table.store.resume_deployment().await.unwrap();
    assert_eq!(table.store.deployment().await.unwrap(), Deployment::Running);
}

#[tokio::test]
async fn a_switch_that_was_put_by_hand_stops_everything_too() {
    let table = Table::new().await;
    let switch = [("pk", "DEPLOYMENT"), ("sk", "SWITCH"), ("at_ms", "now")];
    table.put(switch.map(|(name, text)| (name.to_owned(), AttributeValue::S(text.to_owned()))).into()).await;
    assert_eq!(table.store.deployment().await.unwrap(), Deployment::Paused { by: "unknown".to_owned(), at_ms: 0 });
}

#[tokio::test]
async fn actions_are_listed_the_last_first_and_the_deployments_apart() {
    let table = Table::new().await;
    let (first, second, whole) = (entry(NOW_MS, "pause", None), entry(NOW_MS + 1, "resume", Some("r1")), entry(NOW_MS, "pause", None));
    table.store.audit(Some(&integration()), &first).await.unwrap();
    table.store.audit(Some(&integration()), &second).await.unwrap();
    table.store.audit(None, &whole).await.unwrap();
    assert_eq!(table.store.audits(Some(&integration()), 9).await.unwrap(), [second.clone(), first]);
    assert_eq!(table.store.audits(Some(&integration()), 1).await.unwrap(), [second]);
    assert_eq!(table.store.audits(None, 9).await.unwrap(), [whole]);
    for item in table.items().await {
        assert_eq!(number(&item, "expires_at"), number(&item, "at_ms") / 1_000 + 400 * 86_400);
    }
}

#[tokio::test]
async fn two_actions_of_one_moment_are_two_entries() {
    let table = Table::new().await;
    let entry = entry(NOW_MS, "sync", None);
    table.store.audit(Some(&integration()), &entry).await.unwrap();
    table.store.audit(Some(&integration()), &entry).await.unwrap();
    assert_eq!(table.store.audits(Some(&integration()), 9).await.unwrap().len(), 2);
}

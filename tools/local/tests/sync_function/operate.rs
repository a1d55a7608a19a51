//! What operators do asks for its run and is audited, also where one of the two fails.

use std::collections::BTreeSet;

use domain::held::{HeldHash, HeldHead, Verdict};
use domain::ids::{IntegrationId, RunId, TenantId};
use domain::tenant_state::TenantState;
use sync::{OperateError, Operator};

use super::bench::{Bench, DIRECTORY};

fn acme() -> IntegrationId {
    IntegrationId::parse("acme").unwrap()
}

fn operator(bench: &Bench) -> Operator<'_> {
    Operator { store: &bench.store, queue: &bench.queue, by: "ann" }
}

/// What `ann` did, by the audit, in no order.
async fn audited(bench: &Bench) -> BTreeSet<String> {
    let entries = bench.store.audits(Some(&acme()), 9).await.unwrap();
    entries.into_iter().filter(|entry| entry.by == "ann").map(|entry| entry.action).collect()
}

fn actions<const N: usize>(actions: [&str; N]) -> BTreeSet<String> {
    actions.map(str::to_owned).into()
}

#[tokio::test]
async fn a_sync_whose_message_cannot_be_sent_is_audited() {
    let bench = Bench::with_acme().await;
    bench.queues.refuse("SendMessage", "");
    let told = operator(&bench).sync(&acme()).await;
    assert!(matches!(told, Err(OperateError::Queue(_))), "{told:?}");
    assert_eq!((bench.pending().await.generation, audited(&bench).await), (1, actions(["sync"])));
}

/// Something is held of `acme`; its hash.
async fn held(bench: &Bench) -> HeldHash {
    bench.apply_in("enforce", "acme", DIRECTORY).await;
    let hash = HeldHash::new("0123456789abcdef");
    let head = HeldHead { hash: hash.clone(), n_actions: 6, run: RunId::new("r1"), since_ms: 1, rejected: false };
    let state = TenantState { held: Some(head), ..TenantState::default() };
    bench.store.put_tenant_state(&acme(), &TenantId::parse("ACME").unwrap(), &state).await.unwrap();
    hash
}

#[tokio::test]
async fn an_approval_that_cannot_be_audited_asks_for_its_run() {
    let bench = Bench::empty().await;
    let hash = held(&bench).await;
    bench.dynamodb.refuse("PutItem", "AUDIT#");
    let told = operator(&bench).decide(&acme(), None, hash.as_str(), Verdict::Approved).await;
    assert!(matches!(told, Err(OperateError::Audit(_))), "{told:?}");
    assert_eq!((bench.pending().await.generation, bench.queues.calls("SendMessage").len()), (1, 1));
}

#[tokio::test]
async fn an_approval_whose_run_cannot_be_asked_for_is_audited_and_a_rejection_asks_for_none() {
    let bench = Bench::empty().await;
    let hash = held(&bench).await;
    bench.dynamodb.refuse("UpdateItem", "PENDING#");
    let told = operator(&bench).decide(&acme(), None, hash.as_str(), Verdict::Approved).await;
    assert!(matches!(told, Err(OperateError::NotAsked(_))), "{told:?}");
    let rejected = operator(&bench).decide(&acme(), None, hash.as_str(), Verdict::Rejected).await.unwrap();
    assert_eq!((rejected.already, rejected.generation), (None, None));
    assert_eq!(audited(&bench).await, actions(["approve", "reject"]));
}

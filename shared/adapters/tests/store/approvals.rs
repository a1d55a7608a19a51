//! What is held, and what people decide about it.

use adapters::clock::now_ms;
use adapters::store::{Decided, StoreError};
use domain::guard::HoldReason;
use domain::held::{Decision, HeldAction, HeldHash, HeldSet, Verdict};
use domain::login::Login;
use domain::plan::Verb;
use futures::future::join_all;

use crate::table::{NOW_MS, Table, integration, number, tenant};

/// What is held of the tenant `ACME`.
pub(crate) fn held(logins: &[&str]) -> HeldSet {
    let action = |login: &&str| HeldAction {
        tenant: tenant("ACME"),
        login: Login::as_found(login),
        action: Verb::Remove,
        lost_roles: Default::default(),
        why: HoldReason::OverLimit,
        rejected: false,
        rejected_in_part: false,
    };
    let actions: Vec<HeldAction> = logins.iter().map(action).collect();
    serde_json::from_value(serde_json::to_value(actions).unwrap()).unwrap()
}

fn decision(by: &str, verdict: Verdict, hash: &str, at_ms: i64) -> Decision {
    Decision { verdict, hash: HeldHash::new(hash), by: by.to_owned(), at_ms }
}

async fn decide(table: &Table, decision: &Decision, stale_ms: i64) -> Decided {
    table.store.decide(&integration(), &tenant("ACME"), decision, stale_ms).await.unwrap()
}

#[tokio::test]
async fn what_is_held_comes_back_by_its_hash() {
    let table = Table::new().await;
    let set = held(&["ada@acme.com", "bob@acme.com"]);
    table.store.put_held(&integration(), &set).await.unwrap();
    table.store.put_held(&integration(), &held(&[])).await.unwrap();
    let found = async |id, hash| table.store.held(&integration(), &tenant(id), &hash).await.unwrap();
    assert_eq!(found("ACME", set.hash()).await, Some(set.clone()));
    assert_eq!(found("ACME", held(&["ada@acme.com"]).hash()).await, None);
    assert_eq!(found("OTHER", set.hash()).await, None);
    assert_eq!(table.items().await.len(), 1);
}

#[tokio::test]
async fn what_is_held_does_not_expire_and_what_is_no_longer_held_does() {
    let table = Table::new().await;
    let set = held(&["ada@acme.com"]);
    table.store.put_held(&integration(), &set).await.unwrap();
    assert_eq!(table.items().await[0].get("expires_at"), None, "nobody knows when the next run comes");
    table.store.let_held_expire(&integration(), &set).await.unwrap();
    assert!(number(&table.items().await[0], "expires_at") >= now_ms() / 1_000 + 89 * 86_400);
    assert_eq!(table.store.held(&integration(), &tenant("ACME"), &set.hash()).await.unwrap(), Some(set.clone()));
    table.store.put_held(&integration(), &set).await.unwrap();
    assert_eq!(table.items().await[0].get("expires_at"), None, "held again");
}

#[tokio::test]
async fn a_set_that_has_another_hash_is_not_what_somebody_agreed_to() {
    let table = Table::new().await;
    let (asked, other) = (held(&["ada@acme.com"]), held(&["bob@acme.com"]));
    table.store.put_held(&integration(), &other).await.unwrap();
    let mut item = table.items().await.remove(0);
    let sk = format!("ACME#{}#0000", asked.hash());
    item.insert("sk".to_owned(), aws_sdk_dynamodb::types::AttributeValue::S(sk));
    table.put(item).await;
    let found = table.store.held(&integration(), &tenant("ACME"), &asked.hash()).await;
    assert!(matches!(found, Err(StoreError::Corrupt { attribute: "hash", .. })), "{found:?}");
}

#[tokio::test]
async fn of_operators_who_decide_the_same_at_once_one_did() {
    let table = Table::new().await;
    let decisions: Vec<_> = (0..6).map(|n| decision(&format!("operator-{n}"), Verdict::Approved, "ab", NOW_MS + n)).collect();
    let decided = join_all(decisions.iter().map(|decision| decide(&table, decision, NOW_MS - 1))).await;

    let winners: Vec<_> = decisions.iter().zip(&decided).filter(|(_, decided)| **decided == Decided::Recorded).collect();
    let [(winner, _)] = winners[..] else { panic!("one: {decided:?}") };
    assert_eq!(decided.iter().filter(|decided| **decided == Decided::Already(winner.clone())).count(), 5);
    assert_eq!(table.store.decision(&integration(), &tenant("ACME")).await.unwrap().as_ref(), Some(winner));
}

#[tokio::test]
async fn another_verdict_another_set_and_a_stale_decision_are_decided_anew() {
    let table = Table::new().await;
    let first = decision("ann", Verdict::Rejected, "ab", NOW_MS);
    assert_eq!(decide(&table, &first, 0).await, Decided::Recorded);
    assert_eq!(decide(&table, &decision("bea", Verdict::Rejected, "ab", NOW_MS + 1), NOW_MS - 1).await, Decided::Already(first));
    for (next, stale_ms) in [
        (decision("bea", Verdict::Approved, "ab", NOW_MS + 1), 0),
        (decision("bea", Verdict::Approved, "cd", NOW_MS + 2), 0),
        (decision("cem", Verdict::Approved, "cd", NOW_MS + 3), NOW_MS + 2),
    ] {
        assert_eq!(decide(&table, &next, stale_ms).await, Decided::Recorded);
        assert_eq!(table.store.decision(&integration(), &tenant("ACME")).await.unwrap(), Some(next));
    }
}

#[tokio::test]
async fn a_decision_that_arrives_twice_is_recorded() {
    let table = Table::new().await;
    let decision = decision("ann", Verdict::Approved, "ab", NOW_MS);
    assert_eq!(decide(&table, &decision, 0).await, Decided::Recorded);
    assert_eq!(decide(&table, &decision, 0).await, Decided::Recorded);
}

#[tokio::test]
async fn decisions_are_listed_by_tenant() {
    let table = Table::new().await;
    let [a, b] = ["ann", "bea"].map(|by| decision(by, Verdict::Approved, "ab", NOW_MS));
    table.store.decide(&integration(), &tenant("B"), &b, 0).await.unwrap();
    table.store.decide(&integration(), &tenant("A"), &a, 0).await.unwrap();
    let listed: Vec<_> = table.store.decisions(&integration()).await.unwrap().into_iter().collect();
    assert_eq!(listed, [(tenant("A"), a), (tenant("B"), b)]);
    assert_eq!(table.store.decision(&integration(), &tenant("C")).await.unwrap(), None);
}

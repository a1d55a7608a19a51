//! The snapshot explains, and knows people again; it never stands in the way.

use std::collections::{BTreeMap, BTreeSet};

use adapters::store::AfterApply;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::ids::{GroupId, UserId};
use domain::login::Login;
use domain::snapshot::{SeenUser, Snapshot};

use crate::table::{DIRECTORY, NOW_MS, Table, file, integration, run, text};

pub(crate) fn snapshot(logins: &[&str]) -> Snapshot {
    let user = |login: &&str| {
        let seen = SeenUser {
            idp_id: Some(format!("idp-{login}")),
            login: Some(Login::as_found(login)),
            formerly: BTreeSet::new(),
            active: true,
            groups: BTreeSet::from([GroupId::new("g1")]).into(),
        };
        (UserId::new(format!("user-{login}")), seen)
    };
    Snapshot {
        v: 1,
        run: run("r1"),
        at_ms: NOW_MS,
        groups: BTreeMap::from([(GroupId::new("g1"), "ORG_user".to_owned())]),
        users: logins.iter().map(user).collect(),
        findings: Vec::new(),
    }
}

/// A snapshot of several chunks.
pub(crate) fn large(seed: u64) -> Snapshot {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        format!("{state:016x}")
    };
    let logins: Vec<String> = (0..24_000).map(|_| format!("{}{}@acme.com", next(), next())).collect();
    snapshot(&logins.iter().map(String::as_str).collect::<Vec<_>>())
}

#[tokio::test]
async fn a_snapshot_comes_back_until_the_next_takes_its_place() {
    let table = Table::new().await;
    assert_eq!(table.store.snapshot(&integration()).await.unwrap(), None);
    for taken in [large(1), snapshot(&["ada@acme.com"]), snapshot(&[])] {
        table.store.put_snapshot(&integration(), &taken).await.unwrap();
        assert!(table.store.snapshot(&integration()).await.unwrap() == Some(taken));
    }
    let [item] = &table.items_under("SNAPSHOT#acme").await[..] else { panic!("a small one is one item") };
    assert_eq!((text(item, "sk"), item.get("expires_at")), ("snapshot#0000", None), "nobody knows when the next run comes");
}

#[tokio::test]
async fn a_write_that_fails_midway_leaves_the_snapshot_before_and_the_next_one_tidies_up() {
    let table = Table::new().await;
    table.store.put_snapshot(&integration(), &large(1)).await.unwrap();
    let n_chunks = table.items_under("SNAPSHOT#acme").await.len();
    assert!(n_chunks > 1);
    for nth in 1..=n_chunks {
        table.calls.fail(nth, "Put SNAPSHOT#acme/");
        table.store.put_snapshot(&integration(), &large(2)).await.unwrap_err();
        assert!(table.store.snapshot(&integration()).await.unwrap() == Some(large(1)), "chunk {nth}");
    }
    table.store.put_snapshot(&integration(), &large(3)).await.unwrap();
    assert!(table.store.snapshot(&integration()).await.unwrap() == Some(large(3)));
    assert_eq!(table.items_under("SNAPSHOT#acme").await.len(), n_chunks);
}

#[tokio::test]
async fn a_torn_snapshot_is_none() {
    let table = Table::new().await;
    table.store.put_snapshot(&integration(), &large(1)).await.unwrap();
    let torn = table.items_under("SNAPSHOT#acme").await.into_iter().find(|item| text(item, "sk") != "snapshot#0000");
    table.delete(torn.unwrap()).await;
    assert_eq!(table.store.snapshot(&integration()).await.unwrap(), None);
}

#[tokio::test]
async fn a_snapshot_that_cannot_be_read_or_is_of_another_version_is_none() {
    let table = Table::with_acme().await;
    table.store.put_snapshot(&integration(), &Snapshot { v: 2, ..snapshot(&[]) }).await.unwrap();
    assert_eq!(table.store.snapshot(&integration()).await.unwrap(), None);
    let mut item = table.items_under("SNAPSHOT#acme").await.remove(0);
    item.insert("chunk".to_owned(), AttributeValue::S("text".to_owned()));
    table.put(item).await;
    assert_eq!(table.store.snapshot(&integration()).await.unwrap(), None);
    table.apply(&file("acme", DIRECTORY, "enforce"), AfterApply::Wait).await.unwrap();
}

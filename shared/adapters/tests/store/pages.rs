//! More than one answer of DynamoDB holds.

use adapters::store::AfterApply;
use domain::ids::DirectoryId;
use futures::{StreamExt, stream};

use crate::table::{Table, file};

/// More than BatchGetItem takes at once.
const N_INTEGRATIONS: usize = 120;
/// A comment that makes the files of all of them more than one page of Query, 1 MB, however few attributes are asked for.
const COMMENT_BYTES: usize = 12_000;

#[tokio::test]
async fn every_integration_is_found_however_many_there_are() {
    let table = Table::new().await;
    let comment = "x".repeat(COMMENT_BYTES);
    let files =
        (0..N_INTEGRATIONS).map(|n| format!("# {comment}\n{}", file(&format!("acme-{n:03}"), &format!("directory_{n:03}"), "simulate")));
    let applied = stream::iter(files).for_each_concurrent(8, async |file| {
        table.apply(&file, AfterApply::Wait).await.unwrap();
    });
    applied.await;

    let integrations = table.integrations().await;
    let ids: Vec<&str> = integrations.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(ids, (0..N_INTEGRATIONS).map(|n| format!("acme-{n:03}")).collect::<Vec<_>>());

    let directories: Vec<DirectoryId> = integrations.into_iter().map(|(_, directory)| directory).rev().collect();
    let pending = table.store.pending(&directories).await.unwrap();
    let found: Vec<&DirectoryId> = pending.iter().map(|pending| &pending.directory).collect();
    assert_eq!(found, directories.iter().rev().collect::<Vec<_>>(), "by integration");
}

//! Taking an integration out of force, with everything that is kept for its next run.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, Delete, TransactWriteItem, Update};
use domain::ids::IntegrationId;

use super::apply::WRITES_MAX;
use super::integrations::{Stored, integration_key};
use super::item::Item;
use super::pending::pending_key;
use super::{Attributes, AuditEntry, Store, StoreError, approvals, held, n, snapshot, tenants};
use crate::aws::AwsError;
use crate::clock::now_ms;

const OPERATION: &str = "dynamodb:TransactWriteItems to remove an integration";
/// How often a removal looks again when something changed meanwhile, and how long it waits before.
const TRIES_MAX: u32 = 10;
const WAIT: Duration = Duration::from_millis(50);
/// Writes that are not about locks: the file, the pending item, and the audit's.
const WRITES_BESIDE_LOCKS: usize = 3;

/// What became of a removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removed {
    /// The integration is no more.
    Done,
    /// There is none of this id. What an earlier removal may have left behind is deleted.
    Unknown,
    /// A run is at work, so nothing was removed: pause the integration, and try again when it has ended.
    Running,
}

/// Why an integration was not removed, or not all of it.
#[derive(Debug, thiserror::Error)]
pub enum RemoveError {
    /// No run of it begins any more, and the audit says so, but not all that was kept of it could be deleted: remove it again.
    #[error("it is removed, but not all that was kept of it: remove it again")]
    Left(#[source] StoreError),
    /// The table could not be used. Nothing has changed then, unless DynamoDB did all of it and its answer was lost.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What became of one try.
enum Tried {
    Ended(Removed),
    /// No run begins any more, and some of the locks are given back. The file stays with the others, which do not fit into one transaction.
    Begun,
    /// An item changed between the look at it and the write.
    Changed,
}

impl Store {
    /// Takes an integration out of force, in the name of `by`: its file, its pending work, its locks, the states of its tenants, what is held,
    /// the decisions about it and the snapshot. Run records and the audit, which tells of it, stay until they expire. No account in Orgvue is
    /// touched.
    ///
    /// # Errors
    /// [`RemoveError`].
    pub async fn remove(&self, id: &IntegrationId, by: &str) -> Result<Removed, RemoveError> {
        let mut failed: fn(StoreError) -> RemoveError = RemoveError::Store;
        for _ in 0..TRIES_MAX {
            match self.try_to_remove(id, by).await.map_err(failed)? {
                Tried::Ended(Removed::Running) => return Ok(Removed::Running),
                Tried::Ended(removed @ (Removed::Done | Removed::Unknown)) => {
                    self.delete_left(id).await.map_err(RemoveError::Left)?;
                    return Ok(removed);
                }
                Tried::Begun => failed = RemoveError::Left,
                Tried::Changed => tokio::time::sleep(WAIT).await,
            }
        }
        Err(failed(StoreError::Contended { key: format!("INTEGRATIONS/{id}") }))
    }

    async fn try_to_remove(&self, id: &IntegrationId, by: &str) -> Result<Tried, StoreError> {
        let Some(item) = self.integration_item(id).await? else { return Ok(Tried::Ended(Removed::Unknown)) };
        let Stored { directory, revision, mut locks, .. } = Stored::read(&item)?;
        let now_ms = now_ms();
        let mark = self.get("dynamodb:GetItem of a pending item", pending_key(&directory)).await?;
        let mark = mark.as_ref().map(Item).filter(|mark| mark.opt_text("integration") == Some(id.as_str()));
        if mark.as_ref().is_some_and(|mark| mark.opt_number("lease_until_ms").ok().flatten().is_some_and(|until: i64| until > now_ms)) {
            return Ok(Tried::Ended(Removed::Running));
        }
        let rest = match locks.iter().nth(WRITES_MAX - WRITES_BESIDE_LOCKS).cloned() {
            Some(first) => locks.split_off(&first),
            None => BTreeSet::new(),
        };
        let file = if rest.is_empty() { self.delete_file(id, revision)? } else { self.keep_locks(id, revision, &rest)? };
        let entry = AuditEntry { at_ms: now_ms, by: by.to_owned(), action: "remove".to_owned(), detail: None };
        let mut writes = vec![file, self.audit_with(id, &entry)?];
        if mark.is_some() {
            writes.push(self.delete_mark(&directory, id, None, now_ms)?);
        }
        for pk in &locks {
            writes.push(self.drop_lock(pk, id)?);
        }
        Ok(match self.write_at_once(OPERATION, writes).await? {
            false => Tried::Changed,
            true if rest.is_empty() => Tried::Ended(Removed::Done),
            true => Tried::Begun,
        })
    }

    async fn delete_left(&self, id: &IntegrationId) -> Result<(), StoreError> {
        // The decisions first: a tenant's state says which of them is used up.
        for pk in [approvals::partition(id), tenants::partition(id), held::partition(id), snapshot::partition(id)] {
            self.delete_partition("dynamodb:DeleteItem of what an integration had", &pk).await?;
        }
        Ok(())
    }

    fn delete_file(&self, id: &IntegrationId, revision: Option<u64>) -> Result<TransactWriteItem, AwsError> {
        let (unchanged, seen) = unchanged(revision);
        let delete = Delete::builder().table_name(&self.table).set_key(Some(integration_key(id)));
        let delete = delete.condition_expression(unchanged).set_expression_attribute_values(seen);
        Ok(TransactWriteItem::builder().delete(delete.build().map_err(AwsError::of(OPERATION))?).build())
    }

    /// The file has these locks alone from now on.
    fn keep_locks(&self, id: &IntegrationId, revision: Option<u64>, locks: &BTreeSet<String>) -> Result<TransactWriteItem, AwsError> {
        let (unchanged, seen) = unchanged(revision);
        let update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(integration_key(id)))
            .update_expression("SET #locks = :locks, revision = :next")
            .expression_attribute_names("#locks", "locks")
            .condition_expression(unchanged)
            .set_expression_attribute_values(seen)
            .expression_attribute_values(":locks", AttributeValue::Ss(locks.iter().cloned().collect()))
            .expression_attribute_values(":next", n(revision.unwrap_or(0) + 1));
        Ok(TransactWriteItem::builder().update(update.build().map_err(AwsError::of(OPERATION))?).build())
    }
}

/// The condition that the file is as it was seen, and its values.
fn unchanged(revision: Option<u64>) -> (&'static str, Option<Attributes>) {
    match revision {
        None => ("attribute_exists(pk) AND attribute_not_exists(revision)", None),
        Some(revision) => ("revision = :seen", Some([(":seen".to_owned(), n(revision))].into())),
    }
}

//! Taking an integration out of force, with everything that is kept for its next run.

use std::time::Duration;

use aws_sdk_dynamodb::types::{Delete, TransactWriteItem};
use domain::ids::IntegrationId;

use super::apply::WRITES_MAX;
use super::integrations::{Stored, integration_key};
use super::item::Item;
use super::pending::pending_key;
use super::{AuditEntry, Store, StoreError, approvals, held, n, snapshot, tenants};
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
    /// It is no more, and the audit says so, but not all that was kept of it could be deleted: remove it again.
    #[error("it is removed, but not all that was kept of it: remove it again")]
    Left(#[source] StoreError),
    /// The table could not be used. Nothing has changed then, unless DynamoDB did all of it and its answer was lost.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// Takes an integration out of force, in the name of `by`: its file, its pending work, its locks, the states of its tenants, what is held,
    /// the decisions about it and the snapshot. Run records and the audit, which tells of it, stay until they expire. No account in Orgvue is
    /// touched.
    ///
    /// # Errors
    /// [`RemoveError`].
    pub async fn remove(&self, id: &IntegrationId, by: &str) -> Result<Removed, RemoveError> {
        for _ in 0..TRIES_MAX {
            match self.try_to_remove(id, by).await? {
                Some((Removed::Running, _)) => return Ok(Removed::Running),
                Some((removed @ (Removed::Done | Removed::Unknown), locks)) => {
                    self.delete_left(id, &locks).await.map_err(RemoveError::Left)?;
                    return Ok(removed);
                }
                None => tokio::time::sleep(WAIT).await,
            }
        }
        Err(StoreError::Contended { key: format!("INTEGRATIONS/{id}") }.into())
    }

    /// What becomes of it, and the locks that are left to drop; `None` when an item changed between the look at it and the write.
    async fn try_to_remove(&self, id: &IntegrationId, by: &str) -> Result<Option<(Removed, Vec<TransactWriteItem>)>, StoreError> {
        let Some(item) = self.integration_item(id).await? else { return Ok(Some((Removed::Unknown, Vec::new()))) };
        let Stored { directory, revision, locks, .. } = Stored::read(&item)?;
        let now_ms = now_ms();
        let mark = self.get("dynamodb:GetItem of a pending item", pending_key(&directory)).await?;
        let mark = mark.as_ref().map(Item).filter(|mark| mark.opt_text("integration") == Some(id.as_str()));
        if mark.as_ref().is_some_and(|mark| mark.opt_number("lease_until_ms").ok().flatten().is_some_and(|until: i64| until > now_ms)) {
            return Ok(Some((Removed::Running, Vec::new())));
        }
        let entry = AuditEntry { at_ms: now_ms, by: by.to_owned(), action: "remove".to_owned(), detail: None };
        let mut writes = vec![self.delete_file(id, revision)?, self.audit_with(id, &entry)?];
        if mark.is_some() {
            writes.push(self.delete_mark(&directory, id, None, now_ms)?);
        }
        // Locks beyond one transaction follow it. Should they not, a later application of the same integration has them again.
        let mut locks = locks.iter().map(|pk| self.drop_lock(pk, id)).collect::<Result<Vec<_>, _>>()?;
        let more = locks.split_off(locks.len().min(WRITES_MAX - WRITES_BESIDE_LOCKS));
        writes.extend(locks);
        Ok(self.write_at_once(OPERATION, writes).await?.then_some((Removed::Done, more)))
    }

    async fn delete_left(&self, id: &IntegrationId, locks: &[TransactWriteItem]) -> Result<(), StoreError> {
        for locks in locks.chunks(WRITES_MAX) {
            self.write_at_once(OPERATION, locks.to_vec()).await?;
        }
        // The decisions first: a tenant's state says which of them is used up.
        for pk in [approvals::partition(id), tenants::partition(id), held::partition(id), snapshot::partition(id)] {
            self.delete_partition("dynamodb:DeleteItem of what an integration had", &pk).await?;
        }
        Ok(())
    }

    fn delete_file(&self, id: &IntegrationId, revision: Option<u64>) -> Result<TransactWriteItem, AwsError> {
        let delete = Delete::builder().table_name(&self.table).set_key(Some(integration_key(id)));
        let delete = match revision {
            None => delete.condition_expression("attribute_exists(pk) AND attribute_not_exists(revision)"),
            Some(revision) => delete.condition_expression("revision = :seen").expression_attribute_values(":seen", n(revision)),
        };
        Ok(TransactWriteItem::builder().delete(delete.build().map_err(AwsError::of(OPERATION))?).build())
    }
}

//! Taking an integration out of force, with everything that is kept for its next run.

use std::time::Duration;

use aws_sdk_dynamodb::types::{Delete, TransactWriteItem};
use domain::ids::IntegrationId;

use super::apply::WRITES_MAX;
use super::integrations::{Stored, integration_key};
use super::item::Item;
use super::pending::pending_key;
use super::{Store, StoreError, approvals, held, n, snapshot, tenants};
use crate::aws::AwsError;
use crate::clock::now_ms;

const OPERATION: &str = "dynamodb:TransactWriteItems to remove an integration";
/// How often a removal looks again when something changed meanwhile, and how long it waits before.
const TRIES_MAX: u32 = 10;
const WAIT: Duration = Duration::from_millis(50);
/// Writes that are not about locks: the file and the pending item.
const WRITES_BESIDE_LOCKS: usize = 2;

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

impl Store {
    /// Takes an integration out of force: its file, its pending work, its locks, the states of its tenants, what is held, the decisions
    /// about it and the snapshot. Run records and the audit stay until they expire. No account in Orgvue is touched.
    ///
    /// # Errors
    /// [`StoreError`]: some of it may be left; remove it again.
    pub async fn remove(&self, id: &IntegrationId) -> Result<Removed, StoreError> {
        for _ in 0..TRIES_MAX {
            match self.try_to_remove(id).await? {
                Some(Removed::Running) => return Ok(Removed::Running),
                Some(removed @ (Removed::Done | Removed::Unknown)) => {
                    // The decisions first: a tenant's state says which of them is used up.
                    for pk in [approvals::partition(id), tenants::partition(id), held::partition(id), snapshot::partition(id)] {
                        self.delete_partition("dynamodb:DeleteItem of what an integration had", &pk).await?;
                    }
                    return Ok(removed);
                }
                None => tokio::time::sleep(WAIT).await,
            }
        }
        Err(StoreError::Contended { key: format!("INTEGRATIONS/{id}") })
    }

    /// `None` when an item changed between the look at it and the write.
    async fn try_to_remove(&self, id: &IntegrationId) -> Result<Option<Removed>, StoreError> {
        let Some(item) = self.integration_item(id).await? else { return Ok(Some(Removed::Unknown)) };
        let Stored { directory, revision, locks, .. } = Stored::read(&item)?;
        let now_ms = now_ms();
        let mark = self.get("dynamodb:GetItem of a pending item", pending_key(&directory)).await?;
        let mark = mark.as_ref().map(Item).filter(|mark| mark.opt_text("integration") == Some(id.as_str()));
        if mark.as_ref().is_some_and(|mark| mark.opt_number("lease_until_ms").ok().flatten().is_some_and(|until: i64| until > now_ms)) {
            return Ok(Some(Removed::Running));
        }
        let mut writes = vec![self.delete_file(id, revision)?];
        if mark.is_some() {
            writes.push(self.delete_mark(&directory, id, now_ms)?);
        }
        // Locks beyond one transaction follow it. Should they not, a later application of the same integration has them again.
        let mut locks = locks.iter().map(|pk| self.drop_lock(pk, id)).collect::<Result<Vec<_>, _>>()?;
        let more = locks.split_off(locks.len().min(WRITES_MAX - WRITES_BESIDE_LOCKS));
        writes.extend(locks);
        if !self.write_at_once(OPERATION, writes).await? {
            return Ok(None);
        }
        for locks in more.chunks(WRITES_MAX) {
            self.write_at_once(OPERATION, locks.to_vec()).await?;
        }
        Ok(Some(Removed::Done))
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

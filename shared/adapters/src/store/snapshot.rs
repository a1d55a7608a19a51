//! What the last read of a directory saw, kept to explain it and to know people again who have another address.

use domain::ids::IntegrationId;
use domain::snapshot::Snapshot;

use super::chunks::Place;
use super::{Store, StoreError};

/// The version of the format that is read.
const VERSION: u8 = 1;
/// The only sort key, but for the numbers of the chunks.
pub(super) const SORT_KEY: &str = "snapshot";

impl Store {
    /// Stores a snapshot in the place of the one before. It does not expire: it alone tells the next run, whenever that is, that somebody
    /// who is blocked has another address now, or whose account one under a former address is.
    ///
    /// # Errors
    /// [`StoreError`]: the one before is there still.
    pub async fn put_snapshot(&self, integration: &IntegrationId, snapshot: &Snapshot) -> Result<(), StoreError> {
        self.put_chunks(&partition(integration), SORT_KEY, snapshot, None, Place::Overwrite).await
    }

    /// The last snapshot. One that cannot be read is none: it must never stand in a run's way.
    ///
    /// # Errors
    /// [`StoreError`] if DynamoDB did not answer.
    pub async fn snapshot(&self, integration: &IntegrationId) -> Result<Option<Snapshot>, StoreError> {
        let snapshot: Option<Snapshot> = match self.chunks(&partition(integration), SORT_KEY).await {
            Err(StoreError::Corrupt { .. }) => {
                tracing::warn!(integration.id = %integration, "the snapshot cannot be read; it is taken for none");
                None
            }
            other => other?,
        };
        Ok(snapshot.filter(|snapshot| snapshot.v == VERSION))
    }
}

pub(super) fn partition(integration: &IntegrationId) -> String {
    format!("SNAPSHOT#{integration}")
}

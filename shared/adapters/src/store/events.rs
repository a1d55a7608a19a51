//! That a webhook came: for people who ask whether it did. Never read before deciding anything.

use domain::ids::{DirectoryId, EventId};

use super::{Store, StoreError, key, n, s};
use crate::aws::AwsError;

/// How long events are kept: 30 days, as long as WorkOS itself can show them.
const KEPT_SECONDS: i64 = 30 * 86_400;

/// One webhook, without any of its personal data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRecord {
    /// WorkOS's id of the event; the same if it is delivered again.
    pub id: EventId,
    /// Such as `dsync.user.updated`.
    pub kind: String,
    /// The directory.
    pub directory: DirectoryId,
    /// When it was received, in milliseconds since 1970.
    pub received_at_ms: i64,
}

impl Store {
    /// Records an event.
    ///
    /// # Errors
    /// [`StoreError`]: nothing depends on it.
    pub async fn put_event(&self, event: &EventRecord) -> Result<(), StoreError> {
        self.client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(key(format!("EVENT#{}", event.id), "EVENT")))
            .item("kind", s(&event.kind))
            .item("directory", s(event.directory.as_str()))
            .item("received_at_ms", n(event.received_at_ms))
            .item("expires_at", n(event.received_at_ms / 1_000 + KEPT_SECONDS))
            .send()
            .await
            .map_err(AwsError::of("dynamodb:PutItem of an event"))?;
        Ok(())
    }
}

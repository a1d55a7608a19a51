//! That a webhook came: for people who ask whether it did. Never read before deciding anything.

use domain::ids::{DirectoryId, EventId};
use futures::future::try_join_all;

use super::item::Item;
use super::{Store, StoreError, by_time, key, n, s, spread};
use crate::aws::AwsError;

/// How long events are kept: 30 days, as long as WorkOS itself can show them.
const KEPT_SECONDS: i64 = 30 * 86_400;
/// Partitions of one directory: a burst of thousands of events in a second is within the limits of eight.
const SHARDS: u64 = 8;

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
        let EventRecord { id, kind, directory, received_at_ms } = event;
        let shard = spread(id.as_str()) % SHARDS;
        self.client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(key(partition(directory, shard), by_time(*received_at_ms, id.as_str()))))
            .item("event", s(id.as_str()))
            .item("kind", s(kind))
            .item("received_at_ms", n(received_at_ms))
            .item("expires_at", n(received_at_ms / 1_000 + KEPT_SECONDS))
            .send()
            .await
            .map_err(AwsError::of("dynamodb:PutItem of an event"))?;
        Ok(())
    }

    /// The last so many events of a directory, the last one first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn events(&self, directory: &DirectoryId, limit: usize) -> Result<Vec<EventRecord>, StoreError> {
        let shards =
            (0..SHARDS).map(|shard| async move { self.last("dynamodb:Query of events", &partition(directory, shard), limit).await });
        let items = try_join_all(shards).await?;
        let read = |item| {
            let item = Item(item);
            Ok(EventRecord {
                id: EventId::new(item.text("event")?),
                kind: item.text("kind")?.to_owned(),
                directory: directory.clone(),
                received_at_ms: item.number("received_at_ms")?,
            })
        };
        let mut events: Vec<EventRecord> = items.iter().flatten().map(read).collect::<Result<_, StoreError>>()?;
        events.sort_by(|a, b| (b.received_at_ms, &b.id).cmp(&(a.received_at_ms, &a.id)));
        events.truncate(limit);
        Ok(events)
    }
}

fn partition(directory: &DirectoryId, shard: u64) -> String {
    format!("EVENT#{directory}#{shard}")
}

//! Integrations as applied: the files themselves, and the directory each one owns.

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{Put, TransactWriteItem, Update};
use domain::delays::Delays;
use domain::ids::{DirectoryId, IntegrationId};
use domain::integration::{Integration, Mode};
use domain::pending::Switch;

use super::item::Item;
use super::pending::pending_key;
use super::{Store, StoreError, key, n, s};
use crate::aws::AwsError;

const PARTITION: &str = "INTEGRATIONS";
/// How often an application looks again when the pending item changed meanwhile. Each look costs as much as the first.
const TRIES_MAX: u32 = 20;

/// Whether an integration that is put in force asks for a sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterApply {
    /// It does, as a change of configuration should.
    Sync,
    /// It waits for the first event, or for the look for drift.
    Wait,
}

/// What became of an integration file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// It is in force. If a sync was asked for, one of this generation is owed: send the message.
    Changed {
        /// The generation.
        generation: u64,
    },
    /// It was in force already; nothing was written.
    Unchanged,
}

/// Why an integration was not applied.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The directory belongs to another integration.
    #[error("directory {directory} belongs to another integration: remove that one first, or correct the directory")]
    DirectoryTaken {
        /// The directory.
        directory: DirectoryId,
    },
    /// Others kept writing the same item.
    #[error("others are changing the integration at this moment: apply it again")]
    Contended,
    /// The table could not be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// Puts an integration file in force. A pause in the file pauses the integration, and its end resumes it; a suspension stays.
    ///
    /// # Errors
    /// [`ApplyError`]; nothing has changed then.
    pub async fn apply(
        &self,
        integration: &Integration,
        file: &str,
        after: AfterApply,
        now_ms: i64,
        delays: &Delays,
    ) -> Result<Applied, ApplyError> {
        let mut tries_left = TRIES_MAX;
        loop {
            tries_left -= 1;
            match self.try_to_apply(integration, file, after, now_ms, delays).await? {
                Some(applied) => return Ok(applied),
                None if tries_left > 0 => {}
                None => return Err(ApplyError::Contended),
            }
        }
    }

    /// `None` when the item changed between the look at it and the write, or was being written: look again.
    async fn try_to_apply(
        &self,
        integration: &Integration,
        file: &str,
        after: AfterApply,
        now_ms: i64,
        delays: &Delays,
    ) -> Result<Option<Applied>, ApplyError> {
        let operation = "dynamodb:TransactWriteItems to apply an integration";
        let before = self.pending(std::slice::from_ref(&integration.directory)).await?.pop();
        let in_force = self.integration_file(&integration.id).await?;
        if before.is_some() && in_force.as_deref() == Some(file) {
            return Ok(Some(Applied::Unchanged));
        }
        if before.as_ref().is_some_and(|pending| pending.integration != integration.id) {
            return Err(ApplyError::DirectoryTaken { directory: integration.directory.clone() });
        }
        let switch = match (integration.mode, before.as_ref().map(|pending| pending.switch)) {
            (_, Some(Switch::Suspended)) => Switch::Suspended,
            (Mode::Paused, _) => Switch::Paused,
            (Mode::Simulate | Mode::Enforce, _) => Switch::Live,
        };
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(key(PARTITION, integration.id.as_str())))
            .item("file", s(file))
            .item("directory", s(integration.directory.as_str()))
            .item("applied_at_ms", n(now_ms));
        // The caller that asks for a sync sends its message: the sweep need not send another at once.
        let (asked, nudge) = match after {
            AfterApply::Sync => (1, ", nudged_at_ms = :now"),
            AfterApply::Wait => (0, ""),
        };
        let mut update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(pending_key(&integration.directory)))
            .update_expression(format!(
                "SET integration = :integration, directory = :directory, #switch = :switch, \
                 reconciled_generation = if_not_exists(reconciled_generation, :zero), \
                 #attempts = if_not_exists(#attempts, :zero), \
                 next_drift_ms = if_not_exists(next_drift_ms, :drift){nudge} \
                 ADD #generation :asked"
            ))
            .condition_expression("attribute_not_exists(pk) OR (integration = :integration AND #switch = :seen)")
            .expression_attribute_names("#switch", "switch")
            .expression_attribute_names("#attempts", "attempts")
            .expression_attribute_names("#generation", "generation")
            .expression_attribute_values(":integration", s(integration.id.as_str()))
            .expression_attribute_values(":directory", s(integration.directory.as_str()))
            .expression_attribute_values(":switch", s(switch.as_str()))
            .expression_attribute_values(":seen", s(before.as_ref().map_or(switch, |pending| pending.switch).as_str()))
            .expression_attribute_values(":zero", n(0))
            .expression_attribute_values(":asked", n(asked))
            .expression_attribute_values(":drift", n(first_drift(&integration.id, now_ms, delays)));
        if !nudge.is_empty() {
            update = update.expression_attribute_values(":now", n(now_ms));
        }
        let writes = [
            TransactWriteItem::builder().put(put.build().map_err(AwsError::of(operation)).map_err(StoreError::from)?).build(),
            TransactWriteItem::builder().update(update.build().map_err(AwsError::of(operation)).map_err(StoreError::from)?).build(),
        ];
        match self.client.transact_write_items().set_transact_items(Some(writes.into())).send().await {
            Ok(_) => {}
            Err(SdkError::ServiceError(error)) if matches!(error.err(), TransactWriteItemsError::TransactionCanceledException(_)) => {
                return Ok(None);
            }
            Err(error) => return Err(StoreError::from(AwsError::of(operation)(error)).into()),
        }
        let generation = self.pending(std::slice::from_ref(&integration.directory)).await?.pop().map_or(1, |pending| pending.generation);
        Ok(Some(Applied::Changed { generation }))
    }

    /// The file of an integration that is in force.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn integration_file(&self, id: &IntegrationId) -> Result<Option<String>, StoreError> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key(PARTITION, id.as_str())))
            .consistent_read(true)
            .send()
            .await
            .map_err(AwsError::of("dynamodb:GetItem of an integration"))?;
        answer.item.map(|item| Item(&item).text("file").map(str::to_owned)).transpose()
    }

    /// Every integration and its directory, for those who can go on without one that is corrupt.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn each_integration(&self) -> Result<Vec<Result<(IntegrationId, DirectoryId), StoreError>>, StoreError> {
        let items = self.query("dynamodb:Query of the integrations", PARTITION.to_owned(), "").await?;
        let read = |item| {
            let item = Item(item);
            let id = item.parsed("sk", |text| IntegrationId::parse(text).ok())?;
            Ok((id, item.parsed("directory", |text| DirectoryId::parse(text).ok())?))
        };
        Ok(items.iter().map(read).collect())
    }
}

/// The first look for drift, spread evenly over the interval so that integrations applied together do not run together.
fn first_drift(id: &IntegrationId, now_ms: i64, delays: &Delays) -> i64 {
    let spread = id.as_str().bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let offset = spread % delays.drift_ms.unsigned_abs().max(1);
    now_ms + delays.drift_ms / 2 + i64::try_from(offset).unwrap_or(0) / 2
}

//! Putting an integration file in force: one transaction over the file, the pending item and the locks.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, TransactWriteItem, Update};
use domain::delays::Delays;
use domain::ids::{DatasetId, DirectoryId, IntegrationId, TenantId};
use domain::integration::Integration;
use domain::pending::Pending;

use super::integrations::{Stored, integration_key};
use super::locks::Lock;
use super::pending::pending_key;
use super::{Store, StoreError, n, s, spread};
use crate::aws::AwsError;

const OPERATION: &str = "dynamodb:TransactWriteItems to apply an integration";
/// How often an application looks again when something changed meanwhile. Each look costs as much as the first.
const TRIES_MAX: u32 = 20;
/// [Most writes of one transaction](https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html).
pub(super) const WRITES_MAX: usize = 100;
/// Those that are not about locks: the file, the pending item, and that of a former directory.
const WRITES_BESIDE_LOCKS: usize = 3;
/// A tenant has two locks.
const TENANTS_MAX: usize = (WRITES_MAX - WRITES_BESIDE_LOCKS) / 2;

/// Whether an integration that is put in force asks for a sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterApply {
    /// It does, as a change of configuration should; whatever waits for a retry is tried then.
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
    /// A tenant belongs to another integration.
    #[error("tenant {tenant} belongs to the integration {by}: take it out of that one first, or correct the tenant")]
    TenantTaken {
        /// The tenant.
        tenant: TenantId,
        /// Whose it is.
        by: IntegrationId,
    },
    /// A dataset belongs to another integration.
    #[error("dataset {dataset} belongs to the integration {by}: take it out of that one first, or correct the dataset")]
    DatasetTaken {
        /// The dataset.
        dataset: DatasetId,
        /// Whose it is.
        by: IntegrationId,
    },
    /// More tenants come and go than one transaction holds.
    #[error("{n} tenants would be added or taken away at once, and {max} can be: apply the file in several steps")]
    TooManyTenants {
        /// How many.
        n: usize,
        /// How many there may be.
        max: usize,
    },
    /// Others kept writing the same items, or a run is at work on the directory of before.
    #[error("others are changing the integration at this moment, or a run is at work on its former directory: apply it again")]
    Contended,
    /// The table could not be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is to be put in force.
struct Application<'a> {
    integration: &'a Integration,
    file: &'a str,
    after: AfterApply,
    by: &'a str,
    now_ms: i64,
    delays: &'a Delays,
}

/// What stands in the table.
struct Before {
    stored: Option<Stored>,
    /// The mark of the directory that the file names.
    pending: Option<Pending>,
    /// The mark of the directory of before, if that is another one.
    former: Option<Pending>,
}

impl Store {
    /// Puts an integration file in force, in the name of `by`.
    ///
    /// A pause in the file pauses the integration, and its end resumes it; what a person paused stays so, and so does a suspension. The
    /// integration's tenants and datasets are its own from then on, and those that the file no longer names are free. A change of directory
    /// ends the pending work of the former one.
    ///
    /// # Errors
    /// [`ApplyError`]; nothing has changed then.
    pub async fn apply(
        &self,
        integration: &Integration,
        file: &str,
        after: AfterApply,
        by: &str,
        now_ms: i64,
        delays: &Delays,
    ) -> Result<Applied, ApplyError> {
        let application = Application { integration, file, after, by, now_ms, delays };
        for _ in 0..TRIES_MAX {
            if let Some(applied) = self.try_to_apply(&application).await? {
                return Ok(applied);
            }
        }
        Err(ApplyError::Contended)
    }

    /// `None` when an item changed between the look at it and the write, or was being written: look again.
    async fn try_to_apply(&self, application: &Application<'_>) -> Result<Option<Applied>, ApplyError> {
        let Application { integration, .. } = application;
        let before = self.before(integration).await?;
        let locks: BTreeSet<String> = Lock::all(integration).iter().map(Lock::pk).collect();
        if before.pending.is_some() && before.stored.as_ref().is_some_and(|stored| stored.file == application.file && stored.locks == locks)
        {
            return Ok(Some(Applied::Unchanged));
        }
        if before.pending.as_ref().is_some_and(|pending| pending.integration != integration.id) {
            return Err(ApplyError::DirectoryTaken { directory: integration.directory.clone() });
        }
        // That run and the one of the new directory would write to the same tenants.
        if before.former.as_ref().is_some_and(|former| former.lease.as_ref().is_some_and(|lease| lease.until_ms > application.now_ms)) {
            return Err(ApplyError::Contended);
        }
        let held = before.stored.as_ref().map(|stored| stored.locks.clone()).unwrap_or_default();
        let (wanted, gone): (Vec<_>, Vec<_>) = (locks.difference(&held).collect(), held.difference(&locks).collect());
        let n_lock_writes = wanted.len() + gone.len();
        if WRITES_BESIDE_LOCKS + n_lock_writes > WRITES_MAX {
            return Err(ApplyError::TooManyTenants { n: n_lock_writes.div_ceil(2), max: TENANTS_MAX });
        }
        let new = Lock::all(integration).into_iter().filter(|lock| !held.contains(&lock.pk())).collect();
        self.check_locks(&integration.id, new).await?;

        let build = || -> Result<Vec<TransactWriteItem>, AwsError> {
            let mut writes = vec![self.put_file(application, &before, &locks)?, self.update_mark(application, &before)?];
            if let Some(former) = &before.former {
                writes.push(self.delete_mark(&former.directory, &integration.id, application.now_ms)?);
            }
            for pk in wanted {
                writes.push(self.take_lock(pk, &integration.id)?);
            }
            for pk in gone {
                writes.push(self.drop_lock(pk, &integration.id)?);
            }
            Ok(writes)
        };
        if !self.write_at_once(OPERATION, build().map_err(StoreError::from)?).await.map_err(StoreError::from)? {
            return Ok(None);
        }
        let generation = self.pending(std::slice::from_ref(&integration.directory)).await?.pop().map_or(1, |pending| pending.generation);
        Ok(Some(Applied::Changed { generation }))
    }

    async fn before(&self, integration: &Integration) -> Result<Before, StoreError> {
        let stored = self.integration_item(&integration.id).await?.as_ref().map(Stored::read).transpose()?;
        let former = stored.as_ref().map(|stored| &stored.directory).filter(|directory| **directory != integration.directory);
        let directories: Vec<_> = std::iter::once(&integration.directory).chain(former).cloned().collect();
        let (pending, former): (Vec<_>, Vec<_>) =
            self.pending(&directories).await?.into_iter().partition(|pending| pending.directory == integration.directory);
        let former = former.into_iter().find(|former| former.integration == integration.id);
        Ok(Before { stored, pending: pending.into_iter().next(), former })
    }

    fn put_file(&self, application: &Application<'_>, before: &Before, locks: &BTreeSet<String>) -> Result<TransactWriteItem, AwsError> {
        let Application { integration, file, by, now_ms, .. } = application;
        let seen = before.stored.as_ref().map(|stored| stored.revision);
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(integration_key(&integration.id)))
            .item("file", s(*file))
            .item("directory", s(integration.directory.as_str()))
            .item("applied_at_ms", n(now_ms))
            .item("applied_by", s(*by))
            .item("locks", AttributeValue::Ss(locks.iter().cloned().collect()))
            .item("revision", n(seen.flatten().unwrap_or(0) + 1));
        let put = match seen {
            None => put.condition_expression("attribute_not_exists(pk)"),
            Some(None) => put.condition_expression("attribute_exists(pk) AND attribute_not_exists(revision)"),
            Some(Some(revision)) => put.condition_expression("revision = :seen").expression_attribute_values(":seen", n(revision)),
        };
        Ok(TransactWriteItem::builder().put(put.build().map_err(AwsError::of(OPERATION))?).build())
    }

    fn update_mark(&self, application: &Application<'_>, before: &Before) -> Result<TransactWriteItem, AwsError> {
        let Application { integration, after, now_ms, delays, .. } = application;
        let first_drift_ms = first_drift(&integration.id, *now_ms, delays);
        let fresh = || Pending::new(integration.directory.clone(), integration.id.clone(), first_drift_ms);
        // A person's pause is the integration's; a suspension is the directory's, and does not come along to another one.
        let paused_by_hand = before.pending.as_ref().or(before.former.as_ref()).is_some_and(|pending| pending.paused_by_hand);
        let base = Pending { paused_by_hand, ..before.pending.clone().unwrap_or_else(fresh) };
        let mut set = "integration = :integration, directory = :directory, #switch = :switch, paused_by_hand = :by_hand, \
                       reconciled_generation = if_not_exists(reconciled_generation, :zero), \
                       next_drift_ms = if_not_exists(next_drift_ms, :drift)"
            .to_owned();
        let mut update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(pending_key(&integration.directory)))
            .expression_attribute_names("#switch", "switch")
            .expression_attribute_names("#attempts", "attempts")
            .expression_attribute_names("#generation", "generation")
            .expression_attribute_values(":integration", s(integration.id.as_str()))
            .expression_attribute_values(":directory", s(integration.directory.as_str()))
            .expression_attribute_values(":switch", s(base.switch_under(integration.mode).as_str()))
            .expression_attribute_values(":by_hand", AttributeValue::Bool(paused_by_hand))
            .expression_attribute_values(":zero", n(0))
            .expression_attribute_values(":drift", n(first_drift_ms));
        // The caller that asks for a sync sends its message: the sweep need not send another at once.
        let (remove, asked) = match after {
            AfterApply::Sync => {
                set.push_str(", asked_generation = if_not_exists(#generation, :zero) + :asked, nudged_at_ms = :now");
                set.push_str(", #attempts = :zero, own_faults = :zero");
                update = update.expression_attribute_values(":now", n(now_ms));
                ("REMOVE retry_at_ms", 1)
            }
            AfterApply::Wait => {
                set.push_str(", #attempts = if_not_exists(#attempts, :zero)");
                ("", 0)
            }
        };
        update =
            update.update_expression(format!("SET {set} {remove} ADD #generation :asked")).expression_attribute_values(":asked", n(asked));
        update = match &before.pending {
            None => update.condition_expression("attribute_not_exists(pk)"),
            Some(pending) => {
                let by_hand = match pending.paused_by_hand {
                    true => "paused_by_hand = :by_hand",
                    false => "(attribute_not_exists(paused_by_hand) OR paused_by_hand = :by_hand)",
                };
                update
                    .condition_expression(format!("integration = :integration AND #switch = :seen AND {by_hand}"))
                    .expression_attribute_values(":seen", s(pending.switch.as_str()))
            }
        };
        Ok(TransactWriteItem::builder().update(update.build().map_err(AwsError::of(OPERATION))?).build())
    }

    /// Deletes the mark of an integration, if nothing holds its lease.
    pub(super) fn delete_mark(
        &self,
        directory: &DirectoryId,
        integration: &IntegrationId,
        now_ms: i64,
    ) -> Result<TransactWriteItem, AwsError> {
        let delete = Delete::builder()
            .table_name(&self.table)
            .set_key(Some(pending_key(directory)))
            .condition_expression("integration = :me AND (attribute_not_exists(lease_until_ms) OR lease_until_ms <= :now)")
            .expression_attribute_values(":me", s(integration.as_str()))
            .expression_attribute_values(":now", n(now_ms));
        Ok(TransactWriteItem::builder().delete(delete.build().map_err(AwsError::of(OPERATION))?).build())
    }

    /// Writes all or nothing. Returns whether it did: if not, a condition did not hold, or another transaction was under way.
    pub(super) async fn write_at_once(&self, operation: &'static str, writes: Vec<TransactWriteItem>) -> Result<bool, AwsError> {
        match self.client.transact_write_items().set_transact_items(Some(writes)).send().await {
            Ok(_) => Ok(true),
            Err(SdkError::ServiceError(error)) if matches!(error.err(), TransactWriteItemsError::TransactionCanceledException(_)) => {
                Ok(false)
            }
            Err(error) => Err(AwsError::of(operation)(error)),
        }
    }
}

/// The first look for drift, spread evenly over the interval so that integrations applied together do not run together.
fn first_drift(id: &IntegrationId, now_ms: i64, delays: &Delays) -> i64 {
    let offset = spread(id.as_str()) % delays.drift_ms.unsigned_abs().max(1);
    now_ms + delays.drift_ms / 2 + i64::try_from(offset).unwrap_or(0) / 2
}

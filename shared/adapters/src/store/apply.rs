//! Putting an integration file in force: one transaction over the file, the pending item, the locks, what is known of tenants that leave, and
//! the audit.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, TransactWriteItem, Update};
use backon::{BackoffBuilder, ConstantBuilder};
use domain::delays::Delays;
use domain::ids::{DatasetId, DirectoryId, IntegrationId, TenantId};
use domain::integration::Integration;
use domain::pending::Pending;

use super::claim::CLAIM_ATTRIBUTES;
use super::integrations::{Stored, integration_key};
use super::locks::{Lock, tenant_of};
use super::pending::{by_hand_as_seen, pending_key};
use super::{AuditEntry, Key, Store, StoreError, approvals, key, n, s, spread, tenants};
use crate::aws::{AwsError, chain};

const OPERATION: &str = "dynamodb:TransactWriteItems to apply an integration";
/// That no run is at work on a directory at `:now`.
const AT_REST: &str = "(attribute_not_exists(lease_until_ms) OR lease_until_ms <= :now)";
/// How often an application looks again when something changed meanwhile. Each look costs as much as the first.
const TRIES_MAX: usize = 20;
/// Least wait before it does; at most twice as long, so that those who met do not meet again.
const WAIT: Duration = Duration::from_millis(50);
/// [Most writes of one transaction](https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html).
pub(super) const WRITES_MAX: usize = 100;
/// Those that are not about tenants: the file, the pending item, that of a former directory, and the audit's.
const WRITES_BESIDE_TENANTS: usize = 4;
/// A tenant has two locks.
const TENANTS_MAX: usize = (WRITES_MAX - WRITES_BESIDE_TENANTS) / 2;
/// One that leaves has a decision and a state too.
const TENANTS_MAX_LEAVING: usize = (WRITES_MAX - WRITES_BESIDE_TENANTS) / 4;

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
    /// It is in force, and the audit says so. If a sync was asked for, one of this generation is owed: send the message.
    Changed {
        /// The generation; where it could not be read again behind the change, the least that it can be.
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
    /// A run is at work, and the file gives up tenants, datasets or the directory: that run and another integration's would write to the same
    /// accounts.
    #[error("a run is at work on this integration: try again when it has ended")]
    Running,
    /// Others kept writing the same items.
    #[error("others are changing the integration at this moment: apply it again")]
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

impl Before {
    fn is_at_work(&self, now_ms: i64) -> bool {
        let mut leases = [&self.pending, &self.former].into_iter().flatten().filter_map(|pending| pending.lease.as_ref());
        leases.any(|lease| lease.until_ms > now_ms)
    }
}

/// What an application changes of what the integration has.
struct Change {
    wanted: Vec<String>,
    gone: Vec<String>,
    /// The tenants among what is gone: one that has but another dataset stays.
    leaving: Vec<TenantId>,
    runs: Runs,
}

/// Whether a run may be at work meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Runs {
    /// It reads the new file the next time.
    Allowed,
    /// It would write to what may be another integration's from now on.
    Excluded,
}

impl Change {
    fn of(before: &Before, locks: &BTreeSet<String>) -> Self {
        let held = before.stored.as_ref().map(|stored| stored.locks.clone()).unwrap_or_default();
        let (wanted, gone): (Vec<_>, Vec<_>) = (locks.difference(&held).cloned().collect(), held.difference(locks).cloned().collect());
        let leaving = gone.iter().filter_map(|pk| tenant_of(pk)).collect();
        let runs = if gone.is_empty() && before.former.is_none() { Runs::Allowed } else { Runs::Excluded };
        Self { wanted, gone, leaving, runs }
    }

    fn fits(&self) -> Result<(), ApplyError> {
        let n_locks = self.wanted.len() + self.gone.len();
        if WRITES_BESIDE_TENANTS + n_locks + 2 * self.leaving.len() <= WRITES_MAX {
            return Ok(());
        }
        let max = if self.leaving.is_empty() { TENANTS_MAX } else { TENANTS_MAX_LEAVING };
        Err(ApplyError::TooManyTenants { n: n_locks.div_ceil(2), max })
    }
}

impl Store {
    /// Puts an integration file in force, in the name of `by`.
    ///
    /// A pause in the file pauses the integration, and its end resumes it; what a person paused stays so, and so does a suspension. The
    /// integration's tenants and datasets are its own from then on, and those that the file no longer names are free: nothing is known of
    /// such a tenant any more should it come back. A change of directory ends the pending work of the former one. That a file was put in force
    /// is in the audit, whatever comes behind it.
    ///
    /// # Errors
    /// [`ApplyError`]; nothing has changed then, unless DynamoDB did all of it and its answer was lost.
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
        let mut waits = ConstantBuilder::default().with_delay(WAIT).with_jitter().with_max_times(TRIES_MAX - 1).build();
        loop {
            if let Some(applied) = self.try_to_apply(&application).await? {
                return Ok(applied);
            }
            tokio::time::sleep(waits.next().ok_or(ApplyError::Contended)?).await;
        }
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
        let change = Change::of(&before, &locks);
        if change.runs == Runs::Excluded && before.is_at_work(application.now_ms) {
            return Err(ApplyError::Running);
        }
        change.fits()?;
        let new = Lock::all(integration).into_iter().filter(|lock| change.wanted.contains(&lock.pk())).collect();
        self.check_locks(&integration.id, new).await?;

        let writes = self.writes(application, &before, &locks, &change).map_err(StoreError::from)?;
        if !self.write_at_once(OPERATION, writes).await.map_err(StoreError::from)? {
            return Ok(None);
        }
        for tenant in &change.leaving {
            // Without the tenant's state nobody can decide about it any more.
            if let Err(error) = self.delete_held(&integration.id, tenant).await {
                tracing::warn!(integration.id = %integration.id, tenant.id = %tenant, error = chain(&error), "what was held could not be deleted: nothing reads it, and removing the integration deletes it");
            }
        }
        // The change is made: what fails behind it must not make it look undone.
        let asked = match application.after {
            AfterApply::Sync => 1,
            AfterApply::Wait => 0,
        };
        let least = before.pending.map_or(0, |pending| pending.generation) + asked;
        let generation = match self.pending(std::slice::from_ref(&integration.directory)).await {
            Ok(found) => found.into_iter().next().map_or(least, |pending| pending.generation),
            Err(error) => {
                tracing::warn!(integration.id = %integration.id, error = chain(&error), "the generation behind the change could not be read");
                least
            }
        };
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

    fn writes(
        &self,
        application: &Application<'_>,
        before: &Before,
        locks: &BTreeSet<String>,
        change: &Change,
    ) -> Result<Vec<TransactWriteItem>, AwsError> {
        let (id, now_ms) = (&application.integration.id, application.now_ms);
        let entry = AuditEntry { at_ms: now_ms, by: application.by.to_owned(), action: "apply".to_owned(), detail: None };
        let file = self.put_file(application, before, locks)?;
        let mut writes = vec![file, self.update_mark(application, before, change.runs)?, self.audit_with(id, &entry)?];
        if let Some(former) = &before.former {
            writes.push(self.delete_mark(&former.directory, id, Some(former), now_ms)?);
        }
        for pk in &change.wanted {
            writes.push(self.take_lock(pk, id)?);
        }
        for pk in &change.gone {
            writes.push(self.drop_lock(pk, id)?);
        }
        // Were they to stay, a tenant that comes back much later would count as settled, and its removals would not be held.
        for tenant in &change.leaving {
            for pk in [approvals::partition(id), tenants::partition(id)] {
                writes.push(self.delete_item(key(pk, tenant.as_str()))?);
            }
        }
        Ok(writes)
    }

    fn delete_item(&self, key: Key) -> Result<TransactWriteItem, AwsError> {
        let delete = Delete::builder().table_name(&self.table).set_key(Some(key)).build().map_err(AwsError::of(OPERATION))?;
        Ok(TransactWriteItem::builder().delete(delete).build())
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

    fn update_mark(&self, application: &Application<'_>, before: &Before, runs: Runs) -> Result<TransactWriteItem, AwsError> {
        let Application { integration, after, now_ms, delays, .. } = application;
        let first_drift_ms = first_drift(&integration.id, *now_ms, delays);
        let fresh = || Pending::new(integration.directory.clone(), integration.id.clone(), first_drift_ms);
        // A person's pause is the integration's; a suspension is the directory's, and does not come along to another one.
        let paused_by_hand = before.pending.as_ref().or(before.former.as_ref()).is_some_and(|pending| pending.paused_by_hand);
        let base = Pending { paused_by_hand, ..before.pending.clone().unwrap_or_else(fresh) };
        let mut set =
            "integration = :integration, directory = :directory, #switch = :switch, paused_by_hand = :by_hand, applied_at_ms = :now, \
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
            .expression_attribute_values(":now", n(now_ms))
            .expression_attribute_values(":drift", n(first_drift_ms));
        let mut remove = Vec::new();
        // The caller that asks for a sync sends its message: the sweep need not send another at once.
        let asked = match after {
            AfterApply::Sync => {
                set.push_str(", asked_generation = if_not_exists(#generation, :zero) + :asked, nudged_at_ms = :now");
                set.push_str(", #attempts = :zero, own_faults = :zero");
                remove.push("retry_at_ms");
                1
            }
            AfterApply::Wait => {
                set.push_str(", #attempts = if_not_exists(#attempts, :zero)");
                0
            }
        };
        let at_rest = match runs {
            Runs::Allowed => String::new(),
            // A run whose lease ran out, because its machine slept, would take it back if it still found itself named.
            Runs::Excluded => {
                remove.extend(CLAIM_ATTRIBUTES);
                format!(" AND {AT_REST}")
            }
        };
        let remove = if remove.is_empty() { String::new() } else { format!(" REMOVE {}", remove.join(", ")) };
        update =
            update.update_expression(format!("SET {set}{remove} ADD #generation :asked")).expression_attribute_values(":asked", n(asked));
        update = match &before.pending {
            None => update.condition_expression("attribute_not_exists(pk)"),
            Some(pending) => update
                .condition_expression(format!("integration = :integration AND #switch = :seen AND {}{at_rest}", by_hand_as_seen(pending)))
                .expression_attribute_values(":seen", s(pending.switch.as_str())),
        };
        Ok(TransactWriteItem::builder().update(update.build().map_err(AwsError::of(OPERATION))?).build())
    }

    /// Deletes the mark of an integration, if nothing holds its lease; one whose pause by hand comes along, only if that is as `seen`.
    pub(super) fn delete_mark(
        &self,
        directory: &DirectoryId,
        integration: &IntegrationId,
        seen: Option<&Pending>,
        now_ms: i64,
    ) -> Result<TransactWriteItem, AwsError> {
        let delete = Delete::builder()
            .table_name(&self.table)
            .set_key(Some(pending_key(directory)))
            .expression_attribute_values(":me", s(integration.as_str()))
            .expression_attribute_values(":now", n(now_ms));
        let condition = format!("integration = :me AND {AT_REST}");
        let delete = match seen {
            None => delete.condition_expression(condition),
            Some(seen) => delete
                .condition_expression(format!("{condition} AND {}", by_hand_as_seen(seen)))
                .expression_attribute_values(":by_hand", AttributeValue::Bool(seen.paused_by_hand)),
        };
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

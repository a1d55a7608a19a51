//! Putting an integration file in force: one transaction over the file, the pending item, the locks, what is known of tenants that leave, and
//! the audit.

mod writes;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use backon::{BackoffBuilder, ConstantBuilder};
use domain::delays::Delays;
use domain::ids::{DatasetId, DirectoryId, IntegrationId, TenantId};
use domain::integration::Integration;
use domain::pending::Pending;

use super::integrations::Stored;
use super::locks::{Lock, tenant_of};
use super::{Store, StoreError};
use crate::aws::chain;

const OPERATION: &str = "dynamodb:TransactWriteItems to apply an integration";
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
    /// Whose the locks are that the file wants, as far as anybody has them.
    owners: BTreeMap<String, IntegrationId>,
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
        // What the file had is told by the file, and what it still has by the locks: a table that was put back may lack some.
        let wanted = locks.iter().filter(|pk| !before.owners.contains_key(*pk)).cloned().collect();
        let held = before.stored.as_ref().map(|stored| stored.locks.clone()).unwrap_or_default();
        let gone: Vec<_> = held.difference(locks).cloned().collect();
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
        let is_stored = || before.stored.as_ref().is_some_and(|stored| stored.file == application.file && stored.locks == locks);
        if before.pending.is_some() && is_stored() && locks.iter().all(|pk| before.owners.get(pk) == Some(&integration.id)) {
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
        let taken = |lock: &Lock| before.owners.get(&lock.pk()).filter(|owner| **owner != integration.id).map(|owner| lock.taken(owner));
        Lock::all(integration).iter().find_map(taken).map_or(Ok(()), Err)?;

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
        let owners = self.lock_owners(&Lock::all(integration)).await?;
        Ok(Before { stored, pending: pending.into_iter().next(), former, owners })
    }
}

//! What operators do, in one place for the command line and for the system on one machine: each is a change in the table, a message where
//! it asks for a run, and a line in the audit.

use adapters::aws::AwsError;
use adapters::clock::now_ms;
use adapters::queue::Queue;
use adapters::store::{AfterApply, Applied, ApplyError, AuditEntry, Decided, RemoveError, Removed, Store, StoreError};
use adapters::workos::ReadError;
use domain::delays::Delays;
use domain::held::{APPROVAL_MS, Decision, HeldHead, Verdict};
use domain::ids::{DirectoryId, IntegrationId, TenantId};
use domain::integration::{Integration, Mode};
use domain::message::{Reason, SyncMessage};
use domain::pending::{Pending, Switch};
use domain::tenant_state::{TenantState, written_to};

/// Fewest digits of a hash by which a person may name what is held.
const HASH_DIGITS_MIN: usize = 8;

/// A person at work.
#[derive(Debug, Clone, Copy)]
pub struct Operator<'a> {
    /// The table.
    pub store: &'a Store,
    /// The sync queue.
    pub queue: &'a Queue,
    /// Who: the ARN of the caller.
    pub by: &'a str,
}

/// What became of a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecidedOn {
    /// Of which tenant.
    pub tenant: TenantId,
    /// What was held.
    pub held: HeldHead,
    /// The decision of before, if the same had been decided already.
    pub already: Option<Decision>,
    /// The generation of the run that was asked for.
    pub generation: Option<u64>,
    /// Whether a run is at work that may have read what was decided before, and goes on by it.
    pub is_at_work: bool,
}

/// Why an operator's wish was not done. Nothing has changed then, but by [`OperateError::Queue`], [`OperateError::Audit`],
/// [`OperateError::NotAsked`] and [`RemoveError::Left`].
#[derive(Debug, thiserror::Error)]
pub enum OperateError {
    /// There is no such integration.
    #[error("there is no integration {0}: `orgvue-scim integration list` shows those there are")]
    UnknownIntegration(IntegrationId),
    /// It is in force, and no run of it can begin: somebody deleted what is pending of it.
    #[error("the pending item of {0} is missing: apply its file again")]
    NoPendingItem(IntegrationId),
    /// The integration file in force cannot be used.
    #[error("the integration file in force is not valid any more: apply a corrected one")]
    UnusableFile,
    /// The hash is too short to be meant.
    #[error("{0:?} is too short: write at least 8 digits of the hash")]
    ShortHash(String),
    /// Nothing that is held now has this hash.
    #[error("nothing that is held now has the hash {0}: it may have changed since you looked; `orgvue-scim held` shows what is held now")]
    NotHeld(String),
    /// No run would act on the decision.
    #[error(
        "runs write nothing to the tenant {0}: it is paused, simulated or gone from the file; apply a file that enforces it, and decide then"
    )]
    LeftAlone(TenantId),
    /// Several tenants hold something of this hash.
    #[error("the hash {0} stands for more than one held part: write more of its digits")]
    Ambiguous(String),
    /// The integration file itself says paused.
    #[error("the integration file says mode = \"paused\": correct the file and apply it")]
    PausedByFile,
    /// The directory does not speak for its customer, so the integration stays as it is.
    #[error(transparent)]
    Directory(#[from] ReadError),
    /// A run is at work.
    #[error("a run is at work on this integration: pause it, and try again when the run has ended")]
    Running,
    /// The switch or the file is not as the person saw it any more.
    #[error("somebody else has changed the integration meanwhile: look again")]
    Changed,
    /// The integration was not put in force.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// The integration was not removed, or not all of it.
    #[error(transparent)]
    Remove(#[from] RemoveError),
    /// The table could not be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The change is made, and the audit does not know of it.
    #[error("it is done, but the audit could not be written")]
    Audit(#[source] StoreError),
    /// The decision stands, and its run could not be asked for.
    #[error("it is approved, but no run could be asked for: approve again, or the next run does it")]
    NotAsked(#[source] StoreError),
    /// The change is made, and its message could not be sent: the sweep sends it within a few minutes.
    #[error("it is done, but no message could be sent for it; the sweep sends one within minutes")]
    Queue(#[source] AwsError),
}

impl Operator<'_> {
    /// Asks for a sync now, without an event.
    ///
    /// # Errors
    /// [`OperateError`].
    pub async fn sync(&self, id: &IntegrationId) -> Result<u64, OperateError> {
        let pending = self.pending(id).await?;
        let generation = self.owe(id, &pending.directory).await?;
        let sent = self.send(&pending.directory, generation, Reason::OnDemand).await;
        self.note(Some(id), "sync", None).await?;
        sent.map(|()| generation)
    }

    /// Puts an integration file in force, and asks for a sync if so wished.
    ///
    /// # Errors
    /// [`OperateError`].
    pub async fn apply(&self, integration: &Integration, file: &str, after: AfterApply, delays: &Delays) -> Result<Applied, OperateError> {
        let applied = self.store.apply(integration, file, after, self.by, now_ms(), delays).await?;
        if let (Applied::Changed { generation }, AfterApply::Sync) = (applied, after) {
            self.send(&integration.directory, generation, Reason::Applied).await?;
        }
        Ok(applied)
    }

    /// Takes an integration out of force. Nobody is deprovisioned.
    ///
    /// # Errors
    /// [`OperateError`].
    pub async fn remove(&self, id: &IntegrationId) -> Result<(), OperateError> {
        match self.store.remove(id, self.by).await? {
            Removed::Done => Ok(()),
            Removed::Unknown => Err(OperateError::UnknownIntegration(id.clone())),
            Removed::Running => Err(OperateError::Running),
        }
    }

    /// Approves or rejects what is held under this hash, of which the first digits are enough. An approval asks for a run.
    ///
    /// # Errors
    /// [`OperateError`].
    pub async fn decide(
        &self,
        id: &IntegrationId,
        only: Option<&TenantId>,
        hash: &str,
        verdict: Verdict,
    ) -> Result<DecidedOn, OperateError> {
        let pending = self.pending(id).await?;
        let states = self.store.tenant_states(id).await?;
        let held = states.iter().filter(|(tenant, _)| only.is_none_or(|only| *tenant == only));
        let (tenant, state, head) = named(held, hash)?;
        let integration = self.in_force(id).await?;
        if !written_to(&integration).any(|one| one.id == *tenant) {
            return Err(OperateError::LeftAlone(tenant.clone()));
        }
        let now_ms = now_ms();
        // Behind every decision that is used up or will be by a run at work, whatever this clock says.
        let newest_ms = self.store.decision(id, tenant).await?.map(|newest| newest.at_ms).max(state.decisions_used_ms);
        let at_ms = newest_ms.map_or(now_ms, |newest_ms| now_ms.max(newest_ms + 1));
        let decision = Decision { verdict, hash: head.hash.clone(), by: self.by.to_owned(), at_ms };
        let stale_ms = state.decisions_used_ms.unwrap_or(i64::MIN).max(now_ms - APPROVAL_MS);
        let already = match self.store.decide(id, tenant, &decision, stale_ms).await? {
            Decided::Already(before) => Some(before),
            Decided::Recorded => None,
        };
        // It stands: that one of what follows fails stops neither the run nor the audit.
        let not_asked = |error| match error {
            OperateError::Store(error) => OperateError::NotAsked(error),
            error => error,
        };
        let (what, asked) = match verdict {
            Verdict::Approved => ("approve", Some(self.ask(id, &pending.directory, Reason::Approved).await.map_err(not_asked))),
            Verdict::Rejected => ("reject", None),
        };
        if already.is_none() {
            let detail = format!("{tenant} {} (accounts: {})", head.hash.short(), head.n_actions);
            self.note(Some(id), what, Some(detail)).await?;
        }
        // Behind the decision, which stands: whatever begins from now on reads it. Where nobody can tell, one may be.
        let is_at_work = self.pending(id).await.map_or(true, |pending| pending.is_leased(now_ms));
        Ok(DecidedOn { tenant: tenant.clone(), held: head.clone(), already, generation: asked.transpose()?, is_at_work })
    }

    /// Stops an integration, also one whose pending item cannot be read; the switch behind it, which is still `suspended` where it was.
    ///
    /// # Errors
    /// [`OperateError`].
    pub async fn pause(&self, id: &IntegrationId) -> Result<Switch, OperateError> {
        let in_force = self.store.integration_in_force(id).await?.ok_or_else(|| OperateError::UnknownIntegration(id.clone()))?;
        let switch = self.store.pause(&in_force.directory).await?.ok_or_else(|| OperateError::NoPendingItem(id.clone()))?;
        self.note(Some(id), "pause", None).await?;
        Ok(switch)
    }

    /// Lets an integration run again, whatever stopped it, and asks for a run. One that was suspended has to have a directory that speaks for
    /// its customer: `check` reads it.
    ///
    /// # Errors
    /// [`OperateError`]; the integration stays as it was.
    pub async fn resume(
        &self,
        id: &IntegrationId,
        check: impl AsyncFnOnce(&Integration) -> Result<(), ReadError>,
    ) -> Result<u64, OperateError> {
        let pending = self.pending(id).await?;
        let in_force = self.store.integration_in_force(id).await?.ok_or_else(|| OperateError::UnknownIntegration(id.clone()))?;
        let integration = Integration::parse(&in_force.file).map_err(|_| OperateError::UnusableFile)?;
        match integration.mode {
            Mode::Paused => return Err(OperateError::PausedByFile),
            Mode::Simulate | Mode::Enforce => {}
        }
        match pending.switch {
            Switch::Suspended => check(&integration).await?,
            Switch::Live | Switch::Paused => {}
        }
        let generation = self.store.resume(&pending, &in_force, now_ms()).await?.ok_or(OperateError::Changed)?;
        let sent = self.send(&pending.directory, generation, Reason::Resumed).await;
        self.note(Some(id), "resume", None).await?;
        sent.map(|()| generation)
    }

    /// Stops every integration of the deployment: no run begins, and those under way stop writing within a heartbeat.
    ///
    /// # Errors
    /// [`OperateError`].
    pub async fn pause_all(&self) -> Result<(), OperateError> {
        self.store.pause_deployment(self.by, now_ms()).await?;
        self.note(None, "pause", None).await
    }

    /// Ends [`Operator::pause_all`]. What was paused by itself stays paused; the sweep sends for what is owed.
    ///
    /// # Errors
    /// [`OperateError`].
    pub async fn resume_all(&self) -> Result<(), OperateError> {
        self.store.resume_deployment().await?;
        self.note(None, "resume", None).await
    }

    /// The pending item of an integration.
    ///
    /// # Errors
    /// [`OperateError::UnknownIntegration`], [`OperateError::NoPendingItem`], or that the table cannot be used.
    pub async fn pending(&self, id: &IntegrationId) -> Result<Pending, OperateError> {
        let in_force = self.store.integration_in_force(id).await?.ok_or_else(|| OperateError::UnknownIntegration(id.clone()))?;
        self.store.pending(&[in_force.directory]).await?.pop().ok_or_else(|| OperateError::NoPendingItem(id.clone()))
    }

    async fn in_force(&self, id: &IntegrationId) -> Result<Integration, OperateError> {
        let file = self.store.integration_file(id).await?.ok_or_else(|| OperateError::UnknownIntegration(id.clone()))?;
        Integration::parse(&file).map_err(|_| OperateError::UnusableFile)
    }

    /// Notes in the audit what was done.
    ///
    /// # Errors
    /// [`OperateError::Audit`].
    pub async fn note(&self, id: Option<&IntegrationId>, action: &str, detail: Option<String>) -> Result<(), OperateError> {
        let entry = AuditEntry { at_ms: now_ms(), by: self.by.to_owned(), action: action.to_owned(), detail };
        self.store.audit(id, &entry).await.map_err(OperateError::Audit)
    }

    async fn ask(&self, id: &IntegrationId, directory: &DirectoryId, reason: Reason) -> Result<u64, OperateError> {
        let generation = self.owe(id, directory).await?;
        self.send(directory, generation, reason).await?;
        Ok(generation)
    }

    async fn owe(&self, id: &IntegrationId, directory: &DirectoryId) -> Result<u64, OperateError> {
        self.store.ask(directory, now_ms()).await?.ok_or_else(|| OperateError::UnknownIntegration(id.clone()))
    }

    async fn send(&self, directory: &DirectoryId, generation: u64, reason: Reason) -> Result<(), OperateError> {
        let message = SyncMessage::new(directory.clone(), generation, reason);
        self.queue.send(&message, 0).await.map_err(OperateError::Queue)
    }
}

/// The one held part that a person means by the first digits of its hash.
fn named<'a>(
    states: impl Iterator<Item = (&'a TenantId, &'a TenantState)>,
    hash: &str,
) -> Result<(&'a TenantId, &'a TenantState, &'a HeldHead), OperateError> {
    let hash = hash.trim().to_ascii_lowercase();
    if hash.len() < HASH_DIGITS_MIN {
        return Err(OperateError::ShortHash(hash));
    }
    let mut meant = states
        .filter_map(|(tenant, state)| Some((tenant, state, state.held.as_ref()?)))
        .filter(|(_, _, head)| head.hash.as_str().starts_with(&hash));
    match (meant.next(), meant.next()) {
        (Some(one), None) => Ok(one),
        (None, _) => Err(OperateError::NotHeld(hash)),
        (Some(_), Some(_)) => Err(OperateError::Ambiguous(hash)),
    }
}

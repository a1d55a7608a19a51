//! Claims: one run alone works on a directory, for as long as its lease holds and nobody pauses it.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use domain::backoff::Backoff;
use domain::delays::Delays;
use domain::ids::{DirectoryId, IntegrationId, RunId};
use domain::message::SyncMessage;
use domain::pending::{NotClaimed, Pending, RunEnd, Switch};

use super::item::Item;
use super::pending::{Written, conditional, read};
use super::{Deployment, Store, StoreError, n, s};
use crate::aws::AwsError;
use crate::clock::now_ms;

/// What a claim adds to the pending item.
pub(super) const CLAIM_ATTRIBUTES: [&str; 4] = ["lease_run", "lease_until_ms", "claimed_generation", "claimed_at_ms"];

/// The proof that this run alone works on this directory. Only [`Store::claim`] and [`Store::hold`] make one; recording the run consumes it.
#[derive(Debug)]
pub struct Claim {
    integration: IntegrationId,
    generation: u64,
    is_new_work: bool,
    is_asked: bool,
    backoff: Backoff,
    lease: Lease,
}

/// The lease of a claim: what every write to Orgvue asks first.
#[derive(Debug, Clone)]
pub struct Lease {
    store: Store,
    directory: DirectoryId,
    run: RunId,
    heeds: Heeds,
    state: Arc<LeaseState>,
    delays: Delays,
}

/// What ends a lease beside another run.
#[derive(Debug, Clone, Copy)]
enum Heeds {
    /// The integration's switch and the deployment's.
    Switches,
    /// Nothing: what a person does by hand may be done while everything is paused.
    Nothing,
}

/// What all clones of a lease know.
#[derive(Debug)]
struct LeaseState {
    until_ms: AtomicI64,
    /// Once lost, a lease stays so, even if the cause passes.
    lost: OnceLock<LeaseLost>,
}

/// This run must not write to Orgvue any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LeaseLost {
    /// Another run holds the lease now, or it could not be renewed in time.
    #[error("the lease is lost")]
    TakenOver,
    /// The lease is still this run's, so that it can be released; nothing else may be done with it.
    #[error("a person paused the integration")]
    Paused,
}

impl Claim {
    fn new(pending: Pending, is_new_work: bool, lease: Lease) -> Self {
        let is_asked = pending.is_asked();
        Self { is_new_work, is_asked, generation: pending.generation, backoff: pending.backoff, integration: pending.integration, lease }
    }

    /// Whose work it is.
    pub fn integration(&self) -> &IntegrationId {
        &self.integration
    }

    /// What is to be read.
    pub fn directory(&self) -> &DirectoryId {
        &self.lease.directory
    }

    /// The run that holds it.
    pub fn run(&self) -> &RunId {
        &self.lease.run
    }

    /// The generation that the run covers.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether a person waits for the run.
    pub fn is_asked(&self) -> bool {
        self.is_asked
    }

    /// Whether something asked for it since the last reconcile; if not, only failed tenants are tried again.
    pub fn is_new_work(&self) -> bool {
        self.is_new_work
    }

    /// How often in a row the directory could not be read before.
    pub fn backoff(&self) -> Backoff {
        self.backoff
    }

    /// The lease.
    pub fn lease(&self) -> &Lease {
        &self.lease
    }
}

impl Lease {
    fn new(store: &Store, directory: DirectoryId, run: &RunId, heeds: Heeds, until_ms: i64, delays: &Delays) -> Self {
        let state = LeaseState { until_ms: AtomicI64::new(until_ms), lost: OnceLock::new() };
        Self { store: store.clone(), directory, run: run.clone(), heeds, state: Arc::new(state), delays: *delays }
    }

    /// Returns when the lease holds for at least this much longer, renewing it if need be.
    ///
    /// # Errors
    /// [`LeaseLost`]: do not write.
    pub async fn cover(&self, time: Duration) -> Result<(), LeaseLost> {
        let needed_ms = i64::try_from(time.as_millis()).map_err(|_| LeaseLost::TakenOver)?;
        if self.holds(needed_ms)? {
            return Ok(());
        }
        self.renew().await.map_err(|error| match error {
            RenewError::Lost(lost) => lost,
            RenewError::Unknown => LeaseLost::TakenOver,
        })?;
        if self.holds(needed_ms)? { Ok(()) } else { Err(LeaseLost::TakenOver) }
    }

    /// Renews the lease for as long as it can; returns when it is lost.
    pub async fn keep(&self) -> LeaseLost {
        let heartbeat = Duration::from_millis(self.delays.heartbeat_ms.unsigned_abs());
        loop {
            tokio::time::sleep(heartbeat).await;
            match self.renew().await {
                Ok(()) => {}
                Err(RenewError::Lost(lost)) => return lost,
                Err(RenewError::Unknown) => match self.holds(0) {
                    Ok(true) => {}
                    Ok(false) => return self.lose(LeaseLost::TakenOver),
                    Err(lost) => return lost,
                },
            }
        }
    }

    /// Whether the lease is known to hold for so long.
    fn holds(&self, needed_ms: i64) -> Result<bool, LeaseLost> {
        match self.state.lost.get() {
            Some(lost) => Err(*lost),
            None => Ok(now_ms().saturating_add(needed_ms) < self.state.until_ms.load(Ordering::Acquire)),
        }
    }

    fn lose(&self, lost: LeaseLost) -> LeaseLost {
        *self.state.lost.get_or_init(|| lost)
    }

    /// A switch that cannot be read lets the lease run out: whoever paused everything must be heard.
    async fn renew(&self) -> Result<(), RenewError> {
        self.holds(0).map_err(RenewError::Lost)?;
        let until_ms = now_ms() + self.delays.lease_ms;
        let update = self
            .store
            .update_pending(&self.directory)
            .update_expression("SET lease_until_ms = :until")
            .expression_attribute_values(":until", n(until_ms))
            .expression_attribute_values(":run", s(self.run.as_str()));
        let update = match self.heeds {
            Heeds::Nothing => update.condition_expression("lease_run = :run"),
            Heeds::Switches => match self.store.deployment().await? {
                Deployment::Paused { .. } => return Err(RenewError::Lost(self.lose(LeaseLost::Paused))),
                Deployment::Running => update
                    .condition_expression("lease_run = :run AND #switch = :live")
                    .expression_attribute_names("#switch", "switch")
                    .expression_attribute_values(":live", s(Switch::Live.as_str())),
            },
        };
        match conditional(update, "dynamodb:UpdateItem to renew the lease").await? {
            Written::Yes(_) => {
                self.state.until_ms.store(until_ms, Ordering::Release);
                Ok(())
            }
            Written::No(item) => {
                let is_mine = item.is_some_and(|item| Item(&item).opt_text("lease_run") == Some(self.run.as_str()));
                Err(RenewError::Lost(self.lose(if is_mine { LeaseLost::Paused } else { LeaseLost::TakenOver })))
            }
        }
    }
}

enum RenewError {
    Lost(LeaseLost),
    /// A blip of the store is tried again, never shown.
    Unknown,
}

impl From<AwsError> for RenewError {
    fn from(_: AwsError) -> Self {
        Self::Unknown
    }
}

impl From<StoreError> for RenewError {
    fn from(_: StoreError) -> Self {
        Self::Unknown
    }
}

impl Store {
    /// A run takes everything that is pending, unless the whole deployment is paused.
    ///
    /// # Errors
    /// [`StoreError`]: it is not known whether the claim was made; it ends by itself.
    pub async fn claim(
        &self,
        message: &SyncMessage,
        run: &RunId,
        now_ms: i64,
        delays: &Delays,
    ) -> Result<Result<Claim, NotClaimed>, StoreError> {
        match self.deployment().await? {
            Deployment::Running => {}
            Deployment::Paused { .. } => return Ok(Err(NotClaimed::Paused)),
        }
        let until_ms = now_ms + delays.lease_ms;
        let update = self
            .update_pending(&message.directory)
            .update_expression(
                "SET lease_run = :run, lease_until_ms = :until, claimed_generation = #generation, claimed_at_ms = :now \
                 REMOVE window_due_ms, nudged_at_ms",
            )
            .condition_expression(
                "lease_run = :run OR (#switch = :live \
                 AND (attribute_not_exists(lease_until_ms) OR lease_until_ms <= :now) \
                 AND ((:generation > reconciled_generation AND #attempts = :zero) OR retry_at_ms <= :now))",
            )
            .expression_attribute_names("#generation", "generation")
            .expression_attribute_names("#switch", "switch")
            .expression_attribute_names("#attempts", "attempts")
            .expression_attribute_values(":run", s(run.as_str()))
            .expression_attribute_values(":until", n(until_ms))
            .expression_attribute_values(":now", n(now_ms))
            .expression_attribute_values(":live", s(Switch::Live.as_str()))
            .expression_attribute_values(":zero", n(0))
            .expression_attribute_values(":generation", n(message.generation))
            .return_values(ReturnValue::AllNew);
        match conditional(update, "dynamodb:UpdateItem to claim").await? {
            Written::Yes(item) => {
                let pending = read(&item)?;
                let is_new_work = message.generation > pending.reconciled_generation || pending.is_owed();
                let lease = Lease::new(self, pending.directory.clone(), run, Heeds::Switches, until_ms, delays);
                Ok(Ok(Claim::new(pending, is_new_work, lease)))
            }
            Written::No(None) => Ok(Err(NotClaimed::UnknownDirectory)),
            // Refused a moment ago and free now: the sweep finds it if it is owed.
            Written::No(Some(item)) => Ok(Err(read(&item)?.refuses(message.generation, run, now_ms).unwrap_or(NotClaimed::Busy))),
        }
    }

    /// Takes the lease for work that reconciles nothing, whether anything is paused or not. It is released as [`RunEnd::Stopped`].
    ///
    /// # Errors
    /// [`StoreError`]: it is not known whether the lease was taken; it ends by itself.
    pub async fn hold(
        &self,
        directory: &DirectoryId,
        run: &RunId,
        now_ms: i64,
        delays: &Delays,
    ) -> Result<Result<Claim, NotClaimed>, StoreError> {
        let until_ms = now_ms + delays.lease_ms;
        let update = self
            .update_pending(directory)
            .update_expression("SET lease_run = :run, lease_until_ms = :until, claimed_at_ms = :now REMOVE claimed_generation")
            .condition_expression(
                "attribute_exists(pk) AND (lease_run = :run OR attribute_not_exists(lease_until_ms) OR lease_until_ms <= :now)",
            )
            .expression_attribute_values(":run", s(run.as_str()))
            .expression_attribute_values(":until", n(until_ms))
            .expression_attribute_values(":now", n(now_ms))
            .return_values(ReturnValue::AllNew);
        match conditional(update, "dynamodb:UpdateItem to hold").await? {
            Written::Yes(item) => {
                let lease = Lease::new(self, directory.clone(), run, Heeds::Nothing, until_ms, delays);
                Ok(Ok(Claim::new(read(&item)?, false, lease)))
            }
            Written::No(None) => Ok(Err(NotClaimed::UnknownDirectory)),
            Written::No(Some(_)) => Ok(Err(NotClaimed::Busy)),
        }
    }

    /// Ends a run's hold on the directory. Everything else of the run must be stored before.
    ///
    /// # Errors
    /// [`LeaseLost::TakenOver`] inside: another run has taken over, and will cover what this one claimed. [`StoreError`]: the lease ends by
    /// itself.
    pub async fn release(&self, claim: Claim, end: RunEnd) -> Result<Result<(), LeaseLost>, StoreError> {
        let Lease { directory, run, .. } = claim.lease;
        let mut written = self.end(&directory, &run, end).await?;
        if let (RunEnd::Failed { .. }, Written::No(Some(item))) = (end, &written)
            && Item(item).opt_text("lease_run") == Some(run.as_str())
        {
            // A person has asked since the claim, and nothing waits for a retry any more: it stays so.
            written = self.end(&directory, &run, RunEnd::Stopped).await?;
        }
        match written {
            Written::Yes(_) => Ok(Ok(())),
            // An SDK retry of a write that did arrive finds its own run.
            Written::No(Some(item)) if read(&item)?.last_run.as_ref() == Some(&run) => Ok(Ok(())),
            Written::No(_) => Ok(Err(LeaseLost::TakenOver)),
        }
    }

    /// Writes how a run ended, if it holds the lease; that it failed, only if no person has asked since the claim.
    async fn end(&self, directory: &DirectoryId, run: &RunId, end: RunEnd) -> Result<Written, AwsError> {
        let mut condition = "lease_run = :run";
        let mut set = vec!["last_run = :run"];
        let mut remove = [&CLAIM_ATTRIBUTES[..], &["nudged_at_ms"]].concat();
        let mut values: Vec<(&str, AttributeValue)> = vec![(":run", s(run.as_str()))];
        let mut names: Vec<(&str, &str)> = Vec::new();
        match end {
            RunEnd::Reconciled { retry_at_ms } => {
                // A lease that was only held has claimed none.
                set.push("reconciled_generation = if_not_exists(claimed_generation, reconciled_generation)");
                set.extend(["#attempts = :zero", "own_faults = :zero"]);
                values.push((":zero", n(0)));
                names.push(("#attempts", "attempts"));
                match retry_at_ms {
                    Some(at) => {
                        set.push("retry_at_ms = :retry");
                        values.push((":retry", n(at)));
                    }
                    None => remove.push("retry_at_ms"),
                }
            }
            RunEnd::Failed { retry_at_ms, backoff } => {
                // A lease that was only held has claimed none, and an earlier version did not tell who asked.
                condition = "lease_run = :run AND (attribute_not_exists(claimed_generation) \
                             OR attribute_not_exists(asked_generation) OR asked_generation <= claimed_generation)";
                set.extend(["#attempts = :attempts", "own_faults = :own_faults", "retry_at_ms = :retry"]);
                values.extend([(":attempts", n(backoff.attempts)), (":own_faults", n(backoff.own_faults)), (":retry", n(retry_at_ms))]);
                names.push(("#attempts", "attempts"));
            }
            RunEnd::Suspended => {
                set.extend(["#switch = :suspended", "#attempts = :zero", "own_faults = :zero"]);
                remove.push("retry_at_ms");
                values.extend([(":suspended", s(Switch::Suspended.as_str())), (":zero", n(0))]);
                names.extend([("#switch", "switch"), ("#attempts", "attempts")]);
            }
            RunEnd::Stopped => {}
        }
        let mut update = self
            .update_pending(directory)
            .update_expression(format!("SET {} REMOVE {}", set.join(", "), remove.join(", ")))
            .condition_expression(condition);
        for (name, value) in values {
            update = update.expression_attribute_values(name, value);
        }
        for (name, attribute) in names {
            update = update.expression_attribute_names(name, attribute);
        }
        conditional(update, "dynamodb:UpdateItem to end the run").await
    }
}

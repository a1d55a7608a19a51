//! Claims: one run alone works on a directory, for as long as its lease holds.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use domain::delays::Delays;
use domain::ids::{DirectoryId, IntegrationId, RunId};
use domain::message::SyncMessage;
use domain::pending::{NotClaimed, RunEnd, Switch};

use super::pending::{Written, conditional, read};
use super::{Store, StoreError, n, s};
use crate::aws::AwsError;
use crate::clock::now_ms;

/// The proof that this run alone works on this directory. Only [`Store::claim`] makes one; recording the run consumes it.
#[derive(Debug)]
pub struct Claim {
    integration: IntegrationId,
    generation: u64,
    is_new_work: bool,
    attempts: u32,
    lease: Lease,
}

/// The lease of a claim: what every write to Orgvue asks first.
#[derive(Debug, Clone)]
pub struct Lease {
    store: Store,
    directory: DirectoryId,
    run: RunId,
    until_ms: Arc<AtomicI64>,
    delays: Delays,
}

/// Another run holds the lease now, or it could not be renewed in time. This run must not write any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the lease is lost")]
pub struct LeaseLost;

impl Claim {
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

    /// Whether something asked for it since the last reconcile; if not, only failed tenants are tried again.
    pub fn is_new_work(&self) -> bool {
        self.is_new_work
    }

    /// How often in a row the directory could not be read before.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// The lease.
    pub fn lease(&self) -> &Lease {
        &self.lease
    }
}

impl Lease {
    /// Returns when the lease holds for at least this much longer, renewing it if need be.
    ///
    /// # Errors
    /// [`LeaseLost`]: do not write.
    pub async fn cover(&self, time: Duration) -> Result<(), LeaseLost> {
        let needed_ms = i64::try_from(time.as_millis()).map_err(|_| LeaseLost)?;
        if now_ms() + needed_ms < self.until_ms.load(Ordering::Acquire) {
            return Ok(());
        }
        self.renew().await.map_err(|_| LeaseLost)?;
        if now_ms() + needed_ms < self.until_ms.load(Ordering::Acquire) { Ok(()) } else { Err(LeaseLost) }
    }

    /// Renews the lease for as long as it can; returns when it is lost.
    pub async fn keep(&self) -> LeaseLost {
        let heartbeat = Duration::from_millis(self.delays.heartbeat_ms.unsigned_abs());
        loop {
            tokio::time::sleep(heartbeat).await;
            match self.renew().await {
                Ok(()) => {}
                Err(RenewError::Lost(lost)) => return lost,
                Err(RenewError::Store(_)) if now_ms() < self.until_ms.load(Ordering::Acquire) => {}
                Err(RenewError::Store(_)) => return LeaseLost,
            }
        }
    }

    async fn renew(&self) -> Result<(), RenewError> {
        let until_ms = now_ms() + self.delays.lease_ms;
        let update = self
            .store
            .update_pending(&self.directory)
            .update_expression("SET lease_until_ms = :until")
            .condition_expression("lease_run = :run")
            .expression_attribute_values(":until", n(until_ms))
            .expression_attribute_values(":run", s(self.run.as_str()));
        match conditional(update, "dynamodb:UpdateItem to renew the lease").await? {
            Written::Yes(_) => {
                self.until_ms.store(until_ms, Ordering::Release);
                Ok(())
            }
            Written::No(_) => Err(RenewError::Lost(LeaseLost)),
        }
    }
}

enum RenewError {
    Lost(LeaseLost),
    Store(#[expect(dead_code, reason = "a blip of the store is tried again, never shown")] AwsError),
}

impl From<AwsError> for RenewError {
    fn from(error: AwsError) -> Self {
        Self::Store(error)
    }
}
impl Store {
    /// A run takes everything that is pending.
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
                Ok(Ok(Claim {
                    is_new_work: message.generation > pending.reconciled_generation || pending.is_owed(),
                    generation: pending.generation,
                    attempts: pending.attempts,
                    integration: pending.integration,
                    lease: Lease {
                        store: self.clone(),
                        directory: pending.directory,
                        run: run.clone(),
                        until_ms: Arc::new(AtomicI64::new(until_ms)),
                        delays: *delays,
                    },
                }))
            }
            Written::No(None) => Ok(Err(NotClaimed::UnknownDirectory)),
            // Refused a moment ago and free now: the sweep finds it if it is owed.
            Written::No(Some(item)) => Ok(Err(read(&item)?.refuses(message.generation, run, now_ms).unwrap_or(NotClaimed::Busy))),
        }
    }

    /// Ends a run's hold on the directory. Everything else of the run must be stored before.
    ///
    /// # Errors
    /// [`LeaseLost`] inside: another run has taken over, and will cover what this one claimed. [`StoreError`]: the lease ends by itself.
    pub async fn release(&self, claim: Claim, end: RunEnd) -> Result<Result<(), LeaseLost>, StoreError> {
        let Lease { directory, run, .. } = claim.lease;
        let mut set = vec!["last_run = :run"];
        let mut remove = vec!["lease_run", "lease_until_ms", "claimed_generation", "claimed_at_ms", "nudged_at_ms"];
        let mut values: Vec<(&str, AttributeValue)> = vec![(":run", s(run.as_str()))];
        let mut names: Vec<(&str, &str)> = Vec::new();
        match end {
            RunEnd::Reconciled { retry_at_ms } => {
                set.extend(["reconciled_generation = claimed_generation", "#attempts = :zero"]);
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
            RunEnd::Failed { retry_at_ms } => {
                set.extend(["#attempts = #attempts + :one", "retry_at_ms = :retry"]);
                values.extend([(":one", n(1)), (":retry", n(retry_at_ms))]);
                names.push(("#attempts", "attempts"));
            }
            RunEnd::Suspended => {
                set.extend(["#switch = :suspended", "#attempts = :zero"]);
                remove.push("retry_at_ms");
                values.extend([(":suspended", s(Switch::Suspended.as_str())), (":zero", n(0))]);
                names.extend([("#switch", "switch"), ("#attempts", "attempts")]);
            }
        }
        let mut update = self
            .update_pending(&directory)
            .update_expression(format!("SET {} REMOVE {}", set.join(", "), remove.join(", ")))
            .condition_expression("lease_run = :run");
        for (name, value) in values {
            update = update.expression_attribute_values(name, value);
        }
        for (name, attribute) in names {
            update = update.expression_attribute_names(name, attribute);
        }
        match conditional(update, "dynamodb:UpdateItem to end the run").await? {
            Written::Yes(_) => Ok(Ok(())),
            // An SDK retry of a write that did arrive finds its own run.
            Written::No(Some(item)) if read(&item)?.last_run.as_ref() == Some(&run) => Ok(Ok(())),
            Written::No(_) => Ok(Err(LeaseLost)),
        }
    }
}

//! One run, from the claim to the record.
//!
//! The order of the record is what makes a crash harmless: the run's own record first, then the tenants, then the pending
//! item, whose generation says that all of it is done.

use std::time::Instant;

use adapters::aws::chain;
use adapters::clock::now_ms;
use adapters::http::Deadline;
use adapters::store::{Claim, LeaseLost, StoreError};
use domain::ids::RunId;
use domain::message::SyncMessage;
use domain::pending::{NotClaimed, RunEnd};
use domain::run::{RunRecord, Status};
use uuid::Uuid;

use crate::Deps;
use crate::attempt::{Attempt, attempt};

/// Handles a message: claims what is pending, tries, records. A message that finds nothing to claim is done with.
pub(crate) async fn run(deps: &Deps, message: &SyncMessage, deadline: Deadline) -> Result<(), StoreError> {
    let run = RunId::new(Uuid::now_v7().to_string());
    let claim = match deps.store.claim(message, &run, now_ms(), &deps.config.delays).await? {
        Ok(claim) => claim,
        Err(why) => {
            log_unclaimed(message, why);
            return Ok(());
        }
    };
    let began = Instant::now();
    let record = new_record(&claim, message);
    let lease = claim.lease().clone();
    let worked = async {
        let attempt = attempt(deps, &claim, message.reason, deadline).await?;
        record_work(deps, attempt, RunRecord { seconds: began.elapsed().as_secs_f64(), ..record.clone() }).await
    };
    let worked = tokio::select! {
        worked = worked => Ok(worked?),
        lost = lease.keep() => Err(lost),
    };
    match worked {
        Ok((record, end)) => match deps.store.release(claim, end).await? {
            Ok(()) => log_ended(&record),
            Err(LeaseLost) => {
                tracing::warn!(run.id = %record.id, integration.id = %record.integration, "another run took over before the end");
            }
        },
        Err(LeaseLost) => superseded(deps, RunRecord { seconds: began.elapsed().as_secs_f64(), ..record }).await,
    }
    Ok(())
}

fn new_record(claim: &Claim, message: &SyncMessage) -> RunRecord {
    RunRecord {
        v: 1,
        id: claim.run().clone(),
        integration: claim.integration().clone(),
        directory: claim.directory().clone(),
        reason: message.reason,
        generation: claim.generation(),
        status: Status::Applied,
        code: None,
        error: None,
        started_at_ms: now_ms(),
        tenants: Vec::new(),
        findings: Vec::new(),
        workos_calls: 0,
        orgvue_calls: 0,
        seconds: 0.0,
    }
}

/// Stores everything of a run but its end. A run that had nothing to do leaves no record.
async fn record_work(deps: &Deps, attempt: Attempt, record: RunRecord) -> Result<(RunRecord, RunEnd), StoreError> {
    let is_idle = attempt.is_idle();
    let record = RunRecord {
        status: attempt.status,
        code: attempt.code,
        error: attempt.error,
        tenants: attempt.tenants,
        findings: attempt.findings,
        workos_calls: attempt.workos_calls,
        orgvue_calls: attempt.orgvue_calls,
        ..record
    };
    if !is_idle {
        deps.store.put_run(&record).await?;
    }
    for (tenant, state) in &attempt.states {
        deps.store.put_tenant_state(&record.integration, tenant, state).await?;
    }
    Ok((record, attempt.end))
}

/// Another run has the lease and covers all that this one claimed. What this one saved before writing is kept.
async fn superseded(deps: &Deps, record: RunRecord) {
    tracing::warn!(run.id = %record.id, integration.id = %record.integration, "the lease is lost; the run stops writing");
    let record = RunRecord { status: Status::Superseded, error: Some("another run took over".to_owned()), ..record };
    if let Err(error) = deps.store.put_run(&record).await {
        tracing::warn!(run.id = %record.id, error = chain(&error), "the superseded run could not be recorded");
    }
}

fn log_unclaimed(message: &SyncMessage, why: NotClaimed) {
    let outcome = match why {
        NotClaimed::Superseded => "superseded",
        NotClaimed::Busy => "busy",
        NotClaimed::Deferred => "deferred",
        NotClaimed::Paused => "paused",
        NotClaimed::Suspended => "suspended",
        NotClaimed::UnknownDirectory => "unknown_directory",
    };
    tracing::info!(outcome, directory.id = %message.directory, generation = message.generation, "message leads to no run");
}

fn log_ended(record: &RunRecord) {
    let count = |list: fn(&domain::run::TenantRecord) -> usize| record.tenants.iter().map(list).sum::<usize>();
    tracing::info!(
        run.id = %record.id,
        integration.id = %record.integration,
        directory.id = %record.directory,
        generation = record.generation,
        status = ?record.status,
        n_tenants = record.tenants.len(),
        n_created = count(|t| t.created.len()),
        n_updated = count(|t| t.updated.len()),
        n_removed = count(|t| t.removed.len()),
        n_held = count(|t| t.held.len()),
        n_findings = record.findings.len(),
        workos_calls = record.workos_calls,
        orgvue_calls = record.orgvue_calls,
        seconds = record.seconds,
        "run ended"
    );
}

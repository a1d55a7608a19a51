//! One run, from the claim to the record.
//!
//! The order of the record is what makes a crash harmless: the run's own record first, then the tenants and what was seen, then the pending
//! item, whose generation says that all of it is done. A run that is cut short while it writes has its [`Opening`].

use std::pin::pin;
use std::time::{Duration, Instant};

use adapters::aws::chain;
use adapters::clock::now_ms;
use adapters::http::Deadline;
use adapters::store::{Claim, Lease, LeaseLost, StoreError};
use domain::ids::RunId;
use domain::message::{Reason, SyncMessage};
use domain::notice::{FindingNews, Notice};
use domain::pending::{NotClaimed, RunEnd};
use domain::run::{INTERRUPTED, RunRecord, Status};
use tokio::sync::OnceCell;
use tracing::Span;
use uuid::Uuid;

use crate::Deps;
use crate::attempt::{Attempt, News, attempt};
use crate::metrics;
use crate::tenant::Keeping;

/// Time for a run that may not write any more to notice it and to tell what it did, beyond the longest request.
const LEAVING: Duration = Duration::from_secs(5);

/// Time for a notice. Nobody waits for one, and what is left of the invocation may be short.
const NOTICE_TIMEOUT: Duration = Duration::from_secs(5);

/// Handles a message: claims what is pending, tries, records, tells. A message that finds nothing to claim, or nothing to do, is done with and
/// leaves no record.
pub(crate) async fn run(deps: &Deps, message: &SyncMessage, deadline: Deadline) -> Result<Option<RunRecord>, StoreError> {
    let run = new_id();
    let claim = match deps.store.claim(message, &run, now_ms(), &deps.config.delays).await? {
        Ok(claim) => claim,
        Err(why) => {
            log_unclaimed(message, why);
            return Ok(None);
        }
    };
    Span::current().record("run.id", run.as_str());
    let began = Instant::now();
    let record = new_record(&claim, message.reason);
    let lease = claim.lease().clone();
    let opening = Opening::of(&record);
    let (attempted, lost) = beside_heartbeat(deps, &lease, attempt(deps, &claim, &opening, deadline)).await;
    let attempted = attempted.transpose()?;
    let record = RunRecord { seconds: began.elapsed().as_secs_f64(), ..record };
    match (attempted, lost) {
        (Some(attempt), None) => {
            let (recorded, lost) = beside_heartbeat(deps, &lease, record_work(deps, &claim, attempt, record)).await;
            match recorded.transpose()?.flatten() {
                Some(Recorded { record, end, notice }) => {
                    let released = release(deps, claim, &record, end).await;
                    // What is news is stored as seen by now, so that no other run tells it.
                    send(deps, notice, &record).await;
                    released?;
                    Ok(is_told(&record).then_some(record))
                }
                None => {
                    log_lost(&run, lost.unwrap_or(LeaseLost::TakenOver));
                    Ok(None)
                }
            }
        }
        (attempt, lost) => {
            let lost = lost.unwrap_or(LeaseLost::TakenOver);
            let record = record_stopped(deps, attempt, record, lost).await;
            release_stopped(deps, claim).await?;
            Ok(Some(record))
        }
    }
}

/// The id of a new run; ids sort by time.
pub(crate) fn new_id() -> RunId {
    RunId::new(Uuid::now_v7().to_string())
}

/// The record of a run that has just claimed.
pub(crate) fn new_record(claim: &Claim, reason: Reason) -> RunRecord {
    RunRecord {
        v: 1,
        id: claim.run().clone(),
        integration: claim.integration().clone(),
        directory: claim.directory().clone(),
        reason,
        generation: claim.generation(),
        restores: None,
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

/// What is known of a run before its end: stored before its first write to Orgvue, so that what it saved can be put back even if it is cut
/// short. Its end takes the place of it.
pub(crate) struct Opening {
    record: RunRecord,
    stored: OnceCell<()>,
}

impl Opening {
    pub(crate) fn of(record: &RunRecord) -> Self {
        let error = "the run was cut short, or is at work still; what it saved before it wrote is kept";
        let record =
            RunRecord { status: Status::Superseded, code: Some(INTERRUPTED.to_owned()), error: Some(error.to_owned()), ..record.clone() };
        Self { record, stored: OnceCell::new() }
    }

    /// Stores it once, whichever tenant is the first to be written.
    pub(crate) async fn store(&self, deps: &Deps) -> Result<(), StoreError> {
        self.stored.get_or_try_init(|| deps.store.put_run(&self.record)).await.copied()
    }
}

/// Whether what the next run builds upon is this run's to store. A pause leaves it so: the lease is given back behind it.
pub(crate) async fn is_ours(lease: &Lease) -> bool {
    match lease.cover(Duration::ZERO).await {
        Ok(()) | Err(LeaseLost::Paused) => true,
        Err(LeaseLost::TakenOver) => false,
    }
}

/// Works while the lease is renewed. When it ends, no write begins any more; what is under way has a little time to end and to be told.
pub(crate) async fn beside_heartbeat<T>(deps: &Deps, lease: &Lease, work: impl Future<Output = T>) -> (Option<T>, Option<LeaseLost>) {
    let mut work = pin!(work);
    let lost = tokio::select! {
        done = &mut work => return (Some(done), None),
        lost = lease.keep() => lost,
    };
    let done = tokio::time::timeout(deps.config.http_timeout + LEAVING, work).await.ok();
    (done, Some(lost))
}

/// A run that is stored, but for its end.
struct Recorded {
    record: RunRecord,
    end: RunEnd,
    notice: Option<Notice>,
}

/// Stores everything of a run but its end; `None` if another run has taken over. A run that had nothing to do leaves no record.
async fn record_work(deps: &Deps, claim: &Claim, mut attempt: Attempt, record: RunRecord) -> Result<Option<Recorded>, StoreError> {
    let record = attempt.tell(record);
    let Attempt { states, snapshot, end, tally, news, .. } = attempt;
    if is_told(&record) {
        deps.store.put_run(&record).await?;
    }
    let News { held, mut findings } = news;
    let mut is_seen = true;
    if let Some(snapshot) = &snapshot {
        if !is_ours(claim.lease()).await {
            return Ok(None);
        }
        // The next run sees the same, stores it and tells it; for that alone nothing need be done again.
        if let Err(error) = deps.store.put_snapshot(&record.integration, snapshot).await {
            tracing::warn!(run.id = %record.id, error = chain(&error), "what the run saw could not be stored");
            findings = FindingNews::default();
            is_seen = false;
        }
    }
    for (tenant, mut state, Keeping { held, replaced }) in states {
        if !is_ours(claim.lease()).await {
            return Ok(None);
        }
        // The state never names what is not there, and what it names never expires.
        if let Some(held) = held {
            deps.store.put_held(&record.integration, &held).await?;
        }
        // That the list of users is known is said behind what was seen in it.
        state.whole_ms = state.whole_ms.filter(|_| is_seen);
        deps.store.put_tenant_state(&record.integration, &tenant, &state).await?;
        if let Some(replaced) = replaced {
            deps.store.let_held_expire(&record.integration, &replaced).await?;
        }
    }
    if let Some(tally) = &tally {
        // Nothing is decided from it, and the next run leaves its own.
        if let Err(error) = deps.store.put_tally(claim, tally).await {
            tracing::warn!(run.id = %record.id, error = chain(&error), "what is counted could not be stored");
        }
    }
    let notice = Notice::of(&record, &held, &findings);
    Ok(Some(Recorded { record, end, notice }))
}

/// Whether there is anything to tell of a run.
fn is_told(record: &RunRecord) -> bool {
    !record.tenants.is_empty() || record.error.is_some()
}

/// Best effort: the record has it all, and what is held has an alarm.
async fn send(deps: &Deps, notice: Option<Notice>, record: &RunRecord) {
    let Some((notices, notice)) = deps.notices.as_ref().zip(notice) else { return };
    match tokio::time::timeout(NOTICE_TIMEOUT, notices.send(&record.integration, &notice)).await {
        Ok(Ok(())) => tracing::info!(run.id = %record.id, integration.id = %record.integration, "notice sent"),
        Ok(Err(error)) => {
            tracing::warn!(run.id = %record.id, error = chain(&error), "the notice was not sent");
            deps.config.metrics.write(now_ms(), &[metrics::NOTICE_LOST]);
        }
        Err(_) => {
            tracing::warn!(run.id = %record.id, "the notice was not sent in time");
            deps.config.metrics.write(now_ms(), &[metrics::NOTICE_LOST]);
        }
    }
}

async fn release(deps: &Deps, claim: Claim, record: &RunRecord, end: RunEnd) -> Result<(), StoreError> {
    match deps.store.release(claim, end).await? {
        Ok(()) => log_ended(record),
        Err(lost) => log_lost(&record.id, lost),
    }
    Ok(())
}

/// A run that had to stop: what it did until then is told. The tenants' states are not stored, for another run may be at work on them.
async fn record_stopped(deps: &Deps, mut attempt: Option<Attempt>, record: RunRecord, lost: LeaseLost) -> RunRecord {
    log_lost(&record.id, lost);
    let record = match &mut attempt {
        Some(attempt) => attempt.tell(record),
        None => record,
    };
    let (code, error) = match lost {
        LeaseLost::TakenOver => ("superseded", "another run took over; this one stopped writing"),
        LeaseLost::Paused => ("paused", "a person paused the integration; the run stopped writing, and what is owed stays owed"),
    };
    let record = RunRecord { status: Status::Superseded, code: Some(code.to_owned()), error: Some(error.to_owned()), ..record };
    if let Err(error) = deps.store.put_run(&record).await {
        tracing::warn!(run.id = %record.id, error = chain(&error), "the run that was stopped could not be recorded");
    }
    record
}

/// Gives the lease back, if it is still this run's: a person who resumes need not wait for it to end.
async fn release_stopped(deps: &Deps, claim: Claim) -> Result<(), StoreError> {
    match deps.store.release(claim, RunEnd::Stopped).await? {
        Ok(()) | Err(_) => Ok(()),
    }
}

fn log_lost(run: &RunId, lost: LeaseLost) {
    match lost {
        LeaseLost::TakenOver => tracing::warn!(run.id = %run, "another run took over; this one stopped writing"),
        LeaseLost::Paused => tracing::info!(run.id = %run, "a person paused the integration; the run stopped writing"),
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

/// One line for each run.
pub(crate) fn log_ended(record: &RunRecord) {
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

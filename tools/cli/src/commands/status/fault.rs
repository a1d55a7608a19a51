//! What stands in the way of a directory or a tenant. The state knows the code alone; the words are in the record of a run that met it.

use adapters::store::{Store, StoreError};
use domain::backoff::Backoff;
use domain::ids::{IntegrationId, TenantId};
use domain::pending::Pending;
use domain::run::{RunRecord, Status, TenantRecord};
use domain::tenant_state::TenantState;
use serde::Serialize;

use crate::output::{At, utc};

/// Most runs that are looked through for words. A fault that stands is met by the last run, or by the last one that was for its tenant.
const RUNS_LOOKED_AT_MAX: usize = 5;

/// What stands in the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Fault {
    /// The stable code; none where it is too long ago.
    code: Option<String>,
    /// The same in words, and what to do.
    error: Option<String>,
    /// Since when every run has met it, where that is known.
    pub(super) since: Option<At>,
    attempts: u32,
    pub(super) quarantined: bool,
    pub(super) next_try_at: Option<At>,
}

/// The latest runs, where there is a fault that they may tell about.
pub(super) struct Told(Vec<RunRecord>);

impl Told {
    pub(super) async fn read(
        store: &Store,
        id: &IntegrationId,
        pending: Option<&Pending>,
        states: &[&TenantState],
    ) -> Result<Self, StoreError> {
        let directory_fails = pending.is_some_and(|pending| pending.backoff.attempts > 0);
        let mut records = Vec::new();
        if directory_fails || states.iter().any(|state| state.fault.is_some()) {
            for head in store.latest_runs(id, RUNS_LOOKED_AT_MAX).await? {
                records.extend(store.run(&head.id).await?);
            }
        }
        Ok(Self(records))
    }

    /// What keeps the directory from being read.
    pub(super) fn of_directory(&self, pending: &Pending) -> Option<Fault> {
        if pending.backoff.attempts == 0 {
            return None;
        }
        let failed = self.0.iter().filter(|run| run.status != Status::Superseded);
        let told = failed.filter_map(|run| Some((run.code.clone()?, run.error.clone()))).next();
        let (code, error) = told.map_or((None, None), |(code, error)| (Some(code), error));
        Some(Fault::new(code, error, None, pending.backoff, pending.retry_at_ms))
    }

    /// What stands in the way of a tenant.
    pub(super) fn of_tenant(&self, tenant: &TenantId, state: &TenantState) -> Option<Fault> {
        let fault = state.fault.as_ref()?;
        let told = self.record(tenant).filter(|record| record.code.as_ref() == Some(&fault.code));
        let error = told.and_then(|record| record.error.clone());
        Some(Fault::new(Some(fault.code.clone()), error, Some(At(fault.since_ms)), state.backoff, state.retry_at_ms))
    }

    /// Accounts of a tenant that are not as planned.
    pub(super) fn n_failed(&self, tenant: &TenantId) -> usize {
        self.record(tenant).map_or(0, |record| record.failed.len())
    }

    fn record(&self, tenant: &TenantId) -> Option<&TenantRecord> {
        self.0.iter().flat_map(|run| &run.tenants).find(|record| record.tenant == *tenant)
    }
}

impl Fault {
    fn new(code: Option<String>, error: Option<String>, since: Option<At>, backoff: Backoff, retry_at_ms: Option<i64>) -> Self {
        let Backoff { attempts, own_faults: _ } = backoff;
        Self { code, error, since, attempts, quarantined: backoff.is_quarantined(), next_try_at: retry_at_ms.map(At) }
    }

    /// What it is, and what to do.
    pub(super) fn text(&self) -> String {
        match (&self.code, &self.error) {
            (Some(code), Some(error)) => format!("{code}: {error}"),
            (Some(code), None) => format!("{code}: docs/reason-codes.md says what to do"),
            (None, _) => "the directory could not be read".to_owned(),
        }
    }

    /// When it is tried again.
    pub(super) fn next(&self) -> String {
        let what = if self.quarantined { "quarantined until" } else { "tried again at" };
        self.next_try_at.map(|at| format!("{what} {}", utc(at.0))).unwrap_or_default()
    }
}

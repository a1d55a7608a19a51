//! One attempt: the directory is read once and serves all the tenants of its integration, which succeed and fail each on its own.

use std::collections::BTreeMap;

use adapters::aws::chain;
use adapters::clock::now_ms;
use adapters::http::Deadline;
use adapters::store::{Claim, StoreError, TenantState};
use adapters::workos::ReadError;
use domain::desired::desired;
use domain::finding::Finding;
use domain::group_name;
use domain::guard::Completeness;
use domain::ids::TenantId;
use domain::integration::{Integration, Mode, Tenant};
use domain::pending::RunEnd;
use domain::run::{Status, TenantRecord};
use futures::{StreamExt, stream};

use crate::Deps;
use crate::tenant::{Reconcile, Reconciled};

/// What an attempt found and did.
pub(crate) struct Attempt {
    pub(crate) status: Status,
    pub(crate) error: Option<String>,
    pub(crate) tenants: Vec<TenantRecord>,
    pub(crate) findings: Vec<Finding>,
    pub(crate) states: Vec<(TenantId, TenantState)>,
    pub(crate) workos_calls: u64,
    pub(crate) orgvue_calls: u64,
    pub(crate) end: RunEnd,
}

/// Reads, decides and applies. Only the table's own faults are errors; everything else is an outcome.
pub(crate) async fn attempt(deps: &Deps, claim: &Claim, deadline: Deadline) -> Result<Attempt, StoreError> {
    let integration = match integration(deps, claim).await? {
        Ok(integration) => integration,
        Err(error) => return Ok(Attempt::stopped(Status::Refused, error, retry(deps, claim), 0)),
    };
    let states = deps.store.tenant_states(&integration.id).await?;
    let due = due_tenants(&integration, &states, claim);
    if due.is_empty() {
        return Ok(summed(Vec::new(), states, Vec::new(), 0));
    }
    let reader = deps.workos.reader(integration.directory.clone(), deadline);
    let directory = match reader.read(|name| matches!(group_name::parse(name, &integration), Some(Ok(_)))).await {
        Ok(directory) => directory,
        Err(error) => return Ok(unread(deps, claim, &error, reader.calls())),
    };

    let decision = desired(&directory, &integration);
    let n_active = directory.users.values().filter(|user| user.active).count();
    let reconcile = Reconcile {
        deps,
        claim,
        deadline,
        integration: &integration,
        directory: &directory,
        decision: &decision,
        completeness: Completeness::judge(n_active, directory.active_users_counted),
        reader: &reader,
    };
    let work: Vec<_> =
        due.into_iter().map(|tenant| reconcile.tenant(tenant, states.get(&tenant.id).cloned().unwrap_or_default())).collect();
    let reconciled: Vec<Reconciled> = stream::iter(work).buffer_unordered(deps.config.tenants_at_once).collect().await;
    Ok(summed(reconciled, states, decision.findings.clone(), reader.calls()))
}

/// The integration that is in force.
async fn integration(deps: &Deps, claim: &Claim) -> Result<Result<Integration, String>, StoreError> {
    let id = claim.integration();
    let Some(file) = deps.store.integration_file(id).await? else {
        return Ok(Err(format!("the integration {id} has no file: apply it again")));
    };
    Ok(match Integration::parse(&file) {
        Ok(integration) if integration.directory == *claim.directory() => Ok(integration),
        Ok(_) => Err(format!("the integration {id} is about another directory now")),
        Err(error) => Err(format!("the file of the integration {id} is not valid any more: {error}")),
    })
}

/// The tenants to work on. One that failed waits for its retry, whoever asks; if nothing new was asked for, only such are due.
fn due_tenants<'a>(integration: &'a Integration, states: &BTreeMap<TenantId, TenantState>, claim: &Claim) -> Vec<&'a Tenant> {
    let now_ms = now_ms();
    let is_due = |tenant: &&Tenant| match states.get(&tenant.id).and_then(|state| state.retry_at_ms) {
        Some(at) => at <= now_ms,
        None => claim.is_new_work(),
    };
    integration.tenants.iter().filter(|tenant| tenant.mode != Mode::Paused).filter(is_due).collect()
}

fn retry(deps: &Deps, claim: &Claim) -> RunEnd {
    RunEnd::Failed { retry_at_ms: deps.config.delays.retry_at(claim.attempts() + 1, now_ms()) }
}

fn unread(deps: &Deps, claim: &Claim, error: &ReadError, calls: u64) -> Attempt {
    tracing::warn!(run.id = %claim.run(), directory.id = %claim.directory(), error = chain(error), "the directory was not read");
    let (status, end) = match error {
        ReadError::Gone { .. } => (Status::Refused, RunEnd::Suspended),
        ReadError::TooLarge { .. } | ReadError::Refused { .. } => (Status::Refused, retry(deps, claim)),
        ReadError::Unsettled { .. } | ReadError::Untrusted { .. } | ReadError::Unavailable { .. } | ReadError::OutOfTime => {
            (Status::Failed, retry(deps, claim))
        }
    };
    Attempt::stopped(status, chain(error), end, calls)
}

impl Attempt {
    fn stopped(status: Status, error: String, end: RunEnd, workos_calls: u64) -> Self {
        Self {
            status,
            error: Some(error),
            tenants: Vec::new(),
            findings: Vec::new(),
            states: Vec::new(),
            workos_calls,
            orgvue_calls: 0,
            end,
        }
    }
}

fn summed(
    reconciled: Vec<Reconciled>,
    mut states: BTreeMap<TenantId, TenantState>,
    mut findings: Vec<Finding>,
    workos_calls: u64,
) -> Attempt {
    let orgvue_calls = reconciled.iter().map(|one| one.orgvue_calls).sum();
    findings.retain(|finding| finding.user.as_ref().is_none_or(|user| !reconciled.iter().any(|one| one.confirmed.contains(user))));
    let mut tenants = Vec::new();
    let mut changed = Vec::new();
    for one in reconciled {
        findings.extend(one.findings);
        states.insert(one.record.tenant.clone(), one.state.clone());
        changed.push((one.record.tenant.clone(), one.state));
        tenants.push(one.record);
    }
    tenants.sort_by(|a, b| a.tenant.cmp(&b.tenant));
    findings.sort();
    findings.dedup();
    Attempt {
        status: tenants.iter().map(|tenant| tenant.status).max().unwrap_or(Status::Applied),
        error: None,
        tenants,
        findings,
        states: changed,
        workos_calls,
        orgvue_calls,
        end: RunEnd::Reconciled { retry_at_ms: states.values().filter_map(|state| state.retry_at_ms).min() },
    }
}

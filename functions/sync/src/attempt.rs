//! One attempt: the directory is read once and serves all the tenants of its integration, which succeed and fail each on its own.

use adapters::aws::chain;
use adapters::clock::now_ms;
use adapters::http::Deadline;
use adapters::store::{Claim, StoreError};
use adapters::workos::ReadError;
use domain::desired::desired;
use domain::finding::Finding;
use domain::group_name;
use domain::guard::Completeness;
use domain::ids::TenantId;
use domain::integration::Integration;
use domain::message::Reason;
use domain::pending::RunEnd;
use domain::run::{Status, TenantRecord};
use domain::tenant_state::{Demand, TenantState, earliest_retry, worked_on};
use futures::{StreamExt, stream};

use crate::Deps;
use crate::tenant::{Reconcile, Reconciled};

/// How often in a row a directory is not found before it counts as gone: most of a day at production's delays. An API key of another
/// environment finds no customer's directory, and must not suspend them all.
const NOT_FOUND_MAX: u32 = 80;

/// What an attempt found and did.
pub(crate) struct Attempt {
    pub(crate) status: Status,
    pub(crate) code: Option<String>,
    pub(crate) error: Option<String>,
    pub(crate) tenants: Vec<TenantRecord>,
    pub(crate) findings: Vec<Finding>,
    pub(crate) states: Vec<(TenantId, TenantState)>,
    pub(crate) workos_calls: u64,
    pub(crate) orgvue_calls: u64,
    pub(crate) end: RunEnd,
}

/// Reads, decides and applies. Only that the table does not answer is an error; everything else is an outcome.
pub(crate) async fn attempt(deps: &Deps, claim: &Claim, reason: Reason, deadline: Deadline) -> Result<Attempt, StoreError> {
    match try_once(deps, claim, reason, deadline).await {
        // The message would come again and again for it, and end where nobody can tell which customer it is about.
        Err(error @ StoreError::Corrupt { .. }) => {
            tracing::error!(run.id = %claim.run(), integration.id = %claim.integration(), error = chain(&error), "the table must be repaired");
            Ok(Attempt::stopped(Status::Refused, "table_corrupt", chain(&error), retry(deps, claim)))
        }
        outcome => outcome,
    }
}

async fn try_once(deps: &Deps, claim: &Claim, reason: Reason, deadline: Deadline) -> Result<Attempt, StoreError> {
    let integration = match integration(deps, claim).await? {
        Ok(integration) => integration,
        Err(error) => {
            tracing::error!(run.id = %claim.run(), integration.id = %claim.integration(), "the integration file in force cannot be used");
            return Ok(Attempt::stopped(Status::Refused, "integration_unusable", error, retry(deps, claim)));
        }
    };
    let mut states = deps.store.tenant_states(&integration.id).await?;
    let state_of = |tenant: &TenantId| states.get(tenant).cloned().unwrap_or_default();
    let demand = Demand::of(reason, claim.is_new_work());
    let began_ms = now_ms();
    let due: Vec<_> = worked_on(&integration).filter(|tenant| state_of(&tenant.id).is_due(demand, began_ms)).collect();
    if due.is_empty() {
        return Ok(Attempt::idle(earliest_retry(&integration, &states)));
    }
    let reader = deps.workos.reader(integration.directory.clone(), deadline);
    let directory = match reader.read(|name| matches!(group_name::parse(name, &integration), Some(Ok(_)))).await {
        Ok(directory) => directory,
        Err(error) => return Ok(Attempt { workos_calls: reader.calls(), ..unread(deps, claim, &error) }),
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
    let work: Vec<_> = due.into_iter().map(|tenant| reconcile.tenant(tenant, state_of(&tenant.id))).collect();
    let reconciled: Vec<Reconciled> = stream::iter(work).buffer_unordered(deps.config.tenants_at_once).collect().await;
    let mut attempt = summed(reconciled, decision.findings.clone());
    attempt.workos_calls = reader.calls();
    states.extend(attempt.states.iter().cloned());
    attempt.end = RunEnd::Reconciled { retry_at_ms: earliest_retry(&integration, &states) };
    Ok(attempt)
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

fn retry(deps: &Deps, claim: &Claim) -> RunEnd {
    RunEnd::Failed { retry_at_ms: deps.config.delays.retry_at(claim.attempts() + 1, now_ms()) }
}

fn unread(deps: &Deps, claim: &Claim, error: &ReadError) -> Attempt {
    tracing::warn!(
        run.id = %claim.run(), directory.id = %claim.directory(), code = error.code(), error = chain(error), "the directory was not read"
    );
    let (status, end) = match error {
        ReadError::Gone { .. } => (Status::Refused, RunEnd::Suspended),
        ReadError::NotFound if claim.attempts() >= NOT_FOUND_MAX => (Status::Refused, RunEnd::Suspended),
        ReadError::NotFound | ReadError::TooLarge { .. } | ReadError::Refused { .. } => (Status::Refused, retry(deps, claim)),
        ReadError::Unsettled { .. } | ReadError::Untrusted { .. } | ReadError::Unavailable { .. } | ReadError::OutOfTime => {
            (Status::Failed, retry(deps, claim))
        }
    };
    Attempt::stopped(status, error.code(), format!("{}; {}", chain(error), error.remedy()), end)
}

impl Attempt {
    /// Nothing is due: every tenant is paused or waits for its retry.
    fn idle(retry_at_ms: Option<i64>) -> Self {
        Self {
            status: Status::Applied,
            code: None,
            error: None,
            tenants: Vec::new(),
            findings: Vec::new(),
            states: Vec::new(),
            workos_calls: 0,
            orgvue_calls: 0,
            end: RunEnd::Reconciled { retry_at_ms },
        }
    }

    fn stopped(status: Status, code: &str, error: String, end: RunEnd) -> Self {
        Self { status, code: Some(code.to_owned()), error: Some(error), end, ..Self::idle(None) }
    }

    /// Whether there is nothing to tell of it.
    pub(crate) fn is_idle(&self) -> bool {
        self.tenants.is_empty() && self.error.is_none()
    }
}

fn summed(reconciled: Vec<Reconciled>, mut findings: Vec<Finding>) -> Attempt {
    findings.retain(|finding| finding.user.as_ref().is_none_or(|user| !reconciled.iter().any(|one| one.confirmed.contains(user))));
    let mut attempt = Attempt { orgvue_calls: reconciled.iter().map(|one| one.orgvue_calls).sum(), ..Attempt::idle(None) };
    for one in reconciled {
        findings.extend(one.findings);
        attempt.states.push((one.record.tenant.clone(), one.state));
        attempt.tenants.push(one.record);
    }
    attempt.tenants.sort_by(|a, b| a.tenant.cmp(&b.tenant));
    attempt.status = attempt.tenants.iter().map(|tenant| tenant.status).max().unwrap_or(Status::Applied);
    findings.sort();
    findings.dedup();
    Attempt { findings, ..attempt }
}

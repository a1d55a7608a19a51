//! Undo: the accounts that a run saved before it overwrote them are put back, by a plan that is guarded like any other.
//!
//! The directory stays the truth. What it does not ask for goes again with the next run, so the cause is mended, or the integration
//! paused, first.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use adapters::aws::chain;
use adapters::clock::now_ms;
use adapters::http::Deadline;
use adapters::orgvue::UsersDataset;
use adapters::store::{Claim, LeaseLost, StoreError};
use domain::current::{Current, DatasetRefusal};
use domain::desired::{Desired, DesiredAccount};
use domain::group_name::Roles;
use domain::guard::{Approved, Completeness, Facts, Held, Scope, guard};
use domain::held::{HeldHash, HeldSet};
use domain::ids::{IntegrationId, RunId, TenantId, UserId};
use domain::integration::{Integration, Tenant};
use domain::login::Login;
use domain::message::Reason;
use domain::pending::{NotClaimed, RunEnd};
use domain::plan::{self, Action, Plan};
use domain::row::Row;
use domain::run::{RunRecord, Status};
use domain::tenant_state::TenantState;

use crate::Deps;
use crate::fault::TenantFault;
use crate::look::{current, dataset, reading};
use crate::preview::Obstacle;
use crate::run::{Opening, beside_heartbeat, is_ours, log_ended, new_id, new_record};
use crate::tenant::{Progress, Writer};

/// What putting back a run would do now, tenant by tenant; tenants of which it saved nothing are not there.
#[derive(Debug, Default)]
pub struct Restoration {
    /// What would be done, or what stands in the way.
    pub tenants: BTreeMap<TenantId, Result<TenantRestoration, Obstacle>>,
}

/// What putting back a run would do in one tenant now.
#[derive(Debug)]
pub struct TenantRestoration {
    /// The whole plan, before the guard.
    pub plan: Plan,
    /// What of it would be written.
    pub approved: Vec<Action>,
    /// What would not, unless its hash is agreed to.
    pub held: Vec<Held>,
    /// The hash of what is held.
    pub hash: Option<HeldHash>,
}

/// Why nothing is put back.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// There is no such integration.
    #[error("there is no integration {0}")]
    UnknownIntegration(IntegrationId),
    /// The integration file in force cannot be used: apply it again.
    #[error("the integration file in force is not valid: {0}")]
    Integration(String),
    /// There is no such run of the integration, or no longer.
    #[error("integration {integration} has no run {run}")]
    UnknownRun {
        /// Whose run it should be.
        integration: IntegrationId,
        /// The run.
        run: RunId,
    },
    /// The run saved nothing, for it overwrote nothing.
    #[error("run {0} overwrote no account, so there is nothing to put back")]
    NothingSaved(RunId),
    /// A run is at work on the directory: try again when it has ended.
    #[error("a run is at work on this integration: try again when it has ended")]
    Busy,
    /// The table could not be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The integration in force, and what the run saved of each of its tenants.
struct Saved {
    integration: Integration,
    rows: BTreeMap<TenantId, Vec<Row>>,
    /// The logins of people who are blocked, under whichever: nobody is let in by an account of before.
    of_blocked: BTreeSet<Login>,
}

/// What is to be put back in one tenant, and how much of it may be.
struct Looked {
    plan: Plan,
    approved: Approved,
    held: Vec<Held>,
    hash: Option<HeldHash>,
    /// What a person agreed to of what would be held.
    agreed: HeldSet,
}

/// Works out what putting back a run would do now, and writes nothing. `only`: one tenant; all of them without it.
///
/// # Errors
/// [`RestoreError`]. What stands in the way of one tenant is told in its place.
pub async fn restoration(
    deps: &Deps,
    integration: &IntegrationId,
    run: &RunId,
    only: Option<&TenantId>,
    deadline: Deadline,
) -> Result<Restoration, RestoreError> {
    let Saved { integration, rows, of_blocked } = saved(deps, integration, run, only).await?;
    let states = deps.store.tenant_states(&integration.id).await?;
    let mut tenants = BTreeMap::new();
    for (tenant, rows) in tenants_of(&integration, rows) {
        let state = states.get(&tenant.id).cloned().unwrap_or_default();
        let looked = match dataset(deps, tenant, deadline) {
            Ok(dataset) => look((&integration, tenant), &dataset, rows, &of_blocked, &state, None).await,
            Err(fault) => Err(fault),
        };
        let told = looked
            .map(|Looked { plan, approved, held, hash, agreed: _ }| TenantRestoration {
                plan,
                approved: approved.actions().cloned().collect(),
                held,
                hash,
            })
            .map_err(Obstacle::from);
        tenants.insert(tenant.id.clone(), told);
    }
    Ok(Restoration { tenants })
}

/// Puts back what a run overwrote, under a lease, and records it as a run of its own, however it ends. `agreed` are the hashes of held parts that a person has
/// seen and wants all the same.
///
/// # Errors
/// [`RestoreError`]; nothing was written then, but by [`RestoreError::Store`] where the record says what was.
pub async fn restore(
    deps: &Deps,
    integration: &IntegrationId,
    run: &RunId,
    only: Option<&TenantId>,
    agreed: &BTreeSet<HeldHash>,
    deadline: Deadline,
) -> Result<RunRecord, RestoreError> {
    let saved = saved(deps, integration, run, only).await?;
    if saved.rows.is_empty() {
        return Err(RestoreError::NothingSaved(run.clone()));
    }
    let claim = match deps.store.hold(&saved.integration.directory, &new_id(), now_ms(), &deps.config.delays).await? {
        Ok(claim) => claim,
        Err(NotClaimed::UnknownDirectory) => return Err(RestoreError::UnknownIntegration(integration.clone())),
        Err(NotClaimed::Busy | NotClaimed::Superseded | NotClaimed::Deferred | NotClaimed::Paused | NotClaimed::Suspended) => {
            return Err(RestoreError::Busy);
        }
    };
    let began = Instant::now();
    let mut record = RunRecord { restores: Some(run.clone()), ..new_record(&claim, Reason::Restored) };
    let lease = claim.lease().clone();
    let (worked, lost) = beside_heartbeat(deps, &lease, write(deps, &claim, (run, only), agreed, deadline, &mut record)).await;
    record.seconds = began.elapsed().as_secs_f64();
    match &worked {
        Some(Ok(())) => {}
        Some(Err(error)) => {
            record.status = record.status.max(Status::Failed);
            record.code = Some("not_saved".to_owned());
            record.error = Some(format!("{}; restore again", chain(error)));
        }
        None => {
            let lost = TenantFault::from(lost.unwrap_or(LeaseLost::TakenOver));
            record.status = record.status.max(lost.status());
            record.code = Some(lost.code());
            record.error = Some(lost.told_once());
        }
    }
    let recorded = deps.store.put_run(&record).await;
    let released = deps.store.release(claim, RunEnd::Stopped).await;
    log_ended(&record);
    worked.transpose()?;
    recorded?;
    match released? {
        // Without the lease the next run knows no less: what was written is in the record.
        Ok(()) | Err(_) => Ok(record),
    }
}

async fn saved(deps: &Deps, id: &IntegrationId, run: &RunId, only: Option<&TenantId>) -> Result<Saved, RestoreError> {
    let file = deps.store.integration_file(id).await?.ok_or_else(|| RestoreError::UnknownIntegration(id.clone()))?;
    let integration = Integration::parse(&file).map_err(|error| RestoreError::Integration(error.to_string()))?;
    let record = deps.store.run(run).await?.filter(|record| record.integration == *id);
    if record.is_none() {
        return Err(RestoreError::UnknownRun { integration: id.clone(), run: run.clone() });
    }
    let mut rows = BTreeMap::new();
    for tenant in integration.tenants.iter().filter(|tenant| only.is_none_or(|only| tenant.id == *only)) {
        // A file may give the tenant another dataset since, where these accounts have never been.
        let saved = deps.store.saved_before(run, &tenant.id).await?.of(&tenant.dataset);
        if !saved.is_empty() {
            rows.insert(tenant.id.clone(), saved);
        }
    }
    let of_blocked = deps.store.snapshot(id).await?.map(|snapshot| snapshot.blocked_logins(&integration)).unwrap_or_default();
    Ok(Saved { integration, rows, of_blocked })
}

fn tenants_of(integration: &Integration, mut rows: BTreeMap<TenantId, Vec<Row>>) -> Vec<(&Tenant, Vec<Row>)> {
    integration.tenants.iter().filter_map(|tenant| Some((tenant, rows.remove(&tenant.id)?))).collect()
}

/// Tenant by tenant; the record grows with what was done, also if it ends early.
async fn write(
    deps: &Deps,
    claim: &Claim,
    (run, only): (&RunId, Option<&TenantId>),
    agreed: &BTreeSet<HeldHash>,
    deadline: Deadline,
    record: &mut RunRecord,
) -> Result<(), RestoreError> {
    // Read again under the lease: from here on no file can give a tenant to another integration.
    let Saved { integration, rows, of_blocked } = saved(deps, claim.integration(), run, only).await?;
    if integration.directory != *claim.directory() {
        return Err(RestoreError::Busy);
    }
    let opening = Opening::of(record);
    let states = deps.store.tenant_states(&integration.id).await?;
    for (tenant, rows) in tenants_of(&integration, rows) {
        let writer = Writer { deps, integration: &integration, tenant, claim, opening: &opening, deadline };
        let mut progress = Progress::new(tenant, states.get(&tenant.id).cloned().unwrap_or_default());
        let outcome = match dataset(deps, tenant, deadline) {
            Ok(dataset) => {
                let outcome = put_back(&writer, &dataset, rows, &of_blocked, agreed, &mut progress).await;
                record.orgvue_calls += dataset.calls();
                outcome
            }
            Err(fault) => Err(fault),
        };
        // A person sees to it: nothing is tried again by itself.
        let told = outcome.as_ref().err().map(TenantFault::told_once);
        let _class = writer.tell_fault(outcome, &mut progress);
        progress.record.error = told;
        record.status = record.status.max(progress.record.status);
        record.findings.extend(progress.findings);
        record.tenants.push(progress.record);
        if is_ours(claim.lease()).await {
            deps.store.put_tenant_state(&integration.id, &tenant.id, &progress.state).await?;
        }
    }
    Ok(())
}

async fn put_back(
    writer: &Writer<'_>,
    dataset: &UsersDataset,
    rows: Vec<Row>,
    of_blocked: &BTreeSet<Login>,
    agreed: &BTreeSet<HeldHash>,
    progress: &mut Progress,
) -> Result<(), TenantFault> {
    let Looked { plan, approved, held, hash, agreed } =
        look((writer.integration, writer.tenant), dataset, rows, of_blocked, &progress.state, Some(agreed)).await?;
    progress.record.unchanged = plan.unchanged;
    progress.record.plan = plan.to_string();
    progress.record.held_hash = hash;
    progress.findings.clone_from(&plan.findings);
    progress.hold(held);
    writer.apply(approved, &agreed, dataset, progress).await
}

async fn look(
    (integration, tenant): (&Integration, &Tenant),
    dataset: &UsersDataset,
    rows: Vec<Row>,
    of_blocked: &BTreeSet<Login>,
    state: &TenantState,
    agreed: Option<&BTreeSet<HeldHash>>,
) -> Result<Looked, TenantFault> {
    // Whoever sees only a part of the dataset would make a second account of what is out of sight; in a simulation nobody has to name it.
    if tenant.api_account.is_none() {
        return Err(DatasetRefusal::ApiAccountMissing.into());
    }
    // What a run overwrote is a part of the dataset, and need not hold the account of the API token.
    let part = Tenant { api_account: None, ..tenant.clone() };
    let saved = reading(&part, integration)(rows)?;
    let current = current(dataset, tenant, integration).await?;
    let plan = plan::restore(&saved, &current, tenant, integration, of_blocked);
    let desired = wanted(&saved);
    let judge = |approved: &HeldSet| {
        let facts = Facts {
            desired: &desired,
            current: &current,
            tenant,
            integration,
            scope: Scope::Settled,
            confirmed: &BTreeSet::new(),
            completeness: Completeness::Plausible,
            former: &BTreeMap::new(),
            approved,
            waiting: &HeldSet::default(),
            lately: state.harm.lately(now_ms()),
        };
        guard(plan.clone(), facts)
    };
    let (approved, held) = judge(&HeldSet::default());
    let set = HeldSet::of(&tenant.id, &held);
    let hash = (!set.is_empty()).then(|| set.hash());
    if agreed.zip(hash.as_ref()).is_some_and(|(agreed, hash)| agreed.contains(hash)) {
        let (approved, held) = judge(&set);
        let hash = Some(HeldSet::of(&tenant.id, &held)).filter(|set| !set.is_empty()).map(|set| set.hash());
        return Ok(Looked { plan, approved, held, hash, agreed: set });
    }
    Ok(Looked { plan, approved, held, hash, agreed: HeldSet::default() })
}

/// What the guard is to take for desired: the accounts as they were.
fn wanted(saved: &Current) -> Desired {
    let account = |login: &Login, roles: &Roles| DesiredAccount { login: login.clone(), roles: roles.clone(), user: UserId::new("") };
    let accounts = saved.accounts.iter().map(|(login, saved)| (login.clone(), account(login, &saved.roles))).collect();
    Desired { accounts, ..Desired::default() }
}

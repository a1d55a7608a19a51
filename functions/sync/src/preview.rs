//! A dry run: what a run would do now, by the very code of a run, without a claim and without a write.

use std::collections::{BTreeMap, BTreeSet};

use adapters::aws::chain;
use adapters::http::Deadline;
use adapters::orgvue::UsersDataset;
use adapters::store::StoreError;
use adapters::workos::ReadError;
use domain::current::Current;
use domain::desired::Decision;
use domain::directory::{Directory, Group};
use domain::finding::Finding;
use domain::guard::Held;
use domain::ids::{TenantId, UserId};
use domain::integration::{Integration, Tenant};
use domain::onboarding::looks_like_ours;
use domain::plan::{Action, Plan};
use domain::tenant_state::TenantState;
use futures::{StreamExt, stream};

use crate::Deps;
use crate::fault::TenantFault;
use crate::look::{Before, Look, Looked, dataset};

/// What a run would find and do now.
#[derive(Debug)]
pub struct Preview {
    /// The directory, whole.
    pub directory: Directory,
    /// What it asks for.
    pub decision: Decision,
    /// Each tenant that was asked for.
    pub tenants: BTreeMap<TenantId, Result<TenantPreview, Obstacle>>,
    /// Requests sent to WorkOS.
    pub workos_calls: u64,
    /// Requests sent to Orgvue.
    pub orgvue_calls: u64,
}

/// What a run would find and do in one tenant now.
#[derive(Debug)]
pub struct TenantPreview {
    /// The accounts that are there.
    pub current: Current,
    /// The whole plan, before the guard.
    pub plan: Plan,
    /// What of it would be written.
    pub approved: Vec<Action>,
    /// What would wait for a person.
    pub held: Vec<Held>,
    /// The findings of the dataset, and those of the users who were looked at again.
    pub findings: Vec<Finding>,
    /// Who was looked at again.
    pub confirmed: BTreeSet<UserId>,
}

/// What stands in the way of a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obstacle {
    /// The stable code; `docs/reason-codes.md` lists them.
    pub code: String,
    /// The same in words, with its causes.
    pub error: String,
    /// What to do, where the words do not say it.
    pub remedy: Option<&'static str>,
}

impl From<TenantFault> for Obstacle {
    fn from(fault: TenantFault) -> Self {
        Self { code: fault.code(), error: chain(&fault), remedy: fault.remedy() }
    }
}

/// Why there is no preview at all.
#[derive(Debug, thiserror::Error)]
pub enum PreviewError {
    /// The directory cannot be read.
    #[error(transparent)]
    Directory(#[from] ReadError),
    /// The table cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Reads the directory and these tenants' datasets, and plans. The integration need not be in force, nor need its tenants write.
///
/// The caller sees to it that the read leaves enough of WorkOS's calls to the runs; see [`crate::Config::workos_users_per_second`].
///
/// # Errors
/// [`PreviewError`]. What stands in the way of one tenant is told in its place.
pub async fn preview(deps: &Deps, integration: &Integration, tenants: &[&Tenant], deadline: Deadline) -> Result<Preview, PreviewError> {
    let reader = deps.workos.reader(integration.directory.clone(), deadline);
    // Also of groups that give nothing by a slip, so that it can be told who is left out for it; nothing is decided by them.
    let directory = reader.read(|name| looks_like_ours(name, integration)).await?;
    let states = deps.store.tenant_states(&integration.id).await?;
    let before = deps.store.snapshot(&integration.id).await?;
    let look = Look::new(deps, deadline, integration, &reader, &directory, true, before.as_ref());
    let work: Vec<_> = tenants.iter().map(|tenant| look_at(&look, tenant, states.get(&tenant.id).cloned().unwrap_or_default())).collect();
    let looked: Vec<_> = stream::iter(work).buffer_unordered(deps.config.tenants_at_once).collect().await;
    let orgvue_calls = looked.iter().map(|(_, _, calls)| calls).sum();
    let tenants: BTreeMap<_, _> = looked.into_iter().map(|(tenant, outcome, _)| (tenant, outcome)).collect();
    // What the lists said of users who were looked at again no longer counts.
    let confirmed: BTreeSet<UserId> = tenants.values().flatten().flat_map(|looked| looked.confirmed.clone()).collect();
    let mut decision = look.decision;
    decision.findings.retain(|finding| finding.user.as_ref().is_none_or(|user| !confirmed.contains(user)));
    let workos_calls = reader.calls();
    Ok(Preview { directory, decision, tenants, workos_calls, orgvue_calls })
}

async fn look_at(look: &Look<'_>, tenant: &Tenant, state: TenantState) -> (TenantId, Result<TenantPreview, Obstacle>, u64) {
    let dataset: UsersDataset = match dataset(look.deps, tenant, look.deadline) {
        Ok(dataset) => dataset,
        Err(fault) => return (tenant.id.clone(), Err(fault.into()), 0),
    };
    let before = match before(look, tenant, &state).await {
        Ok(before) => before,
        Err(error) => return (tenant.id.clone(), Err(TenantFault::from(error).into()), 0),
    };
    let outcome = look.tenant(tenant, &dataset, &state, &before, Plan::clone).await.map(|looked| {
        let Looked { plan, current, approved, held, findings, confirmed, renamed: _, harm: _ } = looked.expect("the directory is whole");
        TenantPreview { current, plan, approved: approved.actions().cloned().collect(), held, findings, confirmed }
    });
    (tenant.id.clone(), outcome.map_err(Obstacle::from), dataset.calls())
}

async fn before(look: &Look<'_>, tenant: &Tenant, state: &TenantState) -> Result<Before, StoreError> {
    let Look { deps, integration, .. } = *look;
    let decision = deps.store.decision(&integration.id, &tenant.id).await?;
    Before::read(&deps.store, &integration.id, tenant, state, decision.as_ref()).await
}

/// Reads all groups that a user is in now, ours or not.
///
/// # Errors
/// [`ReadError`].
pub async fn groups_of(deps: &Deps, integration: &Integration, user: &UserId, deadline: Deadline) -> Result<Vec<Group>, ReadError> {
    deps.workos.reader(integration.directory.clone(), deadline).groups_of(user).await
}

/// Reads whether the integration's directory speaks for its customer.
///
/// # Errors
/// [`ReadError`] when it does not, or nobody can tell.
pub async fn check_directory(deps: &Deps, integration: &Integration, deadline: Deadline) -> Result<(), ReadError> {
    deps.workos.reader(integration.directory.clone(), deadline).check().await
}

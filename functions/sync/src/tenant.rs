//! One tenant of a run: current, plan, guard, apply. Nothing here touches another tenant.

use std::collections::{BTreeMap, BTreeSet};

use adapters::aws::chain;
use adapters::clock::now_ms;
use adapters::http::Deadline;
use adapters::orgvue::{AccountFailure, Applied, StopCause, Stopped, UsersDataset};
use adapters::store::{Claim, LeaseLost};
use adapters::workos::DirectoryReader;
use domain::current::{Current, DatasetRefusal, Row, check_properties};
use domain::desired::{Decision, Desired, desired};
use domain::directory::Directory;
use domain::finding::{Finding, FindingCode};
use domain::guard::{Approved, Completeness, Facts, Held, HoldReason, Scope, guard, lists_are_believable};
use domain::ids::UserId;
use domain::integration::{Integration, Mode, Tenant};
use domain::login::Login;
use domain::plan::{Action, Plan, plan};
use domain::run::{HeldRecord, Status, TenantRecord};
use domain::tenant_state::TenantState;
use futures::{StreamExt, stream};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::Deps;
use crate::fault::TenantFault;

/// Most users whose groups are read a second time in one run: at WorkOS's 100 calls a second, 20 s. What is beyond is held.
const CONFIRMATIONS_MAX: usize = 2_000;
/// How many of those reads are under way at once.
const CONFIRMATIONS_AT_ONCE: usize = 8;

/// Where Orgvue refuses as many accounts and writes none, it is not the accounts' own matter.
const ALL_REFUSED_MIN: usize = 5;

/// What the tenants of a run share.
pub(crate) struct Reconcile<'a> {
    pub(crate) deps: &'a Deps,
    pub(crate) claim: &'a Claim,
    pub(crate) deadline: Deadline,
    pub(crate) integration: &'a Integration,
    pub(crate) directory: &'a Directory,
    pub(crate) decision: &'a Decision,
    pub(crate) completeness: Completeness,
    pub(crate) reader: &'a DirectoryReader,
}

/// How one tenant ended.
pub(crate) struct Reconciled {
    pub(crate) record: TenantRecord,
    pub(crate) state: TenantState,
    /// The findings of this tenant's dataset and writes, and those of the users who were looked at again.
    pub(crate) findings: Vec<Finding>,
    /// Who was looked at again: what the lists said of them no longer counts.
    pub(crate) confirmed: BTreeSet<UserId>,
    pub(crate) orgvue_calls: u64,
}

/// A plan, and who was looked at again for it.
struct Confirmed {
    desired: Desired,
    plan: Plan,
    users: BTreeSet<UserId>,
    /// What the second look found about them.
    findings: Vec<Finding>,
}

/// The part of a tenant's work that grows while it is done, so that a fault loses nothing of the report.
struct Progress {
    record: TenantRecord,
    findings: Vec<Finding>,
    confirmed: BTreeSet<UserId>,
    n_refused: usize,
}

impl Reconcile<'_> {
    /// Makes one tenant as desired, as far as the guard lets it.
    pub(crate) async fn tenant(&self, tenant: &Tenant, state: TenantState) -> Reconciled {
        let mut progress = Progress {
            record: TenantRecord::new(tenant.id.clone(), tenant.mode, Status::Applied),
            findings: Vec::new(),
            confirmed: BTreeSet::new(),
            n_refused: 0,
        };
        let scope = state.scope(self.integration);
        let mut orgvue_calls = 0;
        let outcome = match self.dataset(tenant) {
            Ok(dataset) => {
                let outcome = self.reconcile(tenant, &dataset, scope, &mut progress).await;
                orgvue_calls = dataset.calls();
                outcome
            }
            Err(fault) => Err(fault),
        };
        let Progress { mut record, findings, confirmed, n_refused: _ } = progress;
        if let Err(fault) = outcome {
            tracing::warn!(
                run.id = %self.claim.run(),
                tenant.id = %tenant.id,
                status = ?fault.status(),
                code = fault.code(),
                error = chain(&fault),
                trace.id = fault.trace_id(),
                "the tenant is not as desired"
            );
            record.status = fault.status();
            record.code = Some(fault.code());
            record.error = Some(fault.to_string());
        }
        let state = state.after(&record, self.integration, now_ms(), &self.deps.config.delays);
        Reconciled { record, state, findings, confirmed, orgvue_calls }
    }

    fn dataset(&self, tenant: &Tenant) -> Result<UsersDataset, TenantFault> {
        let token = self.deps.config.orgvue_tokens.of(&tenant.id).ok_or(TenantFault::NoToken)?;
        Ok(self.deps.orgvue.users_dataset(tenant.id.clone(), &tenant.dataset, token, self.deadline)?)
    }

    async fn reconcile(&self, tenant: &Tenant, dataset: &UsersDataset, scope: Scope, progress: &mut Progress) -> Result<(), TenantFault> {
        let spelling = &self.integration.dataset;
        check_properties(&dataset.property_keys().await?, spelling)?;
        let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
        let read = |rows: Vec<Row>| Current::read(rows, tenant, spelling, today);
        let current = read(dataset.rows().await?)?;

        let Confirmed { desired, plan, users, findings } = self.confirmed_plan(tenant, &current).await?;
        progress.findings.extend(plan.findings.iter().cloned().chain(findings));
        progress.record.unchanged = plan.unchanged;
        progress.record.plan = plan.to_string();
        let facts = Facts {
            desired: &desired,
            current: &current,
            tenant,
            integration: self.integration,
            scope,
            confirmed: &users,
            completeness: self.completeness,
        };
        let (approved, held) = guard(plan, facts);
        progress.confirmed = users;
        progress.hold(&held);
        if tenant.mode == Mode::Enforce {
            self.apply(approved, tenant, dataset, read, progress).await?;
        } else {
            progress.record.status = Status::Simulated;
            approved.actions().for_each(|action| progress.record.list(action));
        }
        match held.iter().filter(|held| held.why == HoldReason::Unconfirmed).count() {
            0 => Ok(()),
            n_users => Err(TenantFault::Unconfirmed { n_users }),
        }
    }

    /// Writes what was approved: additions, a second look, then removals.
    async fn apply(
        &self,
        approved: Approved,
        tenant: &Tenant,
        dataset: &UsersDataset,
        read: impl Fn(Vec<Row>) -> Result<Current, DatasetRefusal>,
        progress: &mut Progress,
    ) -> Result<(), TenantFault> {
        let before: Vec<&Row> = approved.actions().filter_map(Action::before).map(|account| &account.row).collect();
        self.deps.store.save_before(self.claim.run(), &tenant.id, &before).await?;

        let lease = self.claim.lease();
        let fence = || lease.cover(self.deps.config.http_timeout);
        let spelling = &self.integration.dataset;
        let (additions, harm) = approved.split();
        let applied = progress.note(additions.actions(), dataset.apply(additions.clone(), spelling, &read, fence).await)?;
        let failed: BTreeSet<Login> = applied.failed.into_keys().collect();
        let (removals, held) = harm.second_look(&additions, &failed);
        progress.hold(&held);
        progress.note(removals.actions(), dataset.apply(removals.clone(), spelling, &read, fence).await)?;
        progress.settled()
    }

    /// The plan, once those who seem to lose something although they are active were looked at again.
    ///
    /// A person who is moved between two groups while they are read is seen in neither; the user's own list of groups tells.
    async fn confirmed_plan(&self, tenant: &Tenant, current: &Current) -> Result<Confirmed, TenantFault> {
        let plan_of = |decision: &Decision| {
            let desired = decision.tenants.get(&tenant.id).cloned().unwrap_or_default();
            let plan = plan(&desired, current, tenant, self.integration, |login| decision.active.get(login).cloned());
            (desired, plan)
        };
        let (desired_first, plan_first) = plan_of(self.decision);
        let mut users = BTreeSet::new();
        let doubtful: BTreeSet<UserId> = plan_first.actions.iter().filter_map(|action| action.takes_from_active(&users)).cloned().collect();
        if doubtful.is_empty() {
            return Ok(Confirmed { desired: desired_first, plan: plan_first, users, findings: Vec::new() });
        }
        let read: Vec<_> = stream::iter(doubtful.into_iter().take(CONFIRMATIONS_MAX))
            .map(|user| async move { (self.reader.groups_of(&user).await, user) })
            .buffer_unordered(CONFIRMATIONS_AT_ONCE)
            .collect()
            .await;
        let mut directory = self.directory.clone();
        for (groups, user) in read {
            match groups {
                Ok(groups) => {
                    directory.correct_memberships(&user, groups);
                    users.insert(user);
                }
                Err(error) => tracing::warn!(
                    run.id = %self.claim.run(), tenant.id = %tenant.id, user.id = %user, error = chain(&error), "the user's groups were not read again"
                ),
            }
        }
        let decision = desired(&directory, self.integration);
        let (desired, plan) = plan_of(&decision);
        let none = BTreeSet::new();
        let losing: BTreeSet<&UserId> = plan.actions.iter().filter_map(|action| action.takes_from_active(&none)).collect();
        let n_users = users.iter().filter(|user| !losing.contains(user)).count();
        if !lists_are_believable(&desired_first, n_users) {
            return Err(TenantFault::Contradicted { n_users });
        }
        let findings =
            decision.findings.into_iter().filter(|finding| finding.user.as_ref().is_some_and(|user| users.contains(user))).collect();
        Ok(Confirmed { desired, plan, users, findings })
    }
}

impl Progress {
    fn hold(&mut self, held: &[Held]) {
        self.record.held.extend(held.iter().map(HeldRecord::from));
        self.record.held.sort_by(|a, b| a.login.cmp(&b.login));
        if !held.is_empty() {
            self.record.status = Status::PartlyHeld;
        }
    }

    /// Notes what a phase did, also if it ended early.
    fn note(&mut self, actions: &[Action], outcome: Result<Applied, Stopped<LeaseLost>>) -> Result<Applied, TenantFault> {
        let (applied, cause) = match outcome {
            Ok(applied) => (applied, None),
            Err(stopped) => (stopped.applied, Some(stopped.cause)),
        };
        let actions: BTreeMap<&Login, &Action> = actions.iter().map(|action| (&action.login, action)).collect();
        for login in &applied.done {
            if let Some(action) = actions.get(login) {
                self.record.list(action);
            }
        }
        for (login, failure) in &applied.failed {
            // A refusal of something that takes nothing away is the account's own matter; a leaver who stays is the tenant's.
            let is_harm = actions.get(login).is_some_and(|action| action.is_harm());
            match failure {
                AccountFailure::Refused(refusal) => {
                    self.n_refused += 1;
                    let what = format!("Orgvue refused the account: {}", refusal.explain());
                    self.findings.push(Finding::new(FindingCode::RefusedByOrgvue, what).login(login).tenant(&self.record.tenant));
                    if is_harm {
                        self.record.failed.push(login.clone());
                    }
                }
                AccountFailure::Unknown | AccountFailure::NotTried => self.record.failed.push(login.clone()),
            }
        }
        match cause {
            None => Ok(applied),
            Some(StopCause::Fence(lost)) => Err(lost.into()),
            Some(StopCause::Orgvue(error)) => Err(error.into()),
        }
    }

    fn settled(&self) -> Result<(), TenantFault> {
        let n_written = self.record.created.len() + self.record.updated.len() + self.record.removed.len();
        if n_written == 0 && self.n_refused >= ALL_REFUSED_MIN {
            return Err(TenantFault::AllRefused { n_accounts: self.n_refused });
        }
        match self.record.failed.len() {
            0 => Ok(()),
            n_accounts => Err(TenantFault::Unsettled { n_accounts }),
        }
    }
}

//! One tenant of a run: look, apply, tell. Nothing here touches another tenant.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use adapters::aws::chain;
use adapters::clock::now_ms;
use adapters::http::Deadline;
use adapters::orgvue::{AccountFailure, Applied, StopCause, Stopped, UsersDataset};
use adapters::store::{Claim, LeaseLost};
use domain::backoff::FaultClass;
use domain::finding::{Finding, FindingCode};
use domain::guard::{Approved, Harm, Held, HoldReason, Phase, counted};
use domain::harm::HarmLog;
use domain::held::{Decision, HeldHead, HeldSet, Verdict};
use domain::ids::UserId;
use domain::integration::{Integration, Mode, Tenant};
use domain::login::Login;
use domain::plan::{Action, Plan};
use domain::row::Row;
use domain::run::{HeldRecord, Status, TenantRecord};
use domain::tenant_state::TenantState;

use crate::Deps;
use crate::fault::TenantFault;
use crate::look::{Before, Look, Looked, dataset, reading};
use crate::metrics;
use crate::run::Opening;

/// When what stays held is stored again, although it is there: an earlier version let it expire.
const HELD_AGE_MAX_MS: i64 = 30 * 86_400_000;
/// Where Orgvue refuses as many accounts, writes none and has none that is right, it is not the accounts' own matter.
const ALL_REFUSED_MIN: usize = 5;

/// What is to be stored of what is held, beside the state that names it: before that no run and no person knows of it.
#[derive(Default)]
pub(crate) struct Keeping {
    /// What is held now, unless it is stored as it is.
    pub(crate) held: Option<HeldSet>,
    /// What was held before it.
    pub(crate) replaced: Option<HeldSet>,
}

/// How one tenant ended.
pub(crate) struct Reconciled {
    pub(crate) record: TenantRecord,
    pub(crate) state: TenantState,
    pub(crate) keeping: Keeping,
    /// The findings of this tenant's dataset and writes, and those of the users who were looked at again.
    pub(crate) findings: Vec<Finding>,
    /// Who was looked at again: what the lists said of them no longer counts.
    pub(crate) confirmed: BTreeSet<UserId>,
    /// Whose account under a former login is still there; `None` where nobody can tell.
    pub(crate) renamed: Option<BTreeSet<UserId>>,
    pub(crate) orgvue_calls: u64,
}

/// Something is to be taken from somebody in the tenant, and the list of users was not read. Nothing was written.
pub(crate) struct UsersWanted {
    pub(crate) orgvue_calls: u64,
}

/// What is kept of a plan for the record.
struct PlanTold {
    text: String,
    unchanged: usize,
}

/// Writes to one tenant under a claim, and notes what it did.
pub(crate) struct Writer<'a> {
    pub(crate) deps: &'a Deps,
    pub(crate) integration: &'a Integration,
    pub(crate) tenant: &'a Tenant,
    pub(crate) claim: &'a Claim,
    pub(crate) opening: &'a Opening,
    pub(crate) deadline: Deadline,
}

/// The part of a tenant's work that grows while it is done, so that a fault loses nothing of the report.
pub(crate) struct Progress {
    pub(crate) record: TenantRecord,
    pub(crate) state: TenantState,
    pub(crate) findings: Vec<Finding>,
    held: Option<Vec<Held>>,
    keeping: Keeping,
    confirmed: BTreeSet<UserId>,
    renamed: Option<BTreeMap<Login, UserId>>,
    /// Accounts of which nobody knows whether they were written.
    unknown: BTreeSet<Login>,
    n_refused: usize,
    /// How many of the refused were to lose something or to be switched off.
    n_kept: usize,
}

impl Progress {
    pub(crate) fn new(tenant: &Tenant, state: TenantState) -> Self {
        Self {
            record: TenantRecord::new(tenant.id.clone(), tenant.mode, Status::Applied),
            state,
            findings: Vec::new(),
            held: None,
            keeping: Keeping::default(),
            confirmed: BTreeSet::new(),
            renamed: None,
            unknown: BTreeSet::new(),
            n_refused: 0,
            n_kept: 0,
        }
    }
}

impl Reconciled {
    /// Whether users' own groups showed that the lists of the read were not whole.
    pub(crate) fn contradicts_the_lists(&self) -> bool {
        self.record.code.as_ref() == Some(&TenantFault::Contradicted { n_users: 0 }.code())
    }
}

impl Writer<'_> {
    /// Makes the tenant as desired, as far as the guard and the newest decision about the tenant let it.
    pub(crate) async fn reconcile(
        &self,
        look: &Look<'_>,
        state: TenantState,
        decision: Option<&Decision>,
    ) -> Result<Reconciled, UsersWanted> {
        let mut progress = Progress::new(self.tenant, state);
        let (outcome, orgvue_calls) = match dataset(self.deps, self.tenant, self.deadline) {
            Ok(dataset) => {
                let outcome = match self.look(look, decision, &dataset, &progress.state).await {
                    Ok(None) => return Err(UsersWanted { orgvue_calls: dataset.calls() }),
                    Ok(Some((looked, before))) => self.act(looked, &before, decision, &dataset, &mut progress).await,
                    Err(fault) => Err(fault),
                };
                (outcome, dataset.calls())
            }
            Err(fault) => (Err(fault), 0),
        };
        if look.is_whole {
            progress.state.whole_ms = Some(now_ms());
        }
        let class = self.tell_fault(outcome, &mut progress);
        let Progress { record, state, findings, held: _, keeping, confirmed, renamed, unknown: _, n_refused: _, n_kept: _ } = progress;
        let was_quarantined = state.backoff.is_quarantined();
        let state = state.after(&record, class, self.integration, now_ms(), &self.deps.config.delays);
        if state.backoff.is_quarantined() && !was_quarantined {
            self.deps.config.metrics.write(now_ms(), &[metrics::QUARANTINE_BEGUN]);
        }
        let renamed = renamed.map(|by_login| {
            let is_done = |login: &Login| record.mode == Mode::Enforce && record.removed.contains(login);
            by_login.into_iter().filter(|(login, _)| !is_done(login)).map(|(_, user)| user).collect()
        });
        Ok(Reconciled { record, state, keeping, findings, confirmed, renamed, orgvue_calls })
    }

    /// What stood in the way goes into the record and the log. Returns whose fault it was.
    pub(crate) fn tell_fault(&self, outcome: Result<(), TenantFault>, progress: &mut Progress) -> Option<FaultClass> {
        let fault = outcome.err()?;
        tracing::warn!(
            run.id = %self.claim.run(),
            tenant.id = %self.tenant.id,
            status = ?fault.status(),
            code = fault.code(),
            error = chain(&fault),
            trace.id = fault.trace_id(),
            "the tenant is not as desired"
        );
        progress.record.status = fault.status();
        progress.record.code = Some(fault.code());
        progress.record.error = Some(fault.told());
        Some(fault.class())
    }

    /// What the tenant needs, beside what is stored of it; `None` where that wants the list of users.
    async fn look(
        &self,
        look: &Look<'_>,
        decision: Option<&Decision>,
        dataset: &UsersDataset,
        state: &TenantState,
    ) -> Result<Option<(Looked<PlanTold>, Before)>, TenantFault> {
        let before = Before::read(&self.deps.store, &self.integration.id, self.tenant, state, decision).await?;
        let told = |plan: &Plan| PlanTold { text: plan.to_string(), unchanged: plan.unchanged };
        let looked = look.tenant(self.tenant, dataset, state, &before, told).await?;
        Ok(looked.map(|looked| (looked, before)))
    }

    /// Does what may be done, and keeps what is held.
    async fn act(
        &self,
        looked: Looked<PlanTold>,
        before: &Before,
        decision: Option<&Decision>,
        dataset: &UsersDataset,
        progress: &mut Progress,
    ) -> Result<(), TenantFault> {
        let Looked { plan: PlanTold { text, unchanged }, current, approved, held, findings, confirmed, renamed, harm } = looked;
        // What is to be written has its rows; the others are not needed while it is.
        drop(current);
        progress.state.harm = harm;
        progress.findings = findings;
        progress.confirmed = confirmed;
        progress.renamed = Some(renamed);
        progress.record.unchanged = unchanged;
        progress.record.plan = text;
        progress.hold(held);
        let applied = match self.tenant.mode {
            Mode::Enforce => self.apply(approved, &before.approved, dataset, progress).await,
            Mode::Simulate | Mode::Paused => {
                progress.record.status = Status::Simulated;
                approved.actions().for_each(|action| progress.record.list(action));
                Ok(())
            }
        };
        let n_users = progress.held.iter().flatten().filter(|held| held.why == HoldReason::Unconfirmed).count();
        let ended = match applied {
            Err(fault) if fault.class() != FaultClass::Accounts => Err(fault),
            _ if n_users > 0 && self.tenant.mode == Mode::Enforce => Err(TenantFault::Unconfirmed { n_users }),
            ended => ended,
        };
        // What Orgvue refuses it refuses the next time too: an approval is used up all the same.
        let is_through = ended.as_ref().err().is_none_or(|fault| fault.class() == FaultClass::Accounts);
        self.keep_held(before, decision, is_through, progress);
        ended
    }

    /// What is held is to be stored, so that a person can decide about it; and what was approved, until a run is through with it: till then a
    /// person can take it back.
    fn keep_held(&self, before: &Before, decision: Option<&Decision>, is_through: bool, progress: &mut Progress) {
        let Progress { record, state, held, keeping, .. } = progress;
        let now_ms = now_ms();
        let is_old = |head: &HeldHead| now_ms - head.since_ms > HELD_AGE_MAX_MS;
        if self.tenant.mode != Mode::Enforce {
            // What was held before a simulation still waits when the tenant is written again.
            keeping.held = before.held.clone().filter(|_| state.held.as_ref().is_some_and(is_old));
            return;
        }
        let counting = state.counting(decision, now_ms);
        let held = HeldSet::of(&self.tenant.id, held.as_deref().unwrap_or_default());
        let is_held = !held.is_empty();
        let set = before.judged(if is_through { held } else { held.and(&before.approved) }, counting);
        let hash = set.hash();
        let same = state.held.as_ref().filter(|head| head.hash == hash);
        let is_stored = before.held.as_ref() == Some(&set) && !same.is_some_and(is_old);
        keeping.replaced = before.held.clone().filter(|_| same.is_none());
        let head = HeldHead {
            hash,
            n_actions: set.len(),
            run: self.claim.run().clone(),
            since_ms: same.map_or(now_ms, |head| head.since_ms),
            rejected: set.is_rejected(),
        };
        if is_held {
            record.verdict = head.is_rejected(decision, state.decisions_used_ms).then_some(Verdict::Rejected);
            record.held_hash = Some(head.hash.clone());
        }
        // From now on the marks tell what was turned down: the same list of another day is asked about anew. An approval of a list that is not to
        // be found lets nothing through, nor does it when the same is held again.
        let is_used = |decision: &&Decision| match decision.verdict {
            Verdict::Rejected => true,
            Verdict::Approved => is_through || before.approved.is_empty(),
        };
        let used_ms = counting.filter(is_used).map(|decision| decision.at_ms);
        state.decisions_used_ms = used_ms.or(state.decisions_used_ms);
        state.held = (!set.is_empty()).then_some(head);
        keeping.held = (!is_stored).then_some(set);
    }

    /// Writes what was approved: additions, a second look, then removals. What is overwritten is saved before, and that the run began to write.
    pub(crate) async fn apply(
        &self,
        approved: Approved,
        agreed: &HeldSet,
        dataset: &UsersDataset,
        progress: &mut Progress,
    ) -> Result<(), TenantFault> {
        let before: Vec<&Row> = approved.actions().filter_map(Action::before).map(|account| &account.row).collect();
        self.deps.store.save_before(self.claim.run(), &self.tenant.id, &self.tenant.dataset, &before).await?;
        if approved.actions().next().is_some() {
            self.opening.store(self.deps).await?;
        }
        let harm = self.note_harm(&approved, agreed, progress).await?;
        let (additions, removals) = approved.split();
        let mut second = None;
        let outcome = self.write(&additions, removals, dataset, progress, &mut second).await;

        // What did not come about need not count for a day, nor stand in the way of its next try. Of what nobody knows, the next run finds out:
        // till then all that was begun counts.
        let written = || [Some(&additions), second.as_ref()].into_iter().flatten().flat_map(Phase::actions);
        let counted_of =
            |logins: &BTreeSet<Login>| counted(written().filter(|action| logins.contains(&action.login)), agreed, &self.tenant.id);
        if counted_of(&progress.unknown).is_none() {
            progress.state.harm = harm.with(counted_of(&progress.written()), now_ms());
        }
        outcome?;
        progress.settled()
    }

    /// The two phases, with the second look between them, and what that leaves of the second in `second`.
    async fn write(
        &self,
        additions: &Phase,
        removals: Harm,
        dataset: &UsersDataset,
        progress: &mut Progress,
        second: &mut Option<Phase>,
    ) -> Result<(), TenantFault> {
        let Self { deps, integration, .. } = self;
        let lease = self.claim.lease();
        let fence = || lease.cover(deps.config.http_timeout);
        let read = reading(self.tenant, integration);
        let (mut applied, ended) = ended(dataset.apply(additions, &integration.dataset, &read, fence).await);
        let ended = match ended {
            None => Ok(()),
            // Whoever is to leave does not wait for accounts at which Orgvue breaks down.
            Some(StopCause::BreaksDown(error)) => Err(error.into()),
            Some(cause) => {
                progress.note(additions.actions(), &applied);
                return Err(cause.into());
            }
        };
        let failed = |applied: &Applied| applied.failed.keys().cloned().collect();
        let confirmed = match removals.relies_on(additions, &failed(&applied)) {
            true => dataset.confirm(additions, &mut applied, &read).await,
            false => Ok(()),
        };
        progress.note(additions.actions(), &applied);
        confirmed?;
        let (removals, held) = removals.second_look(additions, &failed(&applied));
        progress.hold(held);
        let removals = &*second.insert(removals);
        let (applied, removals_ended) = self::ended(dataset.apply(removals, &integration.dataset, &read, fence).await);
        progress.note(removals.actions(), &applied);
        removals_ended.map_or(ended, |cause| Err(cause.into()))
    }

    /// The harm is known to the next run before it is done, whatever becomes of this one. Returns the log without it.
    async fn note_harm(&self, approved: &Approved, agreed: &HeldSet, progress: &mut Progress) -> Result<HarmLog, TenantFault> {
        let before = progress.state.harm.clone();
        let harmed = approved.counted(agreed, &self.tenant.id);
        if !harmed.is_none() {
            self.claim.lease().cover(Duration::ZERO).await?;
            progress.state.harm = before.clone().begin(harmed, self.claim.run(), now_ms());
            self.deps.store.put_tenant_state(&self.integration.id, &self.tenant.id, &progress.state).await?;
        }
        Ok(before)
    }
}

/// What a phase did, and why it ended early, if it did.
fn ended(outcome: Result<Applied, Stopped<LeaseLost>>) -> (Applied, Option<StopCause<LeaseLost>>) {
    match outcome {
        Ok(applied) => (applied, None),
        Err(Stopped { applied, cause }) => (applied, Some(cause)),
    }
}

impl Progress {
    pub(crate) fn hold(&mut self, held: Vec<Held>) {
        self.record.held.extend(held.iter().map(HeldRecord::from));
        self.record.held.sort_by(|a, b| a.login.cmp(&b.login));
        if !held.is_empty() {
            self.record.status = Status::PartlyHeld;
        }
        self.held.get_or_insert_default().extend(held);
    }

    /// Notes what a phase did, also if it ended early.
    fn note(&mut self, actions: &[Action], applied: &Applied) {
        let actions: BTreeMap<&Login, &Action> = actions.iter().map(|action| (&action.login, action)).collect();
        for login in &applied.done {
            if let Some(action) = actions.get(login) {
                self.record.list(action);
            }
        }
        for (login, failure) in &applied.failed {
            match failure {
                AccountFailure::Refused(refusal) => self.refuse(login, actions.get(login).copied(), &refusal.explain()),
                AccountFailure::Unknown => {
                    self.unknown.insert(login.clone());
                    self.record.failed.push(login.clone());
                }
                AccountFailure::NotTried => self.record.failed.push(login.clone()),
            }
        }
    }

    /// A refusal of something that takes nothing away is the account's own matter; a leaver who stays is the tenant's.
    fn refuse(&mut self, login: &Login, action: Option<&Action>, why: &str) {
        self.n_refused += 1;
        let finding = Finding::new(FindingCode::RefusedByOrgvue, format!("Orgvue refused the account: {why}"));
        let user = action.and_then(|action| action.user.clone());
        self.findings.push(Finding { user, ..finding.login(login).tenant(&self.record.tenant) });
        if action.is_some_and(|action| action.is_harm() || action.is_removal()) {
            self.n_kept += 1;
            self.record.failed.push(login.clone());
        }
    }

    fn written(&self) -> BTreeSet<Login> {
        let TenantRecord { created, updated, removed, .. } = &self.record;
        created.iter().chain(updated).chain(removed).cloned().collect()
    }

    fn settled(&self) -> Result<(), TenantFault> {
        let n_written = self.record.created.len() + self.record.updated.len() + self.record.removed.len();
        if n_written == 0 && self.record.unchanged == 0 && self.n_refused >= ALL_REFUSED_MIN {
            return Err(TenantFault::AllRefused { n_accounts: self.n_refused });
        }
        match self.record.failed.len() {
            0 => Ok(()),
            n_accounts if n_accounts == self.n_kept => Err(TenantFault::Kept { n_accounts }),
            n_accounts => Err(TenantFault::Unsettled { n_accounts }),
        }
    }
}

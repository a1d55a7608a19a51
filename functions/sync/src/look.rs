//! What one tenant needs, found out without writing anything: the same for a run, a dry run and the onboarding check.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use adapters::aws::chain;
use adapters::clock::now_ms;
use adapters::http::Deadline;
use adapters::orgvue::UsersDataset;
use adapters::store::{Store, StoreError};
use adapters::workos::DirectoryReader;
use domain::current::{Current, DatasetRefusal, check_properties};
use domain::desired::{Decision, Desired, desired};
use domain::directory::Directory;
use domain::finding::Finding;
use domain::guard::{Approved, Completeness, Facts, Held, guard, is_held_anyway, lists_are_believable, still_due};
use domain::harm::HarmLog;
use domain::held::{self, HeldHash, HeldSet, Verdict};
use domain::ids::{IntegrationId, TenantId, UserId};
use domain::integration::{Integration, Tenant};
use domain::login::Login;
use domain::plan::{Action, Plan, Users, plan};
use domain::row::Row;
use domain::snapshot::{FormerLogins, Snapshot};
use domain::tenant_state::TenantState;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::Deps;
use crate::fault::TenantFault;

/// Of how many of a tenant's users who are held all the same the groups are read again: enough to show lists that were not whole, for which four
/// contradictions do. A call for each at every run would go on for as long as nobody decides.
const HELD_ASKED_ABOUT: usize = 10;

static NOBODY: BTreeSet<UserId> = BTreeSet::new();

/// What the tenants of one read of the directory share.
pub(crate) struct Look<'a> {
    pub(crate) deps: &'a Deps,
    pub(crate) deadline: Deadline,
    pub(crate) integration: &'a Integration,
    reader: &'a DirectoryReader,
    directory: &'a Directory,
    /// Whether the list of users was read. Without it nothing is taken from anybody.
    pub(crate) is_whole: bool,
    completeness: Completeness,
    /// The logins under which each user had an account when the directory was last read.
    former: FormerLogins,
    /// What the directory asks for.
    pub(crate) decision: Decision,
}

/// What is stored of a tenant by earlier runs and by people.
pub(crate) struct Before {
    /// What a person approved, and no run has used up; empty also where that is not to be found any more.
    pub(crate) approved: HeldSet,
    /// What the run before held, as it is stored; `None` where that is not to be found.
    pub(crate) held: Option<HeldSet>,
    /// What of it waits for a decision, see [`HeldSet::waiting`]; `None` where nobody can tell.
    waiting: Option<HeldSet>,
    /// What a run saved that began to write and has not told how it ended; mostly there is none.
    begun: Vec<Row>,
}

/// What a tenant needs, and how much of it may be done.
pub(crate) struct Looked<P> {
    /// What was to be kept of the plan.
    pub(crate) plan: P,
    pub(crate) current: Current,
    pub(crate) approved: Approved,
    pub(crate) held: Vec<Held>,
    /// The findings of the dataset, and those of the users who were looked at again.
    pub(crate) findings: Vec<Finding>,
    /// Who was looked at again: what the lists said of them no longer counts.
    pub(crate) confirmed: BTreeSet<UserId>,
    /// Users whose account is to go, by its login: who has another address now is to be known by this one while the account is there.
    pub(crate) renamed: BTreeMap<Login, UserId>,
    /// The harm of before, once it is known how much of it an interrupted run did.
    pub(crate) harm: HarmLog,
}

/// What was read again, of single users of a tenant.
struct SecondLook<'a> {
    /// The lists, corrected by what was read.
    directory: Cow<'a, Directory>,
    /// Whose groups were to be read.
    asked: BTreeSet<UserId>,
    /// Whose groups were.
    confirmed: BTreeSet<UserId>,
}

/// Reads the rows of a tenant's dataset as they stand today.
pub(crate) fn reading<'a>(tenant: &'a Tenant, integration: &'a Integration) -> impl Fn(Vec<Row>) -> Result<Current, DatasetRefusal> + 'a {
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    move |rows| Current::read(rows, tenant, &integration.dataset, today)
}

/// Opens the Users dataset of a tenant, with the tenant's own token.
pub(crate) fn dataset(deps: &Deps, tenant: &Tenant, deadline: Deadline) -> Result<UsersDataset, TenantFault> {
    let token = deps.token(&tenant.id).ok_or(TenantFault::NoToken)?;
    Ok(deps.orgvue.users_dataset(tenant.id.clone(), &tenant.dataset, token, deadline)?)
}

/// The accounts that are in a tenant, once its dataset is known to be spelled as configured.
pub(crate) async fn current(dataset: &UsersDataset, tenant: &Tenant, integration: &Integration) -> Result<Current, TenantFault> {
    check_properties(&dataset.property_keys().await?, &integration.dataset)?;
    Ok(reading(tenant, integration)(dataset.rows().await?)?)
}

/// What a person approved of the tenant and no run has used up: the next run need not hold it.
///
/// # Errors
/// [`StoreError`].
pub async fn approval(
    store: &Store,
    integration: &IntegrationId,
    tenant: &TenantId,
    state: &TenantState,
    decision: Option<&held::Decision>,
) -> Result<HeldSet, StoreError> {
    match decision.and_then(|decision| decision.approves(state.decisions_used_ms, now_ms())) {
        Some(hash) => Ok(store.held(integration, tenant, hash).await?.unwrap_or_default().judged(decision)),
        None => Ok(HeldSet::default()),
    }
}

impl Before {
    /// Reads it, beside the newest decision about the tenant.
    pub(crate) async fn read(
        store: &Store,
        integration: &IntegrationId,
        Tenant { id: tenant, dataset: place, .. }: &Tenant,
        state: &TenantState,
        decision: Option<&held::Decision>,
    ) -> Result<Self, StoreError> {
        let held = match &state.held {
            Some(head) => store.held(integration, tenant, &head.hash).await?,
            None => Some(HeldSet::default()),
        };
        let decision = state.counting(decision, now_ms());
        let is_head = |hash: &HeldHash| state.held.as_ref().is_some_and(|head| head.hash == *hash);
        let rejected = match decision {
            // It was turned down while a run was at work, which then held something else, or nothing.
            Some(held::Decision { verdict: Verdict::Rejected, hash, .. }) if !is_head(hash) => {
                store.held(integration, tenant, hash).await?.unwrap_or_default().judged(decision)
            }
            Some(_) | None => HeldSet::default(),
        };
        let waiting = held.clone().map(|held| held.remembering(&rejected).waiting(decision).and(&rejected));
        let begun = match state.harm.begun_by() {
            Some(run) => store.saved_before(run, tenant).await?.of(place),
            None => Vec::new(),
        };
        let approved = approval(store, integration, tenant, state, decision).await?;
        Ok(Self { approved, held, waiting, begun })
    }

    /// What is held now, with what people said of it: of what waited until now, and of this very set, unless that decision is used up.
    pub(crate) fn judged(&self, held: HeldSet, decision: Option<&held::Decision>) -> HeldSet {
        match &self.waiting {
            Some(waiting) => held.remembering(waiting),
            None => held,
        }
        .judged(decision)
    }
}

impl<'a> Look<'a> {
    /// What this directory asks for; `before` is what the last read saw.
    pub(crate) fn new(
        deps: &'a Deps,
        deadline: Deadline,
        integration: &'a Integration,
        reader: &'a DirectoryReader,
        directory: &'a Directory,
        is_whole: bool,
        before: Option<&Snapshot>,
    ) -> Self {
        let n_active = directory.users().iter().filter(|user| user.active).count();
        Self {
            deps,
            deadline,
            integration,
            reader,
            directory,
            is_whole,
            completeness: Completeness::judge(n_active, directory.active_users_counted),
            former: before.map(|before| before.former_logins(directory)).unwrap_or_default(),
            decision: desired(directory, integration),
        }
    }

    /// Reads the tenant's dataset, plans, and asks the guard; `None` where that wants the list of users, which was not read. `keep` is what is to
    /// be had of the plan behind the guard.
    ///
    /// Those who seem to lose something although they are active are looked at again, until the guard lets nothing through of which nobody asked.
    pub(crate) async fn tenant<P>(
        &self,
        tenant: &Tenant,
        dataset: &UsersDataset,
        state: &TenantState,
        before: &Before,
        keep: impl FnOnce(&Plan) -> P,
    ) -> Result<Option<Looked<P>>, TenantFault> {
        let current = current(dataset, tenant, self.integration).await?;
        let users_known = Users { directory: self.directory, former: &self.former };
        let plan_of = |desired: &Desired| plan(desired, &current, tenant, self.integration, users_known);
        let by_the_lists = self.decision.tenants.get(&tenant.id).map(Cow::Borrowed).unwrap_or_default();
        let (mut wanted, mut plan) = (Cow::Borrowed(&*by_the_lists), plan_of(&by_the_lists));
        if !self.is_whole && plan.actions.iter().any(Action::takes) {
            return Ok(None);
        }
        let mut again = SecondLook { directory: Cow::Borrowed(self.directory), asked: BTreeSet::new(), confirmed: BTreeSet::new() };
        let mut findings = Vec::new();
        loop {
            let now_ms = now_ms();
            let harm = state.harm.clone().settle(still_due(&plan, &before.begun, &before.approved), now_ms);
            let waiting = before.waiting.as_ref().map_or_else(|| Cow::Owned(HeldSet::lost(&plan)), Cow::Borrowed);
            let facts = Facts {
                desired: &wanted,
                current: &current,
                tenant,
                integration: self.integration,
                scope: state.scope(self.integration),
                confirmed: &again.confirmed,
                completeness: self.completeness,
                former: &self.former,
                approved: &before.approved,
                waiting: &waiting,
                lately: harm.lately(now_ms),
            };
            let doubtful = again.doubtful(&plan, &facts);
            if doubtful.is_empty() {
                let renamed = self.renamed(&plan, &wanted);
                let kept = keep(&plan);
                findings.splice(0..0, std::mem::take(&mut plan.findings));
                let (approved, held) = guard(plan, facts);
                let confirmed = again.confirmed;
                return Ok(Some(Looked { plan: kept, current, approved, held, findings, confirmed, renamed, harm }));
            }
            self.ask(tenant, doubtful, &mut again).await;
            let mut decision = desired(&again.directory, self.integration);
            wanted = Cow::Owned(decision.tenants.remove(&tenant.id).unwrap_or_default());
            plan = plan_of(&wanted);
            let n_users = again.n_contradictions(&plan);
            if !lists_are_believable(&by_the_lists, n_users) {
                return Err(TenantFault::Contradicted { n_users });
            }
            let is_of_them = |finding: &Finding| finding.user.as_ref().is_some_and(|user| again.confirmed.contains(user));
            findings = decision.findings.into_iter().filter(is_of_them).collect();
        }
    }

    /// Whose account under a login that is not, or no longer, the user's is to go.
    fn renamed(&self, plan: &Plan, desired: &Desired) -> BTreeMap<Login, UserId> {
        let own_of = |user| self.former.get(user).into_iter().flatten().map(move |login| (login, user));
        let owners: BTreeMap<&Login, &UserId> = desired.sharing.iter().flat_map(own_of).collect();
        let renamed = plan.actions.iter().filter(|action| action.is_removal()).filter_map(|action| {
            let renamed = action.renamed_to.as_ref().and_then(|new| desired.accounts.get(new));
            let user = renamed.map(|account| &account.user).or_else(|| owners.get(&action.login).copied()).or(action.user.as_ref())?;
            Some((action.login.clone(), user.clone()))
        });
        renamed.collect()
    }

    /// Reads the groups of these users again. A person who is moved between two groups while they are read is seen in neither; the user's own
    /// list of groups tells.
    async fn ask(&self, tenant: &Tenant, users: BTreeSet<UserId>, again: &mut SecondLook<'_>) {
        again.asked.extend(users.iter().cloned());
        for (user, groups) in self.reader.groups_of_each(users).await {
            match groups {
                Ok(groups) => {
                    again.directory.to_mut().correct_memberships(&user, groups);
                    again.confirmed.insert(user);
                }
                Err(error) => tracing::warn!(
                    tenant.id = %tenant.id,
                    user.id = %user,
                    error = chain(&error),
                    request.id = error.request_id(),
                    "the user's groups were not read again"
                ),
            }
        }
    }
}

impl SecondLook<'_> {
    /// Who is to be asked about now: the active users who would lose something. Of those who lose nothing but what waits for a person all the
    /// same, a few are enough to find lists that were not whole.
    fn doubtful(&self, plan: &Plan, facts: &Facts<'_>) -> BTreeSet<UserId> {
        let losing = || plan.actions.iter().filter_map(|action| Some((action, action.takes_from_active(&NOBODY)?)));
        if losing().all(|(_, user)| self.asked.contains(user)) {
            return BTreeSet::new();
        }
        let is_held_anyway = is_held_anyway(plan, facts);
        let (waiting, others): (Vec<_>, Vec<_>) = losing().partition(|(action, _)| is_held_anyway(action));
        let doubtful = others.into_iter().chain(waiting.into_iter().take(HELD_ASKED_ABOUT)).map(|(_, user)| user);
        doubtful.filter(|user| !self.asked.contains(*user)).cloned().collect()
    }

    /// How many users would lose nothing by this plan, who were asked about because they seemed to by the lists.
    fn n_contradictions(&self, plan: &Plan) -> usize {
        let losing: BTreeSet<&UserId> = plan.actions.iter().filter_map(|action| action.takes_from_active(&NOBODY)).collect();
        self.confirmed.iter().filter(|user| !losing.contains(user)).count()
    }
}

//! The check of a plan before any write.
//!
//! The guard never adds to a plan. What may be written is an [`Approved`], which only [`guard`] makes and which gives its
//! harmful half only in exchange for what the additions really did. What waits for a person is [`Held`].

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::current::Current;
use crate::desired::Desired;
use crate::group_name::{Role, administers};
use crate::harm::Harmed;
use crate::held::HeldSet;
use crate::ids::{ItemId, TenantId, UserId};
use crate::integration::{Integration, Tenant};
use crate::login::Login;
use crate::plan::{Action, Change, Plan, Weight};
use crate::row::Row;
use crate::snapshot::FormerLogins;

/// Why harm is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldReason {
    /// The directory asks for no account at all in this tenant.
    NothingDesired,
    /// The directory's own count of active users is far above what was read.
    DirectoryLooksIncomplete,
    /// More harm than the limit of one run and the day before it.
    OverLimit,
    /// More accounts lose a role that is no platform role than that limit: often a group that was renamed.
    RolesOverLimit,
    /// The first run that writes, or the first behind a change of prefix, tenancy, tenants or domains.
    NewScope,
    /// Users without a usable address should have accounts here: this may be one of theirs.
    UnknownOwner,
    /// The user is still active and the groups were not read a second time.
    Unconfirmed,
    /// The user has another address now, and the account under it was not created.
    RenamedNotCreated,
    /// The tenant would be left without an administrator.
    LastAdmin,
    /// What was held before is not to be found: nobody can tell what of it was turned down.
    HeldSetLost,
}

impl HoldReason {
    /// Every reason, in the order of the documentation.
    pub const ALL: &[Self] = &[
        Self::NothingDesired,
        Self::DirectoryLooksIncomplete,
        Self::OverLimit,
        Self::RolesOverLimit,
        Self::NewScope,
        Self::UnknownOwner,
        Self::Unconfirmed,
        Self::RenamedNotCreated,
        Self::LastAdmin,
        Self::HeldSetLost,
    ];

    /// What it means, for a person.
    pub fn explain(self) -> &'static str {
        match self {
            Self::NothingDesired => "the directory asks for no account at all in this tenant",
            Self::DirectoryLooksIncomplete => "the directory counts many more active users than it listed",
            Self::OverLimit => "more accounts would be removed or lose access than the limit of one run and the 24 hours before it",
            Self::RolesOverLimit => {
                "more accounts would lose a role than the limit of one run and the 24 hours before it; was a group renamed?"
            }
            Self::NewScope => {
                "removals wait until a run that writes has none to hold, after the start and after a change of directory, prefix, tenancy, tenants or domains"
            }
            Self::UnknownOwner => "users without a usable e-mail address should have accounts here; this may be one of theirs",
            Self::Unconfirmed => "the user is still active in the directory and the groups were not read a second time",
            Self::RenamedNotCreated => "the user has another e-mail address now, and the account under it was not created",
            Self::LastAdmin => "the tenant would be left without an enabled administrator other than protected accounts",
            Self::HeldSetLost => "what was held before is not to be found, so that nobody can tell what of it was turned down",
        }
    }

    /// Whether it holds until a person decides, though the cause be gone.
    pub(crate) fn outlasts_its_cause(self) -> bool {
        match self {
            Self::OverLimit | Self::RolesOverLimit | Self::HeldSetLost => true,
            Self::NothingDesired
            | Self::DirectoryLooksIncomplete
            | Self::NewScope
            | Self::UnknownOwner
            | Self::Unconfirmed
            | Self::RenamedNotCreated
            | Self::LastAdmin => false,
        }
    }
}

/// One harmful action that waits for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The whole action; what of it does no harm was approved.
    pub action: Action,
    /// Why.
    pub why: HoldReason,
}

/// Whether removals have been let through under this scope before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Not yet: removals are held.
    New,
    /// A run under this very scope wrote, and held none of its removals.
    Settled,
}

/// What a run knows beside the plan.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// What the plan was made from.
    pub desired: &'a Desired,
    /// What the plan was made from.
    pub current: &'a Current,
    /// Where.
    pub tenant: &'a Tenant,
    /// Whose limits and protections.
    pub integration: &'a Integration,
    /// Whether removals have been let through before.
    pub scope: Scope,
    /// Active users whose groups were read again behind the lists.
    pub confirmed: &'a BTreeSet<UserId>,
    /// The logins under which each user had an account when the directory was last read, where that is known.
    pub former: &'a FormerLogins,
    /// What a person agreed to.
    pub approved: &'a HeldSet,
    /// What waits for a person's decision, whatever the rest lets through.
    pub waiting: &'a HeldSet,
    /// The harm of the last 24 hours that nobody had to approve.
    pub lately: Harmed,
    /// Whether the list of users agrees with the directory's own count.
    pub completeness: Completeness,
}

/// Whether the list of users agrees with the directory's own count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completeness {
    /// It does, or the directory gives no count.
    Plausible,
    /// Many are missing.
    Doubtful,
}

impl Completeness {
    /// Compares what was read with what the directory counts.
    ///
    /// The count may be a little old, so only a gap of more than a tenth, and more than ten users, is doubtful.
    pub fn judge(read: usize, counted: Option<u64>) -> Self {
        match counted {
            Some(counted) if (read as u64) + (counted / 10).max(10) < counted => Self::Doubtful,
            Some(_) | None => Self::Plausible,
        }
    }
}

/// Most users whom the lists may wrong in one read: people are moved between groups while they are read, but few at a time.
const CONTRADICTIONS_MAX: usize = 3;

/// Whether the lists can be believed although so many users' own groups contradict them.
///
/// Lists that leave out more people than a few, or everybody, were not whole: what else they leave out nobody can tell.
pub fn lists_are_believable(by_the_lists: &Desired, n_contradicted: usize) -> bool {
    n_contradicted == 0 || (n_contradicted <= CONTRADICTIONS_MAX && !by_the_lists.accounts.is_empty())
}

/// The part of a plan that may be written.
#[derive(Debug)]
pub struct Approved {
    additions: Phase,
    harm: Harm,
}

/// Actions that may be written now. Only the guard makes one: what it has not seen cannot be written.
#[derive(Debug, Clone)]
pub struct Phase {
    actions: Vec<Action>,
}

/// The harmful part of what was approved: it is to be had for a second look only.
#[derive(Debug)]
pub struct Harm {
    actions: Vec<Action>,
    admins: BTreeSet<Login>,
    /// The accounts that renamed users have under their new logins, and can use.
    usable: BTreeSet<Login>,
    /// Whose accounts a person gave up, whatever else happens; the second of them also as the last administrator.
    agreed: BTreeSet<Login>,
    agreed_as_last_admin: BTreeSet<Login>,
}

impl Approved {
    /// What does no harm, and is written first; and the rest.
    pub fn split(self) -> (Phase, Harm) {
        (self.additions, self.harm)
    }

    /// How much harm it does that nobody agreed to: what the limits of the next day are to know before it is written.
    pub fn counted(&self, agreed: &HeldSet, tenant: &TenantId) -> Harmed {
        counted(self.actions(), agreed, tenant)
    }

    /// Every action, for a run that writes nothing.
    pub fn actions(&self) -> impl Iterator<Item = &Action> {
        self.additions.actions.iter().chain(&self.harm.actions)
    }
}

impl Phase {
    fn new(mut actions: Vec<Action>) -> Self {
        actions.sort_by(|a, b| a.login.cmp(&b.login));
        Self { actions }
    }

    /// The actions, in the order of their logins.
    pub fn actions(&self) -> &[Action] {
        &self.actions
    }

    fn but(&self, failed: &BTreeSet<Login>) -> Vec<&Action> {
        self.actions.iter().filter(|action| !failed.contains(&action.login)).collect()
    }
}

impl Harm {
    /// Judges again, on what the additions really did: the last administrator, and those whose new account was not created.
    ///
    /// `failed` are the logins of the additions that were not applied. Returns what may be written, which includes what is
    /// harmless of the actions that are now held.
    pub fn second_look(self, additions: &Phase, failed: &BTreeSet<Login>) -> (Phase, Vec<Held>) {
        let (kept, held) = self.judge(&additions.but(failed));
        let harmless = held.iter().filter_map(|held| held.action.without_loss());
        (Phase::new(kept.into_iter().chain(harmless).collect()), held)
    }

    /// Whether something is held without these additions that would not be with them, so that what Orgvue says of them must be true.
    pub fn relies_on(&self, additions: &Phase, failed: &BTreeSet<Login>) -> bool {
        let applied = additions.but(failed);
        !applied.is_empty() && self.judge(&[]).1 != self.judge(&applied).1
    }

    fn judge(&self, applied: &[&Action]) -> (Vec<Action>, Vec<Held>) {
        let (kept, mut held) = self.hold_renamed(&applied.iter().map(|action| &action.login).collect());
        let admins = admins_after(&self.admins, applied.iter().copied());
        let (kept, last_admins) = hold_last_admin(kept, &self.admins, &admins, &self.agreed_as_last_admin);
        held.extend(last_admins);
        (kept, held)
    }

    /// Nobody loses an account while the one that is to follow it cannot be used.
    fn hold_renamed(&self, applied: &BTreeSet<&Login>) -> (Vec<Action>, Vec<Held>) {
        let can_be_used = |login: &Login| applied.contains(login) || self.usable.contains(login);
        let is_stranded =
            |action: &Action| !self.agreed.contains(&action.login) && action.renamed_to.as_ref().is_some_and(|login| !can_be_used(login));
        let (held, kept): (Vec<_>, Vec<_>) = self.actions.iter().cloned().partition(is_stranded);
        (kept, held.into_iter().map(|action| Held { action, why: HoldReason::RenamedNotCreated }).collect())
    }
}

/// How much harm this is, as the limits count it: what a person agreed to or has blocked is none.
pub fn counted<'a>(actions: impl Iterator<Item = &'a Action>, agreed: &HeldSet, tenant: &TenantId) -> Harmed {
    let mut harmed = Harmed::default();
    for action in actions.filter(|action| !agreed.covers(tenant, action)) {
        match action.weight() {
            Weight::None => {}
            Weight::Role => harmed.n_roles += 1,
            Weight::Harm => {
                harmed.n_accounts += 1;
                harmed.n_removed += usize::from(action.is_removal());
            }
        }
    }
    harmed
}

/// How much of the harm that an interrupted run was about to do is planned again: that of accounts which are still as it saved them.
///
/// Without it, a run that is stopped midway would use up the limits for its own next try.
pub fn still_due(plan: &Plan, saved: &[Row], agreed: &HeldSet) -> Harmed {
    if saved.is_empty() {
        return Harmed::default();
    }
    let by_id: BTreeMap<ItemId, &Row> = saved.iter().filter_map(|row| Some((item_id(row)?, row))).collect();
    let is_as_saved =
        |action: &&Action| action.before().is_some_and(|account| by_id.get(&account.id).is_some_and(|saved| **saved == account.row));
    counted(plan.actions.iter().filter(is_as_saved), agreed, &plan.tenant)
}

fn item_id(row: &Row) -> Option<ItemId> {
    ItemId::deserialize(row.only(&["_id"]).get("_id")?).ok()
}

/// Whether an action of a plan waits for a person, whatever a second look at its user's groups finds.
pub fn is_held_anyway<'a>(plan: &Plan, facts: &'a Facts<'_>) -> impl Fn(&Action) -> bool + 'a {
    let limits = OverLimits::of(plan, facts);
    move |action| limits.reason_to_hold(action, facts).is_some_and(|why| why != HoldReason::Unconfirmed)
}

/// Splits a plan into what may be written and what waits for a person. Harm over the limit is held whole, never the first part of it.
///
/// What a person agreed to is not held again, but for users whose groups could not be read again, and for the last administrator, which
/// has to be agreed to as such. It does not count against the limits either: these judge what nobody has looked at.
pub fn guard(plan: Plan, facts: Facts<'_>) -> (Approved, Vec<Held>) {
    let tenant = &facts.tenant.id;
    let limits = OverLimits::of(&plan, &facts);
    let mut additions = Vec::with_capacity(plan.actions.len() - limits.n_harmed);
    let mut approved = Vec::new();
    let mut held = Vec::new();
    for action in plan.actions {
        match (limits.reason_to_hold(&action, &facts), action.weight()) {
            (Some(why), _) => held.push(Held { action, why }),
            (None, Weight::Harm) => approved.push(action),
            (None, Weight::None | Weight::Role) if matches!(action.change, Change::Block { .. }) => approved.push(action),
            (None, Weight::None | Weight::Role) => additions.push(action),
        }
    }

    let admins: BTreeSet<Login> = facts
        .current
        .accounts
        .values()
        .filter(|account| account.is_usable_admin() && !facts.integration.protects(facts.tenant, &account.login))
        .map(|account| account.login.clone())
        .collect();
    let logins = |is: &dyn Fn(&Action) -> bool| approved.iter().filter(|action| is(action)).map(|action| action.login.clone()).collect();
    let agreed: BTreeSet<Login> = logins(&|action| facts.approved.covers(tenant, action));
    let agreed_as_last_admin: BTreeSet<Login> = logins(&|action| facts.approved.covers_last_admin(tenant, action));
    let expected = admins_after(&admins, additions.iter());
    let (approved, last_admins) = hold_last_admin(approved, &admins, &expected, &agreed_as_last_admin);
    held.extend(last_admins);
    held.sort_by(|a, b| a.action.login.cmp(&b.action.login));
    additions.extend(held.iter().filter_map(|held| held.action.without_loss()));
    let renamed_to = approved.iter().filter_map(|action| action.renamed_to.as_ref());
    let is_usable = |login: &&Login| {
        facts.current.accounts.get(*login).is_some_and(|account| account.enabled && account.roles.iter().any(Role::is_platform))
    };
    let usable = renamed_to.filter(is_usable).cloned().collect();
    let harm = Harm { actions: approved, admins, usable, agreed, agreed_as_last_admin };
    (Approved { additions: Phase::new(additions), harm }, held)
}

/// What the plan as a whole exceeds.
struct OverLimits {
    /// From how many accounts something is taken that nobody agreed to.
    n_harmed: usize,
    harm: bool,
    roles: bool,
    perhaps_owned: BTreeSet<Login>,
}

impl OverLimits {
    fn of(plan: &Plan, facts: &Facts<'_>) -> Self {
        let planned = counted(plan.actions.iter(), facts.approved, &facts.tenant.id);
        let limit = facts.integration.limits.harm_max(plan.managed + facts.lately.n_removed);
        Self {
            n_harmed: planned.n_accounts,
            harm: planned.n_accounts > 0 && planned.n_accounts + facts.lately.n_accounts > limit,
            roles: planned.n_roles > 0 && planned.n_roles + facts.lately.n_roles > limit,
            perhaps_owned: perhaps_owned(&plan.actions, facts),
        }
    }

    /// Why one action waits for a person; nothing, for most.
    fn reason_to_hold(&self, action: &Action, facts: &Facts<'_>) -> Option<HoldReason> {
        let unconfirmed = || action.takes_from_active(facts.confirmed).map(|_| HoldReason::Unconfirmed);
        let perhaps_owned = || self.perhaps_owned.contains(&action.login).then_some(HoldReason::UnknownOwner);
        if facts.approved.covers(&facts.tenant.id, action) {
            return unconfirmed();
        }
        let weight = action.weight();
        if let Some(why) = facts.waiting.holds(&facts.tenant.id, action) {
            return Some(why);
        }
        match weight {
            Weight::None => unconfirmed(),
            Weight::Role if self.roles => Some(HoldReason::RolesOverLimit),
            Weight::Role => unconfirmed(),
            Weight::Harm if facts.desired.accounts.is_empty() => Some(HoldReason::NothingDesired),
            Weight::Harm if facts.completeness == Completeness::Doubtful => Some(HoldReason::DirectoryLooksIncomplete),
            Weight::Harm if self.harm => Some(HoldReason::OverLimit),
            Weight::Harm if action.is_removal() && facts.scope == Scope::New => Some(HoldReason::NewScope),
            Weight::Harm => perhaps_owned().or_else(unconfirmed),
        }
    }
}

/// As many removals as there are users without a usable address, whose accounts they may hit: the accounts that a user had when the
/// directory was last read; where none of them is here, the first ones. An account that an active user's address names, now or when the
/// directory was last read, is that user's, and comes last. Users who share an address have the accounts of their own of before.
fn perhaps_owned(actions: &[Action], facts: &Facts<'_>) -> BTreeSet<Login> {
    let had = |user: &UserId| facts.former.get(user).into_iter().flatten().filter(|login| facts.current.accounts.contains_key(*login));
    let Desired { unknown_owners, sharing, .. } = facts.desired;
    let n_unknown = unknown_owners.iter().filter(|user| had(user).next().is_none()).count();
    let known: BTreeSet<&Login> = unknown_owners.iter().chain(sharing).flat_map(had).collect();
    let (theirs, mut others): (Vec<&Action>, Vec<&Action>) =
        actions.iter().filter(|action| action.is_removal() && action.is_harm()).partition(|action| known.contains(&action.login));
    others.sort_by_key(|action| action.user.is_some() || action.renamed_to.is_some());
    theirs.into_iter().chain(others.into_iter().take(n_unknown)).map(|action| action.login.clone()).collect()
}

/// The administrators that there are once these actions are applied. An expired account gains nothing from a role.
fn admins_after<'a>(admins: &BTreeSet<Login>, actions: impl Iterator<Item = &'a Action>) -> BTreeSet<Login> {
    let gained = actions
        .filter(|action| !action.is_expired_after())
        .filter(|action| action.roles_after().is_some_and(administers))
        .map(|action| action.login.clone());
    admins.iter().cloned().chain(gained).collect()
}

/// Holds what takes an administrator away, if no administrator would be left of those that there are now or are `expected`, but for those
/// whom a person gave up as the last.
fn hold_last_admin(
    harm: Vec<Action>,
    now: &BTreeSet<Login>,
    expected: &BTreeSet<Login>,
    agreed: &BTreeSet<Login>,
) -> (Vec<Action>, Vec<Held>) {
    let takes_admin = |action: &Action| now.contains(&action.login) && action.loses(&Role::admin());
    let lost: BTreeSet<&Login> = harm.iter().filter(|action| takes_admin(action)).map(|action| &action.login).collect();
    let nobody_left = !now.is_empty() && expected.iter().all(|login| lost.contains(login));
    if !nobody_left {
        return (harm, Vec::new());
    }
    let (held, kept): (Vec<_>, Vec<_>) = harm.into_iter().partition(|action| takes_admin(action) && !agreed.contains(&action.login));
    (kept, held.into_iter().map(|action| Held { action, why: HoldReason::LastAdmin }).collect())
}

//! The difference between current and desired, as data.
//!
//! A plan is complete: nothing is left to choose when it is applied. It never names a protected account.

mod text;
mod trace;

use std::collections::{BTreeMap, BTreeSet, HashMap, btree_map};
use std::iter::Peekable;

use serde::{Deserialize, Serialize};

use crate::current::{Account, Current};
use crate::desired::{Desired, DesiredAccount};
use crate::finding::{Finding, FindingCode};
use crate::group_name::Role;
use crate::ids::{TenantId, UserId};
use crate::integration::{Deprovision, Integration, Tenant};
use crate::login::Login;
use crate::snapshot::FormerLogins;

pub(crate) use text::role_list;
pub use trace::Trace;

/// What would make one tenant as desired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Where.
    pub tenant: TenantId,
    /// In the order of their logins; one for an account.
    pub actions: Vec<Action>,
    /// How many desired accounts are right already.
    pub unchanged: usize,
    /// How many accounts are enabled and unprotected now: the base of the limits.
    pub managed: usize,
    /// Accounts that the plan leaves alone, and why.
    pub findings: Vec<Finding>,
}

/// One change of one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// Whose.
    pub login: Login,
    /// The directory's user, while there is an active one: a removal then wants a second look at the user's groups.
    pub user: Option<UserId>,
    /// The login that the account's user has now, where this is the removal of the one of before.
    pub renamed_to: Option<Login>,
    /// What.
    pub change: Change,
}

/// What is done to an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A new account, enabled.
    Create {
        /// Its roles.
        roles: BTreeSet<Role>,
    },
    /// Other roles, or enabled again. `Login` is never rewritten.
    Update {
        /// The account as it is.
        before: Account,
        /// Its roles from now on.
        roles: BTreeSet<Role>,
    },
    /// Switched off; the roles stay.
    Disable {
        /// The account as it is.
        before: Account,
    },
    /// Deleted.
    Remove {
        /// The account as it is.
        before: Account,
    },
    /// Switched off because the integration blocks the account. A person has decided it, so the limits do not hold it.
    Block {
        /// The account as it is.
        before: Account,
    },
    /// Put back as a run had found it.
    Restore {
        /// The account as it is, if it is there.
        before: Option<Account>,
        /// As it is to be: its roles and switch, and every property where it is made anew.
        to: Account,
    },
}

/// How much an action takes from somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// Nothing.
    None,
    /// A role that is no platform role, from an account that can be used.
    Role,
    /// The account, or a platform role that nothing makes up for: somebody may be locked out.
    Harm,
}

/// What an action is called in records and reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verb {
    /// See [`Change::Create`].
    Create,
    /// See [`Change::Update`].
    Update,
    /// See [`Change::Disable`] and [`Change::Block`].
    Disable,
    /// See [`Change::Remove`].
    Remove,
    /// See [`Change::Restore`].
    Restore,
}

impl Verb {
    /// Whether the account goes away or is switched off.
    pub fn is_removal(self) -> bool {
        match self {
            Self::Disable | Self::Remove => true,
            Self::Create | Self::Update | Self::Restore => false,
        }
    }
}

impl Action {
    /// An action about an account whose user has not been renamed.
    pub fn new(login: Login, user: Option<UserId>, change: Change) -> Self {
        Self { login, user, renamed_to: None, change }
    }

    /// The account as it is, unless it is to be created.
    pub fn before(&self) -> Option<&Account> {
        match &self.change {
            Change::Create { .. } => None,
            Change::Restore { before, .. } => before.as_ref(),
            Change::Update { before, .. } | Change::Disable { before } | Change::Remove { before } | Change::Block { before } => {
                Some(before)
            }
        }
    }

    /// The roles that a usable account has behind the action; none when it is gone or disabled.
    pub fn roles_after(&self) -> Option<&BTreeSet<Role>> {
        match &self.change {
            Change::Create { roles } | Change::Update { roles, .. } => Some(roles),
            Change::Restore { to, .. } => to.enabled.then_some(&to.roles),
            Change::Disable { .. } | Change::Remove { .. } | Change::Block { .. } => None,
        }
    }

    /// Whether the account's expiry date is past behind the action: one that is made anew as it was brings its date along.
    pub fn is_expired_after(&self) -> bool {
        match &self.change {
            Change::Create { .. } => false,
            Change::Restore { before: None, to } => to.expired,
            Change::Restore { before: Some(before), .. } => before.expired,
            Change::Update { before, .. } | Change::Disable { before } | Change::Remove { before } | Change::Block { before } => {
                before.expired
            }
        }
    }

    /// The roles that the account loses. A platform role that is only written in another case is not lost.
    pub fn lost_roles(&self) -> BTreeSet<Role> {
        let Some(before) = self.before() else { return BTreeSet::new() };
        let stays = |role: &Role| self.roles_after().is_some_and(|after| after.iter().any(|other| other.means(role)));
        before.roles.iter().filter(|role| !stays(role)).cloned().collect()
    }

    /// Whether the account loses this role.
    pub fn loses(&self, role: &Role) -> bool {
        self.lost_roles().iter().any(|lost| lost.means(role))
    }

    /// Whether the account goes away or is switched off.
    pub fn is_removal(&self) -> bool {
        self.verb().is_removal()
    }

    /// How much it takes. Losing `user` while holding `admin` is nothing: in Orgvue the highest role wins.
    pub fn weight(&self) -> Weight {
        match &self.change {
            Change::Create { .. } | Change::Block { .. } => Weight::None,
            Change::Disable { .. } | Change::Remove { .. } => Weight::Harm,
            Change::Update { before, .. } | Change::Restore { before: Some(before), .. } if before.enabled => self.weight_of_losses(),
            Change::Update { .. } | Change::Restore { .. } => Weight::None,
        }
    }

    fn weight_of_losses(&self) -> Weight {
        let Some(after) = self.roles_after() else { return Weight::Harm };
        let is_made_up_for = |role: &Role| role.is_user() && after.iter().any(Role::is_admin);
        let lost: Vec<_> = self.lost_roles().into_iter().filter(|role| !is_made_up_for(role)).collect();
        match lost.iter().any(Role::is_platform) {
            true => Weight::Harm,
            false if lost.is_empty() => Weight::None,
            false => Weight::Role,
        }
    }

    /// Whether somebody has less behind it than before, were it by a person's word.
    pub fn takes(&self) -> bool {
        self.weight() > Weight::None || matches!(self.change, Change::Block { .. })
    }

    /// Whether somebody may be locked out by it.
    pub fn is_harm(&self) -> bool {
        self.weight() == Weight::Harm
    }

    /// Whether Orgvue sends the account's owner an e-mail: it does when an account becomes enabled.
    pub fn sends_activation(&self) -> bool {
        self.roles_after().is_some() && self.before().is_none_or(|before| !before.enabled)
    }

    /// The active user who loses something by the action and whose groups were not read again behind the lists.
    ///
    /// A person who was moved between two groups while they were read looks like somebody who lost the first.
    /// An account that is disabled has nothing to lose but its row.
    pub fn takes_from_active(&self, confirmed: &BTreeSet<UserId>) -> Option<&UserId> {
        if matches!(self.change, Change::Block { .. } | Change::Restore { .. }) {
            return None;
        }
        let takes = self.is_removal() || (self.before().is_some_and(|before| before.enabled) && !self.lost_roles().is_empty());
        self.user.as_ref().filter(|user| takes && !confirmed.contains(*user))
    }

    /// What the action is called in records and reports.
    pub fn verb(&self) -> Verb {
        match &self.change {
            Change::Create { .. } => Verb::Create,
            Change::Update { .. } => Verb::Update,
            Change::Disable { .. } | Change::Block { .. } => Verb::Disable,
            Change::Remove { .. } => Verb::Remove,
            Change::Restore { .. } => Verb::Restore,
        }
    }

    /// What of the action is left when nothing may be lost: the same account with the roles of after and those it would lose. Nothing, if
    /// that is what it has; nothing either for a disabled account, which must not be let in with roles that it is to lose.
    pub fn without_loss(&self) -> Option<Self> {
        let (before, roles) = match &self.change {
            Change::Update { before, roles } => (before, roles),
            Change::Restore { before: Some(before), to } if to.enabled => (before, &to.roles),
            // Whoever is to be switched off gains no role on the way.
            Change::Restore { before: Some(_), .. } => return None,
            Change::Restore { before: None, .. } => return Some(self.clone()),
            Change::Create { .. } | Change::Disable { .. } | Change::Remove { .. } | Change::Block { .. } => return None,
        };
        let kept = before.roles.iter().filter(|role| !roles.iter().any(|other| other.means(role)));
        let union: BTreeSet<Role> = roles.iter().chain(kept).cloned().collect();
        let needed = before.enabled && union != before.roles;
        needed.then(|| Self { change: Change::Update { before: before.clone(), roles: union }, ..self.clone() })
    }
}

/// What is known of the directory's users beside what is desired of them.
#[derive(Debug, Clone, Copy)]
pub struct Users<'a> {
    /// The active ones by their login.
    pub active: &'a BTreeMap<Login, UserId>,
    /// The logins under which each had an account when the directory was last read, where that is known.
    pub former: &'a FormerLogins,
}

/// Works out what makes the tenant as desired.
pub fn plan(desired: &Desired, current: &Current, tenant: &Tenant, integration: &Integration, users: Users<'_>) -> Plan {
    let mut plan =
        Plan { tenant: tenant.id.clone(), actions: Vec::new(), unchanged: 0, managed: 0, findings: current.findings(&tenant.id) };
    let protected = |login: &Login| integration.protects(tenant, login);
    let untouched = |login: &Login| desired.untouched.contains(login) || current.duplicates.contains_key(login);
    let blocked = |login: &Login| integration.blocked.contains(login);
    // Who is blocked is not let in by another address.
    let was_blocked = |user: &UserId| users.former.get(user).is_some_and(|logins| logins.iter().any(blocked));

    plan.managed = current.accounts.values().filter(|account| account.enabled && !protected(&account.login)).count();
    let mut accounts = InOrder::of(&current.accounts);
    for (login, wanted) in &desired.accounts {
        let account = accounts.get(login);
        if blocked(login) || untouched(login) {
            continue;
        }
        if protected(login) {
            plan.findings.extend(protected_difference(wanted, account, tenant));
            continue;
        }
        if account.is_none() && was_blocked(&wanted.user) {
            let what = "the user is blocked under an earlier address, so no account is made under this one";
            plan.findings.push(Finding::new(FindingCode::Blocked, what).login(login).user(&wanted.user).tenant(&tenant.id));
            continue;
        }
        if account.is_some_and(|account| account.expired) {
            plan.findings.push(
                Finding::new(FindingCode::ExpiredInOrgvue, "the account's expiry date is past")
                    .login(login)
                    .user(&wanted.user)
                    .tenant(&tenant.id),
            );
        }
        match change(wanted, account) {
            Some(change) => plan.actions.push(Action::new(login.clone(), Some(wanted.user.clone()), change)),
            None => plan.unchanged += 1,
        }
    }
    plan.findings.extend(blocked_in_vain(current, tenant, integration));
    let mut leavers = Vec::new();
    let mut wanted = InOrder::of(&desired.accounts);
    for (login, account) in &current.accounts {
        if protected(login) {
            continue;
        }
        if blocked(login) {
            let change = account.enabled.then(|| Change::Block { before: account.clone() });
            plan.actions.extend(change.map(|change| Action::new(login.clone(), users.active.get(login).cloned(), change)));
            continue;
        }
        if wanted.get(login).is_some() || untouched(login) {
            continue;
        }
        leavers.extend(deprovision(account, integration.deprovision).map(|change| (login, change)));
    }
    let renamed = renamed(&leavers.iter().map(|(login, _)| *login).collect(), desired, users.former);
    for (login, change) in leavers {
        let renamed_to = renamed.get(login).map(|login| (*login).clone());
        plan.actions.push(Action { renamed_to, ..Action::new(login.clone(), users.active.get(login).cloned(), change) });
    }
    plan.actions.sort_by(|a, b| a.login.cmp(&b.login));
    plan.findings.sort();
    plan
}

/// Looks logins up that are asked for in their order: one walk along the map, where to begin anew for each takes many times as long.
struct InOrder<'a, V> {
    ahead: Peekable<btree_map::Iter<'a, Login, V>>,
}

impl<'a, V> InOrder<'a, V> {
    fn of(map: &'a BTreeMap<Login, V>) -> Self {
        Self { ahead: map.iter().peekable() }
    }

    fn get(&mut self, login: &Login) -> Option<&'a V> {
        while self.ahead.next_if(|(at, _)| *at < login).is_some() {}
        self.ahead.peek().filter(|(at, _)| *at == login).map(|(_, found)| *found)
    }
}

/// The new logins of the users who had one of those that are `leaving` when the directory was last read, by the old one.
fn renamed<'a>(leaving: &BTreeSet<&Login>, desired: &'a Desired, former: &'a FormerLogins) -> BTreeMap<&'a Login, &'a Login> {
    if leaving.is_empty() {
        return BTreeMap::new();
    }
    let is_leaving = |old: &&Login| leaving.contains(old);
    let had: HashMap<&UserId, &BTreeSet<Login>> = former.iter().filter(|(_, logins)| logins.iter().any(|old| is_leaving(&old))).collect();
    let renamed = |account: &'a DesiredAccount| {
        let old = had.get(&account.user).copied().into_iter().flatten().filter(|old| **old != account.login);
        old.filter(is_leaving).map(|old| (old, &account.login))
    };
    desired.accounts.values().flat_map(renamed).collect()
}

/// Works out what puts accounts back as a run had found them. What is as it was is left alone, and so is what is protected.
pub fn restore(saved: &Current, current: &Current, tenant: &Tenant, integration: &Integration) -> Plan {
    let mut plan =
        Plan { tenant: tenant.id.clone(), actions: Vec::new(), unchanged: 0, managed: 0, findings: current.findings(&tenant.id) };
    let protected = |login: &Login| integration.protects(tenant, login);
    plan.managed = current.accounts.values().filter(|account| account.enabled && !protected(&account.login)).count();
    for (login, to) in &saved.accounts {
        if protected(login) || integration.blocked.contains(login) || current.duplicates.contains_key(login) {
            continue;
        }
        match current.accounts.get(login) {
            Some(account) if account.enabled == to.enabled && account.roles == to.roles => plan.unchanged += 1,
            before => {
                let change = Change::Restore { before: before.cloned(), to: to.clone() };
                plan.actions.push(Action::new(login.clone(), None, change));
            }
        }
    }
    plan
}

fn change(wanted: &DesiredAccount, account: Option<&Account>) -> Option<Change> {
    match account {
        None => Some(Change::Create { roles: wanted.roles.clone() }),
        Some(account) if account.enabled && account.roles == wanted.roles => None,
        Some(account) => Some(Change::Update { before: account.clone(), roles: wanted.roles.clone() }),
    }
}

fn deprovision(account: &Account, how: Deprovision) -> Option<Change> {
    match how {
        Deprovision::Delete => Some(Change::Remove { before: account.clone() }),
        Deprovision::Disable if account.enabled => Some(Change::Disable { before: account.clone() }),
        Deprovision::Disable => None,
    }
}

/// Blocked accounts of which there are several rows, so that none of them is written.
fn blocked_in_vain(current: &Current, tenant: &Tenant, integration: &Integration) -> Vec<Finding> {
    let several = integration.blocked.iter().filter_map(|login| Some((login, current.duplicates.get(login)?)));
    let finding = |(login, n_rows): (&Login, &usize)| {
        let what = format!("the account is blocked, but it has {n_rows} rows and none of them was disabled: do it in Orgvue by hand");
        Finding::new(FindingCode::Blocked, what).login(login).tenant(&tenant.id)
    };
    several.map(finding).collect()
}

fn protected_difference(wanted: &DesiredAccount, account: Option<&Account>, tenant: &Tenant) -> Option<Finding> {
    change(wanted, account)?;
    let what = "the account is protected and differs from the directory";
    Some(Finding::new(FindingCode::ProtectedDiffers, what).login(&wanted.login).user(&wanted.user).tenant(&tenant.id))
}

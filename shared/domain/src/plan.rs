//! The difference between current and desired, as data.
//!
//! A plan is complete: nothing is left to choose when it is applied. It never names a protected account.

mod restore;
mod text;
mod trace;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::current::{Account, Current};
use crate::desired::{Desired, DesiredAccount};
use crate::directory::Directory;
use crate::finding::{Finding, FindingCode};
use crate::group_name::{Role, Roles, administers};
use crate::ids::{TenantId, UserId};
use crate::integration::{Deprovision, Integration, Tenant};
use crate::login::Login;
use crate::side_by_side::side_by_side;
use crate::snapshot::FormerLogins;

pub use restore::restore;
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
    /// The directory's user, while there is an active one with this address, or who had it when the directory was last read: a removal then
    /// wants a second look at the user's groups.
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
        roles: Roles,
    },
    /// Other roles, or enabled again. `Login` is never rewritten.
    Update {
        /// The account as it is.
        before: Account,
        /// Its roles from now on.
        roles: Roles,
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
        /// As it is to be: its roles and switch.
        to: Account,
        /// What is written beside them: all that was its own where it is made anew; where that was done since, what of it the new row has not.
        properties: Box<Map<String, Value>>,
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
            Change::Restore { before: None, to, .. } => to.expired,
            Change::Restore { before: Some(before), to, .. } => before.expired || (to.expired && to.id != before.id),
            Change::Update { before, .. } | Change::Disable { before } | Change::Remove { before } | Change::Block { before } => {
                before.expired
            }
        }
    }

    /// The roles that the account loses. A platform role that is only written in another case is not lost; `admin` is, where the account
    /// becomes `readonly`.
    pub fn lost_roles(&self) -> BTreeSet<Role> {
        let Some(before) = self.before() else { return BTreeSet::new() };
        let is_there = |role: &Role, after: &BTreeSet<Role>| after.iter().any(|other| other.means(role));
        let is_in_vain = |role: &Role, after| role.is_admin() && administers(&before.roles) && !administers(after);
        let stays = |role: &Role| self.roles_after().is_some_and(|after| is_there(role, after) && !is_in_vain(role, after));
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

    /// Whether anything is taken from an account, were it by a person's word or made up for by another role. An account that is disabled has
    /// nothing to lose but its row.
    pub fn takes(&self) -> bool {
        let loses_roles = || self.before().is_some_and(|before| before.enabled) && !self.lost_roles().is_empty();
        self.is_removal() || loses_roles()
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
    pub fn takes_from_active(&self, confirmed: &BTreeSet<UserId>) -> Option<&UserId> {
        if matches!(self.change, Change::Block { .. } | Change::Restore { .. }) {
            return None;
        }
        self.user.as_ref().filter(|user| self.takes() && !confirmed.contains(*user))
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
            Change::Restore { before: Some(before), to, .. } if to.enabled => (before, &to.roles),
            // Whoever is to be switched off gains no role on the way.
            Change::Restore { before: Some(_), .. } => return None,
            Change::Restore { before: None, .. } => return Some(self.clone()),
            Change::Create { .. } | Change::Disable { .. } | Change::Remove { .. } | Change::Block { .. } => return None,
        };
        let kept = before.roles.iter().filter(|role| !roles.iter().any(|other| other.means(role)));
        let is_gain = |role: &&Role| !(role.is_readonly() && administers(&before.roles));
        let union: Roles = Arc::new(roles.iter().filter(is_gain).chain(kept).cloned().collect());
        let needed = before.enabled && union != before.roles;
        needed.then(|| Self { change: Change::Update { before: before.clone(), roles: union }, ..self.clone() })
    }
}

/// What is known of the directory's users beside what is desired of them.
#[derive(Debug, Clone, Copy)]
pub struct Users<'a> {
    /// It tells a leaver from an active user whose groups changed.
    pub directory: &'a Directory,
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

    let told_blocked =
        |wanted: &DesiredAccount, what| Finding::new(FindingCode::Blocked, what).login(&wanted.login).user(&wanted.user).tenant(&tenant.id);

    let mut leaving = BTreeMap::new();
    for (login, wanted, account) in side_by_side(&desired.accounts, &current.accounts) {
        if protected(login) {
            let differs = wanted.filter(|_| !blocked(login) && !untouched(login));
            plan.findings.extend(differs.and_then(|wanted| protected_difference(wanted, account, tenant)));
            continue;
        }
        let is_enabled = account.is_some_and(|account| account.enabled);
        plan.managed += usize::from(is_enabled);
        let change = match (wanted, account) {
            (wanted, account) if blocked(login) => {
                let what = "the account is blocked: it is to be disabled, although the directory asks for it";
                plan.findings.extend(wanted.map(|wanted| told_blocked(wanted, what)));
                block(account)
            }
            _ if untouched(login) => None,
            (Some(wanted), account) if was_blocked(&wanted.user) => {
                let what = "the user is blocked under an earlier address, so the account under this one is not made, or kept disabled";
                plan.findings.push(told_blocked(wanted, what));
                block(account)
            }
            (Some(wanted), account) => {
                if account.is_some_and(|account| account.expired) {
                    let expired = Finding::new(FindingCode::ExpiredInOrgvue, "the account's expiry date is past");
                    plan.findings.push(expired.login(login).user(&wanted.user).tenant(&tenant.id));
                }
                let change = change(wanted, account);
                plan.unchanged += usize::from(change.is_none());
                change
            }
            (None, Some(account)) => {
                let change = deprovision(account, integration.deprovision);
                leaving.extend(change.iter().map(|_| (login, plan.actions.len())));
                change
            }
            (None, None) => None,
        };
        let user = || wanted.map(|wanted| &wanted.user).or_else(|| Some(&users.directory.active_user(login)?.id)).cloned();
        plan.actions.extend(change.map(|change| Action::new(login.clone(), user(), change)));
    }
    // No account waits for one under another address that nobody is let in by.
    let is_let_in = |account: &DesiredAccount| !blocked(&account.login) && !was_blocked(&account.user);
    for (old, new) in renamed(&leaving, desired, users.former, is_let_in) {
        plan.actions[leaving[old]].renamed_to = Some(new.clone());
    }
    // Who has another address now, and no account under it, is active all the same.
    let active = users.former.iter().filter(|(user, _)| users.directory.user(user).is_some_and(|user| user.active));
    for (old, user) in active.flat_map(|(user, logins)| logins.iter().map(move |old| (old, user))) {
        let action = leaving.get(old).map(|place| &mut plan.actions[*place]);
        if let Some(action) = action.filter(|action| action.renamed_to.is_none()) {
            action.user.get_or_insert_with(|| user.clone());
        }
    }
    plan.findings.extend(blocked_in_vain(current, tenant, integration));
    plan.findings.sort();
    plan
}

/// The new logins of the users who are let in by them and had one of those that are `leaving` when the directory was last read, by the old one.
fn renamed<'a, V>(
    leaving: &BTreeMap<&Login, V>,
    desired: &'a Desired,
    former: &'a FormerLogins,
    is_let_in: impl Fn(&DesiredAccount) -> bool,
) -> BTreeMap<&'a Login, &'a Login> {
    let is_leaving = |old: &&Login| leaving.contains_key(old);
    let had: HashMap<&UserId, &BTreeSet<Login>> = former.iter().filter(|(_, logins)| logins.iter().any(|old| is_leaving(&old))).collect();
    if had.is_empty() {
        return BTreeMap::new();
    }
    let renamed = |account: &'a DesiredAccount| {
        let old = had.get(&account.user).copied().into_iter().flatten().filter(|old| **old != account.login);
        old.filter(is_leaving).map(|old| (old, &account.login))
    };
    desired.accounts.values().filter(|account| is_let_in(account)).flat_map(renamed).collect()
}

fn change(wanted: &DesiredAccount, account: Option<&Account>) -> Option<Change> {
    match account {
        None => Some(Change::Create { roles: wanted.roles.clone() }),
        Some(account) if account.enabled && account.roles == wanted.roles => None,
        Some(account) => Some(Change::Update { before: account.clone(), roles: wanted.roles.clone() }),
    }
}

fn block(account: Option<&Account>) -> Option<Change> {
    account.filter(|account| account.enabled).map(|account| Change::Block { before: account.clone() })
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

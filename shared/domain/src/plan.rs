//! The difference between current and desired, as data.
//!
//! A plan is complete: nothing is left to choose when it is applied. It never names a protected account.

use std::collections::BTreeSet;
use std::fmt;

use crate::current::{Account, Current};
use crate::desired::{Desired, DesiredAccount};
use crate::finding::{Finding, FindingCode};
use crate::group_name::Role;
use crate::ids::{TenantId, UserId};
use crate::integration::{Deprovision, Integration, Tenant};
use crate::login::Login;

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
}

impl Action {
    /// The account as it is, unless it is to be created.
    pub fn before(&self) -> Option<&Account> {
        match &self.change {
            Change::Create { .. } => None,
            Change::Update { before, .. } | Change::Disable { before } | Change::Remove { before } => Some(before),
        }
    }

    /// The roles that a usable account has behind the action; none when it is gone or disabled.
    pub fn roles_after(&self) -> Option<&BTreeSet<Role>> {
        match &self.change {
            Change::Create { roles } | Change::Update { roles, .. } => Some(roles),
            Change::Disable { .. } | Change::Remove { .. } => None,
        }
    }

    /// The roles that the account loses.
    pub fn lost_roles(&self) -> BTreeSet<Role> {
        let Some(before) = self.before() else { return BTreeSet::new() };
        match self.roles_after() {
            Some(after) => before.roles.difference(after).cloned().collect(),
            None => before.roles.clone(),
        }
    }

    /// Whether the account goes away or is switched off.
    pub fn is_removal(&self) -> bool {
        match &self.change {
            Change::Disable { .. } | Change::Remove { .. } => true,
            Change::Create { .. } | Change::Update { .. } => false,
        }
    }

    /// Whether somebody may be locked out: a removal, or the loss of a platform role that nothing makes up for.
    ///
    /// Losing `user` while holding `admin` is none: in Orgvue the highest role wins.
    pub fn is_harm(&self) -> bool {
        match &self.change {
            Change::Create { .. } => false,
            Change::Disable { .. } | Change::Remove { .. } => true,
            Change::Update { before, roles } => {
                let lost = |role: Role| before.roles.contains(&role) && !roles.contains(&role);
                before.enabled && (lost(Role::admin()) || (lost(Role::user()) && !roles.contains(&Role::admin())))
            }
        }
    }

    /// The active user who loses something by the action and whose groups were not read again behind the lists.
    ///
    /// A person who was moved between two groups while they were read looks like somebody who lost the first.
    pub fn takes_from_active(&self, confirmed: &BTreeSet<UserId>) -> Option<&UserId> {
        self.user.as_ref().filter(|user| !confirmed.contains(*user) && (self.is_removal() || !self.lost_roles().is_empty()))
    }

    /// What the action is called in records and reports.
    pub fn verb(&self) -> &'static str {
        match &self.change {
            Change::Create { .. } => "create",
            Change::Update { .. } => "update",
            Change::Disable { .. } => "disable",
            Change::Remove { .. } => "remove",
        }
    }

    /// What of the action is left when nothing may be lost: the same account with the roles of before and after. Nothing, if that is what it has.
    pub fn without_loss(&self) -> Option<Self> {
        let Change::Update { before, roles } = &self.change else { return None };
        let union: BTreeSet<Role> = before.roles.union(roles).cloned().collect();
        let needed = union != before.roles || !before.enabled;
        needed.then(|| Self { change: Change::Update { before: before.clone(), roles: union }, ..self.clone() })
    }

    /// Whether the dataset already is as the action would make it: asked after a write whose answer was lost.
    pub fn is_done(&self, current: &Current) -> bool {
        let account = current.accounts.get(&self.login);
        match &self.change {
            Change::Create { roles } | Change::Update { roles, .. } => account.is_some_and(|a| a.enabled && a.roles == *roles),
            Change::Disable { .. } => account.is_none_or(|a| !a.enabled),
            Change::Remove { before } => account.is_none_or(|a| a.id != before.id),
        }
    }
}

/// Works out what makes the tenant as desired.
pub fn plan(
    desired: &Desired,
    current: &Current,
    tenant: &Tenant,
    integration: &Integration,
    active: impl Fn(&Login) -> Option<UserId>,
) -> Plan {
    let mut plan =
        Plan { tenant: tenant.id.clone(), actions: Vec::new(), unchanged: 0, managed: 0, findings: current.findings(&tenant.id) };
    let protected = |login: &Login| integration.protects(tenant, login);
    let untouched = |login: &Login| desired.untouched.contains(login) || current.duplicates.contains_key(login);

    plan.managed = current.accounts.values().filter(|account| account.enabled && !protected(&account.login)).count();
    for (login, wanted) in &desired.accounts {
        let account = current.accounts.get(login);
        if untouched(login) {
            continue;
        }
        if protected(login) {
            plan.findings.extend(protected_difference(wanted, account, tenant));
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
            Some(change) => plan.actions.push(Action { login: login.clone(), user: Some(wanted.user.clone()), change }),
            None => plan.unchanged += 1,
        }
    }
    for (login, account) in &current.accounts {
        if desired.accounts.contains_key(login) || untouched(login) || protected(login) {
            continue;
        }
        if let Some(change) = deprovision(account, integration.deprovision) {
            plan.actions.push(Action { login: login.clone(), user: active(login), change });
        }
    }
    plan.actions.sort_by(|a, b| a.login.cmp(&b.login));
    plan.findings.sort();
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

fn protected_difference(wanted: &DesiredAccount, account: Option<&Account>, tenant: &Tenant) -> Option<Finding> {
    change(wanted, account)?;
    let what = "the account is protected and differs from the directory";
    Some(Finding::new(FindingCode::ProtectedDiffers, what).login(&wanted.login).user(&wanted.user).tenant(&tenant.id))
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |verb| self.actions.iter().filter(|action| action.verb() == verb).count();
        write!(f, "{}: {} to create, {} to update, ", self.tenant, count("create"), count("update"))?;
        if count("disable") > 0 {
            write!(f, "{} to disable, ", count("disable"))?;
        }
        writeln!(f, "{} to remove, {} right already", count("remove"), self.unchanged)?;
        self.actions.iter().try_for_each(|action| writeln!(f, "  {action}"))
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let login = &self.login;
        match &self.change {
            Change::Create { roles } => write!(f, "+ {login}  {}", list(roles)),
            Change::Disable { before } => write!(f, "o {login}  disable, was {}", list(&before.roles)),
            Change::Remove { before } => write!(f, "- {login}  was {}", list(&before.roles)),
            Change::Update { before, roles } => {
                write!(f, "~ {login} ")?;
                if !before.enabled {
                    write!(f, " enable")?;
                }
                for role in roles.difference(&before.roles) {
                    write!(f, " +{role}")?;
                }
                for role in before.roles.difference(roles) {
                    write!(f, " -{role}")?;
                }
                Ok(())
            }
        }
    }
}

fn list(roles: &BTreeSet<Role>) -> String {
    if roles.is_empty() {
        return "no role".to_owned();
    }
    roles.iter().map(Role::as_str).collect::<Vec<_>>().join(", ")
}

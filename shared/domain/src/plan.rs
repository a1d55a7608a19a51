//! The difference between current and desired, as data.
//!
//! A plan is complete: nothing is left to choose when it is applied. It never names a protected account.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

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

/// What an action is called in records and reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verb {
    /// See [`Change::Create`].
    Create,
    /// See [`Change::Update`].
    Update,
    /// See [`Change::Disable`].
    Disable,
    /// See [`Change::Remove`].
    Remove,
}

impl Verb {
    /// Whether the account goes away or is switched off.
    pub fn is_removal(self) -> bool {
        match self {
            Self::Disable | Self::Remove => true,
            Self::Create | Self::Update => false,
        }
    }
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

    /// Whether somebody may be locked out: a removal, or the loss of a platform role that nothing makes up for.
    ///
    /// Losing `user` while holding `admin` is none: in Orgvue the highest role wins.
    pub fn is_harm(&self) -> bool {
        match &self.change {
            Change::Create { .. } => false,
            Change::Disable { .. } | Change::Remove { .. } => true,
            Change::Update { before, roles } => {
                let lost_user = self.loses(&Role::user()) && !roles.contains(&Role::admin());
                before.enabled && (self.loses(&Role::admin()) || lost_user)
            }
        }
    }

    /// The active user who loses something by the action and whose groups were not read again behind the lists.
    ///
    /// A person who was moved between two groups while they were read looks like somebody who lost the first.
    /// An account that is disabled has nothing to lose but its row.
    pub fn takes_from_active(&self, confirmed: &BTreeSet<UserId>) -> Option<&UserId> {
        let takes = self.is_removal() || (self.before().is_some_and(|before| before.enabled) && !self.lost_roles().is_empty());
        self.user.as_ref().filter(|user| takes && !confirmed.contains(*user))
    }

    /// What the action is called in records and reports.
    pub fn verb(&self) -> Verb {
        match &self.change {
            Change::Create { .. } => Verb::Create,
            Change::Update { .. } => Verb::Update,
            Change::Disable { .. } => Verb::Disable,
            Change::Remove { .. } => Verb::Remove,
        }
    }

    /// What of the action is left when nothing may be lost: the same account with the roles of after and those it would lose. Nothing, if
    /// that is what it has; nothing either for a disabled account, which must not be let in with roles that it is to lose.
    pub fn without_loss(&self) -> Option<Self> {
        let Change::Update { before, roles } = &self.change else { return None };
        let union: BTreeSet<Role> = roles.union(&self.lost_roles()).cloned().collect();
        let needed = before.enabled && union != before.roles;
        needed.then(|| Self { change: Change::Update { before: before.clone(), roles: union }, ..self.clone() })
    }

    /// What the dataset tells of the action: asked after a write whose answer was lost.
    pub fn trace_in(&self, current: &Current) -> Trace {
        let account = current.accounts.get(&self.login);
        let is_there_twice = current.duplicates.contains_key(&self.login);
        let as_wanted = |roles: &BTreeSet<Role>| account.is_some_and(|account| account.enabled && account.roles == *roles);
        let done = match &self.change {
            Change::Create { roles } if as_wanted(roles) => true,
            // Sent again it would make a second account; taken for done it might pass for an administrator.
            Change::Create { .. } if account.is_some() || is_there_twice => return Trace::Unclear,
            Change::Create { .. } => false,
            Change::Update { roles, .. } => as_wanted(roles),
            Change::Disable { .. } => !is_there_twice && account.is_none_or(|account| !account.enabled),
            Change::Remove { before } => !is_there_twice && account.is_none_or(|account| account.id != before.id),
        };
        if done { Trace::Done } else { Trace::NotDone }
    }
}

/// What a dataset tells of an action whose answer was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trace {
    /// The dataset is as the action would make it.
    Done,
    /// It is not; the action may be sent again.
    NotDone,
    /// An account of that login is there, but not as it should be made: the next run's to correct.
    Unclear,
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
        write!(f, "{}: {} to create, {} to update, ", self.tenant, count(Verb::Create), count(Verb::Update))?;
        if count(Verb::Disable) > 0 {
            write!(f, "{} to disable, ", count(Verb::Disable))?;
        }
        writeln!(f, "{} to remove, {} right already", count(Verb::Remove), self.unchanged)?;
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

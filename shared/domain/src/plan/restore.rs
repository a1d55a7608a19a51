//! The plan that undoes what a run did.

use std::collections::BTreeSet;

use super::{Action, Change, Plan};
use crate::current::Current;
use crate::integration::{Integration, Tenant};
use crate::login::Login;

/// Works out what puts accounts back as a run had found them. What is as it was is left alone, and so are accounts that are protected or
/// blocked, and those `of_blocked` people under other logins.
pub fn restore(saved: &Current, current: &Current, tenant: &Tenant, integration: &Integration, of_blocked: &BTreeSet<Login>) -> Plan {
    let mut plan =
        Plan { tenant: tenant.id.clone(), actions: Vec::new(), unchanged: 0, managed: 0, findings: current.findings(&tenant.id) };
    let protected = |login: &Login| integration.protects(tenant, login);
    let blocked = |login: &Login| integration.blocked.contains(login) || of_blocked.contains(login);
    plan.managed = current.accounts.values().filter(|account| account.enabled && !protected(&account.login)).count();
    for (login, to) in &saved.accounts {
        if protected(login) || blocked(login) || current.duplicates.contains_key(login) {
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

//! The plan that undoes what a run did.

use std::collections::BTreeSet;

use super::{Action, Change, Plan};
use crate::current::Current;
use crate::finding::{Finding, FindingCode};
use crate::integration::{Integration, Tenant};
use crate::login::Login;

/// Works out what puts accounts back as a run had found them. What is as it was is left alone, and so, with a finding, are accounts that are
/// protected, blocked or there twice, and those `of_blocked` people under other logins.
pub fn restore(saved: &Current, current: &Current, tenant: &Tenant, integration: &Integration, of_blocked: &BTreeSet<Login>) -> Plan {
    let mut findings = current.findings(&tenant.id);
    findings.retain(|finding| finding.login.as_ref().is_some_and(|login| saved.accounts.contains_key(login)));
    let mut plan = Plan { tenant: tenant.id.clone(), actions: Vec::new(), unchanged: 0, managed: 0, findings };
    let protected = |login: &Login| integration.protects(tenant, login);
    let left_alone = |login: &Login| {
        if protected(login) {
            Some((FindingCode::ProtectedDiffers, "the account is protected, so it is not put back"))
        } else if integration.blocked.contains(login) {
            Some((FindingCode::Blocked, "the account is blocked, so it is not put back"))
        } else if of_blocked.contains(login) {
            Some((FindingCode::Blocked, "the user is blocked under another address, so the account under this one is not put back"))
        } else {
            None
        }
    };
    plan.managed = current.accounts.values().filter(|account| account.enabled && !protected(&account.login)).count();
    for (login, to) in &saved.accounts {
        if current.duplicates.contains_key(login) {
            continue;
        }
        let before = current.accounts.get(login);
        let is_as_it_was = before.is_some_and(|account| account.enabled == to.enabled && account.roles == to.roles);
        match left_alone(login) {
            Some(_) if is_as_it_was => {}
            Some((code, what)) => plan.findings.push(Finding::new(code, what).login(login).tenant(&tenant.id)),
            None if is_as_it_was => plan.unchanged += 1,
            None => {
                let change = Change::Restore { before: before.cloned(), to: to.clone() };
                plan.actions.push(Action::new(login.clone(), None, change));
            }
        }
    }
    plan
}

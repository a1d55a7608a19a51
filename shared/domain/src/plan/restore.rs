//! The plan that undoes what a run did.

use std::collections::BTreeSet;

use super::{Action, Change, Plan};
use serde_json::{Map, Value};

use crate::current::{Account, Current};
use crate::finding::{Finding, FindingCode};
use crate::integration::{DatasetSpelling, Integration, Tenant};
use crate::login::Login;

/// Works out what puts accounts back as a run had found them. What is as it was is left alone, and so, with a finding, are accounts that are
/// protected, blocked or there twice, and those `of_blocked` people under other logins. A row that was made since in the place of a deleted one
/// gets back what that one had.
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
        let properties = properties(before, to, &integration.dataset);
        let is_as_it_was = before.is_some_and(|account| account.is_as(to)) && properties.is_empty();
        match left_alone(login) {
            Some(_) if is_as_it_was => {}
            Some((code, what)) => plan.findings.push(Finding::new(code, what).login(login).tenant(&tenant.id)),
            None if is_as_it_was => plan.unchanged += 1,
            None => {
                let change = Change::Restore { before: before.cloned(), to: to.clone(), properties: Box::new(properties) };
                plan.actions.push(Action::new(login.clone(), None, change));
            }
        }
    }
    plan
}

/// What is to be written beside roles and switch: of a row that a run only overwrote nothing, for no run writes more. The login and what is
/// Orgvue's own, which begins with `_`, is never put back.
fn properties(before: Option<&Account>, to: &Account, spelling: &DatasetSpelling) -> Map<String, Value> {
    if before.is_some_and(|account| account.id == to.id) {
        return Map::new();
    }
    let mut had = to.row.properties();
    let not_own = [&spelling.login, &spelling.role, &spelling.enabled];
    had.retain(|key, value| !key.starts_with('_') && !not_own.contains(&key) && !value.is_null());
    before.map(|account| account.lacks(&had)).unwrap_or(had)
}

//! The first four steps: who was found, in which groups, what these give, and what was decided.

use std::collections::BTreeSet;

use super::{
    AccountSeen, ActionSeen, Decided, Explanation, FaultSeen, FindingSeen, Found, GroupSeen, HeldSeen, LiveState, LiveTenant, NowSeen,
    Reading, Source, TenantExplanation, UserSeen,
};
use crate::current::Account;
use crate::desired::Decision;
use crate::directory::{Directory, User};
use crate::finding::{Finding, FindingCode};
use crate::group_name;
use crate::guard::Held;
use crate::ids::GroupId;
use crate::integration::{Integration, Tenant};
use crate::login::Login;
use crate::onboarding::{NearGroup, looks_like_ours};
use crate::plan::{Action, role_list};

/// What an explanation looks at.
pub(super) struct Sight<'a> {
    pub(super) login: &'a Login,
    pub(super) integration: &'a Integration,
    pub(super) directory: &'a Directory,
    pub(super) decision: &'a Decision,
    pub(super) findings: &'a [Finding],
    pub(super) users: Vec<&'a User>,
    pub(super) found: Found,
}

/// How many users were found; `nobody` says what it means that there is none.
pub(super) fn found(users: &[&User], nobody: Found) -> Found {
    match users.len() {
        0 => nobody,
        1 => Found::One,
        _ => Found::Several,
    }
}

impl Sight<'_> {
    pub(super) fn explain(&self, source: Source) -> Explanation {
        let users: Vec<UserSeen> = self.users.iter().map(|user| self.user(user)).collect();
        let near: Vec<&str> = users
            .iter()
            .flat_map(|user| &user.groups)
            .filter(|group| matches!(group.reading, Reading::NearMiss { .. }))
            .map(|group| group.name.as_str())
            .collect();
        let findings = self.findings(&near, |finding| finding.tenant.is_none());
        let tenants = self.integration.tenants.iter().map(|tenant| self.tenant(tenant, &near)).collect();
        Explanation {
            login: self.login.clone(),
            source,
            found: self.found,
            groups_not_read: self.groups_not_read(),
            users,
            findings,
            tenants,
        }
    }

    fn user(&self, user: &User) -> UserSeen {
        let groups: BTreeSet<GroupSeen> = self
            .directory
            .groups_of(&user.id)
            .into_iter()
            .map(|name| GroupSeen { name: name.to_owned(), reading: Reading::of(name, self.integration) })
            .collect();
        UserSeen { id: user.id.clone(), active: user.active, email: user.email.clone(), groups: groups.into_iter().collect() }
    }

    fn groups_not_read(&self) -> Vec<String> {
        let unread = self.directory.groups.values().filter(|group| self.directory.members(&group.id).is_none());
        let names: BTreeSet<&str> =
            unread.map(|group| group.name.as_str()).filter(|name| looks_like_ours(name, self.integration)).collect();
        names.into_iter().map(str::to_owned).collect()
    }

    /// The findings about the login, its users and the names of their groups. What is wrong with groups that give nothing is told of the
    /// groups.
    fn findings(&self, near: &[&str], is_told: impl Fn(&Finding) -> bool) -> Vec<FindingSeen> {
        let is_member = |group: &GroupId| {
            let mut members = self.directory.members(group).into_iter().flatten();
            members.any(|member| self.users.iter().any(|user| user.id == member.id))
        };
        let is_about = |finding: &&Finding| {
            let user = finding.user.as_ref().is_some_and(|id| self.users.iter().any(|user| user.id == *id));
            let is_of_names = matches!(finding.code, FindingCode::GroupRenamed | FindingCode::RolesDifferByCase);
            let group = is_of_names && finding.group_id.as_ref().is_some_and(is_member);
            finding.login.as_ref() == Some(self.login) || user || group
        };
        let told = self.findings.iter().filter(is_about).filter(|finding| is_told(finding));
        let mut seen: Vec<FindingSeen> = told.map(|finding| FindingSeen::of(finding, near)).collect();
        seen.dedup();
        seen
    }

    fn tenant(&self, tenant: &Tenant, near: &[&str]) -> TenantExplanation {
        let findings = self.findings(near, |finding| finding.tenant.as_ref() == Some(&tenant.id));
        let desired = self.decision.tenants.get(&tenant.id);
        let wanted = desired.and_then(|desired| desired.accounts.get(self.login));
        let (decision, message) = match wanted {
            _ if self.integration.protects(tenant, self.login) => {
                (Decided::Protected, "the account is protected: it is never touched".to_owned())
            }
            _ if self.integration.blocked.contains(self.login) => {
                (Decided::Blocked, "the account is blocked in the integration file: it is to be disabled, and not created".to_owned())
            }
            _ if desired.is_some_and(|desired| desired.untouched.contains(self.login)) => {
                (Decided::LeftAlone, "the account is left as it is: nobody can tell whose it is".to_owned())
            }
            _ if findings.iter().any(|finding| finding.code == FindingCode::DuplicateAccount) => {
                (Decided::LeftAlone, "the rows are left as they are: several have this login, and nobody can tell which counts".to_owned())
            }
            Some(_) if findings.iter().any(|finding| finding.code == FindingCode::Blocked) => {
                (Decided::Blocked, "the user is blocked in the integration file: the account is to be disabled, and not created".to_owned())
            }
            Some(wanted) => (Decided::Desired, format!("there should be an account with {}", role_list(&wanted.roles))),
            None => (Decided::NotDesired, format!("there should be no account: {}", self.why_not(!findings.is_empty()))),
        };
        TenantExplanation {
            tenant: tenant.id.clone(),
            mode: tenant.mode,
            decision,
            roles: wanted.map(|wanted| BTreeSet::clone(&wanted.roles)).unwrap_or_default(),
            message,
            findings,
            held: None,
            answers: Vec::new(),
            fault: None,
            now: None,
        }
    }

    fn why_not(&self, has_findings: bool) -> String {
        let email_now = match &self.users[..] {
            [user] if !has_address(user, self.login) => Some(user.email.as_deref().map(str::trim).unwrap_or_default()),
            [..] => None,
        };
        match (self.found, email_now) {
            (Found::Absent, _) => "no user of the directory has this address".to_owned(),
            (Found::NotStored, _) => "nobody of this address was seen in a group that gives something".to_owned(),
            (Found::One | Found::Several, Some("")) => "the user has no address any more".to_owned(),
            (Found::One | Found::Several, Some(email)) => format!("the user's address is {email} now"),
            (Found::One | Found::Several, None) if self.users.iter().all(|user| !user.active) => "the user is not active".to_owned(),
            (Found::One | Found::Several, None) if has_findings => "it cannot be synced as it stands".to_owned(),
            (Found::One | Found::Several, None) => "no group of the user gives a role here".to_owned(),
        }
    }
}

/// Whether this is the user's address, as the directory has it.
pub(super) fn has_address(user: &User, login: &Login) -> bool {
    user.email.as_deref().is_some_and(|email| Login::as_found(email) == *login)
}

impl Reading {
    fn of(name: &str, integration: &Integration) -> Self {
        match (group_name::parse(name, integration), NearGroup::of(name, integration)) {
            (Some(Ok(gives)), _) => Self::Gives(gives.into()),
            (Some(Err(error)), _) => Self::GivesNothing { code: error.code(), message: error.explain(), remedy: error.code().remedy() },
            (None, Some(NearGroup { distance, meant, .. })) => Self::NearMiss { distance, meant },
            (None, None) => Self::NotOurs,
        }
    }
}

impl FindingSeen {
    /// Without an Orgvue group of their own, users in a group that nearly has the prefix were probably meant to be in ours.
    fn of(finding: &Finding, near: &[&str]) -> Self {
        let is_without_group = matches!(finding.code, FindingCode::NoPlatformRole | FindingCode::NoTenant);
        let hint = (is_without_group && !near.is_empty())
            .then(|| format!("probably because these groups only nearly have the prefix: {}", near.join(", ")));
        let Finding { code, since_ms, .. } = finding;
        Self { code: *code, message: without_remedy(finding).to_owned(), remedy: code.remedy(), hint, since_ms: *since_ms }
    }
}

impl Explanation {
    /// Adds what a look at the tenants saw.
    pub(super) fn with_look(mut self, looks: &[LiveTenant<'_>]) -> Self {
        for told in &mut self.tenants {
            let look = looks.iter().find(|look| *look.tenant == told.tenant);
            match look.map(|look| look.state) {
                None => {}
                Some(LiveState::Failed { code, error }) => {
                    told.fault = Some(FaultSeen { code: Some(code.to_owned()), error: Some(error.to_owned()), run: None, at_ms: None });
                }
                Some(LiveState::Read { account, action, held, hash, findings: _ }) => {
                    // Of several rows none is the account.
                    let is_several = told.findings.iter().any(|finding| finding.code == FindingCode::DuplicateAccount);
                    let now = NowSeen { account: account.map(AccountSeen::from), next: action.map(ActionSeen::from) };
                    told.now = (!is_several).then_some(now);
                    told.held = held.map(|held| HeldSeen { hash: hash.cloned(), ..HeldSeen::from(held) });
                }
            }
        }
        self
    }
}

impl From<&Account> for AccountSeen {
    fn from(account: &Account) -> Self {
        Self { roles: BTreeSet::clone(&account.roles), enabled: account.enabled, expired: account.expired }
    }
}

impl From<&Action> for ActionSeen {
    fn from(action: &Action) -> Self {
        Self {
            action: action.verb(),
            roles: action.roles_after().cloned().unwrap_or_default(),
            lost_roles: action.lost_roles(),
            renamed_to: action.renamed_to.clone(),
        }
    }
}

impl From<&Held> for HeldSeen {
    fn from(held: &Held) -> Self {
        Self {
            action: held.action.verb(),
            lost_roles: held.action.lost_roles(),
            why: held.why,
            message: held.why.explain(),
            hash: None,
            verdict: None,
            renamed_to: held.action.renamed_to.clone(),
        }
    }
}

/// What is wrong, where the finding's text goes on with what to do.
pub(super) fn without_remedy(finding: &Finding) -> &str {
    let wrong = finding.message.strip_suffix(finding.code.remedy()).and_then(|wrong| wrong.strip_suffix("; "));
    wrong.unwrap_or(&finding.message)
}

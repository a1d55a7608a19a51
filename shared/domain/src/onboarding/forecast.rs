//! What the next run would do to one tenant, in numbers and with the names that somebody should look at.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use super::checklist::{Check, CheckStep, counted, listed};
use crate::finding::{Finding, FindingCode};
use crate::group_name::Role;
use crate::guard::{Held, HoldReason};
use crate::ids::TenantId;
use crate::login::Login;
use crate::plan::{Action, Change, Plan};

/// What the next run would do to one tenant.
///
/// Holds personal data (logins): it belongs in reports for people, never in a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Forecast {
    /// Where.
    pub tenant: TenantId,
    /// Accounts that the directory asks for, but for those that are left alone.
    pub n_asked_for: usize,
    /// Accounts that would be created.
    pub n_create: usize,
    /// Accounts that would be updated.
    pub n_update: usize,
    /// Accounts that would be disabled, without those that are held.
    pub n_disable: usize,
    /// Accounts that would be removed, without those that are held.
    pub n_remove: usize,
    /// Accounts that are right already.
    pub n_unchanged: usize,
    /// Actions that would wait for a person, by reason.
    pub n_held: BTreeMap<HoldReason, usize>,
    /// Findings about accounts, by code. Very many users in no group of ours are one finding.
    pub n_failing: BTreeMap<FindingCode, usize>,
    /// E-mails that Orgvue would send to owners of accounts.
    pub n_activation_emails: usize,
    /// Roles that accounts which stay would lose, held or not, with how many accounts.
    pub lost_roles: BTreeMap<Role, usize>,
    /// Accounts that would be removed or disabled, held or not, by login.
    pub removals: Vec<Removal>,
}

/// One account that would be removed or disabled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Removal {
    /// Whose.
    pub login: Login,
    /// Why.
    pub cause: RemovalCause,
    /// The login that its user has now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub renamed_to: Option<Login>,
    /// Why it would wait for a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held: Option<HoldReason>,
}

/// Why an account would go away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RemovalCause {
    /// It is in Orgvue by hand: no active user of the directory has the address.
    ByHand,
    /// An active user has the address, and the groups ask for no account.
    NotAskedFor,
    /// Its user has another address now.
    Renamed,
    /// The integration file blocks it.
    Blocked,
}

impl RemovalCause {
    const ALL: [Self; 4] = [Self::ByHand, Self::NotAskedFor, Self::Renamed, Self::Blocked];

    /// What it means, for a person.
    pub fn explain(self) -> &'static str {
        match self {
            Self::ByHand => "in Orgvue by hand, no active user of the directory has the address",
            Self::NotAskedFor => "the user is active, but no groups ask for the account",
            Self::Renamed => "the user has another address now",
            Self::Blocked => "blocked in the integration file",
        }
    }
}

impl Forecast {
    /// Counts a plan, what of it the guard approved and held, and the findings about the tenant's accounts; those of the plan are counted
    /// whether or not they are among them.
    pub fn of<'a>(plan: &Plan, approved: impl IntoIterator<Item = &'a Action>, held: &[Held], findings: &[Finding]) -> Self {
        let mut forecast = Self {
            tenant: plan.tenant.clone(),
            n_asked_for: plan.unchanged + plan.actions.iter().filter(|action| !action.is_removal()).count(),
            n_create: 0,
            n_update: 0,
            n_disable: 0,
            n_remove: 0,
            n_unchanged: plan.unchanged,
            n_held: tally(held.iter().map(|held| held.why)),
            n_failing: tally(failing(plan, findings).into_iter().map(|finding| finding.code)),
            n_activation_emails: 0,
            lost_roles: tally(plan.actions.iter().filter(|action| !action.is_removal()).flat_map(Action::lost_roles)),
            removals: removals(plan, held),
        };
        for action in approved {
            forecast.count(action);
        }
        forecast
    }

    fn count(&mut self, action: &Action) {
        let n = match &action.change {
            Change::Create { .. } | Change::Restore { before: None, .. } => &mut self.n_create,
            Change::Update { .. } | Change::Restore { before: Some(_), .. } => &mut self.n_update,
            Change::Disable { .. } | Change::Block { .. } => &mut self.n_disable,
            Change::Remove { .. } => &mut self.n_remove,
        };
        *n += 1;
        self.n_activation_emails += usize::from(action.sends_activation());
    }

    /// The lines of the checklist.
    pub fn steps(&self) -> Vec<CheckStep> {
        let mut steps = vec![self.accounts_step()];
        steps.extend((self.n_asked_for > 0).then(|| self.emails_step()));
        let mut warn = |name, seen: Vec<String>, remedy: &str| {
            if !seen.is_empty() {
                steps.push(CheckStep::warning(name, seen.join("; "), remedy));
            }
        };
        let remedy = "have those who stay added to a group, or put their accounts on the protected list";
        warn(Check::Removals, self.removals_by_cause(), remedy);
        let roles = self.lost_roles.iter().map(|(role, n)| format!("{} would lose {role}", counted(*n, "account")));
        warn(Check::Roles, roles.collect(), "have groups made for the roles that are to stay, and those who hold them added");
        let held = self.n_held.iter().map(|(why, n)| format!("{n} held: {}", why.explain()));
        warn(Check::Held, held.collect(), "look at what is held after the first run that writes, and approve or reject it");
        let failing = self.n_failing.iter().map(|(code, n)| format!("{n} {code}: {}", code.remedy()));
        warn(Check::Findings, failing.collect(), "have the customer's IAM administrator correct them");
        steps.into_iter().map(|step| step.tenant(&self.tenant)).collect()
    }

    /// What Orgvue sends is to be known, and no reason against going live.
    fn emails_step(&self) -> CheckStep {
        let what = match self.n_activation_emails {
            0 => "Orgvue would send no activation e-mail".to_owned(),
            n => format!("Orgvue would send {}: tell the people to expect them", counted(n, "activation e-mail")),
        };
        CheckStep::ok(Check::Emails, what)
    }

    fn accounts_step(&self) -> CheckStep {
        if self.n_asked_for == 0 {
            let remedy = "check the prefix, the tenant's name and the members of its groups";
            return CheckStep::failed(Check::Accounts, "the directory asks for no account that could be synced", remedy);
        }
        CheckStep::ok(Check::Accounts, self.summary())
    }

    fn summary(&self) -> String {
        let Self { n_create, n_update, n_disable, n_remove, n_unchanged, .. } = self;
        format!("{n_create} to create, {n_update} to update, {n_disable} to disable, {n_remove} to remove, {n_unchanged} right already")
    }

    fn removals_by_cause(&self) -> Vec<String> {
        let line = |cause: RemovalCause| {
            let logins: Vec<&Login> = self.removals.iter().filter(|gone| gone.cause == cause).map(|gone| &gone.login).collect();
            let n = counted(logins.len(), "account");
            (!logins.is_empty()).then(|| format!("{n} would go away, {}: {}", cause.explain(), listed(logins)))
        };
        RemovalCause::ALL.into_iter().filter_map(line).collect()
    }
}

fn tally<T: Ord>(items: impl Iterator<Item = T>) -> BTreeMap<T, usize> {
    let mut counts = BTreeMap::new();
    for item in items {
        *counts.entry(item).or_default() += 1;
    }
    counts
}

/// The findings about accounts of the tenant. A user who is in no tenant's groups is no matter of this one; groups are told elsewhere.
fn failing<'a>(plan: &'a Plan, findings: &'a [Finding]) -> BTreeSet<&'a Finding> {
    let is_of_the_tenant = |finding: &&Finding| finding.tenant.as_ref().is_none_or(|tenant| *tenant == plan.tenant);
    let is_of_an_account = |finding: &&Finding| finding.group_id.is_none() && finding.code != FindingCode::NoTenant;
    plan.findings.iter().chain(findings).filter(is_of_the_tenant).filter(is_of_an_account).collect()
}

fn removals(plan: &Plan, held: &[Held]) -> Vec<Removal> {
    let held: BTreeMap<&Login, HoldReason> = held.iter().map(|held| (&held.action.login, held.why)).collect();
    let removal = |action: &Action| Removal {
        login: action.login.clone(),
        cause: match (&action.renamed_to, &action.user) {
            (_, _) if matches!(action.change, Change::Block { .. }) => RemovalCause::Blocked,
            (Some(_), _) => RemovalCause::Renamed,
            (None, Some(_)) => RemovalCause::NotAskedFor,
            (None, None) => RemovalCause::ByHand,
        },
        renamed_to: action.renamed_to.clone(),
        held: held.get(&action.login).copied(),
    };
    plan.actions.iter().filter(|action| action.is_removal()).map(removal).collect()
}

impl fmt::Display for Forecast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.tenant, self.summary())?;
        let told = self.steps().into_iter().filter(|step| step.name != Check::Accounts);
        told.map(|step| step.message).try_for_each(|message| writeln!(f, "  {message}"))
    }
}

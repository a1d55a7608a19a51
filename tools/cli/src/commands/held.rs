//! `held`: what waits for a person, why, and by which hash to decide about it.

use std::collections::{BTreeMap, BTreeSet};

use adapters::clock::now_ms;
use adapters::store::Store;
use domain::group_name::Role;
use domain::guard::HoldReason;
use domain::held::{Decision, HeldAction, HeldHash, HeldHead};
use domain::ids::{IntegrationId, RunId, TenantId};
use domain::login::Login;
use domain::plan::Verb;
use domain::tenant_state::{TenantState, written_to};
use serde::Serialize;

use super::fleet;
use super::standing::Standing;
use crate::context::Context;
use crate::error::CliError;
use crate::output::{Answer, At, Exit, Page, Tone, lines, utc, word};

/// What is held.
#[derive(Debug, Serialize)]
pub(crate) struct AllHeld {
    integrations: Vec<OfIntegration>,
    /// Items of the table that cannot be read as an integration.
    corrupt: Vec<String>,
    /// Whether people read whose accounts it is about, too.
    #[serde(skip)]
    detail: Detail,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Detail {
    Tenants,
    Accounts,
}

#[derive(Debug, Serialize)]
struct OfIntegration {
    id: IntegrationId,
    /// Those of which something is held.
    tenants: Vec<OfTenant>,
}

#[derive(Debug, Serialize)]
struct OfTenant {
    tenant: TenantId,
    hash: HeldHash,
    n_accounts: usize,
    since: At,
    /// The run that held it last.
    run: RunId,
    #[serde(flatten)]
    standing: Standing,
    why: Vec<Why>,
    accounts: Vec<Account>,
}

/// One reason, and of how many accounts.
#[derive(Debug, Serialize)]
struct Why {
    code: HoldReason,
    n_accounts: usize,
    message: &'static str,
}

#[derive(Debug, Serialize)]
struct Account {
    login: Login,
    action: Verb,
    lost_roles: BTreeSet<Role>,
    why: HoldReason,
    /// Whether a person turned it down, be it in another list.
    rejected: bool,
    /// Whether a person turned down the loss of some of these roles.
    rejected_in_part: bool,
    /// Whether a person approved it, be it in another list: it is done, or will be with the next run.
    approved: bool,
    /// The login that the account's user has now, where the user was renamed.
    renamed_to: Option<Login>,
}

/// Looks at one integration or at all.
pub(crate) async fn held(cx: &Context, id: Option<&IntegrationId>) -> Result<AllHeld, CliError> {
    let store = cx.store().await?;
    let fleet = fleet::chosen(&store, id).await?;
    let (integrations, corrupt) = fleet::each_sound(fleet, |deployed| of_integration(&store, deployed.id)).await?;
    let detail = if id.is_some() { Detail::Accounts } else { Detail::Tenants };
    Ok(AllHeld { integrations, corrupt, detail })
}

async fn of_integration(store: &Store, id: IntegrationId) -> Result<OfIntegration, CliError> {
    let states = store.tenant_states(&id).await?;
    let decisions = store.decisions(&id).await?;
    let in_force = fleet::in_force(store, &id).await?;
    // What was held of a tenant that runs write nothing to now is no question to anybody.
    let is_asked = |tenant: &TenantId| in_force.as_ref().map_or(true, |file| written_to(file).any(|one| one.id == *tenant));
    let mut tenants = Vec::new();
    for (tenant, state) in states.into_iter().filter(|(tenant, _)| is_asked(tenant)) {
        let Some(head) = state.held.clone() else { continue };
        let decision = decisions.get(&tenant);
        let standing = Standing::of(&head, decision, state.decisions_used_ms, now_ms());
        let accounts = accounts(store, &id, &tenant, &head, &state, decision).await?;
        let HeldHead { hash, n_actions, run, since_ms, rejected: _ } = head;
        let why = reasons(&accounts);
        tenants.push(OfTenant { tenant, hash, n_accounts: n_actions, since: At(since_ms), run, standing, why, accounts });
    }
    Ok(OfIntegration { id, tenants })
}

/// What a decision would be about; who was renamed is told by the run that held it.
async fn accounts(
    store: &Store,
    id: &IntegrationId,
    tenant: &TenantId,
    head: &HeldHead,
    state: &TenantState,
    decision: Option<&Decision>,
) -> Result<Vec<Account>, CliError> {
    let set = store.held(id, tenant, &head.hash).await?.unwrap_or_default().judged(state.counting(decision, now_ms()));
    let approval = sync::approval(store, id, tenant, state, decision).await?;
    let record = store.run(&head.run).await?;
    let told = record.into_iter().flat_map(|record| record.tenants).filter(|record| record.tenant == *tenant);
    let mut renamed: BTreeMap<Login, Login> =
        told.flat_map(|record| record.held).filter_map(|held| Some((held.login, held.renamed_to?))).collect();
    let account = |held: &HeldAction| Account {
        renamed_to: renamed.remove(&held.login),
        login: held.login.clone(),
        action: held.action,
        lost_roles: held.lost_roles.clone(),
        why: held.why,
        rejected: held.rejected,
        rejected_in_part: held.rejected_in_part,
        approved: approval.lets_go(held),
    };
    Ok(set.actions().map(account).collect())
}

fn reasons(accounts: &[Account]) -> Vec<Why> {
    let count = |code: &HoldReason| accounts.iter().filter(|account| account.why == *code).count();
    let why = |code: &HoldReason| Why { code: *code, n_accounts: count(code), message: code.explain() };
    HoldReason::ALL.iter().map(why).filter(|why| why.n_accounts > 0).collect()
}

impl AllHeld {
    fn tenants(&self) -> impl Iterator<Item = (&IntegrationId, &OfTenant)> {
        self.integrations.iter().flat_map(|of| of.tenants.iter().map(|tenant| (&of.id, tenant)))
    }
}

impl Answer for AllHeld {
    fn text(&self, page: &Page) -> String {
        if self.tenants().next().is_none() {
            return String::new();
        }
        let mut table = page.table(&["integration", "tenant", "hash", "accounts", "held since", "by run", "decision", "why"]);
        for (id, of) in self.tenants() {
            let tone = if of.standing.asks() { Tone::Bad } else { Tone::Plain };
            let why: Vec<_> = of.why.iter().map(|why| format!("{} {}: {}", why.n_accounts, word(&why.code), why.message)).collect();
            table.add_row([
                page.plain(id),
                page.plain(&of.tenant),
                page.plain(of.hash.short()),
                page.plain(of.n_accounts),
                page.plain(utc(of.since.0)),
                page.plain(&of.run),
                page.cell(tone, of.standing.text(page)),
                page.plain(why.join("; ")),
            ]);
        }
        let accounts: String = match self.detail {
            Detail::Tenants => String::new(),
            Detail::Accounts => self.tenants().map(|(_, of)| of.accounts_text(page)).collect(),
        };
        lines(&table) + &accounts
    }

    fn exit(&self) -> Exit {
        let asks = self.tenants().any(|(_, of)| of.standing.asks());
        if asks { Exit::Attention } else { fleet::exit(&self.corrupt) }
    }

    fn hint(&self) -> Option<String> {
        let asks = self.tenants().filter(|(_, of)| of.standing.asks());
        let commands: Vec<_> = asks.map(|(id, of)| format!("  orgvue-scim approve {id} {}", of.hash.short())).collect();
        let approve = || format!("to let it be done, once it is known to be meant (or `reject` it):\n{}", commands.join("\n"));
        let nothing = || self.tenants().next().is_none().then(|| "nothing is held".to_owned());
        fleet::repair(&self.corrupt).or_else(|| (!commands.is_empty()).then(approve)).or_else(nothing)
    }
}

impl Account {
    /// What people said of it, behind the reason.
    fn word(&self) -> &'static str {
        match self {
            Self { approved: true, .. } => ", approved",
            Self { rejected: true, .. } => ", rejected",
            Self { rejected_in_part: true, .. } => ", rejected in part",
            Self { .. } => "",
        }
    }
}

impl OfTenant {
    fn accounts_text(&self, page: &Page) -> String {
        let mut table = page.table(&["account", "action", "lost roles", "why", "renamed to"]);
        for account in &self.accounts {
            let Account { login, action, lost_roles, why, rejected: _, rejected_in_part: _, approved: _, renamed_to } = account;
            let lost: Vec<_> = lost_roles.iter().map(ToString::to_string).collect();
            table.add_row([
                page.plain(login),
                page.plain(word(action)),
                page.plain(lost.join(", ")),
                page.plain(format!("{}{}", word(why), account.word())),
                page.plain(renamed_to.as_ref().map(ToString::to_string).unwrap_or_default()),
            ]);
        }
        format!("\nheld in {}:\n{}", self.tenant, lines(&table))
    }
}

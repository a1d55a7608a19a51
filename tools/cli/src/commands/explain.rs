//! `explain`: what happened to one login, step by step.

use std::collections::BTreeMap;

use adapters::http::Deadline;
use adapters::store::Store;
use domain::desired::desired;
use domain::directory::Directory;
use domain::explain::{Explanation, LiveState, LiveTenant, Source};
use domain::held::{HeldHash, HeldSet};
use domain::ids::{IntegrationId, TenantId, UserId};
use domain::integration::Integration;
use domain::login::Login;
use domain::run::RunRecord;
use futures::{StreamExt as _, stream};
use serde::Serialize;
use sync::{Deps, Obstacle, TenantPreview};

use super::fleet::{self, READS_AT_ONCE};
use super::last_read::LastRead;
use super::plan::in_force;
use super::stop::Stop;
use crate::args::ExplainArgs;
use crate::context::Context;
use crate::error::{Advice, CliError};
use crate::output::{Answer, Page, Progress, Tone};
use crate::vendors;

/// Most run records that are looked through for the last one that mentions a login.
const RUNS_LOOKED_AT_MAX: usize = 50;

/// What happened to one login.
#[derive(Debug, Serialize)]
pub(crate) struct Explained {
    #[serde(skip)]
    id: IntegrationId,
    #[serde(flatten)]
    explanation: Explanation,
    /// Why no run begins.
    stopped: Option<Stop>,
    /// Why none can begin as its pending item stands in the table.
    problem: Option<String>,
}

/// Explains from what is stored, or from what is there now.
pub(crate) async fn explain(cx: &Context, args: &ExplainArgs) -> Result<Explained, CliError> {
    let store = cx.store().await?;
    let integration = in_force(&store, &args.id).await?;
    let runs = last_runs(&store, &integration, &args.login).await?;
    let explanation = if args.live {
        let deps = vendors::connect(cx, "explain --live").await?;
        live(&deps, &integration, &args.login, args.patience.deadline()).await?.with_runs(&runs)
    } else {
        stored(&store, &integration, &args.login, &runs).await?
    };
    let explanation = explanation.with_approvals(&approvals(&store, &args.id).await?);
    let mark = fleet::mark(store.each_pending(std::slice::from_ref(&integration.directory)).await?);
    let stopped = Stop::known(mark.as_ref().ok(), &store.deployment().await?);
    Ok(Explained { id: integration.id, explanation, stopped, problem: mark.err() })
}

/// From what the last read saw, and from these runs.
async fn stored(store: &Store, integration: &Integration, login: &Login, runs: &[RunRecord]) -> Result<Explanation, CliError> {
    let id = &integration.id;
    let unread = || Advice::new(format!("no run has read the directory of {id} yet"), "ask with --live");
    let snapshot = store.snapshot(id).await?.ok_or_else(unread)?;
    let explanation = Explanation::from_snapshot(login, integration, &snapshot, runs);
    let LastRead { run, at_ms, unchanged_since } = LastRead::of(store, id, &snapshot).await?;
    Ok(if unchanged_since.is_some() { explanation.read_again(run, at_ms) } else { explanation })
}

/// What people agreed to in each tenant, and no run has used up.
async fn approvals(store: &Store, id: &IntegrationId) -> Result<BTreeMap<TenantId, HeldSet>, CliError> {
    let states = store.tenant_states(id).await?;
    let mut approvals = BTreeMap::new();
    for (tenant, decision) in store.decisions(id).await? {
        let state = states.get(&tenant).cloned().unwrap_or_default();
        let set = sync::approval(store, id, &tenant, &state, Some(&decision)).await?;
        approvals.insert(tenant, set);
    }
    Ok(approvals)
}

/// The latest records, newest first, until every tenant has one of a run that mentions the login; a restore is none.
async fn last_runs(store: &Store, integration: &Integration, login: &Login) -> Result<Vec<RunRecord>, CliError> {
    let heads = store.latest_runs(&integration.id, RUNS_LOOKED_AT_MAX).await?;
    let mut records = stream::iter(heads).map(|head| async move { store.run(&head.id).await }).buffered(READS_AT_ONCE);
    let mut unmentioned: Vec<&TenantId> = integration.tenants.iter().map(|tenant| &tenant.id).collect();
    let mut runs = Vec::new();
    while !unmentioned.is_empty() {
        let Some(record) = records.next().await.transpose()? else { break };
        let Some(record) = record else { continue };
        if record.restores.is_none() {
            let mentions = mentions(&record, login);
            unmentioned.retain(|tenant| !mentions.contains(tenant));
        }
        runs.push(record);
    }
    Ok(runs)
}

/// The tenants in whose part of the record the login has left a trace.
fn mentions<'a>(record: &'a RunRecord, login: &Login) -> Vec<&'a TenantId> {
    let without = record.clone().without(login);
    let changed = record.tenants.iter().zip(&without.tenants).filter(|(with, without)| with != without);
    changed.map(|(tenant, _)| &tenant.tenant).collect()
}

/// From the directory and the datasets as they are. The user's own groups are read too, also those that are not ours.
async fn live(deps: &Deps, integration: &Integration, login: &Login, deadline: Deadline) -> Result<Explanation, CliError> {
    let progress = Progress::start();
    progress.say(format!("reading the directory and the datasets of {}", integration.id));
    let tenants: Vec<_> = integration.tenants.iter().collect();
    let preview = sync::preview(deps, integration, &tenants, deadline).await?;
    let mut directory = preview.directory;
    for user in users_of(&directory, login) {
        progress.say(format!("reading the groups of user {user}"));
        let groups = sync::groups_of(deps, integration, &user, deadline).await.map_err(|error| vendors::unread(&error))?;
        directory.correct_memberships(&user, groups);
    }
    let decision = desired(&directory, integration);
    let looks: Vec<Look<'_>> = preview.tenants.iter().map(|(tenant, seen)| Look::at(tenant, seen)).collect();
    let looks: Vec<LiveTenant<'_>> = looks.iter().map(|look| look.of(login)).collect();
    Ok(Explanation::from_directory(login, integration, &directory, &decision, &looks))
}

fn users_of(directory: &Directory, login: &Login) -> Vec<UserId> {
    let has_address = |email: &String| Login::as_found(email) == *login;
    directory.users().iter().filter(|user| user.email.as_ref().is_some_and(has_address)).map(|user| user.id.clone()).collect()
}

/// One tenant as it was looked at, with what is worked out for it but not seen.
enum Look<'a> {
    Read { tenant: &'a TenantId, seen: &'a TenantPreview, hash: Option<HeldHash> },
    Failed { tenant: &'a TenantId, code: &'a str, error: String },
}

impl<'a> Look<'a> {
    fn at(tenant: &'a TenantId, outcome: &'a Result<TenantPreview, Obstacle>) -> Self {
        match outcome {
            Ok(seen) => {
                let set = HeldSet::of(tenant, &seen.held);
                Self::Read { tenant, seen, hash: (!set.is_empty()).then(|| set.hash()) }
            }
            Err(obstacle) => Self::Failed { tenant, code: &obstacle.code, error: vendors::obstacle(obstacle).to_string() },
        }
    }

    fn of(&'a self, login: &Login) -> LiveTenant<'a> {
        match self {
            Self::Read { tenant, seen: TenantPreview { current, plan, approved: _, held, findings, confirmed: _ }, hash } => {
                let account = current.accounts.get(login);
                let action = plan.actions.iter().find(|action| action.login == *login);
                let held = held.iter().find(|held| held.action.login == *login);
                LiveTenant { tenant, state: LiveState::Read { account, action, held, hash: hash.as_ref(), findings } }
            }
            Self::Failed { tenant, code, error } => LiveTenant { tenant, state: LiveState::Failed { code, error } },
        }
    }
}

impl Answer for Explained {
    fn text(&self, page: &Page) -> String {
        let explanation = page.paint(Tone::Plain, &self.explanation.to_string());
        let stopped = self.stopped.as_ref().map(|stop| (Tone::Warn, format!("no run begins, {}", stop.text(&self.id))));
        let problem = self.problem.as_ref().map(|problem| (Tone::Bad, format!("no run begins: {problem}")));
        let reasons = stopped.into_iter().chain(problem).map(|(tone, reason)| format!("{}\n", page.paint(tone, &reason)));
        explanation + &reasons.collect::<String>()
    }

    fn hint(&self) -> Option<String> {
        let is_stored = matches!(self.explanation.source, Source::Snapshot { .. });
        let has_groups = self.explanation.users.iter().any(|user| !user.groups.is_empty());
        (is_stored && !has_groups).then(|| "groups that give nothing are not stored: ask with --live".to_owned())
    }
}

//! `explain`: what happened to one login, step by step.

use std::collections::BTreeMap;

use adapters::http::Deadline;
use adapters::store::Store;
use domain::desired::desired;
use domain::directory::Directory;
use domain::explain::{Explanation, LiveState, LiveTenant};
use domain::held::{HeldHash, HeldSet};
use domain::ids::{TenantId, UserId};
use domain::integration::Integration;
use domain::login::Login;
use domain::run::RunRecord;
use futures::{StreamExt as _, stream};
use serde::Serialize;
use sync::{Deps, Obstacle, TenantPreview};

use super::fleet::READS_AT_ONCE;
use super::plan::in_force;
use crate::args::ExplainArgs;
use crate::context::Context;
use crate::error::{Advice, CliError};
use crate::output::{Answer, Page, Progress, Tone};
use crate::vendors;

/// Most run records that are looked through for the last one that mentions a login.
const RUNS_LOOKED_AT_MAX: usize = 50;

/// What happened to one login.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct Explained(Explanation);

/// Explains from what is stored, or from what is there now.
pub(crate) async fn explain(cx: &Context, args: &ExplainArgs) -> Result<Explained, CliError> {
    let store = cx.store().await?;
    let integration = in_force(&store, &args.id).await?;
    let explanation = if args.live {
        let deps = vendors::connect(cx, "explain --live").await?;
        live(&deps, &integration, &args.login, args.patience.deadline())
            .await?
            .with_runs(&last_runs(&store, &integration, &args.login).await?)
    } else {
        let Some(snapshot) = store.snapshot(&args.id).await? else {
            return Err(Advice::new(format!("no run has read the directory of {} yet", args.id), "ask with --live").into());
        };
        let runs = last_runs(&store, &integration, &args.login).await?;
        Explanation::from_snapshot(&args.login, &integration, &snapshot, &runs)
    };
    Ok(Explained(explanation))
}

/// The latest records, newest first, until every tenant has one that mentions the login.
async fn last_runs(store: &Store, integration: &Integration, login: &Login) -> Result<Vec<RunRecord>, CliError> {
    let heads = store.latest_runs(&integration.id, RUNS_LOOKED_AT_MAX).await?;
    let mut records = stream::iter(heads).map(|head| async move { store.run(&head.id).await }).buffered(READS_AT_ONCE);
    let mut unmentioned: Vec<&TenantId> = integration.tenants.iter().map(|tenant| &tenant.id).collect();
    let mut runs = Vec::new();
    while let (false, Some(record)) = (unmentioned.is_empty(), records.next().await) {
        let Some(record) = record? else { continue };
        let mentions = mentions(&record, login);
        unmentioned.retain(|tenant| !mentions.contains(tenant));
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
    let hashes: BTreeMap<&TenantId, HeldHash> = preview.tenants.iter().filter_map(held_hash).collect();
    let looks: Vec<LiveTenant<'_>> =
        preview.tenants.iter().map(|(tenant, seen)| LiveTenant { tenant, state: state(login, seen, hashes.get(tenant)) }).collect();
    Ok(Explanation::from_directory(login, integration, &directory, &decision, &looks))
}

fn users_of(directory: &Directory, login: &Login) -> Vec<UserId> {
    let has_address = |email: &String| Login::as_found(email) == *login;
    directory.users.values().filter(|user| user.email.as_ref().is_some_and(has_address)).map(|user| user.id.clone()).collect()
}

fn held_hash<'a>((tenant, seen): (&'a TenantId, &Result<TenantPreview, Obstacle>)) -> Option<(&'a TenantId, HeldHash)> {
    let set = HeldSet::of(tenant, &seen.as_ref().ok()?.held);
    (!set.is_empty()).then(|| (tenant, set.hash()))
}

fn state<'a>(login: &Login, seen: &'a Result<TenantPreview, Obstacle>, hash: Option<&'a HeldHash>) -> LiveState<'a> {
    match seen {
        Ok(TenantPreview { current, plan, approved: _, held, findings }) => LiveState::Read {
            account: current.accounts.get(login),
            action: plan.actions.iter().find(|action| action.login == *login),
            held: held.iter().find(|held| held.action.login == *login),
            hash,
            findings,
        },
        Err(Obstacle { code, error }) => LiveState::Failed { code, error },
    }
}

impl Answer for Explained {
    fn text(&self, page: &Page) -> String {
        page.paint(Tone::Plain, &self.0.to_string())
    }
}

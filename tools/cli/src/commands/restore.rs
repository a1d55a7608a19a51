//! `restore`: puts accounts back as they were before a run, once it has been shown what that means.

mod proposal;

use adapters::store::Store;
use domain::ids::{RunId, TenantId};
use domain::integration::{Integration, Mode};
use domain::run::RunRecord;
use serde::Serialize;
use sync::{Deps, Restoration, RestoreError};

use super::last_read::LastRead;
use super::plan::{in_force, tenant_of};
use super::run_text::RunView;
use super::stop::Stop;
use crate::args::RestoreArgs;
use crate::context::Context;
use crate::error::{Advice, CliError};
use crate::output::{Answer, Exit, Page, Progress};
use crate::vendors;
use proposal::Proposal;

/// What would be put back, or what was.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Restored {
    /// Nothing has been written.
    Shown(Proposal),
    /// It has: a run of its own.
    Done {
        #[serde(flatten)]
        run: Box<RunView>,
        /// Tenants of which that run overwrote accounts, too, and which the file no longer has with the same dataset.
        gone: Vec<TenantId>,
        #[serde(skip)]
        hint: Option<String>,
    },
}

/// Whether runs go on and write, so that the next one undoes what the directory does not ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Running {
    Live,
    Stopped,
}

/// What is to be put back.
struct About<'a> {
    integration: &'a Integration,
    run: &'a RunId,
    only: Option<&'a TenantId>,
    /// Tenants of which the run overwrote accounts, too, and which the file no longer has with the same dataset.
    gone: Vec<TenantId>,
    running: Running,
}

/// What of a run cannot be put back, and what to do.
fn gone_text(run: &RunId, gone: &[TenantId]) -> Option<String> {
    let names: Vec<_> = gone.iter().map(TenantId::as_str).collect();
    let told = || {
        format!(
            "run {run} overwrote accounts of {}, which the file no longer has with the same dataset: apply a file that has it",
            names.join(", ")
        )
    };
    (!gone.is_empty()).then(told)
}

/// Shows what would be put back, or puts it back.
pub(crate) async fn restore(cx: &Context, args: &RestoreArgs) -> Result<Restored, CliError> {
    let store = cx.store().await?;
    let integration = in_force(&store, &args.id).await?;
    if let Some(tenant) = &args.tenant {
        tenant_of(&integration, tenant)?;
    }
    let record = store.run(&args.run).await?.filter(|run| run.integration == args.id);
    record.ok_or_else(|| CliError::UnknownRun(args.run.clone()))?;
    let gone = gone(&store, &integration, &args.run, args.tenant.as_ref()).await?;
    let running = running(&store, &integration).await?;
    let deps = vendors::connect(cx, "restore").await?;
    let about = About { integration: &integration, run: &args.run, only: args.tenant.as_ref(), gone, running };
    if args.yes {
        return put_back(cx, args, &deps, about).await;
    }
    let progress = Progress::start();
    progress.say(format!("comparing what run {} saved with the datasets of {}", args.run, args.id));
    let restoration = sync::restoration(&deps, &args.id, &args.run, args.tenant.as_ref(), args.patience.deadline()).await?;
    let applied_at_ms = store.integration_in_force(&args.id).await?.map(|in_force| in_force.applied_at_ms);
    let seen = match store.snapshot(&args.id).await? {
        Some(snapshot) => Some((LastRead::of(&store, &args.id, &snapshot).await?, snapshot)),
        None => None,
    };
    // What was read under a file of before does not tell what the next run will see.
    let seen = seen.filter(|(read, _)| applied_at_ms.is_none_or(|applied| applied <= read.at_ms));
    Ok(Restored::Shown(Proposal::new(about, restoration, seen)))
}

/// Tenants of which a run overwrote accounts, and which the file no longer has with the same dataset.
async fn gone(store: &Store, integration: &Integration, run: &RunId, only: Option<&TenantId>) -> Result<Vec<TenantId>, CliError> {
    let mut gone = Vec::new();
    for tenant in store.saved_tenants(run).await?.into_iter().filter(|tenant| only.is_none_or(|only| tenant == only)) {
        let saved = store.saved_before(run, &tenant).await?;
        let is_there = integration.tenants.iter().any(|known| known.id == tenant && saved.are_of(&known.dataset));
        if !is_there && !saved.rows.is_empty() {
            gone.push(tenant);
        }
    }
    Ok(gone)
}

async fn put_back(cx: &Context, args: &RestoreArgs, deps: &Deps, about: About<'_>) -> Result<Restored, CliError> {
    let hands = cx.hands().await?.in_time()?;
    let tenant = args.tenant.as_ref().map(|tenant| format!(", tenant {tenant}")).unwrap_or_default();
    // Noted first: nothing is to be written without it being known by whom.
    hands.operator().note(Some(&args.id), "restore", Some(format!("run {}{tenant}", args.run))).await?;
    let progress = Progress::start();
    progress.say(format!("putting back what run {} overwrote", args.run));
    let agreed = args.agree.iter().cloned().collect();
    let record = match sync::restore(deps, &args.id, &args.run, args.tenant.as_ref(), &agreed, args.patience.deadline()).await {
        Err(RestoreError::NothingSaved(_)) => return Ok(Restored::Shown(Proposal::new(about, Restoration::default(), None))),
        outcome => outcome?,
    };
    let hint = hint(&record, &about);
    Ok(Restored::Done { run: Box::new(RunView::new(record)), gone: about.gone, hint })
}

async fn running(store: &Store, integration: &Integration) -> Result<Running, CliError> {
    let pending = store.pending(std::slice::from_ref(&integration.directory)).await?.pop();
    let deployment = store.deployment().await?;
    let runs = pending.is_some_and(|pending| Stop::of(&pending, &deployment).is_none());
    let writes = integration.tenants.iter().any(|tenant| tenant.mode == Mode::Enforce);
    Ok(if runs && writes { Running::Live } else { Running::Stopped })
}

/// What is left to do behind it.
fn hint(record: &RunRecord, about: &About<'_>) -> Option<String> {
    let id = &record.integration;
    let hashes: Vec<_> =
        record.tenants.iter().filter_map(|tenant| tenant.held_hash.as_ref()).map(|hash| format!(" --agree {hash}")).collect();
    let unsure = match (&record.code, record.tenants.is_empty()) {
        (Some(_), _) => Some("what was put back where it stopped is not known: restore again".to_owned()),
        (None, true) => Some("nothing was put back: the file in force has changed meanwhile".to_owned()),
        (None, false) => None,
    };
    let held = (!hashes.is_empty()).then(|| format!("something is held: if it is to be done too, run it again with{}", hashes.concat()));
    let live = match about.running {
        Running::Live => Some(format!(
            "{id} is live: what the directory does not ask for goes again with the next run; `orgvue-scim pause {id}` keeps it off"
        )),
        Running::Stopped => None,
    };
    let hints: Vec<_> = unsure.into_iter().chain(held).chain(gone_text(about.run, &about.gone)).chain(live).collect();
    (!hints.is_empty()).then(|| hints.join("\n"))
}

impl From<RestoreError> for CliError {
    fn from(error: RestoreError) -> Self {
        match error {
            RestoreError::UnknownIntegration(id) => Self::UnknownIntegration(id),
            RestoreError::UnknownRun { run, .. } => Self::UnknownRun(run),
            RestoreError::Store(error) => Self::Store(error),
            RestoreError::Integration(_) => Advice::new(error.to_string(), "apply a corrected one").into(),
            RestoreError::NothingSaved(_) => Advice::new(error.to_string(), "see what it did with `orgvue-scim run show`").into(),
            RestoreError::Busy => Advice::told(&error).into(),
        }
    }
}

impl Answer for Restored {
    fn text(&self, page: &Page) -> String {
        match self {
            Self::Shown(proposal) => proposal.text(page),
            Self::Done { run, .. } => run.text(page),
        }
    }

    fn exit(&self) -> Exit {
        match self {
            Self::Shown(proposal) => proposal.exit(),
            Self::Done { gone, run, .. } if gone.is_empty() => run.exit(),
            Self::Done { run, .. } => run.exit().max(Exit::Attention),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Shown(proposal) => proposal.hint(),
            Self::Done { hint, .. } => hint.clone(),
        }
    }
}

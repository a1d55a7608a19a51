//! `restore`: puts accounts back as they were before a run, once it has been shown what that means.

mod proposal;

use adapters::store::Store;
use domain::integration::{Integration, Mode};
use domain::run::RunRecord;
use serde::Serialize;
use sync::{Deps, RestoreError};

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

/// Shows what would be put back, or puts it back.
pub(crate) async fn restore(cx: &Context, args: &RestoreArgs) -> Result<Restored, CliError> {
    let store = cx.store().await?;
    let integration = in_force(&store, &args.id).await?;
    if let Some(tenant) = &args.tenant {
        tenant_of(&integration, tenant)?;
    }
    if store.run(&args.run).await?.is_none_or(|run| run.integration != args.id) {
        return Err(CliError::UnknownRun(args.run.clone()));
    }
    let running = running(&store, &integration).await?;
    let deps = vendors::connect(cx, "restore").await?;
    if args.yes {
        return put_back(cx, args, &deps, running).await;
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
    Ok(Restored::Shown(Proposal::new(&integration, &args.run, restoration, seen, running)))
}

async fn put_back(cx: &Context, args: &RestoreArgs, deps: &Deps, running: Running) -> Result<Restored, CliError> {
    let hands = cx.hands().await?;
    let tenant = args.tenant.as_ref().map(|tenant| format!(", tenant {tenant}")).unwrap_or_default();
    // Noted first: nothing is to be written without it being known by whom.
    hands.operator().note(Some(&args.id), "restore", Some(format!("run {}{tenant}", args.run))).await?;
    let progress = Progress::start();
    progress.say(format!("putting back what run {} overwrote", args.run));
    let agreed = args.agree.iter().cloned().collect();
    let record = sync::restore(deps, &args.id, &args.run, args.tenant.as_ref(), &agreed, args.patience.deadline()).await?;
    let hint = hint(&record, running);
    Ok(Restored::Done { run: Box::new(RunView::new(record)), hint })
}

async fn running(store: &Store, integration: &Integration) -> Result<Running, CliError> {
    let pending = store.pending(std::slice::from_ref(&integration.directory)).await?.pop();
    let deployment = store.deployment().await?;
    let runs = pending.is_some_and(|pending| Stop::of(&pending, &deployment).is_none());
    let writes = integration.tenants.iter().any(|tenant| tenant.mode == Mode::Enforce);
    Ok(if runs && writes { Running::Live } else { Running::Stopped })
}

/// What is left to do behind it.
fn hint(record: &RunRecord, running: Running) -> Option<String> {
    let id = &record.integration;
    let hashes: Vec<_> =
        record.tenants.iter().filter_map(|tenant| tenant.held_hash.as_ref()).map(|hash| format!(" --agree {hash}")).collect();
    let nothing = record.tenants.is_empty().then(|| "nothing was put back: that run overwrote no account".to_owned());
    let held = (!hashes.is_empty()).then(|| format!("something is held: if it is to be done too, run it again with{}", hashes.concat()));
    let live = match running {
        Running::Live => Some(format!(
            "{id} is live: what the directory does not ask for goes again with the next run; `orgvue-scim pause {id}` keeps it off"
        )),
        Running::Stopped => None,
    };
    let hints: Vec<_> = nothing.into_iter().chain(held).chain(live).collect();
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
            Self::Done { run, .. } => run.exit(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Shown(proposal) => proposal.hint(),
            Self::Done { hint, .. } => hint.clone(),
        }
    }
}

//! `runs` and `run show`: what runs decided and did.

use adapters::store::RunHead;
use domain::ids::{IntegrationId, RunId};
use domain::login::Login;
use domain::message::Reason;
use domain::run::{INTERRUPTED, RunRecord, Status, TenantRecord};
use serde::Serialize;

use super::fleet;
use super::run_text::{RunView, told, writes};
use crate::args::RunsArgs;
use crate::context::Context;
use crate::error::CliError;
use crate::output::{Answer, At, Page, lines, utc, word};

/// Most records that are read for one list: they may be large, and hold what every account was to be.
const RECORDS_MAX: usize = 20;

/// The runs of an integration, newest first.
#[derive(Debug, Serialize)]
pub(crate) struct Runs {
    integration: IntegrationId,
    runs: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    id: RunId,
    started_at: At,
    status: Status,
    at_work: bool,
    /// Of the newest runs only.
    #[serde(flatten)]
    outcome: Option<Outcome>,
}

/// What a run came to, over all its tenants. What it would have done to those that it does not write to is not counted among what it did.
#[derive(Debug, Serialize)]
struct Outcome {
    reason: Reason,
    code: Option<String>,
    seconds: f64,
    created: usize,
    updated: usize,
    removed: usize,
    held: usize,
    findings: usize,
}

impl From<RunRecord> for Outcome {
    fn from(run: RunRecord) -> Self {
        let written = |list: fn(&TenantRecord) -> &Vec<Login>| {
            run.tenants.iter().filter(|tenant| writes(&run, tenant)).map(|tenant| list(tenant).len()).sum()
        };
        Self {
            created: written(|tenant| &tenant.created),
            updated: written(|tenant| &tenant.updated),
            removed: written(|tenant| &tenant.removed),
            held: run.tenants.iter().map(|tenant| tenant.held.len()).sum(),
            findings: run.findings.len(),
            reason: run.reason,
            code: run.code,
            seconds: run.seconds,
        }
    }
}

/// Lists runs.
pub(crate) async fn list(cx: &Context, args: &RunsArgs) -> Result<Runs, CliError> {
    let store = cx.store().await?;
    let heads = store.latest_runs(&args.id, usize::try_from(args.limit).unwrap_or(usize::MAX)).await?;
    if heads.is_empty() {
        fleet::one(&store, &args.id).await?;
    }
    let row = async |(place, head): (usize, RunHead)| {
        let now = if place < RECORDS_MAX { store.run_now(&head.id).await? } else { None };
        // The record is read behind the head, and may tell an end that this one does not know.
        let (status, at_work) = now.as_ref().map_or((head.status, false), |now| (now.record.status, now.is_at_work));
        let outcome = now.map(|now| Outcome::from(now.record));
        Ok(Row { id: head.id, started_at: At(head.started_at_ms), status, at_work, outcome })
    };
    let runs = fleet::each(heads.into_iter().enumerate(), row).await?;
    Ok(Runs { integration: args.id.clone(), runs })
}

/// Shows one run.
pub(crate) async fn show(cx: &Context, run: &RunId) -> Result<RunView, CliError> {
    let now = cx.store().await?.run_now(run).await?;
    Ok(now.ok_or_else(|| CliError::UnknownRun(run.clone()))?.into())
}

impl Answer for Runs {
    fn text(&self, page: &Page) -> String {
        if self.runs.is_empty() {
            return String::new();
        }
        let header = ["run", "began", "status", "reason", "seconds", "created", "updated", "removed or disabled", "held", "findings"];
        let mut table = page.table(&header);
        for Row { id, started_at, status, at_work, outcome } in &self.runs {
            let code = outcome.as_ref().and_then(|of| of.code.as_deref());
            let (tone, word_of_status) = told(*status, code, *at_work);
            // A run that has not told its end has not told of these.
            let ended = outcome.as_ref().filter(|_| code != Some(INTERRUPTED));
            let of = |text: fn(&Outcome) -> String| page.plain(ended.map(text).unwrap_or_default());
            table.add_row([
                page.plain(id),
                page.plain(utc(started_at.0)),
                page.cell(tone, word_of_status),
                page.plain(outcome.as_ref().map(|of| word(&of.reason)).unwrap_or_default()),
                of(|of| format!("{:.1}", of.seconds)),
                of(|of| of.created.to_string()),
                of(|of| of.updated.to_string()),
                of(|of| of.removed.to_string()),
                of(|of| of.held.to_string()),
                of(|of| of.findings.to_string()),
            ]);
        }
        lines(&table)
    }

    fn hint(&self) -> Option<String> {
        self.runs.is_empty().then(|| format!("{} has not run yet", self.integration))
    }
}

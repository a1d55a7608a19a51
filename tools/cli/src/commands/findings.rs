//! `findings`: accounts and groups that cannot be synced, as the last whole read of the directory found them.

use adapters::store::Store;
use domain::finding::Finding;
use domain::ids::{IntegrationId, RunId};
use serde::Serialize;

use super::finding_text::{COLUMNS, findings_table, row};
use super::fleet;
use super::last_read::LastRead;
use crate::args::Which;
use crate::context::Context;
use crate::error::CliError;
use crate::output::{Answer, At, Exit, Page, to_csv};

/// The findings of integrations.
#[derive(Debug, Serialize)]
pub(crate) struct Findings {
    integrations: Vec<OfIntegration>,
    /// Items of the table that cannot be read as an integration.
    corrupt: Vec<String>,
}

#[derive(Debug, Serialize)]
struct OfIntegration {
    id: IntegrationId,
    /// The last run that read; none if no run has read the directory yet.
    run: Option<RunId>,
    read_at: Option<At>,
    findings: Vec<Found>,
}

/// A finding, with its time as programs read it.
#[derive(Debug, Serialize)]
struct Found {
    #[serde(flatten)]
    finding: Finding,
    since: Option<At>,
}

/// Lists findings.
pub(crate) async fn findings(cx: &Context, which: &Which) -> Result<Findings, CliError> {
    let store = cx.store().await?;
    let fleet = fleet::chosen(&store, which.named()).await?;
    let (integrations, corrupt) = fleet::each_sound(fleet, |deployed| last_seen(&store, deployed.id)).await?;
    Ok(Findings { integrations, corrupt })
}

async fn last_seen(store: &Store, id: IntegrationId) -> Result<OfIntegration, CliError> {
    let Some(seen) = store.snapshot(&id).await? else {
        return Ok(OfIntegration { id, run: None, read_at: None, findings: Vec::new() });
    };
    let LastRead { run, at_ms, unchanged_since: _ } = LastRead::of(store, &id, &seen).await?;
    let findings = seen.findings.into_iter().map(|finding| Found { since: finding.since_ms.map(At), finding });
    Ok(OfIntegration { id, run: Some(run), read_at: Some(At(at_ms)), findings: findings.collect() })
}

impl Findings {
    /// For a spreadsheet.
    pub(crate) fn csv(&self) -> Result<String, CliError> {
        Ok(to_csv(COLUMNS, self.each().map(|(id, finding)| row(id, finding)))?)
    }

    fn each(&self) -> impl Iterator<Item = (&IntegrationId, &Finding)> {
        self.integrations.iter().flat_map(|of| of.findings.iter().map(|found| (&of.id, &found.finding)))
    }
}

impl Answer for Findings {
    fn text(&self, page: &Page) -> String {
        if self.each().next().is_none() {
            return String::new();
        }
        let are_of_several = self.integrations.len() > 1;
        findings_table(page, self.each().map(|(id, finding)| (are_of_several.then_some(id), finding)))
    }

    fn exit(&self) -> Exit {
        fleet::exit(&self.corrupt)
    }

    fn hint(&self) -> Option<String> {
        let unread: Vec<_> = self.integrations.iter().filter(|of| of.run.is_none()).map(|of| of.id.as_str()).collect();
        let not_read = || (!unread.is_empty()).then(|| format!("no run has read the directory of {} yet", unread.join(", ")));
        let nothing = || self.each().next().is_none().then(|| "nothing was found".to_owned());
        fleet::repair(&self.corrupt).or_else(not_read).or_else(nothing)
    }
}

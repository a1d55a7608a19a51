//! `integration list`: what is in force.

use domain::ids::{DirectoryId, IntegrationId, TenantId};
use domain::integration::{Integration, Tenancy};
use domain::pending::{Pending, Switch};
use serde::Serialize;

use crate::commands::fleet::{self, Deployed};
use crate::commands::modes::Modes;
use crate::context::Context;
use crate::error::CliError;
use crate::output::{Answer, Exit, Page, Tone, lines, word};

/// Every integration.
#[derive(Debug, Serialize)]
pub(crate) struct Integrations {
    integrations: Vec<Row>,
    /// Items of the table that cannot be read as an integration.
    corrupt: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Row {
    id: IntegrationId,
    directory: DirectoryId,
    /// Of its tenants.
    mode: Option<Modes>,
    tenancy: Option<Tenancy>,
    tenants: Vec<TenantId>,
    switch: Option<Switch>,
    /// Why it cannot run.
    problem: Option<String>,
}

/// Lists the integrations.
pub(crate) async fn list(cx: &Context) -> Result<Integrations, CliError> {
    let store = cx.store().await?;
    let fleet = fleet::all(&store).await?;
    let integrations = fleet::each(fleet.integrations, async |deployed| {
        let mark = fleet::mark(store.each_pending(std::slice::from_ref(&deployed.directory)).await?);
        Ok(row(fleet::in_force(&store, &deployed.id).await?, deployed, mark))
    });
    Ok(Integrations { integrations: integrations.await?, corrupt: fleet.corrupt })
}

fn row(in_force: Result<Integration, String>, Deployed { id, directory }: Deployed, mark: Result<Pending, String>) -> Row {
    let switch = mark.as_ref().ok().map(|pending| pending.switch);
    let (integration, problem) = match in_force {
        Ok(integration) => (Some(integration), mark.err()),
        Err(problem) => (None, Some(problem)),
    };
    Row {
        id,
        directory,
        mode: integration.as_ref().map(Modes::of),
        tenancy: integration.as_ref().map(|integration| integration.tenancy),
        tenants: integration.map(|integration| integration.tenants.into_iter().map(|tenant| tenant.id).collect()).unwrap_or_default(),
        switch,
        problem,
    }
}

impl Answer for Integrations {
    fn text(&self, page: &Page) -> String {
        let mut table = page.table(&["id", "directory", "mode", "tenancy", "tenants", "runs"]);
        for row in &self.integrations {
            let tenants: Vec<_> = row.tenants.iter().map(TenantId::as_str).collect();
            let (tone, runs) = match (&row.problem, row.switch) {
                (Some(problem), _) => (Tone::Bad, problem.clone()),
                (None, Some(Switch::Live)) => (Tone::Good, "live".to_owned()),
                (None, Some(switch @ Switch::Paused)) => (Tone::Warn, word(&switch)),
                (None, Some(switch @ Switch::Suspended)) => (Tone::Bad, word(&switch)),
                (None, None) => (Tone::Bad, String::new()),
            };
            table.add_row([
                page.plain(&row.id),
                page.plain(&row.directory),
                page.plain(row.mode.map(|mode| word(&mode)).unwrap_or_default()),
                page.plain(row.tenancy.map(|tenancy| word(&tenancy)).unwrap_or_default()),
                page.plain(tenants.join(" ")),
                page.cell(tone, runs),
            ]);
        }
        lines(&table)
    }

    fn exit(&self) -> Exit {
        fleet::exit(&self.corrupt)
    }

    fn hint(&self) -> Option<String> {
        let none =
            || self.integrations.is_empty().then(|| "there is no integration yet: see `orgvue-scim integration apply --help`".to_owned());
        fleet::repair(&self.corrupt).or_else(none)
    }
}

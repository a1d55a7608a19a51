//! `integration list`: what is in force.

use std::collections::BTreeMap;

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
    let directories: Vec<_> = fleet.integrations.iter().map(|deployed| deployed.directory.clone()).collect();
    let pending = store.each_pending(&directories).await?.into_iter().filter_map(Result::ok);
    let pending: BTreeMap<_, _> = pending.map(|pending| (pending.directory.clone(), pending)).collect();
    let integrations = fleet::each(fleet.integrations, |deployed| {
        let (store, pending) = (&store, pending.get(&deployed.directory));
        async move { Ok(row(fleet::in_force(store, &deployed.id).await?, deployed, pending)) }
    });
    Ok(Integrations { integrations: integrations.await?, corrupt: fleet.corrupt })
}

fn row(in_force: Result<Integration, String>, Deployed { id, directory }: Deployed, pending: Option<&Pending>) -> Row {
    let (integration, problem) = match in_force {
        Ok(integration) => (Some(integration), None),
        Err(problem) => (None, Some(problem)),
    };
    let unmarked = || pending.is_none().then(|| "its pending item is missing or corrupt: apply its file again".to_owned());
    Row {
        id,
        directory,
        mode: integration.as_ref().map(Modes::of),
        tenancy: integration.as_ref().map(|integration| integration.tenancy),
        tenants: integration.map(|integration| integration.tenants.into_iter().map(|tenant| tenant.id).collect()).unwrap_or_default(),
        switch: pending.map(|pending| pending.switch),
        problem: problem.or_else(unmarked),
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

//! `status`: how integrations are doing, and which need a person.

mod facts;
mod fault;
mod health;
mod work;

use domain::ids::IntegrationId;
use serde::Serialize;

use super::fleet::{self, Deployed};
use super::stop::DeploymentPause;
use crate::context::Context;
use crate::error::CliError;
use crate::output::{Answer, At, Exit, Page, Tone, lines, utc, word};
use crate::vendors;
use facts::{Facts, OfTenant};
use health::{Judgement, judge};

/// How integrations are doing.
#[derive(Debug, Serialize)]
pub(crate) struct Statuses {
    /// Who paused the whole deployment.
    paused: Option<DeploymentPause>,
    integrations: Vec<OfIntegration>,
    /// Items of the table that cannot be read as an integration.
    corrupt: Vec<String>,
}

#[derive(Debug, Serialize)]
struct OfIntegration {
    #[serde(flatten)]
    judgement: Judgement,
    #[serde(flatten)]
    facts: Facts,
}

/// Looks at one integration or at all.
pub(crate) async fn status(cx: &Context, id: Option<&IntegrationId>) -> Result<Statuses, CliError> {
    let store = cx.store().await?;
    let fleet = fleet::chosen(&store, id).await?;
    let deployment = store.deployment().await?;
    // Of the delays only the look for drift counts here: what is stale goes by it.
    let delays = vendors::delays("status")?;
    let of_integration = async |deployed: Deployed| {
        let facts = match Facts::read(&store, &deployment, &delays, deployed.clone()).await {
            Err(error) => Facts::unreadable(&deployment, deployed, error.corrupt().ok_or(error)?),
            Ok(facts) => facts,
        };
        Ok(OfIntegration { judgement: judge(&facts), facts })
    };
    let integrations = fleet::each(fleet.integrations, of_integration).await?;
    Ok(Statuses { paused: DeploymentPause::of(&deployment), integrations, corrupt: fleet.corrupt })
}

impl Answer for Statuses {
    fn text(&self, page: &Page) -> String {
        let paused = self.paused.as_ref().map(|pause| format!("{}\n\n", page.paint(Tone::Bad, &format!("every integration is {pause}"))));
        let integrations = match self.integrations.as_slice() {
            [] => String::new(),
            [one] => one.text(page),
            several => overview(page, several),
        };
        paused.unwrap_or_default() + &integrations
    }

    fn exit(&self) -> Exit {
        let needs_person = self.integrations.iter().any(|of| of.judgement.needs_person);
        if needs_person { Exit::Attention } else { fleet::exit(&self.corrupt) }
    }

    fn hint(&self) -> Option<String> {
        let none = || self.integrations.is_empty().then(|| "there is no integration yet".to_owned());
        fleet::repair(&self.corrupt).or_else(none)
    }
}

fn overview(page: &Page, integrations: &[OfIntegration]) -> String {
    let mut table = page.table(&["id", "health", "mode", "now", "last success", "findings", "held", "what to do"]);
    for OfIntegration { judgement, facts } in integrations {
        let n_held: usize = facts.tenants.iter().filter_map(|of| of.held.as_ref()).map(|held| held.n_accounts).sum();
        table.add_row([
            page.plain(&facts.id),
            page.cell(judgement.health.tone(), word(&judgement.health)),
            page.plain(facts.mode.map(|mode| word(&mode)).unwrap_or_default()),
            page.plain(facts.work.as_ref().map(|work| work.text(page)).unwrap_or_default()),
            page.plain(facts.last_success_at.map(|at| page.ago(at.0)).unwrap_or_default()),
            page.plain(facts.findings.map(|n| n.to_string()).unwrap_or_default()),
            page.plain(n_held),
            page.plain(judgement.advice.as_deref().unwrap_or_default()),
        ]);
    }
    lines(&table)
}

impl OfIntegration {
    fn text(&self, page: &Page) -> String {
        let Self { judgement: Judgement { health, needs_person: _, advice }, facts } = self;
        let time = |at: Option<At>| at.map(|at| page.time(at.0));
        let rows = [
            ("integration", Some(format!("{}, {}", facts.id, facts.directory))),
            ("health", Some(page.paint(health.tone(), &word(health)))),
            ("what to do", advice.as_ref().map(|advice| page.paint(Tone::Plain, advice))),
            ("mode", facts.mode.map(|mode| word(&mode))),
            ("now", facts.work.as_ref().map(|work| work.text(page))),
            ("last success", time(facts.last_success_at)),
            ("last run", facts.last_run.as_ref().map(ToString::to_string)),
            ("findings", facts.findings.map(|n| n.to_string())),
            ("next look", time(facts.next_drift_at).filter(|_| facts.stopped.is_none())),
        ];
        let rows = rows.into_iter().filter_map(|(label, text)| Some(format!("{label:<14}{}\n", text?)));
        let tenants = if facts.tenants.is_empty() { String::new() } else { format!("\n{}", tenants_table(page, &facts.tenants)) };
        rows.collect::<String>() + &tenants
    }
}

fn tenants_table(page: &Page, tenants: &[OfTenant]) -> String {
    let mut table = page.table(&["tenant", "mode", "last success", "held", "hash", "held since", "failed", "in the way", "since", "next"]);
    for OfTenant { tenant, mode, last_success_at, held, fault, failed } in tenants {
        let held = held.as_ref();
        let tone = if held.is_some_and(|held| held.standing.asks()) { Tone::Bad } else { Tone::Plain };
        let fault = fault.as_ref();
        table.add_row([
            page.plain(tenant),
            page.plain(word(mode)),
            page.plain(last_success_at.map_or("never".to_owned(), |at| page.ago(at.0))),
            page.cell(tone, held.map(|held| format!("{}, {}", held.n_accounts, held.standing.text(page))).unwrap_or_default()),
            page.plain(held.map(|held| held.hash.short()).unwrap_or_default()),
            page.plain(held.map(|held| utc(held.since.0)).unwrap_or_default()),
            page.plain(failed),
            page.cell(Tone::Warn, fault.map(|fault| fault.text()).unwrap_or_default()),
            page.plain(fault.and_then(|fault| fault.since).map(|at| utc(at.0)).unwrap_or_default()),
            page.plain(fault.map(|fault| fault.next()).unwrap_or_default()),
        ]);
    }
    lines(&table)
}

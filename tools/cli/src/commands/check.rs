//! `check`: whether a customer can go live, step by step, for the customer's IAM administrator and for Orgvue. It writes nothing.

mod owners;
mod steps;
mod target;
mod text;

use domain::ids::IntegrationId;
use domain::integration::Integration;
use domain::onboarding::{Check, CheckStep, Checklist, Forecast, GroupReport, Outcome};
use serde::Serialize;
use sync::{Preview, PreviewError};

use crate::args::CheckArgs;
use crate::context::Context;
use crate::error::CliError;
use crate::output::{Answer, Exit, Page, Progress};
use crate::vendors;
use target::Target;

/// How everything came out.
#[derive(Debug, Serialize)]
pub(crate) struct Checked {
    /// None where the file cannot be read as one.
    integration: Option<IntegrationId>,
    steps: Checklist,
    /// None where the directory could not be read.
    groups: Option<GroupReport>,
    /// What the first run that writes would do, of each tenant whose dataset could be read.
    tenants: Vec<Forecast>,
    /// What to do next.
    next: String,
}

/// Looks at one thing after the other. What is wrong with one does not keep the others from being looked at, as far as they can be.
pub(crate) async fn check(cx: &Context, args: &CheckArgs) -> Result<Checked, CliError> {
    let store = cx.store().await?;
    let target = Target::of(&args.target)?;
    let mut checked = Checked { integration: None, steps: Checklist::default(), groups: None, tenants: Vec::new(), next: String::new() };
    match target.read(&store).await? {
        Ok(integration) => {
            checked.integration = Some(integration.id.clone());
            checked.steps.extend([target.step(&integration)]);
            checked.steps.extend(owners::steps(&store, &integration).await?);
            checked.look(cx, &integration, args).await?;
        }
        Err(steps) => checked.steps.extend(steps),
    }
    checked.next = target.next(checked.steps.outcome());
    Ok(checked)
}

impl Checked {
    async fn look(&mut self, cx: &Context, integration: &Integration, args: &CheckArgs) -> Result<(), CliError> {
        let deps = vendors::connect(cx, "check").await?;
        let progress = Progress::start();
        progress.say(format!("reading the directory and the datasets of {}", integration.id));
        let tenants: Vec<_> = integration.tenants.iter().collect();
        match sync::preview(&deps, integration, &tenants, args.patience.deadline()).await {
            Ok(preview) => self.tell(integration, preview),
            Err(PreviewError::Directory(error)) => {
                let advice = vendors::unread(&error);
                self.steps.extend([CheckStep::failed(Check::Directory, advice.what, advice.next)]);
            }
            Err(error @ PreviewError::Store(_)) => return Err(error.into()),
        }
        Ok(())
    }

    fn tell(&mut self, integration: &Integration, preview: Preview) {
        let Preview { directory, decision, mut tenants, workos_calls, orgvue_calls: _ } = preview;
        self.steps.extend([steps::directory(&directory, workos_calls)]);
        let groups = GroupReport::of_directory(&directory, &decision.findings, integration);
        self.steps.extend(groups.steps());
        self.groups = Some(groups);
        for tenant in &integration.tenants {
            let Some(outcome) = tenants.remove(&tenant.id) else { continue };
            self.steps.extend([steps::dataset(tenant, &outcome)]);
            if let Ok(seen) = outcome {
                let findings: Vec<_> = decision.findings.iter().chain(&seen.findings).cloned().collect();
                let forecast = Forecast::of(&seen.plan, &seen.approved, &seen.held, &findings);
                self.steps.extend(forecast.steps());
                self.tenants.push(forecast);
            }
        }
    }
}

impl Answer for Checked {
    fn text(&self, page: &Page) -> String {
        text::of(self, page)
    }

    fn exit(&self) -> Exit {
        match self.steps.outcome() {
            Outcome::Ok => Exit::Done,
            Outcome::Warning | Outcome::Failed => Exit::Attention,
        }
    }
}

//! `plan`: a dry run, by the code of a run.

mod text;

use std::collections::BTreeSet;
use std::path::Path;

use adapters::store::Store;
use domain::finding::Finding;
use domain::ids::{IntegrationId, TenantId};
use domain::integration::{Integration, Mode, Tenant};
use domain::login::Login;
use domain::plan::{Plan, Verb};
use domain::run::HeldRecord;
use serde::Serialize;
use sync::{Obstacle, TenantPreview};

use super::files::{self, ValidFile};
use crate::args::PlanArgs;
use crate::context::Context;
use crate::error::{Advice, CliError};
use crate::output::{Answer, Exit, Page, Progress, counted};
use crate::vendors;

pub(super) use text::{obstacles, painted};

/// What a sync would do now.
#[derive(Debug, Serialize)]
pub(crate) struct Planned {
    integration: IntegrationId,
    tenants: Vec<TenantPlan>,
    /// Accounts and groups that cannot be synced.
    findings: Vec<Finding>,
    workos_calls: u64,
    orgvue_calls: u64,
}

/// What it would do in one tenant. The lists hold what would be written; what is held beside them is not, or not whole.
#[derive(Debug, Serialize)]
struct TenantPlan {
    tenant: TenantId,
    mode: Mode,
    created: Vec<Login>,
    updated: Vec<Login>,
    disabled: Vec<Login>,
    removed: Vec<Login>,
    held: Vec<HeldRecord>,
    unchanged: Vec<Login>,
    /// What stands in the way.
    code: Option<String>,
    error: Option<String>,
    #[serde(skip)]
    plan: Option<Plan>,
}

/// Plans, and writes nothing.
pub(crate) async fn plan(cx: &Context, args: &PlanArgs) -> Result<Planned, CliError> {
    let integration = match &args.file {
        Some(path) => of_file(path, &args.id)?,
        None => in_force(&cx.store().await?, &args.id).await?,
    };
    let tenants: Vec<&Tenant> = match &args.tenant {
        Some(tenant) => vec![tenant_of(&integration, tenant)?],
        None => integration.tenants.iter().collect(),
    };
    let deps = vendors::connect(cx, "plan").await?;
    let progress = Progress::start();
    progress.say(format!("reading the directory of {} and {}", integration.id, counted(tenants.len(), "dataset")));
    let mut preview = sync::preview(&deps, &integration, &tenants, args.patience.deadline()).await?;
    let mut findings = preview.decision.findings;
    let mut planned = Vec::new();
    for tenant in tenants {
        let untouched = preview.decision.tenants.remove(&tenant.id).unwrap_or_default().untouched;
        let leaves_alone =
            |login: &Login| integration.protects(tenant, login) || integration.blocked.contains(login) || untouched.contains(login);
        planned.push(match preview.tenants.remove(&tenant.id) {
            None => continue,
            Some(Err(obstacle)) => TenantPlan::new(tenant).obstructed(&obstacle),
            Some(Ok(seen)) => {
                findings.extend(seen.findings.iter().cloned());
                TenantPlan::new(tenant).planned(seen, leaves_alone)
            }
        });
    }
    findings.sort();
    findings.dedup();
    let (workos_calls, orgvue_calls) = (preview.workos_calls, preview.orgvue_calls);
    Ok(Planned { integration: integration.id, tenants: planned, findings, workos_calls, orgvue_calls })
}

/// The integration that is in force.
pub(super) async fn in_force(store: &Store, id: &IntegrationId) -> Result<Integration, CliError> {
    let file = store.integration_file(id).await?.ok_or_else(|| CliError::UnknownIntegration(id.clone()))?;
    Ok(Integration::parse(&file).map_err(|error| {
        Advice::new(format!("the file of {id} that is in force is not valid any more: {error}"), "apply a corrected one")
    })?)
}

/// The tenant of this id.
pub(super) fn tenant_of<'a>(integration: &'a Integration, id: &TenantId) -> Result<&'a Tenant, CliError> {
    let found = integration.tenants.iter().find(|tenant| tenant.id == *id);
    let known = || integration.tenants.iter().map(|tenant| tenant.id.as_str()).collect::<Vec<_>>().join(", ");
    Ok(found.ok_or_else(|| Advice::new(format!("{} has no tenant {id}", integration.id), format!("it has {}", known())))?)
}

fn of_file(path: &Path, id: &IntegrationId) -> Result<Integration, CliError> {
    let ValidFile { integration, .. } = files::read_valid(&[path.to_owned()])?.remove(0);
    if integration.id == *id {
        return Ok(*integration);
    }
    let what = format!("{} is about the integration {}, not {id}", path.display(), integration.id);
    Err(Advice::new(what, "name that one, or another file").into())
}

impl TenantPlan {
    fn new(tenant: &Tenant) -> Self {
        Self {
            tenant: tenant.id.clone(),
            mode: tenant.mode,
            created: Vec::new(),
            updated: Vec::new(),
            disabled: Vec::new(),
            removed: Vec::new(),
            held: Vec::new(),
            unchanged: Vec::new(),
            code: None,
            error: None,
            plan: None,
        }
    }

    fn obstructed(self, obstacle: &Obstacle) -> Self {
        let error = vendors::obstacle(obstacle).to_string();
        Self { code: Some(obstacle.code.clone()), error: Some(error), ..self }
    }

    fn planned(mut self, seen: TenantPreview, leaves_alone: impl Fn(&Login) -> bool) -> Self {
        let TenantPreview { current, plan, approved, held, findings: _, confirmed: _ } = seen;
        for action in approved {
            let list = match action.verb() {
                Verb::Create => &mut self.created,
                Verb::Update | Verb::Restore => &mut self.updated,
                Verb::Disable => &mut self.disabled,
                Verb::Remove => &mut self.removed,
            };
            list.push(action.login);
        }
        // A usable account that is neither left alone nor in the plan is as the directory wants it.
        let in_plan: BTreeSet<&Login> = plan.actions.iter().map(|action| &action.login).collect();
        let usable = current.accounts.into_values().filter(|account| account.enabled).map(|account| account.login);
        let unchanged = usable.filter(|login| !leaves_alone(login) && !in_plan.contains(login)).collect();
        Self { held: held.iter().map(HeldRecord::from).collect(), unchanged, plan: Some(plan), ..self }
    }

    fn would_change(&self) -> bool {
        self.plan.as_ref().is_some_and(|plan| !plan.actions.is_empty())
    }
}

impl Answer for Planned {
    fn text(&self, page: &Page) -> String {
        text::of(self, page)
    }

    fn exit(&self) -> Exit {
        let of = |tenant: &TenantPlan| match tenant.error {
            Some(_) => Exit::Failed,
            None if tenant.would_change() => Exit::Attention,
            None => Exit::Done,
        };
        self.tenants.iter().map(of).max().unwrap_or(Exit::Done)
    }

    fn hint(&self) -> Option<String> {
        let obstacles = obstacles(self.tenants.iter().map(|tenant| (&tenant.tenant, tenant.code.as_deref(), tenant.error.as_deref())));
        obstacles.or_else(|| (self.exit() == Exit::Done).then(|| format!("{} is as the directory wants it", self.integration)))
    }
}

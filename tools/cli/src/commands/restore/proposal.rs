//! What putting back a run would do, shown before it is done.

use domain::explain::{Decided, Explanation};
use domain::finding::Finding;
use domain::held::HeldHash;
use domain::ids::{IntegrationId, RunId, TenantId};
use domain::integration::{Deprovision, Integration};
use domain::login::Login;
use domain::plan::{Action, Plan};
use domain::run::HeldRecord;
use domain::snapshot::Snapshot;
use serde::Serialize;
use sync::{Obstacle, Restoration, TenantRestoration};

use super::{About, Running, gone_text};
use crate::commands::finding_text::findings_table;
use crate::commands::last_read::LastRead;
use crate::commands::plan::{obstacles, painted};
use crate::commands::run_text::held_table;
use crate::output::{Answer, At, Exit, Page, Tone, utc};
use crate::vendors;

/// What would be put back.
#[derive(Debug, Serialize)]
pub(crate) struct Proposal {
    integration: IntegrationId,
    run: RunId,
    running: Running,
    /// Tenants of which the run saved nothing are not there.
    tenants: Vec<OfTenant>,
    /// Tenants of which it overwrote accounts, too, and which the file no longer has with the same dataset.
    gone: Vec<TenantId>,
    #[serde(skip)]
    only: Option<TenantId>,
    /// The read of the directory by which the next run is foreseen; none if there has been none since the file was applied.
    seen: Option<Seen>,
}

#[derive(Debug, Serialize)]
struct OfTenant {
    tenant: TenantId,
    restored: Vec<Login>,
    held: Vec<HeldRecord>,
    held_hash: Option<HeldHash>,
    unchanged: usize,
    /// Accounts that differ from what the run found, and are left alone.
    findings: Vec<Finding>,
    /// Accounts for which the directory asks for something else, so that the next run undoes them again.
    next_run_undoes: Vec<Login>,
    /// What stands in the way.
    code: Option<String>,
    error: Option<String>,
    #[serde(skip)]
    plan: Option<Plan>,
}

#[derive(Debug, Serialize)]
struct Seen {
    run: RunId,
    at: At,
}

impl Proposal {
    pub(super) fn new(about: About<'_>, restoration: Restoration, seen: Option<(LastRead, Snapshot)>) -> Self {
        let About { integration, run, only, gone, running } = about;
        let (read, snapshot) = seen.unzip();
        let of = |(tenant, outcome)| OfTenant::new(tenant, outcome, integration, snapshot.as_ref());
        Self {
            integration: integration.id.clone(),
            run: run.clone(),
            running,
            tenants: restoration.tenants.into_iter().map(of).collect(),
            gone,
            only: only.cloned(),
            seen: read.map(|LastRead { run, at_ms, unchanged_since: _ }| Seen { run, at: At(at_ms) }),
        }
    }

    fn has_work(&self) -> bool {
        self.tenants.iter().any(|tenant| !tenant.restored.is_empty() || !tenant.held.is_empty())
    }
}

impl OfTenant {
    fn new(tenant: TenantId, outcome: Result<TenantRestoration, Obstacle>, integration: &Integration, snapshot: Option<&Snapshot>) -> Self {
        let nothing = Self {
            tenant,
            restored: Vec::new(),
            held: Vec::new(),
            held_hash: None,
            unchanged: 0,
            findings: Vec::new(),
            next_run_undoes: Vec::new(),
            code: None,
            error: None,
            plan: None,
        };
        match outcome {
            Ok(TenantRestoration { plan, approved, held, hash }) => {
                let is_undone = |action: &&Action| snapshot.is_some_and(|seen| is_undone(action, &plan.tenant, integration, seen));
                Self {
                    restored: approved.into_iter().map(|action| action.login).collect(),
                    held: held.iter().map(HeldRecord::from).collect(),
                    held_hash: hash,
                    unchanged: plan.unchanged,
                    findings: plan.findings.clone(),
                    next_run_undoes: plan.actions.iter().filter(is_undone).map(|action| action.login.clone()).collect(),
                    plan: Some(plan),
                    ..nothing
                }
            }
            Err(obstacle) => {
                let error = Some(vendors::obstacle(&obstacle).to_string());
                Self { code: Some(obstacle.code), error, ..nothing }
            }
        }
    }

    fn text(&self, page: &Page) -> String {
        let mut text = self.plan.as_ref().map(|plan| painted(page, plan)).unwrap_or_default();
        if let Some(hash) = &self.held_hash {
            text += &format!("\nheld in {}, with the hash {hash}:\n{}", self.tenant, held_table(page, &self.held));
        }
        if !self.findings.is_empty() {
            text += &format!("\nleft alone:\n{}", findings_table(page, self.findings.iter().map(|finding| (None, finding))));
        }
        text
    }
}

/// Whether the directory, as it was seen last, asks for something else than what the account would be.
fn is_undone(action: &Action, tenant: &TenantId, integration: &Integration, seen: &Snapshot) -> bool {
    let told = Explanation::from_snapshot(&action.login, integration, seen, &[]);
    told.tenants.iter().filter(|told| told.tenant == *tenant).any(|told| match (told.decision, action.roles_after()) {
        (Decided::Desired, roles) => roles != Some(&told.roles),
        (Decided::NotDesired, Some(_)) => true,
        (Decided::NotDesired, None) => integration.deprovision == Deprovision::Delete,
        (Decided::Blocked | Decided::Protected | Decided::LeftAlone | Decided::NotKnown, _) => false,
    })
}

impl Answer for Proposal {
    fn text(&self, page: &Page) -> String {
        let mut text: String = self.tenants.iter().map(|tenant| tenant.text(page)).collect();
        let undone: Vec<_> = self.tenants.iter().flat_map(|tenant| &tenant.next_run_undoes).map(ToString::to_string).collect();
        if let (Some(Seen { run, at }), false) = (&self.seen, undone.is_empty()) {
            let told = format!("the next run would undo again, as run {run} read the directory at {}: {}", utc(at.0), undone.join(", "));
            text += &format!("\n{}\n", page.paint(Tone::Warn, &told));
        }
        text
    }

    fn exit(&self) -> Exit {
        match self.tenants.iter().any(|tenant| tenant.error.is_some()) {
            true => Exit::Failed,
            false if self.has_work() || !self.gone.is_empty() => Exit::Attention,
            false => Exit::Done,
        }
    }

    fn hint(&self) -> Option<String> {
        let Self { integration, run, running, tenants, only, gone, .. } = self;
        let gone = gone_text(run, gone);
        let obstacles = obstacles(tenants.iter().map(|tenant| (&tenant.tenant, tenant.code.as_deref(), tenant.error.as_deref())));
        if obstacles.is_some() {
            return obstacles;
        }
        if !self.has_work() {
            let of = only.as_ref().map(|tenant| format!(" of {tenant}")).unwrap_or_default();
            let leaves_alone = tenants.iter().any(|tenant| !tenant.findings.is_empty());
            let why = match (gone, tenants.is_empty()) {
                (Some(gone), _) => gone,
                (None, true) => format!("run {run} overwrote no account{of}"),
                (None, false) if leaves_alone => format!("run {run} overwrote accounts that are as they were, or are left alone"),
                (None, false) => format!("run {run} overwrote accounts that are as they were"),
            };
            return Some(format!("nothing to put back: {why}"));
        }
        let is_held = tenants.iter().any(|tenant| tenant.held_hash.is_some());
        let agree = if is_held { ", and --agree HASH for what is held" } else { "" };
        let mut next = format!("nothing has been put back: add --yes{agree}");
        if let Some(gone) = gone {
            next += &format!("\n{gone}");
        }
        if self.seen.is_none() {
            next += &format!(
                "\nthe directory has not been read since the file was applied: `orgvue-scim plan {integration}` tells what the next run does"
            );
        }
        Some(match running {
            Running::Live => format!(
                "{next}\n{integration} is live: mend what went wrong, or pause it, before you do; the directory stays the truth for the next run"
            ),
            Running::Stopped => next,
        })
    }
}

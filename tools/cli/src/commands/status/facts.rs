//! What is known of an integration: read, and not yet judged.

use adapters::clock::now_ms;
use adapters::store::{Deployment, Store};
use domain::delays::Delays;
use domain::fleet::Stale;
use domain::held::HeldHash;
use domain::ids::{DirectoryId, IntegrationId, RunId, TenantId};
use domain::integration::Mode;
use domain::pending::Pending;
use domain::tenant_state::{TenantState, worked_on};
use serde::Serialize;

use super::fault::{Fault, Told};
use super::work::Work;
use crate::commands::fleet::{self, Deployed};
use crate::commands::modes::Modes;
use crate::commands::standing::Standing;
use crate::commands::stop::Stop;
use crate::error::CliError;
use crate::output::At;

/// What is known of an integration.
#[derive(Debug, Serialize)]
pub(super) struct Facts {
    pub(super) id: IntegrationId,
    pub(super) directory: DirectoryId,
    /// Of its tenants.
    pub(super) mode: Option<Modes>,
    /// Why it cannot run as it stands in the table.
    pub(super) problem: Option<String>,
    /// What stops it.
    pub(super) stopped: Option<Stop>,
    pub(super) work: Option<Work>,
    /// Whether no run of it ends as it should for long.
    #[serde(skip)]
    pub(super) stale: Option<Stale>,
    /// When it is looked for changes that no event told of.
    pub(super) next_drift_at: Option<At>,
    pub(super) last_run: Option<RunId>,
    /// When the tenant that has waited longest last ended as it should; none as long as one never did.
    pub(super) last_success_at: Option<At>,
    /// What keeps the directory from being read.
    pub(super) fault: Option<Fault>,
    /// Accounts and groups that could not be synced when the directory was last read.
    pub(super) findings: Option<usize>,
    pub(super) tenants: Vec<OfTenant>,
}

/// What is known of a tenant that nobody paused.
#[derive(Debug, Serialize)]
pub(super) struct OfTenant {
    pub(super) tenant: TenantId,
    pub(super) mode: Mode,
    pub(super) last_success_at: Option<At>,
    pub(super) held: Option<Held>,
    pub(super) fault: Option<Fault>,
    /// Accounts that are not as planned, or may not be.
    pub(super) failed: usize,
}

/// What is held of a tenant.
#[derive(Debug, Serialize)]
pub(super) struct Held {
    pub(super) hash: HeldHash,
    pub(super) n_accounts: usize,
    pub(super) since: At,
    #[serde(flatten)]
    pub(super) standing: Standing,
}

impl Facts {
    pub(super) async fn read(
        store: &Store,
        deployment: &Deployment,
        delays: &Delays,
        Deployed { id, directory }: Deployed,
    ) -> Result<Self, CliError> {
        let directories = std::slice::from_ref(&directory);
        let (in_force, standing, mut states, decisions, seen, last_run) = tokio::try_join!(
            fleet::in_force(store, &id),
            store.each_standing(directories),
            store.tenant_states(&id),
            store.decisions(&id),
            store.snapshot(&id),
            // What holds the directory without running, as an erasure does, leaves its id in the pending item, but no record.
            store.latest_runs(&id, 1)
        )?;
        let (standing, unmarked) = match fleet::mark(standing) {
            Ok(standing) => (Some(standing), None),
            Err(problem) => (None, Some(problem)),
        };
        let stale = standing.as_ref().and_then(|standing| standing.stale(now_ms(), delays));
        let pending: Option<Pending> = standing.map(|standing| standing.pending);
        let (integration, problem) = match in_force {
            Err(problem) => (None, Some(problem)),
            Ok(integration) => (Some(integration), unmarked),
        };
        let tenants = integration.iter().flat_map(worked_on).map(|tenant| (tenant.id.clone(), tenant.mode));
        let tenants: Vec<_> = tenants.map(|(tenant, mode)| (states.remove(&tenant).unwrap_or_default(), tenant, mode)).collect();
        let told = Told::read(store, &id, pending.as_ref(), &tenants.iter().map(|(state, ..)| state).collect::<Vec<_>>()).await?;
        let last_success_at = tenants.iter().map(|(state, ..)| state.succeeded_ms).min().flatten();
        let of_tenant = |(state, tenant, mode): (TenantState, TenantId, Mode)| OfTenant {
            mode,
            last_success_at: state.succeeded_ms.map(At),
            fault: told.of_tenant(&tenant, &state),
            failed: state.fault.as_ref().map_or(0, |_| told.n_failed(&tenant)),
            held: state.held.filter(|_| mode == Mode::Enforce).map(|head| Held {
                standing: Standing::of(&head, decisions.get(&tenant), state.decisions_used_ms, now_ms()),
                hash: head.hash,
                n_accounts: head.n_actions,
                since: At(head.since_ms),
            }),
            tenant,
        };
        let pending = pending.as_ref();
        Ok(Self {
            mode: integration.as_ref().map(Modes::of),
            problem,
            stopped: Stop::known(pending, deployment),
            work: pending.map(|pending| Work::of(pending, now_ms())),
            stale,
            next_drift_at: pending.map(|pending| At(pending.next_drift_ms)),
            last_run: last_run.into_iter().next().map(|head| head.id),
            last_success_at: last_success_at.map(At),
            fault: pending.and_then(|pending| told.of_directory(pending)),
            findings: seen.map(|seen| seen.findings.len()),
            tenants: tenants.into_iter().map(of_tenant).collect(),
            id,
            directory,
        })
    }

    /// Those of an integration of which an item cannot be read.
    pub(super) fn unreadable(deployment: &Deployment, deployed: Deployed, item: String) -> Self {
        let Deployed { id, directory } = deployed;
        Self {
            id,
            directory,
            mode: None,
            problem: Some(format!("{item}: it must be repaired by hand")),
            stopped: Stop::known(None, deployment),
            work: None,
            stale: None,
            next_drift_at: None,
            last_run: None,
            last_success_at: None,
            fault: None,
            findings: None,
            tenants: Vec::new(),
        }
    }

    /// What stands in the way, and of whom.
    pub(super) fn faults(&self) -> impl Iterator<Item = (&str, &Fault)> {
        let directory = self.fault.iter().map(|fault| (self.directory.as_str(), fault));
        directory.chain(self.tenants.iter().filter_map(|of| Some((of.tenant.as_str(), of.fault.as_ref()?))))
    }

    /// What is held about which a person is asked.
    pub(super) fn asked(&self) -> impl Iterator<Item = (&TenantId, &Held)> {
        let held = self.tenants.iter().filter_map(|of| Some((&of.tenant, of.held.as_ref()?)));
        held.filter(|(_, held)| held.standing.asks())
    }
}

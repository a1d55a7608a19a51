//! `integration remove`: takes an integration out of force, and leaves every account as it is.

use adapters::store::{Store, StoreError};
use domain::ids::{DirectoryId, IntegrationId, TenantId};
use serde::Serialize;

use crate::args::RemoveArgs;
use crate::commands::fleet::{self, Deployed};
use crate::context::Context;
use crate::error::CliError;
use crate::output::{Answer, Exit, Page, Tone, counted};

/// What goes, or would.
#[derive(Debug, Serialize)]
pub(crate) struct Removal {
    id: IntegrationId,
    directory: DirectoryId,
    /// Those that are free for another integration then.
    tenants: Vec<TenantId>,
    /// Accounts of which a person was asked; none if nobody can tell.
    n_held: Option<usize>,
    outcome: Outcome,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Removed,
    /// It was only asked what would go.
    Shown,
}

/// Takes an integration out of force, if that is confirmed.
pub(crate) async fn remove(cx: &Context, args: &RemoveArgs) -> Result<Removal, CliError> {
    let hands = cx.hands().await?;
    let removal = removal(&hands.store, &args.id).await;
    if !args.yes {
        return removal;
    }
    // Also where nothing is in force any more: a removal that ended early may have left something behind.
    hands.in_time()?.operator().remove(&args.id).await?;
    Ok(Removal { outcome: Outcome::Removed, ..removal? })
}

/// What would go.
async fn removal(store: &Store, id: &IntegrationId) -> Result<Removal, CliError> {
    let Deployed { id, directory } = fleet::one(store, id).await?;
    let in_force = fleet::in_force(store, &id).await?;
    let tenants = in_force.map(|integration| integration.tenants.into_iter().map(|tenant| tenant.id).collect()).unwrap_or_default();
    let n_held = match store.tenant_states(&id).await {
        Ok(states) => Some(states.values().filter_map(|state| state.held.as_ref()).map(|head| head.n_actions).sum()),
        // It goes unread.
        Err(StoreError::Corrupt { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    Ok(Removal { id, directory, tenants, n_held, outcome: Outcome::Shown })
}

impl Answer for Removal {
    fn text(&self, page: &Page) -> String {
        let Self { id, directory, tenants, n_held, outcome } = self;
        let tenants: Vec<_> = tenants.iter().map(TenantId::as_str).collect();
        let what = match outcome {
            Outcome::Removed => page.paint(Tone::Good, "removed"),
            Outcome::Shown => page.paint(Tone::Warn, "would be removed"),
        };
        format!(
            "{id}: {what}\n\
             gone: its file, the pending work of {directory}, what was kept of the tenants {}, and {} with the decisions about them\n\
             kept: every account in Orgvue, for nobody is deprovisioned; run records for 90 days, what operators did for 400\n",
            tenants.join(", "),
            n_held.map_or_else(|| "what is held".to_owned(), |n_held| counted(n_held, "held action"))
        )
    }

    fn exit(&self) -> Exit {
        match self.outcome {
            Outcome::Removed => Exit::Done,
            Outcome::Shown => Exit::Attention,
        }
    }

    fn hint(&self) -> Option<String> {
        let Self { id, .. } = self;
        match self.outcome {
            Outcome::Removed => None,
            Outcome::Shown => Some(format!("`orgvue-scim integration show {id}` prints the file to keep; add --yes to remove it")),
        }
    }
}

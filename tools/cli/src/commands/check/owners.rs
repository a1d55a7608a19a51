//! Whether another integration has the directory, a tenant or a dataset: each belongs to one alone.

use adapters::store::Store;
use domain::integration::Integration;
use domain::onboarding::{Check, CheckStep};

use crate::commands::fleet;
use crate::error::CliError;

/// A step for each thing that another integration has. An application finds out again, and takes them at once.
pub(super) async fn steps(store: &Store, integration: &Integration) -> Result<Vec<CheckStep>, CliError> {
    let others = fleet::all(store).await?.integrations.into_iter().filter(|other| other.id != integration.id);
    let taken = fleet::each(others, |other| async move {
        let mut taken = Vec::new();
        if other.directory == integration.directory {
            taken.push(format!("the directory {} belongs to the integration {}", other.directory, other.id));
        }
        if let Ok(file) = fleet::in_force(store, &other.id).await? {
            taken.extend(tenants_in_both(integration, &file));
        }
        Ok(taken)
    });
    let step = |taken| CheckStep::failed(Check::File, taken, "correct the file, or take it out of the other integration first");
    Ok(taken.await?.into_iter().flatten().map(step).collect())
}

fn tenants_in_both(integration: &Integration, other: &Integration) -> Vec<String> {
    let mut taken = Vec::new();
    for (tenant, theirs) in integration.tenants.iter().flat_map(|tenant| other.tenants.iter().map(move |theirs| (tenant, theirs))) {
        if tenant.id == theirs.id {
            taken.push(format!("the tenant {} belongs to the integration {}", tenant.id, other.id));
        }
        // A dataset is the same in whatever case its id is written.
        if tenant.dataset.as_str().eq_ignore_ascii_case(theirs.dataset.as_str()) {
            taken.push(format!("the dataset {} belongs to the integration {}", tenant.dataset, other.id));
        }
    }
    taken
}

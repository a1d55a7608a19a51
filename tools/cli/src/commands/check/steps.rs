//! The steps about the directory and about a dataset.

use domain::directory::Directory;
use domain::guard::Completeness;
use domain::integration::Tenant;
use domain::onboarding::{Check, CheckStep};
use sync::{Obstacle, TenantPreview};

use crate::error::Advice;
use crate::vendors;

/// That the directory was read whole.
pub(super) fn directory(directory: &Directory, n_calls: u64) -> CheckStep {
    let n_active = directory.users.values().filter(|user| user.active).count();
    let counted = directory.active_users_counted;
    match Completeness::judge(n_active, counted) {
        Completeness::Plausible => {
            let (n_users, n_groups) = (directory.users.len(), directory.groups.len());
            let read =
                format!("linked, and read whole with {n_calls} calls: {n_users} users, {n_active} of them active, {n_groups} groups");
            CheckStep::ok(Check::Directory, read)
        }
        Completeness::Doubtful => CheckStep::warning(
            Check::Directory,
            format!("linked, but it counts {} active users and lists {n_active}", counted.unwrap_or_default()),
            "check again in some minutes; as long as they differ, every removal waits for a person",
        ),
    }
}

/// That a tenant's dataset can be worked on.
pub(super) fn dataset(tenant: &Tenant, outcome: &Result<TenantPreview, Obstacle>) -> CheckStep {
    let step = match (outcome, &tenant.api_account) {
        (Ok(seen), Some(_)) => {
            let n_accounts = seen.current.accounts.len();
            CheckStep::ok(Check::Dataset, format!("spelled as the file says, with the api_account among {n_accounts} accounts"))
        }
        (Ok(seen), None) => CheckStep::warning(
            Check::Dataset,
            format!("{} accounts, but nothing proves that it is the right dataset, whole", seen.current.accounts.len()),
            "name the account that owns the API token as api_account; nothing is written without it",
        ),
        (Err(obstacle), _) => {
            let Advice { what, next } = vendors::obstacle(obstacle);
            CheckStep::failed(Check::Dataset, format!("{}: {what}", obstacle.code), next)
        }
    };
    step.tenant(&tenant.id)
}

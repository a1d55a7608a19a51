//! The steps about the directory and about a dataset.

use domain::directory::Directory;
use domain::guard::Completeness;
use domain::integration::Tenant;
use domain::onboarding::{Check, CheckStep};
use sync::{Obstacle, TenantPreview};

use crate::error::Advice;
use crate::output::counted;
use crate::vendors;

/// That the directory was read whole.
pub(super) fn directory(directory: &Directory, n_calls: u64) -> CheckStep {
    let n_active = directory.users().iter().filter(|user| user.active).count();
    let listed = directory.active_users_counted;
    match Completeness::judge(n_active, listed) {
        Completeness::Plausible => {
            let (n_users, n_groups) = (directory.users().len(), directory.groups.len());
            let (calls, users, groups) = (counted(n_calls, "call"), counted(n_users, "user"), counted(n_groups, "group"));
            let read = format!("linked, and read whole with {calls}: {users}, {n_active} of them active, {groups}");
            CheckStep::ok(Check::Directory, read)
        }
        Completeness::Doubtful => CheckStep::warning(
            Check::Directory,
            format!("linked, but it counts {} and lists {n_active}", counted(listed.unwrap_or_default(), "active user")),
            "check again in some minutes; as long as they differ, every removal waits for a person",
        ),
    }
}

/// That a tenant's dataset can be worked on.
pub(super) fn dataset(tenant: &Tenant, outcome: &Result<TenantPreview, Obstacle>) -> CheckStep {
    let step = match (outcome, &tenant.api_account) {
        (Ok(seen), Some(_)) => {
            let n_accounts = seen.current.accounts.len();
            let accounts = counted(n_accounts, "account");
            CheckStep::ok(Check::Dataset, format!("spelled as the file says, with the api_account among {accounts}"))
        }
        (Ok(seen), None) => CheckStep::warning(
            Check::Dataset,
            format!("{}, but nothing proves that it is the right dataset, whole", counted(seen.current.accounts.len(), "account")),
            "name the account that owns the API token as api_account; nothing is written without it",
        ),
        (Err(obstacle), _) => {
            let Advice { what, next } = vendors::obstacle(obstacle);
            CheckStep::failed(Check::Dataset, format!("{}: {what}", obstacle.code), next)
        }
    };
    step.tenant(&tenant.id)
}

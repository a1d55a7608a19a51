//! The tenants of a run go round: at first, where that will do, with no more of the directory than the members of groups of ours; and with the
//! whole list of users those that want it.
//!
//! A member's row is a whole user, so that the members say who is to have an account with which roles. The list of users, which may be many
//! times as long, says who of the others is there still: whoever takes something away from somebody must know. Without it nothing is
//! taken from anybody, and what only it can tell is as old as the last read of it.

use std::collections::BTreeMap;

use adapters::http::Deadline;
use adapters::store::{Claim, StoreError};
use adapters::workos::{DirectoryReader, ReadError};
use domain::directory::{Directory, User};
use domain::finding::Finding;
use domain::group_name;
use domain::ids::{TenantId, UserId};
use domain::integration::{Integration, Tenant};
use domain::snapshot::Snapshot;
use domain::tenant_state::TenantState;
use futures::{StreamExt, stream};

use crate::Deps;
use crate::look::Look;
use crate::run::Opening;
use crate::tenant::{Reconciled, UsersWanted, Writer};

/// What the tenants of a run have in common.
pub(crate) struct Round<'a> {
    pub(crate) deps: &'a Deps,
    pub(crate) claim: &'a Claim,
    pub(crate) opening: &'a Opening,
    pub(crate) deadline: Deadline,
    pub(crate) integration: &'a Integration,
    pub(crate) reader: &'a DirectoryReader,
    /// What the last read saw.
    pub(crate) before: Option<&'a Snapshot>,
    /// As they are when the run begins.
    pub(crate) states: &'a BTreeMap<TenantId, TenantState>,
}

/// What a run read, and how its tenants ended.
pub(crate) struct Rounded {
    pub(crate) directory: Directory,
    pub(crate) is_whole: bool,
    /// What the directory itself was found to lack.
    pub(crate) findings: Vec<Finding>,
    pub(crate) reconciled: Vec<Reconciled>,
    /// Of tenants that were looked at twice, for the first time.
    pub(crate) orgvue_calls: u64,
}

/// The directory could not be read, or not as far as some tenants want it.
pub(crate) struct Unread {
    pub(crate) error: ReadError,
    /// The tenants that did not want what is missing.
    pub(crate) reconciled: Vec<Reconciled>,
    /// Of those that did.
    pub(crate) orgvue_calls: u64,
}

impl Round<'_> {
    /// Reads the directory as far as these tenants need it, and goes round.
    ///
    /// Only that the table does not answer is an error of its own.
    pub(crate) async fn go(&self, tenants: &[&Tenant], with_all_users: bool) -> Result<Result<Rounded, Unread>, StoreError> {
        let wanted = |name: &str| matches!(group_name::parse(name, self.integration), Some(Ok(_)));
        let read =
            if with_all_users { self.reader.read(wanted).await.map(|directory| (directory, true)) } else { self.members(wanted).await };
        let (directory, is_whole) = match read {
            Ok(read) => read,
            Err(error) => return Ok(Err(Unread { error, reconciled: Vec::new(), orgvue_calls: 0 })),
        };
        let (brief, wanting) = self.once(tenants, directory, is_whole).await?;
        if wanting.is_empty() {
            return Ok(Ok(brief));
        }
        let Rounded { directory: members, mut reconciled, orgvue_calls, .. } = brief;
        let directory = match self.reader.complete(members.clone()).await {
            Ok(directory) => directory,
            Err(error) => return Ok(Err(Unread { error, reconciled, orgvue_calls })),
        };
        // The tenants that were made right by the members may have them under the address of before.
        let changed: Vec<UserId> = with_another_address(&members, &directory).map(|user| user.id.clone()).collect();
        reconciled.iter_mut().filter_map(|one| one.renamed.as_mut()).for_each(|renamed| renamed.extend(changed.iter().cloned()));
        drop(members);
        let (whole, _) = self.once(&wanting, directory, true).await?;
        reconciled.extend(whole.reconciled);
        Ok(Ok(Rounded { reconciled, orgvue_calls, ..whole }))
    }

    /// The members of groups of ours. Where one who is new may have the address of somebody else, to whom the account would be another's: all
    /// users, and `true`.
    async fn members(&self, wanted: impl Fn(&str) -> bool) -> Result<(Directory, bool), ReadError> {
        let members = self.reader.read_members(wanted).await?;
        let newcomers = self.before.map(|before| before.newcomers(&members)).unwrap_or_default();
        let will_do = self.reader.are_alone(&newcomers, &members).await?;
        if will_do { Ok((members, false)) } else { Ok((self.reader.complete(members).await?, true)) }
    }

    /// Each tenant on its own, and those that want the list of users, of which a read that is whole leaves none.
    async fn once<'t>(
        &self,
        tenants: &[&'t Tenant],
        directory: Directory,
        is_whole: bool,
    ) -> Result<(Rounded, Vec<&'t Tenant>), StoreError> {
        let Self { deps, claim, opening, deadline, integration, reader, before, states } = *self;
        // As late as can be: a person may have decided while the directory was read.
        let verdicts = deps.store.decisions(&integration.id).await?;
        let look = Look::new(deps, deadline, integration, reader, &directory, is_whole, before);
        let work: Vec<_> = tenants
            .iter()
            .map(|tenant| {
                let writer = Writer { deps, integration, tenant, claim, opening, deadline };
                let state = states.get(&tenant.id).cloned().unwrap_or_default();
                let (look, verdict) = (&look, verdicts.get(&tenant.id));
                async move { (*tenant, writer.reconcile(look, state, verdict).await) }
            })
            .collect();
        let ended: Vec<_> = stream::iter(work).buffer_unordered(deps.config.tenants_at_once).collect().await;
        let (mut reconciled, mut wanting, mut orgvue_calls) = (Vec::new(), Vec::new(), 0);
        for (tenant, outcome) in ended {
            match outcome {
                Ok(one) => reconciled.push(one),
                Err(UsersWanted { orgvue_calls: calls }) => {
                    wanting.push(tenant);
                    orgvue_calls += calls;
                }
            }
        }
        let findings = look.decision.findings;
        Ok((Rounded { directory, is_whole, findings, reconciled, orgvue_calls }, wanting))
    }
}

/// The members who have another address in the whole directory, which was read behind them.
fn with_another_address<'a>(members: &'a Directory, whole: &'a Directory) -> impl Iterator<Item = &'a User> {
    members.users().iter().filter(|user| whole.user(&user.id).is_some_and(|now| now.email != user.email))
}

//! What a run saw: its findings, since when each has been there, and the snapshot that the next run and the operators look at.

use std::collections::BTreeSet;

use adapters::clock::now_ms;
use domain::desired::name_groups;
use domain::directory::Directory;
use domain::finding::Finding;
use domain::ids::{RunId, TenantId, UserId};
use domain::integration::Integration;
use domain::notice::FindingNews;
use domain::snapshot::{Snapshot, Undone};
use domain::tenant_state::worked_on;

use crate::tenant::Reconciled;

/// When what was seen is stored again although it has not changed: an earlier version let it expire.
const SNAPSHOT_AGE_MAX_MS: i64 = 30 * 86_400_000;

/// What a run looks at when it looks back.
pub(crate) struct View<'a> {
    pub(crate) run: &'a RunId,
    pub(crate) integration: &'a Integration,
    pub(crate) directory: &'a Directory,
    /// Whether the list of users was read.
    pub(crate) is_whole: bool,
    pub(crate) before: Option<Snapshot>,
    /// Whether anything waits for a person, in whichever tenant.
    pub(crate) holds: bool,
}

/// What a run saw.
pub(crate) struct Seen {
    /// The run's own findings.
    pub(crate) findings: Vec<Finding>,
    /// How many findings are open, in whichever tenant.
    pub(crate) n_open: usize,
    /// How these differ from those of the run before.
    pub(crate) changes: FindingNews,
    /// The snapshot, if it differs from the stored one.
    pub(crate) news: Option<Snapshot>,
}

impl View<'_> {
    /// `of_the_directory`: what the directory itself was found to lack.
    pub(crate) fn seen(self, of_the_directory: Vec<Finding>, reconciled: &[Reconciled]) -> Seen {
        let Self { run, integration, directory, is_whole: _, ref before, holds } = self;
        let now_ms = now_ms();
        let looked_at: BTreeSet<&TenantId> = reconciled.iter().filter(|one| one.renamed.is_some()).map(|one| &one.record.tenant).collect();
        let others: BTreeSet<TenantId> =
            integration.tenants.iter().map(|tenant| &tenant.id).filter(|tenant| !looked_at.contains(tenant)).cloned().collect();
        let renamed: BTreeSet<UserId> = match others.is_empty() {
            true => reconciled.iter().flat_map(|one| one.renamed.iter().flatten()).cloned().collect(),
            // Nobody knows whether the account under the old address is still there.
            false => directory.users().iter().map(|user| user.id.clone()).collect(),
        };
        let is_unknown = || worked_on(integration).any(|tenant| others.contains(&tenant.id));
        let undone = Undone { renamed: &renamed, holds: holds || is_unknown() };
        let mut snapshot = Snapshot::take(directory, integration, run, now_ms, before.as_ref(), undone);
        snapshot.findings = Snapshot::carried(before.as_ref(), self.found(of_the_directory, reconciled), &others, now_ms);
        let is_of_others =
            |finding: &&Finding| finding.code.is_of_the_dataset() && finding.tenant.as_ref().is_some_and(|tenant| others.contains(tenant));
        let findings = snapshot.findings.iter().filter(|finding| !is_of_others(finding)).cloned().collect();
        let is_known = before.as_ref().is_some_and(|before| is_alike(before, &snapshot));
        let changes = FindingNews::between(before.as_ref().map_or(&[], |before| &before.findings), &snapshot.findings);
        Seen { findings, n_open: snapshot.findings.len(), changes, news: (!is_known).then_some(snapshot) }
    }

    /// What the run has to tell. What the lists said of users who were looked at again no longer counts; and where lists were not whole, what
    /// was told before stays in the place of what they say.
    fn found(&self, by_the_lists: Vec<Finding>, reconciled: &[Reconciled]) -> Vec<Finding> {
        let is_outdated =
            |finding: &Finding| finding.user.as_ref().is_some_and(|user| reconciled.iter().any(|one| one.confirmed.contains(user)));
        let before = self.before.iter();
        let of_the_directory: Vec<Finding> = match reconciled.iter().any(Reconciled::contradicts_the_lists) {
            true => before.flat_map(|before| &before.findings).filter(|told| !told.code.is_of_the_dataset()).cloned().collect(),
            false => {
                let renamed_groups = before.clone().flat_map(|before| before.renamed_groups(self.directory, self.integration));
                let outsiders = before.filter(|_| !self.is_whole).flat_map(|before| before.outsiders(self.directory));
                by_the_lists.into_iter().chain(renamed_groups).chain(outsiders).collect()
            }
        };
        let of_the_tenants = reconciled.iter().flat_map(|one| &one.findings).cloned();
        let mut findings: Vec<Finding> =
            of_the_directory.into_iter().filter(|finding| !is_outdated(finding)).chain(of_the_tenants).collect();
        name_groups(&mut findings, self.directory);
        findings.sort();
        findings.dedup();
        findings
    }
}

/// Whether the second tells nothing that the first does not, which was stored lately.
fn is_alike(before: &Snapshot, now: &Snapshot) -> bool {
    let Snapshot { v: _, run: _, at_ms, groups, users, findings } = now;
    let is_old = at_ms - before.at_ms > SNAPSHOT_AGE_MAX_MS;
    !is_old && before.groups == *groups && before.users == *users && before.findings == *findings
}

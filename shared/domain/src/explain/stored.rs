//! What a snapshot tells of one login, as a directory of the users of that login alone.

use std::collections::BTreeMap;

use crate::desired::Decision;
use crate::directory::{Directory, Group, User};
use crate::finding::{Finding, FindingCode};
use crate::ids::{GroupId, UserId};
use crate::integration::Integration;
use crate::login::Login;
use crate::run::RunRecord;
use crate::snapshot::{SeenUser, Snapshot};

/// The users of the login, or of its account, with their groups under the names of now.
///
/// Every group of the snapshot is there, and those that a finding names: these have no members, for nobody knows them.
pub(super) fn directory(login: &Login, integration: &Integration, snapshot: &Snapshot, last: &[RunRecord]) -> Directory {
    let findings = || snapshot.findings.iter().filter(|finding| !finding.code.is_of_the_dataset());
    let mut names: BTreeMap<GroupId, String> = snapshot.groups.clone();
    // The snapshot may keep the old name of a group that was renamed; the finding has the new one.
    names.extend(findings().filter_map(|finding| Some((finding.group_id.clone()?, finding.group.clone()?))));
    let mut members: BTreeMap<GroupId, Vec<UserId>> = snapshot.groups.keys().map(|id| (id.clone(), Vec::new())).collect();
    let mut users: BTreeMap<UserId, User> = BTreeMap::new();

    let emails = Emails::of(snapshot, last);
    // Who is in no group of ours is kept for the account, which may be there still, and may be in the directory or not.
    for (id, seen) in snapshot.users.iter().filter(|(_, seen)| !seen.groups.is_empty()) {
        let email = emails.of_user(id, seen);
        if seen.login.as_ref() == Some(login) || seen.formerly.contains(login) || email == Some(login) {
            let email = email.map(ToString::to_string);
            users.insert(id.clone(), User { id: id.clone(), idp_id: seen.idp_id.clone(), email, active: seen.active });
            for group in &*seen.groups {
                members.entry(group.clone()).or_default().push(id.clone());
            }
        }
    }
    for finding in findings().filter(|finding| finding.login.as_ref() == Some(login)) {
        let Some(id) = &finding.user else { continue };
        // Findings are about active users only.
        let email = finding.login.as_ref().map(ToString::to_string);
        users.entry(id.clone()).or_insert_with(|| User { id: id.clone(), idp_id: None, email, active: true });
        for name in &finding.groups {
            let known = names.iter().find(|(_, other)| *other == name).map(|(id, _)| id.clone());
            let group = known.unwrap_or_else(|| GroupId::new(name));
            names.insert(group.clone(), name.clone());
            members.entry(group).or_default().push(id.clone());
        }
    }
    let groups = names.into_iter().map(|(id, name)| (id.clone(), Group { id, name })).collect();
    Directory::new(integration.directory.clone(), users, groups, members, None)
}

/// The addresses of now, where they are not those of the accounts.
struct Emails<'a> {
    by_user: BTreeMap<&'a UserId, Option<&'a Login>>,
    renamed: BTreeMap<&'a Login, &'a Login>,
}

impl<'a> Emails<'a> {
    fn of(snapshot: &'a Snapshot, last: &'a [RunRecord]) -> Self {
        let findings = snapshot.findings.iter().filter(|finding| !finding.code.is_of_the_dataset());
        let held = last.iter().filter(|run| run.id >= snapshot.run).flat_map(|run| &run.tenants).flat_map(|tenant| &tenant.held);
        Self {
            by_user: findings.filter_map(|finding| Some((finding.user.as_ref()?, finding.login.as_ref()))).collect(),
            renamed: held.filter_map(|held| Some((&held.login, held.renamed_to.as_ref()?))).collect(),
        }
    }

    /// A finding about a user has the address of now, or none where there is none; so has a removal that is held behind a renaming.
    fn of_user(&self, id: &UserId, seen: &'a SeenUser) -> Option<&'a Login> {
        let former = seen.login.as_ref();
        let renamed = || former.and_then(|former| self.renamed.get(former).copied());
        self.by_user.get(id).copied().unwrap_or_else(|| renamed().or(former))
    }
}

/// What is wrong: of the directory as decided now, each with since when; of datasets and renamed groups as the snapshot has it.
pub(super) fn findings(decision: &Decision, snapshot: &Snapshot) -> Vec<Finding> {
    let since: BTreeMap<_, _> = snapshot.findings.iter().map(|stored| (stored.matter(), stored.since_ms)).collect();
    let dated = |finding: &Finding| Finding { since_ms: since.get(&finding.matter()).copied().flatten(), ..finding.clone() };
    let is_kept = |finding: &&Finding| finding.code.is_of_the_dataset() || finding.code == FindingCode::GroupRenamed;
    decision.findings.iter().map(dated).chain(snapshot.findings.iter().filter(is_kept).cloned()).collect()
}

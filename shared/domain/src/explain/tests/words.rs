//! The words of the tests: a directory of `name: group, group`, what a run stored of it, runs, and what is told in one line.

use std::collections::{BTreeMap, BTreeSet};

use crate::desired::desired;
use crate::directory::{Directory, Group, User};
use crate::explain::Explanation;
use crate::group_name::Role;
use crate::ids::{DirectoryId, GroupId, IntegrationId, RunId, TenantId, UserId};
use crate::integration::{Integration, Mode};
use crate::login::Login;
use crate::message::Reason;
use crate::run::{RunRecord, Status, TenantRecord};
use crate::snapshot::{Snapshot, Undone};

/// 2026-11-22 09:30:00Z
pub(super) const AT_MS: i64 = 1_795_339_800_000;

pub(super) fn integration(tenancy: &str, tenants: &[&str]) -> Integration {
    let mut toml = format!(
        "id = 'acme'\ndirectory = 'directory_1'\nmode = 'enforce'\ntenancy = '{tenancy}'\nprefix = 'IMAPP_Orgvue_SCIM_'\n\
         protected = ['glass@testOrg.com']\nblocked = ['mallory@testOrg.com']\n"
    );
    for (at, id) in tenants.iter().enumerate() {
        toml += &format!("[[tenants]]\nid = '{id}'\ndataset = '0B533DE6-7107-9FCD-48FC-{at:012}'\napi_account = 'sync@orgvue.com'\n");
    }
    Integration::parse(&toml).unwrap()
}

/// Users as `name: group, group`, or `name=address: group` where the address is another; a group's name stands behind the prefix, or whole behind `=`. Every group's members were read.
pub(super) fn directory(people: &[&str]) -> Directory {
    let id = integration("single", &["ACME"]).directory;
    let (mut users, mut all, mut members) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::<_, Vec<_>>::new());
    for line in people {
        let (name, groups) = line.split_once(':').unwrap();
        let (name, address) = name.split_once('=').unwrap_or((name, name));
        let user = User { id: UserId::new(name), idp_id: None, email: Some(format!("{address}@testOrg.com")), active: true };
        for group in groups.split(',').map(str::trim).filter(|group| !group.is_empty()) {
            let name = group.strip_prefix('=').map_or_else(|| format!("IMAPP_Orgvue_SCIM_{group}"), str::to_owned);
            let id = GroupId::new(&name);
            members.entry(id.clone()).or_default().push(user.id.clone());
            all.insert(id.clone(), Group { id, name });
        }
        users.insert(user.id.clone(), user);
    }
    Directory::new(id, users, all, members, None)
}

/// What run `r5` stored of a directory, with the findings of its own time.
pub(super) fn snapshot(directory: &Directory, integration: &Integration) -> Snapshot {
    let undone = Undone { renamed: &BTreeSet::new(), holds: false };
    let snapshot = Snapshot::take(directory, integration, &RunId::new("r5"), AT_MS, None, undone);
    let findings = Snapshot::carried(None, desired(directory, integration).findings, &BTreeSet::new(), AT_MS);
    Snapshot { findings, ..snapshot }
}

pub(super) fn login(name: &str) -> Login {
    Login::as_found(&format!("{name}@testOrg.com"))
}

pub(super) fn tenant() -> TenantId {
    TenantId::parse("ACME").unwrap()
}

/// A run of one tenant.
pub(super) fn run(id: &str, status: Status, tell: impl FnOnce(&mut TenantRecord)) -> RunRecord {
    let mut record = TenantRecord::new(tenant(), Mode::Enforce, status);
    tell(&mut record);
    RunRecord {
        v: 1,
        id: RunId::new(id),
        integration: IntegrationId::parse("acme").unwrap(),
        directory: DirectoryId::parse("directory_1").unwrap(),
        reason: Reason::Webhook,
        generation: 1,
        restores: None,
        status,
        code: None,
        error: None,
        started_at_ms: AT_MS,
        tenants: vec![record],
        findings: Vec::new(),
        workos_calls: 0,
        orgvue_calls: 0,
        seconds: 0.0,
    }
}

/// The decision in the only tenant, what is wrong, and the answers.
pub(super) fn told(explanation: &Explanation) -> String {
    let [tenant] = &explanation.tenants[..] else { panic!("one tenant") };
    let findings = explanation.findings.iter().chain(&tenant.findings).map(|finding| finding.code.as_str());
    let roles = tenant.roles.iter().map(Role::as_str);
    let answers = tenant.answers.iter().map(|answer| format!("{:?}@{}", answer.outcome, answer.run));
    format!(
        "{:?} {:?} [{}] [{}] [{}]",
        explanation.found,
        tenant.decision,
        roles.collect::<Vec<_>>().join(" "),
        findings.collect::<Vec<_>>().join(" "),
        answers.collect::<Vec<_>>().join(" ")
    )
}

pub(super) fn stored(name: &str, people: &[&str], last: &[RunRecord]) -> Explanation {
    let integration = integration("single", &["ACME"]);
    Explanation::from_snapshot(&login(name), &integration, &snapshot(&directory(people), &integration), last)
}

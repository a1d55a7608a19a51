//! What the last read of a directory saw, kept for explaining: who was in which group of ours, and what could not be synced.
//!
//! No account is created, changed or removed on the strength of it, but that who is blocked under an address of before is kept disabled
//! under the one of now. It names a rename where there is one, it may hold a removal back, it
//! says since when something could not be synced, and it lets an operator ask about one login without reading the directory again.
//! It holds personal data: of the users in groups of ours; of those who were in one, while something is held or as long as they are blocked;
//! and of those whom the findings name.

use std::cell::LazyCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::directory::{Directory, User};
use crate::finding::{Finding, FindingCode};
use crate::group_name::{self, GroupName};
use crate::ids::{GroupId, RunId, TenantId, UserId};
use crate::integration::Integration;
use crate::login::Login;
use crate::side_by_side::side_by_side;

/// What the last read saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The version of this format: 1.
    pub v: u8,
    /// The run that read.
    pub run: RunId,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// The groups that gave something, by the name under which they did. A group that was renamed keeps its old name here until what its
    /// members would lose is lost.
    pub groups: BTreeMap<GroupId, String>,
    /// The users in these groups; and those who were in one, while something is held or as long as they are blocked.
    #[serde(deserialize_with = "users_who_share")]
    pub users: BTreeMap<UserId, SeenUser>,
    /// What could not be synced, with since when; also of tenants that the run did not work on.
    pub findings: Vec<Finding>,
}

/// The logins under which users may have an account, by the user: only of those who may have one under another login than that of now.
pub type FormerLogins = BTreeMap<UserId, BTreeSet<Login>>;

/// A user in groups of ours, or who was in one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenUser {
    /// The identity provider's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idp_id: Option<String>,
    /// The user's address, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<Login>,
    /// Addresses of before, under which an account of the user may still be there.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub formerly: BTreeSet<Login>,
    /// Whether the directory has the user as active.
    pub active: bool,
    /// The user's groups of ours. Users in the same groups share them.
    pub groups: Arc<BTreeSet<GroupId>>,
}

/// What a run left undone, of which the snapshot must not forget how it was before.
#[derive(Debug, Clone, Copy)]
pub struct Undone<'a> {
    /// Users whose account under their former login is still there.
    pub renamed: &'a BTreeSet<UserId>,
    /// Whether something is held, or nobody knows: a tenant was not looked at, or not with lists that were whole.
    pub holds: bool,
}

impl Snapshot {
    /// What a directory shows, and what of the snapshot before must be kept.
    pub fn take(
        directory: &Directory,
        integration: &Integration,
        run: &RunId,
        at_ms: i64,
        before: Option<&Self>,
        undone: Undone<'_>,
    ) -> Self {
        let gives = |name: &str| matches!(group_name::parse(name, integration), Some(Ok(_)));
        let mut groups: BTreeMap<GroupId, String> =
            directory.groups.values().filter(|group| gives(&group.name)).map(|group| (group.id.clone(), group.name.clone())).collect();
        if let Some(before) = before.filter(|_| undone.holds) {
            let renamed = before.groups.iter().filter(|(id, _)| directory.groups.contains_key(*id));
            groups.extend(renamed.map(|(id, name)| (id.clone(), name.clone())));
        }
        let former = before.map(|before| before.former_logins(directory)).unwrap_or_default();
        let ours: Vec<&GroupId> = groups.keys().collect();
        let memberships = directory.memberships(ours.iter().copied());
        let sets: Vec<Arc<BTreeSet<GroupId>>> = memberships.each(|set| Arc::new(set.iter().map(|at| ours[*at].clone()).collect()));
        let seen = |((user, login), set): ((&User, &Option<Login>), &usize)| {
            let groups = Arc::clone(&sets[*set]);
            let former = former.get(&user.id);
            (!groups.is_empty()).then(|| (user.id.clone(), SeenUser::of(user, login.as_ref(), groups, former, undone.renamed, integration)))
        };
        let mut users: BTreeMap<UserId, SeenUser> =
            directory.users().iter().zip(directory.logins()).zip(&memberships.of_users).filter_map(seen).collect();
        // Nobody is forgotten outside these groups whose account may be there still. Nor is who is blocked, wherever that is: a read of the members
        // alone does not tell.
        let idp_ids: LazyCell<HashSet<&str>, _> = LazyCell::new(|| users.values().filter_map(|user| user.idp_id.as_deref()).collect());
        let is_back = |gone: &SeenUser| gone.idp_id.as_deref().is_some_and(|idp_id| idp_ids.contains(idp_id));
        let gone = before.into_iter().flat_map(|before| &before.users);
        let gone = gone.filter(|(id, gone)| (undone.holds || gone.is_blocked(integration)) && !users.contains_key(*id) && !is_back(gone));
        let gone = gone.map(|(id, gone)| (id.clone(), SeenUser { active: false, groups: Arc::default(), ..gone.clone() }));
        let gone: Vec<(UserId, SeenUser)> = gone.collect();
        users.extend(gone);
        Self { v: 1, run: run.clone(), at_ms, groups, users, findings: Vec::new() }
    }

    /// Every login under which somebody may have an account who is blocked under one of them.
    pub fn blocked_logins(&self, integration: &Integration) -> BTreeSet<Login> {
        self.users.values().filter(|seen| seen.is_blocked(integration)).flat_map(SeenUser::logins).collect()
    }

    /// The logins under which users of the directory may have an account, as far as this knows, where these are others than that of now. Users
    /// are known again by their id, or by that of the identity provider.
    pub fn former_logins(&self, directory: &Directory) -> FormerLogins {
        let changed = |user: &User, login: &Option<Login>, seen: &SeenUser| {
            let is_as_before = seen.login == *login && seen.formerly.is_empty();
            (!is_as_before).then(|| (user.id.clone(), seen.logins()))
        };
        let now = directory.users().iter().zip(directory.logins()).map(|(user, login)| (&user.id, (user, login)));
        let (mut former, mut others) = (FormerLogins::new(), Vec::new());
        for (_, now, seen) in side_by_side(now, &self.users) {
            match (now, seen) {
                (Some((user, login)), Some(seen)) => former.extend(changed(user, login, seen)),
                (Some(other), None) => others.push(other),
                (None, _) => {}
            }
        }
        // Few users are new, so few of all that were seen are looked up.
        let idp_ids: HashSet<&str> = others.iter().filter_map(|(user, _)| user.idp_id.as_deref()).collect();
        let by_idp_id = self.users.values().filter_map(|seen| Some((seen.idp_id.as_deref()?, seen)));
        let by_idp_id: HashMap<&str, &SeenUser> = by_idp_id.filter(|(idp_id, _)| idp_ids.contains(idp_id)).collect();
        let again = others.into_iter().filter_map(|(user, login)| changed(user, login, by_idp_id.get(user.idp_id.as_deref()?)?));
        former.extend(again);
        former
    }

    /// A finding for each group that gave something under its old name and gives another thing, or nothing, under its new one.
    pub fn renamed_groups(&self, directory: &Directory, integration: &Integration) -> Vec<Finding> {
        let grant = |name: &str| -> Option<GroupName> { group_name::parse(name, integration)?.ok() };
        let finding = |(id, old): (&GroupId, &String)| {
            let group = directory.groups.get(id)?;
            let before = grant(old)?;
            let now = match grant(&group.name) {
                Some(now) if now == before => return None,
                Some(now) => format!("the role {} in {}", now.role, now.tenant),
                None => "nothing".to_owned(),
            };
            let what = format!("the group was {old:?} and gave the role {} in {}; now it gives {now}", before.role, before.tenant);
            Some(Finding::new(FindingCode::GroupRenamed, what).group(id, &group.name).tenant(&before.tenant))
        };
        self.groups.iter().filter_map(finding).collect()
    }

    /// Whether a read of the members alone tells what a whole one would of those who are to have accounts: nobody shared an address with
    /// another user, who may be in no group of ours.
    pub fn is_told_by_members(&self) -> bool {
        !self.findings.iter().any(|finding| finding.code == FindingCode::DuplicateLogin)
    }

    /// The active members with an address that this does not know as theirs. It may be that of somebody who is in no group of ours, whom the
    /// members do not tell of.
    pub fn newcomers<'a>(&self, members: &'a Directory) -> Vec<&'a User> {
        let users = members.users().iter().zip(members.logins());
        let is_known =
            |user: &User, login: &Option<Login>| self.users.get(&user.id).is_some_and(|seen| seen.active && seen.login == *login);
        users.filter(|(user, login)| user.active && login.is_some() && !is_known(user, login)).map(|(user, _)| user).collect()
    }

    /// What was found of users in no group of ours, but for those whom the directory has in one now.
    pub fn outsiders(&self, members: &Directory) -> Vec<Finding> {
        let is_member = |user: &UserId| members.user(user).is_some();
        let findings = self.findings.iter().filter(|finding| finding.is_of_outsiders());
        findings.filter(|finding| !finding.user.as_ref().is_some_and(is_member)).cloned().collect()
    }

    /// The findings of a run, each with since when; and those of the datasets of `others`, the tenants that it did not work on, as they were.
    pub fn carried(before: Option<&Self>, found: Vec<Finding>, others: &BTreeSet<TenantId>, now_ms: i64) -> Vec<Finding> {
        let before = before.map(|before| before.findings.as_slice()).unwrap_or_default();
        let known: BTreeMap<_, _> = before.iter().map(|old| (old.matter(), old.since_ms)).collect();
        let since = |finding: &Finding| known.get(&finding.matter()).copied().flatten();
        let is_of_others =
            |finding: &&Finding| finding.code.is_of_the_dataset() && finding.tenant.as_ref().is_some_and(|tenant| others.contains(tenant));
        let dated = found.into_iter().map(|finding| Finding { since_ms: since(&finding).or(Some(now_ms)), ..finding });
        let mut findings: Vec<Finding> = dated.chain(before.iter().filter(is_of_others).cloned()).collect();
        findings.sort();
        findings
    }

    /// The same without one person.
    #[must_use]
    pub fn without(mut self, login: &Login) -> Self {
        self.users.retain(|_, user| !user.logins().contains(login));
        self.findings.retain(|finding| finding.login.as_ref() != Some(login));
        self
    }
}

/// Users as they were stored: those in the same groups share them again.
fn users_who_share<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<UserId, SeenUser>, D::Error> {
    struct Users;

    impl<'de> Visitor<'de> for Users {
        type Value = BTreeMap<UserId, SeenUser>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("users by their id")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut users: A) -> Result<Self::Value, A::Error> {
            let mut known: HashSet<Arc<BTreeSet<GroupId>>> = HashSet::new();
            let mut shared = Vec::new();
            while let Some((id, mut user)) = users.next_entry::<UserId, SeenUser>()? {
                match known.get(&user.groups) {
                    Some(groups) => user.groups = Arc::clone(groups),
                    None => drop(known.insert(Arc::clone(&user.groups))),
                }
                shared.push((id, user));
            }
            Ok(shared.into_iter().collect())
        }
    }

    deserializer.deserialize_map(Users)
}

impl SeenUser {
    fn of(
        user: &User,
        login: Option<&Login>,
        groups: Arc<BTreeSet<GroupId>>,
        former: Option<&BTreeSet<Login>>,
        renamed: &BTreeSet<UserId>,
        integration: &Integration,
    ) -> Self {
        // A user who lost the address is known by those of before; and nobody becomes another by a new address who is blocked under the old.
        let is_kept = |old: &&Login| login.is_none() || renamed.contains(&user.id) || integration.blocked.contains(*old);
        let formerly = former.into_iter().flatten().filter(is_kept).filter(|old| Some(*old) != login).cloned().collect();
        Self { idp_id: user.idp_id.clone(), login: login.cloned(), formerly, active: user.active, groups }
    }

    /// Whether the integration blocks one of the logins under which an account of the user may be there.
    fn is_blocked(&self, integration: &Integration) -> bool {
        self.login.iter().chain(&self.formerly).any(|login| integration.blocked.contains(login))
    }

    /// Every login under which an account of the user may be there.
    pub fn logins(&self) -> BTreeSet<Login> {
        self.login.iter().chain(&self.formerly).cloned().collect()
    }
}

//! A directory as read in one run: users, groups, memberships.
//!
//! Making one is the reader's promise that the read can be trusted: every list ended, every row was the directory's own,
//! and the directory was linked before and after.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::{DirectoryId, GroupId, UserId};

/// What a directory says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DirectoryState {
    /// The identity provider feeds it.
    Linked,
    /// The connection is being checked, or its credentials fail: what it holds may be old, but it is coming back.
    Unsettled(String),
    /// Unlinked, being deleted, or not there: it no longer speaks for the customer.
    Gone(String),
}

impl DirectoryState {
    /// Reads WorkOS's `state`. A state that we do not know is unsettled: never a reason to remove anybody.
    pub fn parse(state: &str) -> Self {
        match state {
            "linked" | "active" => Self::Linked,
            "unlinked" | "inactive" | "deleting" => Self::Gone(state.to_owned()),
            other => Self::Unsettled(other.to_owned()),
        }
    }
}

/// One user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// WorkOS's id. Not stable: a person who comes back has a new one.
    pub id: UserId,
    /// The identity provider's own id: the same when a person comes back.
    pub idp_id: Option<String>,
    /// The address as the directory gives it, unchecked.
    pub email: Option<String>,
    /// Whether the state is `active`; every other state counts as inactive.
    pub active: bool,
}

/// One group, ours or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// WorkOS's id.
    pub id: GroupId,
    /// The name, as the customer wrote it.
    pub name: String,
}

/// A directory, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directory {
    /// Which one.
    pub id: DirectoryId,
    /// Every user, also those seen only as members of a group.
    pub users: BTreeMap<UserId, User>,
    /// Every group, by id.
    pub groups: BTreeMap<GroupId, Group>,
    /// Who is in which group. Groups that are not ours need not be here.
    pub members: BTreeMap<GroupId, BTreeSet<UserId>>,
    /// How many active users the directory itself counts, where it says so. It may be a little old.
    pub active_users_counted: Option<u64>,
}

impl Directory {
    /// The names of the groups that a user is a member of, among those whose members were read.
    pub fn groups_of(&self, user: &UserId) -> Vec<&str> {
        let groups = self.members.iter().filter(|(_, members)| members.contains(user));
        groups.filter_map(|(group, _)| Some(self.groups.get(group)?.name.as_str())).collect()
    }

    /// Puts what a later read said of one user's groups in the place of what the lists said.
    pub fn correct_memberships(&mut self, user: &UserId, groups: Vec<Group>) {
        for members in self.members.values_mut() {
            members.remove(user);
        }
        for group in groups {
            self.members.entry(group.id.clone()).or_default().insert(user.clone());
            self.groups.insert(group.id.clone(), group);
        }
    }
}

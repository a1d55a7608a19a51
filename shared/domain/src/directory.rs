//! A directory as read in one run: users, groups, memberships.
//!
//! Making one is the reader's promise that the read can be trusted: every list ended, every row was the directory's own,
//! and the directory was linked before and after.

use std::cell::LazyCell;
use std::collections::{BTreeMap, HashMap};
use std::hint::black_box;
use std::sync::Arc;

use crate::ids::{DirectoryId, GroupId, UserId};
use crate::login::Login;
use crate::side_by_side::side_by_side;

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

/// Users whose texts are fetched from memory at once: more than it answers beside each other, and few enough to stay in the cache.
const FETCHED_AT_ONCE: usize = 64;

/// A directory, whole.
///
/// Users are known by their place in the order of their ids, so that nothing that concerns all of them has to look up an id, and their
/// addresses are read and put in order once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directory {
    /// Which one.
    pub id: DirectoryId,
    /// Every group, by id.
    pub groups: BTreeMap<GroupId, Group>,
    /// How many active users the directory itself counts, where it says so. It may be a little old.
    pub active_users_counted: Option<u64>,
    /// In the order of their ids. A copy of the directory shares them.
    users: Arc<[User]>,
    /// Of each user, the address, where it is one.
    logins: Arc<[Option<Login>]>,
    /// The places of the active users in the order of their addresses, first of all of those who have none.
    by_login: Arc<[usize]>,
    /// Of each group whose members were read, the places of its members, in ascending order.
    members: BTreeMap<GroupId, Vec<usize>>,
}

impl Directory {
    /// `users` are all of them, also those seen only as members of a group: who is not there is no member. `members` are those of the groups that
    /// were read; groups that are not ours need not be there.
    pub fn new(
        id: DirectoryId,
        users: BTreeMap<UserId, User>,
        groups: BTreeMap<GroupId, Group>,
        members: impl IntoIterator<Item = (GroupId, Vec<UserId>)>,
        active_users_counted: Option<u64>,
    ) -> Self {
        let users: Arc<[User]> = users.into_values().collect();
        let logins: Arc<[Option<Login>]> = users.iter().map(login_of).collect();
        let by_login = active_by_login(&users, &logins);
        // A member's id is mostly a copy of the user's, which has its text in the same place in memory: no text has to be fetched to find the user.
        let by_pointer: HashMap<*const u8, usize> =
            users.iter().enumerate().map(|(place, user)| (user.id.as_str().as_ptr(), place)).collect();
        let by_id: LazyCell<HashMap<&UserId, usize>, _> =
            LazyCell::new(|| users.iter().enumerate().map(|(place, user)| (&user.id, place)).collect());
        let place = |id: &UserId| by_pointer.get(&id.as_str().as_ptr()).or_else(|| by_id.get(id)).copied();
        let in_order = |(group, ids): (GroupId, Vec<UserId>)| {
            let mut members: Vec<usize> = ids.iter().filter_map(place).collect();
            members.sort_unstable();
            members.dedup();
            (group, members)
        };
        let members = members.into_iter().map(in_order).collect();
        Self { id, groups, active_users_counted, users, logins, by_login, members }
    }

    /// The same with users of a later read, which are right where both have one.
    #[must_use]
    pub fn with_users(self, mut later: BTreeMap<UserId, User>) -> Self {
        let Self { users: before, logins: logins_before, members, .. } = self;
        let missing = side_by_side(before.iter().map(|user| (&user.id, user)), &later).filter(|(.., now)| now.is_none());
        let mut missing = missing.filter_map(|(id, was, _)| Some((id.clone(), was?.clone()))).collect();
        later.append(&mut missing);
        // Everybody of before is there still, in the same order: where, by where they were. Who has the same address has the same login.
        let mut places = Vec::with_capacity(before.len());
        let mut logins = Vec::with_capacity(later.len());
        let by_id = before.iter().zip(logins_before.iter()).map(|(user, login)| (&user.id, (user, login)));
        for (place, (_, was, now)) in side_by_side(by_id, &later).enumerate() {
            places.extend(was.map(|_| place));
            logins.push(match was {
                Some((user, login)) if now.is_some_and(|now| now.email == user.email) => login.clone(),
                Some(_) | None => now.and_then(login_of),
            });
        }
        let moved = |(group, members): (_, Vec<usize>)| (group, members.into_iter().map(|place| places[place]).collect());
        let members = members.into_iter().map(moved).collect();
        let users: Arc<[User]> = later.into_values().collect();
        let by_login = active_by_login(&users, &logins);
        Self { users, logins: logins.into(), by_login, members, ..self }
    }

    /// Every user, in the order of their ids.
    pub fn users(&self) -> &[User] {
        &self.users
    }

    /// One user.
    pub fn user(&self, id: &UserId) -> Option<&User> {
        Some(&self.users[self.place(id)?])
    }

    /// The users' addresses, where they are such, in the order of the users.
    pub fn logins(&self) -> &[Option<Login>] {
        &self.logins
    }

    /// The active user with this address, if it is that of one alone.
    pub fn active_user(&self, login: &Login) -> Option<&User> {
        let login_at = |place: &usize| self.logins[*place].as_ref();
        let (_, from) = self.by_login.split_at(self.by_login.partition_point(|place| login_at(place) < Some(login)));
        let mut same = from.iter().take_while(|place| login_at(place) == Some(login)).map(|place| &self.users[*place]);
        same.next().filter(|_| same.next().is_none())
    }

    /// The places of the active users with the same address, one address after the other, first of all of those who have none.
    pub(crate) fn by_login(&self) -> impl Iterator<Item = &[usize]> {
        let (mut blocks, mut n_given) = (self.by_login.chunks(FETCHED_AT_ONCE), 0_usize);
        self.by_login.chunk_by(|a, b| self.logins[*a] == self.logins[*b]).inspect(move |same| {
            for _ in *same {
                if n_given.is_multiple_of(FETCHED_AT_ONCE) {
                    blocks.next().into_iter().for_each(|block| self.fetch(block));
                }
                n_given += 1;
            }
        })
    }

    /// Looks at what is about to be asked of users who lie anywhere, one right behind the other: so memory is waited for once, and not once
    /// for each of them.
    fn fetch(&self, places: &[usize]) {
        for place in places {
            let login = self.logins[*place].as_ref().map(Login::as_str).unwrap_or_default();
            black_box([self.users[*place].id.as_str(), login].map(|text| text.as_bytes().first().copied()));
        }
    }

    /// The members of a group, in the order of their ids; none if they were not read.
    pub fn members(&self, group: &GroupId) -> Option<impl ExactSizeIterator<Item = &User>> {
        Some(self.members.get(group)?.iter().map(|place| &self.users[*place]))
    }

    /// The names of the groups that a user is a member of, among those whose members were read.
    pub fn groups_of(&self, user: &UserId) -> Vec<&str> {
        let Some(place) = self.place(user) else { return Vec::new() };
        let groups = self.members.iter().filter(|(_, members)| members.binary_search(&place).is_ok());
        groups.filter_map(|(group, _)| Some(self.groups.get(group)?.name.as_str())).collect()
    }

    /// Who is in which of these groups.
    pub(crate) fn memberships<'a>(&self, groups: impl IntoIterator<Item = &'a GroupId>) -> Memberships {
        let mut memberships = Memberships { sets: vec![None], of_users: vec![0; self.users.len()] };
        for (at, group) in groups.into_iter().enumerate() {
            memberships.add(at, self.places(group));
        }
        memberships
    }

    /// The places of the members of a group, in ascending order.
    pub(crate) fn places(&self, group: &GroupId) -> &[usize] {
        self.members.get(group).map(Vec::as_slice).unwrap_or_default()
    }

    /// Puts what a later read said of the groups of one of the users in the place of what the lists said.
    pub fn correct_memberships(&mut self, user: &UserId, groups: Vec<Group>) {
        let Some(user) = self.place(user) else { return };
        for members in self.members.values_mut() {
            if let Ok(at) = members.binary_search(&user) {
                members.remove(at);
            }
        }
        for group in groups {
            let members = self.members.entry(group.id.clone()).or_default();
            if let Err(at) = members.binary_search(&user) {
                members.insert(at, user);
            }
            self.groups.insert(group.id.clone(), group);
        }
    }

    /// Where a user is in the order of the users.
    pub(crate) fn place(&self, id: &UserId) -> Option<usize> {
        self.users.binary_search_by(|user| user.id.cmp(id)).ok()
    }
}

/// The places of the active ones in the order of their addresses. To sort the texts takes half the time that it takes to sort the logins.
fn active_by_login(users: &[User], logins: &[Option<Login>]) -> Arc<[usize]> {
    let active = users.iter().zip(logins).enumerate().filter(|(_, (user, _))| user.active);
    let mut folded: Vec<(Option<&str>, usize)> = active.map(|(place, (_, login))| (login.as_ref().map(Login::folded), place)).collect();
    folded.sort_unstable();
    folded.into_iter().map(|(_, place)| place).collect()
}

/// A user's address, where it is one.
fn login_of(user: &User) -> Option<Login> {
    Login::parse(user.email.as_deref()?).ok()
}

/// Who is in which of a list of groups. Many users are in the same groups, and what follows from these is worked out once.
pub(crate) struct Memberships {
    /// Sets of groups: each is another set and one group more, but for the first, which is empty.
    sets: Vec<Option<(usize, usize)>>,
    /// Of each user of the directory, in the same order, which set.
    pub(crate) of_users: Vec<usize>,
}

impl Memberships {
    /// The hash map is only asked for one member after the other: its order is nowhere to be seen.
    fn add(&mut self, group: usize, members: &[usize]) {
        let mut with_group: HashMap<usize, usize> = HashMap::new();
        for member in members {
            let set = &mut self.of_users[*member];
            *set = *with_group.entry(*set).or_insert_with(|| {
                self.sets.push(Some((*set, group)));
                self.sets.len() - 1
            });
        }
    }

    /// What follows from each set that a user has, given the places of its groups in the list, in ascending order.
    pub(crate) fn each<T: Default>(&self, follows: impl Fn(&[usize]) -> T) -> Vec<T> {
        let mut is_there = vec![false; self.sets.len()];
        self.of_users.iter().for_each(|set| is_there[*set] = true);
        let follows = |(set, is_there)| if is_there { follows(&self.groups(set)) } else { T::default() };
        is_there.into_iter().enumerate().map(follows).collect()
    }

    fn groups(&self, set: usize) -> Vec<usize> {
        let mut ahead = self.sets[set];
        let back = std::iter::from_fn(|| {
            let (rest, group) = ahead?;
            ahead = self.sets[rest];
            Some(group)
        });
        let mut groups: Vec<usize> = back.collect();
        groups.reverse();
        groups
    }
}

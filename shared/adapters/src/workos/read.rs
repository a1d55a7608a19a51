//! One run's reading of one directory.

use std::collections::BTreeMap;
use std::collections::hash_map::{Entry, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};

use domain::directory::{Directory, DirectoryState, Group, User};
use domain::ids::{DirectoryId, GroupId, UserId};
use futures::{StreamExt, TryStreamExt, stream};

use super::again::Again;
use super::list::{List, PAGE_ROWS, Seen};
use super::pace::{Pace, Throttle};
use super::wire::{self, GroupRow, Kept, Page, Row as _, UserRow};
use super::{Distrust, ReadError, WorkOs};
use crate::http::{Calls, Deadline};

/// Lists of members that are read at the same time: enough that the limit, and not the latency, sets the pace.
const LISTS_AT_ONCE: usize = 4;

/// Reads one directory for one run: it counts the run's calls, keeps its deadline, and keeps to WorkOS's limit over all of them.
#[derive(Debug)]
pub struct DirectoryReader {
    pub(super) workos: WorkOs,
    pub(super) directory: DirectoryId,
    pub(super) calls: Calls,
    pub(super) throttle: Throttle,
    pub(super) again: Again,
    /// Over all that the run reads: what is slow between two reads is not the directory's size.
    pace: Pace,
    pages: AtomicU64,
}

impl DirectoryReader {
    pub(super) fn new(workos: WorkOs, directory: DirectoryId, deadline: Deadline) -> Self {
        let calls = Calls::new(deadline, workos.timeout);
        let throttle = Throttle::new(workos.users_interval);
        let pace = Pace::new(&throttle, deadline);
        let again = Again::new(workos.users_interval);
        Self { workos, directory, calls, throttle, again, pace, pages: AtomicU64::new(0) }
    }

    /// Reads the whole directory: its users, its groups, and the members of the groups whose name is `wanted`.
    ///
    /// A call for every page of 100 rows, once more for those of the groups, and two for the directory itself. It is no snapshot: of two rows of one user the later one is right, a
    /// user seen only as a member is a user, and whoever moves between two groups meanwhile may seem to be in neither
    /// ([`groups_of`](Self::groups_of) tells).
    ///
    /// # Errors
    /// [`ReadError`] when there is no read to trust; there is never a part of one.
    pub async fn read(&self, wanted: impl Fn(&str) -> bool) -> Result<Directory, ReadError> {
        let before = self.linked().await?;
        let users = self.users(&before).await?;
        let directory = self.beside(users, wanted).await?;
        self.counted(directory, &before).await
    }

    /// Reads the groups, and of the users only the members of groups whose name is `wanted`. Whoever is in none
    /// of them is not there, be it as active as can be, so that nobody can be told to have left; [`complete`](Self::complete) makes it whole.
    ///
    /// # Errors
    /// [`ReadError`], as for [`read`](Self::read).
    pub async fn read_members(&self, wanted: impl Fn(&str) -> bool) -> Result<Directory, ReadError> {
        let before = self.linked().await?;
        let directory = self.beside(BTreeMap::new(), wanted).await?;
        self.counted(directory, &before).await
    }

    /// Reads the users of a directory of which [`read_members`](Self::read_members) read the members. The later row is right here, too: that of
    /// the list of users. Who is a member and not in it is a user all the same.
    ///
    /// # Errors
    /// [`ReadError`], as for [`read`](Self::read).
    pub async fn complete(&self, members: Directory) -> Result<Directory, ReadError> {
        let before = self.linked().await?;
        let users = self.users(&before).await?;
        self.counted(members.with_users(users), &before).await
    }

    /// Whether each of these users, who are among the members that [`read_members`](Self::read_members) read, is the only active one with the
    /// address, also among those who are in no group of ours. Each takes a call; where the list of users takes fewer, it is not asked.
    ///
    /// WorkOS does not say whether it [compares addresses](https://workos.com/docs/reference/directory-sync/directory-user) with regard to case:
    /// if so, another spelling of the same address is not found. An answer in which the user is not, or others are, is a no.
    ///
    /// # Errors
    /// [`ReadError`], as for [`read`](Self::read).
    pub async fn are_alone(&self, users: &[&User], members: &Directory) -> Result<bool, ReadError> {
        let n_users = members.active_users_counted.unwrap_or(0).max(members.users().len() as u64);
        if users.len() as u64 > n_users.div_ceil(PAGE_ROWS) {
            return Ok(false);
        }
        for user in users {
            let list = List::UsersAt { directory: &self.directory, email: user.email.as_deref().unwrap_or_default() };
            // Without the pace: these calls are none of the directory's size.
            let found = self.list(list, None, |body| self.user_page(body, User::from)).await?;
            let mut active = found.iter().map(|seen| &seen.row).filter(|found| found.active);
            if !(active.next().is_some_and(|found| found.id == user.id) && active.next().is_none()) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The list of users. Of a user who is there twice the later row stays.
    async fn users(&self, before: &wire::Directory) -> Result<BTreeMap<UserId, User>, ReadError> {
        self.pace.begin(1, before.users().div_ceil(PAGE_ROWS));
        let rows = self.list(List::Users(&self.directory), Some(&self.pace), |body| self.user_page(body, User::from)).await?;
        Ok(rows.into_iter().map(|seen| (seen.row.id.clone(), seen.row)).collect())
    }

    async fn groups(&self) -> Result<BTreeMap<GroupId, Group>, ReadError> {
        Ok(by_id(self.list(List::Groups(&self.directory), None, |body| self.group_page(body)).await?))
    }

    /// The groups and members, beside users who were read before. The members of a group are given what its name gives, so it has to be the same
    /// behind them.
    async fn beside(&self, mut users: BTreeMap<UserId, User>, wanted: impl Fn(&str) -> bool) -> Result<Directory, ReadError> {
        let groups = self.groups().await?;
        let ours: Vec<GroupId> = groups.values().filter(|group| wanted(&group.name)).map(|group| group.id.clone()).collect();
        let lists = self.members(ours, &users).await?;
        let later = self.groups().await?;
        if lists.iter().any(|(group, _)| later.get(group).is_some_and(|later| later.name != groups[group].name)) {
            return Err(ReadError::Untrusted { what: List::Groups(&self.directory).to_string(), why: Distrust::Renamed });
        }
        let ids = |rows: &[Seen<Member>]| rows.iter().map(|seen| seen.row.id.clone()).collect();
        let members: Vec<(GroupId, Vec<UserId>)> = lists.iter().map(|(group, rows)| (group.clone(), ids(rows))).collect();
        users.append(&mut latest(lists).map(|user| (user.id.clone(), user)).collect());
        Ok(Directory::new(self.directory.clone(), users, groups, members, None))
    }

    /// The same, if the directory still speaks for its customer, with what it counts.
    async fn counted(&self, mut directory: Directory, before: &wire::Directory) -> Result<Directory, ReadError> {
        let after = self.linked().await?;
        directory.active_users_counted = after.active_users().or_else(|| before.active_users());
        Ok(directory)
    }

    /// All groups that a user is in now, ours or not. Not under the limit of `/directory_users`, but at a pace of its own.
    ///
    /// A user who is not there is in no group. That, and a user without groups, is believed only of a directory that is still linked.
    ///
    /// # Errors
    /// [`ReadError`], as for [`read`](Self::read).
    pub async fn groups_of(&self, user: &UserId) -> Result<Vec<Group>, ReadError> {
        match self.list(List::GroupsOf(user), None, |body| self.group_page(body)).await {
            Ok(rows) if rows.is_empty() => {
                self.again.throttle.ready().await;
                self.linked().await.map(|_| Vec::new())
            }
            Ok(rows) => Ok(by_id(rows).into_values().collect()),
            // That the directory itself is there and linked was asked before this error was made.
            Err(ReadError::Untrusted { why: Distrust::NotFound, .. }) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Reads the directory itself only, to find out whether it speaks for its customer.
    ///
    /// # Errors
    /// [`ReadError`] when it does not, or nobody can tell.
    pub async fn check(&self) -> Result<(), ReadError> {
        self.linked().await.map(|_| ())
    }

    /// Requests sent so far, retries included.
    pub fn calls(&self) -> u64 {
        self.calls.count()
    }

    /// The directory, if it speaks for its customer.
    pub(super) async fn linked(&self) -> Result<wire::Directory, ReadError> {
        let url = self.workos.url(["directories", self.directory.as_str()]);
        let directory = self.get(url, None, wire::directory).await.map_err(|error| match self.failed(&self.directory, error, None) {
            ReadError::Untrusted { why: Distrust::NotFound, .. } => ReadError::NotFound,
            error => error,
        })?;
        if directory.id != self.directory.as_str() {
            return Err(ReadError::Untrusted { what: self.directory.to_string(), why: Distrust::Foreign });
        }
        match DirectoryState::parse(&directory.state) {
            DirectoryState::Linked => Ok(directory),
            DirectoryState::Unsettled(state) => Err(ReadError::Unsettled { state }),
            DirectoryState::Gone(state) => Err(ReadError::Gone { state }),
        }
    }

    /// The members of these groups, beside what the list of users said of them.
    async fn members(&self, groups: Vec<GroupId>, users: &BTreeMap<UserId, User>) -> Result<Vec<Members>, ReadError> {
        let n_lists = groups.len().try_into().unwrap_or(u64::MAX);
        self.pace.begin(n_lists, n_lists);
        let users = &users.iter().map(|(id, user)| (id.as_str(), user)).collect();
        stream::iter(groups)
            .map(|group| async move {
                let rows = self
                    .list(List::Members(&group), Some(&self.pace), |body| self.user_page(body, |row| Member::beside(users, row)))
                    .await?;
                Ok((group, rows))
            })
            .buffer_unordered(LISTS_AT_ONCE)
            .try_collect()
            .await
    }

    fn user_page<'a, K>(&self, body: &'a [u8], keep: impl Fn(UserRow<'a>) -> K) -> Result<Page<K>, Distrust> {
        wire::page(body, &self.directory, keep)
    }

    fn group_page(&self, body: &[u8]) -> Result<Page<Group>, Distrust> {
        wire::page(body, &self.directory, |row: GroupRow<'_>| Group::from(row))
    }

    pub(super) fn next_page_number(&self) -> u64 {
        self.pages.fetch_add(1, Ordering::Relaxed)
    }
}

fn by_id(rows: Vec<Seen<Group>>) -> BTreeMap<GroupId, Group> {
    rows.into_iter().map(|seen| (seen.row.id.clone(), seen.row)).collect()
}

/// The members of one group.
type Members = (GroupId, Vec<Seen<Member>>);

/// A member, as a list of members has it. Most are as in the list of users, where it was read, of which nothing is kept a second time.
#[derive(Debug)]
struct Member {
    id: UserId,
    /// The row, where it is another than in the list of users.
    news: Option<Box<User>>,
}

impl Member {
    fn beside(users: &HashMap<&str, &User>, row: UserRow<'_>) -> Self {
        match users.get(row.id()) {
            Some(user) if row.is(user) => Self { id: user.id.clone(), news: None },
            Some(_) | None => {
                let user = Box::new(User::from(row));
                Self { id: user.id.clone(), news: Some(user) }
            }
        }
    }
}

impl Kept for Member {
    fn id(&self) -> &str {
        self.id.as_str()
    }
}

/// The users of whom the list of users is not right any more, for it was read first and what a later page said was other; and those whom it
/// does not have. Mostly there are none; in which order they come is nowhere to be seen.
fn latest(lists: Vec<Members>) -> impl Iterator<Item = User> {
    let has_news = lists.iter().flat_map(|(_, rows)| rows).any(|seen| seen.row.news.is_some());
    let mut latest: HashMap<UserId, Seen<Member>> = HashMap::new();
    for seen in lists.into_iter().filter(|_| has_news).flat_map(|(_, rows)| rows) {
        match latest.entry(seen.row.id.clone()) {
            Entry::Vacant(free) => drop(free.insert(seen)),
            Entry::Occupied(mut kept) if kept.get().page <= seen.page => drop(kept.insert(seen)),
            Entry::Occupied(_) => {}
        }
    }
    // The last of them may be as at first.
    latest.into_values().filter_map(|seen| seen.row.news).map(|user| *user)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn user(email: &str) -> User {
        User { id: UserId::new("ada"), idp_id: None, email: Some(email.to_owned()), active: true }
    }

    fn told(pages: &[(u64, &str)]) -> Vec<String> {
        let first = user("first");
        let users = HashMap::from([("ada", &first)]);
        let list = |(page, email): &(u64, &str)| {
            let row = json!({ "id": "ada", "directory_id": "d", "state": "active", "email": email }).to_string();
            let row = serde_json::from_str(&row).unwrap();
            (GroupId::new(page.to_string()), vec![Seen { row: Member::beside(&users, row), page: *page }])
        };
        latest(pages.iter().map(list).collect()).filter_map(|user| user.email).collect()
    }

    #[test]
    fn the_row_of_the_latest_page_is_right_whichever_list_ended_first() {
        assert_eq!(told(&[(7, "later"), (6, "between")]), ["later"]);
        assert_eq!(told(&[(6, "between"), (7, "later")]), ["later"]);
        assert_eq!(told(&[(6, "first"), (7, "later")]), ["later"]);
    }

    #[test]
    fn a_row_that_is_again_as_at_first_is_no_news() {
        assert_eq!(told(&[(6, "first")]), [""; 0]);
        assert_eq!(told(&[(7, "first"), (6, "between")]), [""; 0]);
    }
}

//! One run's reading of one directory.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use domain::directory::{Directory, DirectoryState, Group, User};
use domain::ids::{DirectoryId, GroupId, UserId};
use futures::{StreamExt, TryStreamExt, stream};

use super::list::{List, PAGE_ROWS, Seen};
use super::pace::{Pace, Throttle};
use super::wire::{self, GroupRow, UserRow};
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
    pages: AtomicU64,
}

impl DirectoryReader {
    pub(super) fn new(workos: WorkOs, directory: DirectoryId, deadline: Deadline) -> Self {
        let calls = Calls::new(deadline, workos.timeout);
        let throttle = Throttle::new(workos.users_interval);
        Self { workos, directory, calls, throttle, pages: AtomicU64::new(0) }
    }

    /// Reads the whole directory: its users, its groups, and the members of the groups whose name is `wanted`.
    ///
    /// A call for every page of 100 rows and two for the directory itself. It is no snapshot: of two rows of one user the later one is right, a
    /// user seen only as a member is a user, and whoever moves between two groups meanwhile may seem to be in neither
    /// ([`groups_of`](Self::groups_of) tells).
    ///
    /// # Errors
    /// [`ReadError`] when there is no read to trust; there is never a part of one.
    pub async fn read(&self, wanted: impl Fn(&str) -> bool) -> Result<Directory, ReadError> {
        let before = self.linked().await?;
        let pace = Pace::new(&self.throttle, self.calls.deadline());
        pace.begin(1, before.users().div_ceil(PAGE_ROWS));
        let users = self.list::<UserRow>(List::Users(&self.directory), Some(&pace)).await?;
        let groups = self.list::<GroupRow>(List::Groups(&self.directory), None).await?;
        let groups = by_id(groups);
        let ours: Vec<GroupId> = groups.values().filter(|group| wanted(&group.name)).map(|group| group.id.clone()).collect();
        let lists = self.members(ours, &pace).await?;
        let after = self.linked().await?;

        let mut latest = Latest::default();
        for seen in users {
            latest.keep(seen);
        }
        let members = lists.into_iter().map(|(group, rows)| (group, rows.into_iter().map(|seen| latest.keep(seen)).collect())).collect();
        Ok(Directory {
            id: self.directory.clone(),
            users: latest.into_users(),
            groups,
            members,
            active_users_counted: after.active_users().or_else(|| before.active_users()),
        })
    }

    /// All groups that a user is in now, ours or not. Not under the limit of `/directory_users`.
    ///
    /// A user who is not there is in no group. That, and a user without groups, is believed only of a directory that is still linked.
    ///
    /// # Errors
    /// [`ReadError`], as for [`read`](Self::read).
    pub async fn groups_of(&self, user: &UserId) -> Result<Vec<Group>, ReadError> {
        match self.list::<GroupRow>(List::GroupsOf(user), None).await {
            Ok(rows) if rows.is_empty() => self.linked().await.map(|_| Vec::new()),
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

    async fn members(&self, groups: Vec<GroupId>, pace: &Pace) -> Result<Vec<(GroupId, Vec<Seen<UserRow>>)>, ReadError> {
        let n_lists = groups.len().try_into().unwrap_or(u64::MAX);
        pace.begin(n_lists, n_lists);
        stream::iter(groups)
            .map(|group| async move {
                let rows = self.list(List::Members(&group), Some(pace)).await?;
                Ok((group, rows))
            })
            .buffer_unordered(LISTS_AT_ONCE)
            .try_collect()
            .await
    }

    pub(super) fn next_page_number(&self) -> u64 {
        self.pages.fetch_add(1, Ordering::Relaxed)
    }
}

fn by_id(rows: Vec<Seen<GroupRow>>) -> BTreeMap<GroupId, Group> {
    rows.into_iter().map(|seen| Group::from(seen.row)).map(|group| (group.id.clone(), group)).collect()
}

/// The latest row of every user.
#[derive(Default)]
struct Latest(BTreeMap<UserId, Seen<User>>);

impl Latest {
    /// Keeps the row if none of a later page is there.
    fn keep(&mut self, Seen { row, page }: Seen<UserRow>) -> UserId {
        let user = User::from(row);
        let id = user.id.clone();
        if self.0.get(&id).is_none_or(|kept| kept.page <= page) {
            self.0.insert(id.clone(), Seen { row: user, page });
        }
        id
    }

    fn into_users(self) -> BTreeMap<UserId, User> {
        self.0.into_iter().map(|(id, seen)| (id, seen.row)).collect()
    }
}

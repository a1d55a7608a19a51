//! Lists, followed page by page until they end.
//!
//! `order=asc` is sent always: without it WorkOS may answer in its `normal` order, in which the next page is not under `after` and a list
//! seems to end after one page. In ascending order rows that are made meanwhile come last, so that they are seen.
//!
//! What WorkOS does when the row of a cursor is deleted between two pages is undocumented, and it happens: by default a user who becomes
//! inactive is deleted. Whatever looks like it begins the list anew, from nothing.

use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use domain::ids::{DirectoryId, GroupId, UserId};
use reqwest::StatusCode;
use url::Url;

use super::pace::{Pace, Throttle};
use super::read::DirectoryReader;
use super::wire::{self, Kept, Page};
use super::{Distrust, ReadError};
use crate::clock;
use crate::http::{CallError, Effect};

/// Rows of a page: the most that WorkOS gives.
pub(super) const PAGE_ROWS: u64 = 100;
/// Most pages of a list of users: a million users is more than any customer has, and ends a list that never would.
const USER_PAGES_MAX: usize = 10_000;
/// Most pages of a list of groups, for the same reason.
const GROUP_PAGES_MAX: usize = 1_000;
/// Largest answer: a page of users with all custom attributes has some 300 KB.
const PAGE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Most times that a list is begun anew. A directory in which the row of a cursor is deleted each time is read later.
const RESTARTS_MAX: usize = 2;
/// Most tries to get an answer of the right shape.
const SHAPE_TRIES_MAX: usize = 3;
/// Wait between those.
const SHAPE_WAIT: Duration = Duration::from_millis(200);

/// A list that WorkOS has.
#[derive(Debug, Clone, Copy)]
pub(super) enum List<'a> {
    Users(&'a DirectoryId),
    UsersAt { directory: &'a DirectoryId, email: &'a str },
    Groups(&'a DirectoryId),
    Members(&'a GroupId),
    GroupsOf(&'a UserId),
}

impl List<'_> {
    /// The path, and the parameter that says of what; it is `directory`, not `directory_id`.
    fn route(&self) -> (&'static str, &'static str, &str) {
        match self {
            Self::Users(directory) | Self::UsersAt { directory, email: _ } => ("directory_users", "directory", directory.as_str()),
            Self::Groups(directory) => ("directory_groups", "directory", directory.as_str()),
            Self::Members(group) => ("directory_users", "group", group.as_str()),
            Self::GroupsOf(user) => ("directory_groups", "user", user.as_str()),
        }
    }

    fn pages_max(&self) -> usize {
        match self {
            Self::Users(_) | Self::UsersAt { .. } | Self::Members(_) => USER_PAGES_MAX,
            Self::Groups(_) | Self::GroupsOf(_) => GROUP_PAGES_MAX,
        }
    }
}

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Users(directory) => write!(f, "users of {directory}"),
            Self::UsersAt { directory, email: _ } => write!(f, "users of {directory} at one address"),
            Self::Groups(directory) => write!(f, "groups of {directory}"),
            Self::Members(group) => write!(f, "members of {group}"),
            Self::GroupsOf(user) => write!(f, "groups of {user}"),
        }
    }
}

/// What is kept of a row, and when it came: of two rows of one user the later one is right.
#[derive(Debug)]
pub(super) struct Seen<K> {
    pub(super) row: K,
    /// The number of the page among all pages of the reader.
    pub(super) page: u64,
}

/// How one pass over a list ended.
enum Pass<K> {
    Whole(Vec<Seen<K>>),
    Broken {
        why: Distrust,
        /// The last cursor that was sent.
        cursor: Option<String>,
        pages: u64,
    },
}

/// Why there is no answer to use.
pub(super) enum GetError {
    Call(CallError),
    Distrust(Distrust),
}

impl DirectoryReader {
    /// What is to be kept of all rows of a list that ended, page by page as `read` keeps it. Lists under the limit of `/directory_users` come with
    /// their pace.
    pub(super) async fn list<K: Kept>(
        &self,
        list: List<'_>,
        pace: Option<&Pace>,
        read: impl Fn(&[u8]) -> Result<Page<K>, Distrust>,
    ) -> Result<Vec<Seen<K>>, ReadError> {
        let mut n_passes = 0;
        let mut empty_behind = None;
        loop {
            n_passes += 1;
            let (why, cursor, pages) = match self.pass(list, pace, empty_behind.as_deref(), &read).await? {
                Pass::Whole(rows) => return Ok(rows),
                Pass::Broken { why, cursor, pages } => (why, cursor, pages),
            };
            if n_passes > RESTARTS_MAX {
                return Err(ReadError::Untrusted { what: list.to_string(), why });
            }
            tracing::warn!(directory.id = %self.directory, %list, %why, pages, "a list of the directory is begun anew");
            if let Some(pace) = pace {
                pace.pages_lost(pages);
            }
            empty_behind = cursor.filter(|_| why == Distrust::EmptyPage);
        }
    }

    /// Follows a list once. An empty page behind a cursor is its end only if a pass before came to it behind the same cursor: then the row of
    /// the cursor is still there, and whatever followed it is not.
    async fn pass<K: Kept>(
        &self,
        list: List<'_>,
        pace: Option<&Pace>,
        empty_behind: Option<&str>,
        read: impl Fn(&[u8]) -> Result<Page<K>, Distrust>,
    ) -> Result<Pass<K>, ReadError> {
        let mut rows = Vec::new();
        // Hashes will do: a page is only taken for a repeated one if each of its rows has the hash of an earlier one.
        let (mut ids, hasher) = (HashSet::new(), RandomState::new());
        let mut cursors = HashSet::new();
        let mut cursor: Option<String> = None;
        let mut pages = 0;
        let why = loop {
            if cursors.len() == list.pages_max() {
                let why = Distrust::TooManyPages { pages_max: list.pages_max() };
                return Err(ReadError::Untrusted { what: list.to_string(), why });
            }
            let Some(page) = self.page(list, pace, cursor.as_deref(), &read).await? else { break Distrust::RefusedCursor };
            let number = self.next_page_number();
            let n_before = ids.len();
            ids.extend(page.rows.iter().map(|row| hasher.hash_one(row.id())));
            if cursor.is_some() && page.rows.is_empty() && page.after.is_none() && cursor.as_deref() != empty_behind {
                break Distrust::EmptyPage;
            }
            if !page.rows.is_empty() && ids.len() == n_before {
                break Distrust::RepeatedRows;
            }
            rows.extend(page.rows.into_iter().map(|row| Seen { row, page: number }));
            if let Some(next) = &page.after
                && !cursors.insert(next.clone())
            {
                break Distrust::RepeatedCursor;
            }
            pages += 1;
            if let Some(pace) = pace {
                pace.page_read(page.after.is_none());
            }
            cursor = page.after;
            if cursor.is_none() {
                return Ok(Pass::Whole(rows));
            }
        };
        Ok(Pass::Broken { why, cursor, pages })
    }

    /// One page; none when its cursor is refused.
    async fn page<K: Kept>(
        &self,
        list: List<'_>,
        pace: Option<&Pace>,
        cursor: Option<&str>,
        read: impl Fn(&[u8]) -> Result<Page<K>, Distrust>,
    ) -> Result<Option<Page<K>>, ReadError> {
        if let Some(pace) = pace {
            pace.check()?;
        }
        let page = match self.get(self.list_url(list, cursor), self.throttle_of(list), read).await {
            Ok(page) => page,
            Err(error) if cursor.is_some() && is_refused_cursor(&error) => return Ok(None),
            Err(error) => {
                if is_refused_list(&error) {
                    self.linked().await?;
                }
                return Err(self.failed(list, error, pace));
            }
        };
        let distrust = |why| Err(ReadError::Untrusted { what: list.to_string(), why });
        if page.is_foreign {
            return distrust(Distrust::Foreign);
        }
        if cursor.is_none() && page.is_reversed() {
            return distrust(Distrust::Order);
        }
        Ok(Some(page))
    }

    /// What the calls of a list wait for.
    fn throttle_of(&self, list: List<'_>) -> Option<&Throttle> {
        match list {
            List::Users(_) | List::UsersAt { .. } | List::Members(_) => Some(&self.throttle),
            List::GroupsOf(_) => Some(&self.again.throttle),
            List::Groups(_) => None,
        }
    }

    fn list_url(&self, list: List<'_>, cursor: Option<&str>) -> Url {
        let (path, filter, id) = list.route();
        let mut url = self.workos.url([path]);
        url.query_pairs_mut().append_pair(filter, id);
        if let List::UsersAt { directory: _, email } = list {
            url.query_pairs_mut().append_pair("email", email);
        }
        url.query_pairs_mut().append_pair("order", "asc").append_pair("limit", &PAGE_ROWS.to_string());
        if let Some(cursor) = cursor {
            url.query_pairs_mut().append_pair("after", cursor);
        }
        url
    }

    /// One answer of the right shape. A wrong shape is a passing fault at first: a proxy's page, or an answer cut off.
    pub(super) async fn get<T>(
        &self,
        url: Url,
        throttle: Option<&Throttle>,
        parse: impl Fn(&[u8]) -> Result<T, Distrust>,
    ) -> Result<T, GetError> {
        let mut n_tries = 0;
        loop {
            n_tries += 1;
            let ready = || async {
                if let Some(throttle) = throttle {
                    throttle.ready().await;
                }
            };
            let request = || self.workos.client.get(url.clone());
            let sent = self.calls.send_as(&self.workos.key, Effect::None, PAGE_BYTES_MAX, request, ready);
            let body = sent.await.map_err(GetError::Call)?;
            match parse(&body) {
                Ok(answer) => return Ok(answer),
                Err(why) if n_tries == SHAPE_TRIES_MAX => return Err(GetError::Distrust(why)),
                Err(_) => clock::wait(SHAPE_WAIT).await,
            }
        }
    }

    /// What the caller can do about a call that failed.
    pub(super) fn failed(&self, what: impl fmt::Display, error: GetError, pace: Option<&Pace>) -> ReadError {
        let out_of_time = || pace.map_or(ReadError::OutOfTime, Pace::out_of_time);
        let why = match error {
            GetError::Distrust(why) => why,
            GetError::Call(CallError::OutOfTime) => return out_of_time(),
            GetError::Call(CallError::Secret(error)) => return ReadError::Key(error),
            GetError::Call(_) if self.calls.deadline().remaining().is_zero() => return out_of_time(),
            GetError::Call(CallError::TooLarge { bytes_max }) => Distrust::TooManyBytes { bytes_max },
            GetError::Call(CallError::Status { status: status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN), .. }) => {
                return ReadError::Refused { status };
            }
            GetError::Call(CallError::Status { status: StatusCode::NOT_FOUND, body, .. }) if wire::is_workos_error(&body) => {
                Distrust::NotFound
            }
            GetError::Call(error @ CallError::Status { status, .. }) if !status.is_client_error() || error.is_passing() => {
                return ReadError::Unavailable(error);
            }
            GetError::Call(CallError::Status { status, .. }) => Distrust::Status { status },
            GetError::Call(error @ CallError::Transport(_)) => return ReadError::Unavailable(error),
        };
        ReadError::Untrusted { what: what.to_string(), why }
    }
}

/// The answers that a cursor without a row may get.
fn is_refused_cursor(error: &GetError) -> bool {
    const REFUSALS: [StatusCode; 3] = [StatusCode::BAD_REQUEST, StatusCode::NOT_FOUND, StatusCode::UNPROCESSABLE_ENTITY];
    matches!(error, GetError::Call(CallError::Status { status, .. }) if REFUSALS.contains(status))
}

/// The answers that a list of a directory that is gone may get; the directory itself tells.
fn is_refused_list(error: &GetError) -> bool {
    is_refused_cursor(error) || matches!(error, GetError::Call(CallError::Status { status: StatusCode::GONE, .. }))
}

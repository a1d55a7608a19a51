//! What WorkOS sends, spelled as WorkOS spells it.
//!
//! Only what we use is read, and only `id`, `directory_id` and `state` must be there: bodies differ between teams and over the years
//! (`object`, `groups`, `raw_attributes` and three forms of time come and go), and one odd field must not make a directory unreadable.

use std::borrow::Cow;

use domain::directory::{Group, User};
use domain::ids::{DirectoryId, GroupId, UserId};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::Distrust;

/// The state of a user that counts. Everything else is inactive: `suspended` is still in WorkOS's specification.
const ACTIVE: &str = "active";

/// [The directory object](https://workos.com/docs/reference/directory-sync/directory).
#[derive(Debug, Deserialize)]
pub(super) struct Directory {
    pub(super) id: String,
    pub(super) state: String,
    #[serde(default)]
    metadata: Option<Value>,
}

impl Directory {
    /// How many active users WorkOS counts.
    pub(super) fn active_users(&self) -> Option<u64> {
        self.count("/users/active")
    }

    /// How many users WorkOS counts, as many as it says.
    pub(super) fn users(&self) -> u64 {
        self.count("/users/active").unwrap_or(0).saturating_add(self.count("/users/inactive").unwrap_or(0))
    }

    fn count(&self, pointer: &str) -> Option<u64> {
        self.metadata.as_ref()?.pointer(pointer)?.as_u64()
    }
}

/// A text of an answer. It stays where it is, unless it has escapes.
#[derive(Debug, Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// A row of a list, as it lies in the answer. Most of a directory comes several times, and only what is kept of it is copied.
pub(super) trait Row {
    fn id(&self) -> &str;
    fn directory_id(&self) -> &str;
}

/// What is kept of a row.
pub(super) trait Kept {
    /// The row's id.
    fn id(&self) -> &str;
}

/// [The user object](https://workos.com/docs/reference/directory-sync/directory-user).
#[derive(Debug, Deserialize)]
pub(super) struct UserRow<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    directory_id: Cow<'a, str>,
    #[serde(borrow)]
    state: Cow<'a, str>,
    #[serde(default, borrow)]
    email: Option<Text<'a>>,
    /// Whatever stands there: it only helps to know a user again, and must not make a directory unreadable.
    #[serde(default, borrow)]
    idp_id: Option<&'a RawValue>,
}

impl UserRow<'_> {
    /// Whether it says of the user what is known already.
    pub(super) fn is(&self, user: &User) -> bool {
        let User { id, idp_id, email, active } = user;
        id.as_str() == self.id
            && email.as_deref() == self.email()
            && *active == self.is_active()
            && idp_id.as_deref() == self.idp_id().as_deref()
    }

    fn email(&self) -> Option<&str> {
        self.email.as_ref().map(|Text(email)| &**email)
    }

    fn idp_id(&self) -> Option<Cow<'_, str>> {
        let Text(id) = serde_json::from_str(self.idp_id?.get()).ok()?;
        Some(id).filter(|id| !id.is_empty())
    }

    fn is_active(&self) -> bool {
        self.state == ACTIVE
    }
}

impl Row for UserRow<'_> {
    fn id(&self) -> &str {
        &self.id
    }

    fn directory_id(&self) -> &str {
        &self.directory_id
    }
}

impl From<UserRow<'_>> for User {
    fn from(row: UserRow<'_>) -> Self {
        Self {
            id: UserId::new(&row.id),
            idp_id: row.idp_id().map(Cow::into_owned),
            email: row.email().map(str::to_owned),
            active: row.is_active(),
        }
    }
}

impl Kept for User {
    fn id(&self) -> &str {
        self.id.as_str()
    }
}

/// [The group object](https://workos.com/docs/reference/directory-sync/directory-group).
#[derive(Debug, Deserialize)]
pub(super) struct GroupRow<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    directory_id: Cow<'a, str>,
    #[serde(default, borrow)]
    name: Option<Text<'a>>,
}

impl Row for GroupRow<'_> {
    fn id(&self) -> &str {
        &self.id
    }

    fn directory_id(&self) -> &str {
        &self.directory_id
    }
}

impl From<GroupRow<'_>> for Group {
    fn from(row: GroupRow<'_>) -> Self {
        Self { id: GroupId::new(row.id), name: row.name.map(|Text(name)| name.into_owned()).unwrap_or_default() }
    }
}

impl Kept for Group {
    fn id(&self) -> &str {
        self.id.as_str()
    }
}

/// One page of a list.
#[derive(Debug)]
pub(super) struct Page<K> {
    pub(super) rows: Vec<K>,
    /// Whether a row is of another directory than the one that was asked for.
    pub(super) is_foreign: bool,
    /// Where the next page begins; none if this is the last one.
    pub(super) after: Option<String>,
    before: Option<String>,
}

impl<K: Kept> Page<K> {
    /// Whether a first page bears the mark of WorkOS's `normal` order, newest first, in which the older page is under `before`:
    /// there, the last row's id is `before`, and nothing is after it.
    pub(super) fn is_reversed(&self) -> bool {
        let last = self.rows.last().filter(|_| self.rows.len() > 1).map(Kept::id);
        self.after.is_none() && last.is_some() && self.before.as_deref() == last
    }
}

#[derive(Deserialize)]
struct List<R> {
    data: Vec<R>,
    #[serde(default)]
    list_metadata: Option<Cursors>,
    /// The answers of 2021 have it so, some of them only so.
    #[serde(default, rename = "listMetadata")]
    list_metadata_camel: Option<Cursors>,
}

#[derive(Deserialize)]
struct Cursors {
    #[serde(default)]
    before: Option<String>,
    #[serde(default)]
    after: Option<String>,
}

/// Reads the answer for one directory.
pub(super) fn directory(body: &[u8]) -> Result<Directory, Distrust> {
    parse(body)
}

/// Reads one page of a list of this directory, and keeps of each row what is wanted. A page without metadata is no last page: it may be anything.
pub(super) fn page<'a, R: Row + Deserialize<'a>, K>(
    body: &'a [u8],
    directory: &DirectoryId,
    keep: impl Fn(R) -> K,
) -> Result<Page<K>, Distrust> {
    let List { data, list_metadata, list_metadata_camel } = parse(body)?;
    let Cursors { before, after } = list_metadata.or(list_metadata_camel).ok_or(Distrust::NoMetadata)?;
    if data.iter().any(|row: &R| row.id().is_empty()) {
        return Err(Distrust::NoId);
    }
    let is_foreign = data.iter().any(|row| row.directory_id() != directory.as_str());
    let some = |cursor: Option<String>| cursor.filter(|id| !id.is_empty());
    Ok(Page { rows: data.into_iter().map(keep).collect(), is_foreign, after: some(after), before: some(before) })
}

/// Whether an error body is WorkOS's own and not that of something on the way, whose 404 says nothing about a directory.
pub(super) fn is_workos_error(body: &[u8]) -> bool {
    serde_json::from_slice::<Map<String, Value>>(body).is_ok()
}

/// The error of `serde_json` is not kept, for it quotes values.
///
/// A body that is a text as a whole is looked through once, and not again for each string in it. One that is not may still be read, if what is
/// wrong with it stands in what we do not use.
fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Distrust> {
    let parsed = str::from_utf8(body).map_or_else(|_| serde_json::from_slice(body), serde_json::from_str);
    parsed.map_err(|error| Distrust::Shape { line: error.line(), column: error.column() })
}

#[cfg(test)]
mod tests;

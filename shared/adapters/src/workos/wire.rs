//! What WorkOS sends, spelled as WorkOS spells it.
//!
//! Only what we use is read, and only `id`, `directory_id` and `state` must be there: bodies differ between teams and over the years
//! (`object`, `groups`, `raw_attributes` and three forms of time come and go), and one odd field must not make a directory unreadable.

use domain::directory::{Group, User};
use domain::ids::{GroupId, UserId};
use serde::Deserialize;
use serde::de::DeserializeOwned;
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

/// A row of a list.
pub(super) trait Row: DeserializeOwned {
    fn id(&self) -> &str;
    fn directory_id(&self) -> &str;
}

/// [The user object](https://workos.com/docs/reference/directory-sync/directory-user).
#[derive(Debug, Deserialize)]
pub(super) struct UserRow {
    id: String,
    directory_id: String,
    state: String,
    #[serde(default)]
    email: Option<String>,
    /// Whatever stands there: it only helps to know a user again, and must not make a directory unreadable.
    #[serde(default)]
    idp_id: Value,
}

impl Row for UserRow {
    fn id(&self) -> &str {
        &self.id
    }

    fn directory_id(&self) -> &str {
        &self.directory_id
    }
}

impl From<UserRow> for User {
    fn from(row: UserRow) -> Self {
        let idp_id = row.idp_id.as_str().filter(|id| !id.is_empty()).map(str::to_owned);
        Self { id: UserId::new(row.id), idp_id, email: row.email, active: row.state == ACTIVE }
    }
}

/// [The group object](https://workos.com/docs/reference/directory-sync/directory-group).
#[derive(Debug, Deserialize)]
pub(super) struct GroupRow {
    id: String,
    directory_id: String,
    #[serde(default)]
    name: Option<String>,
}

impl Row for GroupRow {
    fn id(&self) -> &str {
        &self.id
    }

    fn directory_id(&self) -> &str {
        &self.directory_id
    }
}

impl From<GroupRow> for Group {
    fn from(row: GroupRow) -> Self {
        Self { id: GroupId::new(row.id), name: row.name.unwrap_or_default() }
    }
}

/// One page of a list.
#[derive(Debug)]
pub(super) struct Page<R> {
    pub(super) rows: Vec<R>,
    /// Where the next page begins; none if this is the last one.
    pub(super) after: Option<String>,
    before: Option<String>,
}

impl<R: Row> Page<R> {
    /// Whether a first page bears the mark of WorkOS's `normal` order, newest first, in which the older page is under `before`:
    /// there, the last row's id is `before`, and nothing is after it.
    pub(super) fn is_reversed(&self) -> bool {
        let last = self.rows.last().filter(|_| self.rows.len() > 1).map(Row::id);
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

/// Reads one page. A page without metadata is no last page: it may be anything.
pub(super) fn page<R: Row>(body: &[u8]) -> Result<Page<R>, Distrust> {
    let List { data, list_metadata, list_metadata_camel } = parse(body)?;
    let Cursors { before, after } = list_metadata.or(list_metadata_camel).ok_or(Distrust::NoMetadata)?;
    if data.iter().any(|row: &R| row.id().is_empty()) {
        return Err(Distrust::NoId);
    }
    let some = |cursor: Option<String>| cursor.filter(|id| !id.is_empty());
    Ok(Page { rows: data, after: some(after), before: some(before) })
}

/// Whether an error body is WorkOS's own and not that of something on the way, whose 404 says nothing about a directory.
pub(super) fn is_workos_error(body: &[u8]) -> bool {
    serde_json::from_slice::<Map<String, Value>>(body).is_ok()
}

/// The error of `serde_json` is not kept, for it quotes values.
fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Distrust> {
    serde_json::from_slice(body).map_err(|error| Distrust::Shape { line: error.line(), column: error.column() })
}

#[cfg(test)]
mod tests;

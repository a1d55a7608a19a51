//! Events: which directory a webhook is about.
//!
//! A webhook only pokes: the sync reads the directory itself, so of a body no more is read than the kind, the id and the directory.
//! The rest is passed over unread, because bodies differ more than their documentation says:
//! `object` may be absent, times come in three forms, keys are added, and a name may hold half a surrogate pair
//! (<https://workos.com/docs/events/directory-sync>).

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::ids::{DirectoryId, EventId};
use crate::signature::VerifiedWebhook;

/// What every directory event's kind begins with.
const DIRECTORY_KINDS: &str = "dsync.";

/// Kinds whose `data` is the directory itself. `dsync.deactivated` is no longer sent, but was.
const ABOUT_THE_DIRECTORY: &[&str] = &["dsync.activated", "dsync.deactivated", "dsync.deleted"];

/// Kinds whose `data` names the directory it belongs to.
const WITHIN_A_DIRECTORY: &[&str] = &[
    "dsync.user.created",
    "dsync.user.updated",
    "dsync.user.deleted",
    "dsync.group.created",
    "dsync.group.updated",
    "dsync.group.deleted",
    "dsync.group.user_added",
    "dsync.group.user_removed",
    "dsync.token.created",
    "dsync.token.revoked",
];

/// What a webhook means to us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Something changed in a directory.
    Directory(DirectoryEvent),
    /// Not about a directory: to be answered as a success and forgotten.
    Ignored {
        /// WorkOS's name of the kind.
        kind: String,
        /// WorkOS's id, where the body has one.
        id: Option<EventId>,
    },
}

/// Something changed in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryEvent {
    /// WorkOS's id. Only the record of events needs it, so that an event without one still counts.
    pub id: Option<EventId>,
    /// WorkOS's name of the kind, such as `dsync.user.created`.
    pub kind: String,
    /// Which directory.
    pub directory: DirectoryId,
}

/// A body that WorkOS signed and that we cannot use: sending it again cannot help, a person must look.
///
/// Never quotes the body, which holds personal data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnparseableEvent {
    /// The body is not a JSON object.
    #[error("the body is not a JSON object")]
    NotAnObject,
    /// The body does not say what kind of event it is.
    #[error("the body has no text at event")]
    NoKind,
    /// A directory event does not say which directory.
    #[error("the body has no directory id at {at}")]
    NoDirectory {
        /// Where it should be.
        at: &'static str,
    },
    /// The directory id is not one.
    #[error("the text at {at} is not a directory id")]
    BadDirectory {
        /// Where it is.
        at: &'static str,
    },
}

/// Reads a webhook.
///
/// Every known directory kind is a [`DirectoryEvent`], and so is an unknown one that names a directory: one poke too many costs nothing.
///
/// # Errors
/// [`UnparseableEvent`] when the body is not an event, or a directory event does not name its directory.
pub fn parse(webhook: &VerifiedWebhook) -> Result<Event, UnparseableEvent> {
    let envelope: Object<'_> = serde_json::from_slice(webhook.body()).map_err(|_| UnparseableEvent::NotAnObject)?;
    let kind = text(&envelope, "event").ok_or(UnparseableEvent::NoKind)?;
    let id = text(&envelope, "id").map(EventId::new);
    let data = object(&envelope, "data").unwrap_or_default();
    Ok(match directory(&kind, &data)? {
        Some(directory) => Event::Directory(DirectoryEvent { id, kind, directory }),
        None => Event::Ignored { kind, id },
    })
}

/// The directory that an event of this kind is about; `None` when the event is not for us.
fn directory(kind: &str, data: &Object<'_>) -> Result<Option<DirectoryId>, UnparseableEvent> {
    if !kind.starts_with(DIRECTORY_KINDS) {
        return Ok(None);
    }
    let (at, found) = if ABOUT_THE_DIRECTORY.contains(&kind) { ("data.id", text(data, "id")) } else { owner(data) };
    match found {
        Some(id) => DirectoryId::parse(&id).map(Some).map_err(|_| UnparseableEvent::BadDirectory { at }),
        None if ABOUT_THE_DIRECTORY.contains(&kind) || WITHIN_A_DIRECTORY.contains(&kind) => Err(UnparseableEvent::NoDirectory { at }),
        None => Ok(None),
    }
}

/// Where `data` names the directory it belongs to, and what stands there. Memberships name it in the user and the group too.
fn owner(data: &Object<'_>) -> (&'static str, Option<String>) {
    let within = |part| object(data, part).and_then(|part| text(&part, "directory_id"));
    let places = [
        ("data.directory_id", text(data, "directory_id")),
        ("data.user.directory_id", within("user")),
        ("data.group.directory_id", within("group")),
    ];
    places.into_iter().find(|(_, found)| found.is_some()).unwrap_or(("data.directory_id", None))
}

/// A JSON object whose values are not read yet. Where a key comes twice, the last one counts.
type Object<'a> = BTreeMap<String, &'a RawValue>;

fn object<'a>(parent: &Object<'a>, key: &str) -> Option<Object<'a>> {
    serde_json::from_str(parent.get(key)?.get()).ok()
}

fn text(parent: &Object<'_>, key: &str) -> Option<String> {
    serde_json::from_str(parent.get(key)?.get()).ok()
}

#[cfg(test)]
mod tests;

//! The behaviours of WorkOS that nobody documents, each with the readings a client must survive.

use crate::limits::Rate;

/// The order of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Oldest first.
    Asc,
    /// Newest first.
    Desc,
    /// Newest first with the cursors the other way round.
    Normal,
}

/// What a page says when the row of its cursor has been deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeletedCursor {
    /// It goes on at the place the row had.
    Keyset,
    /// 422.
    Error,
    /// An empty last page.
    Empty,
    /// The first page again.
    Restart,
}

/// What a list says about a directory, group or user that does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownFilter {
    /// 200 with an empty list.
    Empty,
    /// 404.
    NotFound,
}

/// What becomes of a user whose identity provider makes them inactive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deprovisioning {
    /// The default since 2023: the row is deleted.
    Secure,
    /// By request to WorkOS: the row stays with the state `inactive`.
    Custom,
}

/// How an optional field is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// With its value.
    Filled,
    /// As null.
    Null,
    /// Not at all.
    Absent,
}

/// What is in `groups` of a directory user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserGroups {
    /// An empty array, whoever is in whatever: teams made since May 2026.
    Empty,
    /// The groups, as older teams still get them.
    Filled,
    /// No such field.
    Absent,
}

/// How times are written; all three have been seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timestamps {
    /// `2021-06-25T19:07:33.155Z`
    Iso,
    /// `2021-07-31T05:10:19+0000`
    Offset,
    /// `2023-04-28 20:05:31.093`
    Spaced,
}

/// Every behaviour that is unknown, or known to differ between teams.
#[derive(Clone, Debug, PartialEq)]
pub struct Switches {
    /// The order of a list call that does not say.
    pub order_without: Order,
    /// See [`DeletedCursor`].
    pub deleted_cursor: DeletedCursor,
    /// See [`UnknownFilter`].
    pub unknown_filter: UnknownFilter,
    /// Whether the lists of a directory that is not linked still have its users and groups.
    pub unlinked_keeps_rows: bool,
    /// See [`Deprovisioning`].
    pub deprovisioning: Deprovisioning,
    /// The limit of `/directory_users` per directory; none switches it off.
    pub directory_rate: Option<Rate>,
    /// The limit of all calls per API key; none switches it off.
    pub key_rate: Option<Rate>,
    /// `Retry-After` of a 429 that was not scripted.
    pub retry_after: Option<String>,
    /// See [`UserGroups`].
    pub user_groups: UserGroups,
    /// `raw_attributes` of users and groups: an empty object, null or not at all.
    pub raw_attributes: Presence,
    /// `emails`, `username` and `job_title` of users, which are no longer filled.
    pub legacy_user_fields: Presence,
    /// `organization_id` of users and groups.
    pub organization_id: Presence,
    /// `object` in users, groups and directories.
    pub object_field: Presence,
    /// `object: "event"` in events; the documented samples have none, the specification requires it.
    pub event_object: bool,
    /// `metadata` with its counts in directories.
    pub directory_metadata: bool,
    /// A field in every object that no specification has.
    pub extra_fields: bool,
    /// Overrides the state of every user, to show one nobody knows.
    pub user_state: Option<String>,
    /// See [`Timestamps`].
    pub timestamps: Timestamps,
    /// `listMetadata` beside `list_metadata`.
    pub camel_case_metadata: bool,
    /// Rows made in the same second share their `created_at`, as bulk imports do.
    pub coarse_clock: bool,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            order_without: Order::Normal,
            deleted_cursor: DeletedCursor::Keyset,
            unknown_filter: UnknownFilter::Empty,
            unlinked_keeps_rows: true,
            deprovisioning: Deprovisioning::Secure,
            directory_rate: Some(Rate { burst: 4.0, per_second: 4.0 }),
            key_rate: Some(Rate { burst: 6_000.0, per_second: 100.0 }),
            retry_after: None,
            user_groups: UserGroups::Empty,
            raw_attributes: Presence::Filled,
            legacy_user_fields: Presence::Filled,
            organization_id: Presence::Filled,
            object_field: Presence::Filled,
            event_object: false,
            directory_metadata: true,
            extra_fields: false,
            user_state: None,
            timestamps: Timestamps::Iso,
            camel_case_metadata: false,
            coarse_clock: false,
        }
    }
}

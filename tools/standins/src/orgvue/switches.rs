//! The behaviours of Orgvue that nobody documents, each with the readings a client must survive.

use std::collections::BTreeSet;

use crate::limits::Rate;

/// How the roles of an account are represented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoleForm {
    /// One text, joined by the separator.
    Text,
    /// A JSON array of texts.
    Array,
}

/// How a boolean is represented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BooleanForm {
    /// `true`
    Boolean,
    /// `"TRUE"`
    Text,
}

/// How a property without a value is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Empties {
    /// As null.
    Null,
    /// Not at all.
    Omitted,
}

/// What a refused item does to the others of its call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Only the item, or property, is left out.
    Skip,
    /// Nothing of the call is applied.
    Fail,
}

/// How an export ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportEnd {
    /// With the data.
    Completed,
    /// With a ticket that says it failed.
    Failed,
    /// Not at all.
    Never,
    /// It is not begun: the API account may not export.
    Refused,
}

/// What `_action` of a result says about `createOrUpdate` and `createOrReplace`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActionEcho {
    /// The action as it was asked for.
    Asked,
    /// `create`, `update` or `replace`.
    Resolved,
}

/// Every behaviour that is unknown, or known to differ between tenants.
#[derive(Clone, Debug, PartialEq)]
pub struct Switches {
    /// Headers whose names are not in title case are not seen, as the documentation has it.
    pub strict_header_names: bool,
    /// Reads without a JSON `Content-Type` are refused like writes.
    pub content_type_on_reads: bool,
    /// See [`RoleForm`].
    pub role_form: RoleForm,
    /// What joins roles in a text.
    pub role_separator: String,
    /// Writes of a role that has neither `user` nor `admin` are refused, as bulk uploads are.
    pub platform_role_required: bool,
    /// See [`BooleanForm`].
    pub boolean_form: BooleanForm,
    /// See [`Empties`].
    pub empties: Empties,
    /// Properties that start with an underscore in reads, beside `_id`.
    pub extra_fields: bool,
    /// A null in a write clears the value; otherwise it is refused.
    pub null_clears: bool,
    /// A login that another account has may be created or taken.
    pub duplicate_logins: bool,
    /// What happens where a call sets no policy.
    pub default_policy: Policy,
    /// The `_status` of an item that was not applied.
    pub not_applied: String,
    /// The HTTP status of a call of which not all was applied.
    pub partial_status: u16,
    /// See [`ActionEcho`].
    pub action_echo: ActionEcho,
    /// The largest body of a write.
    pub body_bytes_max: usize,
    /// The largest answer to a read; none switches it off.
    pub sync_read_bytes_max: Option<usize>,
    /// See [`ExportEnd`].
    pub export_end: ExportEnd,
    /// How many looks at its ticket an export takes to end.
    pub export_looks: u32,
    /// Rows of an export have their `_id`.
    pub export_ids: bool,
    /// How long the presigned URLs of an export are good, in milliseconds.
    pub presigned_ms: i64,
    /// The limit of requests per tenant; none switches it off.
    pub tenant_rate: Option<Rate>,
    /// How many requests of a tenant may be answered at the same time; none switches it off.
    pub concurrent_max: Option<usize>,
    /// How many requests a tenant has in the day, which never ends here; none switches it off.
    pub daily_max: Option<u32>,
    /// `Retry-After` of a 429 that was not scripted.
    pub retry_after: Option<String>,
    /// Tenants that exist but have no API usage plan.
    pub without_usage_plan: BTreeSet<String>,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            strict_header_names: true,
            content_type_on_reads: true,
            role_form: RoleForm::Text,
            role_separator: ",".to_owned(),
            platform_role_required: true,
            boolean_form: BooleanForm::Boolean,
            empties: Empties::Null,
            extra_fields: false,
            null_clears: true,
            duplicate_logins: true,
            default_policy: Policy::Fail,
            not_applied: "failed".to_owned(),
            partial_status: 200,
            action_echo: ActionEcho::Asked,
            body_bytes_max: 6_000_000,
            sync_read_bytes_max: None,
            export_end: ExportEnd::Completed,
            export_looks: 2,
            export_ids: true,
            presigned_ms: 15 * 60 * 1_000,
            tenant_rate: Some(Rate { burst: 100.0, per_second: 100.0 }),
            concurrent_max: Some(50),
            daily_max: Some(500_000),
            retry_after: None,
            without_usage_plan: BTreeSet::new(),
        }
    }
}

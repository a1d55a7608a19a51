//! The record of a run: what was asked, decided and done, account by account.
//!
//! This is also the form in which runs are stored and shown: fields are added to it, never renamed.
//! It holds personal data (logins) and belongs in reports for people, never in a log.

use serde::{Deserialize, Serialize};

use crate::finding::Finding;
use crate::group_name::Role;
use crate::guard::{Held, HoldReason};
use crate::ids::{DirectoryId, IntegrationId, RunId, TenantId};
use crate::integration::Mode;
use crate::login::Login;
use crate::message::Reason;
use crate::plan::{Action, Change, Verb};

/// How a run, or one tenant of it, ended.
///
/// The order is that of concern: the status of a run is the greatest of its tenants'.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Everything that was planned was written, but for accounts that Orgvue refuses to create or update: those are findings.
    Applied,
    /// Nothing was written, as configured; the record says what would have been.
    Simulated,
    /// What does no harm was written; the rest waits for a person.
    PartlyHeld,
    /// Another run took over; this one stopped writing.
    Superseded,
    /// Something passing stood in the way; it is tried again.
    Failed,
    /// Something that a person must change stands in the way, mostly before anything was written. It is tried again.
    Refused,
}

/// One run of one integration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// The version of this format: 1.
    pub v: u8,
    /// The run.
    pub id: RunId,
    /// Whose.
    pub integration: IntegrationId,
    /// What was read.
    pub directory: DirectoryId,
    /// Why it was asked for.
    pub reason: Reason,
    /// The generation that it covers.
    pub generation: u64,
    /// The greatest status of its tenants, or that of the read if it got no further.
    pub status: Status,
    /// The stable code of what stood in the way of the whole run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The same in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// When it began, in milliseconds since 1970.
    pub started_at_ms: i64,
    /// Every tenant that the run was for; none if the directory could not be read.
    pub tenants: Vec<TenantRecord>,
    /// Accounts and groups that cannot be synced, over all tenants.
    pub findings: Vec<Finding>,
    /// Requests sent to WorkOS.
    pub workos_calls: u64,
    /// Requests sent to Orgvue.
    pub orgvue_calls: u64,
    /// How long it took.
    pub seconds: f64,
}

/// One tenant of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantRecord {
    /// Which.
    pub tenant: TenantId,
    /// How it ended.
    pub status: Status,
    /// The stable code of what stood in the way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The same in words, and what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Whether it was to be written.
    pub mode: Mode,
    /// Accounts that were created, or would be.
    pub created: Vec<Login>,
    /// Accounts that were updated, or would be.
    pub updated: Vec<Login>,
    /// Accounts that were removed or disabled, or would be.
    pub removed: Vec<Login>,
    /// How many accounts were right already.
    pub unchanged: usize,
    /// What waits for a person.
    pub held: Vec<HeldRecord>,
    /// Accounts that are not as planned, or may not be; the next try finds out. Those that Orgvue refuses are findings too.
    #[serde(default)]
    pub failed: Vec<Login>,
    /// The whole plan in words, before the guard.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub plan: String,
}

/// One action that waits for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldRecord {
    /// Whose account.
    pub login: Login,
    /// What would be done.
    pub action: Verb,
    /// The roles that it would lose.
    pub lost_roles: Vec<Role>,
    /// Why it is held.
    pub why: HoldReason,
    /// The same in words.
    pub message: String,
}

impl From<&Held> for HeldRecord {
    fn from(held: &Held) -> Self {
        Self {
            login: held.action.login.clone(),
            action: held.action.verb(),
            lost_roles: held.action.lost_roles().into_iter().collect(),
            why: held.why,
            message: held.why.explain().to_owned(),
        }
    }
}

impl TenantRecord {
    /// The record of a tenant of which nothing is known yet.
    pub fn new(tenant: TenantId, mode: Mode, status: Status) -> Self {
        Self {
            tenant,
            status,
            code: None,
            error: None,
            mode,
            created: Vec::new(),
            updated: Vec::new(),
            removed: Vec::new(),
            unchanged: 0,
            held: Vec::new(),
            failed: Vec::new(),
            plan: String::new(),
        }
    }

    /// Lists an action that was done, or would be.
    pub fn list(&mut self, action: &Action) {
        let list = match &action.change {
            Change::Create { .. } => &mut self.created,
            Change::Update { .. } => &mut self.updated,
            Change::Disable { .. } | Change::Remove { .. } => &mut self.removed,
        };
        list.push(action.login.clone());
    }

    /// Whether the tenant is to be tried again without a new event.
    pub fn wants_retry(&self) -> bool {
        match self.status {
            Status::Failed | Status::Refused | Status::Superseded => true,
            Status::Applied | Status::Simulated | Status::PartlyHeld => false,
        }
    }
}

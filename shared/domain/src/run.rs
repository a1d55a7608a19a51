//! The record of a run: what was asked, decided and done, account by account.
//!
//! This is also the form in which runs are stored and shown: fields are added to it, never renamed.
//! It holds personal data (logins) and belongs in reports for people, never in a log.

use serde::{Deserialize, Serialize};

use crate::finding::Finding;
use crate::group_name::Role;
use crate::guard::{Held, HoldReason};
use crate::held::{HeldHash, Verdict};
use crate::ids::{DirectoryId, IntegrationId, RunId, TenantId};
use crate::integration::Mode;
use crate::login::Login;
use crate::message::Reason;
use crate::plan::{Action, Change, Verb};

/// The code of the record that a run leaves before its first write: it stays where the run is cut short.
pub const INTERRUPTED: &str = "interrupted";

/// How a run, or one tenant of it, ended.
///
/// The order is that of concern: the status of a run is the greatest of its tenants'.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Nothing was written, as configured; the record says what would have been.
    Simulated,
    /// Everything that was planned was written, but for accounts that Orgvue refuses to create or update: those are findings.
    Applied,
    /// What does no harm was written; the rest waits for a person.
    PartlyHeld,
    /// Another run took over, or a person paused: this one stopped writing. Or it has not told its end ([`RunRecord::is_open`]).
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
    /// The run whose changes it was to undo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restores: Option<RunId>,
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
    /// What a person's decision about it is bound to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_hash: Option<HeldHash>,
    /// What a person has decided about it: only that it shall not be done, for else it were not held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
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
    /// The login that the account's user has now, where the user was renamed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renamed_to: Option<Login>,
    /// The same in words.
    pub message: String,
}

impl RunRecord {
    /// Whether the run has not told its end: it is at work, or was cut short while it wrote.
    pub fn is_open(&self) -> bool {
        self.code.as_deref() == Some(INTERRUPTED)
    }

    /// The same without one person: what is counted stays, who it was goes.
    #[must_use]
    pub fn without(mut self, login: &Login) -> Self {
        self.findings.retain(|finding| finding.login.as_ref() != Some(login));
        self.tenants = self.tenants.into_iter().map(|tenant| tenant.without(login)).collect();
        self
    }
}

impl From<&Held> for HeldRecord {
    fn from(held: &Held) -> Self {
        Self {
            login: held.action.login.clone(),
            action: held.action.verb(),
            lost_roles: held.action.lost_roles().into_iter().collect(),
            why: held.why,
            renamed_to: held.action.renamed_to.clone(),
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
            held_hash: None,
            verdict: None,
            failed: Vec::new(),
            plan: String::new(),
        }
    }

    /// Lists an action that was done, or would be.
    pub fn list(&mut self, action: &Action) {
        let list = match &action.change {
            Change::Create { .. } => &mut self.created,
            Change::Restore { before: None, .. } => &mut self.created,
            Change::Update { .. } | Change::Restore { before: Some(_), .. } => &mut self.updated,
            Change::Disable { .. } | Change::Remove { .. } | Change::Block { .. } => &mut self.removed,
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

    fn without(mut self, login: &Login) -> Self {
        for list in [&mut self.created, &mut self.updated, &mut self.removed, &mut self.failed] {
            list.retain(|other| other != login);
        }
        self.held.retain(|held| held.login != *login);
        for held in &mut self.held {
            held.renamed_to.take_if(|other| other == login);
        }
        let lines = self.plan.split_inclusive('\n').filter(|line| planned_login(line).as_ref() != Some(login));
        self.plan = lines.map(|line| without_new_login(line, login)).collect();
        self
    }
}

/// What stands between the two logins of a removal because of a new address.
const RENAMED_TO: &str = ", renamed to ";

/// Whose account a line of a plan is about: the login stands behind the sign, and two spaces behind the login.
fn planned_login(line: &str) -> Option<Login> {
    let (sign, rest) = line.strip_prefix("  ")?.split_once(' ')?;
    let login = rest.split("  ").next().unwrap_or(rest);
    ["+", "-", "~", "o", "^"].contains(&sign).then(|| Login::as_found(login))
}

fn without_new_login(line: &str, login: &Login) -> String {
    match line.trim_end().rsplit_once(RENAMED_TO) {
        Some((rest, new)) if Login::as_found(new) == *login => format!("{rest}\n"),
        Some(_) | None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::FindingCode;

    fn login(text: &str) -> Login {
        Login::as_found(text)
    }

    fn held(of: &str, renamed_to: Option<&str>) -> HeldRecord {
        HeldRecord {
            login: login(of),
            action: Verb::Remove,
            lost_roles: Vec::new(),
            why: HoldReason::OverLimit,
            renamed_to: renamed_to.map(login),
            message: String::new(),
        }
    }

    fn record() -> RunRecord {
        let tenant = TenantRecord {
            created: vec![login("ada@acme.com"), login("bob@acme.com")],
            updated: vec![login("ADA@acme.com")],
            removed: vec![login("ada@acme.com")],
            failed: vec![login("bob@acme.com"), login("Ada@Acme.com")],
            held: vec![held("ada@acme.com", None), held("bob@acme.com", Some("ADA@acme.com"))],
            plan: "ACME: 2 to create, 1 to update, 3 to remove, 4 right already\n\
                   \x20 + Ada@acme.com  user\n  ~ ada@acme.com  +HR\n  - ada@acme.com  was user\n  o ada@acme.com  disable, was user\n\
                   \x20 ^ ada@acme.com  restore user\n  + ada@acme.com.au  user\n  - bob@acme.com  was HR, renamed to ADA@acme.com\n"
                .to_owned(),
            ..TenantRecord::new(TenantId::parse("ACME").unwrap(), Mode::Enforce, Status::PartlyHeld)
        };
        let finding = |of: &str| Finding::new(FindingCode::DuplicateLogin, "two users have it").login(&login(of));
        RunRecord {
            v: 1,
            id: RunId::new("r1"),
            integration: IntegrationId::parse("acme").unwrap(),
            directory: DirectoryId::parse("directory_1").unwrap(),
            reason: Reason::Webhook,
            generation: 1,
            restores: None,
            status: Status::PartlyHeld,
            code: None,
            error: None,
            started_at_ms: 0,
            tenants: vec![tenant],
            findings: vec![finding("ADA@acme.com"), finding("bob@acme.com")],
            workos_calls: 0,
            orgvue_calls: 0,
            seconds: 0.0,
        }
    }

    #[test]
    fn a_person_leaves_no_trace_in_a_record_and_nobody_else_does() {
        let record = record().without(&login("ada@ACME.com"));
        let tenant = &record.tenants[0];
        assert_eq!((&tenant.created, &tenant.failed), (&vec![login("bob@acme.com")], &vec![login("bob@acme.com")]));
        assert_eq!((tenant.updated.len(), tenant.removed.len(), record.findings.len()), (0, 0, 1));
        assert_eq!(tenant.held, [held("bob@acme.com", None)]);
        assert_eq!(
            tenant.plan,
            "ACME: 2 to create, 1 to update, 3 to remove, 4 right already\n  + ada@acme.com.au  user\n  - bob@acme.com  was HR\n"
        );
    }

    #[test]
    fn a_record_that_does_not_name_the_person_is_the_same() {
        assert_eq!(record().without(&login("eve@acme.com")), record());
    }
}

//! What an explanation is made of. Fields are added, never renamed: people and programs read its JSON.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::finding::FindingCode;
use crate::group_name::Role;
use crate::guard::HoldReason;
use crate::held::{HeldHash, Verdict};
use crate::ids::{RunId, TenantId, UserId};
use crate::integration::Mode;
use crate::login::Login;
use crate::onboarding::Grant;
use crate::plan::Verb;

/// What happened to one login.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// Whose.
    pub login: Login,
    /// From what it was told.
    pub source: Source,
    /// Whether the directory has a user of this address.
    pub found: Found,
    /// The users of this address; none or one, mostly.
    pub users: Vec<UserSeen>,
    /// Groups that look like ours and whose members are not known: the user may be in one of them.
    pub groups_not_read: Vec<String>,
    /// What is wrong in no particular tenant.
    pub findings: Vec<FindingSeen>,
    /// Every tenant of the integration, in its order.
    pub tenants: Vec<TenantExplanation>,
}

/// From what an explanation was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Source {
    /// From what the last read saw.
    Snapshot {
        /// The last run that read.
        run: RunId,
        /// When, in milliseconds since 1970.
        at_ms: i64,
        /// The run that saw it so first, if that was another one.
        #[serde(skip_serializing_if = "Option::is_none")]
        unchanged_since: Option<RunId>,
    },
    /// From the directory and the datasets as they are.
    Live,
}

/// Whether the directory has a user of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// One.
    One,
    /// More than one.
    Several,
    /// None.
    Absent,
    /// Nobody of that address in a group of ours; others are not stored.
    NotStored,
}

/// A user of the directory, as seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UserSeen {
    /// WorkOS's id.
    pub id: UserId,
    /// Whether the directory has the user as active.
    pub active: bool,
    /// The address as the directory writes it.
    pub email: Option<String>,
    /// The user's groups, by name, as far as they are known.
    pub groups: Vec<GroupSeen>,
}

/// A group and what its name says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct GroupSeen {
    /// Its name.
    pub name: String,
    /// What the name says.
    #[serde(flatten)]
    pub reading: Reading,
}

/// What the name of a group says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "reading", rename_all = "snake_case")]
pub enum Reading {
    /// A role in a tenant.
    Gives(Grant),
    /// It has the prefix and gives nothing.
    GivesNothing {
        /// Why.
        code: FindingCode,
        /// The same in words.
        message: String,
        /// What to do.
        remedy: &'static str,
    },
    /// It nearly has the prefix.
    NearMiss {
        /// How many edits it is away.
        distance: usize,
        /// What it would give with the prefix.
        meant: Option<Grant>,
    },
    /// It is not ours.
    NotOurs,
}

/// A finding about the login.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FindingSeen {
    /// Which.
    pub code: FindingCode,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub remedy: &'static str,
    /// A likely reason that the finding itself does not know: a group that nearly has the prefix.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Since when every run has found it, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since_ms: Option<i64>,
}

/// One tenant's part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TenantExplanation {
    /// Which.
    pub tenant: TenantId,
    /// Whether runs write to it.
    pub mode: Mode,
    /// What was decided.
    pub decision: Decided,
    /// The roles that the directory asks for.
    pub roles: BTreeSet<Role>,
    /// The decision in words.
    pub message: String,
    /// What is wrong here.
    pub findings: Vec<FindingSeen>,
    /// What waits for a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held: Option<HeldSeen>,
    /// What the records tell of Orgvue's answers, the latest first.
    pub answers: Vec<Answer>,
    /// Why the tenant could not be worked on when it was last tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<FaultSeen>,
    /// The account as it is now, where it was looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub now: Option<NowSeen>,
}

/// What was decided about a login in a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Decided {
    /// It should have an account.
    Desired,
    /// It should have none.
    NotDesired,
    /// Its account is kept disabled.
    Blocked,
    /// Its account is never touched.
    Protected,
    /// Its account is left as it is: nobody can tell whose it is.
    LeftAlone,
    /// What is stored does not tell.
    NotKnown,
}

/// An action about the login that waits for a person, or that a person approved and no run has done yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HeldSeen {
    /// What would be done.
    pub action: Verb,
    /// The roles that would be lost.
    pub lost_roles: BTreeSet<Role>,
    /// Why it waits.
    pub why: HoldReason,
    /// The same in words.
    pub message: &'static str,
    /// What a person's decision is bound to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash: Option<HeldHash>,
    /// What a person has decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// The login that the account's user has now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub renamed_to: Option<Login>,
}

/// What one run tells of the login.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// What.
    pub outcome: AnswerOutcome,
    /// Orgvue's own words, where it gave any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Which run.
    pub run: RunId,
    /// When it began, in milliseconds since 1970.
    pub at_ms: i64,
}

/// How a run left the login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerOutcome {
    /// The account was created.
    Created,
    /// It was updated.
    Updated,
    /// It was removed or disabled.
    Removed,
    /// The run wrote nothing; it would have created the account.
    WouldCreate,
    /// The run wrote nothing; it would have updated the account.
    WouldUpdate,
    /// The run wrote nothing; it would have removed or disabled the account.
    WouldRemove,
    /// The account was as it should be.
    RightAlready,
    /// The run ended well and had nothing to do for the login.
    NothingToDo,
    /// An action waits for a person.
    Held,
    /// Orgvue refused the account.
    Refused,
    /// It is not known to be as planned; the next try finds out.
    Failed,
}

/// Why a tenant could not be worked on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FaultSeen {
    /// The stable code.
    pub code: Option<String>,
    /// The same in words.
    pub error: Option<String>,
    /// The run that met it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// When that began, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_ms: Option<i64>,
}

/// The account as it is now, and what the next run would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NowSeen {
    /// The account; `None`: there is none.
    pub account: Option<AccountSeen>,
    /// What the next run would do; `None`: nothing.
    pub next: Option<ActionSeen>,
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccountSeen {
    /// Its roles.
    pub roles: BTreeSet<Role>,
    /// Whether it can be used, but for its expiry date.
    pub enabled: bool,
    /// Whether its expiry date is past.
    pub expired: bool,
}

/// What the next run would do to the account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ActionSeen {
    /// What.
    pub action: Verb,
    /// The roles that a usable account has behind it.
    pub roles: BTreeSet<Role>,
    /// The roles that the account loses.
    pub lost_roles: BTreeSet<Role>,
    /// The login that the account's user has now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub renamed_to: Option<Login>,
}

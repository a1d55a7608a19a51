//! What happened to one login, step by step, for an operator who answers a customer's IAM administrator.
//!
//! Five steps: was a user found, in which groups, what do these give, what was decided in each tenant, what did Orgvue answer. An
//! explanation decides nothing: it asks [`desired`](crate::desired) again about this login alone, with what is stored or with what is there
//! now, and tells the rest from records. Where what is stored cannot tell, it says so.
//!
//! It holds personal data and belongs in answers to people, never in a log.

mod answers;
mod approved;
mod decided;
mod display;
mod stored;
mod values;

use crate::current::Account;
use crate::desired::{Decision, desired};
use crate::directory::{Directory, User};
use crate::finding::Finding;
use crate::guard::Held;
use crate::held::HeldHash;
use crate::ids::{RunId, TenantId};
use crate::integration::Integration;
use crate::login::Login;
use crate::plan::Action;
use crate::run::RunRecord;
use crate::snapshot::Snapshot;

pub use values::{
    AccountSeen, ActionSeen, Answer, AnswerOutcome, Decided, Explanation, FaultSeen, FindingSeen, Found, GroupSeen, HeldSeen, NowSeen,
    Reading, Source, TenantExplanation, UserSeen,
};

/// One tenant as it was looked at just now.
#[derive(Debug, Clone, Copy)]
pub struct LiveTenant<'a> {
    /// Which.
    pub tenant: &'a TenantId,
    /// What was seen.
    pub state: LiveState<'a>,
}

/// What a look at a tenant saw of the login.
#[derive(Debug, Clone, Copy)]
pub enum LiveState<'a> {
    /// Its dataset could be read.
    Read {
        /// The account.
        account: Option<&'a Account>,
        /// What is planned for it.
        action: Option<&'a Action>,
        /// What of that the guard holds.
        held: Option<&'a Held>,
        /// What a decision about all that is held is bound to.
        hash: Option<&'a HeldHash>,
        /// What the plan left alone.
        findings: &'a [Finding],
    },
    /// It could not be worked on.
    Failed {
        /// The stable code.
        code: &'a str,
        /// The same in words.
        error: &'a str,
    },
}

impl Explanation {
    /// Explains from what the last read saw and from the latest runs, newest first. A user whose address changed is known under the
    /// former one until its account is gone.
    pub fn from_snapshot(login: &Login, integration: &Integration, snapshot: &Snapshot, last: &[RunRecord]) -> Self {
        let directory = stored::directory(login, integration, snapshot, last);
        let users: Vec<&User> = directory.users().iter().collect();
        let decision = desired(&directory, integration);
        let findings = stored::findings(&decision, snapshot);
        let found = decided::found(&users, Found::NotStored);
        let source = Source::Snapshot { run: snapshot.run.clone(), at_ms: snapshot.at_ms, unchanged_since: None };
        let sight = decided::Sight { login, integration, directory: &directory, decision: &decision, findings: &findings, users, found };
        sight.explain(source).with_runs(last)
    }

    /// Says that a later run read the same as the snapshot shows. Whatever else is told stays: it is as it was when it was first seen so.
    #[must_use]
    pub fn read_again(mut self, by: RunId, when_ms: i64) -> Self {
        if let Source::Snapshot { run, at_ms, unchanged_since } = &mut self.source {
            *unchanged_since = Some(std::mem::replace(run, by));
            *at_ms = when_ms;
        }
        self
    }

    /// Explains from the directory as it is, what it asks for, and one look at each tenant. What runs did before is not told; see
    /// [`Explanation::with_runs`].
    pub fn from_directory(
        login: &Login,
        integration: &Integration,
        directory: &Directory,
        decision: &Decision,
        tenants: &[LiveTenant<'_>],
    ) -> Self {
        let users: Vec<&User> = directory.users().iter().filter(|user| decided::has_address(user, login)).collect();
        let in_plans = tenants.iter().flat_map(|live| match live.state {
            LiveState::Read { findings, .. } => findings,
            LiveState::Failed { .. } => &[],
        });
        let findings: Vec<Finding> = decision.findings.iter().chain(in_plans).cloned().collect();
        let found = decided::found(&users, Found::Absent);
        let sight = decided::Sight { login, integration, directory, decision, findings: &findings, users, found };
        sight.explain(Source::Live).with_look(tenants)
    }
}

#[cfg(test)]
mod tests;

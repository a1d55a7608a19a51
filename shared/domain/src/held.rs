//! What waits for a person, as a person decides about it: a set of actions with a hash, and the decision that is bound to the hash.
//!
//! A decision never names a plan: the next run plans anew from fresh reads, and what was approved is the most that it may do of what the
//! guard would hold. Anything more is held anew, under another hash.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::group_name::Role;
use crate::guard::{Held, HoldReason};
use crate::ids::{RunId, TenantId};
use crate::login::Login;
use crate::plan::{Action, Plan, Verb, Weight};

/// How long an approval is good for: seven days, so that nobody acts on what somebody saw long ago.
pub const APPROVAL_MS: i64 = 7 * 24 * 3_600_000;

/// How far an operator's clock may be ahead of the function's.
const CLOCK_SKEW_MS: i64 = 10 * 60_000;

/// One action that waits for a person.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct HeldAction {
    /// Where.
    pub tenant: TenantId,
    /// Whose account.
    pub login: Login,
    /// What would be done.
    pub action: Verb,
    /// The roles that the account would lose.
    pub lost_roles: BTreeSet<Role>,
    /// Why it is held.
    pub why: HoldReason,
    /// Whether a person turned it down, be it as a part of another set. It is none of what the hash is over.
    #[serde(default, skip_serializing_if = "is_false")]
    pub rejected: bool,
    /// Whether a person turned a part of it down, but not all of its lost roles: it waits for a word about the whole. None of the hash either.
    #[serde(default, skip_serializing_if = "is_false")]
    pub rejected_in_part: bool,
}

/// All that is held of one tenant.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HeldSet(BTreeSet<HeldAction>);

/// What a decision is bound to: SHA-256 over the tenant, login, action and lost roles of every held action, and over which of them would take
/// the last administrator. 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HeldHash(String);

impl HeldHash {
    /// A hash as it was stored or written by a person; it need not be whole.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first twelve digits: enough for people to tell two apart.
    pub fn short(&self) -> &str {
        self.0.get(..12).unwrap_or(&self.0)
    }
}

impl fmt::Display for HeldHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl HeldSet {
    /// What the guard held of a tenant, but for users who could not be read again: their tenant is tried again, and nobody is asked.
    pub fn of(tenant: &TenantId, held: &[Held]) -> Self {
        let waits = held.iter().filter(|held| held.why != HoldReason::Unconfirmed);
        Self(waits.map(|held| HeldAction::of(tenant, &held.action, held.why)).collect())
    }

    /// All that a plan takes from anybody, because what was held before is not to be found.
    pub fn lost(plan: &Plan) -> Self {
        let takes = plan.actions.iter().filter(|action| action.weight() != Weight::None);
        Self(takes.map(|action| HeldAction::of(&plan.tenant, action, HoldReason::HeldSetLost)).collect())
    }

    /// The actions, in the order of tenant and login.
    pub fn actions(&self) -> impl Iterator<Item = &HeldAction> {
        self.0.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The same set, each of its actions marked as a decision about the whole has it. A decision about another set leaves the marks.
    #[must_use]
    pub fn judged(self, decision: Option<&Decision>) -> Self {
        let Some(decision) = decision.filter(|decision| decision.hash == self.hash()) else { return self };
        let rejected = decision.verdict == Verdict::Rejected;
        Self(self.0.into_iter().map(|held| HeldAction { rejected, rejected_in_part: false, ..held }).collect())
    }

    /// What of it waits for a decision although nothing else would hold it any more: what a person turned down, if only in part; what was over
    /// a limit, for limits let more through when a day has passed or somebody has joined, which is nobody's word about it; and what may be either.
    #[must_use]
    pub fn waiting(self, decision: Option<&Decision>) -> Self {
        let mut set = self.judged(decision);
        set.0.retain(|held| held.rejected || held.rejected_in_part || held.why.outlasts_its_cause());
        set
    }

    /// The same set, also with the marks of those actions that `waiting` holds. What loses more than was turned down is so in part.
    #[must_use]
    pub fn remembering(self, waiting: &Self) -> Self {
        let marked = |held: HeldAction| {
            let before = || waiting.holding(&held.tenant, &held.login, held.action, &held.lost_roles);
            let is_all = |before: &HeldAction| held.action.is_removal() || held.lost_roles.is_subset(&before.lost_roles);
            let rejected = held.rejected || before().any(|before| before.rejected && is_all(before));
            let is_in_part = || held.rejected_in_part || before().any(|before| before.rejected || before.rejected_in_part);
            let rejected_in_part = !rejected && is_in_part();
            HeldAction { rejected, rejected_in_part, ..held }
        };
        Self(self.0.into_iter().map(marked).collect())
    }

    /// The same set, and what of another one it does not hold itself.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        let missing = |held: &&HeldAction| self.covering(&held.tenant, &held.login, held.action, &held.lost_roles).is_none();
        let missing: Vec<HeldAction> = other.actions().filter(missing).cloned().collect();
        self.0.extend(missing);
        self
    }

    /// Whether a person who approved the set lets go what is held in another: the last administrator only as that.
    pub fn lets_go(&self, held: &HeldAction) -> bool {
        let agreed = self.covering(&held.tenant, &held.login, held.action, &held.lost_roles);
        agreed.is_some_and(|agreed| held.why != HoldReason::LastAdmin || agreed.why == HoldReason::LastAdmin)
    }

    /// Whether a person turned all of it down.
    pub fn is_rejected(&self) -> bool {
        self.actions().all(|held| held.rejected)
    }

    /// Why the set, of what waits for a decision, keeps this action from being done: what takes nothing waits for nobody.
    pub fn holds(&self, tenant: &TenantId, action: &Action) -> Option<HoldReason> {
        // Mostly nothing waits, and then there is nothing to look up.
        if self.is_empty() || action.weight() == Weight::None {
            return None;
        }
        self.holding(tenant, &action.login, action.verb(), &action.lost_roles()).next().map(|held| held.why)
    }

    /// Why the set holds this action, or one that takes more from the same account.
    pub fn why(&self, tenant: &TenantId, action: &Action) -> Option<HoldReason> {
        self.find(tenant, action).map(|held| held.why)
    }

    /// Whether a person who approved the set agreed to this action, or to one that takes more from the same account.
    pub fn covers(&self, tenant: &TenantId, action: &Action) -> bool {
        self.find(tenant, action).is_some()
    }

    /// Whether that person agreed to it although it takes the tenant's last administrator.
    pub fn covers_last_admin(&self, tenant: &TenantId, action: &Action) -> bool {
        self.why(tenant, action) == Some(HoldReason::LastAdmin)
    }

    fn find(&self, tenant: &TenantId, action: &Action) -> Option<&HeldAction> {
        // Mostly nothing is held, and then there is nothing to look up.
        if self.is_empty() { None } else { self.covering(tenant, &action.login, action.verb(), &action.lost_roles()) }
    }

    /// What of the set reaches an action: the same one on the same account, with all the roles that it loses.
    pub(crate) fn covering(&self, tenant: &TenantId, login: &Login, action: Verb, lost_roles: &BTreeSet<Role>) -> Option<&HeldAction> {
        self.of_account(tenant, login).filter(|held| held.action == action).find(|held| lost_roles.is_subset(&held.lost_roles))
    }

    /// What of the set an action waits with: whatever would take one of the same roles from the same account, for a larger loss is no way around
    /// a word about a smaller one; and any removal where it is one, for whether accounts are deleted or disabled is no answer to whether this
    /// one is to go.
    fn holding<'a>(
        &'a self,
        tenant: &'a TenantId,
        login: &'a Login,
        action: Verb,
        lost_roles: &'a BTreeSet<Role>,
    ) -> impl Iterator<Item = &'a HeldAction> {
        self.of_account(tenant, login).filter(move |held| match action.is_removal() {
            true => held.action.is_removal(),
            false => held.action == action && !held.lost_roles.is_disjoint(lost_roles),
        })
    }

    fn of_account<'a>(&'a self, tenant: &TenantId, login: &Login) -> impl Iterator<Item = &'a HeldAction> {
        // The set is in the order of tenant and login: a hundred thousand actions are asked about, each several times.
        let first = HeldAction {
            tenant: tenant.clone(),
            login: login.clone(),
            action: Verb::Create,
            lost_roles: BTreeSet::new(),
            why: HoldReason::NothingDesired,
            rejected: false,
            rejected_in_part: false,
        };
        self.0.range(first..).take_while(move |held| held.tenant == *tenant && held.login == *login)
    }

    /// The same set without one account.
    #[must_use]
    pub fn without(mut self, login: &Login) -> Self {
        self.0.retain(|held| held.login != *login);
        self
    }

    /// What a decision about this set is bound to. Why the actions are held is no part of it, but for the last administrator: the same
    /// actions for another reason are no new question.
    pub fn hash(&self) -> HeldHash {
        let mut lines: Vec<Vec<String>> = self.0.iter().map(HeldAction::hashed).collect();
        lines.sort();
        let json = serde_json::to_vec(&lines).expect("texts are JSON");
        HeldHash(hex::encode(Sha256::digest(json)))
    }
}

impl HeldAction {
    fn of(tenant: &TenantId, action: &Action, why: HoldReason) -> Self {
        let (login, lost_roles) = (action.login.clone(), action.lost_roles());
        Self { tenant: tenant.clone(), login, action: action.verb(), lost_roles, why, rejected: false, rejected_in_part: false }
    }

    fn hashed(&self) -> Vec<String> {
        let action = match self.action {
            Verb::Create => "create",
            Verb::Update => "update",
            Verb::Disable => "disable",
            Verb::Remove => "remove",
            Verb::Restore => "restore",
        };
        let last_admin = if self.why == HoldReason::LastAdmin { "last_admin" } else { "" };
        let login = self.login.as_str().to_lowercase();
        let fixed = [self.tenant.as_str(), &login, action, last_admin].map(str::to_owned);
        fixed.into_iter().chain(self.lost_roles.iter().map(ToString::to_string)).collect()
    }
}

/// What a person decided about a held set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Which way.
    pub verdict: Verdict,
    /// About which set.
    pub hash: HeldHash,
    /// Who: the ARN of the caller.
    pub by: String,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
}

/// Which way a person decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It shall be done.
    Approved,
    /// It shall not; it stays held, and nobody is asked again until something else is held beside it.
    Rejected,
}

impl Decision {
    /// When an approval ends.
    pub fn expires_at_ms(&self) -> i64 {
        self.at_ms + APPROVAL_MS
    }

    /// Whether it is one of the decisions made until `used_ms`, which runs have used up: what they were about may be asked anew.
    pub fn is_used_up(&self, used_ms: Option<i64>) -> bool {
        used_ms.is_some_and(|used_ms| self.at_ms <= used_ms)
    }

    /// Whether it counts: no run has used it up, and it is no approval that has ended. What was said before it counts on then.
    pub fn counts(&self, used_ms: Option<i64>, now_ms: i64) -> bool {
        match self.verdict {
            Verdict::Approved => self.approves(used_ms, now_ms).is_some(),
            Verdict::Rejected => !self.is_used_up(used_ms),
        }
    }

    /// The hash of the set that may be applied now. A run that ended well used up the decisions made until `used_ms`.
    pub fn approves(&self, used_ms: Option<i64>, now_ms: i64) -> Option<&HeldHash> {
        // Clocks differ by seconds; an approval from tomorrow is nobody's.
        let good = self.verdict == Verdict::Approved
            && !self.is_used_up(used_ms)
            && self.at_ms <= now_ms + CLOCK_SKEW_MS
            && now_ms < self.expires_at_ms();
        good.then_some(&self.hash)
    }
}

/// What is held of a tenant, at a glance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldHead {
    /// What a decision is bound to.
    pub hash: HeldHash,
    /// How many actions.
    pub n_actions: usize,
    /// The run that held it last.
    pub run: RunId,
    /// Since when this very set has been held, in milliseconds since 1970.
    pub since_ms: i64,
    /// Whether a person had turned all of it down when it was held last, be it as a part of another set.
    #[serde(default, skip_serializing_if = "is_false")]
    pub rejected: bool,
}

impl HeldHead {
    /// Whether it stays held by a person's word, so that nobody is asked: the newest decision about the tenant turned it down, or all of it
    /// together with what is no longer held. One of those made until `used_ms` is told by the marks alone.
    pub fn is_rejected(&self, decision: Option<&Decision>, used_ms: Option<i64>) -> bool {
        let is_it = |decision: &Decision| decision.hash == self.hash && !decision.is_used_up(used_ms);
        decision.is_some_and(|decision| decision.verdict == Verdict::Rejected && (self.rejected || is_it(decision)))
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

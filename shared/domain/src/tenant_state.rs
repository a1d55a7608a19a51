//! What outlives a run of one tenant: when it is to be tried again, and under which scope removals have been let through.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::backoff::{Backoff, FaultClass};
use crate::delays::Delays;
use crate::guard::Scope;
use crate::harm::HarmLog;
use crate::held::{Decision, HeldHead};
use crate::ids::TenantId;
use crate::integration::{Integration, Mode, Tenant};
use crate::run::TenantRecord;

/// What outlives a run of one tenant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TenantState {
    /// How often in a row it failed.
    pub backoff: Backoff,
    /// When to try it again; until then it is left alone.
    pub retry_at_ms: Option<i64>,
    /// What stands in its way.
    pub fault: Option<StandingFault>,
    /// The scope under which removals have been let through.
    pub settled_scope: Option<String>,
    /// The harm of the last day that nobody had to approve.
    pub harm: HarmLog,
    /// What waits for a person.
    pub held: Option<HeldHead>,
    /// The decisions that were made until then are used up, in milliseconds since 1970: what was approved is done, and what was rejected is
    /// marked where it is held.
    pub decisions_used_ms: Option<i64>,
    /// When a run of it last ended as it should, in milliseconds since 1970.
    pub succeeded_ms: Option<i64>,
    /// When a run last worked on it with the whole list of users, in milliseconds since 1970.
    pub whole_ms: Option<i64>,
}

/// What stands in the way of a tenant, and since when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandingFault {
    /// The stable code.
    pub code: String,
    /// Since when every run has met it, in milliseconds since 1970.
    pub since_ms: i64,
}

/// What a run is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Demand {
    /// Nothing new: only what failed is tried again.
    Retry,
    /// Something may have changed. What failed a moment ago still waits for its retry.
    Change,
    /// A person asked, perhaps because the fault is mended.
    Person,
}

impl Demand {
    /// What a run is for, given whether a person waits for one, and whether anything is new since the last. The message does not tell: a
    /// person's may be lost, or meet a run at work, and another one's come in its place.
    pub fn of(is_asked: bool, is_new_work: bool) -> Self {
        match (is_asked, is_new_work) {
            (true, _) => Self::Person,
            (false, true) => Self::Change,
            (false, false) => Self::Retry,
        }
    }
}

impl TenantState {
    /// The state with which a run begins: a person who asks lifts a quarantine, so that the next fault has its short retries again.
    #[must_use]
    pub fn asked(self, demand: Demand) -> Self {
        match demand {
            Demand::Person => Self { backoff: Backoff::default(), ..self },
            Demand::Change | Demand::Retry => self,
        }
    }

    /// Whether the tenant is to be worked on now.
    pub fn is_due(&self, demand: Demand, now_ms: i64) -> bool {
        match (demand, self.retry_at_ms) {
            (Demand::Person, _) => true,
            (Demand::Change, None) => true,
            (Demand::Retry, None) => false,
            (Demand::Change | Demand::Retry, Some(at)) => at <= now_ms,
        }
    }

    /// Whether a run had the whole list of users so lately that the next may begin without: within half of the time after which a tenant is
    /// looked at although no event came. What that list alone tells is so never older than one and a half of that time.
    pub fn knew_all_users(&self, now_ms: i64, delays: &Delays) -> bool {
        self.whole_ms.is_some_and(|at| now_ms - at < delays.drift_ms / 2)
    }

    /// The newest decision about the tenant, if it counts.
    pub fn counting<'d>(&self, decision: Option<&'d Decision>, now_ms: i64) -> Option<&'d Decision> {
        decision.filter(|decision| decision.counts(self.decisions_used_ms, now_ms))
    }

    /// Whether what is held asks for a decision, beside the newest one about the tenant: it has been neither turned down nor approved, or the
    /// approval is used up or too old.
    pub fn asks(&self, decision: Option<&Decision>, now_ms: i64) -> bool {
        self.held.as_ref().is_some_and(|head| {
            let is_approved = || decision.and_then(|decision| decision.approves(self.decisions_used_ms, now_ms)) == Some(&head.hash);
            !head.is_rejected(decision, self.decisions_used_ms) && !is_approved()
        })
    }

    /// Whether removals have been let through under this scope before.
    pub fn scope(&self, integration: &Integration) -> Scope {
        if self.settled_scope.as_deref() == Some(&integration.scope()) { Scope::Settled } else { Scope::New }
    }

    /// The state behind a run that ended so, and whose the fault was if it is to be tried again. A scope is settled once a run that writes
    /// holds none of its removals, whether the vendor refused some or not.
    #[must_use]
    pub fn after(self, record: &TenantRecord, fault: Option<FaultClass>, integration: &Integration, now_ms: i64, delays: &Delays) -> Self {
        let is_done = matches!(fault, None | Some(FaultClass::Accounts));
        let settles = is_done && record.mode == Mode::Enforce && !record.held.iter().any(|held| held.action.is_removal());
        let settled_scope = if settles { Some(integration.scope()) } else { self.settled_scope };
        let Some(class) = fault else {
            return Self { backoff: Backoff::default(), retry_at_ms: None, fault: None, settled_scope, succeeded_ms: Some(now_ms), ..self };
        };
        let (backoff, retry_at_ms) = self.backoff.failed(class, now_ms, delays);
        let code = record.code.clone().unwrap_or_default();
        let since_ms = self.fault.filter(|fault| fault.code == code).map_or(now_ms, |fault| fault.since_ms);
        Self { backoff, retry_at_ms: Some(retry_at_ms), fault: Some(StandingFault { code, since_ms }), settled_scope, ..self }
    }
}

/// The tenants that runs work on: those that nobody paused.
pub fn worked_on(integration: &Integration) -> impl Iterator<Item = &Tenant> {
    integration.tenants.iter().filter(|tenant| tenant.mode != Mode::Paused)
}

/// The tenants that runs write to. What of another waits for a decision is no question to anybody until it is one of these.
pub fn written_to(integration: &Integration) -> impl Iterator<Item = &Tenant> {
    integration.tenants.iter().filter(|tenant| tenant.mode == Mode::Enforce)
}

/// When the next of the integration's tenants is to be tried again. What is kept of other tenants no longer counts.
pub fn earliest_retry(integration: &Integration, states: &BTreeMap<TenantId, TenantState>) -> Option<i64> {
    worked_on(integration).filter_map(|tenant| states.get(&tenant.id)?.retry_at_ms).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failing(retry_at_ms: i64) -> TenantState {
        TenantState { retry_at_ms: Some(retry_at_ms), ..TenantState::default() }
    }

    #[test]
    fn a_failing_tenant_waits_for_its_retry_unless_a_person_asks() {
        assert!(!failing(10).is_due(Demand::Change, 9));
        assert!(!failing(10).is_due(Demand::Retry, 9));
        assert!(failing(10).is_due(Demand::Person, 9));
        assert!(failing(10).is_due(Demand::Change, 10));
    }

    #[test]
    fn a_retry_is_for_failing_tenants_only() {
        assert!(!TenantState::default().is_due(Demand::Retry, 0));
        assert!(TenantState::default().is_due(Demand::Change, 0));
    }

    #[test]
    fn a_retry_of_a_tenant_that_is_gone_or_paused_is_forgotten() {
        let file = |mode| {
            format!(
                "id = 'a'\ndirectory = 'directory_1'\ntenancy = 'multi'\nprefix = 'p_'\n\
                 [[tenants]]\nid = 'A'\ndataset = '0B533DE6-7107-9FCD-48FC-31C0856745CC'\nmode = '{mode}'\napi_account = 'sync@orgvue.com'\n"
            )
        };
        let states = |id| BTreeMap::from([(TenantId::parse(id).unwrap(), failing(10))]);
        let retry = |mode, id| earliest_retry(&Integration::parse(&file(mode)).unwrap(), &states(id));
        assert_eq!((retry("enforce", "A"), retry("enforce", "GONE"), retry("paused", "A")), (Some(10), None, None));
    }
}

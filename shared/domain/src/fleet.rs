//! What alarms look at, over all integrations.
//!
//! A run leaves a [`Tally`] of its integration, and the sweep notes since when it has seen work owed. Both lie beside the pending item, so
//! that counting a whole fleet costs no read of its own. Nothing is decided from them, and what is missing counts as nothing.

use std::collections::BTreeMap;

use crate::delays::Delays;
use crate::held::Decision;
use crate::ids::TenantId;
use crate::integration::{Integration, Tenant};
use crate::pending::{Pending, Switch};
use crate::tenant_state::{TenantState, worked_on, written_to};

/// How long work may be owed before somebody should look: the window, a few retries and a long run, and then twice that.
const OWED_MS_MAX: i64 = 30 * 60_000;

/// Since when work has been owed, by what the sweep saw: at most a minute late, and never early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owed {
    /// The generation that was owed then.
    pub generation: u64,
    /// When it was first seen, in milliseconds since 1970.
    pub since_ms: i64,
}

/// What a run leaves to be counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Tenants where something waits for a person's decision.
    pub n_held: usize,
    /// Tenants in quarantine.
    pub n_quarantined: usize,
    /// When the tenant that has waited longest for a success last had one, or began to fail; in milliseconds since 1970.
    pub quiet_since_ms: Option<i64>,
    /// The open findings; `None` where the run did not look.
    pub n_findings: Option<usize>,
}

/// One integration, as the sweep sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Its pending item.
    pub pending: Pending,
    /// Since when work was owed when the last sweep looked.
    pub owed: Option<Owed>,
    /// What the last run left.
    pub tally: Tally,
}

/// Why somebody should look at an integration, since when; in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stale {
    /// It is owed a run for longer than it should take to have one.
    Owed(i64),
    /// It had no success for twice the time between two looks for drift.
    Quiet(i64),
}

/// The state of all integrations in numbers. What is paused or suspended waits for a person and is counted as that alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Gauges {
    /// Integrations that are [`Stale`].
    pub n_stale: usize,
    /// How long the oldest work has been owed for which a run could have begun.
    pub oldest_owed_ms: i64,
    /// Tenants in quarantine.
    pub n_quarantined_tenants: usize,
    /// Directories in quarantine.
    pub n_quarantined_directories: usize,
    /// Integrations whose directory is gone.
    pub n_suspended: usize,
    /// Integrations that a person stopped.
    pub n_paused: usize,
    /// Tenants where something waits for a person.
    pub n_held_tenants: usize,
    /// Open findings.
    pub n_findings: usize,
}

impl Owed {
    /// The mark behind one more look: a generation that is still owed keeps its time, and nothing is owed while nothing may run.
    pub fn seen(before: Option<Self>, pending: &Pending, now_ms: i64) -> Option<Self> {
        if pending.switch != Switch::Live || !pending.is_owed() {
            return None;
        }
        let still_owed = before.filter(|owed| owed.generation > pending.reconciled_generation);
        Some(still_owed.unwrap_or(Self { generation: pending.generation, since_ms: now_ms }))
    }

    /// Since when a run could have begun. While the directory itself fails, none may before its retry is due.
    fn could_run_since_ms(self, pending: &Pending) -> i64 {
        match pending.retry_at_ms {
            Some(retry_at_ms) if pending.backoff.attempts > 0 => self.since_ms.max(retry_at_ms),
            Some(_) | None => self.since_ms,
        }
    }
}

impl Tally {
    /// Counts the tenants that runs work on, beside the newest decision about each.
    pub fn of(
        integration: &Integration,
        states: &BTreeMap<TenantId, TenantState>,
        decisions: &BTreeMap<TenantId, Decision>,
        n_findings: Option<usize>,
        now_ms: i64,
    ) -> Self {
        let known: Vec<(&TenantId, &TenantState)> =
            worked_on(integration).filter_map(|tenant| Some((&tenant.id, states.get(&tenant.id)?))).collect();
        let asks = |tenant: &&Tenant| states.get(&tenant.id).is_some_and(|state| state.asks(decisions.get(&tenant.id), now_ms));
        // One that never succeeded counts from its first failure.
        let quiet_since = |state: &TenantState| state.succeeded_ms.or(state.fault.as_ref().map(|fault| fault.since_ms));
        Self {
            n_held: written_to(integration).filter(asks).count(),
            n_quarantined: known.iter().filter(|(_, state)| state.backoff.is_quarantined()).count(),
            quiet_since_ms: known.iter().filter_map(|(_, state)| quiet_since(state)).min(),
            n_findings,
        }
    }
}

impl Standing {
    /// Whether no run of it ends as it should for long. What is paused or suspended waits for a person, and is never stale.
    pub fn stale(&self, now_ms: i64, delays: &Delays) -> Option<Stale> {
        let owed = Owed::seen(self.owed, &self.pending, now_ms).filter(|owed| now_ms - owed.since_ms > OWED_MS_MAX);
        let quiet = self.tally.quiet_since_ms.filter(|since_ms| now_ms - since_ms > 2 * delays.drift_ms);
        match self.pending.switch {
            Switch::Live => owed.map(|owed| Stale::Owed(owed.since_ms)).or(quiet.map(Stale::Quiet)),
            Switch::Paused | Switch::Suspended => None,
        }
    }
}

impl Gauges {
    /// Counts all integrations.
    pub fn of(now_ms: i64, fleet: &[Standing], delays: &Delays) -> Self {
        let mut gauges = Self::default();
        for standing in fleet {
            match standing.pending.switch {
                Switch::Live => gauges.count_live(now_ms, standing, delays),
                Switch::Paused => gauges.n_paused += 1,
                Switch::Suspended => gauges.n_suspended += 1,
            }
        }
        gauges
    }

    fn count_live(&mut self, now_ms: i64, standing: &Standing, delays: &Delays) {
        let Standing { pending, owed, tally: Tally { n_held, n_quarantined, quiet_since_ms: _, n_findings } } = standing;
        let owed_ms = Owed::seen(*owed, pending, now_ms).map_or(0, |owed| now_ms - owed.could_run_since_ms(pending));
        self.n_stale += usize::from(standing.stale(now_ms, delays).is_some());
        self.oldest_owed_ms = self.oldest_owed_ms.max(owed_ms);
        self.n_quarantined_tenants += n_quarantined;
        self.n_quarantined_directories += usize::from(pending.backoff.is_quarantined());
        self.n_held_tenants += n_held;
        self.n_findings += n_findings.unwrap_or(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backoff::Backoff;
    use crate::held::{HeldHash, HeldHead, Verdict};
    use crate::ids::{DirectoryId, IntegrationId, RunId};
    use crate::tenant_state::StandingFault;

    const MINUTE: i64 = 60_000;
    const NOW: i64 = 100 * 3_600_000;
    const QUARANTINED: Backoff = Backoff { attempts: 6, own_faults: 6 };

    fn pending(generation: u64, reconciled_generation: u64) -> Pending {
        let (directory, integration) = (DirectoryId::parse("directory_1").unwrap(), IntegrationId::parse("acme").unwrap());
        Pending { generation, reconciled_generation, ..Pending::new(directory, integration, 0) }
    }

    fn idle() -> Standing {
        Standing { pending: pending(3, 3), owed: None, tally: Tally::default() }
    }

    fn owed_for(minutes: i64) -> Standing {
        let owed = Owed { generation: 4, since_ms: NOW - minutes * MINUTE };
        Standing { pending: pending(4, 3), owed: Some(owed), ..idle() }
    }

    fn quiet_for(hours: i64) -> Standing {
        let tally = Tally { quiet_since_ms: Some(NOW - hours * 60 * MINUTE), ..Tally::default() };
        Standing { tally, ..idle() }
    }

    fn switched(switch: Switch, standing: Standing) -> Standing {
        Standing { pending: Pending { switch, ..standing.pending }, ..standing }
    }

    fn gauges(fleet: &[Standing]) -> Gauges {
        Gauges::of(NOW, fleet, &Delays::default())
    }

    #[test]
    fn work_is_owed_from_when_it_was_first_seen_until_its_generation_is_reconciled() {
        let first = Owed::seen(None, &pending(4, 3), 10);
        assert_eq!(first, Some(Owed { generation: 4, since_ms: 10 }));
        assert_eq!(Owed::seen(first, &pending(9, 3), 20), first, "newer events do not make it younger");
        assert_eq!(
            Owed::seen(first, &pending(9, 4), 30),
            Some(Owed { generation: 9, since_ms: 30 }),
            "what came later is owed since later"
        );
        assert_eq!(Owed::seen(first, &pending(4, 4), 30), None);
        let paused = Pending { switch: Switch::Paused, ..pending(4, 3) };
        assert_eq!(Owed::seen(first, &paused, 30), None, "a pause owes nothing, so that its end does not look like a delay");
    }

    #[test]
    fn an_integration_is_stale_that_is_owed_for_more_than_half_an_hour() {
        assert_eq!(gauges(&[idle(), owed_for(30)]).n_stale, 0);
        assert_eq!(gauges(&[idle(), owed_for(31)]).n_stale, 1);
        assert_eq!(gauges(&[owed_for(31), owed_for(5)]).oldest_owed_ms, 31 * MINUTE);
    }

    /// A directory that fails for a week must not hide that no run begins any more, itself included.
    #[test]
    fn a_directory_that_waits_for_its_retry_is_owed_a_run_from_then_on() {
        let backoff = Backoff { attempts: 3, own_faults: 0 };
        let failing = |retry_at_ms| Standing { pending: Pending { backoff, retry_at_ms, ..owed_for(99).pending }, ..owed_for(99) };
        let waiting = failing(Some(NOW + 10 * MINUTE));
        assert_eq!(gauges(&[waiting.clone(), owed_for(5)]).oldest_owed_ms, 5 * MINUTE);
        let alone = gauges(&[waiting]);
        assert_eq!((alone.oldest_owed_ms, alone.n_stale), (0, 1));
        assert_eq!(gauges(&[failing(Some(NOW - 7 * MINUTE))]).oldest_owed_ms, 7 * MINUTE);
        let tenants_wait = Standing { pending: Pending { retry_at_ms: Some(NOW), ..owed_for(5).pending }, ..owed_for(5) };
        assert_eq!(gauges(&[tenants_wait]).oldest_owed_ms, 5 * MINUTE, "one tenant never delays the others");
    }

    #[test]
    fn an_integration_is_stale_without_a_success_for_two_looks_for_drift() {
        assert_eq!(gauges(&[quiet_for(12)]).n_stale, 0);
        assert_eq!(gauges(&[quiet_for(13)]).n_stale, 1);
        let both = Standing { tally: quiet_for(13).tally, ..owed_for(31) };
        assert_eq!(gauges(&[both]).n_stale, 1, "one integration is counted once");
    }

    #[test]
    fn what_is_stale_tells_since_when_and_what_is_stopped_never_is() {
        let stale = |standing: Standing| standing.stale(NOW, &Delays::default());
        assert_eq!(stale(owed_for(31)), Some(Stale::Owed(NOW - 31 * MINUTE)));
        assert_eq!(stale(quiet_for(13)), Some(Stale::Quiet(NOW - 13 * 60 * MINUTE)));
        assert_eq!(stale(switched(Switch::Paused, quiet_for(13))), None);
    }

    #[test]
    fn what_is_paused_or_suspended_is_counted_as_that_alone() {
        let tally = Tally { n_held: 2, n_quarantined: 1, n_findings: Some(7), ..quiet_for(99).tally };
        let bad = Standing { pending: Pending { backoff: QUARANTINED, ..owed_for(99).pending }, tally, ..owed_for(99) };
        assert_eq!(
            gauges(std::slice::from_ref(&bad)),
            Gauges {
                n_stale: 1,
                oldest_owed_ms: 99 * MINUTE,
                n_quarantined_tenants: 1,
                n_quarantined_directories: 1,
                n_held_tenants: 2,
                n_findings: 7,
                ..Gauges::default()
            }
        );
        let stopped = [switched(Switch::Paused, bad.clone()), switched(Switch::Suspended, bad)];
        assert_eq!(gauges(&stopped), Gauges { n_paused: 1, n_suspended: 1, ..Gauges::default() });
    }

    fn integration() -> Integration {
        let tenant = |id: &str, dataset: char, mode: &str| {
            format!(
                "[[tenants]]\nid = '{id}'\ndataset = '0B533DE6-7107-9FCD-48FC-31C0856745C{dataset}'\nmode = '{mode}'\napi_account = 'sync@orgvue.com'\n"
            )
        };
        let tenants =
            [tenant("A", 'A', "enforce"), tenant("B", 'B', "enforce"), tenant("C", 'C', "paused"), tenant("D", 'D', "simulate")].concat();
        Integration::parse(&format!("id = 'a'\ndirectory = 'directory_1'\ntenancy = 'multi'\nprefix = 'p_'\n{tenants}")).unwrap()
    }

    fn tally(states: [(&str, TenantState); 2], decided: &[(&str, Verdict)]) -> Tally {
        let id = |text: &str| TenantId::parse(text).unwrap();
        let states = states.into_iter().map(|(tenant, state)| (id(tenant), state)).collect();
        let decision = |verdict| Decision { verdict, hash: HeldHash::new("ab"), by: "ada".to_owned(), at_ms: NOW };
        let decisions = decided.iter().map(|(tenant, verdict)| (id(tenant), decision(*verdict))).collect();
        Tally::of(&integration(), &states, &decisions, None, NOW)
    }

    fn holding() -> TenantState {
        let held = HeldHead { hash: HeldHash::new("ab"), n_actions: 1, run: RunId::new("r"), since_ms: 0, rejected: false };
        TenantState { held: Some(held), backoff: QUARANTINED, succeeded_ms: Some(5), ..TenantState::default() }
    }

    #[test]
    fn a_tally_counts_the_tenants_that_are_worked_on() {
        assert_eq!(
            tally([("A", holding()), ("B", holding())], &[]),
            Tally { n_held: 2, n_quarantined: 2, quiet_since_ms: Some(5), n_findings: None }
        );
        for verdict in [Verdict::Rejected, Verdict::Approved] {
            assert_eq!(tally([("A", holding()), ("B", holding())], &[("B", verdict)]).n_held, 1, "what is decided asks nobody");
        }
        assert_eq!(tally([("C", holding()), ("GONE", holding())], &[]), Tally::default());
        let simulated = tally([("C", holding()), ("D", holding())], &[]);
        assert_eq!((simulated.n_held, simulated.n_quarantined), (0, 1), "nothing is written, so nobody is asked");
    }

    #[test]
    fn the_longest_wait_for_a_success_counts_and_one_that_never_succeeded_from_its_first_failure() {
        let failing = TenantState { fault: Some(StandingFault { code: "no_token".to_owned(), since_ms: 3 }), ..TenantState::default() };
        assert_eq!(tally([("A", holding()), ("B", failing)], &[]).quiet_since_ms, Some(3));
        assert_eq!(tally([("A", holding()), ("B", TenantState::default())], &[]).quiet_since_ms, Some(5));
    }
}

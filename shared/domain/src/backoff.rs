//! How long to wait after a fault, and when waiting becomes quarantine.
//!
//! A vendor's outage concerns everybody and ends by itself: it is tried again at least every quarter of an hour, and quarantines nobody.
//! A fault of one tenant or directory is given a few short retries, and is then left alone for an hour, six hours, a day: it costs calls
//! that its customer's other integrations need, and somebody must look at it. What only a person can mend is quarantined at once. Single
//! accounts that are not as they should be are tried again like an outage: a quarantine would have all the others wait for them. A tenant whose
//! calls of the day are used up is tried again every hour.

use crate::delays::Delays;

/// Short retries of a tenant's or directory's own fault, before it is quarantined.
const SHORT_RETRIES: u32 = 5;

/// Whose a fault is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultClass {
    /// The vendor's as a whole, or ours: an outage, too many calls, a key that is refused for every customer. Also accounts that are unknown or
    /// were not tried: the others must not wait for them.
    Vendor,
    /// That of single accounts, which the vendor refuses. All else was done, as in a run without a fault.
    Accounts,
    /// That of this one tenant or directory, and it may pass.
    Own,
    /// That of this one tenant, whose calls of the day are used up. When its day begins nobody knows, and behind longer waits the next try might
    /// come at the same bad hour every day.
    Quota,
    /// That of this one tenant or directory, and only a person can mend it.
    Configuration,
}

/// How often in a row something failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Backoff {
    /// Tries that failed, for whatever reason.
    pub attempts: u32,
    /// Those that were its own fault. What only a person can mend counts as if the short retries had been spent.
    pub own_faults: u32,
}

impl Backoff {
    /// One more failure, and when to try again.
    #[must_use]
    pub fn failed(self, class: FaultClass, now_ms: i64, delays: &Delays) -> (Self, i64) {
        let own_faults = match class {
            FaultClass::Vendor => self.own_faults,
            FaultClass::Accounts => 0,
            FaultClass::Own => self.own_faults.saturating_add(1),
            FaultClass::Quota => self.own_faults.min(SHORT_RETRIES) + 1,
            FaultClass::Configuration => self.own_faults.max(SHORT_RETRIES).saturating_add(1),
        };
        let next = Self { attempts: self.attempts.saturating_add(1), own_faults };
        let wait_ms = match class {
            FaultClass::Vendor | FaultClass::Accounts => delays.retry_ms(next.attempts),
            FaultClass::Own | FaultClass::Quota | FaultClass::Configuration if next.is_quarantined() => {
                delays.quarantine_ms(own_faults - SHORT_RETRIES)
            }
            FaultClass::Own | FaultClass::Quota | FaultClass::Configuration => delays.retry_ms(own_faults),
        };
        (next, now_ms + wait_ms)
    }

    /// Whether a person should look at it.
    pub fn is_quarantined(self) -> bool {
        self.own_faults > SHORT_RETRIES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 60;

    /// The waits in minutes, one for each fault.
    fn waits(faults: &[FaultClass]) -> Vec<i64> {
        let delays = Delays::default();
        let mut backoff = Backoff::default();
        let mut wait = |class: &FaultClass| {
            let (next, at) = backoff.failed(*class, 0, &delays);
            backoff = next;
            at / 60_000
        };
        faults.iter().map(&mut wait).collect()
    }

    #[test]
    fn an_outage_of_the_vendor_is_tried_again_every_quarter_of_an_hour_and_quarantines_nobody() {
        assert_eq!(waits(&[FaultClass::Vendor; 8]), [1, 2, 4, 8, 15, 15, 15, 15]);
        let (long, _) = Backoff { attempts: 900, own_faults: 0 }.failed(FaultClass::Vendor, 0, &Delays::default());
        assert!(!long.is_quarantined());
    }

    #[test]
    fn an_own_fault_has_short_retries_and_is_then_quarantined() {
        assert_eq!(waits(&[FaultClass::Own; 9]), [1, 2, 4, 8, 15, HOUR, 6 * HOUR, 24 * HOUR, 24 * HOUR]);
    }

    #[test]
    fn a_used_up_quota_has_short_retries_and_then_one_every_hour() {
        assert_eq!(waits(&[FaultClass::Quota; 9]), [1, 2, 4, 8, 15, HOUR, HOUR, HOUR, HOUR]);
        let mut faults = [FaultClass::Own; 9];
        faults[8] = FaultClass::Quota;
        assert_eq!(waits(&faults)[8], HOUR);
    }

    #[test]
    fn what_a_person_must_mend_is_quarantined_at_once() {
        assert_eq!(waits(&[FaultClass::Configuration; 4]), [HOUR, 6 * HOUR, 24 * HOUR, 24 * HOUR]);
    }

    #[test]
    fn a_run_that_only_single_accounts_refuse_ends_a_row_of_own_faults() {
        let mut faults = [FaultClass::Own; 7];
        faults[5] = FaultClass::Accounts;
        assert_eq!(waits(&faults), [1, 2, 4, 8, 15, 15, 1]);
    }

    #[test]
    fn an_outage_before_does_not_bring_quarantine_nearer() {
        let mut faults = [FaultClass::Vendor; 10];
        faults[9] = FaultClass::Own;
        assert_eq!(waits(&faults)[9], 1);
    }
}

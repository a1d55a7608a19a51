//! How much harm was done to a tenant lately: the limits look back over a day, so that many small runs do not slip under them.

use serde::{Deserialize, Serialize};

use crate::ids::RunId;

/// How far the limits look back.
const LOOK_BACK_MS: i64 = 24 * 3_600_000;
/// Harm within so much time is one entry: a day has no more than 25 of them.
const ENTRY_MS: i64 = 3_600_000;

/// Accounts that were harmed, by nobody's approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Harmed {
    /// Removed, disabled, or without a platform role that they had.
    pub n_accounts: usize,
    /// Those of them that were removed or disabled.
    pub n_removed: usize,
    /// Without another role that they had.
    pub n_roles: usize,
}

/// The harm of a day, by the hour.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HarmLog(Vec<Entry>);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    /// When the last of it was done.
    at_ms: i64,
    #[serde(flatten)]
    harmed: Harmed,
    /// The run that is about to do it, and has not told how much of it was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    begun_by: Option<RunId>,
}

impl Harmed {
    /// Whether there is nothing to tell.
    pub fn is_none(self) -> bool {
        self == Self::default()
    }

    fn and(self, more: Self) -> Self {
        Self {
            n_accounts: self.n_accounts + more.n_accounts,
            n_removed: self.n_removed + more.n_removed,
            n_roles: self.n_roles + more.n_roles,
        }
    }

    fn less(self, fewer: Self) -> Self {
        Self {
            n_accounts: self.n_accounts.saturating_sub(fewer.n_accounts),
            n_removed: self.n_removed.saturating_sub(fewer.n_removed),
            n_roles: self.n_roles.saturating_sub(fewer.n_roles),
        }
    }
}

impl HarmLog {
    /// The harm of the day before `now_ms`, and up to an hour more.
    pub fn lately(&self, now_ms: i64) -> Harmed {
        self.0.iter().filter(|entry| entry.counts(now_ms)).fold(Harmed::default(), |sum, entry| sum.and(entry.harmed))
    }

    /// The log with what was done; what no longer counts is dropped.
    #[must_use]
    pub fn with(mut self, harmed: Harmed, now_ms: i64) -> Self {
        self.0.retain(|entry| entry.counts(now_ms));
        if harmed.is_none() {
            return self;
        }
        match self.0.last_mut() {
            Some(last) if last.begun_by.is_none() && last.at_ms.div_euclid(ENTRY_MS) == now_ms.div_euclid(ENTRY_MS) => {
                *last = Entry { at_ms: now_ms, harmed: last.harmed.and(harmed), begun_by: None };
            }
            Some(_) | None => self.0.push(Entry { at_ms: now_ms, harmed, begun_by: None }),
        }
        self
    }

    /// The log with what a run is about to do: it counts, whatever becomes of the run. Should an earlier run not have told, all that it began
    /// counts from now on.
    #[must_use]
    pub fn begin(self, harmed: Harmed, run: &RunId, now_ms: i64) -> Self {
        let mut log = self.settle(Harmed::default(), now_ms);
        log.0.push(Entry { at_ms: now_ms, harmed, begun_by: Some(run.clone()) });
        log
    }

    /// The run that began something and has not told how much of it was done: it was interrupted.
    pub fn begun_by(&self) -> Option<&RunId> {
        self.0.iter().find_map(|entry| entry.begun_by.as_ref())
    }

    /// The log in which what was begun counts as done, but for what is `still_due`.
    #[must_use]
    pub fn settle(mut self, still_due: Harmed, now_ms: i64) -> Self {
        let Some(at) = self.0.iter().position(|entry| entry.begun_by.is_some()) else { return self };
        let begun = self.0.remove(at);
        self.with(begun.harmed.less(still_due), now_ms)
    }
}

impl Entry {
    fn counts(&self, now_ms: i64) -> bool {
        now_ms - self.at_ms < LOOK_BACK_MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    fn removed(n: usize) -> Harmed {
        Harmed { n_accounts: n, n_removed: n, n_roles: 0 }
    }

    #[test]
    fn what_a_run_began_counts_until_it_is_known_to_be_undone() {
        let run = RunId::new("1");
        let log = HarmLog::default().with(removed(1), 0).begin(removed(4), &run, 1);
        assert_eq!((log.lately(1), log.begun_by()), (removed(5), Some(&run)));

        let settled = log.clone().settle(removed(3), 2);
        assert_eq!((settled.lately(2), settled.begun_by()), (removed(2), None));
        assert_eq!(log.clone().settle(removed(9), 2).lately(2), removed(1));
        assert_eq!(log.with(removed(2), 2).begin(removed(1), &RunId::new("2"), 3).lately(3), removed(8));
    }

    #[test]
    fn harm_counts_for_a_day() {
        let log = HarmLog::default().with(removed(3), 0).with(removed(4), 2 * HOUR);
        assert_eq!(log.lately(23 * HOUR), removed(7));
        assert_eq!(log.lately(24 * HOUR), removed(4));
        assert_eq!(log.lately(26 * HOUR), Harmed::default());
    }

    #[test]
    fn a_day_of_many_runs_is_a_short_log() {
        let log = (0..2_000).fold(HarmLog::default(), |log, n| log.with(removed(1), n * HOUR / 60));
        assert!(log.0.len() <= 25, "{}", log.0.len());
        // What an hour's entry holds counts as long as the youngest of it: never shorter than a day.
        assert!((1_440..=1_500).contains(&log.lately(2_000 * HOUR / 60).n_accounts));
    }
}

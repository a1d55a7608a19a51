//! Every delay of the flow, in milliseconds. They are configuration; the defaults are production's.

/// The delays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delays {
    /// From the first event to the sync: time to batch.
    pub window_ms: i64,
    /// How long a claim holds without being renewed.
    pub lease_ms: i64,
    /// How often a claim is renewed.
    pub heartbeat_ms: i64,
    /// How long behind the end of a window the sweep takes the message for lost. EventBridge Scheduler may be 60 s late.
    pub overdue_ms: i64,
    /// How long the sweep waits before it sends the same work again, which may still be queued.
    pub nudge_ms: i64,
    /// Wait before the first retry of a failed run; doubled for each one more.
    pub retry_first_ms: i64,
    /// Longest wait between retries.
    pub retry_max_ms: i64,
    /// Waits in quarantine: the first, the second, and all that follow.
    pub quarantine_ms: [i64; 3],
    /// How often a tenant is checked although no event came.
    pub drift_ms: i64,
}

impl Default for Delays {
    fn default() -> Self {
        Self {
            window_ms: 300_000,
            lease_ms: 60_000,
            heartbeat_ms: 15_000,
            overdue_ms: 90_000,
            nudge_ms: 300_000,
            retry_first_ms: 60_000,
            retry_max_ms: 900_000,
            quarantine_ms: [3_600_000, 6 * 3_600_000, 24 * 3_600_000],
            drift_ms: 6 * 3_600_000,
        }
    }
}

impl Delays {
    /// How long to wait after this many failures in a row, of which there is at least one.
    pub fn retry_ms(&self, attempts: u32) -> i64 {
        let doublings = attempts.saturating_sub(1).min(16);
        (self.retry_first_ms << doublings).min(self.retry_max_ms)
    }

    /// How long the quarantine of this number lasts, counted from 1.
    pub fn quarantine_ms(&self, number: u32) -> i64 {
        let [first, second, later] = self.quarantine_ms;
        match number {
            0 | 1 => first,
            2 => second,
            _ => later,
        }
    }

    /// The end of a window that opens now: a whole second, as EventBridge Scheduler knows no fractions, and never early.
    pub fn window_due(&self, now_ms: i64) -> i64 {
        let due = now_ms + self.window_ms;
        due + (1_000 - due.rem_euclid(1_000)) % 1_000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_ends_on_a_whole_second_and_never_early() {
        let delays = Delays::default();
        assert_eq!(delays.window_due(0), 300_000);
        assert_eq!(delays.window_due(1), 301_000);
        assert_eq!(delays.window_due(999), 301_000);
    }

    #[test]
    fn retries_double_up_to_fifteen_minutes() {
        let delays = Delays::default();
        let waits: Vec<_> = (1..=6).map(|attempts| delays.retry_ms(attempts) / 60_000).collect();
        assert_eq!(waits, [1, 2, 4, 8, 15, 15]);
        assert_eq!(delays.retry_ms(u32::MAX), 900_000);
    }
}

//! What is told of a day.

use serde::Serialize;

use super::Fleet;
use super::world::{END, HOUR, MINUTE, OUTAGE};
use crate::prices::LAMBDA_TIME;

#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Day {
    /// From a change of somebody's roles to the dataset, in minutes: the middle, 95 and 99 of 100, and the longest.
    pub(crate) delay_minutes: [f64; 4],
    /// The same of the customers below 10,000 users alone.
    pub(crate) small_p99_minutes: f64,
    pub(crate) busy_mean: f64,
    pub(crate) busy_at_peak_hour: f64,
    /// Limited calls and others.
    pub(crate) workos_per_minute_max: f64,
    pub(crate) queue_max: usize,
    pub(crate) runs: usize,
    /// Those that read no more than the members of groups of ours.
    pub(crate) runs_brief: usize,
    pub(crate) runs_failed: usize,
    pub(crate) messages_refused: usize,
    pub(crate) webhooks: usize,
    pub(crate) webhooks_per_second_max: usize,
    pub(crate) too_large: usize,
    /// From the end of the outage until nothing of before is owed any more.
    pub(crate) recovery_minutes: f64,
    /// Limited calls and others.
    pub(crate) workos_calls: f64,
    /// Limited calls of runs that then found Orgvue gone.
    pub(crate) workos_in_vain: f64,
    pub(crate) users: usize,
    pub(crate) bill: Bill,
    pub(crate) usd: f64,
    pub(crate) usd_sweep: f64,
    pub(crate) usd_refused: f64,
    pub(crate) usd_waiting: f64,
}

/// What is paid for.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct Bill {
    /// Everything but Lambda's time.
    pub(crate) calls_usd: f64,
    pub(crate) gb_seconds: f64,
    /// DynamoDB's, whose price is in `calls_usd`.
    pub(crate) write_units: f64,
    pub(crate) read_units: f64,
}

impl Bill {
    pub(crate) fn usd(&self) -> f64 {
        self.calls_usd + LAMBDA_TIME.of(self.gb_seconds)
    }

    pub(super) fn add(&mut self, other: &Self) {
        let Self { calls_usd, gb_seconds, write_units, read_units } = other;
        self.calls_usd += calls_usd;
        self.gb_seconds += gb_seconds;
        self.write_units += write_units;
        self.read_units += read_units;
    }
}

impl Fleet<'_> {
    pub(super) fn tell(mut self) -> Day {
        // What is still owed counts with the time until now.
        for customer in 0..self.customers.len() {
            let one = &mut self.customers[customer];
            let owed: Vec<_> = one.waiting.drain(..).chain(one.claimed.drain(..)).collect();
            self.count_delays(customer, &owed, END);
        }
        let all: Vec<i64> = self.delays_ms.iter().map(|(delay, _)| *delay).collect();
        let small: Vec<i64> = self.delays_ms.iter().filter(|(_, users)| *users < 10_000).map(|(delay, _)| *delay).collect();
        self.day.delay_minutes = percentiles(all);
        self.day.small_p99_minutes = percentiles(small)[2];
        self.day.busy_mean = self.busy_ms as f64 / END as f64;
        self.day.busy_at_peak_hour = self.busy_by_hour.iter().max().map_or(0.0, |busy| *busy as f64 / HOUR as f64);
        self.day.workos_per_minute_max = self.workos_by_minute.iter().copied().fold(0.0, f64::max);
        self.day.webhooks_per_second_max = self.webhooks_by_second.values().copied().max().unwrap_or(0);
        self.day.recovery_minutes = (self.last_of_outage - OUTAGE.1) as f64 / MINUTE as f64;
        self.day.usd = self.day.bill.usd();
        self.day
    }
}

fn percentiles(mut delays_ms: Vec<i64>) -> [f64; 4] {
    delays_ms.sort_unstable();
    let n = delays_ms.len();
    [50, 95, 99, 100].map(|percent| match n {
        0 => 0.0,
        n => delays_ms[(n * percent / 100).min(n - 1)] as f64 / MINUTE as f64,
    })
}

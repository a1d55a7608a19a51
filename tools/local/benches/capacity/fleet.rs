//! A day of a whole fleet, played event by event: who changes when, what waits where, and what the limits make of it.
//!
//! What decides is the code of the service itself: [`Pending`], its windows, claims, retries and the sweep, and production's [`Delays`]. What is
//! modelled is the [`world`] around it: when changes come, how long Scheduler, Lambda and the vendors take, and the vendors' limits. What a run
//! costs comes from the measured scenes. Same seed, same day.

mod begin;
mod world;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use domain::backoff::{Backoff, FaultClass};
use domain::delays::Delays;
use domain::fleet::Owed;
use domain::ids::RunId;
use domain::pending::{Lease, Pending, RunEnd, SweepStep};
use rand::RngExt;
use rand::rngs::StdRng;
use serde::Serialize;

use crate::prices::{
    AWS_SECONDS, LAMBDA_TIME, ORGVUE_READ_SECONDS, ORGVUE_WRITE_SECONDS, SYNC_GB, TENANTS_AT_ONCE, USERS_INTERVAL, WEBHOOK_GB,
    WORKOS_SECONDS, on_lambda,
};
use crate::rig::Measured;
use crate::scenes::{Figures, Kind, SWEEP_DUE, SWEEP_IDLE, SWEEP_ONE, WEBHOOK_FIRST, WEBHOOK_LATER};
use world::{
    BEGIN, END, GROUPS_PER_TENANT, GROUPS_PER_USER, HOUR, KEY_PER_MINUTE, MINUTE, OUTAGE, OUTAGE_SECONDS, PAUSE, REFUSED_SECONDS, SECOND,
};

pub(crate) use world::{CHANGED_IN_A_DAY, EVENTS_PER_CHANGE, World};

#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Day {
    /// From a change to the dataset, in minutes: the middle, 95 and 99 of 100, and the longest.
    pub(crate) delay_minutes: [f64; 4],
    /// The same of the customers below 10,000 users alone.
    pub(crate) small_p99_minutes: f64,
    pub(crate) busy_mean: f64,
    pub(crate) busy_at_peak_hour: f64,
    pub(crate) workos_per_minute_max: f64,
    pub(crate) queue_max: usize,
    pub(crate) runs: usize,
    pub(crate) runs_failed: usize,
    pub(crate) messages_refused: usize,
    pub(crate) webhooks: usize,
    pub(crate) webhooks_per_second_max: usize,
    pub(crate) too_large: usize,
    /// From the end of the outage until nothing of before is owed any more.
    pub(crate) recovery_minutes: f64,
    /// The part of WorkOS's calls that runs made which then found Orgvue gone.
    pub(crate) workos_in_vain: f64,
    pub(crate) workos_calls: f64,
    pub(crate) users: usize,
    pub(crate) write_units: f64,
    pub(crate) read_units: f64,
    pub(crate) usd: f64,
    pub(crate) usd_sweep: f64,
    pub(crate) usd_waiting: f64,
}

struct Customer {
    users: usize,
    tenants: usize,
    pending: Pending,
    owed: Option<Owed>,
    /// The tenants', who all meet the same outage.
    backoff: Backoff,
    retry_at_ms: Option<i64>,
    /// When changes happened that no run has claimed; and those that the run at work has.
    waiting: Vec<i64>,
    claimed: Vec<i64>,
    events_since_run: usize,
}

impl Customer {
    fn limited_calls(&self) -> f64 {
        let (users, groups) = (self.users as f64, self.tenants as f64 * GROUPS_PER_TENANT);
        // Of each list the last page is half full.
        (users / 100.0).ceil() + (users * GROUPS_PER_USER / 100.0 + groups / 2.0).ceil().max(groups)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Change {
        customer: usize,
    },
    Window {
        customer: usize,
        generation: u64,
    },
    Sweep,
    Refused,
    /// A run that had nothing to do but to find that its tenants wait.
    Idle {
        customer: usize,
    },
    Failed {
        customer: usize,
    },
    Done {
        customer: usize,
    },
}

/// A run that reads its directory.
struct Reading {
    customer: usize,
    calls_left: f64,
}

struct Costs<'a> {
    figures: &'a Figures,
}

impl Costs<'_> {
    /// What runs of any size take, from those that were measured: so much, so much more for each user, and for each further tenant.
    fn run(&self, kind: Kind, users: usize, tenants: usize, of: impl Fn(&Measured) -> f64) -> f64 {
        let at = |users, tenants| of(self.figures.run(kind, users, tenants));
        let per_user = (at(10_000, 1) - at(100, 1)) / 9_900.0;
        let per_tenant = (at(1_000, 10) - at(1_000, 1)) / 9.0;
        at(100, 1) + per_user * (users as f64 - 100.0) + per_tenant * (tenants as f64 - 1.0)
    }
}

struct Fleet<'a> {
    world: World,
    costs: Costs<'a>,
    delays: Delays,
    rng: StdRng,
    now: i64,
    customers: Vec<Customer>,
    events: BinaryHeap<Reverse<(i64, u64, Event)>>,
    n_events: u64,
    queue: VecDeque<(usize, u64)>,
    busy: usize,
    reading: Vec<Reading>,
    run_number: u64,
    delays_ms: Vec<(i64, usize)>,
    busy_ms: i64,
    busy_by_hour: [i64; 24],
    workos_by_minute: Vec<f64>,
    webhooks_by_second: std::collections::HashMap<i64, usize>,
    last_of_outage: i64,
    day: Day,
}

/// Plays a day.
pub(crate) fn play(world: World, figures: &Figures) -> Day {
    let mut fleet = Fleet::new(world, figures);
    fleet.plan();
    fleet.run();
    fleet.tell()
}

impl Fleet<'_> {
    fn at(&mut self, at: i64, event: Event) {
        self.n_events += 1;
        self.events.push(Reverse((at, self.n_events, event)));
    }

    fn after(&mut self, seconds: f64, event: Event) {
        self.at(self.now + (seconds * 1e3) as i64, event);
    }

    fn run(&mut self) {
        loop {
            let rate = self.rate();
            let shortest = self.reading.iter().map(|reading| reading.calls_left).reduce(f64::min);
            let read_at = shortest.map(|calls| self.now + (calls / rate * 1e3).ceil() as i64);
            let event_at = self.events.peek().map(|Reverse((at, _, _))| *at);
            let next = [read_at, event_at].into_iter().flatten().min().unwrap_or(END);
            if next >= END {
                self.advance(END, rate);
                return;
            }
            self.advance(next, rate);
            if event_at == Some(next) {
                let Reverse((_, _, event)) = self.events.pop().expect("it was seen");
                self.happens(event);
            } else {
                self.end_readings();
            }
            self.take_messages();
        }
    }

    /// Calls a second of each run that reads: those of its directory's limit, or its part of the key's.
    fn rate(&self) -> f64 {
        (KEY_PER_MINUTE / 60.0 / self.reading.len().max(1) as f64).min(1.0 / USERS_INTERVAL)
    }

    fn advance(&mut self, to: i64, rate: f64) {
        let (seconds, busy_ms) = ((to - self.now) as f64 / 1e3, (to - self.now) * self.busy as i64);
        let calls = rate * seconds;
        self.reading.iter_mut().for_each(|reading| reading.calls_left -= calls);
        self.count_workos(calls * self.reading.len() as f64);
        if self.now >= 0 {
            self.busy_ms += busy_ms;
            self.busy_by_hour[(self.now / HOUR).min(23) as usize] += busy_ms;
            self.day.usd_waiting += LAMBDA_TIME.of(self.reading.len() as f64 * seconds * SYNC_GB);
        }
        self.now = to;
    }

    fn count_workos(&mut self, calls: f64) {
        self.workos_by_minute[((self.now - BEGIN) / MINUTE) as usize] += calls;
        if self.now >= 0 {
            self.day.workos_calls += calls;
        }
    }

    fn happens(&mut self, event: Event) {
        match event {
            Event::Change { customer } => self.change(customer),
            Event::Window { customer, generation } => self.queue.push_back((customer, generation)),
            Event::Sweep => self.sweep(),
            Event::Refused => self.busy -= 1,
            Event::Idle { customer } | Event::Failed { customer } => self.end(customer, false),
            Event::Done { customer } => self.end(customer, true),
        }
        self.day.queue_max = self.day.queue_max.max(self.queue.len());
    }

    fn change(&mut self, customer: usize) {
        let (now, due) = (self.now, self.delays.window_due(self.now));
        let late = self.rng.random_range(0..MINUTE);
        let one = &mut self.customers[customer];
        one.waiting.push(now);
        one.events_since_run += 1;
        one.pending.mark(due);
        let scheduled = one.pending.wants_schedule();
        one.pending.scheduled_due_ms = scheduled.or(one.pending.scheduled_due_ms);
        let generation = one.pending.generation;
        let what = if scheduled.is_some() { WEBHOOK_FIRST } else { WEBHOOK_LATER };
        let measured = self.costs.figures.of(what);
        self.pay(measured.usd(WEBHOOK_GB, 1, false), measured.aws.wcu, measured.aws.rcu);
        if let Some(due) = scheduled {
            self.at(due + late, Event::Window { customer, generation });
        }
        if now >= 0 {
            self.day.webhooks += 1;
            *self.webhooks_by_second.entry(now / SECOND).or_default() += 1;
        }
    }

    fn pay(&mut self, usd: f64, wcu: f64, rcu: f64) {
        if self.now >= 0 {
            self.day.usd += usd;
            self.day.write_units += wcu;
            self.day.read_units += rcu;
        }
    }

    fn sweep(&mut self) {
        let (mut sent, mut noted) = (0, 0);
        let is_paused = self.world.has_pause && (PAUSE.0..PAUSE.1).contains(&self.now);
        for customer in 0..self.customers.len() {
            if is_paused {
                break;
            }
            let one = &mut self.customers[customer];
            let owed = Owed::seen(one.owed, &one.pending, self.now);
            noted += usize::from(owed != one.owed);
            one.owed = owed;
            match one.pending.sweep(self.now, &self.delays) {
                SweepStep::Nothing => continue,
                SweepStep::Send(_) => {}
                SweepStep::Drift { next_drift_ms } => {
                    one.pending.generation += 1;
                    one.pending.next_drift_ms = next_drift_ms;
                }
            }
            one.pending.nudged_at_ms = Some(self.now);
            self.queue.push_back((customer, one.pending.generation));
            sent += 1;
        }
        let [one, idle, due] = [SWEEP_ONE, SWEEP_IDLE, SWEEP_DUE].map(|what| self.costs.figures.of(what));
        let of = |value: &dyn Fn(&Measured) -> f64| {
            let each = (value(idle) - value(one)) / 999.0;
            let each_sent = (value(due) - value(idle)) / 1_000.0;
            value(one) + each * (self.customers.len() - 1) as f64 + each_sent * sent as f64
        };
        let usd = of(&|measured| measured.usd(SYNC_GB, 1, false));
        let (wcu, rcu) = (of(&|measured| measured.aws.wcu) + noted as f64, of(&|measured| measured.aws.rcu));
        self.pay(usd + crate::prices::WRITES.of(noted as f64), wcu, rcu);
        if self.now >= 0 {
            self.day.usd_sweep += usd;
        }
    }

    fn take_messages(&mut self) {
        while self.busy < self.world.concurrency
            && let Some((customer, generation)) = self.queue.pop_front()
        {
            self.busy += 1;
            self.run_number += 1;
            let run = RunId::new(self.run_number.to_string());
            let now = self.now;
            let one = &mut self.customers[customer];
            let is_new = generation > one.pending.reconciled_generation || one.pending.is_owed();
            if one.pending.claim(generation, &run, now, &self.delays).is_err() {
                self.pay(REFUSED_SECONDS * SYNC_GB * LAMBDA_TIME.of(1.0), 1.0, 1.0);
                self.day.messages_refused += usize::from(now >= 0);
                self.after(REFUSED_SECONDS, Event::Refused);
                continue;
            }
            // Its heartbeat renews it for as long as it works.
            one.pending.lease = Some(Lease { run, until_ms: i64::MAX });
            one.claimed = std::mem::take(&mut one.waiting);
            let waits = one.retry_at_ms.is_some_and(|at| at > now);
            if waits || (!is_new && one.retry_at_ms.is_none()) {
                self.after(0.3, Event::Idle { customer });
                continue;
            }
            let calls_left = one.limited_calls();
            self.reading.push(Reading { customer, calls_left });
            self.count_workos(3.0);
        }
    }

    fn end_readings(&mut self) {
        let (done, reading): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.reading).into_iter().partition(|reading| reading.calls_left < 1e-6);
        self.reading = reading;
        for Reading { customer, .. } in done {
            let one = &self.customers[customer];
            let (users, tenants, limited) = (one.users, one.tenants, one.limited_calls());
            let is_out = self.world.has_outage && (OUTAGE.0..OUTAGE.1).contains(&self.now);
            let kind = if one.events_since_run > 0 { Kind::Changed } else { Kind::Unchanged };
            let waves = (tenants as f64 / TENANTS_AT_ONCE).ceil();
            let vendors = 3.0 * WORKOS_SECONDS
                + if is_out {
                    waves * OUTAGE_SECONDS
                } else {
                    let n_writes = if kind == Kind::Changed { 2.0 } else { 0.0 };
                    waves * (2.0 * ORGVUE_READ_SECONDS + n_writes * ORGVUE_WRITE_SECONDS)
                };
            let run = |of: &dyn Fn(&Measured) -> f64| self.costs.run(kind, users, tenants, of);
            let seconds = vendors + run(&|m| m.n_aws()) * AWS_SECONDS + on_lambda(run(&|m| m.cpu_seconds), SYNC_GB);
            let usd = run(&|m| m.calls_usd(true)) + LAMBDA_TIME.of((limited * USERS_INTERVAL + seconds) * SYNC_GB);
            let (wcu, rcu) = (run(&|m| m.aws.wcu), run(&|m| m.aws.rcu));
            self.pay(usd, wcu, rcu);
            if self.now >= 0 {
                self.day.runs += 1;
                self.day.runs_failed += usize::from(is_out);
                self.day.workos_in_vain += if is_out { limited } else { 0.0 };
            }
            self.after(seconds, if is_out { Event::Failed { customer } } else { Event::Done { customer } });
        }
    }

    fn end(&mut self, customer: usize, is_done: bool) {
        self.busy -= 1;
        let now = self.now;
        let one = &mut self.customers[customer];
        let run = one.pending.lease.as_ref().expect("a run has the lease").run.clone();
        let claimed = std::mem::take(&mut one.claimed);
        if is_done {
            one.events_since_run = one.waiting.len();
            (one.backoff, one.retry_at_ms) = (Backoff::default(), None);
            if claimed.iter().any(|at| *at < OUTAGE.1) && now >= OUTAGE.1 {
                self.last_of_outage = self.last_of_outage.max(now);
            }
            let users = one.users;
            self.delays_ms.extend(claimed.into_iter().filter(|at| *at >= 0).map(|at| (now - at, users)));
        } else {
            // What was claimed is in no dataset yet; the retry brings it.
            one.waiting.splice(0..0, claimed);
            if one.retry_at_ms.is_none_or(|at| at <= now) {
                let (backoff, at) = one.backoff.failed(FaultClass::Vendor, now, &self.delays);
                (one.backoff, one.retry_at_ms) = (backoff, Some(at));
            }
        }
        let retry_at_ms = one.retry_at_ms;
        assert!(one.pending.record(&run, RunEnd::Reconciled { retry_at_ms }), "nobody else takes the lease");
    }

    fn tell(mut self) -> Day {
        // What is still owed counts with the time until now.
        for one in &self.customers {
            self.delays_ms.extend(one.waiting.iter().chain(&one.claimed).filter(|at| **at >= 0).map(|at| (END - at, one.users)));
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

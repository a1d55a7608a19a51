//! A day of a whole fleet, played event by event: who changes when, what waits where, and what the limits make of it.
//!
//! What decides is the code of the service itself: [`Pending`], its windows, claims, retries and the sweep, and production's [`Delays`]. What is
//! modelled is the [`world`] around it: when changes come and what they do, how long Scheduler, Lambda and the vendors take, and the vendors'
//! limits. What a run reads follows from what it has to do ([`runs`]), what it costs from the measured scenes. Same seed, same day.

mod begin;
mod day;
mod runs;
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

use crate::prices::{LAMBDA_TIME, READS, SYNC_GB, USERS_INTERVAL, WEBHOOK_GB, WRITES};
use crate::scenes::{Figures, SUPERSEDED, SWEEP_DUE, SWEEP_IDLE, SWEEP_ONE, WEBHOOK_FIRST, WEBHOOK_LATER};
use runs::{Behind, Change, Costs, Effect, Extent};
use world::{BEGIN, END, HOUR, KEY_PER_MINUTE, MINUTE, OUTAGE, OUTAGE_SECONDS, PAUSE, SECOND};

pub(crate) use day::{Bill, Day};
pub(crate) use world::{CHANGED_IN_A_DAY, EVENTS_PER_CHANGE, TAKING, World};

struct Customer {
    users: usize,
    tenants: usize,
    pending: Pending,
    owed: Option<Owed>,
    /// The tenants', who all meet the same outage.
    backoff: Backoff,
    retry_at_ms: Option<i64>,
    /// Changes that no run has claimed; and those that the run at work has.
    waiting: Vec<Change>,
    claimed: Vec<Change>,
    /// When a run last had the whole list of users, of the tenant for which that is longest ago.
    whole_ms: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Change {
        customer: usize,
        effect: Effect,
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
    extent: Extent,
    calls_left: f64,
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
        let (calls, reading_seconds) = (rate * seconds, self.reading.len() as f64 * seconds);
        self.reading.iter_mut().for_each(|reading| reading.calls_left -= calls);
        self.count_workos(calls * self.reading.len() as f64);
        if self.now >= 0 {
            self.busy_ms += busy_ms;
            self.busy_by_hour[(self.now / HOUR).min(23) as usize] += busy_ms;
            self.day.usd_waiting += LAMBDA_TIME.of(reading_seconds * SYNC_GB);
        }
        // A run that waits for WorkOS renews its lease, and looks whether anybody paused everything.
        let renewals = reading_seconds * 1e3 / self.delays.heartbeat_ms as f64;
        let calls_usd = WRITES.of(renewals) + READS.of(renewals);
        self.pay(&Bill { calls_usd, write_units: renewals, read_units: renewals, ..Bill::default() });
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
            Event::Change { customer, effect } => self.change(customer, effect),
            Event::Window { customer, generation } => self.queue.push_back((customer, generation)),
            Event::Sweep => self.sweep(),
            Event::Refused => self.busy -= 1,
            Event::Idle { customer } | Event::Failed { customer } => self.end(customer, false),
            Event::Done { customer } => self.end(customer, true),
        }
        self.day.queue_max = self.day.queue_max.max(self.queue.len());
    }

    fn change(&mut self, customer: usize, effect: Effect) {
        let (now, due) = (self.now, self.delays.window_due(self.now));
        let late = self.rng.random_range(0..MINUTE);
        let one = &mut self.customers[customer];
        one.waiting.push(Change { at_ms: now, effect });
        one.pending.mark(due);
        let scheduled = one.pending.wants_schedule();
        one.pending.scheduled_due_ms = scheduled.or(one.pending.scheduled_due_ms);
        let generation = one.pending.generation;
        let what = if scheduled.is_some() { WEBHOOK_FIRST } else { WEBHOOK_LATER };
        self.pay(&self.costs.figures.of(what).bill(WEBHOOK_GB, false));
        if let Some(due) = scheduled {
            self.at(due + late, Event::Window { customer, generation });
        }
        if now >= 0 {
            self.day.webhooks += 1;
            *self.webhooks_by_second.entry(now / SECOND).or_default() += 1;
        }
    }

    fn pay(&mut self, bill: &Bill) {
        if self.now >= 0 {
            self.day.bill.add(bill);
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
        let [one, idle, due] = [SWEEP_ONE, SWEEP_IDLE, SWEEP_DUE].map(|what| self.costs.figures.of(what).bill(SYNC_GB, false));
        let of = |value: fn(&Bill) -> f64| {
            let each = (value(&idle) - value(&one)) / 999.0;
            let each_sent = (value(&due) - value(&idle)) / 1_000.0;
            value(&one) + each * (self.customers.len() - 1) as f64 + each_sent * sent as f64
        };
        let bill = Bill {
            calls_usd: of(|bill| bill.calls_usd) + WRITES.of(noted as f64),
            gb_seconds: of(|bill| bill.gb_seconds),
            write_units: of(|bill| bill.write_units) + noted as f64,
            read_units: of(|bill| bill.read_units),
        };
        self.pay(&bill);
        if self.now >= 0 {
            self.day.usd_sweep += bill.usd();
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
                self.refuse();
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
            let extent = Extent::at_first(one.whole_ms, now, &self.delays);
            self.reading.push(Reading { customer, extent, calls_left: one.calls(extent) });
            self.count_workos(3.0);
        }
    }

    /// A message that leads to no run.
    fn refuse(&mut self) {
        let measured = self.costs.figures.of(SUPERSEDED);
        let bill = measured.bill(SYNC_GB, true);
        self.pay(&bill);
        if self.now >= 0 {
            self.day.messages_refused += 1;
            self.day.usd_refused += bill.usd();
        }
        self.after(measured.seconds(SYNC_GB, 1), Event::Refused);
    }

    fn end_readings(&mut self) {
        let (done, reading): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.reading).into_iter().partition(|reading| reading.calls_left < 1e-6);
        self.reading = reading;
        let is_out = self.world.has_outage && (OUTAGE.0..OUTAGE.1).contains(&self.now);
        for Reading { customer, extent, .. } in done {
            let one = &mut self.customers[customer];
            let effect = if is_out { Effect::Nothing } else { one.effect() };
            if extent == Extent::Members && effect == Effect::Takes {
                self.reading.push(Reading { customer, extent: Extent::Rest, calls_left: one.calls(Extent::Rest) });
                continue;
            }
            // Of several tenants only those have the list from whom something is to be taken.
            if extent == Extent::Whole || (extent == Extent::Rest && one.tenants == 1) {
                one.whole_ms = Some(self.now);
            }
            let one = &self.customers[customer];
            let limited = one.calls(if extent == Extent::Members { extent } else { Extent::Whole });
            let Behind { seconds, bill } = self.costs.behind(extent.kind(effect), one, limited, is_out.then_some(OUTAGE_SECONDS));
            self.pay(&bill);
            if self.now >= 0 {
                self.day.runs += 1;
                self.day.runs_brief += usize::from(extent == Extent::Members);
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
            (one.backoff, one.retry_at_ms) = (Backoff::default(), None);
            if claimed.iter().any(|change| change.at_ms < OUTAGE.1) && now >= OUTAGE.1 {
                self.last_of_outage = self.last_of_outage.max(now);
            }
            self.count_delays(customer, &claimed, now);
        } else {
            // What was claimed is in no dataset yet; the retry brings it.
            one.waiting.splice(0..0, claimed);
            if one.retry_at_ms.is_none_or(|at| at <= now) {
                let (backoff, at) = one.backoff.failed(FaultClass::Vendor, now, &self.delays);
                (one.backoff, one.retry_at_ms) = (backoff, Some(at));
            }
        }
        let one = &mut self.customers[customer];
        let retry_at_ms = one.retry_at_ms;
        assert!(one.pending.record(&run, RunEnd::Reconciled { retry_at_ms }), "nobody else takes the lease");
    }

    /// How long these changes took, but for those that change no account.
    fn count_delays(&mut self, customer: usize, changes: &[Change], until_ms: i64) {
        let users = self.customers[customer].users;
        let counted = changes.iter().filter(|change| change.at_ms >= 0 && change.effect != Effect::Nothing);
        self.delays_ms.extend(counted.map(|change| (until_ms - change.at_ms, users)));
    }
}

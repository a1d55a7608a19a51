//! Every interleaving of a small world: events, two workers that may stall or die anywhere, messages, the sweep, a person who asks, pauses,
//! resumes and puts back, integration files, and time.
//!
//! A message of every generation that was asked for may come at any time, any number of times, or never: that covers queues, schedules,
//! webhooks that die behind the mark, and the sweep's own messages. Now is always 0: when time passes, every moment moves closer, and
//! what is long past stays where it is, so that the world is finite and has no last moment.

use std::collections::{HashSet, VecDeque};

use domain::backoff::{Backoff, FaultClass};
use domain::delays::Delays;
use domain::ids::{DirectoryId, IntegrationId, RunId};
use domain::integration::Mode;
use domain::pending::{NotClaimed, Pending, RunEnd, SweepStep, Switch};

/// In ticks. What is not named here has no part in it.
const DELAYS: Delays = Delays {
    window_ms: 2,
    lease_ms: 2,
    heartbeat_ms: 0,
    overdue_ms: 1,
    nudge_ms: 2,
    retry_first_ms: 2,
    retry_max_ms: 2,
    quarantine_ms: [2; 3],
    drift_ms: 0,
};
const N_EVENTS: u64 = 2;
const NEVER: i64 = i64::MAX;

/// What a worker does; the generation that the directory had when it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Worker {
    Idle,
    /// The directory is read at once behind the claim, which is the oldest that a run may see.
    Read(u64),
    /// Orgvue is as read, and only the worker knows.
    Applied(u64),
    /// Puts back what a run overwrote: it holds the lease and reconciles nothing.
    PutsBack,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct World {
    pending: Pending,
    workers: [Worker; 2],
    /// The generation of the directory that Orgvue shows.
    applied: u64,
}

fn run(worker: usize) -> RunId {
    RunId::new(["run of 0", "run of 1"][worker])
}

/// Who holds the lease of a run that is over.
fn nobody() -> RunId {
    RunId::new("nobody")
}

impl World {
    fn new() -> Self {
        let (directory, integration) = (DirectoryId::parse("directory_01").unwrap(), IntegrationId::parse("acme").unwrap());
        Self { pending: Pending::new(directory, integration, NEVER), workers: [Worker::Idle; 2], applied: 0 }
    }

    /// The world behind a change.
    fn then(&self, change: impl FnOnce(&mut Self)) -> Self {
        let mut next = self.clone();
        change(&mut next);
        next
    }

    /// Every world that may come next.
    fn nexts(&self) -> Vec<Self> {
        let mut nexts = vec![
            self.then(|next| pass_time(&mut next.pending)),
            // The sweep, or somebody who asked, has sent; it is noted when it is noted.
            self.then(|next| next.pending.nudged_at_ms = Some(0)),
        ];
        nexts.push(self.then(|next| next.pending.pause()));
        // A file is put in force; the run that it asks for may never be.
        nexts.extend([Mode::Paused, Mode::Enforce].map(|mode| self.then(|next| next.pending.switch = next.pending.switch_under(mode))));
        if self.pending.generation < N_EVENTS {
            nexts.push(self.then(|next| next.pending.mark(DELAYS.window_ms)));
            nexts.push(self.then(|next| next.pending.generation += 1));
            nexts.push(self.then(|next| next.pending.ask(0)));
            nexts.push(self.then(|next| next.pending.resume(0)));
        }
        for worker in 0..2 {
            match self.workers[worker] {
                Worker::Idle => {
                    nexts.extend((1..=self.pending.generation).filter_map(|generation| self.claimed(worker, generation)));
                    nexts.extend(self.held(worker));
                }
                Worker::Read(read) => {
                    for class in [FaultClass::Vendor, FaultClass::Own] {
                        let (backoff, retry_at_ms) = self.pending.backoff.failed(class, 0, &DELAYS);
                        nexts.push(self.recorded(worker, read, RunEnd::Failed { retry_at_ms, backoff }));
                    }
                    nexts.push(self.recorded(worker, read, RunEnd::Reconciled { retry_at_ms: Some(DELAYS.retry_first_ms) }));
                    nexts.push(self.recorded(worker, read, RunEnd::Suspended));
                    nexts.push(self.recorded(worker, read, RunEnd::Stopped));
                    nexts.extend(self.renewed(worker));
                    nexts.extend(self.written(worker, read));
                    nexts.push(self.then(|next| next.leave(worker)));
                }
                Worker::Applied(read) => {
                    nexts.push(self.recorded(worker, read, RunEnd::Reconciled { retry_at_ms: None }));
                    nexts.push(self.recorded(worker, read, RunEnd::Stopped));
                    nexts.push(self.then(|next| next.leave(worker)));
                }
                Worker::PutsBack => {
                    nexts.push(self.recorded(worker, 0, RunEnd::Stopped));
                    nexts.extend(self.renewed(worker));
                    nexts.push(self.then(|next| next.leave(worker)));
                }
            }
        }
        nexts
    }

    fn claimed(&self, worker: usize, generation: u64) -> Option<Self> {
        let mut next = self.clone();
        next.pending.claim(generation, &run(worker), 0, &DELAYS).ok()?;
        assert!(!self.workers.iter().any(|other| *other != Worker::Idle) || !self.is_leased(), "one run at a time");
        assert_eq!(self.pending.switch, Switch::Live, "what is paused never runs");
        next.workers[worker] = Worker::Read(self.pending.generation);
        Some(next)
    }

    fn held(&self, worker: usize) -> Option<Self> {
        let mut next = self.clone();
        next.pending.hold(&run(worker), 0, &DELAYS).ok()?;
        assert!(!self.is_leased(), "nothing is put back while a run writes");
        next.workers[worker] = Worker::PutsBack;
        Some(next)
    }

    fn refused_by_switch(&self) -> Option<NotClaimed> {
        match self.pending.switch {
            Switch::Live => None,
            Switch::Paused => Some(NotClaimed::Paused),
            Switch::Suspended => Some(NotClaimed::Suspended),
        }
    }

    fn is_leased(&self) -> bool {
        self.pending.lease.as_ref().is_some_and(|lease| lease.until_ms > 0)
    }

    fn is_of(&self, worker: usize) -> bool {
        self.pending.lease.as_ref().is_some_and(|lease| lease.run == run(worker))
    }

    fn renewed(&self, worker: usize) -> Option<Self> {
        self.is_of(worker).then(|| self.then(|next| next.pending.lease.iter_mut().for_each(|lease| lease.until_ms = DELAYS.lease_ms)))
    }

    /// The fence: nothing is written without a lease that holds.
    fn written(&self, worker: usize, read: u64) -> Option<Self> {
        (self.is_of(worker) && self.is_leased()).then(|| {
            self.then(|next| {
                next.applied = read;
                next.workers[worker] = Worker::Applied(read);
            })
        })
    }

    fn recorded(&self, worker: usize, read: u64, end: RunEnd) -> Self {
        let mut next = self.clone();
        assert_eq!(next.pending.record(&run(worker), end), self.is_of(worker), "who lost the lease records nothing");
        let (before, reconciled) = (self.pending.reconciled_generation, next.pending.reconciled_generation);
        assert!(reconciled >= before, "nothing is forgotten again");
        assert!(reconciled <= before.max(read), "what was asked for behind the claim stays owed");
        if self.is_of(worker) && self.pending.asked_generation > read && matches!(end, RunEnd::Failed { .. }) {
            assert_eq!(
                next.pending.refuses(self.pending.asked_generation, &nobody(), 0),
                self.refused_by_switch(),
                "a person waits for no retry"
            );
        }
        next.leave(worker);
        next
    }

    /// The worker's run is over, or dead. Its name is free for another one.
    fn leave(&mut self, worker: usize) {
        self.workers[worker] = Worker::Idle;
        self.pending.lease.iter_mut().filter(|lease| lease.run == run(worker)).for_each(|lease| lease.run = nobody());
        self.pending.last_run = None;
    }

    /// Makes alike what no transition tells apart.
    fn canonical(mut self) -> Self {
        self.pending.claimed_at_ms = None;
        let Backoff { attempts, own_faults } = self.pending.backoff;
        self.pending.backoff = Backoff { attempts: attempts.min(1), own_faults: own_faults.min(1) };
        if self.workers[1] < self.workers[0] {
            self.workers.swap(0, 1);
            if let Some(lease) = &mut self.pending.lease {
                lease.run = if lease.run == run(0) {
                    run(1)
                } else if lease.run == run(1) {
                    run(0)
                } else {
                    nobody()
                };
            }
        }
        self
    }

    fn check(&self) {
        assert!(
            !self.pending.paused_by_hand || self.pending.switch != Switch::Live,
            "what a person paused only a person resumes: {self:#?}"
        );
        let comes_back = self.pending.is_owed() || self.pending.retry_at_ms.is_some() || self.pending.switch == Switch::Suspended;
        assert!(comes_back || self.applied == self.pending.generation, "what is not owed or tried again is done: {self:#?}");
    }
}

/// One tick.
fn pass_time(pending: &mut Pending) {
    let earlier = |moment: &mut Option<i64>, earliest: i64| *moment = moment.map(|at| (at - 1).max(earliest));
    earlier(&mut pending.window_due_ms, -DELAYS.overdue_ms - 1);
    earlier(&mut pending.retry_at_ms, 0);
    earlier(&mut pending.nudged_at_ms, -DELAYS.nudge_ms);
    pending.lease.iter_mut().for_each(|lease| lease.until_ms = (lease.until_ms - 1).max(0));
}

/// Every world that can come about.
fn worlds() -> HashSet<World> {
    let mut seen = HashSet::from([World::new()]);
    let mut queue = VecDeque::from([World::new()]);
    while let Some(world) = queue.pop_front() {
        for next in world.nexts() {
            let next = next.canonical();
            if !seen.contains(&next) {
                next.check();
                seen.insert(next.clone());
                queue.push_back(next);
            }
        }
    }
    seen
}

/// How many ticks until nothing is owed, when no message of before arrives and no worker of before goes on, the switch is live, and a
/// healthy worker hears of what the sweep sends.
fn ticks_until_calm(mut pending: Pending) -> usize {
    pending.lease.iter_mut().for_each(|lease| lease.run = nobody());
    match pending.switch {
        Switch::Live => {}
        // Nothing that was owed may depend on the run that resuming asks for.
        Switch::Paused => pending.switch = Switch::Live,
        // The retries of its tenants were dropped with the switch.
        Switch::Suspended => pending.resume(0),
    }
    for ticks in 0..20 {
        if !pending.is_owed() && pending.retry_at_ms.is_none() {
            return ticks;
        }
        if pending.sweep(0, &DELAYS) != SweepStep::Nothing {
            pending.claim(pending.generation, &run(0), 0, &DELAYS).expect("what the sweep sends can be claimed");
            assert!(pending.record(&run(0), RunEnd::Reconciled { retry_at_ms: None }));
        }
        pass_time(&mut pending);
    }
    panic!("never calm: {pending:#?}");
}

#[test]
fn whatever_dies_stalls_or_comes_twice_nothing_is_forgotten_and_the_sweep_brings_it_back() {
    let worlds = worlds();
    assert!(worlds.iter().any(|world| world.applied == N_EVENTS && !world.pending.is_owed() && world.pending.retry_at_ms.is_none()));
    let marks: HashSet<Pending> = worlds.iter().map(|world| world.pending.clone()).collect();
    println!("{} worlds, {} marks", worlds.len(), marks.len());
    // The longest is a window that opens as the world stops: it ends, is overdue, and is swept in the next tick.
    assert_eq!(marks.into_iter().map(ticks_until_calm).max(), Some(5));
}

//! The table does what [`domain::pending`] says, whatever happens in whatever order.

use std::time::Duration;

use adapters::clock::now_ms;
use adapters::store::{AfterApply, Claim, LeaseLost, Marked};
use domain::backoff::Backoff;
use domain::delays::Delays;
use domain::ids::{DirectoryId, RunId};
use domain::integration::Integration;
use domain::message::{Reason, SyncMessage};
use domain::pending::{Pending, RunEnd, Switch};
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};
use tokio::runtime::Runtime;
use uuid::Uuid;

use crate::table::{Table, file, run};

/// Times are so many seconds behind the start, in any order: functions on two machines have two clocks.
type Second = i64;

/// Three seconds, so that leases end, exactly at the time of a later claim too.
const DELAYS: Delays = Delays {
    window_ms: 2_000,
    lease_ms: 3_000,
    heartbeat_ms: 1_000,
    overdue_ms: 0,
    nudge_ms: 0,
    retry_first_ms: 0,
    retry_max_ms: 0,
    quarantine_ms: [0; 3],
    drift_ms: 0,
};

#[derive(Debug, Clone)]
enum Step {
    Mark {
        due: Second,
    },
    /// The schedule of the open window, or of an earlier one, is known to exist.
    Scheduled {
        is_of_open_window: bool,
    },
    Claim {
        run: usize,
        generations_behind: u64,
        at: Second,
    },
    /// The run renews its lease, as it believes.
    Renew {
        run: usize,
    },
    Release {
        run: usize,
        end: End,
    },
    /// The sweep reads the item.
    Look,
    /// The sweep notes that it sent a message for what it saw.
    Nudged {
        at: Second,
    },
    /// The sweep asks for a look for drift by what it saw.
    Drift {
        next: Second,
        at: Second,
    },
    Ask {
        at: Second,
    },
    Hold {
        run: usize,
        at: Second,
    },
    Pause,
    Resume {
        at: Second,
    },
    Apply {
        mode: &'static str,
        after: AfterApply,
        at: Second,
    },
}

#[derive(Debug, Clone, Copy)]
enum End {
    Reconciled(Option<Second>),
    Failed(Second, Backoff),
    Suspended,
    Stopped,
}

fn step() -> impl Strategy<Value = Step> {
    let at = || 0..8_i64;
    let run = || 0..2_usize;
    let end = prop_oneof![
        4 => proptest::option::of(at()).prop_map(End::Reconciled),
        3 => (at(), 1..9_u32, 0..9_u32)
            .prop_map(|(at, attempts, own_faults)| End::Failed(at, Backoff { attempts, own_faults })),
        1 => Just(End::Suspended),
        2 => Just(End::Stopped),
    ];
    prop_oneof![
        4 => at().prop_map(|due| Step::Mark { due }),
        2 => any::<bool>().prop_map(|is_of_open_window| Step::Scheduled { is_of_open_window }),
        8 => (run(), 0..3_u64, at()).prop_map(|(run, generations_behind, at)| Step::Claim { run, generations_behind, at }),
        2 => run().prop_map(|run| Step::Renew { run }),
        6 => (run(), end).prop_map(|(run, end)| Step::Release { run, end }),
        1 => Just(Step::Look),
        2 => at().prop_map(|at| Step::Nudged { at }),
        1 => (at(), at()).prop_map(|(next, at)| Step::Drift { next, at }),
        2 => at().prop_map(|at| Step::Ask { at }),
        2 => (run(), at()).prop_map(|(run, at)| Step::Hold { run, at }),
        1 => Just(Step::Pause),
        2 => at().prop_map(|at| Step::Resume { at }),
        1 => (select(vec!["simulate", "paused"]), select(vec![AfterApply::Sync, AfterApply::Wait]), at())
            .prop_map(|(mode, after, at)| Step::Apply { mode, after, at }),
    ]
}

#[test]
fn every_step_does_to_the_item_what_the_domain_does_to_the_value() {
    let runtime = Runtime::new().unwrap();
    let table = runtime.block_on(Table::new());
    let config = Config { cases: 40, failure_persistence: None, ..Config::default() };
    let walked = TestRunner::new(config).run(&vec(step(), 1..40), |steps| {
        runtime.block_on(async {
            let mut walk = Walk::begin(&table).await;
            for step in &steps {
                walk.step(step).await;
                assert_eq!(table.pending_of(&walk.directory).await, walk.pending, "after {step:?}");
            }
        });
        Ok(())
    });
    walked.unwrap();
}

/// One directory: the item in the table, and what it should be.
struct Walk<'a> {
    table: &'a Table,
    start_ms: i64,
    directory: DirectoryId,
    integration: String,
    pending: Pending,
    /// What the sweep saw.
    seen: Pending,
    /// What each of two runs holds, or believes to hold.
    claims: [Vec<Held>; 2],
    n_applied: usize,
}

impl<'a> Walk<'a> {
    async fn begin(table: &'a Table) -> Self {
        let id = Uuid::new_v4().simple().to_string();
        let directory = DirectoryId::parse(&format!("directory_{id}")).unwrap();
        let integration = id;
        let text = file(&integration, directory.as_str(), "simulate");
        table.apply(&text, AfterApply::Wait).await.unwrap();
        let pending = table.pending_of(&directory).await;
        let fresh = Pending::new(directory.clone(), pending.integration.clone(), pending.next_drift_ms);
        assert_eq!(pending, fresh);
        Self { table, start_ms: now_ms(), directory, integration, seen: pending.clone(), pending, claims: [vec![], vec![]], n_applied: 0 }
    }

    fn at(&self, second: Second) -> i64 {
        self.start_ms + second * 1_000
    }

    async fn step(&mut self, step: &Step) {
        let store = &self.table.store;
        match *step {
            Step::Mark { due } => {
                self.pending.mark(self.at(due));
                let marked = store.mark(&self.directory, self.at(due)).await.unwrap();
                assert_eq!(marked, Marked::Pending(Box::new(self.pending.clone())));
            }
            Step::Scheduled { is_of_open_window } => {
                let due_ms = self.pending.window_due_ms.filter(|_| is_of_open_window).unwrap_or(self.start_ms - 1);
                store.scheduled(&self.directory, due_ms).await.unwrap();
                if self.pending.window_due_ms == Some(due_ms) {
                    self.pending.scheduled_due_ms = Some(due_ms);
                }
            }
            Step::Claim { run, generations_behind, at } => self.claim(run, generations_behind, self.at(at)).await,
            Step::Renew { run } => self.renew(run).await,
            Step::Release { run, end } => self.release(run, end).await,
            Step::Look => self.seen = self.pending.clone(),
            Step::Nudged { at } => {
                store.nudged(&self.seen, self.at(at)).await.unwrap();
                let holder = |pending: &Pending| pending.lease.as_ref().map(|lease| lease.run.clone());
                if (holder(&self.seen), &self.seen.last_run) == (holder(&self.pending), &self.pending.last_run) {
                    self.pending.nudged_at_ms = Some(self.at(at));
                }
            }
            Step::Drift { next, at } => {
                let asked = store.bump_for_drift(&self.seen, self.at(next), self.at(at)).await.unwrap();
                let is_due = self.seen.next_drift_ms == self.pending.next_drift_ms;
                if is_due {
                    self.pending.next_drift_ms = self.at(next);
                    self.pending.generation += 1;
                    self.pending.nudged_at_ms = Some(self.at(at));
                }
                assert_eq!(asked, is_due.then_some(self.pending.generation));
            }
            Step::Ask { at } => {
                self.pending.ask(self.at(at));
                assert_eq!(store.ask(&self.directory, self.at(at)).await.unwrap(), Some(self.pending.generation));
            }
            Step::Hold { run, at } => self.hold(run, self.at(at)).await,
            Step::Pause => {
                self.pending.pause();
                assert_eq!(store.pause(&self.directory).await.unwrap(), Some(self.pending.switch));
            }
            Step::Resume { at } => {
                let (seen, id) = (self.pending.clone(), &self.pending.integration);
                let in_force = store.integration_in_force(id).await.unwrap().expect("it is in force");
                self.pending.resume(self.at(at));
                assert_eq!(self.table.resume(&seen, &in_force, self.at(at)).await, Some(self.pending.generation));
            }
            Step::Apply { mode, after, at } => self.apply(mode, after, at).await,
        }
    }

    async fn claim(&mut self, n: usize, generations_behind: u64, at_ms: i64) {
        let generation = self.pending.generation.saturating_sub(generations_behind);
        let message = SyncMessage::new(self.directory.clone(), generation, Reason::Webhook);
        let claimed = self.table.store.claim(&message, &run_id(n), at_ms, &DELAYS).await.unwrap();
        match (self.pending.claim(generation, &run_id(n), at_ms, &DELAYS), claimed) {
            (Ok(()), Ok(claim)) => {
                assert_eq!((claim.run(), claim.directory()), (&run_id(n), &self.directory));
                assert_eq!((claim.generation(), claim.backoff()), (self.pending.generation, self.pending.backoff));
                assert_eq!((claim.is_new_work(), claim.integration()), (self.pending.is_owed(), &self.pending.integration));
                self.claims[n].push(Held { claim, heeds: Heeds::Switch, lost: None });
            }
            (Err(expected), Err(why)) => assert_eq!(why, expected),
            (expected, claimed) => panic!("expected {expected:?}, not {claimed:?}"),
        }
    }

    async fn hold(&mut self, n: usize, at_ms: i64) {
        let held = self.table.store.hold(&self.directory, &run_id(n), at_ms, &DELAYS).await.unwrap();
        match (self.pending.hold(&run_id(n), at_ms, &DELAYS), held) {
            (Ok(()), Ok(claim)) => self.claims[n].push(Held { claim, heeds: Heeds::Nothing, lost: None }),
            (Err(expected), Err(why)) => assert_eq!(why, expected),
            (expected, held) => panic!("expected {expected:?}, not {held:?}"),
        }
    }

    /// Renewing takes the time from the clock: what is asked to be covered is longer than any lease, so that it is tried.
    async fn renew(&mut self, n: usize) {
        let Some(held) = self.claims[n].last_mut() else { return };
        let from_ms = now_ms();
        let error = held.claim.lease().cover(Duration::from_secs(3_600)).await.unwrap_err();
        let to_ms = now_ms();
        let found = self.table.pending_of(&self.directory).await;
        let is_mine = self.pending.lease.as_ref().is_some_and(|lease| lease.run == run_id(n));
        held.lost = held.lost.or(match held.heeds {
            _ if !is_mine => Some(LeaseLost::TakenOver),
            Heeds::Switch if self.pending.switch != Switch::Live => Some(LeaseLost::Paused),
            Heeds::Switch | Heeds::Nothing => None,
        });
        assert_eq!(error, held.lost.unwrap_or(LeaseLost::TakenOver));
        if let Some(lease) = self.pending.lease.as_mut().filter(|_| held.lost.is_none()) {
            lease.until_ms = found.lease.expect("the lease was renewed, not ended").until_ms;
            assert!((from_ms + DELAYS.lease_ms..=to_ms + DELAYS.lease_ms).contains(&lease.until_ms));
        }
    }

    async fn release(&mut self, n: usize, end: End) {
        let Some(Held { claim, .. }) = self.claims[n].pop() else { return };
        let end = match end {
            End::Reconciled(retry) => RunEnd::Reconciled { retry_at_ms: retry.map(|at| self.at(at)) },
            End::Failed(retry, backoff) => RunEnd::Failed { retry_at_ms: self.at(retry), backoff },
            End::Suspended => RunEnd::Suspended,
            End::Stopped => RunEnd::Stopped,
        };
        let released = self.table.store.release(claim, end).await.unwrap();
        assert_eq!(released.is_ok(), self.pending.record(&run_id(n), end));
    }

    async fn apply(&mut self, mode: &str, after: AfterApply, at: Second) {
        self.n_applied += 1;
        let text = format!("# {}\n{}", self.n_applied, file(&self.integration, self.directory.as_str(), mode));
        let integration = Integration::parse(&text).unwrap();
        self.table.store.apply(&integration, &text, after, "an operator", self.at(at), &DELAYS).await.unwrap();
        self.pending.switch = self.pending.switch_under(integration.mode);
        if after == AfterApply::Sync {
            self.pending.ask(self.at(at));
        }
    }
}

/// What a run holds, or believes to hold.
struct Held {
    claim: Claim,
    heeds: Heeds,
    /// Why it knows better by now.
    lost: Option<LeaseLost>,
}

#[derive(Clone, Copy)]
enum Heeds {
    Switch,
    Nothing,
}

fn run_id(n: usize) -> RunId {
    run(["one", "two"][n])
}

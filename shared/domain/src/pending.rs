//! The durable mark that work is owed, and its transitions: the one item that must be right.
//!
//! The transitions here are the definition. The store performs each as one conditional write, and a test compares the two.
//! What must hold whatever crashes or comes twice: a generation is reconciled only by a run that began reading behind it,
//! and while one is owed, a window, a retry or the sweep leads to a run.

use serde::{Deserialize, Serialize};

use crate::backoff::Backoff;
use crate::delays::Delays;
use crate::ids::{DirectoryId, IntegrationId, RunId};
use crate::integration::Mode;
use crate::message::Reason;

/// Whether an integration runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Switch {
    /// It does.
    Live,
    /// A person stopped it.
    Paused,
    /// The directory was found unlinked or gone.
    Suspended,
}

impl Switch {
    /// As it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Paused => "paused",
            Self::Suspended => "suspended",
        }
    }

    /// Reads what [`Switch::as_str`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Live, Self::Paused, Self::Suspended].into_iter().find(|switch| switch.as_str() == text)
    }
}

/// The lease of a run.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Lease {
    /// Who has it.
    pub run: RunId,
    /// Until when, unless it is renewed.
    pub until_ms: i64,
}

/// The pending work of one directory.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pending {
    /// The directory.
    pub directory: DirectoryId,
    /// Whose it is.
    pub integration: IntegrationId,
    /// Counts what has asked for a sync.
    pub generation: u64,
    /// The generation up to which everything is reconciled.
    pub reconciled_generation: u64,
    /// The last generation that a person asked for. Until it is reconciled every run is on a person's behalf, whatever message began it.
    pub asked_generation: u64,
    /// The end of the open window, and its identity.
    pub window_due_ms: Option<i64>,
    /// The window whose schedule is known to exist.
    pub scheduled_due_ms: Option<i64>,
    /// The running sync.
    pub lease: Option<Lease>,
    /// The generation that the running sync covers.
    pub claimed_generation: Option<u64>,
    /// When the running sync began.
    pub claimed_at_ms: Option<i64>,
    /// When to try again: the directory, if it has failed (`backoff.attempts` above 0), else those of its tenants that failed.
    pub retry_at_ms: Option<i64>,
    /// How often in a row the directory could not be read.
    pub backoff: Backoff,
    /// When to look for drift.
    pub next_drift_ms: i64,
    /// When the sweep last sent a message that nobody has claimed yet.
    pub nudged_at_ms: Option<i64>,
    /// The last run that was recorded.
    pub last_run: Option<RunId>,
    /// Whether the integration runs.
    pub switch: Switch,
    /// Whether a person paused it by hand: then no integration file resumes it.
    pub paused_by_hand: bool,
}

/// Why a message leads to no run. All of them acknowledge the message: what is owed comes back by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotClaimed {
    /// A later run has already covered the generation.
    Superseded,
    /// Another run holds the lease; the sweep comes back.
    Busy,
    /// The directory failed a moment ago; the sweep comes back when the retry is due.
    Deferred,
    /// A person stopped the integration.
    Paused,
    /// The directory was found unlinked or gone.
    Suspended,
    /// There is no integration for the directory.
    UnknownDirectory,
}

/// How a run ended, for the mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunEnd {
    /// The directory was read and every tenant was tried. `retry_at_ms` is that of the tenants that are not as desired.
    Reconciled {
        /// The earliest retry of a tenant.
        retry_at_ms: Option<i64>,
    },
    /// The directory could not be read.
    Failed {
        /// When to try again.
        retry_at_ms: i64,
        /// How often in a row, this time included.
        backoff: Backoff,
    },
    /// The directory no longer speaks for the customer.
    Suspended,
    /// A person stopped the run, or it was none that reconciles: what was owed is owed still.
    Stopped,
}

/// What the sweep does about one directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SweepStep {
    /// Nothing is due.
    Nothing,
    /// Send a message for what is owed.
    Send(Reason),
    /// Ask for one more generation, set the next drift, and send.
    Drift {
        /// The next one.
        next_drift_ms: i64,
    },
}

impl Pending {
    /// The mark of an integration that nothing has asked for yet.
    pub fn new(directory: DirectoryId, integration: IntegrationId, next_drift_ms: i64) -> Self {
        Self {
            directory,
            integration,
            generation: 0,
            reconciled_generation: 0,
            asked_generation: 0,
            window_due_ms: None,
            scheduled_due_ms: None,
            lease: None,
            claimed_generation: None,
            claimed_at_ms: None,
            retry_at_ms: None,
            backoff: Backoff::default(),
            next_drift_ms,
            nudged_at_ms: None,
            last_run: None,
            switch: Switch::Live,
            paused_by_hand: false,
        }
    }

    /// An event asks for a sync: the first one opens the window, later ones never move it.
    pub fn mark(&mut self, due_ms: i64) {
        self.generation += 1;
        self.window_due_ms.get_or_insert(due_ms);
    }

    /// A person asks for a sync: by itself, by approving what was held, or by putting a file in force. Whatever waits for a retry is tried
    /// now, for the fault may be mended; who asks sends the message.
    pub fn ask(&mut self, now_ms: i64) {
        self.generation += 1;
        self.asked_generation = self.generation;
        self.nudged_at_ms = Some(now_ms);
        self.backoff = Backoff::default();
        self.retry_at_ms = None;
    }

    /// A person stops the integration by hand. A suspension stays one: what ends it reads the directory first.
    pub fn pause(&mut self) {
        self.paused_by_hand = true;
        match self.switch {
            Switch::Live | Switch::Paused => self.switch = Switch::Paused,
            Switch::Suspended => {}
        }
    }

    /// A person lets the integration run again, and asks for a run.
    pub fn resume(&mut self, now_ms: i64) {
        self.paused_by_hand = false;
        self.switch = Switch::Live;
        self.ask(now_ms);
    }

    /// The switch when a file of this mode is put in force. What a person paused, or what was suspended, stays so.
    pub fn switch_under(&self, mode: Mode) -> Switch {
        match (self.switch, mode) {
            (Switch::Suspended, _) => Switch::Suspended,
            (Switch::Live | Switch::Paused, Mode::Paused) => Switch::Paused,
            (Switch::Live | Switch::Paused, Mode::Simulate | Mode::Enforce) if self.paused_by_hand => Switch::Paused,
            (Switch::Live | Switch::Paused, Mode::Simulate | Mode::Enforce) => Switch::Live,
        }
    }

    /// Whether the open window still wants a schedule, whoever opened it.
    pub fn wants_schedule(&self) -> Option<i64> {
        self.window_due_ms.filter(|due| self.scheduled_due_ms != Some(*due))
    }

    /// Whether a person waits for a run.
    pub fn is_asked(&self) -> bool {
        self.asked_generation > self.reconciled_generation
    }

    /// Whether work is owed.
    pub fn is_owed(&self) -> bool {
        self.generation > self.reconciled_generation
    }

    /// The run that is at work now, or was cut short a moment ago.
    pub fn at_work(&self, now_ms: i64) -> Option<&RunId> {
        self.lease.as_ref().filter(|lease| lease.until_ms > now_ms).map(|lease| &lease.run)
    }

    /// Whether there is one.
    pub fn is_leased(&self, now_ms: i64) -> bool {
        self.at_work(now_ms).is_some()
    }

    fn retry_is_due(&self, now_ms: i64) -> bool {
        self.retry_at_ms.is_some_and(|at| at <= now_ms)
    }

    /// Why a message of this generation cannot be claimed now by `run`; `None` if it can.
    ///
    /// While the directory itself fails (`backoff.attempts` above 0), new work waits for the retry too. While only some of its tenants
    /// do, new work is claimed: one tenant never delays the others.
    pub fn refuses(&self, generation: u64, run: &RunId, now_ms: i64) -> Option<NotClaimed> {
        if self.lease.as_ref().is_some_and(|lease| lease.run == *run) {
            return None;
        }
        match self.switch {
            Switch::Live => {}
            Switch::Paused => return Some(NotClaimed::Paused),
            Switch::Suspended => return Some(NotClaimed::Suspended),
        }
        if self.is_leased(now_ms) {
            return Some(NotClaimed::Busy);
        }
        let is_new = generation > self.reconciled_generation;
        if self.retry_is_due(now_ms) || (is_new && self.backoff.attempts == 0) {
            return None;
        }
        Some(if is_new || self.retry_at_ms.is_some() { NotClaimed::Deferred } else { NotClaimed::Superseded })
    }

    /// A run takes everything that is pending now.
    ///
    /// # Errors
    /// [`NotClaimed`] says why there is nothing to take.
    pub fn claim(&mut self, generation: u64, run: &RunId, now_ms: i64, delays: &Delays) -> Result<(), NotClaimed> {
        if let Some(why) = self.refuses(generation, run, now_ms) {
            return Err(why);
        }
        self.lease = Some(Lease { run: run.clone(), until_ms: now_ms + delays.lease_ms });
        self.claimed_generation = Some(self.generation);
        self.claimed_at_ms = Some(now_ms);
        self.window_due_ms = None;
        self.nudged_at_ms = None;
        Ok(())
    }

    /// Takes the lease for work that reconciles nothing, such as putting back what a run overwrote; it may be done while the integration is
    /// paused. It ends as [`RunEnd::Stopped`].
    ///
    /// # Errors
    /// [`NotClaimed::Busy`] while a run holds the lease.
    pub fn hold(&mut self, run: &RunId, now_ms: i64, delays: &Delays) -> Result<(), NotClaimed> {
        if self.is_leased(now_ms) && self.lease.as_ref().is_some_and(|lease| lease.run != *run) {
            return Err(NotClaimed::Busy);
        }
        self.lease = Some(Lease { run: run.clone(), until_ms: now_ms + delays.lease_ms });
        self.claimed_generation = None;
        self.claimed_at_ms = Some(now_ms);
        Ok(())
    }

    /// The run that holds the lease ends. Returns whether it still held it; if not, nothing changes.
    pub fn record(&mut self, run: &RunId, end: RunEnd) -> bool {
        if self.lease.as_ref().is_none_or(|lease| lease.run != *run) {
            return self.last_run.as_ref() == Some(run);
        }
        self.lease = None;
        // A message that was sent during the run met its lease; what is owed now must not wait for it.
        self.nudged_at_ms = None;
        self.last_run = Some(run.clone());
        let claimed = self.claimed_generation.take();
        self.claimed_at_ms = None;
        match end {
            RunEnd::Reconciled { retry_at_ms } => {
                self.reconciled_generation = claimed.unwrap_or(self.reconciled_generation);
                self.backoff = Backoff::default();
                self.retry_at_ms = retry_at_ms;
            }
            // A person who asked since the claim has ended the wait for a retry, perhaps because what this run met is mended.
            RunEnd::Failed { .. } if claimed.is_some_and(|claimed| self.asked_generation > claimed) => {
                self.backoff = Backoff::default();
                self.retry_at_ms = None;
            }
            RunEnd::Failed { retry_at_ms, backoff } => {
                self.backoff = backoff;
                self.retry_at_ms = Some(retry_at_ms);
            }
            RunEnd::Suspended => {
                self.switch = Switch::Suspended;
                self.backoff = Backoff::default();
                self.retry_at_ms = None;
            }
            RunEnd::Stopped => {}
        }
        true
    }

    /// What is due now that no message may be on its way for.
    pub fn sweep(&self, now_ms: i64, delays: &Delays) -> SweepStep {
        let nudged = self.nudged_at_ms.is_some_and(|at| now_ms < at + delays.nudge_ms);
        if self.switch != Switch::Live || self.is_leased(now_ms) || nudged {
            return SweepStep::Nothing;
        }
        if self.retry_is_due(now_ms) {
            return SweepStep::Send(Reason::Retry);
        }
        if self.retry_at_ms.is_some() && self.backoff.attempts > 0 {
            return SweepStep::Nothing;
        }
        let overdue = self.window_due_ms.is_none_or(|due| due + delays.overdue_ms < now_ms);
        if self.is_owed() && overdue {
            return SweepStep::Send(Reason::Owed);
        }
        if !self.is_owed() && self.next_drift_ms <= now_ms {
            return SweepStep::Drift { next_drift_ms: self.drift_behind(now_ms, delays) };
        }
        SweepStep::Nothing
    }

    /// The look for drift behind the one that is due now: at this integration's own time in the interval, so that those that fell due together,
    /// as behind a pause of everything, go apart again; and not before half of the interval is over.
    fn drift_behind(&self, now_ms: i64, delays: &Delays) -> i64 {
        let interval_ms = delays.drift_ms.max(1);
        let next_ms = now_ms - (now_ms - self.next_drift_ms).rem_euclid(interval_ms) + interval_ms;
        if next_ms - now_ms < interval_ms / 2 { next_ms + interval_ms } else { next_ms }
    }
}

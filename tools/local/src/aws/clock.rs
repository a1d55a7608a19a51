//! The clock of the services that wait for something: messages that are hidden or delayed, and schedules.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::{SignedDuration, Timestamp};

/// A clock that is this machine's, and that a test may put forward. Clones are the same clock.
///
/// Putting it forward wakes nobody: a receive that waits and the firing of schedules go by this machine's clock until they look again. Whoever
/// moves it therefore takes what is due: see [`super::Sqs::take`] and [`super::Scheduler::fire_due`].
#[derive(Clone, Debug, Default)]
pub struct Clock(Arc<AtomicI64>);

impl Clock {
    /// Puts it forward.
    pub fn advance(&self, by: Duration) {
        let by_ms = i64::try_from(by.as_millis()).expect("nobody lives to see that");
        self.0.fetch_add(by_ms, Ordering::AcqRel);
    }

    /// Sets it, for a test that begins again at a moment of before. Nothing that is due by then may wait for it.
    pub fn set(&self, now: Timestamp) {
        let ahead = now.duration_since(system());
        self.0.store(i64::try_from(ahead.as_millis()).expect("nobody lives to see that"), Ordering::Release);
    }

    /// How far it is ahead of this machine's, in milliseconds; behind it, if it was set so.
    pub fn ahead_ms(&self) -> i64 {
        self.0.load(Ordering::Acquire)
    }

    /// The time by it.
    pub fn now(&self) -> Timestamp {
        system() + SignedDuration::from_millis(self.ahead_ms())
    }
}

/// The time by this machine's clock.
fn system() -> Timestamp {
    Timestamp::UNIX_EPOCH + SystemTime::now().duration_since(UNIX_EPOCH).expect("this machine's clock is after 1970")
}

//! The clock of the services that wait for something: messages that are hidden or delayed, and schedules.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

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

    /// How far it is ahead of this machine's, in milliseconds.
    pub fn ahead_ms(&self) -> i64 {
        self.0.load(Ordering::Acquire)
    }

    /// The time by it.
    pub fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).expect("this machine's clock is after 1970");
        let ahead = Duration::from_millis(self.ahead_ms().unsigned_abs());
        Timestamp::UNIX_EPOCH + since_epoch + ahead
    }
}

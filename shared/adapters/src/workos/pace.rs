//! WorkOS's limit of calls, and whether a directory can be read under it in the time there is.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::ReadError;
use crate::http::Deadline;

/// Lets one call go per interval, in the order they came, and never makes up for lost time with a burst.
#[derive(Debug)]
pub(super) struct Throttle {
    interval: Duration,
    next: tokio::sync::Mutex<Instant>,
}

impl Throttle {
    pub(super) fn new(interval: Duration) -> Self {
        Self { interval, next: tokio::sync::Mutex::new(Instant::now()) }
    }

    /// Waits for this call's turn.
    pub(super) async fn ready(&self) {
        let mut next = self.next.lock().await;
        tokio::time::sleep_until(*next).await;
        *next = Instant::now() + self.interval;
    }
}

/// How far one read of a directory has come, in throttled calls.
#[derive(Debug)]
pub(super) struct Pace {
    interval: Duration,
    deadline: Deadline,
    /// What there was at the start.
    time: Duration,
    progress: Mutex<Progress>,
}

#[derive(Debug, Default)]
struct Progress {
    /// Pages that were read.
    done: u64,
    /// Lists that have not ended.
    open: u64,
    /// Pages that are still to be read, at least.
    owed: u64,
}

impl Pace {
    pub(super) fn new(throttle: &Throttle, deadline: Deadline) -> Self {
        Self { interval: throttle.interval, deadline, time: deadline.remaining(), progress: Mutex::default() }
    }

    /// So many lists are to be read now, of so many pages in all at least.
    pub(super) fn begin(&self, lists: u64, pages: u64) {
        let mut progress = self.progress();
        progress.open = lists;
        progress.owed = pages.max(lists);
    }

    /// A page was read.
    pub(super) fn page_read(&self, is_last: bool) {
        let mut progress = self.progress();
        progress.done += 1;
        progress.open -= u64::from(is_last);
        progress.owed = progress.owed.saturating_sub(1).max(progress.open);
    }

    /// So many pages must be read again.
    pub(super) fn pages_lost(&self, pages: u64) {
        let mut progress = self.progress();
        progress.done -= pages;
        progress.owed += pages;
    }

    /// Whether what is owed can still be read.
    ///
    /// # Errors
    /// As [`out_of_time`](Self::out_of_time) when it cannot: better now than after minutes of calls in vain.
    pub(super) fn check(&self) -> Result<(), ReadError> {
        let Progress { done, owed, .. } = *self.progress();
        let fits = self.takes(owed) <= self.deadline.remaining() && !self.is_too_large(done + owed);
        if fits { Ok(()) } else { Err(self.out_of_time()) }
    }

    /// The error for a read that does not end in time: [`ReadError::TooLarge`] if it never could, [`ReadError::OutOfTime`] otherwise.
    pub(super) fn out_of_time(&self) -> ReadError {
        let Progress { done, owed, .. } = *self.progress();
        match self.is_too_large(done + owed) {
            true => ReadError::TooLarge { calls_at_least: done + owed, seconds: self.time.as_secs() },
            false => ReadError::OutOfTime,
        }
    }

    /// Nine tenths are the most that calls under the limit can fill: the calls that are not throttled take time, too.
    fn is_too_large(&self, calls: u64) -> bool {
        self.takes(calls) > self.time.mul_f64(0.9)
    }

    fn takes(&self, calls: u64) -> Duration {
        self.interval.saturating_mul(u32::try_from(calls).unwrap_or(u32::MAX))
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        // Three numbers cannot be left half changed by a panic.
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(interval_ms: u64, time_ms: u64) -> Pace {
        Pace::new(&Throttle::new(Duration::from_millis(interval_ms)), Deadline::after(Duration::from_millis(time_ms)))
    }

    #[test]
    fn what_fits_into_nine_tenths_of_the_time_is_tried() {
        let pace = pace(1_000, 100_000);
        pace.begin(1, 89);
        assert!(pace.check().is_ok());
        pace.begin(1, 91);
        assert!(matches!(pace.check(), Err(ReadError::TooLarge { calls_at_least: 91, .. })));
    }

    #[test]
    fn pages_read_count_towards_the_size() {
        let pace = pace(1_000, 100_000);
        pace.begin(1, 2);
        pace.page_read(false);
        pace.page_read(true);
        pace.begin(89, 0);
        assert!(matches!(pace.check(), Err(ReadError::TooLarge { calls_at_least: 91, .. })));
    }

    #[test]
    fn pages_read_twice_do_not_make_a_directory_large() {
        let pace = pace(1_000, 100_000);
        pace.begin(1, 89);
        for _ in 0..10 {
            pace.page_read(false);
            pace.pages_lost(1);
        }
        assert!(pace.check().is_ok());
    }

    #[test]
    fn slow_answers_are_not_a_large_directory() {
        let pace = Pace { deadline: Deadline::after(Duration::ZERO), ..pace(1_000, 100_000) };
        pace.begin(1, 50);
        assert!(matches!(pace.check(), Err(ReadError::OutOfTime)));
    }

    #[tokio::test]
    async fn the_throttle_lets_one_call_go_per_interval() {
        let throttle = Throttle::new(Duration::from_millis(20));
        let start = Instant::now();
        futures::join!(throttle.ready(), throttle.ready(), throttle.ready());
        assert!(start.elapsed() >= Duration::from_millis(40));
    }
}

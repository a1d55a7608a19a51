//! The clock. Everything that decides takes the time as an argument; this is where it comes from.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

tokio::task_local! {
    /// How far ahead of the system's clock the work of this task is.
    static AHEAD_MS: i64;
    /// There while nobody has time to wait.
    static HURRIED: ();
}

/// Milliseconds since 1970.
pub fn now_ms() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let system_ms = i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX);
    system_ms.saturating_add(AHEAD_MS.try_with(|by_ms| *by_ms).unwrap_or(0))
}

/// Does the work with a clock that is so far ahead of the system's, or behind it: that is how tests live through a lease, a window, a
/// quarantine or a machine whose clock is wrong, without waiting. Within another such work, the inner one counts.
///
/// It holds for what the work itself does, not for tasks that it spawns; nothing here and in the functions spawns any. Timeouts and waits
/// are not moved; see [`hurried`].
pub async fn ahead<F: Future>(by_ms: i64, work: F) -> F::Output {
    AHEAD_MS.scope(by_ms, work).await
}

/// Waits before something is tried or looked at again.
pub(crate) async fn wait(time: Duration) {
    if HURRIED.try_with(|()| ()).is_ok() {
        tokio::task::yield_now().await;
    } else {
        tokio::time::sleep(time).await;
    }
}

/// Does the work without the waits between tries: that is how tests live through a vendor's outage. Timeouts, throttles and heartbeats are as
/// ever, and it holds for what the work itself does, as [`ahead`] does.
pub async fn hurried<F: Future>(work: F) -> F::Output {
    HURRIED.scope((), work).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_clock_is_ahead_within_the_work_alone() {
        let before = now_ms();
        let within = ahead(60_000, async { (now_ms(), ahead(-60_000, async { now_ms() }).await) }).await;
        let after = now_ms();
        assert!((before + 60_000..=after + 60_000).contains(&within.0));
        assert!((before - 60_000..=after - 60_000).contains(&within.1));
    }

    #[tokio::test]
    async fn nobody_waits_in_hurried_work() {
        let waited = tokio::time::timeout(Duration::from_secs(10), hurried(wait(Duration::from_secs(3_600)))).await;
        assert!(waited.is_ok());
    }
}

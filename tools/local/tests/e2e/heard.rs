//! What is logged while the tests run: no line may hold an e-mail address, a name, a token or a secret.
//!
//! Our own crates are heard at every level, the others at production's. One subscriber hears all tests of the process, and
//! `main` judges when they have ended, so that no line comes too late.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use tracing_subscriber::EnvFilter;

/// In every first name, last name, token and secret of a test.
pub(crate) const PRIVATE: &str = "pr1vate";

/// What runs in production, and not what stands in for its surroundings here.
const HEARD: &str = "info,webhook=trace,sync=trace,adapters=trace,domain=trace,local=off,standins=off,dynoxide=off";

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());
static N_HEARD: AtomicUsize = AtomicUsize::new(0);

/// Which lines are kept.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    All,
    /// Those that must not be; of the others only the number.
    Leaks,
}

/// Keeps what is logged from now on.
pub(crate) fn keep(kept: Kept) {
    let writer = move || Keeper(kept);
    tracing_subscriber::fmt().json().flatten_event(true).with_env_filter(EnvFilter::new(HEARD)).with_writer(writer).init();
}

/// The lines so far that must not have been logged.
pub(crate) fn leaks() -> Vec<String> {
    lines().into_iter().filter(|line| is_leak(line)).collect()
}

/// How many lines were logged, kept or not.
pub(crate) fn n_heard() -> usize {
    N_HEARD.load(Ordering::Relaxed)
}

/// The lines that were kept.
pub(crate) fn lines() -> Vec<String> {
    LINES.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Every e-mail address has an `@`, which nothing else that is logged has.
pub(crate) fn is_leak(line: &str) -> bool {
    ["@", "%40", PRIVATE].into_iter().any(|text| line.contains(text))
}

struct Keeper(Kept);

impl io::Write for Keeper {
    /// The subscriber writes a whole line at once.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        N_HEARD.fetch_add(1, Ordering::Relaxed);
        let text = String::from_utf8_lossy(line);
        if self.0 == Kept::All || is_leak(&text) {
            LINES.lock().unwrap_or_else(PoisonError::into_inner).push(text.into_owned());
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

//! What the system logs while the tests run, all of it: no line may hold an e-mail address, a name, a token or a secret.
//!
//! Our own crates are heard at every level, the others at production's. One subscriber hears all tests of the process, and
//! `main` judges when they have ended, so that no line comes too late.

use std::io;
use std::sync::{Mutex, PoisonError};

use tracing_subscriber::EnvFilter;

use crate::world::{User, World, single};

/// In every first name, last name, token and secret of a [`World`].
pub(crate) const PRIVATE: &str = "pr1vate";

/// What runs in production, and not what stands in for its surroundings here.
const HEARD: &str = "info,webhook=trace,sync=trace,adapters=trace,domain=trace,local=off,standins=off,dynoxide=off";

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

crate::tests![every_outcome_is_logged_and_nothing_private];

/// Keeps what is logged from now on.
pub(crate) fn keep() {
    let writer = || Keeper;
    tracing_subscriber::fmt().json().flatten_event(true).with_env_filter(EnvFilter::new(HEARD)).with_writer(writer).init();
}

/// The lines so far that must not have been logged.
pub(crate) fn leaks() -> Vec<String> {
    lines().into_iter().filter(|line| is_leak(line)).collect()
}

fn lines() -> Vec<String> {
    LINES.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Every e-mail address has an `@`, which nothing else that is logged has.
fn is_leak(line: &str) -> bool {
    ["@", "%40", PRIVATE].into_iter().any(|text| line.contains(text))
}

struct Keeper;

impl io::Write for Keeper {
    /// The subscriber writes a whole line at once.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        LINES.lock().unwrap_or_else(PoisonError::into_inner).push(String::from_utf8_lossy(line).into_owned());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn every_outcome_is_logged_and_nothing_private() {
    let world = World::start(single("LOGGED")).await;
    world.add(User::new("ada").in_group("user").in_group("Retail"));
    world.add(User::new("bob").in_group("user"));
    world.orgvue.reject_login("LOGGED", "bob@acme.com");
    let run = world.synced().await;

    let id = run.id.to_string();
    let (lines, directory) = (lines(), world.customers[0].directory());
    let logged = |what: &str, whose: &str| lines.iter().any(|line| line.contains(what) && line.contains(whose));
    assert!(logged("webhook accepted", &directory));
    assert!(logged("accounts were not applied", "LOGGED"));
    assert!(logged("run ended", &id));
    let ours = lines.iter().filter(|line| line.contains("accounts were not applied") && line.contains("LOGGED"));
    assert!(ours.into_iter().all(|line| line.contains(&id)), "every line of a run names it");
    assert!(["ada@acme.com", "email=ada%40acme.com", world.workos.key()].into_iter().all(is_leak));
}

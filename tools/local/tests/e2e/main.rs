//! The system from end to end: a signed webhook in over HTTP, the state of Orgvue's Users datasets out.
//!
//! Production's own code runs against emulated AWS services and the vendors' stand-ins; see [`world`].
//! Most tests end with [`world::World::end`]: nothing is left in a queue, nothing is owed, and a second run changes nothing.
//!
//! `cargo test` starts all of it in this process. Tests marked `#[both]` are told of a deployed stack too, word for word: `infra/check` deploys
//! one, and runs them with `ORGVUE_SCIM_STACK` naming its description ([`stack`]). They look at nothing but what [`home`] has of both,
//! and wait for no delay but the window's, for the deployed ones are production's. What kills the system, shortens its delays or
//! breaks AWS is for this process alone.

#![expect(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]

mod approvals;
mod binary;
mod blocked;
mod crash;
mod customer;
mod directory_state;
mod drift;
mod grammar;
mod guarded;
#[expect(dead_code, reason = "the proofs use all of it")]
mod heard;
mod home;
mod large;
mod lifecycle;
mod locks;
mod logs;
mod members;
mod mistakes;
mod notices;
mod outcome;
mod pending;
mod preview;
mod quarantine;
mod reading;
mod renames;
mod stack;
mod switches;
mod tenants;
mod undo;
mod waiting;
mod webhooks;
mod words;
mod world;

use std::pin::Pin;
use std::process::ExitCode;
use std::time::Duration;

use libtest_mimic::{Arguments, Trial};

use crate::stack::Description;

/// The tests wait for windows more than they compute, so that far more of them run at once than there are cores.
const AT_ONCE: usize = 16;
/// Longest time of one test.
const LIMIT: Duration = Duration::from_secs(180);

/// One test.
struct Scenario {
    module: &'static str,
    name: &'static str,
    homes: Homes,
    story: fn() -> Pin<Box<dyn Future<Output = ()>>>,
}

/// Of which systems it is told.
#[derive(PartialEq, Eq)]
enum Homes {
    /// The one in this process.
    InProcess,
    /// A deployed one too.
    Both,
}

/// Names the tests of a module. A test that is not named here is dead code, which the compiler tells.
macro_rules! tests {
    ($($(#[$homes:ident])? $test:ident),* $(,)?) => {
        pub(crate) fn tests() -> Vec<crate::Scenario> {
            vec![$(crate::Scenario {
                module: module_path!(),
                name: stringify!($test),
                homes: crate::homes!($($homes)?),
                story: || Box::pin($test()),
            }),*]
        }
    };
}
pub(crate) use tests;

macro_rules! homes {
    () => {
        crate::Homes::InProcess
    };
    (both) => {
        crate::Homes::Both
    };
}
pub(crate) use homes;

fn main() -> ExitCode {
    heard::keep(heard::Kept::All);
    let mut arguments = Arguments::from_args();
    let is_deployed = Description::given().is_some();
    arguments.test_threads.get_or_insert(if is_deployed { 1 } else { AT_ONCE });
    let modules = [
        approvals::tests,
        binary::tests,
        blocked::tests,
        crash::tests,
        directory_state::tests,
        drift::tests,
        grammar::tests,
        guarded::tests,
        large::tests,
        lifecycle::tests,
        locks::tests,
        logs::tests,
        members::tests,
        mistakes::tests,
        notices::tests,
        pending::tests,
        preview::tests,
        quarantine::tests,
        reading::tests,
        renames::tests,
        switches::tests,
        tenants::tests,
        undo::tests,
        waiting::tests,
        webhooks::tests,
    ];
    let scenarios = modules.into_iter().flat_map(|tests| tests()).filter(|scenario| !is_deployed || scenario.homes == Homes::Both);
    let conclusion = libtest_mimic::run(&arguments, scenarios.map(trial).collect());
    let leaks = heard::leaks();
    leaks.iter().for_each(|line| eprintln!("logged although it is private: {line}"));
    if leaks.is_empty() { conclusion.exit_code() } else { ExitCode::FAILURE }
}

/// A test on a runtime of its own, with which everything ends that it has started.
fn trial(Scenario { module, name, homes: _, story }: Scenario) -> Trial {
    let module = module.rsplit("::").next().unwrap_or(module);
    Trial::test(format!("{module}::{name}"), move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async { tokio::time::timeout(LIMIT, story()).await })?;
        Ok(())
    })
}

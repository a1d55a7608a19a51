//! Proofs about the whole system in virtual time: whatever call a process dies of, everything comes right.
//!
//! Production's own code, with production's delays, runs against emulated AWS services and the vendors' stand-ins, as in `e2e`; but here the
//! test itself is what invokes it and moves the clock ([`clockwork`]), and every call of the functions passes a [`wire`] that can be cut.
//! [`simulation`] has histories that are thrown by dice: [`history`] what happens in them, [`person`] and [`file`] what people do, [`upstream`] what becomes
//! of the directory; [`decision`], [`undo`] and [`moving`] are episodes of them, [`taboo`] and [`consent`] look at each write.
//! [`stage`] has what a story is told with, [`oracle`] what must hold, [`stories`] the stories.
//!
//! [`faults`] plays every fault at every call site, [`hostile`] answers and messages that are anything, [`apart`] customers side by side.

#![expect(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]

mod apart;
#[path = "../bench/mod.rs"]
mod bench;
mod census;
mod clockwork;
mod consent;
mod crash;
#[path = "../e2e/customer.rs"]
mod customer;
mod decision;
mod dice;
mod faults;
mod faults_sites;
mod faults_table;
mod file;
mod history;
mod hostile;
mod kept;
#[path = "../e2e/heard.rs"]
mod logs;
mod moving;
mod oracle;
mod person;
mod simulation;
mod stage;
mod stories;
mod taboo;
mod undo;
mod upstream;
mod weather;
mod wire;
#[path = "../e2e/words.rs"]
#[expect(dead_code, reason = "e2e uses all of it")]
mod words;

use std::pin::Pin;
use std::process::ExitCode;
use std::time::Duration;

use libtest_mimic::{Arguments, Failed, Trial};

/// All of them: the longest begins at once.
const AT_ONCE: usize = 8;
/// Longest time of one proof, unless somebody says how many histories or faults to play.
const LIMIT: Duration = Duration::from_secs(900);

type Proof = fn() -> Pin<Box<dyn Future<Output = ()>>>;

/// Names the proofs of a module. One that is not named here is dead code, which the compiler tells.
macro_rules! tests {
    ($($test:ident),* $(,)?) => {
        pub(crate) fn tests() -> Vec<libtest_mimic::Trial> {
            vec![$(crate::trial(module_path!(), stringify!($test), || Box::pin($test()))),*]
        }
    };
}
pub(crate) use tests;

fn main() -> ExitCode {
    logs::keep(logs::Kept::Leaks);
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(AT_ONCE);
    let modules = [faults::tests, simulation::tests, stories::tests, hostile::tests, apart::tests];
    let conclusion = libtest_mimic::run(&arguments, modules.into_iter().flat_map(|tests| tests()).collect());
    let leaks = logs::leaks();
    leaks.iter().for_each(|line| eprintln!("logged although it is private: {line}"));
    eprintln!("{} lines logged, {} of them private", logs::n_heard(), leaks.len());
    if leaks.is_empty() { conclusion.exit_code() } else { ExitCode::FAILURE }
}

/// Enough for functions that are invoked in the call of another one, as they are compiled for tests.
const STACK_BYTES: usize = 16 * 1024 * 1024;

/// A proof on a thread and a runtime of its own, with which everything ends that it has started.
fn trial(module: &str, name: &str, proof: Proof) -> Trial {
    let module = module.rsplit("::").next().unwrap_or(module);
    let plays = move || -> Result<(), Failed> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let is_unlimited = ["PROOF_SEEDS", "PROOF_EVERY"].iter().any(|name| std::env::var_os(name).is_some());
        let limit = if is_unlimited { Duration::MAX } else { LIMIT };
        runtime.block_on(async { tokio::time::timeout(limit, proof()).await })?;
        Ok(())
    };
    Trial::test(format!("{module}::{name}"), move || {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(plays)?;
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

//! A process may die at any call that it makes, before the call is sent or when only the answer is missing, and everything comes right.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::pin::Pin;
use std::time::Instant;

use futures::future::join_all;

use crate::kept::Kept;
use crate::stage::Stage;
use crate::wire::{Call, Kill, Side};

/// How many stages one proof has: while one waits for a connection, another works.
const STAGES: usize = 2;
/// What only reads, as operations begin. A sweep of nothing else has found nothing to do.
const READS: [&str; 4] = ["GetItem", "Query", "BatchGetItem", "GET "];

/// A part of a story on a stage.
pub(crate) type Act = for<'a> fn(&'a Stage) -> Pin<Box<dyn Future<Output = ()> + 'a>>;

/// What happens on a stage, from the first customer to the last assertion.
#[derive(Clone, Copy)]
pub(crate) struct Story {
    pub(crate) name: &'static str,
    /// What was before: nobody dies in it, and it is told once.
    pub(crate) before: Act,
    pub(crate) act: Act,
    /// It makes so many calls at least.
    pub(crate) n_calls_min: usize,
}

/// Plays a story once as it is, and then once for every [point](points) at which a function can die.
pub(crate) async fn at_every_call(story: Story) {
    let Story { name, n_calls_min, .. } = story;
    let (began, told) = (Instant::now(), Cell::new(false));
    let stages = join_all((0..STAGES).map(|_| Stage::start())).await;
    (story.before)(&stages[0]).await;
    let kept = stages[0].keep();
    let calls = play(&stages[0], &kept, story, None, &told).await;
    assert!(calls.len() >= n_calls_min, "{name} makes {} calls, and not at least {n_calls_min}", calls.len());
    let points: Vec<Kill> = points(&calls, all()).into_iter().step_by(every()).collect();
    let left = RefCell::new(points.iter().copied());
    let work = stages.iter().map(async |stage| {
        loop {
            let Some(kill) = left.borrow_mut().next() else { break };
            play(stage, &kept, story, Some(kill), &told).await;
        }
    });
    join_all(work).await;
    let (n_points, n_calls, seconds) = (points.len(), calls.len(), began.elapsed().as_secs_f64());
    eprintln!("{name}: {n_points} crash points in {n_calls} calls, {seconds:.1} s");
}

/// Plays a story, and what must be behind every story; the calls of the story.
async fn play(stage: &Stage, kept: &Kept, story: Story, kill: Option<Kill>, told: &Cell<bool>) -> Vec<Call> {
    let witness = Witness { stage, kill, told };
    stage.set_back(kept);
    stage.wire.begin(kill);
    (story.act)(stage).await;
    assert!(!stage.wire.has_kill(), "there was no such call");
    let calls = stage.wire.calls();
    // Only a sync leaves anything that another one would do differently.
    if kill.is_none_or(|kill| calls[kill.at - 1].what == "sync") {
        stage.changes_nothing_more().await;
    }
    drop(witness);
    calls
}

/// Where a process can die and leave something else than where it dies a moment earlier: before the first call of each invocation, and behind
/// every call that writes. To die elsewhere leaves what it leaves to die behind the write before, or before the first call, as nothing is
/// durable in between; `PROOF_ALL=1` plays that too. Of the sweeps that found nothing to do, the first one stands for all.
fn points(calls: &[Call], all: bool) -> Vec<Kill> {
    let writes = |call: &Call| !READS.iter().any(|read| call.operation.starts_with(read));
    let busy: BTreeSet<usize> = calls.iter().filter(|call| writes(call)).map(|call| call.invocation).collect();
    let first_idle = calls.iter().map(|call| call.invocation).find(|invocation| !busy.contains(invocation));
    let counts = |call: &&Call| call.what != "sweep" || busy.contains(&call.invocation) || Some(call.invocation) == first_idle;
    let mut begun = BTreeSet::new();
    let mut points = Vec::new();
    for call in calls.iter().filter(counts) {
        if begun.insert(call.invocation) || all {
            points.push(Kill { at: call.n, side: Side::Before });
        }
        if writes(call) || all {
            points.push(Kill { at: call.n, side: Side::After });
        }
    }
    points
}

fn all() -> bool {
    std::env::var("PROOF_ALL").is_ok_and(|value| value == "1")
}

/// `PROOF_EVERY=7` plays each seventh point, for a quick look.
fn every() -> usize {
    std::env::var("PROOF_EVERY").ok().and_then(|value| value.parse().ok()).unwrap_or(1)
}

/// Tells what was played if it fails.
struct Witness<'a> {
    stage: &'a Stage,
    kill: Option<Kill>,
    /// The first to be dropped is the one that failed; the plays beside it are not to blame.
    told: &'a Cell<bool>,
}

impl Drop for Witness<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() || self.told.replace(true) {
            return;
        }
        let calls = self.stage.wire.calls();
        let log: Vec<String> = calls.iter().map(ToString::to_string).collect();
        let Some(Kill { at, side }) = self.kill else { return eprintln!("without a crash:\n{}", log.join("\n")) };
        let call = log.get(at - 1).cloned().unwrap_or_else(|| "a call that was never made".to_owned());
        eprintln!("the process died {side:?} call {call}\n{}", log.join("\n"));
    }
}

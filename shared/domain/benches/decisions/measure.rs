//! What one step costs: processor time, allocations, and the most memory at one time.
//!
//! The time is that of the thread on the processor, not of the clock on the wall: it does not count how long other programs ran instead.
//! On a machine of one's own the two are the same. The allocations are those of one more call, which is not timed.

use std::hint::black_box;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Batches of short steps last at least this long.
const BATCH: Duration = Duration::from_millis(4);
/// Most calls in a batch.
const CALLS_MAX: usize = 10_000;
/// Batches: as many as fit in the time, but no fewer or more than this.
const TIME: Duration = Duration::from_millis(1_200);
const BATCHES_MIN: usize = 5;
const BATCHES_MAX: usize = 41;

/// What one call costs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    /// The median of the batches.
    pub(crate) median: Duration,
    /// The fastest of them.
    pub(crate) best: Duration,
    pub(crate) allocations: u64,
    /// All that was allocated, whether it was given back or not.
    pub(crate) allocated_bytes: u64,
    /// The most that was there at one time, above what was there before.
    pub(crate) peak_bytes: u64,
}

/// Measures a step that uses up what it is given. Neither making that nor dropping what comes of it is counted.
pub(crate) fn cost<I, O>(mut given: impl FnMut() -> I, mut step: impl FnMut(I) -> O) -> Cost {
    let input = given();
    let mut output = None;
    let allocated = allocation_counter::measure(|| output = Some(step(black_box(input))));
    drop(output);
    let once = batch(1, &mut given, &mut step);
    let calls = (BATCH.as_nanos() / once.as_nanos().max(1)).clamp(1, CALLS_MAX as u128) as usize;
    let mut times = Vec::new();
    let mut spent = Duration::ZERO;
    while times.len() < BATCHES_MIN || (spent < TIME && times.len() < BATCHES_MAX) {
        let took = batch(calls, &mut given, &mut step);
        spent += took;
        times.push(took / calls as u32);
    }
    times.sort();
    Cost {
        median: times[times.len() / 2],
        best: times[0],
        allocations: allocated.count_total,
        allocated_bytes: allocated.bytes_total,
        peak_bytes: allocated.bytes_max,
    }
}

/// What stays allocated of what `make` makes, and that.
pub(crate) fn kept<O>(make: impl FnOnce() -> O) -> (u64, O) {
    let mut output = None;
    let allocated = allocation_counter::measure(|| output = Some(make()));
    (allocated.bytes_current.unsigned_abs(), output.expect("it was made"))
}

fn batch<I, O>(calls: usize, given: &mut impl FnMut() -> I, step: &mut impl FnMut(I) -> O) -> Duration {
    let inputs: Vec<I> = (0..calls).map(|_| given()).collect();
    let mut outputs = Vec::with_capacity(calls);
    let began = on_the_processor();
    for input in inputs {
        outputs.push(black_box(step(black_box(input))));
    }
    on_the_processor() - began
}

/// How long this thread has been on the processor.
fn on_the_processor() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

//! What was called, and what shall fail.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

/// How a scripted call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// The service answers 500 and does nothing.
    Status500,
    /// The service answers that there were too many calls, and does nothing.
    Throttle,
    /// The connection is reset before the service does anything.
    Reset,
    /// The service does what was asked, and the connection is reset in place of its response.
    CutAfterCommit,
}

/// How many calls fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// This many of the next calls.
    Next(usize),
    /// Every call, until the faults are cleared.
    Always,
}

/// Counts calls by operation and deals out scripted faults, in the order they were scripted.
#[derive(Default)]
pub(super) struct Recorder(Mutex<Record>);

#[derive(Default)]
struct Record {
    calls: BTreeMap<String, usize>,
    faults: Vec<Fault>,
}

struct Fault {
    operation: String,
    times: Times,
    kind: FaultKind,
}

impl Recorder {
    pub(super) fn fault(&self, operation: &str, times: Times, kind: FaultKind) {
        let operation = operation.to_owned();
        self.lock().faults.push(Fault { operation, times, kind });
    }

    pub(super) fn clear_faults(&self) {
        self.lock().faults.clear();
    }

    pub(super) fn calls(&self, operation: &str) -> usize {
        self.lock().calls.get(operation).copied().unwrap_or(0)
    }

    /// Counts a call that arrived, and says how it shall fail if it shall.
    pub(super) fn arrived(&self, operation: &str) -> Option<FaultKind> {
        let mut record = self.lock();
        *record.calls.entry(operation.to_owned()).or_default() += 1;
        let fault = record.faults.iter_mut().find(|fault| fault.operation == operation && fault.times != Times::Next(0))?;
        if let Times::Next(left) = &mut fault.times {
            *left -= 1;
        }
        Some(fault.kind)
    }

    fn lock(&self) -> MutexGuard<'_, Record> {
        self.0.lock().expect("nothing panics while it holds this lock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deals_faults_in_order_to_their_operation_alone() {
        let recorder = Recorder::default();
        recorder.fault("Send", Times::Next(1), FaultKind::Reset);
        recorder.fault("Send", Times::Always, FaultKind::Throttle);

        assert_eq!(recorder.arrived("Receive"), None);
        assert_eq!(recorder.arrived("Send"), Some(FaultKind::Reset));
        assert_eq!(recorder.arrived("Send"), Some(FaultKind::Throttle));
        recorder.clear_faults();
        assert_eq!(recorder.arrived("Send"), None);
        assert_eq!(recorder.calls("Send"), 3);
    }
}

//! What was asked of a stand-in: a counter per route and the request lines in order.
//!
//! Requests under `/_standin` are not counted, for they are ours and not the client's.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use crate::store::lock;

/// How many request lines are kept; a test that sends more than this is not reading them one by one.
const LINES_MAX: usize = 100_000;

/// A live view of the requests a stand-in has received; clones share the counters.
#[derive(Clone, Debug, Default)]
pub struct Calls(Arc<Mutex<Seen>>);

#[derive(Debug, Default)]
struct Seen {
    by_route: BTreeMap<String, u64>,
    lines: Vec<String>,
}

impl Calls {
    /// All requests since the start or the last [`reset`](Self::reset).
    pub fn total(&self) -> u64 {
        lock(&self.0).by_route.values().sum()
    }

    /// The requests of one method and route template, such as `GET /directories/{id}`.
    pub fn of(&self, route: &str) -> u64 {
        lock(&self.0).by_route.get(route).copied().unwrap_or(0)
    }

    /// Every counter by method and route template.
    pub fn by_route(&self) -> BTreeMap<String, u64> {
        lock(&self.0).by_route.clone()
    }

    /// The request lines in the order they arrived, such as `GET /directories?order=asc`.
    pub fn lines(&self) -> Vec<String> {
        lock(&self.0).lines.clone()
    }

    /// Forgets all requests so far.
    pub fn reset(&self) {
        *lock(&self.0) = Seen::default();
    }

    pub(crate) fn count(&self, route: String, line: String) {
        let mut seen = lock(&self.0);
        *seen.by_route.entry(route).or_default() += 1;
        if seen.lines.len() < LINES_MAX {
            seen.lines.push(line);
        }
    }
}

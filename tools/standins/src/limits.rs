//! Limits by name: token buckets of a directory, an API key or a tenant, and requests in flight.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use crate::store::lock;

/// A bucket that starts full, holds `burst` requests and regains `per_second`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// How many requests may come at once.
    pub burst: f64,
    /// How many requests are regained each second.
    pub per_second: f64,
}

#[derive(Debug, Default)]
pub(crate) struct Buckets(Mutex<HashMap<String, Level>>);

#[derive(Debug)]
struct Level {
    tokens: f64,
    at: Instant,
}

impl Buckets {
    /// Takes one token of the bucket `name`, or tells that there is none.
    pub(crate) fn take(&self, name: &str, rate: Rate) -> bool {
        let mut buckets = lock(&self.0);
        let now = Instant::now();
        let level = buckets.entry(name.to_owned()).or_insert(Level { tokens: rate.burst, at: now });
        let regained = now.duration_since(level.at).as_secs_f64() * rate.per_second;
        level.tokens = (level.tokens + regained).min(rate.burst);
        level.at = now;
        let granted = level.tokens >= 1.0;
        if granted {
            level.tokens -= 1.0;
        }
        granted
    }
}

/// How many requests are being answered.
#[derive(Clone, Debug, Default)]
pub(crate) struct InFlight(Arc<Mutex<HashMap<String, Count>>>);

#[derive(Debug, Default)]
struct Count {
    now: usize,
    most: usize,
}

/// One of the requests being answered; dropping it ends the request.
#[derive(Debug)]
pub(crate) struct Entered {
    in_flight: InFlight,
    name: String,
}

impl InFlight {
    /// Counts a request under `name` and tells how many there are with it.
    pub(crate) fn enter(&self, name: &str) -> (Entered, usize) {
        let mut counts = lock(&self.0);
        let count = counts.entry(name.to_owned()).or_default();
        count.now += 1;
        count.most = count.most.max(count.now);
        (Entered { in_flight: self.clone(), name: name.to_owned() }, count.now)
    }

    /// The most requests that there were at the same time under `name`.
    pub(crate) fn most(&self, name: &str) -> usize {
        lock(&self.0).get(name).map_or(0, |count| count.most)
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        if let Some(count) = lock(&self.in_flight.0).get_mut(&self.name) {
            count.now -= 1;
        }
    }
}

//! The schedules, their groups, and the client tokens that were used.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};

use jiff::Timestamp;
use tokio::sync::Notify;

use super::Schedule;
use super::api::{conflict, not_found};
use super::request::{AfterCompletion, CreateSchedule, State};
use crate::aws::error::ApiError;
use crate::aws::{ACCOUNT, Clock, REGION};

/// The group that exists from the start, and that is meant where none is named.
pub(super) const DEFAULT_GROUP: &str = "default";

/// Everything that one Scheduler knows.
pub(super) struct Book {
    clock: Clock,
    pages: Mutex<Pages>,
    changed: Notify,
}

struct Pages {
    groups: BTreeSet<String>,
    schedules: BTreeMap<Key, Entry>,
    tokens: BTreeMap<String, (Key, CreateSchedule)>,
    n_created: usize,
}

/// What a schedule is known by: two may have one name in two groups.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) group: String,
    pub(super) name: String,
}

/// A schedule as it was asked for, and what became of it.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) request: CreateSchedule,
    pub(super) created_at: Timestamp,
    at: Timestamp,
    has_fired: bool,
}

/// What to send where, for a schedule whose time has come.
pub(super) struct Firing {
    pub(super) name: String,
    pub(super) target_arn: String,
    pub(super) input: String,
}

impl Key {
    pub(super) fn new(group: Option<String>, name: String) -> Self {
        Self { group: group.unwrap_or_else(|| DEFAULT_GROUP.to_owned()), name }
    }

    pub(super) fn arn(&self) -> String {
        format!("arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/{}/{}", self.group, self.name)
    }
}

impl Book {
    pub(super) fn new(clock: Clock) -> Self {
        let pages =
            Pages { groups: BTreeSet::from([DEFAULT_GROUP.to_owned()]), schedules: BTreeMap::new(), tokens: BTreeMap::new(), n_created: 0 };
        Self { clock, pages: Mutex::new(pages), changed: Notify::new() }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(super) fn create_group(&self, name: &str) {
        self.pages().groups.insert(name.to_owned());
    }

    /// Creates the schedule, or finds that this very call was made before.
    ///
    /// The token comes first: a repeated call succeeds even when its time is past by now, or its schedule gone.
    pub(super) fn create(&self, key: Key, request: CreateSchedule) -> Result<(), ApiError> {
        let now = self.now();
        let mut pages = self.pages();
        if let Some(before) = request.client_token.as_ref().and_then(|token| pages.tokens.get(token)) {
            let is_same = before.0 == key && before.1 == request;
            return if is_same { Ok(()) } else { Err(conflict("the client token was used for another request")) };
        }
        let at = request.check(&key.name, now)?;
        if !pages.groups.contains(&key.group) {
            return Err(not_found(format!("schedule group {} does not exist", key.group)));
        }
        if pages.schedules.contains_key(&key) {
            return Err(conflict(format!("schedule {} already exists", key.name)));
        }
        pages.insert(key, Entry { request, created_at: now, at, has_fired: false });
        self.changed.notify_one();
        Ok(())
    }

    pub(super) fn get(&self, key: &Key) -> Result<Entry, ApiError> {
        self.pages().schedules.get(key).cloned().ok_or_else(|| no_schedule(key))
    }

    pub(super) fn delete(&self, key: &Key) -> Result<(), ApiError> {
        self.pages().schedules.remove(key).map(drop).ok_or_else(|| no_schedule(key))
    }

    pub(super) fn lose_all(&self) {
        self.pages().schedules.clear();
    }

    pub(super) fn forget_all(&self) {
        let mut pages = self.pages();
        pages.schedules.clear();
        pages.tokens.clear();
    }

    pub(super) fn entries(&self) -> Vec<(Key, Entry)> {
        self.pages().schedules.iter().map(|(key, entry)| (key.clone(), entry.clone())).collect()
    }

    pub(super) fn schedules(&self) -> Vec<Schedule> {
        self.entries().into_iter().map(|(key, entry)| schedule(key, entry)).collect()
    }

    pub(super) fn created_count(&self) -> usize {
        self.pages().n_created
    }

    /// When the next schedule fires.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.pages().schedules.values().filter(|entry| entry.is_waiting()).map(|entry| entry.at).min()
    }

    /// Marks what is due as fired, or deletes it where that was asked for, and says what to send.
    pub(super) fn take_due(&self) -> Vec<Firing> {
        let now = self.now();
        let mut firings = Vec::new();
        self.pages().schedules.retain(|key, entry| {
            if !entry.is_waiting() || entry.at > now {
                return true;
            }
            entry.has_fired = true;
            firings.push(entry.firing(key));
            entry.request.after_completion() == AfterCompletion::Keep
        });
        firings
    }

    /// Completes once there may be an earlier schedule than there was.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().expect("nothing panics while it holds this lock")
    }
}

impl Pages {
    fn insert(&mut self, key: Key, entry: Entry) {
        if let Some(token) = entry.request.client_token.clone() {
            self.tokens.insert(token, (key.clone(), entry.request.clone()));
        }
        self.schedules.insert(key, entry);
        self.n_created += 1;
    }
}

impl Entry {
    fn is_waiting(&self) -> bool {
        !self.has_fired && self.request.state() == State::Enabled
    }

    fn firing(&self, key: &Key) -> Firing {
        let target = &self.request.target;
        Firing { name: key.name.clone(), target_arn: target.arn.clone(), input: target.input.clone() }
    }
}

fn schedule(Key { group, name }: Key, entry: Entry) -> Schedule {
    let Entry { request, created_at: _, at, has_fired } = entry;
    Schedule { group, name, at, target_arn: request.target.arn, input: request.target.input, has_fired }
}

fn no_schedule(key: &Key) -> ApiError {
    not_found(format!("schedule {} does not exist", key.name))
}

//! The secrets that are there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};

use jiff::Timestamp;
use uuid::Uuid;

use crate::aws::{ACCOUNT, Clock, REGION};

/// What a secret holds.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Text(String),
    Bytes(Vec<u8>),
}

/// The current version of a secret.
#[derive(Debug, Clone)]
pub(super) struct Secret {
    pub(super) arn: String,
    pub(super) name: String,
    pub(super) value: Value,
    pub(super) version: Uuid,
    pub(super) created_at: Timestamp,
}

/// Why a secret cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unread {
    Denied,
    NotFound,
    MarkedForDeletion,
}

#[derive(Default)]
pub(super) struct Store(Mutex<Held>);

#[derive(Default)]
struct Held {
    by_name: BTreeMap<String, Secret>,
    marked: BTreeSet<String>,
    denied: BTreeSet<String>,
}

impl Store {
    pub(super) fn put(&self, name: &str, value: Value) -> String {
        let mut held = self.lock();
        held.marked.remove(name);
        let arn = held.by_name.get(name).map_or_else(|| new_arn(name), |secret| secret.arn.clone());
        let secret = Secret { arn: arn.clone(), name: name.to_owned(), value, version: Uuid::new_v4(), created_at: Clock::default().now() };
        held.by_name.insert(name.to_owned(), secret);
        arn
    }

    pub(super) fn mark_for_deletion(&self, name: &str) {
        self.lock().marked.insert(name.to_owned());
    }

    pub(super) fn deny(&self, id: &str) {
        self.lock().denied.insert(id.to_owned());
    }

    /// The secret of this name or ARN. Who may not read it is not told whether it is there.
    pub(super) fn read(&self, id: &str) -> Result<Secret, Unread> {
        let held = self.lock();
        let secret = held.by_name.values().find(|secret| secret.name == id || secret.arn == id);
        let is_denied = |id: &str| held.denied.contains(id);
        if is_denied(id) || secret.is_some_and(|secret| is_denied(&secret.name) || is_denied(&secret.arn)) {
            return Err(Unread::Denied);
        }
        let secret = secret.ok_or(Unread::NotFound)?;
        if held.marked.contains(&secret.name) { Err(Unread::MarkedForDeletion) } else { Ok(secret.clone()) }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.lock().expect("nothing panics while it holds this lock")
    }
}

/// AWS puts a hyphen and six characters behind the name.
fn new_arn(name: &str) -> String {
    let suffix = &Uuid::new_v4().simple().to_string()[..6];
    format!("arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{name}-{suffix}")
}

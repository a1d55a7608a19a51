//! All queues behind one lock, and the bell that rings when a message can be seen sooner than was known.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;
use uuid::Uuid;

use super::queue::{Delivery, Depth, NotInFlight, Queue, Receipt};
use super::{QueueSettings, arn};
use crate::aws::{ACCOUNT, Clock, until};

/// The longest that SQS hides a message: 12 hours.
pub(super) const VISIBILITY_MAX: Duration = Duration::from_secs(12 * 60 * 60);

/// The longest name of a queue.
const NAME_BYTES_MAX: usize = 80;

/// There is no queue of that name.
#[derive(Debug)]
pub(crate) struct NoSuchQueue;

/// The queues of one SQS.
pub(crate) struct Queues {
    base_url: String,
    pub(crate) clock: Clock,
    queues: Mutex<BTreeMap<String, Queue>>,
    bell: Notify,
}

/// What a receiver asks for.
pub(super) struct Ask {
    pub(super) n_max: usize,
    pub(super) wait: Duration,
    /// Instead of the queue's own visibility.
    pub(super) visibility: Option<Duration>,
}

impl Queues {
    pub(super) fn new(endpoint_url: &str, clock: Clock) -> Self {
        Self { base_url: format!("{endpoint_url}/{ACCOUNT}"), clock, queues: Mutex::default(), bell: Notify::new() }
    }

    /// Panics on what SQS refuses; see [`super::Sqs::create_queue`].
    pub(super) fn create(&self, name: &str, settings: QueueSettings) {
        assert!(is_queue_name(name), "SQS refuses the queue name {name:?}");
        assert!(settings.visibility <= VISIBILITY_MAX, "SQS hides a message for 12 hours at most");
        if let Some((n_receives_max, dead_letters)) = &settings.max_receive_count {
            assert!((1..=1000).contains(n_receives_max), "SQS takes a receive count of 1 to 1000");
            assert!(self.exists(dead_letters), "the dead-letter queue {dead_letters:?} must exist first");
        }
        match self.lock().entry(name.to_owned()) {
            Entry::Occupied(mut queue) => queue.get_mut().settings = settings,
            Entry::Vacant(place) => drop(place.insert(Queue::new(settings))),
        }
    }

    pub(super) fn url(&self, name: &str) -> String {
        format!("{}/{name}", self.base_url)
    }

    pub(super) fn exists(&self, name: &str) -> bool {
        self.lock().contains_key(name)
    }

    /// The name of the queue that an ARN names, if it exists.
    pub(crate) fn named_by_arn(&self, queue_arn: &str) -> Option<String> {
        self.lock().keys().find(|name| arn(name) == queue_arn).cloned()
    }

    pub(crate) fn send(&self, name: &str, body: String, delay: Duration) -> Result<Uuid, NoSuchQueue> {
        let id = self.with(name, |queue| queue.send(body, delay, self.clock.now()))?;
        self.bell.notify_waiters();
        Ok(id)
    }

    /// Receives what can be seen, or waits for the first of it.
    pub(super) async fn receive(&self, name: &str, ask: &Ask) -> Result<Vec<Delivery>, NoSuchQueue> {
        let give_up_at = self.clock.now() + ask.wait;
        loop {
            let mut bell = pin!(self.bell.notified());
            // From here on a ring is not missed: a message sent after the look below ends the wait.
            bell.as_mut().enable();
            let deliveries = self.receive_now(name, ask)?;
            let now = self.clock.now();
            if !deliveries.is_empty() || now >= give_up_at {
                return Ok(deliveries);
            }
            let next_visible_at = self.with(name, |queue| queue.next_visible_at())?;
            let look_again_at = next_visible_at.map_or(give_up_at, |at| at.min(give_up_at));
            tokio::select! {
                () = bell => {}
                () = tokio::time::sleep(until(look_again_at, now)) => {}
            }
        }
    }

    /// Receives what can be seen.
    pub(super) fn receive_now(&self, name: &str, ask: &Ask) -> Result<Vec<Delivery>, NoSuchQueue> {
        let now = self.clock.now();
        let mut queues = self.lock();
        let queue = queues.get_mut(name).ok_or(NoSuchQueue)?;
        let visibility = ask.visibility.unwrap_or(queue.settings.visibility);
        let received = queue.receive(ask.n_max, visibility, now);
        if received.dead.is_empty() {
            return Ok(received.deliveries);
        }
        let dead_letters = queue.settings.max_receive_count.clone().map(|(_, name)| name);
        dead_letters
            .and_then(|name| queues.get_mut(&name))
            .expect("only a queue with a dead-letter queue, which nothing deletes, gives messages up")
            .bury(received.dead, now);
        self.bell.notify_waiters();
        Ok(received.deliveries)
    }

    pub(super) fn delete(&self, name: &str, receipt: Receipt) -> Result<(), NoSuchQueue> {
        self.with(name, |queue| queue.delete(receipt))
    }

    pub(super) fn change_visibility(
        &self,
        name: &str,
        receipt: Receipt,
        visibility: Duration,
    ) -> Result<Result<(), NotInFlight>, NoSuchQueue> {
        let changed = self.with(name, |queue| queue.change_visibility(receipt, visibility, self.clock.now()))?;
        self.bell.notify_waiters();
        Ok(changed)
    }

    pub(super) fn purge(&self, name: &str) -> Result<(), NoSuchQueue> {
        self.with(name, Queue::purge)
    }

    /// The depth of a queue and its settings, of one moment.
    pub(super) fn describe(&self, name: &str) -> Result<(Depth, QueueSettings), NoSuchQueue> {
        self.with(name, |queue| (queue.depth(self.clock.now()), queue.settings.clone()))
    }

    pub(super) fn depth(&self, name: &str) -> Depth {
        self.with(name, |queue| queue.depth(self.clock.now())).expect("the caller created the queue")
    }

    /// When the next hidden message can be seen; a time that is past if one can be seen now.
    pub(super) fn next_visible_at(&self, name: &str) -> Option<Timestamp> {
        self.with(name, |queue| queue.next_visible_at()).expect("the caller created the queue")
    }

    pub(super) fn bodies(&self, name: &str) -> Vec<String> {
        self.with(name, |queue| queue.bodies()).expect("the caller created the queue")
    }

    fn with<T>(&self, name: &str, work: impl FnOnce(&mut Queue) -> T) -> Result<T, NoSuchQueue> {
        self.lock().get_mut(name).map(work).ok_or(NoSuchQueue)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Queue>> {
        self.queues.lock().expect("nothing panics while it holds this lock")
    }
}

fn is_queue_name(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(is_allowed)
}

//! EventBridge Scheduler: one-time schedules that send to an SQS queue, over REST-JSON.
//!
//! Absent on purpose: `rate` and `cron`, time zones but UTC, targets but SQS, updates, and the API of groups.
//! A schedule fires within milliseconds of its time, where AWS takes up to a minute.

mod api;
mod book;
mod request;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::endpoint::{self, Endpoint};
use super::recorder::{FaultKind, Times};
use super::sqs::{Queues, Sqs};
use super::until;
use book::{Book, Firing};

/// An in-process EventBridge Scheduler; it stops when the last clone is dropped.
#[derive(Clone)]
pub struct Scheduler {
    endpoint: Arc<Endpoint>,
    book: Arc<Book>,
    queues: Arc<Queues>,
}

/// One schedule that exists now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// The group it is in.
    pub group: String,
    /// Its name, unique in the group.
    pub name: String,
    /// When it fires, or fired.
    pub at: Timestamp,
    /// The ARN of the queue it sends to.
    pub target_arn: String,
    /// The body that it sends.
    pub input: String,
    /// Whether it fired already and stays because it was not asked to go.
    pub has_fired: bool,
}

impl Scheduler {
    /// Starts Scheduler on `port` of the loopback interface (0 is any free one), sending to the queues of `sqs`.
    ///
    /// The one schedule group is `default`, and the clock is that of `sqs`. It does not keep the server of `sqs` running.
    pub async fn start(port: u16, sqs: &Sqs) -> io::Result<Self> {
        let queues = sqs.queues();
        let book = Arc::new(Book::new(queues.clock.clone()));
        let endpoint = endpoint::bind(port).await?.serve::<api::RestJson>(api::routes(Arc::clone(&book)));
        let (stopped, fire) = (endpoint.stopped(), fire(Arc::clone(&book), Arc::clone(&queues)));
        tokio::spawn(async move {
            tokio::select! {
                () = stopped => {}
                () = fire => {}
            }
        });
        Ok(Self { endpoint: Arc::new(endpoint), book, queues })
    }

    /// The URL to give the SDK as its endpoint.
    pub fn url(&self) -> &str {
        &self.endpoint.url
    }

    /// Creates a schedule group, if there is none of that name.
    ///
    /// # Panics
    ///
    /// On a name that AWS refuses, as that is a mistake in the calling code.
    pub fn create_group(&self, name: &str) {
        assert!(request::is_name(name), "Scheduler refuses the group name {name:?}");
        self.book.create_group(name);
    }

    /// The schedules that exist now, by group and name.
    pub fn schedules(&self) -> Vec<Schedule> {
        self.book.schedules()
    }

    /// When the next schedule fires, if one waits.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.book.next_due()
    }

    /// Loses every schedule.
    pub fn lose_all(&self) {
        self.book.lose_all();
    }

    /// Forgets every schedule and every call that was made, as if it had just been started.
    pub fn forget_all(&self) {
        self.book.forget_all();
    }

    /// Fires now what is due: for whoever has put the clock forward.
    pub fn fire_due(&self) {
        fire_due(&self.book, &self.queues);
    }

    /// How many schedules were ever created; a repeated call that found its schedule there is none.
    pub fn created_count(&self) -> usize {
        self.book.created_count()
    }

    /// How often `operation` was called, failed calls included.
    pub fn calls(&self, operation: &str) -> usize {
        self.endpoint.recorder.calls(operation)
    }

    /// Makes calls of `operation` fail.
    pub fn fault(&self, operation: &str, times: Times, kind: FaultKind) {
        self.endpoint.recorder.fault(operation, times, kind);
    }

    /// Makes no further call fail.
    pub fn clear_faults(&self) {
        self.endpoint.recorder.clear_faults();
    }
}

fn fire_due(book: &Book, queues: &Queues) {
    for firing in book.take_due() {
        deliver(queues, firing);
    }
}

/// Fires every schedule at its time, for ever.
async fn fire(book: Arc<Book>, queues: Arc<Queues>) {
    loop {
        fire_due(&book, &queues);
        match book.next_due() {
            None => book.changed().await,
            Some(at) => tokio::select! {
                () = tokio::time::sleep(until(at, book.now())) => {}
                () = book.changed() => {}
            },
        }
    }
}

/// Sends what the schedule says. AWS retries for a day and gives up; here a queue that is missing stays missing.
fn deliver(queues: &Queues, firing: Firing) {
    let sent = queues.named_by_arn(&firing.target_arn).and_then(|queue| queues.send(&queue, firing.input, Duration::ZERO).ok());
    if sent.is_none() {
        tracing::warn!(schedule = firing.name, target = firing.target_arn, "dropped a schedule whose queue does not exist");
    }
}

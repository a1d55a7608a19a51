//! SQS: standard queues over AWS JSON 1.0.
//!
//! Absent on purpose: FIFO queues, batches, message attributes, retention and the quota on messages in flight.
//! MD5 sums are left out of the responses; the SDK for Rust does not ask for them.

mod api;
mod queue;
mod queues;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::endpoint::{self, Endpoint};
use super::recorder::{FaultKind, Times};
use super::{ACCOUNT, Clock, REGION};
pub use queue::Depth;
use queue::Receipt;
use queues::Ask;
pub(super) use queues::Queues;

/// An in-process SQS; it stops when the last clone is dropped.
#[derive(Clone)]
pub struct Sqs {
    endpoint: Arc<Endpoint>,
    queues: Arc<Queues>,
}

/// How a queue behaves.
#[derive(Debug, Clone)]
pub struct QueueSettings {
    /// How long a received message stays hidden unless the receiver says otherwise.
    pub visibility: Duration,
    /// After how many receives a message moves where, on its next receive; without it, never.
    pub max_receive_count: Option<(u32, String)>,
}

impl Default for QueueSettings {
    /// What SQS assumes: hidden for 30 seconds, no dead-letter queue.
    fn default() -> Self {
        Self { visibility: Duration::from_secs(30), max_receive_count: None }
    }
}

/// A message that was received in code, and is hidden now as any that is received.
pub struct Taken {
    /// Its id, the same each time it comes.
    pub id: String,
    /// Its text.
    pub body: String,
    queue: String,
    receipt: Receipt,
}

impl Taken {
    /// What the SDK would call its receipt handle.
    pub fn receipt(&self) -> String {
        self.receipt.to_string()
    }

    /// How often it has come, this time included.
    pub fn n_receives(&self) -> u32 {
        self.receipt.n_receives
    }
}

/// The URL that names a queue in calls.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct QueueUrl(String);

impl QueueUrl {
    /// The URL as text, as the SDK takes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for QueueUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl From<QueueUrl> for String {
    fn from(url: QueueUrl) -> Self {
        url.0
    }
}

impl Sqs {
    /// Starts SQS on `port` of the loopback interface (0 is any free one), with no queues.
    pub async fn start(port: u16) -> io::Result<Self> {
        Self::start_by(Clock::default(), port).await
    }

    /// The same, by another clock than this machine's.
    pub async fn start_by(clock: Clock, port: u16) -> io::Result<Self> {
        let bound = endpoint::bind(port).await?;
        let queues = Arc::new(Queues::new(bound.url(), clock));
        let endpoint = Arc::new(bound.serve::<api::AwsJson>(api::routes(Arc::clone(&queues))));
        Ok(Self { endpoint, queues })
    }

    /// The URL to give the SDK as its endpoint.
    pub fn url(&self) -> &str {
        &self.endpoint.url
    }

    /// Creates a queue; one that exists takes the new settings and keeps its messages.
    ///
    /// # Panics
    ///
    /// On what SQS refuses, as that is a mistake in the calling code: a name outside `[0-9A-Za-z_-]{1,80}`,
    /// a visibility over 12 hours, a receive count outside 1 to 1,000, a dead-letter queue that does not exist.
    pub fn create_queue(&self, name: &str, settings: QueueSettings) -> QueueUrl {
        self.queues.create(name, settings);
        QueueUrl(self.queues.url(name))
    }

    /// The ARN of the queue of this name, whether or not it exists.
    pub fn arn(&self, name: &str) -> String {
        arn(name)
    }

    /// The bodies of all messages that are not deleted, oldest first: visible, in flight and delayed.
    ///
    /// # Panics
    ///
    /// If there is no such queue.
    pub fn bodies(&self, name: &str) -> Vec<String> {
        self.queues.bodies(name)
    }

    /// How many messages the queue holds now, by what they wait for.
    ///
    /// # Panics
    ///
    /// If there is no such queue.
    pub fn depth(&self, name: &str) -> Depth {
        self.queues.depth(name)
    }

    /// Receives one message that can be seen now, as what polls for a Lambda function does, without a call. Unless it is [deleted](Self::delete),
    /// it comes again, and ends in the dead-letter queue.
    ///
    /// # Panics
    ///
    /// If there is no such queue.
    pub fn take(&self, name: &str) -> Option<Taken> {
        let ask = Ask { n_max: 1, wait: Duration::ZERO, visibility: None };
        let delivery = self.queues.receive_now(name, &ask).expect("the caller created the queue").pop()?;
        Some(Taken { id: delivery.id.to_string(), body: delivery.body, queue: name.to_owned(), receipt: delivery.receipt })
    }

    /// Deletes a message that was taken, unless it has come again since.
    pub fn delete(&self, taken: &Taken) {
        self.queues.delete(&taken.queue, taken.receipt).expect("queues stay");
    }

    /// Deletes every message of a queue.
    ///
    /// # Panics
    ///
    /// If there is no such queue.
    pub fn purge(&self, name: &str) {
        self.queues.purge(name).expect("the caller created the queue");
    }

    /// When the next message of the queue can be seen, if nothing else happens; a time that is past if one can be seen now.
    ///
    /// # Panics
    ///
    /// If there is no such queue.
    pub fn next_visible_at(&self, name: &str) -> Option<Timestamp> {
        self.queues.next_visible_at(name)
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

    /// The queues alone: who holds them does not keep the server running.
    pub(super) fn queues(&self) -> Arc<Queues> {
        Arc::clone(&self.queues)
    }
}

fn arn(name: &str) -> String {
    format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}")
}

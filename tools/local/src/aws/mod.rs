//! The AWS services of the system, in this process, on loopback, spoken to by the real AWS SDK.
//!
//! [`Dynamodb`] is an emulator of its own crate; [`Sqs`], [`Scheduler`], [`SecretsManager`], [`Sns`] and [`Sts`] are ours, because no emulator
//! in Rust fires schedules.
//! Ours answer the calls this system makes and a few more for people at a prompt, and are strict:
//! what AWS refuses is refused, and so is what AWS does not document or what is not built here.
//! No signature is checked, and queues, schedule groups and topics are created in code, as a template creates them in production.
//!
//! SQS and Scheduler keep their state in memory only.
//! After a restart the system recovers what was queued or scheduled from DynamoDB, through the sweep;
//! that is the same recovery that production relies on, so `local` exercises it instead of hiding it.
//!
//! Each service stops, with its connections, when the last clone of its handle is dropped.

mod clock;
mod dynamodb;
mod endpoint;
mod error;
mod line;
mod query;
mod recorder;
mod scheduler;
mod secrets;
mod sns;
mod sqs;
mod sts;

use std::time::Duration;

use jiff::Timestamp;

pub use clock::Clock;
pub use dynamodb::Dynamodb;
pub use recorder::{FaultKind, Times};
pub use scheduler::{Schedule, Scheduler};
pub use secrets::SecretsManager;
pub use sns::{Published, Sns};
pub use sqs::{Depth, QueueSettings, QueueUrl, Sqs, Taken};
pub use sts::Sts;

/// The region that every service here answers for.
pub const REGION: &str = "us-east-1";

/// The account that owns every queue and schedule here, and that every caller is of.
pub const ACCOUNT: &str = "000000000000";

/// How long from `now` to `at`: zero when `at` is past.
fn until(at: Timestamp, now: Timestamp) -> Duration {
    at.duration_since(now).try_into().unwrap_or(Duration::ZERO)
}

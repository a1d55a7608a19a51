//! The edges of the Orgvue SCIM sync: WorkOS, Orgvue, DynamoDB, SQS, EventBridge Scheduler, Secrets Manager, SNS and CloudWatch.
//!
//! Each is a concrete client with an injectable base URL or endpoint, so that the same code talks to the vendor, to an
//! emulator and to a stand-in. What they return are values of `domain`; nothing is decided here.

pub mod aws;
pub mod clock;
pub mod http;
pub mod logs;
pub mod metrics;
pub mod notices;
pub mod orgvue;
pub mod queue;
pub mod scheduler;
pub mod secrets;
pub mod settings;
pub mod store;
pub mod tls;
pub mod workos;

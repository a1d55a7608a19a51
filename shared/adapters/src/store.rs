//! The one DynamoDB table.
//!
//! | partition key | sort key | what | who writes | kept | logins |
//! |---|---|---|---|---|---|
//! | `PENDING#<directory>` | `PENDING` | the mark that work is owed; alone in its partition, so that a burst meets nothing else; beside it, what the sweep counts | everybody | until removed | no |
//! | `INTEGRATIONS` | `<integration>` | the integration file as applied, and who applied it | operators | until removed | those in the file |
//! | `LOCK#TENANT#<tenant>`, `LOCK#DATASET#<dataset>` | `LOCK` | which integration alone may have it | operators | until removed | no |
//! | `TENANTS#<integration>` | `<tenant>` | what outlives a run: retry, fault, settled scope, recent harm, what is held | sync | until the tenant leaves | no |
//! | `HELD#<integration>` | `<tenant>#<hash>#…` | chunks: what waits for a person, by the hash that a decision is bound to | sync | 90 days | yes |
//! | `APPROVAL#<integration>` | `<tenant>` | a person's newest decision; no function may write it | operators | until the tenant leaves | no |
//! | `SNAPSHOT#<integration>` | `snapshot#…` | chunks: what the last read saw, to explain it | sync | 90 days | yes |
//! | `RUNS#<integration>` | `<run>` | heads of run records, by time | sync, operators | 90 days | no |
//! | `RUN#<run>` | `record#…`, `before#…` | chunks: the record, and rows as they were before they were overwritten | sync, operators | 90 days | yes |
//! | `EVENT#<directory>#<0-7>` | `<at_ms>#<event>` | that a webhook came; over eight partitions, so that a burst is no hot one | webhook | 30 days | no |
//! | `DEPLOYMENT` | `SWITCH` | there while everything is paused | operators | until resumed | no |
//! | `AUDIT#<integration>`, `AUDIT#*` | `<at_ms>#<uuid>` | what operators did, to one integration or to the whole deployment | operators | 400 days | no |
//!
//! `expires_at` (seconds) is the table's TTL attribute.

mod apply;
mod approvals;
mod audit;
mod chunks;
mod claim;
mod deployment;
mod erase;
mod events;
mod fleet;
mod held;
mod integrations;
mod item;
mod locks;
mod pending;
mod remove;
mod requests;
mod runs;
mod schema;
mod snapshot;
mod tenants;

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;

use crate::aws::AwsError;

pub use apply::{AfterApply, Applied, ApplyError};
pub use approvals::Decided;
pub use audit::AuditEntry;
pub use claim::{Claim, Lease, LeaseLost};
pub use deployment::Deployment;
pub use erase::Erased;
pub use events::EventRecord;
pub use integrations::InForce;
pub use pending::Marked;
pub use remove::{RemoveError, Removed};
pub use runs::{RunHead, RunNow, SavedRows};
pub use schema::create_table;

/// The table.
#[derive(Debug, Clone)]
pub struct Store {
    client: Client,
    table: String,
}

/// Why the table could not be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// DynamoDB did not answer as it should; the operation may be repeated.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// DynamoDB keeps leaving out what it is asked for.
    #[error("dynamodb turns reads away")]
    Throttled,
    /// Others kept changing the item meanwhile; the operation may be repeated.
    #[error("others are changing {key} at this moment")]
    Contended {
        /// Partition and sort key.
        key: String,
    },
    /// An item is not as this version writes it: a person must look.
    #[error("item {key} has no valid {attribute}")]
    Corrupt {
        /// Partition and sort key.
        key: String,
        /// What is wrong or missing.
        attribute: &'static str,
    },
}

impl Store {
    /// The table of this name.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into() }
    }
}

/// How long runs and what they held once are kept: 90 days, so that "who changed this" has an answer for a quarter.
const KEPT_SECONDS: i64 = 90 * 86_400;

type Attributes = HashMap<String, AttributeValue>;
type Key = Attributes;

fn key(pk: impl Into<String>, sk: impl Into<String>) -> Key {
    HashMap::from([("pk".to_owned(), AttributeValue::S(pk.into())), ("sk".to_owned(), AttributeValue::S(sk.into()))])
}

fn n(number: impl ToString) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

fn s(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

/// A sort key that orders by time: as many digits as milliseconds have until the year 2286.
fn by_time(at_ms: i64, id: &str) -> String {
    format!("{at_ms:013}#{id}")
}

/// A number that is the same for the same text and spread evenly over different ones (FNV-1a).
fn spread(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

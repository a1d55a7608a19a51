//! The one DynamoDB table.
//!
//! | partition key | sort key | what |
//! |---|---|---|
//! | `PENDING#<directory>` | `PENDING` | the mark that work is owed; alone in its partition, so that a burst meets nothing else |
//! | `INTEGRATIONS` | `<integration>` | the integration file as applied |
//! | `TENANTS#<integration>` | `<tenant>` | what outlives a run: retry, settled scope |
//! | `RUNS#<integration>` | `<run>` | heads of run records, by time |
//! | `RUN#<run>` | `record#…`, `before#…` | compressed chunks: the record, and rows as they were before they were overwritten |
//! | `EVENT#<event>` | `EVENT` | that a webhook came; no personal data |
//!
//! `expires_at` (seconds) is the table's TTL attribute.

mod chunks;
mod claim;
mod events;
mod integrations;
mod item;
mod pending;
mod runs;
mod schema;
mod tenants;

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;

use crate::aws::AwsError;

pub use claim::{Claim, Lease, LeaseLost};
pub use events::EventRecord;
pub use integrations::{AfterApply, Applied, ApplyError};
pub use pending::Marked;
pub use runs::RunHead;
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

impl Store {
    /// The items of a partition whose sort keys begin so, in their order, read consistently.
    async fn query(&self, operation: &'static str, pk: String, sk_prefix: &str) -> Result<Vec<Attributes>, AwsError> {
        let mut query = self.client.query().table_name(&self.table).consistent_read(true).expression_attribute_values(":pk", s(pk));
        query = match sk_prefix {
            "" => query.key_condition_expression("pk = :pk"),
            prefix => query.key_condition_expression("pk = :pk AND begins_with(sk, :sk)").expression_attribute_values(":sk", s(prefix)),
        };
        let mut pages = query.into_paginator().items().send();
        let mut items = Vec::new();
        while let Some(item) = pages.next().await {
            items.push(item.map_err(AwsError::of(operation))?);
        }
        Ok(items)
    }
}

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

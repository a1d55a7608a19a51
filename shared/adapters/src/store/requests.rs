//! The requests that several parts of the store make.

use std::time::Duration;

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::KeysAndAttributes;

use super::item::Item;
use super::{Attributes, Key, Store, StoreError, key, s};
use crate::aws::AwsError;

/// Most keys of one BatchGetItem.
const BATCH_KEYS_MAX: usize = 100;

/// Waits between asking again for keys that DynamoDB left out, doubled up to the last one: two seconds in all.
const UNPROCESSED_WAIT_FIRST: Duration = Duration::from_millis(30);
const UNPROCESSED_WAIT_MAX: Duration = Duration::from_secs(1);

impl Store {
    /// One item, read consistently.
    pub(super) async fn get(&self, operation: &'static str, key: Key) -> Result<Option<Attributes>, AwsError> {
        let get = self.client.get_item().table_name(&self.table).set_key(Some(key)).consistent_read(true);
        Ok(get.send().await.map_err(AwsError::of(operation))?.item)
    }

    /// The items of these keys, read consistently, in no order.
    pub(super) async fn batch_get(&self, operation: &'static str, keys: Vec<Key>) -> Result<Vec<Attributes>, StoreError> {
        let mut found = Vec::new();
        for keys in keys.chunks(BATCH_KEYS_MAX) {
            let mut keys = keys.to_vec();
            let mut wait = UNPROCESSED_WAIT_FIRST;
            while !keys.is_empty() {
                let wanted =
                    KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build().map_err(AwsError::of(operation))?;
                let answer =
                    self.client.batch_get_item().request_items(&self.table, wanted).send().await.map_err(AwsError::of(operation))?;
                found.extend(answer.responses.and_then(|mut tables| tables.remove(&self.table)).unwrap_or_default());
                keys = answer.unprocessed_keys.and_then(|mut tables| tables.remove(&self.table)).map(|left| left.keys).unwrap_or_default();
                if !keys.is_empty() {
                    if wait > UNPROCESSED_WAIT_MAX {
                        return Err(StoreError::Throttled);
                    }
                    tokio::time::sleep(wait).await;
                    wait *= 2;
                }
            }
        }
        Ok(found)
    }

    /// The items of a partition whose sort keys begin so, in their order, read consistently.
    pub(super) async fn query(&self, operation: &'static str, pk: &str, sk_prefix: &str) -> Result<Vec<Attributes>, AwsError> {
        let query = match sk_prefix {
            "" => self.querying(pk).key_condition_expression("pk = :pk"),
            prefix => self
                .querying(pk)
                .key_condition_expression("pk = :pk AND begins_with(sk, :sk)")
                .expression_attribute_values(":sk", s(prefix)),
        };
        all(query, operation).await
    }

    /// The last so many items of a partition, the last one first, read consistently.
    pub(super) async fn last(&self, operation: &'static str, pk: &str, limit: usize) -> Result<Vec<Attributes>, AwsError> {
        let mut items = Vec::new();
        if limit == 0 {
            return Ok(items);
        }
        let query = self.querying(pk).key_condition_expression("pk = :pk").scan_index_forward(false);
        let mut pages = query.limit(i32::try_from(limit).unwrap_or(i32::MAX)).into_paginator().items().send();
        while let Some(item) = pages.next().await {
            items.push(item.map_err(AwsError::of(operation))?);
            if items.len() == limit {
                break;
            }
        }
        Ok(items)
    }

    /// The sort keys of a partition from this one on, up to another: their items are read, but not sent.
    pub(super) async fn sort_keys(&self, operation: &'static str, pk: &str, from: &str, to: &str) -> Result<Vec<String>, StoreError> {
        let query = self
            .querying(pk)
            .key_condition_expression("pk = :pk AND sk BETWEEN :from AND :to")
            .expression_attribute_values(":from", s(from))
            .expression_attribute_values(":to", s(to))
            .projection_expression("pk, sk");
        all(query, operation).await?.iter().map(|item| Ok(Item(item).text("sk")?.to_owned())).collect()
    }

    /// Deletes an item, if it is there.
    pub(super) async fn delete(&self, operation: &'static str, key: Key) -> Result<(), AwsError> {
        let delete = self.client.delete_item().table_name(&self.table).set_key(Some(key));
        delete.send().await.map(drop).map_err(AwsError::of(operation))
    }

    /// Deletes every item of a partition.
    pub(super) async fn delete_partition(&self, operation: &'static str, pk: &str) -> Result<(), StoreError> {
        for sk in self.sort_keys(operation, pk, " ", "\u{10ffff}").await? {
            self.delete(operation, key(pk, sk)).await?;
        }
        Ok(())
    }

    fn querying(&self, pk: &str) -> QueryFluentBuilder {
        self.client.query().table_name(&self.table).consistent_read(true).expression_attribute_values(":pk", s(pk))
    }
}

async fn all(query: QueryFluentBuilder, operation: &'static str) -> Result<Vec<Attributes>, AwsError> {
    let mut pages = query.into_paginator().items().send();
    let mut items = Vec::new();
    while let Some(item) = pages.next().await {
        items.push(item.map_err(AwsError::of(operation))?);
    }
    Ok(items)
}

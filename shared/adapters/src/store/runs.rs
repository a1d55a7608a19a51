//! Run records, and what runs saved before they overwrote it.

use std::collections::BTreeSet;
use std::fmt;

use domain::ids::{DatasetId, IntegrationId, RunId, TenantId};
use domain::row::Row;
use domain::run::{RunRecord, Status};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::chunks::Place;
use super::item::Item;
use super::{Attributes, KEPT_SECONDS, Store, StoreError, key, n, s};
use crate::aws::AwsError;
use crate::clock::now_ms;

/// How the partition of an integration's heads begins.
pub(super) const HEADS: &str = "RUNS#";
/// How the partition of a run begins.
pub(super) const PARTITION: &str = "RUN#";
/// The sort key of a record, but for the numbers of the chunks.
pub(super) const RECORD: &str = "record";
/// How the sort keys of saved rows begin; the tenant follows.
pub(super) const BEFORE: &str = "before#";

/// A run, as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunHead {
    /// The run.
    pub id: RunId,
    /// How it ended.
    pub status: Status,
    /// When it began, in milliseconds since 1970.
    pub started_at_ms: i64,
}

/// A run, as far as it has told.
#[derive(Debug, Clone, PartialEq)]
pub struct RunNow {
    /// Its record: that of its end, or the one that it left before its first write.
    pub record: RunRecord,
    /// Whether its end is still to come.
    pub is_at_work: bool,
}

/// Rows as a run found them, and where: a file may give the tenant another dataset since.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SavedRows {
    /// The dataset that they were in; `None` where an earlier version, which did not say it, saved them.
    pub dataset: Option<DatasetId>,
    /// The rows, whole.
    pub rows: Vec<Row>,
}

impl SavedRows {
    /// Whether they were in this dataset, as far as that is known.
    pub fn are_of(&self, dataset: &DatasetId) -> bool {
        self.dataset.as_ref().is_none_or(|own| own.as_str().eq_ignore_ascii_case(dataset.as_str()))
    }

    /// The rows, if they were in this dataset, as far as that is known; otherwise none.
    pub fn of(self, dataset: &DatasetId) -> Vec<Row> {
        if self.are_of(dataset) { self.rows } else { Vec::new() }
    }
}

impl<'de> Deserialize<'de> for SavedRows {
    /// As they are stored, or as an earlier version did: the rows alone.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Stored;

        impl<'de> Visitor<'de> for Stored {
            type Value = SavedRows;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("saved rows")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<SavedRows, A::Error> {
                #[derive(Deserialize)]
                struct WithDataset {
                    dataset: Option<DatasetId>,
                    rows: Vec<Row>,
                }
                let WithDataset { dataset, rows } = WithDataset::deserialize(MapAccessDeserializer::new(map))?;
                Ok(SavedRows { dataset, rows })
            }

            fn visit_seq<A: SeqAccess<'de>>(self, rows: A) -> Result<SavedRows, A::Error> {
                Ok(SavedRows { dataset: None, rows: Vec::deserialize(SeqAccessDeserializer::new(rows))? })
            }
        }

        deserializer.deserialize_any(Stored)
    }
}

impl Store {
    /// Saves rows of the tenant's dataset whole before they are overwritten or deleted; once for each tenant of a run.
    ///
    /// # Errors
    /// [`StoreError`]: do not write to Orgvue then.
    pub async fn save_before(&self, run: &RunId, tenant: &TenantId, dataset: &DatasetId, rows: &[&Row]) -> Result<(), StoreError> {
        #[derive(Serialize)]
        struct Saved<'a> {
            dataset: &'a DatasetId,
            rows: &'a [&'a Row],
        }
        if rows.is_empty() {
            return Ok(());
        }
        self.put_chunks(&partition(run), &before(tenant), &Saved { dataset, rows }, Some(expires_at()), Place::Fresh).await
    }

    /// The rows that a run saved for a tenant before it overwrote them; none if it saved none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn saved_before(&self, run: &RunId, tenant: &TenantId) -> Result<SavedRows, StoreError> {
        Ok(self.chunks(&partition(run), &before(tenant)).await?.unwrap_or_default())
    }

    /// The tenants of which a run saved rows before it overwrote them, or began to; also of a run that never told its end.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn saved_tenants(&self, run: &RunId) -> Result<BTreeSet<TenantId>, StoreError> {
        let saved = self.sort_keys("dynamodb:Query of saved rows", &partition(run), BEFORE, &format!("{BEFORE}~")).await?;
        let tenant = |sk: &String| TenantId::parse(sk.strip_prefix(BEFORE)?.split('#').next()?).ok();
        Ok(saved.iter().filter_map(tenant).collect())
    }

    /// Stores a run record, once: the chunks first, so that a head is never without its body.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn put_run(&self, record: &RunRecord) -> Result<(), StoreError> {
        self.put_chunks(&partition(&record.id), RECORD, record, Some(expires_at()), Place::Fresh).await?;
        self.client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(key(heads(&record.integration), record.id.as_str())))
            .item("run_status", s(status_text(record.status)))
            .item("started_at_ms", n(record.started_at_ms))
            .item("expires_at", n(expires_at()))
            .send()
            .await
            .map_err(AwsError::of("dynamodb:PutItem of a run"))?;
        Ok(())
    }

    /// A run record; `None` if there is none, or no longer.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn run(&self, run: &RunId) -> Result<Option<RunRecord>, StoreError> {
        self.chunks(&partition(run), RECORD).await
    }

    /// A run, and whether it is at work; `None` if there is none, or no longer.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn run_now(&self, run: &RunId) -> Result<Option<RunNow>, StoreError> {
        let Some(record) = self.run(run).await? else { return Ok(None) };
        if !record.is_open() {
            return Ok(Some(RunNow { record, is_at_work: false }));
        }
        let pending = self.pending(std::slice::from_ref(&record.directory)).await?.pop();
        if pending.is_some_and(|pending| pending.at_work(now_ms()) == Some(run)) {
            return Ok(Some(RunNow { record, is_at_work: true }));
        }
        // It may have told its end between the two reads, and then gave the lease back.
        Ok(self.run(run).await?.map(|record| RunNow { record, is_at_work: false }))
    }

    /// The runs of an integration, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn runs(&self, integration: &IntegrationId) -> Result<Vec<RunHead>, StoreError> {
        self.query("dynamodb:Query of runs", &heads(integration), "").await?.iter().map(read_head).collect()
    }

    /// The last so many runs of an integration, the last one first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn latest_runs(&self, integration: &IntegrationId, limit: usize) -> Result<Vec<RunHead>, StoreError> {
        self.last("dynamodb:Query of the latest runs", &heads(integration), limit).await?.iter().map(read_head).collect()
    }
}

fn read_head(item: &Attributes) -> Result<RunHead, StoreError> {
    let item = Item(item);
    Ok(RunHead {
        id: RunId::new(item.text("sk")?),
        status: item.parsed("run_status", parse_status)?,
        started_at_ms: item.number("started_at_ms")?,
    })
}

pub(super) fn partition(run: &RunId) -> String {
    format!("{PARTITION}{run}")
}

pub(super) fn heads(integration: &IntegrationId) -> String {
    format!("{HEADS}{integration}")
}

pub(super) fn before(tenant: &TenantId) -> String {
    format!("{BEFORE}{tenant}")
}

fn expires_at() -> i64 {
    now_ms() / 1_000 + KEPT_SECONDS
}

fn status_text(status: Status) -> String {
    serde_json::to_value(status).ok().and_then(|value| value.as_str().map(str::to_owned)).expect("a status is a text in JSON")
}

fn parse_status(text: &str) -> Option<Status> {
    serde_json::from_value(text.into()).ok()
}

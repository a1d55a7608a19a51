//! Values larger than an item: compressed JSON over several items.
//!
//! Each chunk carries how many there are and a tag, which is the hash of all of them. A write that was cut short, or that is under way,
//! is noticed when it is read, and what an earlier, longer value left behind is no part of the present one. Chunks without a tag are of
//! the format before, and are read as they stand.

use std::io::{BufWriter, Read};

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::item::Item;
use super::{Attributes, Store, StoreError, key, n, s};
use crate::aws::AwsError;

/// An item holds 400 KB with its keys.
const CHUNK_BYTES_MAX: usize = 350 * 1024;
/// Most that a stored value may unpack to: a guard against a broken item, far above any record.
const VALUE_BYTES_MAX: u64 = 1 << 30;
/// Digits of a tag: 64 bits, against accidents.
const TAG_DIGITS: usize = 16;

/// A value, and until when it is kept.
struct Stored<T> {
    value: T,
    expires_at: i64,
}

/// Where a value is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Where there has never been another one.
    Fresh,
    /// Where there may be another one, of which nothing is left behind.
    Overwrite,
}

impl Store {
    /// Stores a value under `sk#0000`, `sk#0001` and so on.
    pub(super) async fn put_chunks<T: Serialize>(
        &self,
        pk: &str,
        sk: &str,
        value: &T,
        expires_at: i64,
        place: Place,
    ) -> Result<(), StoreError> {
        let corrupt = || StoreError::Corrupt { key: format!("{pk}/{sk}"), attribute: "chunks" };
        let mut json = BufWriter::new(DeflateEncoder::new(Vec::new(), Compression::fast()));
        serde_json::to_writer(&mut json, value).map_err(|_| corrupt())?;
        let packed = json.into_inner().map_err(|_| corrupt())?.finish().map_err(|_| corrupt())?;
        let chunks = packed.chunks(CHUNK_BYTES_MAX);
        let (n_chunks, tag) = (chunks.len(), tag(&packed));
        // The first one comes last: until it is there, a value of one chunk that stands in its place is read as it was.
        for (at, chunk) in chunks.enumerate().rev() {
            self.client
                .put_item()
                .table_name(&self.table)
                .set_item(Some(key(pk, chunk_key(sk, at))))
                .item("chunk", AttributeValue::B(Blob::new(chunk)))
                .item("n_chunks", n(n_chunks))
                .item("tag", s(&tag))
                .item("expires_at", n(expires_at))
                .send()
                .await
                .map_err(AwsError::of("dynamodb:PutItem of a chunk"))?;
        }
        match place {
            Place::Fresh => Ok(()),
            Place::Overwrite => self.delete_chunks_from(pk, sk, n_chunks).await,
        }
    }

    /// Reads a value back; `None` if there is none.
    pub(super) async fn chunks<T: DeserializeOwned>(&self, pk: &str, sk: &str) -> Result<Option<T>, StoreError> {
        Ok(self.stored(pk, sk).await?.map(|stored| stored.value))
    }

    /// Stores what a value becomes by an edit, to be kept as long as before. Returns whether there is one and the edit changed it.
    pub(super) async fn edit_chunks<T: Serialize + DeserializeOwned>(
        &self,
        pk: &str,
        sk: &str,
        edit: impl FnOnce(T) -> Option<T>,
    ) -> Result<bool, StoreError> {
        let Some(Stored { value, expires_at }) = self.stored(pk, sk).await? else { return Ok(false) };
        let Some(edited) = edit(value) else { return Ok(false) };
        self.put_chunks(pk, sk, &edited, expires_at, Place::Overwrite).await?;
        Ok(true)
    }

    /// Deletes a value.
    pub(super) async fn delete_chunks(&self, pk: &str, sk: &str) -> Result<(), StoreError> {
        self.delete_chunks_from(pk, sk, 0).await
    }

    async fn delete_chunks_from(&self, pk: &str, sk: &str, first: usize) -> Result<(), StoreError> {
        let (from, to) = (chunk_key(sk, first), format!("{sk}#9999"));
        for chunk in self.sort_keys("dynamodb:Query of surplus chunks", pk, &from, &to).await? {
            self.delete("dynamodb:DeleteItem of a chunk", key(pk, chunk)).await?;
        }
        Ok(())
    }

    async fn stored<T: DeserializeOwned>(&self, pk: &str, sk: &str) -> Result<Option<Stored<T>>, StoreError> {
        let corrupt = || StoreError::Corrupt { key: format!("{pk}/{sk}"), attribute: "chunks" };
        let items = self.query("dynamodb:Query of chunks", pk, &format!("{sk}#")).await?;
        let Some(first) = items.first() else { return Ok(None) };
        let expires_at = Item(first).opt_number("expires_at")?.unwrap_or(i64::MAX);
        let packed = packed(&items)?.ok_or_else(corrupt)?;
        let mut json = Vec::new();
        DeflateDecoder::new(&packed[..]).take(VALUE_BYTES_MAX).read_to_end(&mut json).map_err(|_| corrupt())?;
        let value = serde_json::from_slice(&json).map_err(|_| corrupt())?;
        Ok(Some(Stored { value, expires_at }))
    }
}

/// The bytes of the value whose chunks begin with the first of these; `None` if it is torn.
fn packed(items: &[Attributes]) -> Result<Option<Vec<u8>>, StoreError> {
    let Some(first) = items.first().map(Item) else { return Ok(None) };
    let expected = first.opt_text("tag");
    let n_chunks = if expected.is_some() { first.number("n_chunks")? } else { items.len() };
    let mut packed = Vec::new();
    for item in items.iter().take(n_chunks) {
        let chunk = item.get("chunk").and_then(|value| value.as_b().ok()).ok_or_else(|| Item(item).corrupt("chunk"))?;
        packed.extend_from_slice(chunk.as_ref());
    }
    Ok(expected.is_none_or(|expected| expected == tag(&packed)).then_some(packed))
}

fn tag(packed: &[u8]) -> String {
    let mut digits = hex::encode(Sha256::digest(packed));
    digits.truncate(TAG_DIGITS);
    digits
}

fn chunk_key(sk: &str, at: usize) -> String {
    format!("{sk}#{at:04}")
}

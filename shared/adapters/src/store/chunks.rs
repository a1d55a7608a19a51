//! Values larger than an item: compressed JSON over several items.
//!
//! The first chunk is the head, `sk#0000`; the others are `sk#TAG#0001` and so on, where the tag is the hash of all of them. The head names
//! the tag and how many chunks there are, and is written last. So one write puts a value in the place of another: until it is done the old
//! value is there whole, from then on the new one, and what a write that was cut short left behind belongs to neither. A chunk that is missing
//! is noticed when the value is read. Formats of before are read still: the other chunks as `sk#0001` and so on, and a head without a tag.

use std::collections::BTreeMap;
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
    expires_at: Option<i64>,
}

/// What lies under the sort key of a value.
struct Found {
    /// Those of the value, the head first; none if there is no head.
    chunks: Vec<Attributes>,
    /// The sort keys of those that are no part of it.
    strays: Vec<String>,
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
    /// Stores a value, to be kept until `expires_at`, in seconds since 1970, or until somebody deletes it. When it fails, the value of before is
    /// there as it was, or the new one with something of the old left behind.
    pub(super) async fn put_chunks<T: Serialize>(
        &self,
        pk: &str,
        sk: &str,
        value: &T,
        expires_at: Option<i64>,
        place: Place,
    ) -> Result<(), StoreError> {
        let corrupt = || StoreError::Corrupt { key: format!("{pk}/{sk}"), attribute: "chunks" };
        let mut json = BufWriter::new(DeflateEncoder::new(Vec::new(), Compression::fast()));
        serde_json::to_writer(&mut json, value).map_err(|_| corrupt())?;
        let packed = json.into_inner().map_err(|_| corrupt())?.finish().map_err(|_| corrupt())?;
        let chunks = packed.chunks(CHUNK_BYTES_MAX);
        let (n_chunks, tag) = (chunks.len(), tag(&packed));
        let own: Vec<String> = (0..n_chunks).map(|at| chunk_key(sk, &tag, at)).collect();
        for (chunk_key, chunk) in own.iter().zip(chunks).rev() {
            let mut item = key(pk, chunk_key);
            item.extend(expires_at.map(|at| ("expires_at".to_owned(), n(at))));
            self.client
                .put_item()
                .table_name(&self.table)
                .set_item(Some(item))
                .item("chunk", AttributeValue::B(Blob::new(chunk)))
                .item("n_chunks", n(n_chunks))
                .item("tag", s(&tag))
                .send()
                .await
                .map_err(AwsError::of("dynamodb:PutItem of a chunk"))?;
        }
        match place {
            Place::Fresh => Ok(()),
            Place::Overwrite => self.delete_chunks_but(&own, pk, sk).await,
        }
    }

    /// Reads a value back; `None` if there is none.
    pub(super) async fn chunks<T: DeserializeOwned>(&self, pk: &str, sk: &str) -> Result<Option<T>, StoreError> {
        Ok(self.found(pk, sk).await?.read(pk, sk)?.map(|stored| stored.value))
    }

    /// Stores what a value becomes by an edit, to be kept as long as before. Returns whether there is one and the edit changed it. Either way
    /// nothing is left of what was there before it.
    pub(super) async fn edit_chunks<T: Serialize + DeserializeOwned>(
        &self,
        pk: &str,
        sk: &str,
        edit: impl FnOnce(T) -> Option<T>,
    ) -> Result<bool, StoreError> {
        let found = self.found(pk, sk).await?;
        let edited = found.read(pk, sk)?.and_then(|Stored { value, expires_at }| Some((edit(value)?, expires_at)));
        if let Some((edited, expires_at)) = &edited {
            self.put_chunks(pk, sk, edited, *expires_at, Place::Overwrite).await?;
        } else {
            for chunk in found.strays {
                self.delete("dynamodb:DeleteItem of a chunk", key(pk, chunk)).await?;
            }
        }
        Ok(edited.is_some())
    }

    /// Deletes a value.
    pub(super) async fn delete_chunks(&self, pk: &str, sk: &str) -> Result<(), StoreError> {
        self.delete_chunks_but(&[], pk, sk).await
    }

    async fn delete_chunks_but(&self, own: &[String], pk: &str, sk: &str) -> Result<(), StoreError> {
        let (from, to) = (format!("{sk}#"), format!("{sk}#~"));
        for chunk in self.sort_keys("dynamodb:Query of surplus chunks", pk, &from, &to).await? {
            if !own.contains(&chunk) {
                self.delete("dynamodb:DeleteItem of a chunk", key(pk, chunk)).await?;
            }
        }
        Ok(())
    }

    async fn found(&self, pk: &str, sk: &str) -> Result<Found, StoreError> {
        Found::among(self.query("dynamodb:Query of chunks", pk, &format!("{sk}#")).await?, sk)
    }
}

impl Found {
    fn among(items: Vec<Attributes>, sk: &str) -> Result<Self, StoreError> {
        let by_key = |item: Attributes| Ok((Item(&item).text("sk")?.to_owned(), item));
        let mut items = items.into_iter().map(by_key).collect::<Result<BTreeMap<_, _>, StoreError>>()?;
        let mut chunks: Vec<_> = items.remove(&head_key(sk)).into_iter().collect();
        let head = chunks.first().map(Item);
        let tag = head.as_ref().and_then(|head| head.opt_text("tag")).map(str::to_owned);
        let n_chunks = match (head, &tag) {
            (None, _) => 0,
            (Some(head), Some(_)) => head.number("n_chunks")?,
            (Some(_), None) => usize::MAX,
        };
        while chunks.len() < n_chunks {
            let at = chunks.len();
            let tagged = tag.as_ref().and_then(|tag| items.remove(&chunk_key(sk, tag, at)));
            let Some(chunk) = tagged.or_else(|| items.remove(&numbered(sk, at))) else { break };
            chunks.push(chunk);
        }
        Ok(Self { chunks, strays: items.into_keys().collect() })
    }

    fn read<T: DeserializeOwned>(&self, pk: &str, sk: &str) -> Result<Option<Stored<T>>, StoreError> {
        let corrupt = || StoreError::Corrupt { key: format!("{pk}/{sk}"), attribute: "chunks" };
        let Some(head) = self.chunks.first().map(Item) else { return Ok(None) };
        let mut packed = Vec::new();
        for item in &self.chunks {
            let chunk = item.get("chunk").and_then(|value| value.as_b().ok()).ok_or_else(|| Item(item).corrupt("chunk"))?;
            packed.extend_from_slice(chunk.as_ref());
        }
        if head.opt_text("tag").is_some_and(|expected| expected != tag(&packed)) {
            return Err(corrupt());
        }
        let expires_at = head.opt_number("expires_at")?;
        let mut json = Vec::new();
        DeflateDecoder::new(&packed[..]).take(VALUE_BYTES_MAX).read_to_end(&mut json).map_err(|_| corrupt())?;
        let value = serde_json::from_slice(&json).map_err(|_| corrupt())?;
        Ok(Some(Stored { value, expires_at }))
    }
}

fn tag(packed: &[u8]) -> String {
    let mut digits = hex::encode(Sha256::digest(packed));
    digits.truncate(TAG_DIGITS);
    digits
}

/// The sort key of the chunk without which there is no value.
pub(super) fn head_key(sk: &str) -> String {
    numbered(sk, 0)
}

fn chunk_key(sk: &str, tag: &str, at: usize) -> String {
    if at == 0 { head_key(sk) } else { numbered(&format!("{sk}#{tag}"), at) }
}

fn numbered(name: &str, at: usize) -> String {
    format!("{name}#{at:04}")
}

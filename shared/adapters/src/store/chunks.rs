//! Values larger than an item: compressed JSON over several items.

use std::io::{Read, Write};

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::item::Item;
use super::{Store, StoreError, key, n};
use crate::aws::AwsError;

/// An item holds 400 KB with its keys.
const CHUNK_BYTES_MAX: usize = 350 * 1024;
/// Most that a stored value may unpack to: a guard against a broken item, far above any record.
const VALUE_BYTES_MAX: u64 = 1 << 30;

impl Store {
    /// Stores a value under `sk#0000`, `sk#0001` and so on.
    pub(super) async fn put_chunks<T: Serialize>(&self, pk: &str, sk: &str, value: &T, expires_at: i64) -> Result<(), StoreError> {
        let corrupt = || StoreError::Corrupt { key: format!("{pk}/{sk}"), attribute: "chunks" };
        let json = serde_json::to_vec(value).map_err(|_| corrupt())?;
        let mut packer = DeflateEncoder::new(Vec::new(), Compression::fast());
        packer.write_all(&json).map_err(|_| corrupt())?;
        let packed = packer.finish().map_err(|_| corrupt())?;
        for (at, chunk) in packed.chunks(CHUNK_BYTES_MAX).enumerate() {
            self.client
                .put_item()
                .table_name(&self.table)
                .set_item(Some(key(pk, format!("{sk}#{at:04}"))))
                .item("chunk", AttributeValue::B(Blob::new(chunk)))
                .item("expires_at", n(expires_at))
                .send()
                .await
                .map_err(AwsError::of("dynamodb:PutItem of a chunk"))?;
        }
        Ok(())
    }

    /// Reads a value back; `None` if there is none.
    pub(super) async fn chunks<T: DeserializeOwned>(&self, pk: &str, sk: &str) -> Result<Option<T>, StoreError> {
        let mut packed = Vec::new();
        for item in self.query("dynamodb:Query of chunks", pk.to_owned(), &format!("{sk}#")).await? {
            let chunk = item.get("chunk").and_then(|value| value.as_b().ok()).ok_or_else(|| Item(&item).corrupt("chunk"))?;
            packed.extend_from_slice(chunk.as_ref());
        }
        if packed.is_empty() {
            return Ok(None);
        }
        let unpacked = DeflateDecoder::new(&packed[..]).take(VALUE_BYTES_MAX);
        serde_json::from_reader(std::io::BufReader::new(unpacked))
            .map(Some)
            .map_err(|_| StoreError::Corrupt { key: format!("{pk}/{sk}"), attribute: "chunks" })
    }
}

//! Integrations in force: the files themselves, and the directory each one owns.

use std::collections::BTreeSet;

use domain::ids::{DirectoryId, IntegrationId};

use super::item::Item;
use super::{Attributes, Key, Store, StoreError, key};

const PARTITION: &str = "INTEGRATIONS";

/// An integration that is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InForce {
    /// Its file, as it was applied.
    pub file: String,
    /// Its directory.
    pub directory: DirectoryId,
    /// When it was applied, in milliseconds since 1970.
    pub applied_at_ms: i64,
    /// Who applied it, where that is known.
    pub applied_by: Option<String>,
}

/// What an application and a removal must know of the item.
pub(super) struct Stored {
    pub(super) file: String,
    pub(super) directory: DirectoryId,
    /// Counts the applications; an item without it is of a version that did not.
    pub(super) revision: Option<u64>,
    /// The partition keys of the locks that it has.
    pub(super) locks: BTreeSet<String>,
}

impl Stored {
    pub(super) fn read(item: &Attributes) -> Result<Self, StoreError> {
        let item = Item(item);
        Ok(Self {
            file: item.text("file")?.to_owned(),
            directory: item.parsed("directory", |text| DirectoryId::parse(text).ok())?,
            revision: item.opt_number("revision")?,
            locks: item.texts("locks")?,
        })
    }
}

impl Store {
    /// The file of an integration that is in force.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn integration_file(&self, id: &IntegrationId) -> Result<Option<String>, StoreError> {
        let item = self.integration_item(id).await?;
        item.map(|item| Item(&item).text("file").map(str::to_owned)).transpose()
    }

    /// An integration that is in force, and who put it there.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn integration_in_force(&self, id: &IntegrationId) -> Result<Option<InForce>, StoreError> {
        let Some(item) = self.integration_item(id).await? else { return Ok(None) };
        let Stored { file, directory, .. } = Stored::read(&item)?;
        let item = Item(&item);
        let applied_by = item.opt_text("applied_by").map(str::to_owned);
        Ok(Some(InForce { file, directory, applied_at_ms: item.number("applied_at_ms")?, applied_by }))
    }

    /// Every integration and its directory, for those who can go on without one that is corrupt.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn each_integration(&self) -> Result<Vec<Result<(IntegrationId, DirectoryId), StoreError>>, StoreError> {
        let items = self.query("dynamodb:Query of the integrations", PARTITION, "").await?;
        let read = |item| {
            let item = Item(item);
            let id = item.parsed("sk", |text| IntegrationId::parse(text).ok())?;
            Ok((id, item.parsed("directory", |text| DirectoryId::parse(text).ok())?))
        };
        Ok(items.iter().map(read).collect())
    }

    pub(super) async fn integration_item(&self, id: &IntegrationId) -> Result<Option<Attributes>, StoreError> {
        Ok(self.get("dynamodb:GetItem of an integration", integration_key(id)).await?)
    }
}

pub(super) fn integration_key(id: &IntegrationId) -> Key {
    key(PARTITION, id.as_str())
}

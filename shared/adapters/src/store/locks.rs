//! Locks: a tenant and a dataset belong to one integration each, so that no two can write to the same accounts.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::{Delete, Put, TransactWriteItem};
use domain::ids::{DatasetId, IntegrationId, TenantId};
use domain::integration::Integration;

use super::item::Item;
use super::{ApplyError, Attributes, Key, Store, StoreError, key, s};
use crate::aws::AwsError;

const SORT_KEY: &str = "LOCK";
const TENANT: &str = "LOCK#TENANT#";

/// What one integration alone may have.
#[derive(Debug, Clone)]
pub(super) enum Lock {
    Tenant(TenantId),
    Dataset(DatasetId),
}

impl Lock {
    /// Everything that an integration must have, in the order of its file.
    pub(super) fn all(integration: &Integration) -> Vec<Self> {
        let of = |tenant: &domain::integration::Tenant| [Self::Tenant(tenant.id.clone()), Self::Dataset(tenant.dataset.clone())];
        integration.tenants.iter().flat_map(of).collect()
    }

    /// The partition key; a dataset is the same in whatever case its id is written.
    pub(super) fn pk(&self) -> String {
        match self {
            Self::Tenant(tenant) => format!("{TENANT}{tenant}"),
            Self::Dataset(dataset) => format!("LOCK#DATASET#{}", dataset.as_str().to_ascii_uppercase()),
        }
    }

    pub(super) fn taken(&self, by: &IntegrationId) -> ApplyError {
        match self {
            Self::Tenant(tenant) => ApplyError::TenantTaken { tenant: tenant.clone(), by: by.clone() },
            Self::Dataset(dataset) => ApplyError::DatasetTaken { dataset: dataset.clone(), by: by.clone() },
        }
    }
}

impl Store {
    /// Whose these locks are, as far as anybody has them.
    pub(super) async fn lock_owners(&self, locks: &[Lock]) -> Result<BTreeMap<String, IntegrationId>, StoreError> {
        let pks: BTreeSet<String> = locks.iter().map(Lock::pk).collect();
        let items = self.batch_get("dynamodb:BatchGetItem of locks", pks.iter().map(lock_key).collect()).await?;
        let owner = |item: &Attributes| {
            let item = Item(item);
            Ok((item.text("pk")?.to_owned(), item.parsed("integration", |text| IntegrationId::parse(text).ok())?))
        };
        items.iter().map(owner).collect()
    }

    pub(super) fn take_lock(&self, pk: &String, integration: &IntegrationId) -> Result<TransactWriteItem, AwsError> {
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(lock_key(pk)))
            .item("integration", s(integration.as_str()))
            .condition_expression("attribute_not_exists(pk) OR integration = :me")
            .expression_attribute_values(":me", s(integration.as_str()));
        Ok(TransactWriteItem::builder().put(put.build().map_err(AwsError::of("build the lock"))?).build())
    }

    pub(super) fn drop_lock(&self, pk: &String, integration: &IntegrationId) -> Result<TransactWriteItem, AwsError> {
        let delete = Delete::builder()
            .table_name(&self.table)
            .set_key(Some(lock_key(pk)))
            .condition_expression("attribute_not_exists(pk) OR integration = :me")
            .expression_attribute_values(":me", s(integration.as_str()));
        Ok(TransactWriteItem::builder().delete(delete.build().map_err(AwsError::of("build the lock"))?).build())
    }
}

/// The tenant that a lock is about, if it is about one.
pub(super) fn tenant_of(pk: &str) -> Option<TenantId> {
    TenantId::parse(pk.strip_prefix(TENANT)?).ok()
}

fn lock_key(pk: &String) -> Key {
    key(pk, SORT_KEY)
}

//! Locks: a tenant and a dataset belong to one integration each, so that no two can write to the same accounts.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::{Delete, Put, TransactWriteItem};
use domain::ids::{DatasetId, IntegrationId, TenantId};
use domain::integration::Integration;

use super::item::Item;
use super::{ApplyError, Key, Store, key, s};
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

    fn taken(self, by: IntegrationId) -> ApplyError {
        match self {
            Self::Tenant(tenant) => ApplyError::TenantTaken { tenant, by },
            Self::Dataset(dataset) => ApplyError::DatasetTaken { dataset, by },
        }
    }
}

impl Store {
    /// Finds out whether these locks are free or this integration's.
    pub(super) async fn check_locks(&self, integration: &IntegrationId, locks: Vec<Lock>) -> Result<(), ApplyError> {
        let pks: BTreeSet<String> = locks.iter().map(Lock::pk).collect();
        let items = self.batch_get("dynamodb:BatchGetItem of locks", pks.iter().map(lock_key).collect()).await?;
        for lock in locks {
            let Some(item) = items.iter().map(Item).find(|item| item.opt_text("pk") == Some(&lock.pk())) else { continue };
            let owner = item.parsed("integration", |text| IntegrationId::parse(text).ok())?;
            if owner != *integration {
                return Err(lock.taken(owner));
            }
        }
        Ok(())
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

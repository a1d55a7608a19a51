//! What waits for a person, by the hash that a decision is bound to.

use domain::held::{HeldHash, HeldSet};
use domain::ids::{IntegrationId, TenantId};

use super::chunks::Place;
use super::{KEPT_SECONDS, Store, StoreError, key};
use crate::clock::now_ms;

impl Store {
    /// Stores what is held of one tenant; nothing if nothing is. It does not expire: it tells the next run, whenever that is, what waits.
    ///
    /// # Errors
    /// [`StoreError`]: nobody can decide about it then.
    pub async fn put_held(&self, integration: &IntegrationId, set: &HeldSet) -> Result<(), StoreError> {
        self.put_held_until(integration, set, None).await
    }

    /// Keeps what is no longer held for a while, for a decision may be about it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn let_held_expire(&self, integration: &IntegrationId, set: &HeldSet) -> Result<(), StoreError> {
        self.put_held_until(integration, set, Some(now_ms() / 1_000 + KEPT_SECONDS)).await
    }

    async fn put_held_until(&self, integration: &IntegrationId, set: &HeldSet, expires_at: Option<i64>) -> Result<(), StoreError> {
        let Some(first) = set.actions().next() else { return Ok(()) };
        self.put_chunks(&partition(integration), &sort_key(&first.tenant, &set.hash()), set, expires_at, Place::Overwrite).await
    }

    /// What is held under a hash; `None` if nothing is, or no longer.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if what is there has another hash: nobody agreed to that.
    pub async fn held(&self, integration: &IntegrationId, tenant: &TenantId, hash: &HeldHash) -> Result<Option<HeldSet>, StoreError> {
        let (pk, sk) = (partition(integration), sort_key(tenant, hash));
        let set: Option<HeldSet> = self.chunks(&pk, &sk).await?;
        match set {
            Some(set) if set.hash() != *hash => Err(StoreError::Corrupt { key: format!("{pk}/{sk}"), attribute: "hash" }),
            Some(set) => Ok(Some(set)),
            None => Ok(None),
        }
    }

    /// Deletes all that was ever held of a tenant.
    pub(super) async fn delete_held(&self, integration: &IntegrationId, tenant: &TenantId) -> Result<(), StoreError> {
        let pk = partition(integration);
        let (from, to) = (format!("{tenant}#"), format!("{tenant}#~"));
        for sk in self.sort_keys("dynamodb:Query of what is held", &pk, &from, &to).await? {
            self.delete("dynamodb:DeleteItem of what is held", key(&pk, sk)).await?;
        }
        Ok(())
    }
}

pub(super) fn partition(integration: &IntegrationId) -> String {
    format!("HELD#{integration}")
}

fn sort_key(tenant: &TenantId, hash: &HeldHash) -> String {
    format!("{tenant}#{hash}")
}

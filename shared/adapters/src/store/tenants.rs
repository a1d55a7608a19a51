//! The state of each tenant.

use std::collections::BTreeMap;

use domain::ids::{IntegrationId, TenantId};
use domain::tenant_state::TenantState;

use super::item::Item;
use super::{Store, StoreError, key, n, s};
use crate::aws::AwsError;

impl Store {
    /// The state of every tenant that has one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn tenant_states(&self, integration: &IntegrationId) -> Result<BTreeMap<TenantId, TenantState>, StoreError> {
        let items = self.query("dynamodb:Query of tenants", partition(integration), "").await?;
        let read = |item| {
            let item = Item(item);
            let state = TenantState {
                attempts: item.number("attempts")?,
                retry_at_ms: item.opt_number("retry_at_ms")?,
                settled_scope: item.opt_text("settled_scope").map(str::to_owned),
            };
            Ok((item.parsed("sk", |text| TenantId::parse(text).ok())?, state))
        };
        items.iter().map(read).collect()
    }

    /// Stores the state of a tenant. Only the run that holds the lease may.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn put_tenant_state(&self, integration: &IntegrationId, tenant: &TenantId, state: &TenantState) -> Result<(), StoreError> {
        let mut item = key(partition(integration), tenant.as_str());
        item.insert("attempts".to_owned(), n(state.attempts));
        item.extend(state.retry_at_ms.map(|at| ("retry_at_ms".to_owned(), n(at))));
        item.extend(state.settled_scope.as_ref().map(|scope| ("settled_scope".to_owned(), s(scope))));
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item));
        put.send().await.map_err(AwsError::of("dynamodb:PutItem of a tenant"))?;
        Ok(())
    }
}

fn partition(integration: &IntegrationId) -> String {
    format!("TENANTS#{integration}")
}

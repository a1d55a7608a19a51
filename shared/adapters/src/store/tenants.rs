//! The state of each tenant.

use std::collections::BTreeMap;

use domain::backoff::Backoff;
use domain::harm::HarmLog;
use domain::ids::{IntegrationId, TenantId};
use domain::tenant_state::TenantState;

use super::item::{Item, json};
use super::{Attributes, Store, StoreError, key, n, s};
use crate::aws::AwsError;

impl Store {
    /// The state of every tenant that has one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn tenant_states(&self, integration: &IntegrationId) -> Result<BTreeMap<TenantId, TenantState>, StoreError> {
        let items = self.query("dynamodb:Query of tenants", &partition(integration), "").await?;
        items.iter().map(|item| Ok((Item(item).parsed("sk", |text| TenantId::parse(text).ok())?, read(item)?))).collect()
    }

    /// Stores the state of a tenant. Only the run that holds the lease may.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn put_tenant_state(&self, integration: &IntegrationId, tenant: &TenantId, state: &TenantState) -> Result<(), StoreError> {
        let TenantState { backoff, retry_at_ms, fault, settled_scope, harm, held, decisions_used_ms, succeeded_ms, whole_ms } = state;
        let attributes = [
            ("attempts", Some(n(backoff.attempts))),
            ("own_faults", Some(n(backoff.own_faults))),
            ("retry_at_ms", retry_at_ms.map(n)),
            ("fault", fault.as_ref().map(json)),
            ("settled_scope", settled_scope.as_ref().map(s)),
            ("harm", (*harm != HarmLog::default()).then(|| json(harm))),
            ("held", held.as_ref().map(json)),
            ("decisions_used_ms", decisions_used_ms.map(n)),
            ("succeeded_ms", succeeded_ms.map(n)),
            ("whole_ms", whole_ms.map(n)),
        ];
        let mut item = key(partition(integration), tenant.as_str());
        item.extend(attributes.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item));
        put.send().await.map_err(AwsError::of("dynamodb:PutItem of a tenant"))?;
        Ok(())
    }
}

pub(super) fn partition(integration: &IntegrationId) -> String {
    format!("TENANTS#{integration}")
}

/// What is not there is as nothing had happened yet: an earlier version knew less.
fn read(item: &Attributes) -> Result<TenantState, StoreError> {
    let item = Item(item);
    Ok(TenantState {
        backoff: Backoff { attempts: item.number("attempts")?, own_faults: item.opt_number("own_faults")?.unwrap_or(0) },
        retry_at_ms: item.opt_number("retry_at_ms")?,
        fault: item.opt_json("fault")?,
        settled_scope: item.opt_text("settled_scope").map(str::to_owned),
        harm: item.opt_json("harm")?.unwrap_or_default(),
        held: item.opt_json("held")?,
        decisions_used_ms: item.opt_number("decisions_used_ms")?,
        succeeded_ms: item.opt_number("succeeded_ms")?,
        whole_ms: item.opt_number("whole_ms")?,
    })
}

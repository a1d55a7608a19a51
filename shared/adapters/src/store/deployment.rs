//! The switch of the whole deployment: one item that stops every run, whoever they work for.

use super::item::Item;
use super::{Key, Store, StoreError, key, n, s};
use crate::aws::AwsError;

/// Whether the deployment runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deployment {
    /// It does.
    Running,
    /// A person stopped all of it.
    Paused {
        /// Who: the ARN of the caller.
        by: String,
        /// When, in milliseconds since 1970.
        at_ms: i64,
    },
}

impl Store {
    /// Whether the deployment runs. The item is what stops it: one that was put by hand need not say who did it, and when.
    ///
    /// # Errors
    /// [`StoreError`]: nobody knows, so nothing may be begun.
    pub async fn deployment(&self) -> Result<Deployment, StoreError> {
        let item = self.get("dynamodb:GetItem of the deployment's switch", switch_key()).await?;
        Ok(item.as_ref().map(Item).map_or(Deployment::Running, |item| Deployment::Paused {
            by: item.opt_text("by").unwrap_or("unknown").to_owned(),
            at_ms: item.opt_number("at_ms").ok().flatten().unwrap_or(0),
        }))
    }

    /// Stops every run within a heartbeat, and lets none begin. Who stopped it first stays named.
    ///
    /// # Errors
    /// [`StoreError`]: it is not known whether it is stopped.
    pub async fn pause_deployment(&self, by: &str, now_ms: i64) -> Result<(), StoreError> {
        self.client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(switch_key()))
            .update_expression("SET #by = if_not_exists(#by, :by), at_ms = if_not_exists(at_ms, :now)")
            .expression_attribute_names("#by", "by")
            .expression_attribute_values(":by", s(by))
            .expression_attribute_values(":now", n(now_ms))
            .send()
            .await
            .map_err(AwsError::of("dynamodb:UpdateItem to pause the deployment"))?;
        Ok(())
    }

    /// Lets runs begin again. Integrations that were paused by themselves stay so.
    ///
    /// # Errors
    /// [`StoreError`]: it is not known whether they may.
    pub async fn resume_deployment(&self) -> Result<(), StoreError> {
        Ok(self.delete("dynamodb:DeleteItem to resume the deployment", switch_key()).await?)
    }
}

fn switch_key() -> Key {
    key("DEPLOYMENT", "SWITCH")
}

//! What operators did. It names them, never those whose accounts it was about.

use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use domain::ids::IntegrationId;
use uuid::Uuid;

use super::item::Item;
use super::{Attributes, Store, StoreError, by_time, key, n, s};
use crate::aws::AwsError;

/// How long entries are kept: 400 days, so that a yearly review sees its whole year.
const KEPT_SECONDS: i64 = 400 * 86_400;
/// Stands for every integration; no integration can be called so.
const WHOLE_DEPLOYMENT: &str = "*";

/// One action of an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// Who: the ARN of the caller.
    pub by: String,
    /// What, in the words of the command, such as `pause`.
    pub action: String,
    /// More about it: ids, hashes and counts, never a login.
    pub detail: Option<String>,
}

impl Store {
    /// Records an action on one integration, or on the whole deployment.
    ///
    /// # Errors
    /// [`StoreError`]: it is not known whether it was recorded.
    pub async fn audit(&self, integration: Option<&IntegrationId>, entry: &AuditEntry) -> Result<(), StoreError> {
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item(integration, entry)));
        put.send().await.map_err(AwsError::of("dynamodb:PutItem of an audit entry"))?;
        Ok(())
    }

    /// Records an action on one integration with the transaction that does it: neither is without the other.
    pub(super) fn audit_with(&self, integration: &IntegrationId, entry: &AuditEntry) -> Result<TransactWriteItem, AwsError> {
        let put = Put::builder().table_name(&self.table).set_item(Some(item(Some(integration), entry)));
        Ok(TransactWriteItem::builder().put(put.build().map_err(AwsError::of("build the audit entry"))?).build())
    }

    /// The last so many actions on one integration, or on the whole deployment, the last one first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn audits(&self, integration: Option<&IntegrationId>, limit: usize) -> Result<Vec<AuditEntry>, StoreError> {
        let items = self.last("dynamodb:Query of audit entries", &partition(integration), limit).await?;
        let read = |item| {
            let item = Item(item);
            Ok(AuditEntry {
                at_ms: item.number("at_ms")?,
                by: item.text("by")?.to_owned(),
                action: item.text("action")?.to_owned(),
                detail: item.opt_text("detail").map(str::to_owned),
            })
        };
        items.iter().map(read).collect()
    }
}

fn item(integration: Option<&IntegrationId>, entry: &AuditEntry) -> Attributes {
    let AuditEntry { at_ms, by, action, detail } = entry;
    let mut item = key(partition(integration), by_time(*at_ms, &Uuid::new_v4().to_string()));
    let texts = [("by", Some(by)), ("action", Some(action)), ("detail", detail.as_ref())];
    item.extend(texts.into_iter().filter_map(|(name, text)| Some((name.to_owned(), s(text?)))));
    item.extend([("at_ms", at_ms), ("expires_at", &(at_ms / 1_000 + KEPT_SECONDS))].map(|(name, number)| (name.to_owned(), n(number))));
    item
}

fn partition(integration: Option<&IntegrationId>) -> String {
    format!("AUDIT#{}", integration.map_or(WHOLE_DEPLOYMENT, IntegrationId::as_str))
}

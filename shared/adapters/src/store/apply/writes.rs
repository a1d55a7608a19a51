//! The one transaction of an application.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, TransactWriteItem, Update};
use domain::delays::Delays;
use domain::ids::{DirectoryId, IntegrationId};
use domain::pending::Pending;

use super::super::claim::CLAIM_ATTRIBUTES;
use super::super::integrations::integration_key;
use super::super::pending::{by_hand_as_seen, pending_key};
use super::super::{AuditEntry, Key, Store, approvals, key, n, s, spread, tenants};
use super::{AfterApply, Application, Before, Change, OPERATION, Runs};
use crate::aws::AwsError;

/// That no run is at work on a directory at `:now`.
const AT_REST: &str = "(attribute_not_exists(lease_until_ms) OR lease_until_ms <= :now)";

impl Store {
    /// Everything that an application writes.
    pub(super) fn writes(
        &self,
        application: &Application<'_>,
        before: &Before,
        locks: &BTreeSet<String>,
        change: &Change,
    ) -> Result<Vec<TransactWriteItem>, AwsError> {
        let (id, now_ms) = (&application.integration.id, application.now_ms);
        let entry = AuditEntry { at_ms: now_ms, by: application.by.to_owned(), action: "apply".to_owned(), detail: None };
        let file = self.put_file(application, before, locks)?;
        let mut writes = vec![file, self.update_mark(application, before, change.runs)?, self.audit_with(id, &entry)?];
        if let Some(former) = &before.former {
            writes.push(self.delete_mark(&former.directory, id, Some(former), now_ms)?);
        }
        for pk in &change.wanted {
            writes.push(self.take_lock(pk, id)?);
        }
        for pk in &change.gone {
            writes.push(self.drop_lock(pk, id)?);
        }
        // Were they to stay, a tenant that comes back much later would count as settled, and its removals would not be held.
        for tenant in &change.leaving {
            for pk in [approvals::partition(id), tenants::partition(id)] {
                writes.push(self.delete_item(key(pk, tenant.as_str()))?);
            }
        }
        Ok(writes)
    }

    fn delete_item(&self, key: Key) -> Result<TransactWriteItem, AwsError> {
        let delete = Delete::builder().table_name(&self.table).set_key(Some(key)).build().map_err(AwsError::of(OPERATION))?;
        Ok(TransactWriteItem::builder().delete(delete).build())
    }

    fn put_file(&self, application: &Application<'_>, before: &Before, locks: &BTreeSet<String>) -> Result<TransactWriteItem, AwsError> {
        let Application { integration, file, by, now_ms, .. } = application;
        let seen = before.stored.as_ref().map(|stored| stored.revision);
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(integration_key(&integration.id)))
            .item("file", s(*file))
            .item("directory", s(integration.directory.as_str()))
            .item("applied_at_ms", n(now_ms))
            .item("applied_by", s(*by))
            .item("locks", AttributeValue::Ss(locks.iter().cloned().collect()))
            .item("revision", n(seen.flatten().unwrap_or(0) + 1));
        let put = match seen {
            None => put.condition_expression("attribute_not_exists(pk)"),
            Some(None) => put.condition_expression("attribute_exists(pk) AND attribute_not_exists(revision)"),
            Some(Some(revision)) => put.condition_expression("revision = :seen").expression_attribute_values(":seen", n(revision)),
        };
        Ok(TransactWriteItem::builder().put(put.build().map_err(AwsError::of(OPERATION))?).build())
    }

    fn update_mark(&self, application: &Application<'_>, before: &Before, runs: Runs) -> Result<TransactWriteItem, AwsError> {
        let Application { integration, after, now_ms, delays, .. } = application;
        let first_drift_ms = first_drift(&integration.id, *now_ms, delays);
        let fresh = || Pending::new(integration.directory.clone(), integration.id.clone(), first_drift_ms);
        // A person's pause is the integration's; a suspension is the directory's, and does not come along to another one.
        let paused_by_hand = before.pending.as_ref().or(before.former.as_ref()).is_some_and(|pending| pending.paused_by_hand);
        let base = Pending { paused_by_hand, ..before.pending.clone().unwrap_or_else(fresh) };
        let mut set =
            "integration = :integration, directory = :directory, #switch = :switch, paused_by_hand = :by_hand, applied_at_ms = :now, \
                       reconciled_generation = if_not_exists(reconciled_generation, :zero), \
                       next_drift_ms = if_not_exists(next_drift_ms, :drift)"
                .to_owned();
        let mut update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(pending_key(&integration.directory)))
            .expression_attribute_names("#switch", "switch")
            .expression_attribute_names("#attempts", "attempts")
            .expression_attribute_names("#generation", "generation")
            .expression_attribute_values(":integration", s(integration.id.as_str()))
            .expression_attribute_values(":directory", s(integration.directory.as_str()))
            .expression_attribute_values(":switch", s(base.switch_under(integration.mode).as_str()))
            .expression_attribute_values(":by_hand", AttributeValue::Bool(paused_by_hand))
            .expression_attribute_values(":zero", n(0))
            .expression_attribute_values(":now", n(now_ms))
            .expression_attribute_values(":drift", n(first_drift_ms));
        let mut remove = Vec::new();
        // The caller that asks for a sync sends its message: the sweep need not send another at once.
        let asked = match after {
            AfterApply::Sync => {
                set.push_str(", asked_generation = if_not_exists(#generation, :zero) + :asked, nudged_at_ms = :now");
                set.push_str(", #attempts = :zero, own_faults = :zero");
                remove.push("retry_at_ms");
                1
            }
            AfterApply::Wait => {
                set.push_str(", #attempts = if_not_exists(#attempts, :zero)");
                0
            }
        };
        let at_rest = match runs {
            Runs::Allowed => String::new(),
            // A run whose lease ran out, because its machine slept, would take it back if it still found itself named.
            Runs::Excluded => {
                remove.extend(CLAIM_ATTRIBUTES);
                format!(" AND {AT_REST}")
            }
        };
        let remove = if remove.is_empty() { String::new() } else { format!(" REMOVE {}", remove.join(", ")) };
        update =
            update.update_expression(format!("SET {set}{remove} ADD #generation :asked")).expression_attribute_values(":asked", n(asked));
        update = match &before.pending {
            None => update.condition_expression("attribute_not_exists(pk)"),
            Some(pending) => update
                .condition_expression(format!("integration = :integration AND #switch = :seen AND {}{at_rest}", by_hand_as_seen(pending)))
                .expression_attribute_values(":seen", s(pending.switch.as_str())),
        };
        Ok(TransactWriteItem::builder().update(update.build().map_err(AwsError::of(OPERATION))?).build())
    }

    /// Deletes the mark of an integration, if nothing holds its lease; one whose pause by hand comes along, only if that is as `seen`.
    pub(in crate::store) fn delete_mark(
        &self,
        directory: &DirectoryId,
        integration: &IntegrationId,
        seen: Option<&Pending>,
        now_ms: i64,
    ) -> Result<TransactWriteItem, AwsError> {
        let delete = Delete::builder()
            .table_name(&self.table)
            .set_key(Some(pending_key(directory)))
            .expression_attribute_values(":me", s(integration.as_str()))
            .expression_attribute_values(":now", n(now_ms));
        let condition = format!("integration = :me AND {AT_REST}");
        let delete = match seen {
            None => delete.condition_expression(condition),
            Some(seen) => delete
                .condition_expression(format!("{condition} AND {}", by_hand_as_seen(seen)))
                .expression_attribute_values(":by_hand", AttributeValue::Bool(seen.paused_by_hand)),
        };
        Ok(TransactWriteItem::builder().delete(delete.build().map_err(AwsError::of(OPERATION))?).build())
    }

    /// Writes all or nothing. Returns whether it did: if not, a condition did not hold, or another transaction was under way.
    pub(in crate::store) async fn write_at_once(&self, operation: &'static str, writes: Vec<TransactWriteItem>) -> Result<bool, AwsError> {
        match self.client.transact_write_items().set_transact_items(Some(writes)).send().await {
            Ok(_) => Ok(true),
            Err(SdkError::ServiceError(error)) if matches!(error.err(), TransactWriteItemsError::TransactionCanceledException(_)) => {
                Ok(false)
            }
            Err(error) => Err(AwsError::of(operation)(error)),
        }
    }
}

/// The first look for drift, spread evenly over the interval so that integrations applied together do not run together.
fn first_drift(id: &IntegrationId, now_ms: i64, delays: &Delays) -> i64 {
    let offset = spread(id.as_str()) % delays.drift_ms.unsigned_abs().max(1);
    now_ms + delays.drift_ms / 2 + i64::try_from(offset).unwrap_or(0) / 2
}

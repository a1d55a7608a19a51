//! What people decided about what is held: the newest decision of each tenant.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use domain::held::{Decision, HeldHash, Verdict};
use domain::ids::{IntegrationId, TenantId};

use super::item::Item;
use super::{Attributes, Store, StoreError, key, n, s};
use crate::aws::AwsError;

/// What became of a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decided {
    /// It counts now.
    Recorded,
    /// Somebody has decided the same about the same set already.
    Already(Decision),
}

impl Store {
    /// Records a decision, unless the same about the same set has been made behind `stale_ms`: of two people who decide at once, one did.
    ///
    /// # Errors
    /// [`StoreError`]: it is not known whether it was recorded.
    pub async fn decide(
        &self,
        integration: &IntegrationId,
        tenant: &TenantId,
        decision: &Decision,
        stale_ms: i64,
    ) -> Result<Decided, StoreError> {
        let operation = "dynamodb:PutItem of a decision";
        let Decision { verdict, hash, by, at_ms } = decision;
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(key(partition(integration), tenant.as_str())))
            .item("verdict", s(verdict_text(*verdict)))
            .item("hash", s(hash.as_str()))
            .item("by", s(by))
            .item("at_ms", n(at_ms))
            .condition_expression("attribute_not_exists(pk) OR #hash <> :hash OR verdict <> :verdict OR at_ms <= :stale")
            .expression_attribute_names("#hash", "hash")
            .expression_attribute_values(":hash", s(hash.as_str()))
            .expression_attribute_values(":verdict", s(verdict_text(*verdict)))
            .expression_attribute_values(":stale", n(stale_ms))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let there = match put.send().await {
            Ok(_) => return Ok(Decided::Recorded),
            Err(SdkError::ServiceError(error)) => match error.into_err() {
                PutItemError::ConditionalCheckFailedException(failed) => failed.item.unwrap_or_default(),
                other => return Err(AwsError::of(operation)(other).into()),
            },
            Err(error) => return Err(AwsError::of(operation)(error).into()),
        };
        let there = read(&there)?;
        // An SDK retry of a write that did arrive finds its own decision.
        Ok(if there == *decision { Decided::Recorded } else { Decided::Already(there) })
    }

    /// The newest decision about a tenant.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn decision(&self, integration: &IntegrationId, tenant: &TenantId) -> Result<Option<Decision>, StoreError> {
        let item = self.get("dynamodb:GetItem of a decision", key(partition(integration), tenant.as_str())).await?;
        item.as_ref().map(read).transpose()
    }

    /// The newest decision about each tenant that has one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn decisions(&self, integration: &IntegrationId) -> Result<BTreeMap<TenantId, Decision>, StoreError> {
        let items = self.query("dynamodb:Query of decisions", &partition(integration), "").await?;
        items.iter().map(|item| Ok((Item(item).parsed("sk", |text| TenantId::parse(text).ok())?, read(item)?))).collect()
    }
}

pub(super) fn partition(integration: &IntegrationId) -> String {
    format!("APPROVAL#{integration}")
}

fn read(item: &Attributes) -> Result<Decision, StoreError> {
    let item = Item(item);
    Ok(Decision {
        verdict: item.parsed("verdict", parse_verdict)?,
        hash: HeldHash::new(item.text("hash")?),
        by: item.text("by")?.to_owned(),
        at_ms: item.number("at_ms")?,
    })
}

fn verdict_text(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Approved => "approved",
        Verdict::Rejected => "rejected",
    }
}

fn parse_verdict(text: &str) -> Option<Verdict> {
    [Verdict::Approved, Verdict::Rejected].into_iter().find(|verdict| verdict_text(*verdict) == text)
}

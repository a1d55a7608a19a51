//! The pending item: each transition of [`domain::pending`] as one conditional write; those of a run are in `claim.rs`.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use domain::backoff::Backoff;
use domain::ids::{DirectoryId, IntegrationId, RunId};
use domain::pending::{Lease, Pending, Switch};

use super::item::Item;
use super::{InForce, Key, Store, StoreError, key, n, s};
use crate::aws::AwsError;

/// How often a pause looks again when the switch changed meanwhile.
const PAUSE_TRIES_MAX: u32 = 10;

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Marked {
    /// The work is durable.
    Pending(Box<Pending>),
    /// There is no integration for the directory.
    UnknownDirectory,
}

impl Store {
    /// An event asks for a sync.
    ///
    /// # Errors
    /// [`StoreError`]: the event is not durable.
    pub async fn mark(&self, directory: &DirectoryId, due_ms: i64) -> Result<Marked, StoreError> {
        let update = self
            .update_pending(directory)
            .update_expression("SET window_due_ms = if_not_exists(window_due_ms, :due) ADD #generation :one")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_names("#generation", "generation")
            .expression_attribute_values(":due", n(due_ms))
            .expression_attribute_values(":one", n(1))
            .return_values(ReturnValue::AllNew);
        match conditional(update, "dynamodb:UpdateItem to mark").await? {
            Written::Yes(item) => Ok(Marked::Pending(Box::new(read(&item)?))),
            Written::No(_) => Ok(Marked::UnknownDirectory),
        }
    }

    /// Notes that a window has its schedule, if it is still the open one.
    ///
    /// # Errors
    /// [`StoreError`]: the next event will schedule again, which does no harm.
    pub async fn scheduled(&self, directory: &DirectoryId, due_ms: i64) -> Result<(), StoreError> {
        let update = self
            .update_pending(directory)
            .update_expression("SET scheduled_due_ms = :due")
            .condition_expression("window_due_ms = :due")
            .expression_attribute_values(":due", n(due_ms));
        conditional(update, "dynamodb:UpdateItem to note the schedule").await?;
        Ok(())
    }

    /// Notes that the sweep has sent a message for what it saw to be owed.
    ///
    /// A run that has claimed since was that message's, or made it needless: what is owed after it must not wait for this nudge.
    ///
    /// # Errors
    /// [`StoreError`]: the next sweep sends again, which does no harm.
    pub async fn nudged(&self, seen: &Pending, now_ms: i64) -> Result<(), StoreError> {
        let mut update = self.update_pending(&seen.directory).expression_attribute_values(":now", n(now_ms));
        let mut still = vec!["attribute_exists(pk)"];
        match &seen.lease {
            None => still.push("attribute_not_exists(lease_run)"),
            Some(lease) => {
                still.push("lease_run = :lease");
                update = update.expression_attribute_values(":lease", s(lease.run.as_str()));
            }
        }
        match &seen.last_run {
            None => still.push("attribute_not_exists(last_run)"),
            Some(run) => {
                still.push("last_run = :last");
                update = update.expression_attribute_values(":last", s(run.as_str()));
            }
        }
        let update = update.update_expression("SET nudged_at_ms = :now").condition_expression(still.join(" AND "));
        conditional(update, "dynamodb:UpdateItem to note a nudge").await?;
        Ok(())
    }

    /// A person asks for a sync: one more generation, which is returned, and what waits for a retry is tried now. `None` for an unknown
    /// directory.
    ///
    /// The caller sends the message; the nudge that is noted with it keeps the sweep from sending another at once.
    ///
    /// # Errors
    /// [`StoreError`]: it is not known whether the generation was asked for.
    pub async fn ask(&self, directory: &DirectoryId, now_ms: i64) -> Result<Option<u64>, StoreError> {
        let values = [(":now", n(now_ms)), (":zero", n(0))];
        let update = "SET asked_generation = #generation + :one, nudged_at_ms = :now, #attempts = :zero, own_faults = :zero \
                      REMOVE retry_at_ms ADD #generation :one";
        self.bump_with(directory, update, "attribute_exists(pk)", &values, &[("#attempts", "attempts")]).await
    }

    /// A person stops the integration by hand. Returns the switch behind it, for a suspension stays one; `None` for an unknown directory.
    ///
    /// # Errors
    /// [`StoreError`]: it is not known whether it is stopped.
    pub async fn pause(&self, directory: &DirectoryId) -> Result<Option<Switch>, StoreError> {
        let operation = "dynamodb:UpdateItem to pause";
        for _ in 0..PAUSE_TRIES_MAX {
            let update = self
                .update_pending(directory)
                .update_expression("SET paused_by_hand = :yes, #switch = :paused")
                .condition_expression("attribute_exists(pk) AND #switch <> :suspended")
                .expression_attribute_names("#switch", "switch")
                .expression_attribute_values(":yes", AttributeValue::Bool(true))
                .expression_attribute_values(":paused", s(Switch::Paused.as_str()))
                .expression_attribute_values(":suspended", s(Switch::Suspended.as_str()));
            match conditional(update, operation).await? {
                Written::Yes(_) => return Ok(Some(Switch::Paused)),
                Written::No(None) => return Ok(None),
                Written::No(Some(_)) => {}
            }
            let update = self
                .update_pending(directory)
                .update_expression("SET paused_by_hand = :yes")
                .condition_expression("#switch = :suspended")
                .expression_attribute_names("#switch", "switch")
                .expression_attribute_values(":yes", AttributeValue::Bool(true))
                .expression_attribute_values(":suspended", s(Switch::Suspended.as_str()));
            if let Written::Yes(_) = conditional(update, operation).await? {
                return Ok(Some(Switch::Suspended));
            }
        }
        Err(StoreError::Contended { key: format!("PENDING#{directory}/PENDING") })
    }

    /// A person lets the integration run again, and asks for a sync as [`Store::ask`] does. It ends a suspension too: whoever calls it has
    /// seen that the directory speaks for its customer. `None` if it is not as they saw it any more: the switch, or the file in force.
    ///
    /// # Errors
    /// [`StoreError`]: it is not known whether it runs.
    pub async fn resume(&self, seen: &Pending, in_force: &InForce, now_ms: i64) -> Result<Option<u64>, StoreError> {
        let values = [
            (":now", n(now_ms)),
            (":zero", n(0)),
            (":live", s(Switch::Live.as_str())),
            (":no", AttributeValue::Bool(false)),
            (":seen", s(seen.switch.as_str())),
            (":by_hand", AttributeValue::Bool(seen.paused_by_hand)),
            (":applied", n(in_force.applied_at_ms)),
        ];
        let update = "SET #switch = :live, paused_by_hand = :no, \
                      asked_generation = #generation + :one, nudged_at_ms = :now, #attempts = :zero, own_faults = :zero \
                      REMOVE retry_at_ms ADD #generation :one";
        let names = [("#attempts", "attempts"), ("#switch", "switch")];
        // A file that pauses what was paused before changes no switch.
        let same_file = "(attribute_not_exists(applied_at_ms) OR applied_at_ms = :applied)";
        let condition = format!("#switch = :seen AND {} AND {same_file}", by_hand_as_seen(seen));
        if let Some(generation) = self.bump_with(&seen.directory, update, &condition, &values, &names).await? {
            return Ok(Some(generation));
        }
        // An SDK retry of a write that did arrive finds its own.
        let found = self.pending(std::slice::from_ref(&seen.directory)).await?.pop();
        let own = found.filter(|found| found.switch == Switch::Live && !found.paused_by_hand && found.nudged_at_ms == Some(now_ms));
        Ok(own.map(|own| own.generation))
    }

    /// Asks for one more generation because the look for drift is due, unless somebody else has seen to it.
    ///
    /// # Errors
    /// [`StoreError`]: the next sweep looks again.
    pub async fn bump_for_drift(&self, pending: &Pending, next_drift_ms: i64, now_ms: i64) -> Result<Option<u64>, StoreError> {
        let values = [(":now", n(now_ms)), (":next", n(next_drift_ms)), (":seen", n(pending.next_drift_ms))];
        let update = "SET nudged_at_ms = :now, next_drift_ms = :next ADD #generation :one";
        self.bump_with(&pending.directory, update, "next_drift_ms = :seen", &values, &[]).await
    }

    async fn bump_with(
        &self,
        directory: &DirectoryId,
        update: &str,
        condition: &str,
        values: &[(&str, AttributeValue)],
        names: &[(&str, &str)],
    ) -> Result<Option<u64>, StoreError> {
        let mut request = self
            .update_pending(directory)
            .update_expression(update)
            .condition_expression(condition)
            .expression_attribute_names("#generation", "generation")
            .expression_attribute_values(":one", n(1))
            .return_values(ReturnValue::AllNew);
        for (name, value) in values {
            request = request.expression_attribute_values(*name, value.clone());
        }
        for (name, attribute) in names {
            request = request.expression_attribute_names(*name, *attribute);
        }
        match conditional(request, "dynamodb:UpdateItem to ask for a sync").await? {
            Written::Yes(item) => Ok(Some(read(&item)?.generation)),
            Written::No(_) => Ok(None),
        }
    }

    /// The pending items of these directories, read consistently.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn pending(&self, directories: &[DirectoryId]) -> Result<Vec<Pending>, StoreError> {
        let mut found: Vec<Pending> = self.each_pending(directories).await?.into_iter().collect::<Result<_, _>>()?;
        found.sort_by(|a, b| a.integration.cmp(&b.integration));
        Ok(found)
    }

    /// The same, for those who can go on without an item that is corrupt. In no order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn each_pending(&self, directories: &[DirectoryId]) -> Result<Vec<Result<Pending, StoreError>>, StoreError> {
        let keys = pending_keys(directories);
        Ok(self.batch_get("dynamodb:BatchGetItem of pending items", keys).await?.iter().map(read).collect())
    }

    pub(super) fn update_pending(&self, directory: &DirectoryId) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(pending_key(directory)))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }
}

pub(super) fn pending_key(directory: &DirectoryId) -> Key {
    key(format!("PENDING#{directory}"), "PENDING")
}

/// The keys of the pending items of these directories, each once: DynamoDB refuses to be asked for an item twice, and a table that was put back
/// may have two integrations of one directory.
pub(super) fn pending_keys(directories: &[DirectoryId]) -> Vec<Key> {
    directories.iter().collect::<BTreeSet<_>>().into_iter().map(pending_key).collect()
}

/// The condition that nobody has paused by hand, or let go, what was seen so; the value is `:by_hand`. An earlier version knew no such pause.
pub(super) fn by_hand_as_seen(seen: &Pending) -> &'static str {
    if seen.paused_by_hand { "paused_by_hand = :by_hand" } else { "(attribute_not_exists(paused_by_hand) OR paused_by_hand = :by_hand)" }
}

/// Whether a conditional write took place, with the item as asked for, or as it stood in the way.
pub(super) enum Written {
    Yes(HashMap<String, AttributeValue>),
    No(Option<HashMap<String, AttributeValue>>),
}

pub(super) async fn conditional(update: UpdateItemFluentBuilder, operation: &'static str) -> Result<Written, AwsError> {
    match update.send().await {
        Ok(answer) => Ok(Written::Yes(answer.attributes.unwrap_or_default())),
        Err(SdkError::ServiceError(error)) => match error.into_err() {
            UpdateItemError::ConditionalCheckFailedException(failed) => Ok(Written::No(failed.item)),
            other => Err(AwsError::of(operation)(other)),
        },
        Err(error) => Err(AwsError::of(operation)(error)),
    }
}

pub(super) fn read(item: &HashMap<String, AttributeValue>) -> Result<Pending, StoreError> {
    let item = Item(item);
    let lease_run = item.opt_text("lease_run").map(RunId::new);
    let lease_until_ms = item.opt_number("lease_until_ms")?;
    Ok(Pending {
        directory: item.parsed("directory", |text| DirectoryId::parse(text).ok())?,
        integration: item.parsed("integration", |text| IntegrationId::parse(text).ok())?,
        generation: item.number("generation")?,
        reconciled_generation: item.number("reconciled_generation")?,
        asked_generation: item.opt_number("asked_generation")?.unwrap_or(0),
        window_due_ms: item.opt_number("window_due_ms")?,
        scheduled_due_ms: item.opt_number("scheduled_due_ms")?,
        lease: lease_run.zip(lease_until_ms).map(|(run, until_ms)| Lease { run, until_ms }),
        claimed_generation: item.opt_number("claimed_generation")?,
        claimed_at_ms: item.opt_number("claimed_at_ms")?,
        retry_at_ms: item.opt_number("retry_at_ms")?,
        backoff: Backoff { attempts: item.number("attempts")?, own_faults: item.opt_number("own_faults")?.unwrap_or(0) },
        next_drift_ms: item.number("next_drift_ms")?,
        nudged_at_ms: item.opt_number("nudged_at_ms")?,
        last_run: item.opt_text("last_run").map(RunId::new),
        switch: item.parsed("switch", Switch::parse)?,
        paused_by_hand: item.flag("paused_by_hand")?,
    })
}

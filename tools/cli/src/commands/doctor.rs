//! `doctor`: whether the person at this command line can do what the other commands do.
//!
//! Each check is one call as the commands make it. It changes nothing: writes are tried on items that do not exist, with a
//! condition that therefore cannot hold, and DynamoDB looks at permissions before it looks at conditions.

use adapters::aws::AwsError;
use adapters::clock::now_ms;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::types::{AttributeValue, TableStatus};
use aws_sdk_sqs::types::QueueAttributeName;
use domain::ids::DirectoryId;
use serde::Serialize;

use crate::context::Context;
use crate::error::{Advice, CliError, Place};
use crate::output::{Answer, Exit, Page, Tone, counted, lines};

/// A directory that WorkOS never made: its ids have 26 characters behind the prefix.
const NO_DIRECTORY: &str = "directory_doctor";
/// A key that no integration can have.
const NO_INTEGRATION: &str = "~doctor";

/// Every check.
#[derive(Debug, Serialize)]
pub(crate) struct Checks {
    checks: Vec<Check>,
}

#[derive(Debug, Serialize)]
struct Check {
    check: &'static str,
    ok: bool,
    /// What was found.
    detail: String,
    /// What to do.
    remedy: Option<String>,
}

/// Checks one thing after the other.
pub(crate) async fn doctor(cx: &Context) -> Checks {
    let mut checks = Vec::new();
    let mut note = |check: &'static str, outcome: Result<String, CliError>| checks.push(Check::of(check, outcome, &cx.place()));
    note("sts:GetCallerIdentity", cx.caller().await);
    note("dynamodb:DescribeTable", describe(cx).await);
    note("dynamodb:Query", query(cx).await);
    note("dynamodb:GetItem", get(cx).await);
    note("dynamodb:BatchGetItem", batch_get(cx).await);
    note("dynamodb:UpdateItem", update(cx).await);
    note("dynamodb:PutItem", put(cx).await);
    note("dynamodb:DeleteItem", delete(cx).await);
    note("sqs:GetQueueAttributes", queue(cx).await);
    Checks { checks }
}

async fn describe(cx: &Context) -> Result<String, CliError> {
    let request = cx.dynamodb().await?.describe_table().table_name(cx.table()?);
    let answer = request.send().await.map_err(AwsError::of("dynamodb:DescribeTable"))?;
    let status = answer.table().and_then(|table| table.table_status()).map_or("not described", TableStatus::as_str);
    Ok(format!("table {} is {status}", cx.table()?))
}

async fn query(cx: &Context) -> Result<String, CliError> {
    let n_integrations = cx.store().await?.each_integration().await?.len();
    Ok(counted(n_integrations, "integration"))
}

async fn get(cx: &Context) -> Result<String, CliError> {
    let request = cx.dynamodb().await?.get_item().table_name(cx.table()?).set_key(Some(no_integration().into()));
    request.send().await.map_err(AwsError::of("dynamodb:GetItem"))?;
    Ok("may read items".to_owned())
}

async fn batch_get(cx: &Context) -> Result<String, CliError> {
    cx.store().await?.each_pending(&[no_directory()]).await?;
    Ok("may read items".to_owned())
}

async fn update(cx: &Context) -> Result<String, CliError> {
    cx.store().await?.ask(&no_directory(), now_ms()).await?;
    Ok("may ask for syncs".to_owned())
}

async fn put(cx: &Context) -> Result<String, CliError> {
    let request = cx.dynamodb().await?.put_item().table_name(cx.table()?).set_item(Some(no_integration().into()));
    match request.condition_expression("attribute_exists(pk)").send().await {
        Err(SdkError::ServiceError(error)) if error.err().is_conditional_check_failed_exception() => {}
        Ok(_) => {}
        Err(error) => return Err(AwsError::of("dynamodb:PutItem")(error).into()),
    }
    Ok("may put integrations in force".to_owned())
}

async fn delete(cx: &Context) -> Result<String, CliError> {
    let request = cx.dynamodb().await?.delete_item().table_name(cx.table()?).set_key(Some(no_integration().into()));
    match request.condition_expression("attribute_exists(pk)").send().await {
        Err(SdkError::ServiceError(error)) if error.err().is_conditional_check_failed_exception() => {}
        Ok(_) => {}
        Err(error) => return Err(AwsError::of("dynamodb:DeleteItem")(error).into()),
    }
    Ok("may resume the deployment, and remove integrations".to_owned())
}

async fn queue(cx: &Context) -> Result<String, CliError> {
    let request = cx.sqs().await?.get_queue_attributes().queue_url(cx.queue_url()?).attribute_names(QueueAttributeName::All);
    let attributes = request.send().await.map_err(AwsError::of("sqs:GetQueueAttributes"))?.attributes.unwrap_or_default();
    let n_messages = attributes.get(&QueueAttributeName::ApproximateNumberOfMessages).map_or("?", String::as_str);
    let waiting = if n_messages == "1" { "1 message waits".to_owned() } else { format!("{n_messages} messages wait") };
    Ok(format!("{waiting}; sending is not tried"))
}

fn no_directory() -> DirectoryId {
    DirectoryId::parse(NO_DIRECTORY).expect("it is formed as one")
}

fn no_integration() -> [(String, AttributeValue); 2] {
    [("pk", "INTEGRATIONS"), ("sk", NO_INTEGRATION)].map(|(name, value)| (name.to_owned(), AttributeValue::S(value.to_owned())))
}

impl Check {
    fn of(check: &'static str, outcome: Result<String, CliError>, place: &Place) -> Self {
        match outcome {
            Ok(detail) => Self { check, ok: true, detail, remedy: None },
            Err(error) => {
                let Advice { what, next } = error.advice(place);
                Self { check, ok: false, detail: what, remedy: Some(next) }
            }
        }
    }
}

impl Answer for Checks {
    fn text(&self, page: &Page) -> String {
        let mut table = page.table(&["", "check", "found", "what to do"]);
        for Check { check, ok, detail, remedy } in &self.checks {
            let verdict = if *ok { page.cell(Tone::Good, "ok") } else { page.cell(Tone::Bad, "FAIL") };
            table.add_row([verdict, page.plain(check), page.plain(detail), page.plain(remedy.as_deref().unwrap_or_default())]);
        }
        lines(&table)
    }

    fn exit(&self) -> Exit {
        if self.checks.iter().all(|check| check.ok) { Exit::Done } else { Exit::Attention }
    }
}

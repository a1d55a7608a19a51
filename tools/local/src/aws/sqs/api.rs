//! The calls, their limits, and their JSON.
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_Operations.html>

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::queue::{Delivery, NotAReceipt, NotInFlight, Receipt};
use super::queues::{Ask, NoSuchQueue, Queues, VISIBILITY_MAX};
use super::{QueueSettings, arn};
use crate::aws::ACCOUNT;
use crate::aws::endpoint::Dialect;
use crate::aws::error::ApiError;

/// The largest message: 1 MiB.
const BODY_BYTES_MAX: usize = 1024 * 1024;
const DELAY_SECONDS: RangeInclusive<i64> = 0..=900;
const WAIT_SECONDS: RangeInclusive<i64> = 0..=20;
const N_MESSAGES: RangeInclusive<i64> = 1..=10;
const VISIBILITY_SECONDS: RangeInclusive<i64> = 0..=VISIBILITY_MAX.as_secs().cast_signed();

pub(super) fn routes(queues: Arc<Queues>) -> Router {
    Router::new().route("/", post(call)).with_state(queues)
}

async fn call(State(queues): State<Arc<Queues>>, headers: HeaderMap, body: Bytes) -> Result<Response, ApiError> {
    let output = match target(&headers).unwrap_or_default() {
        "SendMessage" => send_message(&queues, parse(&body)?),
        "ReceiveMessage" => receive_message(&queues, parse(&body)?).await,
        "DeleteMessage" => delete_message(&queues, parse(&body)?),
        "ChangeMessageVisibility" => change_message_visibility(&queues, parse(&body)?),
        "GetQueueAttributes" => get_queue_attributes(&queues, parse(&body)?),
        "GetQueueUrl" => get_queue_url(&queues, parse(&body)?),
        "PurgeQueue" => purge_queue(&queues, parse(&body)?),
        other => Err(refusal("UnknownOperationException", format!("{other:?} is not built here"))),
    }?;
    Ok(([(header::CONTENT_TYPE, "application/x-amz-json-1.0")], output.to_string()).into_response())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct SendMessage {
    queue_url: String,
    #[serde(default)]
    message_body: String,
    delay_seconds: Option<i64>,
}

fn send_message(queues: &Queues, call: SendMessage) -> Result<Value, ApiError> {
    let delay = within("DelaySeconds", call.delay_seconds, DELAY_SECONDS)?.unwrap_or_default();
    check_body(&call.message_body)?;
    let delay = Duration::from_secs(delay);
    let id = queues.send(name(&call.queue_url)?, call.message_body, delay)?;
    Ok(json!({ "MessageId": id.to_string() }))
}

fn check_body(body: &str) -> Result<(), ApiError> {
    let is_refused = |c: char| matches!(c, '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\u{fffe}' | '\u{ffff}');
    if body.is_empty() {
        Err(refusal("MissingParameter", "the request must contain the parameter MessageBody"))
    } else if body.len() > BODY_BYTES_MAX {
        Err(invalid(format!("the message must be shorter than {BODY_BYTES_MAX} bytes")))
    } else if body.contains(is_refused) {
        Err(refusal("InvalidMessageContents", "the message contains characters outside the allowed set"))
    } else {
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ReceiveMessage {
    queue_url: String,
    max_number_of_messages: Option<i64>,
    wait_time_seconds: Option<i64>,
    visibility_timeout: Option<i64>,
    #[serde(default)]
    message_system_attribute_names: Vec<String>,
    /// The older name of the same list.
    #[serde(default)]
    attribute_names: Vec<String>,
    /// Accepted, as no message here has any.
    #[serde(default, rename = "MessageAttributeNames")]
    _message_attribute_names: Vec<String>,
}

async fn receive_message(queues: &Queues, call: ReceiveMessage) -> Result<Value, ApiError> {
    let n_max = within("MaxNumberOfMessages", call.max_number_of_messages, N_MESSAGES)?;
    let wait = within("WaitTimeSeconds", call.wait_time_seconds, WAIT_SECONDS)?;
    let visibility = within("VisibilityTimeout", call.visibility_timeout, VISIBILITY_SECONDS)?;
    let ask = Ask {
        n_max: n_max.map_or(1, |n| usize::try_from(n).expect("the limit is 10")),
        wait: Duration::from_secs(wait.unwrap_or_default()),
        visibility: visibility.map(Duration::from_secs),
    };
    let wanted = [call.message_system_attribute_names, call.attribute_names].concat();
    let deliveries = queues.receive(name(&call.queue_url)?, &ask).await?;
    let messages: Vec<Value> = deliveries.iter().map(|delivery| message(delivery, &wanted)).collect();
    Ok(if messages.is_empty() { json!({}) } else { json!({ "Messages": messages }) })
}

fn message(delivery: &Delivery, wanted: &[String]) -> Value {
    let attributes = BTreeMap::from([
        ("ApproximateReceiveCount", delivery.receipt.n_receives.to_string()),
        ("ApproximateFirstReceiveTimestamp", delivery.first_received_at.as_millisecond().to_string()),
        ("SentTimestamp", delivery.sent_at.as_millisecond().to_string()),
    ]);
    json!({
        "MessageId": delivery.id.to_string(),
        "ReceiptHandle": delivery.receipt.to_string(),
        "Body": delivery.body,
        "Attributes": only(attributes, wanted),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct DeleteMessage {
    queue_url: String,
    receipt_handle: String,
}

fn delete_message(queues: &Queues, call: DeleteMessage) -> Result<Value, ApiError> {
    queues.delete(name(&call.queue_url)?, receipt(&call.receipt_handle)?)?;
    Ok(json!({}))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ChangeMessageVisibility {
    queue_url: String,
    receipt_handle: String,
    visibility_timeout: Option<i64>,
}

fn change_message_visibility(queues: &Queues, call: ChangeMessageVisibility) -> Result<Value, ApiError> {
    let seconds = within("VisibilityTimeout", call.visibility_timeout, VISIBILITY_SECONDS)?;
    let seconds = seconds.ok_or_else(|| refusal("MissingParameter", "the request must contain the parameter VisibilityTimeout"))?;
    let (name, receipt) = (name(&call.queue_url)?, receipt(&call.receipt_handle)?);
    queues.change_visibility(name, receipt, Duration::from_secs(seconds))??;
    Ok(json!({}))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct GetQueueAttributes {
    queue_url: String,
    #[serde(default)]
    attribute_names: Vec<String>,
}

fn get_queue_attributes(queues: &Queues, call: GetQueueAttributes) -> Result<Value, ApiError> {
    let name = name(&call.queue_url)?;
    let (depth, settings) = queues.describe(name)?;
    let attributes = BTreeMap::from([
        ("ApproximateNumberOfMessages", depth.visible.to_string()),
        ("ApproximateNumberOfMessagesNotVisible", depth.in_flight.to_string()),
        ("ApproximateNumberOfMessagesDelayed", depth.delayed.to_string()),
        ("QueueArn", arn(name)),
        ("RedrivePolicy", redrive_policy(&settings)),
        ("VisibilityTimeout", settings.visibility.as_secs().to_string()),
    ]);
    let is_known = |name: &String| name == "All" || attributes.contains_key(name.as_str());
    if let Some(unknown) = call.attribute_names.iter().find(|name| !is_known(name)) {
        return Err(refusal("InvalidAttributeName", format!("unknown attribute {unknown}")));
    }
    Ok(json!({ "Attributes": only(attributes, &call.attribute_names) }))
}

/// The policy as SQS writes it; empty, and so not shown, for a queue without one.
fn redrive_policy(settings: &QueueSettings) -> String {
    let policy = |(n_receives_max, dead_letters): &(u32, String)| json!({ "deadLetterTargetArn": arn(dead_letters), "maxReceiveCount": n_receives_max });
    settings.max_receive_count.as_ref().map(|redrive| policy(redrive).to_string()).unwrap_or_default()
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct GetQueueUrl {
    queue_name: String,
}

fn get_queue_url(queues: &Queues, call: GetQueueUrl) -> Result<Value, ApiError> {
    if !queues.exists(&call.queue_name) {
        return Err(NoSuchQueue.into());
    }
    Ok(json!({ "QueueUrl": queues.url(&call.queue_name) }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct PurgeQueue {
    queue_url: String,
}

fn purge_queue(queues: &Queues, call: PurgeQueue) -> Result<Value, ApiError> {
    queues.purge(name(&call.queue_url)?)?;
    Ok(json!({}))
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(body).map_err(|error| refusal("SerializationException", error.to_string()))
}

/// The name in a queue's URL. Any host will do: people write `localhost` for `127.0.0.1`.
fn name(queue_url: &str) -> Result<&str, ApiError> {
    let (rest, name) = queue_url.rsplit_once('/').ok_or(NoSuchQueue)?;
    let is_ours = rest.rsplit('/').next() == Some(ACCOUNT);
    is_ours.then_some(name).ok_or_else(|| NoSuchQueue.into())
}

fn receipt(handle: &str) -> Result<Receipt, ApiError> {
    Ok(handle.parse::<Receipt>()?)
}

fn within(parameter: &str, value: Option<i64>, range: RangeInclusive<i64>) -> Result<Option<u64>, ApiError> {
    let Some(value) = value else { return Ok(None) };
    let allowed = Some(value).filter(|value| range.contains(value));
    allowed.and_then(|value| u64::try_from(value).ok()).map(Some).ok_or_else(|| {
        let (from, to) = (range.start(), range.end());
        invalid(format!("value {value} for parameter {parameter} is invalid: must be between {from} and {to}"))
    })
}

/// The attributes that were asked for and have a value.
fn only<'a>(attributes: BTreeMap<&'a str, String>, wanted: &[String]) -> BTreeMap<&'a str, String> {
    let is_wanted = |name: &str| wanted.iter().any(|wanted| wanted == "All" || wanted == name);
    attributes.into_iter().filter(|(name, value)| is_wanted(name) && !value.is_empty()).collect()
}

/// What tells the endpoint's layer about SQS.
pub(super) struct AwsJson;

impl Dialect for AwsJson {
    type Refusal = ApiError;

    fn operation(request: &Request) -> Option<String> {
        target(request.headers()).map(str::to_owned)
    }

    fn internal() -> ApiError {
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalFailure", "the service failed").query_code("InternalFailure")
    }

    fn throttled() -> ApiError {
        refusal("RequestThrottled", "the request was throttled")
    }
}

fn target(headers: &HeaderMap) -> Option<&str> {
    headers.get("x-amz-target")?.to_str().ok()?.strip_prefix("AmazonSQS.")
}

fn refusal(code: &'static str, message: impl Into<String>) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, code, message.into()).query_code(code)
}

fn invalid(message: String) -> ApiError {
    refusal("InvalidParameterValue", message)
}

impl From<NoSuchQueue> for ApiError {
    fn from(NoSuchQueue: NoSuchQueue) -> Self {
        refusal("QueueDoesNotExist", "the specified queue does not exist").query_code("AWS.SimpleQueueService.NonExistentQueue")
    }
}

impl From<NotInFlight> for ApiError {
    fn from(NotInFlight: NotInFlight) -> Self {
        refusal("MessageNotInflight", "the message is not in flight under this receipt handle")
            .query_code("AWS.SimpleQueueService.MessageNotInflight")
    }
}

impl From<NotAReceipt> for ApiError {
    fn from(NotAReceipt: NotAReceipt) -> Self {
        refusal("ReceiptHandleIsInvalid", "the receipt handle is invalid")
    }
}

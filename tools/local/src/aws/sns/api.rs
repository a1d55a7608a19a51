//! The one call, and its XML.
//! <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>

use std::collections::BTreeMap;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::Response;
use uuid::Uuid;

use super::{Published, Topics};
use crate::aws::endpoint::Dialect;
use crate::aws::query::{Parameters, Refusal, Service, sender};

const SNS: Service =
    Service { name: "sns", version: "2010-03-31", namespace: "http://sns.amazonaws.com/doc/2010-03-31/", operation: "Publish" };
/// A subject has fewer characters.
const SUBJECT_CHARACTERS: usize = 100;
/// Most of a message.
const MESSAGE_BYTES_MAX: usize = 256 * 1024;

pub(super) fn routes(topics: Topics) -> Router {
    Router::new().fallback(call).with_state(topics)
}

async fn call(State(topics): State<Topics>, method: Method, uri: Uri, headers: HeaderMap, body: Result<Bytes, BytesRejection>) -> Response {
    let published = SNS.read(&method, &uri, &headers, body).and_then(|(_, parameters)| publish(&topics, parameters));
    published.map_or_else(|refusal| SNS.refuse(refusal), |id| SNS.answer(&format!("<MessageId>{id}</MessageId>")))
}

fn publish(topics: &Topics, mut parameters: Parameters) -> Result<Uuid, Refusal> {
    let topic_arn = parameters.remove("TopicArn").ok_or_else(|| invalid("TopicArn: a target of another kind is not built here"))?;
    let message = parameters.remove("Message").filter(|message| !message.is_empty()).ok_or_else(|| invalid("Empty message"))?;
    let subject = parameters.remove("Subject");
    let attributes = attributes(&mut parameters)?;
    if let Some(name) = parameters.keys().next() {
        return Err(invalid(format!("{name} is not built here")));
    }
    if subject.as_deref().is_some_and(|subject| !is_subject(subject)) {
        return Err(invalid("Subject"));
    }
    if message.len() > MESSAGE_BYTES_MAX {
        return Err(invalid("Message too long"));
    }
    let mut kept = topics.lock();
    if !kept.arns.contains(&topic_arn) {
        return Err(Refusal::new(StatusCode::NOT_FOUND, "NotFound", "Topic does not exist"));
    }
    kept.published.push(Published { topic_arn, subject, message, attributes });
    Ok(Uuid::new_v4())
}

/// `MessageAttributes.entry.1.Name` and so on, of the type `String`.
fn attributes(parameters: &mut Parameters) -> Result<BTreeMap<String, String>, Refusal> {
    let mut attributes = BTreeMap::new();
    for n in 1.. {
        let mut part = |name: &str| parameters.remove(&format!("MessageAttributes.entry.{n}.{name}"));
        let (Some(name), data_type, value) = (part("Name"), part("Value.DataType"), part("Value.StringValue")) else { break };
        match (data_type.as_deref(), value) {
            (Some("String"), Some(value)) if !value.is_empty() => drop(attributes.insert(name, value)),
            _ => return Err(invalid(format!("MessageAttributes: {name} is no String"))),
        }
    }
    Ok(attributes)
}

/// ASCII without control characters, beginning with a letter, digit or punctuation mark.
fn is_subject(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
    !text.is_empty() && text.len() < SUBJECT_CHARACTERS && text.bytes().all(is_plain) && !text.starts_with(' ')
}

fn invalid(what: impl std::fmt::Display) -> Refusal {
    sender("InvalidParameter", format!("Invalid parameter: {what}"))
}

/// What tells the endpoint's layer about SNS.
pub(super) struct Query;

impl Dialect for Query {
    type Refusal = Response;

    /// The operation is named in the body, which is not read for this: the one that is built stands for all.
    fn operation(request: &Request) -> Option<String> {
        (request.method() == Method::POST).then(|| SNS.operation.to_owned())
    }

    fn internal() -> Response {
        SNS.refuse(Refusal::internal())
    }

    fn throttled() -> Response {
        SNS.refuse(sender("Throttling", "the request was throttled"))
    }
}

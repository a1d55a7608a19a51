//! Stands between the AWS SDK and the emulators, and counts what passes: calls by operation, and DynamoDB's capacity units.
//!
//! The units are those that the emulator tells when it is asked for `ReturnConsumedCapacity`, by DynamoDB's own rule: a write unit for each KB of
//! the larger of the item before and behind it, a read unit for each 4 KB read consistently, half of one otherwise, and twice as many in
//! transactions. A conditional write that fails costs as much as one that succeeds, which an error does not tell: its size is counted here.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;
use tokio::net::TcpListener;

/// What was counted.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Usage {
    /// Calls by service and operation.
    pub(crate) calls: BTreeMap<String, u64>,
    /// DynamoDB's write units.
    pub(crate) wcu: f64,
    /// DynamoDB's read units.
    pub(crate) rcu: f64,
    /// The largest item that was written whole, in bytes.
    pub(crate) item_bytes_max: usize,
    /// The largest pending item, which every webhook of a directory writes.
    pub(crate) mark_bytes_max: usize,
    /// Bytes of all items that were put: what is stored.
    pub(crate) put_bytes: usize,
}

impl Usage {
    /// How often a service was called.
    pub(crate) fn of(&self, service: &str) -> u64 {
        self.calls.iter().filter(|(call, _)| call.split(' ').next() == Some(service)).map(|(_, n)| n).sum()
    }
}

/// Counts for every relay.
#[derive(Debug, Clone, Default)]
pub(crate) struct Meter(Arc<Mutex<Usage>>);

impl Meter {
    fn edit<R>(&self, edit: impl FnOnce(&mut Usage) -> R) -> R {
        edit(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What was counted since the last time.
    pub(crate) fn take(&self) -> Usage {
        self.edit(std::mem::take)
    }

    /// Starts a relay to a service; returns its URL.
    pub(crate) async fn relay(&self, service: &'static str, upstream: &str) -> String {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("loopback has a free port");
        let url = format!("http://{}", listener.local_addr().expect("a bound listener has an address"));
        let desk = Arc::new(Desk { service, upstream: upstream.to_owned(), http: reqwest::Client::new(), meter: self.clone() });
        let app = Router::new().fallback(relay).with_state(desk);
        tokio::spawn(async move { axum::serve(listener, app).await });
        url
    }

    fn count(&self, call: &Call, status: StatusCode, asked: &Value, answer: &Value) {
        self.edit(|usage| {
            *usage.calls.entry(format!("{} {}", call.service, call.operation)).or_default() += 1;
            if call.service != "DynamoDB" {
                return;
            }
            let units = match &answer["ConsumedCapacity"] {
                Value::Array(tables) => tables.iter().filter_map(|table| table["CapacityUnits"].as_f64()).sum(),
                table => table["CapacityUnits"].as_f64().unwrap_or(0.0),
            };
            match call.operation.as_str() {
                "GetItem" | "BatchGetItem" | "Query" => usage.rcu += units,
                "PutItem" | "UpdateItem" | "DeleteItem" if status == StatusCode::OK => usage.wcu += units,
                "PutItem" | "UpdateItem" | "DeleteItem" => usage.wcu += item_bytes(&answer["Item"]).div_ceil(1_024).max(1) as f64,
                _ => usage.wcu += units,
            }
            let put = item_bytes(&asked["Item"]);
            usage.put_bytes += put;
            usage.item_bytes_max = usage.item_bytes_max.max(put);
            usage.mark_bytes_max = usage.mark_bytes_max.max(item_bytes(&answer["Attributes"]));
        });
    }
}

struct Desk {
    service: &'static str,
    upstream: String,
    http: reqwest::Client,
    meter: Meter,
}

struct Call {
    service: &'static str,
    operation: String,
}

async fn relay(State(desk): State<Arc<Desk>>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).and_then(|target| target.rsplit('.').next());
    let action = || {
        let (_, action) = url::form_urlencoded::parse(&body).find(|(name, _)| name == "Action")?;
        Some(action.into_owned())
    };
    let operation = target.map(str::to_owned).or_else(action).unwrap_or_else(|| "CreateSchedule".to_owned());
    let call = Call { service: desk.service, operation };
    let mut asked: Value = serde_json::from_slice(&body).unwrap_or_default();
    let body = match (desk.service, asked.as_object_mut()) {
        ("DynamoDB", Some(asked)) => {
            asked.insert("ReturnConsumedCapacity".to_owned(), "TOTAL".into());
            Bytes::from(serde_json::to_vec(asked).expect("what was JSON is JSON"))
        }
        _ => body,
    };
    let mut request = desk.http.request(method, format!("{}{uri}", desk.upstream)).body(body);
    for (name, value) in headers.iter().filter(|(name, _)| **name != header::HOST && **name != header::CONTENT_LENGTH) {
        request = request.header(name, value);
    }
    let Ok(answer) = request.send().await else { return StatusCode::BAD_GATEWAY.into_response() };
    let (status, headers) = (answer.status(), answer.headers().clone());
    let Ok(bytes) = answer.bytes().await else { return StatusCode::BAD_GATEWAY.into_response() };
    desk.meter.count(&call, status, &asked, &serde_json::from_slice(&bytes).unwrap_or_default());
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    let passed_on = headers.iter().filter(|(name, _)| **name != header::CONTENT_LENGTH && **name != header::TRANSFER_ENCODING);
    response.headers_mut().extend(passed_on.map(|(name, value)| (name.clone(), value.clone())));
    response
}

/// [The size of an item](https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html): names and values.
fn item_bytes(item: &Value) -> usize {
    item.as_object().map_or(0, |item| item.iter().map(|(name, value)| name.len() + value_bytes(value)).sum())
}

fn value_bytes(value: &Value) -> usize {
    let Some((kind, value)) = value.as_object().and_then(|value| value.iter().next()) else { return 0 };
    match (kind.as_str(), value) {
        ("S", Value::String(text)) => text.len(),
        ("N", Value::String(digits)) => digits.len() / 2 + 2,
        ("B", Value::String(base64)) => base64.len() / 4 * 3,
        ("SS", Value::Array(texts)) => texts.iter().filter_map(Value::as_str).map(str::len).sum(),
        _ => 1,
    }
}

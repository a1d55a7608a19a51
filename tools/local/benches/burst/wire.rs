//! Stands between the SDK's clients and their connections: counts every attempt, and refuses writes where DynamoDB would and the emulator does not.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use adapters::aws::http_client;
use adapters::tls::Tls;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use serde::Serialize;

pub(crate) const MARK: &str = "mark";
pub(crate) const EVENT: &str = "event record";
pub(crate) const NOTE: &str = "schedule noted";
pub(crate) const SCHEDULE: &str = "CreateSchedule";
pub(crate) const MESSAGE: &str = "SendMessage";

/// As DynamoDB says it of a partition that is written too often:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/throttling-key-range-limit-exceeded-mitigation.html>.
const REFUSAL: &str = r#"{"__type":"com.amazon.coral.availability#ThrottlingException","message":"Throughput exceeds the current capacity for one or more internal partitions."}"#;

/// What passed.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Counts {
    /// Attempts by what they are for.
    pub(crate) attempts: BTreeMap<&'static str, u64>,
    /// Those of them that were the SDK's second or later ones.
    pub(crate) retries: u64,
    /// Those of them that were refused.
    pub(crate) refused: BTreeMap<&'static str, u64>,
    /// Marks that were sent and whose answer nobody waited for: they may have been done.
    pub(crate) marks_unheard: u64,
}

/// A client for all environments, through which everything passes.
#[derive(Debug)]
pub(crate) struct Wire {
    connections: SharedHttpClient,
    item_writes_per_second: Option<u32>,
    passed: Mutex<Passed>,
}

#[derive(Debug, Default)]
struct Passed {
    counts: Counts,
    /// By partition: how many writes it takes at once, and when that was so.
    rooms: HashMap<String, (f64, Instant)>,
}

impl Wire {
    /// Refuses more writes of one partition than so many a second, if there is a limit. At first it takes a second's worth at once.
    pub(crate) fn new(item_writes_per_second: Option<u32>) -> Arc<Self> {
        Arc::new(Self { connections: http_client(&Tls::default()), item_writes_per_second, passed: Mutex::default() })
    }

    /// The client to give the SDK.
    pub(crate) fn client(self: &Arc<Self>) -> SharedHttpClient {
        SharedHttpClient::new(Client(Arc::clone(self)))
    }

    pub(crate) fn counts(&self) -> Counts {
        self.passed().counts.clone()
    }

    fn passed(&self) -> MutexGuard<'_, Passed> {
        self.passed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts an attempt, and says whether it may pass.
    fn admits(&self, call: &Call<'_>) -> bool {
        let passed = &mut *self.passed();
        *passed.counts.attempts.entry(call.name).or_default() += 1;
        passed.counts.retries += u64::from(call.is_retry);
        let (Some(limit), Some(partition)) = (self.item_writes_per_second.map(f64::from), call.partition) else { return true };
        let now = Instant::now();
        let (room, since) = passed.rooms.entry(partition.to_owned()).or_insert((limit, now));
        *room = limit.min(*room + (now - *since).as_secs_f64() * limit);
        *since = now;
        let admitted = *room >= 1.0;
        *room -= f64::from(u8::from(admitted));
        if !admitted {
            *passed.counts.refused.entry(call.name).or_default() += 1;
        }
        admitted
    }
}

#[derive(Debug)]
struct Client(Arc<Wire>);

impl HttpClient for Client {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let connection = self.0.connections.http_connector(settings, components);
        SharedHttpConnector::new(Line { wire: Arc::clone(&self.0), connection })
    }
}

#[derive(Debug)]
struct Line {
    wire: Arc<Wire>,
    connection: SharedHttpConnector,
}

impl HttpConnector for Line {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let call = Call::of(&request);
        if !self.wire.admits(&call) {
            let status = StatusCode::try_from(400).expect("it is a status");
            return HttpConnectorFuture::ready(Ok(HttpResponse::new(status, REFUSAL.into())));
        }
        let is_mark = call.name == MARK;
        let wire = Arc::clone(&self.wire);
        wire.passed().counts.marks_unheard += u64::from(is_mark);
        let answer = self.connection.call(request);
        HttpConnectorFuture::new(async move {
            let answer = answer.await;
            wire.passed().counts.marks_unheard -= u64::from(is_mark && answer.is_ok());
            answer
        })
    }
}

/// What an attempt is.
struct Call<'a> {
    name: &'static str,
    is_retry: bool,
    /// The partition of the table that it writes.
    partition: Option<&'a str>,
}

impl<'a> Call<'a> {
    fn of(request: &'a HttpRequest) -> Self {
        let header = |name| request.headers().get(name).unwrap_or_default();
        let body = std::str::from_utf8(request.body().bytes().unwrap_or_default()).unwrap_or_default();
        let name = match header("x-amz-target").rsplit('.').next() {
            Some("UpdateItem") if body.contains("if_not_exists(window_due_ms") => MARK,
            Some("UpdateItem") => NOTE,
            Some("PutItem") => EVENT,
            Some("SendMessage") => MESSAGE,
            _ => SCHEDULE,
        };
        let partition = body.split_once(r#""pk":{"S":""#).and_then(|(_, rest)| rest.split('"').next());
        Self { name, is_retry: !header("amz-sdk-request").starts_with("attempt=1;"), partition }
    }
}

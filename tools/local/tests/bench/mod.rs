//! AWS for the tests of one function: DynamoDB and SQS through relays that can refuse calls, Scheduler, and a table with `acme`.

#![allow(dead_code, reason = "a part of tests; each file of them uses a part of it")]

pub(crate) mod emf;

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use adapters::aws::http_client;
use adapters::clock::now_ms;
use adapters::queue::Queue;
use adapters::store::{AfterApply, Store, create_table};
use adapters::tls::Tls;
use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::delays::Delays;
use domain::ids::DirectoryId;
use domain::integration::Integration;
use domain::pending::Pending;
use local::aws::{Dynamodb, QueueSettings, REGION, Scheduler, SecretsManager, Sqs};
use serde_json::Value;
use tokio::net::TcpListener;

pub(crate) const TABLE: &str = "orgvue-scim";
pub(crate) const QUEUE: &str = "sync";
pub(crate) const DEAD_LETTERS: &str = "sync-dead-letters";
pub(crate) const SCHEDULE_GROUP: &str = "windows";
pub(crate) const DIRECTORY: &str = "directory_01ACME";

pub(crate) type Item = HashMap<String, AttributeValue>;

pub(crate) struct Bench {
    pub(crate) dynamodb: Relay,
    pub(crate) queues: Relay,
    pub(crate) sqs: Sqs,
    pub(crate) scheduler: Scheduler,
    pub(crate) secrets: SecretsManager,
    pub(crate) aws: SdkConfig,
    pub(crate) store: Store,
    pub(crate) queue: Queue,
    pub(crate) queue_url: String,
    pub(crate) dead_letter_queue_url: String,
    _emulator: Dynamodb,
}

impl Bench {
    /// AWS with an empty table.
    pub(crate) async fn empty() -> Self {
        let emulator = Dynamodb::start(0, None).await.unwrap();
        let dynamodb = Relay::to(emulator.url()).await;
        let sqs = Sqs::start(0).await.unwrap();
        let queues = Relay::to(sqs.url()).await;
        let dead_letter_queue_url = sqs.create_queue(DEAD_LETTERS, QueueSettings::default()).into();
        let queue_url = sqs.create_queue(QUEUE, QueueSettings::default()).into();
        let scheduler = Scheduler::start(0, &sqs).await.unwrap();
        scheduler.create_group(SCHEDULE_GROUP);
        let secrets = SecretsManager::start(0).await.unwrap();
        let aws = aws([
            ("DynamoDB", dynamodb.url.as_str()),
            ("SQS", queues.url.as_str()),
            ("Scheduler", scheduler.url()),
            ("Secrets Manager", secrets.url()),
        ]);
        let client = aws_sdk_dynamodb::Client::new(&aws);
        create_table(&client, TABLE).await.unwrap();
        Self {
            store: Store::new(client, TABLE),
            queue: Queue::new(aws_sdk_sqs::Client::new(&aws), &queue_url),
            dynamodb,
            queues,
            sqs,
            scheduler,
            secrets,
            aws,
            queue_url,
            dead_letter_queue_url,
            _emulator: emulator,
        }
    }

    /// AWS where `acme` is in force, of which nothing was asked yet.
    pub(crate) async fn with_acme() -> Self {
        let bench = Self::empty().await;
        bench.apply("acme", DIRECTORY).await;
        bench
    }

    pub(crate) async fn apply(&self, id: &str, directory: &str) {
        self.apply_in("simulate", id, directory).await;
    }

    /// A file in this mode.
    pub(crate) async fn apply_in(&self, mode: &str, id: &str, directory: &str) {
        let (tenant, dataset) = (id.to_uppercase(), id.bytes().map(u64::from).sum::<u64>());
        let file = format!(
            "id = \"{id}\"\ndirectory = \"{directory}\"\nmode = \"{mode}\"\ntenancy = \"single\"\nprefix = \"ORG_\"\n\
             [[tenants]]\nid = \"{tenant}\"\ndataset = \"0B533DE6-7107-9FCD-48FC-{dataset:012}\"\napi_account = \"sync@orgvue.com\"\n"
        );
        let integration = Integration::parse(&file).unwrap();
        self.store.apply(&integration, &file, AfterApply::Wait, "operator", now_ms(), &Delays::default()).await.unwrap();
    }

    pub(crate) async fn pending(&self) -> Pending {
        self.store.pending(&[directory()]).await.unwrap().pop().expect("acme is in force")
    }

    /// Everything in the table.
    pub(crate) async fn items(&self) -> Vec<Item> {
        let client = aws_sdk_dynamodb::Client::new(&self.aws);
        client.scan().table_name(TABLE).into_paginator().items().send().try_collect().await.unwrap()
    }

    /// Deletes the item that is alone under this key.
    pub(crate) async fn delete(&self, pk: &str) {
        let is_it = |item: &Item| item["pk"].as_s().is_ok_and(|found| found == pk);
        let mut key = self.items().await.into_iter().find(is_it).unwrap();
        key.retain(|name, _| name == "pk" || name == "sk");
        aws_sdk_dynamodb::Client::new(&self.aws).delete_item().table_name(TABLE).set_key(Some(key)).send().await.unwrap();
    }

    pub(crate) async fn put(&self, item: Item) {
        aws_sdk_dynamodb::Client::new(&self.aws).put_item().table_name(TABLE).set_item(Some(item)).send().await.unwrap();
    }
}

pub(crate) fn directory() -> DirectoryId {
    DirectoryId::parse(DIRECTORY).unwrap()
}

/// An SDK that finds each service at its URL and does not wait long before it tries again.
pub(crate) fn aws<'a>(urls: impl IntoIterator<Item = (&'static str, &'a str)>) -> SdkConfig {
    let urls = urls.into_iter().map(|(service, url)| (service, url.to_owned())).collect();
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(http_client(&Tls::default()))
        .region(Region::from_static(REGION))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new("id", "secret", None, None, "test")))
        .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(1)))
        .service_config(Endpoints(urls))
        .build()
}

#[derive(Debug)]
struct Endpoints(HashMap<&'static str, String>);

impl LoadServiceConfig for Endpoints {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        (key.env() == "AWS_ENDPOINT_URL").then(|| self.0.get(key.service_id()).cloned()).flatten()
    }
}

/// Stands between the SDK and a service that speaks AWS JSON: notes what is called, and refuses what it is told to.
#[derive(Clone)]
pub(crate) struct Relay {
    pub(crate) url: String,
    desk: Arc<Desk>,
}

struct Desk {
    upstream: String,
    http: reqwest::Client,
    calls: Mutex<Vec<(String, Value)>>,
    refusals: Mutex<Vec<(&'static str, &'static str)>>,
}

impl Relay {
    async fn to(upstream: &str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let desk = Arc::new(Desk {
            upstream: upstream.to_owned(),
            http: reqwest::Client::new(),
            calls: Mutex::default(),
            refusals: Mutex::default(),
        });
        let app = Router::new().fallback(relay).with_state(desk.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, desk }
    }

    /// Refuses every call of `operation` whose body has `part` in it, in a way that the SDK does not try again.
    pub(crate) fn refuse(&self, operation: &'static str, part: &'static str) {
        self.desk.refusals.lock().unwrap().push((operation, part));
    }

    pub(crate) fn refuse_nothing(&self) {
        self.desk.refusals.lock().unwrap().clear();
    }

    /// The bodies of the calls of `operation`, refused ones included.
    pub(crate) fn calls(&self, operation: &str) -> Vec<Value> {
        let calls = self.desk.calls.lock().unwrap();
        calls.iter().filter(|(called, _)| called == operation).map(|(_, body)| body.clone()).collect()
    }

    /// How many calls there were of all operations.
    pub(crate) fn n_calls(&self) -> usize {
        self.desk.calls.lock().unwrap().len()
    }
}

async fn relay(State(desk): State<Arc<Desk>>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers["x-amz-target"].to_str().unwrap();
    let operation = target.rsplit('.').next().unwrap();
    desk.calls.lock().unwrap().push((operation.to_owned(), serde_json::from_slice(&body).unwrap()));
    let text = String::from_utf8_lossy(&body);
    if desk.refusals.lock().unwrap().iter().any(|(refused, part)| *refused == operation && text.contains(part)) {
        return (StatusCode::BAD_REQUEST, r#"{"__type":"AccessDeniedException","message":"refused by the test"}"#).into_response();
    }
    let mut request = desk.http.post(&desk.upstream).body(body);
    for (name, value) in headers.iter().filter(|(name, _)| **name != header::HOST && **name != header::CONTENT_LENGTH) {
        request = request.header(name, value);
    }
    let Ok(answer) = request.send().await else { return StatusCode::BAD_GATEWAY.into_response() };
    let (status, headers) = (answer.status(), answer.headers().clone());
    let mut response = Response::new(Body::from(answer.bytes().await.unwrap()));
    *response.status_mut() = status;
    let passed_on = headers.iter().filter(|(name, _)| **name != header::CONTENT_LENGTH && **name != header::TRANSFER_ENCODING);
    response.headers_mut().extend(passed_on.map(|(name, value)| (name.clone(), value.clone())));
    response
}

/// While there is one subscriber only, `tracing` asks for that of the thread which comes by a line of code first, and remembers for all threads that
/// nobody listens where that one has none. So there is always another.
static BESIDE: LazyLock<tracing::Dispatch> = LazyLock::new(|| tracing::Dispatch::new(tracing::subscriber::NoSubscriber::new()));

/// What is logged on this thread, as JSON: our own crates at every level, the others at production's.
#[derive(Clone, Default)]
pub(crate) struct Logs(Arc<Mutex<Vec<u8>>>);

impl Logs {
    /// Listens until the guard is dropped.
    pub(crate) fn listen() -> (Self, tracing::subscriber::DefaultGuard) {
        let (logs, heard) =
            (Self::default(), "info,webhook=trace,sync=trace,adapters=trace,domain=trace,local=off,standins=off,dynoxide=off");
        let writer = logs.clone();
        LazyLock::force(&BESIDE);
        let lines = tracing_subscriber::fmt().json().flatten_event(true).with_env_filter(heard).with_writer(move || writer.clone());
        (logs, tracing::subscriber::set_default(lines.finish()))
    }

    pub(crate) fn have(&self, text: &str) -> bool {
        format!("{self:?}").contains(text)
    }
}

impl fmt::Debug for Logs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0.lock().unwrap()))
    }
}

impl io::Write for Logs {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

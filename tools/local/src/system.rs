//! Everything in one process: emulated AWS, stand-ins or other vendors, both functions, and what invokes them.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use adapters::aws::AwsError;
use adapters::aws::http_client;
use adapters::clock::now_ms;
use adapters::http::Deadline;
use adapters::metrics::Metrics;
use adapters::queue::Queue;
use adapters::scheduler::ScheduleTarget;
use adapters::secrets::Ages;
use adapters::store::{AfterApply, Store, create_table};
use adapters::tls::Tls;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use domain::delays::Delays;
use domain::ids::IntegrationId;
use domain::integration::Integration;
use secrecy::SecretString;
use serde_json::{Value, json};
use sync::{OperateError, Operator, TokenSource, Tokens};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use url::Url;
use webhook::WebhookSecrets;

use crate::aws::{Dynamodb, QueueSettings, REGION, Scheduler, Sns, Sqs, Sts};

/// The table's name.
pub const TABLE: &str = "orgvue-scim";
/// The sync queue's name.
pub const QUEUE: &str = "sync";
/// The dead-letter queue's name.
pub const DEAD_LETTERS: &str = "sync-dead-letters";
/// The topic of notices.
const NOTICES: &str = "notices";
const SCHEDULE_GROUP: &str = "windows";
const SCHEDULE_ROLE: &str = "arn:aws:iam::000000000000:role/scheduler";
/// The access key id of everything here, and its secret.
pub(crate) const AWS_KEY: &str = "local";

/// What Lambda takes as the body of a request.
const REQUEST_BYTES_MAX: usize = 6 * 1024 * 1024;
/// Lambda's longest invocation.
const INVOCATION: Duration = Duration::from_secs(900);
/// How many syncs run at once.
const SYNCS_AT_ONCE: usize = 4;

/// Where the vendors are, and the delays.
#[derive(Debug, Clone)]
pub struct Options {
    /// The first port of webhook, DynamoDB, SQS, Scheduler, STS and SNS; 0 is any free one.
    pub port: u16,
    /// DynamoDB's file; in memory if there is none.
    pub database: Option<PathBuf>,
    /// The URL of WorkOS, or of what stands in for it.
    pub workos_url: String,
    /// Its API key.
    pub workos_key: String,
    /// How many calls of `/directory_users` a second it allows for one directory.
    pub workos_users_per_second: u32,
    /// The URL of Orgvue, or of what stands in for it.
    pub orgvue_url: String,
    /// The tokens of its tenants.
    pub orgvue_tokens: Tokens,
    /// Longest that one request to a vendor may take.
    pub http_timeout: Duration,
    /// The webhook secrets.
    pub webhook_secrets: Vec<String>,
    /// The delays.
    pub delays: Delays,
    /// How often the sweep runs.
    pub sweep: Duration,
    /// Whose word is taken for who the vendors are.
    pub tls: Tls,
}

/// Production's delays made short: a failed run is tried again within 20 s, a killed one within 60 s.
pub fn short_delays(window: Duration) -> Delays {
    Delays {
        window_ms: i64::try_from(window.as_millis()).unwrap_or(i64::MAX / 4),
        lease_ms: 20_000,
        heartbeat_ms: 4_000,
        overdue_ms: 3_000,
        nudge_ms: 6_000,
        retry_first_ms: 2_000,
        retry_max_ms: 10_000,
        quarantine_ms: [3_000, 6_000, 10_000],
        drift_ms: 600_000,
    }
}

/// The running system. Dropping it stops it at once, as a crash would: nothing is lost by that.
pub struct System {
    /// DynamoDB.
    pub dynamodb: Dynamodb,
    /// SQS.
    pub sqs: Sqs,
    /// EventBridge Scheduler.
    pub scheduler: Scheduler,
    /// STS.
    pub sts: Sts,
    /// SNS.
    pub sns: Sns,
    /// The table.
    pub store: Store,
    /// The sync queue.
    pub queue: Queue,
    /// Its URL.
    pub queue_url: String,
    /// The dead-letter queue's URL.
    pub dead_letter_queue_url: String,
    /// Where webhooks go.
    pub webhook_url: String,
    /// The sync function's parts.
    pub sync: Arc<sync::Deps>,
    /// The webhook function's parts.
    pub webhook: Arc<webhook::Deps>,
    pub(crate) options: Options,
    #[expect(dead_code, reason = "the tasks end with it")]
    tasks: JoinSet<()>,
}

/// Why the system could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A server could not listen, or a file not be used.
    #[error("start the local servers")]
    Io(#[from] std::io::Error),
    /// A vendor's URL is none.
    #[error("{0} is not a URL such as http://127.0.0.1:8080")]
    Url(String),
    /// A client could not be made.
    #[error(transparent)]
    Clients(#[from] sync::BuildError),
    /// The table could not be made.
    #[error(transparent)]
    Aws(#[from] AwsError),
}

impl System {
    /// Starts everything; the functions take work at once.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let port = |offset: u16| if options.port == 0 { 0 } else { options.port.saturating_add(offset) };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port(0))).await?;
        let webhook_url = format!("http://{}/", listener.local_addr()?);
        let dynamodb = Dynamodb::start(port(1), options.database.as_deref().map(Path::new)).await?;
        let sqs = Sqs::start(port(2)).await?;
        let dead_letter_queue_url: String = sqs.create_queue(DEAD_LETTERS, QueueSettings::default()).into();
        let settings = QueueSettings { visibility: INVOCATION, max_receive_count: Some((3, DEAD_LETTERS.to_owned())) };
        let queue_url: String = sqs.create_queue(QUEUE, settings).into();
        let scheduler = Scheduler::start(port(3), &sqs).await?;
        scheduler.create_group(SCHEDULE_GROUP);
        let sts = Sts::start(port(6)).await?;
        let sns = Sns::start(port(7)).await?;
        let notice_topic_arn = sns.create_topic(NOTICES);

        let aws = aws_config(Endpoints {
            dynamodb: dynamodb.url().to_owned(),
            sqs: sqs.url().to_owned(),
            scheduler: scheduler.url().to_owned(),
            sns: sns.url().to_owned(),
        });
        let dynamodb_client = aws_sdk_dynamodb::Client::new(&aws);
        create_table(&dynamodb_client, TABLE).await?;
        let store = Store::new(dynamodb_client, TABLE);
        let sqs_client = aws_sdk_sqs::Client::new(&aws);
        let queue = Queue::new(sqs_client.clone(), &queue_url);

        let url = |text: &str| {
            let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
            url.ok_or_else(|| StartError::Url(text.to_owned()))
        };
        let sync = Arc::new(sync::Deps::new(
            sync::Config {
                table: TABLE.to_owned(),
                queue_url: queue_url.clone(),
                dead_letter_queue_url: dead_letter_queue_url.clone(),
                workos_url: url(&options.workos_url)?,
                workos_key: SecretString::from(options.workos_key.clone()).into(),
                workos_users_per_second: options.workos_users_per_second,
                orgvue_url: url(&options.orgvue_url)?,
                orgvue_tokens: TokenSource::Given(options.orgvue_tokens.clone()),
                secret_ages: Ages::default(),
                http_timeout: options.http_timeout,
                tenants_at_once: 4,
                delays: options.delays,
                notice_topic_arn: Some(notice_topic_arn),
                metrics: Metrics::off(),
                tls: options.tls.clone(),
            },
            &aws,
        )?);
        let webhook = Arc::new(webhook::Deps::new(
            webhook::Config {
                table: TABLE.to_owned(),
                queue_url: queue_url.clone(),
                schedule: ScheduleTarget {
                    group: SCHEDULE_GROUP.to_owned(),
                    queue_arn: sqs.arn(QUEUE),
                    role_arn: SCHEDULE_ROLE.to_owned(),
                    dead_letter_arn: Some(sqs.arn(DEAD_LETTERS)),
                },
                secrets: WebhookSecrets::Given(options.webhook_secrets.iter().cloned().map(SecretString::from).collect()),
                secret_ages: Ages::default(),
                tolerance_ms: 180_000,
                path_token: None,
                sources: Vec::new(),
                delays: options.delays,
                metrics: Metrics::off(),
                tls: options.tls.clone(),
            },
            &aws,
        ));

        let mut tasks = JoinSet::new();
        tasks.spawn(serve_webhooks(listener, webhook.clone()));
        for _ in 0..SYNCS_AT_ONCE {
            tasks.spawn(poll(sqs_client.clone(), queue_url.clone(), sync.clone()));
        }
        tasks.spawn(sweep_every(options.sweep, sync.clone()));
        Ok(Self {
            dynamodb,
            sqs,
            scheduler,
            sts,
            sns,
            store,
            queue,
            queue_url,
            dead_letter_queue_url,
            webhook_url,
            sync,
            webhook,
            options,
            tasks,
        })
    }

    /// Puts an integration file in force. A new integration waits for its first webhook; a changed one asks for a sync.
    ///
    /// # Errors
    /// [`OperateError`].
    pub async fn apply(&self, integration: &Integration, file: &str) -> Result<(), OperateError> {
        let is_new = self.store.integration_file(&integration.id).await?.is_none();
        let after = if is_new { AfterApply::Wait } else { AfterApply::Sync };
        self.operator().apply(integration, file, after, &self.options.delays).await?;
        Ok(())
    }

    /// Asks for a sync now, without an event.
    ///
    /// # Errors
    /// [`OperateError`].
    pub async fn ask(&self, integration: &IntegrationId) -> Result<(), OperateError> {
        self.operator().sync(integration).await?;
        Ok(())
    }

    /// The person at this machine.
    pub fn operator(&self) -> Operator<'_> {
        Operator { store: &self.store, queue: &self.queue, by: "local" }
    }
}

/// Where each emulated service is: what `AWS_ENDPOINT_URL_DYNAMODB` and its like say to a function on Lambda.
#[derive(Debug)]
struct Endpoints {
    dynamodb: String,
    sqs: String,
    scheduler: String,
    sns: String,
}

impl LoadServiceConfig for Endpoints {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        match (key.env(), key.service_id()) {
            ("AWS_ENDPOINT_URL", "DynamoDB") => Some(self.dynamodb.clone()),
            ("AWS_ENDPOINT_URL", "SQS") => Some(self.sqs.clone()),
            ("AWS_ENDPOINT_URL", "Scheduler") => Some(self.scheduler.clone()),
            ("AWS_ENDPOINT_URL", "SNS") => Some(self.sns.clone()),
            _ => None,
        }
    }
}

/// The SDK's configuration for the emulated services.
fn aws_config(endpoints: Endpoints) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(http_client(&Tls::default()))
        .region(Region::from_static(REGION))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(AWS_KEY, AWS_KEY, None, None, "local")))
        .service_config(endpoints)
        .build()
}

/// What invokes the webhook function on Lambda: a Function URL.
async fn serve_webhooks(listener: TcpListener, deps: Arc<webhook::Deps>) {
    let app = axum::Router::new().fallback(webhook_request).with_state(deps);
    if let Err(error) = axum::serve(listener, app).await {
        tracing::error!(%error, "the webhook server ended");
    }
}

async fn webhook_request(State(deps): State<Arc<webhook::Deps>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, REQUEST_BYTES_MAX).await else {
        return axum::http::StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let request = lambda_http::Request::from_parts(head, lambda_http::Body::Binary(body.to_vec()));
    webhook::handle(&deps, request).await.map(|body| axum::body::Body::from(body.to_vec()))
}

/// The event with which one message of the sync queue reaches the function.
pub fn batch_of_one(message_id: Option<&str>, receipt_handle: Option<&str>, body: Option<&str>) -> Value {
    json!({"Records": [{
        "messageId": message_id,
        "receiptHandle": receipt_handle,
        "body": body,
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:sync",
        "awsRegion": REGION,
        "attributes": {},
        "messageAttributes": {},
    }]})
}

/// What invokes the sync function on Lambda: an event source mapping of batch size 1.
async fn poll(client: aws_sdk_sqs::Client, queue_url: String, deps: Arc<sync::Deps>) {
    loop {
        let received = client.receive_message().queue_url(&queue_url).max_number_of_messages(1).wait_time_seconds(5).send().await;
        let messages = match received {
            Ok(received) => received.messages.unwrap_or_default(),
            Err(error) => {
                tracing::error!(error = adapters::aws::chain(&error), "the queue could not be read");
                tokio::time::sleep(Duration::from_secs(1)).await;
                continue;
            }
        };
        for message in messages {
            let event = batch_of_one(message.message_id.as_deref(), message.receipt_handle.as_deref(), message.body.as_deref());
            let event = serde_json::from_value(event).expect("this is the form of an SQS event");
            let response = sync::handle_batch(&deps, event, Deadline::after(INVOCATION)).await;
            let Some(receipt) = message.receipt_handle.filter(|_| response.batch_item_failures.is_empty()) else { continue };
            if let Err(error) = client.delete_message().queue_url(&queue_url).receipt_handle(receipt).send().await {
                tracing::warn!(error = adapters::aws::chain(&error), "a message was not deleted; it comes again");
            }
        }
    }
}

/// What invokes the sweep on Lambda: a recurring schedule.
async fn sweep_every(interval: Duration, deps: Arc<sync::Deps>) {
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = sync::sweep(&deps).await {
            tracing::error!(error = adapters::aws::chain(&error), at_ms = now_ms(), "the sweep failed");
        }
    }
}

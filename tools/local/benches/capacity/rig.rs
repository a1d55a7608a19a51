//! Both functions behind relays, as Lambda would run them: the AWS services and the vendors work on other threads, so that the processor time
//! of this one is the functions' own.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use adapters::aws::http_client;
use adapters::clock::now_ms;
use adapters::http::Deadline;
use adapters::metrics::Metrics;
use adapters::scheduler::ScheduleTarget;
use adapters::secrets::{Ages, Source};
use adapters::store::{AfterApply, Store, create_table};
use adapters::tls::Tls;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};
use domain::delays::Delays;
use domain::ids::{DirectoryId, IntegrationId};
use domain::integration::Integration;
use domain::message::{Reason, SyncMessage};
use domain::tenant_state::TenantState;
use lambda_http::http::Method;
use lambda_http::{Body, Request};
use local::aws::{Dynamodb, QueueSettings, REGION, Scheduler, SecretsManager, Sns, Sqs};
use serde_json::{Value, json};
use standins::{orgvue, workos};
use tokio::runtime::Runtime;
use tracing::Instrument as _;

use crate::customer::Customer;
use crate::meter::{Meter, Usage};

const TABLE: &str = "orgvue-scim";
const TOKENS: &str = "orgvue-scim/production/tokens/";
/// Lambda's longest invocation, less what the function keeps for recording.
const INVOCATION: Duration = Duration::from_secs(890);

/// Bytes of log lines and of metrics' lines since the last look.
pub(crate) static LOG_BYTES: AtomicUsize = AtomicUsize::new(0);

/// One thing that was measured.
#[derive(Debug, Clone, serde::Serialize)]
pub(crate) struct Measured {
    /// What the functions asked of AWS.
    pub(crate) aws: Usage,
    /// Calls of `/directory_users`, which are limited for each directory.
    pub(crate) workos_limited: u64,
    /// Other calls of WorkOS.
    pub(crate) workos_other: u64,
    pub(crate) orgvue_reads: u64,
    pub(crate) orgvue_writes: u64,
    pub(crate) cpu_seconds: f64,
    pub(crate) log_bytes: usize,
}

pub(crate) struct Rig {
    pub(crate) workos: workos::WorkOs,
    pub(crate) orgvue: orgvue::Orgvue,
    /// The table, without a relay.
    pub(crate) store: Store,
    pub(crate) meter: Meter,
    sync: sync::Deps,
    webhook: webhook::Deps,
    secrets: SecretsManager,
    _services: (Dynamodb, Sqs, Scheduler, Sns),
}

impl Rig {
    /// Starts everything but the functions on `servers`.
    pub(crate) fn start(servers: &Runtime) -> Self {
        servers.block_on(Self::begin())
    }

    async fn begin() -> Self {
        const LISTENS: &str = "loopback has a free port";
        let meter = Meter::default();
        let dynamodb = Dynamodb::start(0, None).await.expect(LISTENS);
        let sqs = Sqs::start(0).await.expect(LISTENS);
        let dead_letter_queue_url: String = sqs.create_queue("dead", QueueSettings::default()).into();
        let queue_url: String = sqs.create_queue("sync", QueueSettings::default()).into();
        let scheduler = Scheduler::start(0, &sqs).await.expect(LISTENS);
        scheduler.create_group("windows");
        let sns = Sns::start(0).await.expect(LISTENS);
        let topic = sns.create_topic("notices");
        let secrets = SecretsManager::start(0).await.expect(LISTENS);
        let workos = workos::WorkOs::start(workos::Options::default()).await.expect(LISTENS);
        // The vendors' limits are worked out from the calls: nobody waits for them here.
        workos.switches(|switches| (switches.directory_rate, switches.key_rate) = (None, None));
        let orgvue = orgvue::Orgvue::start(orgvue::Options::default()).await.expect(LISTENS);
        orgvue.switches(|switches| switches.tenant_rate = None);
        let direct = aws([("DynamoDB", dynamodb.url().to_owned())]);
        create_table(&aws_sdk_dynamodb::Client::new(&direct), TABLE).await.expect("the emulator makes tables");
        let metered = aws([
            ("DynamoDB", meter.relay("DynamoDB", dynamodb.url()).await),
            ("SQS", meter.relay("SQS", sqs.url()).await),
            ("Scheduler", meter.relay("Scheduler", scheduler.url()).await),
            ("SNS", meter.relay("SNS", sns.url()).await),
            ("Secrets Manager", meter.relay("Secrets", secrets.url()).await),
        ]);
        let metrics = Metrics { deployment: Some("orgvue-scim-production".to_owned()), out: count_line, ..Metrics::off() };
        let sync = sync::Deps::new(
            sync::Config {
                table: TABLE.to_owned(),
                queue_url: queue_url.clone(),
                dead_letter_queue_url,
                workos_url: workos.url().parse().expect("a stand-in has a URL"),
                workos_key: Source::Kept(secrets.put("workos-key", workos.key())),
                workos_users_per_second: 1_000,
                orgvue_url: orgvue.url().parse().expect("a stand-in has a URL"),
                orgvue_tokens: sync::TokenSource::Kept { prefix: TOKENS.to_owned() },
                secret_ages: Ages::default(),
                http_timeout: Duration::from_secs(30),
                tenants_at_once: 4,
                delays: Delays::default(),
                notice_topic_arn: Some(topic),
                metrics: metrics.clone(),
                tls: Tls::default(),
            },
            &metered,
        );
        let webhook = webhook::Deps::new(
            webhook::Config {
                table: TABLE.to_owned(),
                queue_url,
                schedule: ScheduleTarget {
                    group: "windows".to_owned(),
                    queue_arn: sqs.arn("sync"),
                    role_arn: "arn:aws:iam::000000000000:role/scheduler".to_owned(),
                    dead_letter_arn: Some(sqs.arn("dead")),
                },
                secrets: webhook::WebhookSecrets::Kept(secrets.put("webhooks", workos.webhook_secret())),
                secret_ages: Ages::default(),
                tolerance_ms: 180_000,
                path_token: None,
                sources: Vec::new(),
                delays: Delays::default(),
                metrics,
                tls: Tls::default(),
            },
            &metered,
        );
        Self {
            store: Store::new(aws_sdk_dynamodb::Client::new(&direct), TABLE),
            sync: sync.expect("the clients can be built"),
            webhook,
            workos,
            orgvue,
            meter,
            secrets,
            _services: (dynamodb, sqs, scheduler, sns),
        }
    }

    /// A customer whose file is in force since `applied_ms`, with an account of the API in each tenant.
    pub(crate) async fn add(&self, customer: &Customer, applied_ms: i64) {
        self.workos.load_directory(&customer.directory()).expect("the description is a directory");
        for tenant in 0..customer.n_tenants {
            let api_account = json!({"Login": "sync@orgvue.com", "Role": "admin", "Enabled": true});
            self.orgvue.add_tenant(&customer.tenant(tenant), &customer.dataset(tenant), vec![api_account]);
            self.secrets.put(&format!("{TOKENS}{}", customer.tenant(tenant)), self.orgvue.token());
        }
        self.apply(customer, applied_ms).await;
    }

    /// Puts a customer's file in force, no more.
    pub(crate) async fn apply(&self, customer: &Customer, applied_ms: i64) {
        let file = customer.file();
        let integration = Integration::parse(&file).expect("the file has no mistakes");
        let delays = Delays::default();
        self.store.apply(&integration, &file, AfterApply::Wait, "bench", applied_ms, &delays).await.expect("the file can be applied");
    }

    /// A run with the whole list of users, as the looks for drift are.
    pub(crate) async fn whole_run(&self, customer: &Customer) -> Measured {
        let integration = IntegrationId::parse(&customer.name()).expect("the name is an id");
        let states = self.store.tenant_states(&integration).await.expect("the emulator answers");
        for (tenant, state) in states {
            let forgotten = TenantState { whole_ms: None, ..state };
            self.store.put_tenant_state(&integration, &tenant, &forgotten).await.expect("the emulator takes writes");
        }
        self.run(customer).await
    }

    /// Something asks for a run, which then is measured: with as much of the directory as it wants.
    pub(crate) async fn run(&self, customer: &Customer) -> Measured {
        let directory = DirectoryId::parse(&customer.directory_id()).expect("the id is one");
        let marked = self.store.mark(&directory, now_ms()).await.expect("the emulator takes writes");
        let adapters::store::Marked::Pending(pending) = marked else { panic!("{directory} is in force") };
        self.message(SyncMessage::new(directory, pending.generation, Reason::Drift)).await
    }

    /// A message comes of what a run has covered already: it was sent again while it waited.
    pub(crate) async fn superseded(&self, customer: &Customer) -> Measured {
        let directory = DirectoryId::parse(&customer.directory_id()).expect("the id is one");
        self.message(SyncMessage::new(directory, 0, Reason::Owed)).await
    }

    async fn message(&self, message: SyncMessage) -> Measured {
        let message = message.to_json();
        let event =
            json!({"Records": [{"messageId": "m", "body": message, "eventSource": "aws:sqs", "attributes": {}, "messageAttributes": {}}]});
        let event = serde_json::from_value(event).expect("this is the form of an SQS event");
        let (measured, response) = self.measure(sync::handle_batch(&self.sync, event, Deadline::after(INVOCATION))).await;
        assert!(response.batch_item_failures.is_empty(), "a message must not fail");
        measured
    }

    /// One sweep.
    pub(crate) async fn sweep(&self) -> (Measured, sync::Swept) {
        let (measured, swept) = self.measure(sync::sweep(&self.sync)).await;
        (measured, swept.expect("the emulator answers"))
    }

    /// One webhook, signed with this secret.
    pub(crate) async fn webhook(&self, event: &Value, secret: &str) -> (Measured, u16) {
        let body = event.to_string();
        let mut request = Request::new(Body::from(body.clone()));
        *request.method_mut() = Method::POST;
        let header = workos::webhook::sign(secret, now_ms(), body.as_bytes());
        request.headers_mut().insert("workos-signature", header.parse().expect("a signature is a header value"));
        let (measured, response) = self.measure(webhook::handle(&self.webhook, request)).await;
        (measured, response.status().as_u16())
    }

    async fn measure<T>(&self, work: impl Future<Output = T>) -> (Measured, T) {
        self.meter.take();
        self.workos.calls().reset();
        self.orgvue.calls().reset();
        LOG_BYTES.store(0, Ordering::Relaxed);
        let began = cpu_seconds();
        // As `lambda_runtime` calls its span and the fields of it.
        let span = tracing::info_span!(
            "Lambda runtime invoke",
            requestId = "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
            xrayTraceId = "Root=1-5759e988-bd862e3fe1be46a994272793"
        );
        let done = Box::pin(work).instrument(span).await;
        let cpu_seconds = cpu_seconds() - began;
        let asked = |calls: BTreeMap<String, u64>, of: fn(&str) -> bool| calls.iter().filter(|(call, _)| of(call)).map(|(_, n)| n).sum();
        let (workos, orgvue) = (self.workos.calls().by_route(), self.orgvue.calls().by_route());
        let measured = Measured {
            aws: self.meter.take(),
            workos_limited: asked(workos.clone(), |call| call.ends_with("/directory_users")),
            workos_other: asked(workos, |call| !call.ends_with("/directory_users")),
            orgvue_reads: asked(orgvue.clone(), |call| call.starts_with("GET")),
            orgvue_writes: asked(orgvue, |call| call.starts_with("PUT")),
            cpu_seconds,
            log_bytes: LOG_BYTES.load(Ordering::Relaxed),
        };
        (measured, done)
    }
}

fn count_line(line: &str) {
    LOG_BYTES.fetch_add(line.len() + 1, Ordering::Relaxed);
}

/// Takes log lines, and counts them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CountedLog;

impl std::io::Write for CountedLog {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOG_BYTES.fetch_add(bytes.len(), Ordering::Relaxed);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The processor time of this thread.
fn cpu_seconds() -> f64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds: f64 = told.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or(f64::NAN);
    nanoseconds / 1e9
}

fn aws<const N: usize>(urls: [(&'static str, String); N]) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(http_client(&Tls::default()))
        .region(Region::from_static(REGION))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new("id", "secret", None, None, "bench")))
        .service_config(Endpoints(urls.into()))
        .build()
}

#[derive(Debug)]
struct Endpoints(BTreeMap<&'static str, String>);

impl LoadServiceConfig for Endpoints {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        (key.env() == "AWS_ENDPOINT_URL").then(|| self.0.get(key.service_id()).cloned()).flatten()
    }
}

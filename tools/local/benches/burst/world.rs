//! What a burst meets: emulated AWS with its integrations in force, and so many environments of the webhook function before it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use adapters::aws::http_client;
use adapters::clock::now_ms;
use adapters::metrics::Metrics;
use adapters::scheduler::ScheduleTarget;
use adapters::secrets::Ages;
use adapters::store::{AfterApply, Store, create_table};
use adapters::tls::Tls;
use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};
use domain::delays::Delays;
use domain::ids::DirectoryId;
use domain::integration::Integration;
use lambda_http::http::Method;
use lambda_http::{Body, Request};
use local::aws::{Dynamodb, QueueSettings, Scheduler, Sqs};
use standins::workos::{self, WorkOs};
use webhook::{Config, Deps, WebhookSecrets};

use crate::wire::{Counts, Wire};

const TABLE: &str = "orgvue-scim";
const SCHEDULE_GROUP: &str = "windows";
/// No window ends while a burst is played: how many schedules there are then says how many windows there were.
const WINDOW_MS: i64 = 6 * 3_600_000;
/// The directory of the event that all others are made of.
const SAMPLE: &str = "directory_01BURST00000";

/// One table, queue and book of schedules, and what WorkOS sends to them.
pub(crate) struct World {
    dynamodb: Dynamodb,
    sqs: Sqs,
    scheduler: Scheduler,
    queue_url: String,
    client: Client,
    store: Store,
    directories: Vec<DirectoryId>,
    secret: String,
    /// An event as WorkOS words it, and the id in it.
    sample: (String, String),
}

/// What is in the table behind a burst.
pub(crate) struct Kept {
    /// Marks, over all directories.
    pub(crate) n_marked: u64,
    /// Schedules, of which each directory that had events has one.
    pub(crate) n_schedules: usize,
    /// Different events with a record, which is written as well as it goes.
    pub(crate) n_recorded: usize,
}

impl World {
    pub(crate) async fn start(n_directories: usize) -> Self {
        const LISTENS: &str = "loopback has a free port";
        let dynamodb = Dynamodb::start(0, None).await.expect(LISTENS);
        let sqs = Sqs::start(0).await.expect(LISTENS);
        let queue_url = sqs.create_queue("sync", QueueSettings::default()).into();
        let scheduler = Scheduler::start(0, &sqs).await.expect(LISTENS);
        scheduler.create_group(SCHEDULE_GROUP);
        let client = Client::new(&aws("us-east-1", [("DynamoDB", dynamodb.url().to_owned())]).build());
        create_table(&client, TABLE).await.expect("the emulator makes tables");
        let store = Store::new(client.clone(), TABLE);
        let mut directories = Vec::new();
        for at in 0..n_directories {
            let file = file(at);
            let integration = Integration::parse(&file).expect("the file has no mistakes");
            store.apply(&integration, &file, AfterApply::Wait, "bench", now_ms(), &delays()).await.expect("it can be put in force");
            directories.push(integration.directory);
        }
        let workos = WorkOs::start(workos::Options::default()).await.expect(LISTENS);
        workos.add_directory(SAMPLE);
        let event = workos.sample_event(SAMPLE);
        let sample = (event.to_string(), event["id"].as_str().expect("an event has an id").to_owned());
        let secret = workos.webhook_secret().to_owned();
        Self { dynamodb, sqs, scheduler, queue_url, client, store, directories, secret, sample }
    }

    /// The webhook function as Lambda has it: each environment has clients of its own, and so its own bucket of tokens for retries, which the
    /// SDK keeps by region in a process.
    pub(crate) fn environment(&self, at: usize, wire: &Arc<Wire>) -> Deps {
        let urls = [
            ("DynamoDB", self.dynamodb.url().to_owned()),
            ("SQS", self.sqs.url().to_owned()),
            ("Scheduler", self.scheduler.url().to_owned()),
        ];
        let config = Config {
            table: TABLE.to_owned(),
            queue_url: self.queue_url.clone(),
            schedule: ScheduleTarget {
                group: SCHEDULE_GROUP.to_owned(),
                queue_arn: self.sqs.arn("sync"),
                role_arn: "arn:aws:iam::000000000000:role/scheduler".to_owned(),
                dead_letter_arn: None,
            },
            secrets: WebhookSecrets::Given(vec![self.secret.clone().into()]),
            secret_ages: Ages::default(),
            tolerance_ms: 180_000,
            path_token: None,
            sources: Vec::new(),
            delays: delays(),
            metrics: Metrics::off(),
            tls: Tls::default(),
        };
        Deps::new(config, &aws(&format!("environment-{at}"), urls).http_client(wire.client()).build())
    }

    /// The directory of an event: they take turns.
    fn directory(&self, event: usize) -> &DirectoryId {
        &self.directories[event % self.directories.len()]
    }

    /// An event as WorkOS sends it now.
    pub(crate) fn request(&self, event: usize) -> Request {
        let (sample, id) = &self.sample;
        let body = sample.replace(id, &event_id(event)).replace(SAMPLE, self.directory(event).as_str());
        let header = workos::webhook::sign(&self.secret, now_ms(), body.as_bytes());
        let mut request = Request::new(Body::from(body));
        *request.method_mut() = Method::POST;
        request.headers_mut().insert("workos-signature", header.parse().expect("a signature is a header value"));
        request
    }

    /// That nothing is lost which was answered with 200, and that each directory has one window and one schedule for it.
    ///
    /// # Panics
    /// If not.
    pub(crate) async fn check(&self, taken: &[usize], n_refused: usize, counts: &Counts) -> Kept {
        let mut of_directory: BTreeMap<&DirectoryId, u64> = BTreeMap::new();
        for event in taken {
            *of_directory.entry(self.directory(*event)).or_default() += 1;
        }
        let schedules: BTreeSet<String> = self.scheduler.schedules().into_iter().map(|schedule| schedule.name).collect();
        let mut pending = self.store.pending(&self.directories).await.expect("the emulator can be read");
        // A trial with few events does not reach every directory.
        pending.retain(|one| of_directory.contains_key(&one.directory));
        assert_eq!(pending.len(), of_directory.len(), "each directory is in force");
        for one in &pending {
            let (generation, taken) = (one.generation, of_directory[&one.directory]);
            assert!(generation >= taken, "{}: {taken} events were taken, and {generation} marked", one.directory);
            let due_ms = one.window_due_ms.expect("the window is open, for no run began");
            assert!(schedules.contains(&format!("{}.{due_ms}", one.integration)), "the window of {} has its schedule", one.directory);
        }
        // More than was answered with 200 may be marked: what was refused or timed out behind the mark, and comes again.
        let n_marked = pending.iter().map(|one| one.generation).sum::<u64>();
        let n_in_doubt = counts.marks_unheard + n_refused as u64;
        assert!(n_marked - taken.len() as u64 <= n_in_doubt, "{n_marked} marks, {} taken, {n_in_doubt} in doubt", taken.len());
        assert_eq!((schedules.len(), self.scheduler.created_count()), (pending.len(), pending.len()), "a window has one schedule");

        let items: Vec<HashMap<String, AttributeValue>> =
            self.client.scan().table_name(TABLE).into_paginator().items().send().try_collect().await.expect("the emulator can be read");
        let n_recorded = items.iter().filter_map(|item| item.get("event")?.as_s().ok()).collect::<BTreeSet<_>>().len();
        Kept { n_marked, n_schedules: schedules.len(), n_recorded }
    }
}

fn event_id(event: usize) -> String {
    format!("event_{event:026}")
}

fn file(at: usize) -> String {
    format!(
        "id = \"customer-{at:05}\"\ndirectory = \"directory_01BURST{at:05}\"\nmode = \"simulate\"\ntenancy = \"single\"\nprefix = \"IAMAPP_Orgvue_SCIM_\"\n\
         [[tenants]]\nid = \"C{at:05}\"\ndataset = \"0B533DE6-7107-9FCD-48FC-{at:012}\"\n"
    )
}

fn delays() -> Delays {
    Delays { window_ms: WINDOW_MS, ..Delays::default() }
}

/// What `aws_config` makes of a function's environment on Lambda, but for where the services are.
fn aws<const N: usize>(region: &str, urls: [(&'static str, String); N]) -> aws_types::sdk_config::Builder {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(http_client(&Tls::default()))
        .region(Region::new(region.to_owned()))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new("bench", "bench", None, None, "bench")))
        .retry_config(RetryConfig::standard())
        .service_config(Endpoints(urls.into()))
}

#[derive(Debug)]
struct Endpoints(BTreeMap<&'static str, String>);

impl LoadServiceConfig for Endpoints {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        (key.env() == "AWS_ENDPOINT_URL").then(|| self.0.get(key.service_id()).cloned()).flatten()
    }
}

//! The deployed stack, for the stories that are told of it too: see `infra/deployed.py`, which deploys it and describes it in a file.
//!
//! Persons act with the credentials of an operator. What only a test does, emptying the table above all, is done with the owner's.
//! Delays are production's but for the window, and so are the functions' memories: a secret that they have read counts for five minutes.
//! There is one stack and one address for each vendor in it, so its stories are told one at a time, each from an empty table.

use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use adapters::aws::http_client;
use adapters::queue::Queue;
use adapters::settings::Settings;
use adapters::store::Store;
use adapters::tls::Tls;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_sqs::types::QueueAttributeName;
use domain::delays::Delays;
use local::aws::Depth;
use serde::Deserialize;
use sync::Operator;
use url::Url;

use crate::world::{LIMIT, own_token};

/// The environment variable that names the file; without it everything runs in this process.
const FILE: &str = "ORGVUE_SCIM_STACK";

/// What the file says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Description {
    endpoint_url: String,
    owner: Key,
    operator: Key,
    /// The variables of an operator who asks the vendors: outputs of the stack.
    environment: BTreeMap<String, String>,
    webhook_url: String,
    window_group: String,
    dead_letter_queue_urls: Vec<String>,
    workos_key: String,
    /// The last one is WorkOS's, and the first one is accepted beside it.
    webhook_secrets: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Key {
    id: String,
    secret: String,
}

impl Description {
    /// The stack that this process is to use, if any.
    pub(crate) fn given() -> Option<&'static Self> {
        static GIVEN: OnceLock<Option<Description>> = OnceLock::new();
        let read = || std::env::var_os(FILE).map(|file| serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap());
        GIVEN.get_or_init(read).as_ref()
    }

    pub(crate) fn workos_key(&self) -> &str {
        &self.workos_key
    }

    /// The secret that WorkOS signs with.
    pub(crate) fn webhook_secret(&self) -> &str {
        self.webhook_secrets.last().unwrap()
    }

    /// A webhook secret that is accepted beside it.
    pub(crate) fn second_secret(&self) -> &str {
        self.webhook_secrets.first().unwrap()
    }

    /// Where the functions look for WorkOS.
    pub(crate) fn workos_port(&self) -> u16 {
        self.port("WORKOS_URL")
    }

    /// Where they look for Orgvue.
    pub(crate) fn orgvue_port(&self) -> u16 {
        self.port("ORGVUE_URL")
    }

    fn port(&self, name: &str) -> u16 {
        Url::parse(&self.environment[name]).unwrap().port().unwrap()
    }

    fn settings(&self) -> Settings<impl Fn(&str) -> Option<String>> {
        Settings::new(|name: &str| match name {
            // Nothing is sent there from here.
            "DEAD_LETTER_QUEUE_URL" => Some(self.environment["SYNC_QUEUE_URL"].clone()),
            _ => self.environment.get(name).cloned(),
        })
    }

    fn aws(&self, key: &Key) -> SdkConfig {
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(http_client(&Tls::default()))
            .region(Region::new(self.environment["AWS_REGION"].clone()))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new(&key.id, &key.secret, None, None, "test")))
            .endpoint_url(&self.endpoint_url)
            .build()
    }
}

/// The stack in a story's hands.
pub(crate) struct Stack {
    description: &'static Description,
    store: Store,
    queue: Queue,
    pub(crate) sync: sync::Deps,
    pub(crate) delays: Delays,
    /// The owner's clients.
    pub(crate) dynamodb: aws_sdk_dynamodb::Client,
    pub(crate) sqs: aws_sdk_sqs::Client,
    scheduler: aws_sdk_scheduler::Client,
    secrets: aws_sdk_secretsmanager::Client,
}

impl Stack {
    /// Takes the stack for a story with these tenants, of which nobody has heard yet.
    pub(crate) async fn take(description: &'static Description, tenants: impl Iterator<Item = &str>) -> Self {
        let (operator, owner) = (description.aws(&description.operator), description.aws(&description.owner));
        let settings = description.settings();
        let stack = Self {
            description,
            store: Store::new(aws_sdk_dynamodb::Client::new(&operator), &description.environment["TABLE_NAME"]),
            queue: Queue::new(aws_sdk_sqs::Client::new(&operator), &description.environment["SYNC_QUEUE_URL"]),
            sync: sync::Deps::new(sync::Config::read(&settings).unwrap(), &operator).unwrap(),
            delays: settings.delays().unwrap(),
            dynamodb: aws_sdk_dynamodb::Client::new(&owner),
            sqs: aws_sdk_sqs::Client::new(&owner),
            scheduler: aws_sdk_scheduler::Client::new(&owner),
            secrets: aws_sdk_secretsmanager::Client::new(&owner),
        };
        stack.empty().await;
        for tenant in tenants {
            stack.store_token(tenant).await;
        }
        stack
    }

    pub(crate) fn operator(&self) -> Operator<'_> {
        Operator { store: &self.store, queue: &self.queue, by: "operator" }
    }

    pub(crate) fn webhook_url(&self) -> &str {
        &self.description.webhook_url
    }

    pub(crate) fn table(&self) -> &str {
        &self.description.environment["TABLE_NAME"]
    }

    pub(crate) fn queue_url(&self) -> &str {
        &self.description.environment["SYNC_QUEUE_URL"]
    }

    pub(crate) async fn depth(&self) -> Depth {
        use QueueAttributeName as Name;
        let request = self.sqs.get_queue_attributes().queue_url(self.queue_url()).attribute_names(Name::All);
        let attributes = request.send().await.unwrap().attributes.unwrap();
        let count = |name: Name| attributes[&name].parse().unwrap();
        Depth {
            visible: count(Name::ApproximateNumberOfMessages),
            in_flight: count(Name::ApproximateNumberOfMessagesNotVisible),
            delayed: count(Name::ApproximateNumberOfMessagesDelayed),
        }
    }

    pub(crate) async fn windows(&self) -> Vec<String> {
        let listed = self.scheduler.list_schedules().group_name(&self.description.window_group).send().await.unwrap();
        listed.schedules.into_iter().filter_map(|schedule| schedule.name).collect()
    }

    /// Empties the dead-letter queues, of the sync queue and of the schedules.
    pub(crate) async fn take_dead_letters(&self) -> Vec<String> {
        let mut bodies = Vec::new();
        for queue_url in &self.description.dead_letter_queue_urls {
            loop {
                let received = self.sqs.receive_message().queue_url(queue_url).max_number_of_messages(10).send().await.unwrap();
                let messages = received.messages.unwrap_or_default();
                if messages.is_empty() {
                    break;
                }
                for message in messages {
                    let receipt = message.receipt_handle.unwrap();
                    self.sqs.delete_message().queue_url(queue_url).receipt_handle(receipt).send().await.unwrap();
                    bodies.extend(message.body);
                }
            }
        }
        bodies
    }

    /// Waits for what an earlier story left under way, and takes away what it left behind.
    async fn empty(&self) {
        for name in self.windows().await {
            self.scheduler.delete_schedule().group_name(&self.description.window_group).name(name).send().await.unwrap();
        }
        let began = Instant::now();
        while self.depth().await != Depth::default() {
            assert!(began.elapsed() < LIMIT, "the queue does not empty: {:?}", self.depth().await);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        self.take_dead_letters().await;
        let scan = self.dynamodb.scan().table_name(self.table()).projection_expression("pk, sk").into_paginator().items().send();
        let keys: Vec<HashMap<String, AttributeValue>> = scan.collect::<Result<_, _>>().await.unwrap();
        for key in keys {
            self.dynamodb.delete_item().table_name(self.table()).set_key(Some(key)).send().await.unwrap();
        }
    }

    /// Every tenant has a token of its own, and the same one in every story.
    async fn store_token(&self, tenant: &str) {
        let name = format!("{}{tenant}", self.description.environment["ORGVUE_TOKEN_PREFIX"]);
        let created = self.secrets.create_secret().name(name).secret_string(own_token(tenant)).send().await;
        if let Err(error) = created {
            let error = error.into_service_error();
            assert!(error.is_resource_exists_exception(), "{error:?}");
        }
    }
}

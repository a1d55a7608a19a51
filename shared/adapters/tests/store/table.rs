//! A table of a test's own, and the one integration that most tests need.

use std::collections::HashMap;

use adapters::store::{AfterApply, Applied, ApplyError, Store, create_table};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::types::AttributeValue;
use domain::delays::Delays;
use domain::ids::{DirectoryId, IntegrationId, RunId};
use domain::integration::Integration;
use domain::pending::Pending;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use uuid::Uuid;

pub(crate) const DIRECTORY: &str = "directory_01ACME";
pub(crate) const NOW_MS: i64 = 1_800_000_000_000;

pub(crate) type Item = HashMap<String, AttributeValue>;

pub(crate) struct Table {
    pub(crate) store: Store,
    pub(crate) client: Client,
    name: String,
    /// The emulator in this process stops when it is dropped.
    _stop: Option<oneshot::Sender<()>>,
}

impl Table {
    pub(crate) async fn new() -> Self {
        let (endpoint, stop) = match std::env::var("TEST_DYNAMODB_ENDPOINT") {
            Ok(endpoint) => (endpoint, None),
            Err(_) => {
                let (endpoint, stop) = start().await;
                (endpoint, Some(stop))
            }
        };
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("id", "secret", None, None, "test"))
            .endpoint_url(endpoint)
            .build();
        let client = Client::from_conf(config);
        let name = format!("test-{}", Uuid::new_v4());
        create_table(&client, &name).await.unwrap();
        Self { store: Store::new(client.clone(), &name), client, name, _stop: stop }
    }

    /// A table with the integration `acme`, of which nothing was asked yet.
    pub(crate) async fn with_acme() -> Self {
        let table = Self::new().await;
        table.apply(&file("acme", DIRECTORY, "simulate"), AfterApply::Wait).await.unwrap();
        table
    }

    /// Every integration and its directory.
    pub(crate) async fn integrations(&self) -> Vec<(IntegrationId, DirectoryId)> {
        self.store.each_integration().await.unwrap().into_iter().map(Result::unwrap).collect()
    }

    pub(crate) async fn apply(&self, file: &str, after: AfterApply) -> Result<Applied, ApplyError> {
        self.store.apply(&Integration::parse(file).unwrap(), file, after, NOW_MS, &Delays::default()).await
    }

    /// The pending item of `acme`.
    pub(crate) async fn pending(&self) -> Pending {
        self.pending_of(&directory()).await
    }

    pub(crate) async fn pending_of(&self, directory: &DirectoryId) -> Pending {
        self.store.pending(std::slice::from_ref(directory)).await.unwrap().pop().expect("the directory is known")
    }

    /// Everything in the table.
    pub(crate) async fn items(&self) -> Vec<Item> {
        self.client.scan().table_name(&self.name).into_paginator().items().send().try_collect().await.unwrap()
    }

    pub(crate) async fn items_under(&self, pk: &str) -> Vec<Item> {
        self.items().await.into_iter().filter(|item| text(item, "pk") == pk).collect()
    }

    pub(crate) async fn put(&self, item: Item) {
        self.client.put_item().table_name(&self.name).set_item(Some(item)).send().await.unwrap();
    }

    /// Writes a pending item by hand.
    pub(crate) async fn put_pending(&self, pending: &Pending) {
        self.put(pending_item(pending)).await;
    }
}

/// Starts DynamoDB in this process, in memory; it stops when the sender is dropped.
async fn start() -> (String, oneshot::Sender<()>) {
    let database = dynoxide::Database::memory().unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let (stop, stopped) = oneshot::channel::<()>();
    tokio::spawn(dynoxide::server::serve_with_shutdown(listener, database, async {
        let _ = stopped.await;
    }));
    (endpoint, stop)
}

/// An integration file of one tenant.
pub(crate) fn file(id: &str, directory: &str, mode: &str) -> String {
    format!(
        "id = \"{id}\"\ndirectory = \"{directory}\"\nmode = \"{mode}\"\ntenancy = \"single\"\nprefix = \"ORG_\"\n\
         [[tenants]]\nid = \"ACME\"\ndataset = \"0B533DE6-7107-9FCD-48FC-31C0856745CC\"\napi_account = \"sync@orgvue.com\"\n"
    )
}

/// A pending item as the store writes it.
pub(crate) fn pending_item(pending: &Pending) -> Item {
    let Pending {
        directory,
        integration,
        generation,
        reconciled_generation,
        window_due_ms,
        scheduled_due_ms,
        lease,
        claimed_generation,
        claimed_at_ms,
        retry_at_ms,
        attempts,
        next_drift_ms,
        nudged_at_ms,
        last_run,
        switch,
    } = pending;
    let number = |number: &dyn ToString| AttributeValue::N(number.to_string());
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let attributes = [
        ("pk", Some(text(&format!("PENDING#{directory}")))),
        ("sk", Some(text("PENDING"))),
        ("directory", Some(text(directory.as_str()))),
        ("integration", Some(text(integration.as_str()))),
        ("generation", Some(number(generation))),
        ("reconciled_generation", Some(number(reconciled_generation))),
        ("window_due_ms", window_due_ms.map(|at| number(&at))),
        ("scheduled_due_ms", scheduled_due_ms.map(|at| number(&at))),
        ("lease_run", lease.as_ref().map(|lease| text(lease.run.as_str()))),
        ("lease_until_ms", lease.as_ref().map(|lease| number(&lease.until_ms))),
        ("claimed_generation", claimed_generation.map(|generation| number(&generation))),
        ("claimed_at_ms", claimed_at_ms.map(|at| number(&at))),
        ("retry_at_ms", retry_at_ms.map(|at| number(&at))),
        ("attempts", Some(number(attempts))),
        ("next_drift_ms", Some(number(next_drift_ms))),
        ("nudged_at_ms", nudged_at_ms.map(|at| number(&at))),
        ("last_run", last_run.as_ref().map(|run| text(run.as_str()))),
        ("switch", Some(text(switch.as_str()))),
    ];
    attributes.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

pub(crate) fn text<'a>(item: &'a Item, name: &str) -> &'a str {
    item[name].as_s().unwrap()
}

pub(crate) fn number(item: &Item, name: &str) -> i64 {
    item[name].as_n().unwrap().parse().unwrap()
}

pub(crate) fn directory() -> DirectoryId {
    DirectoryId::parse(DIRECTORY).unwrap()
}

pub(crate) fn integration() -> IntegrationId {
    IntegrationId::parse("acme").unwrap()
}

pub(crate) fn run(id: &str) -> RunId {
    RunId::new(id)
}

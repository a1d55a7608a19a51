//! A table of a test's own, and the one integration that most tests need.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use adapters::aws::http_client;
use adapters::store::{AfterApply, Applied, ApplyError, InForce, Store, create_table};
use adapters::tls::Tls;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::interceptors::BeforeSerializationInterceptorContextRef;
use aws_sdk_dynamodb::config::{BehaviorVersion, ConfigBag, Credentials, Intercept, Region, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::operation::batch_get_item::BatchGetItemInput;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemInput;
use aws_sdk_dynamodb::operation::put_item::PutItemInput;
use aws_sdk_dynamodb::operation::query::QueryInput;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsInput;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::backoff::Backoff;
use domain::delays::Delays;
use domain::ids::{DatasetId, DirectoryId, IntegrationId, RunId, TenantId};
use domain::integration::Integration;
use domain::pending::Pending;
use futures::future::BoxFuture;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::block_in_place;
use uuid::Uuid;

pub(crate) const DIRECTORY: &str = "directory_01ACME";
pub(crate) const NOW_MS: i64 = 1_800_000_000_000;

pub(crate) type Item = HashMap<String, AttributeValue>;

pub(crate) struct Table {
    pub(crate) store: Store,
    pub(crate) client: Client,
    /// What the store and the test have asked for.
    pub(crate) calls: Calls,
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
        let calls = Calls::default();
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(http_client(&Tls::default()))
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("id", "secret", None, None, "test"))
            .endpoint_url(endpoint)
            .interceptor(calls.clone())
            .build();
        let client = Client::from_conf(config);
        let name = format!("test-{}", Uuid::new_v4());
        create_table(&client, &name).await.unwrap();
        Self { store: Store::new(client.clone(), &name), client, calls, name, _stop: stop }
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
        self.apply_at(NOW_MS, file, after).await
    }

    pub(crate) async fn apply_at(&self, now_ms: i64, file: &str, after: AfterApply) -> Result<Applied, ApplyError> {
        self.store.apply(&Integration::parse(file).unwrap(), file, after, "an operator", now_ms, &Delays::default()).await
    }

    /// The pending item of `acme`.
    pub(crate) async fn pending(&self) -> Pending {
        self.pending_of(&directory()).await
    }

    pub(crate) async fn pending_of(&self, directory: &DirectoryId) -> Pending {
        self.store.pending(std::slice::from_ref(directory)).await.unwrap().pop().expect("the directory is known")
    }

    /// A person resumes `acme`, who saw it so.
    pub(crate) async fn resume(&self, seen: &Pending, in_force: &InForce, at_ms: i64) -> Option<u64> {
        self.store.resume(seen, in_force, at_ms).await.unwrap()
    }

    /// The file of `acme`.
    pub(crate) async fn in_force(&self) -> InForce {
        self.store.integration_in_force(&integration()).await.unwrap().expect("it is in force")
    }

    /// Everything in the table.
    pub(crate) async fn items(&self) -> Vec<Item> {
        self.client.scan().table_name(&self.name).into_paginator().items().send().try_collect().await.unwrap()
    }

    pub(crate) async fn items_under(&self, pk: &str) -> Vec<Item> {
        self.items().await.into_iter().filter(|item| text(item, "pk") == pk).collect()
    }

    /// The keys that hold this word.
    pub(crate) async fn keys_with(&self, word: &str) -> Vec<String> {
        let key = |item: &Item| format!("{}/{}", text(item, "pk"), text(item, "sk"));
        let mut keys: Vec<String> = self.items().await.iter().map(key).filter(|key| key.contains(word)).collect();
        keys.sort();
        keys
    }

    pub(crate) async fn put(&self, item: Item) {
        self.client.put_item().table_name(&self.name).set_item(Some(item)).send().await.unwrap();
    }

    pub(crate) async fn delete(&self, mut item: Item) {
        item.retain(|name, _| name == "pk" || name == "sk");
        self.client.delete_item().table_name(&self.name).set_key(Some(item)).send().await.unwrap();
    }

    /// Writes a pending item by hand.
    pub(crate) async fn put_pending(&self, pending: &Pending) {
        self.put(pending_item(pending)).await;
    }
}

/// What was asked of DynamoDB, call by call: writes with their keys, queries with their partitions.
#[derive(Debug, Clone, Default)]
pub(crate) struct Calls(Arc<Mutex<Asked>>);

#[derive(Debug, Default)]
struct Asked {
    calls: Vec<String>,
    /// How the calls begin of which one fails, and how many of them are still let through.
    failing: Option<(String, usize)>,
    /// How the call begins before which something else is done, and what.
    meanwhile: Option<(String, Meanwhile)>,
}

struct Meanwhile(BoxFuture<'static, ()>);

impl fmt::Debug for Meanwhile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Meanwhile")
    }
}

impl Calls {
    /// Those since the last look.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap().calls)
    }

    /// Of the calls that begin so, lets the n-th from now on fail before it is sent, and that one alone.
    pub(crate) fn fail(&self, nth: usize, begins: &str) {
        self.0.lock().unwrap().failing = Some((begins.to_owned(), nth - 1));
    }

    /// Does this before the next call that begins so is sent. The test needs a thread for it beside its own.
    pub(crate) fn before(&self, begins: &str, meanwhile: impl Future<Output = ()> + Send + 'static) {
        self.0.lock().unwrap().meanwhile = Some((begins.to_owned(), Meanwhile(Box::pin(meanwhile))));
    }
}

impl Asked {
    fn ask(&mut self, call: String) -> Result<(), BoxError> {
        let fails = match &mut self.failing {
            Some((begins, left)) if call.starts_with(&**begins) => left.checked_sub(1).map(|fewer| *left = fewer).is_none(),
            Some(_) | None => false,
        };
        self.calls.push(call);
        if fails {
            self.failing = None;
            return Err("made to fail".into());
        }
        Ok(())
    }
}

impl Intercept for Calls {
    fn name(&self) -> &'static str {
        "calls"
    }

    fn read_before_serialization(
        &self,
        context: &BeforeSerializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let key = |item: Option<&Item>| item.map(|item| format!("{}/{}", text(item, "pk"), text(item, "sk"))).unwrap();
        let input = context.input();
        let call = if let Some(put) = input.downcast_ref::<PutItemInput>() {
            format!("Put {}", key(put.item()))
        } else if let Some(delete) = input.downcast_ref::<DeleteItemInput>() {
            format!("Delete {}", key(delete.key()))
        } else if let Some(query) = input.downcast_ref::<QueryInput>() {
            format!("Query {}", text(query.expression_attribute_values().unwrap(), ":pk"))
        } else if input.downcast_ref::<BatchGetItemInput>().is_some() {
            "BatchGet".to_owned()
        } else if input.downcast_ref::<TransactWriteItemsInput>().is_some() {
            "Transact".to_owned()
        } else {
            "other".to_owned()
        };
        let meanwhile = self.0.lock().unwrap().meanwhile.take_if(|(begins, _)| call.starts_with(&**begins));
        if let Some((_, Meanwhile(meanwhile))) = meanwhile {
            block_in_place(|| Handle::current().block_on(meanwhile));
        }
        self.0.lock().unwrap().ask(call)
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

/// An integration file of one tenant, which is the integration's own.
pub(crate) fn file(id: &str, directory: &str, mode: &str) -> String {
    let tenant = format!("T{}", id.to_uppercase().replace('-', "_"));
    file_of(id, directory, mode, &[(&tenant[..tenant.len().min(30)], &dataset_of(id))])
}

/// An integration file of these tenants and datasets.
pub(crate) fn file_of(id: &str, directory: &str, mode: &str, tenants: &[(&str, &str)]) -> String {
    let tenants: String = tenants
        .iter()
        .map(|(tenant, dataset)| format!("[[tenants]]\nid = \"{tenant}\"\ndataset = \"{dataset}\"\napi_account = \"sync@orgvue.com\"\n"))
        .collect();
    let head = format!("id = \"{id}\"\ndirectory = \"{directory}\"\nmode = \"{mode}\"\ntenancy = \"multi\"\nprefix = \"ORG_\"\n");
    format!("{head}{tenants}")
}

/// A dataset that is the same for the same name.
pub(crate) fn dataset_of(name: &str) -> String {
    Uuid::from_u128(name.bytes().fold(7, |hash: u128, byte| hash.wrapping_mul(0x0100_0000_01b3).wrapping_add(byte.into()))).to_string()
}

/// A pending item as the store writes it.
pub(crate) fn pending_item(pending: &Pending) -> Item {
    let Pending {
        directory,
        integration,
        generation,
        reconciled_generation,
        asked_generation,
        window_due_ms,
        scheduled_due_ms,
        lease,
        claimed_generation,
        claimed_at_ms,
        retry_at_ms,
        backoff: Backoff { attempts, own_faults },
        next_drift_ms,
        nudged_at_ms,
        last_run,
        switch,
        paused_by_hand,
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
        ("asked_generation", (*asked_generation > 0).then(|| number(asked_generation))),
        ("window_due_ms", window_due_ms.map(|at| number(&at))),
        ("scheduled_due_ms", scheduled_due_ms.map(|at| number(&at))),
        ("lease_run", lease.as_ref().map(|lease| text(lease.run.as_str()))),
        ("lease_until_ms", lease.as_ref().map(|lease| number(&lease.until_ms))),
        ("claimed_generation", claimed_generation.map(|generation| number(&generation))),
        ("claimed_at_ms", claimed_at_ms.map(|at| number(&at))),
        ("retry_at_ms", retry_at_ms.map(|at| number(&at))),
        ("attempts", Some(number(attempts))),
        ("own_faults", Some(number(own_faults))),
        ("next_drift_ms", Some(number(next_drift_ms))),
        ("nudged_at_ms", nudged_at_ms.map(|at| number(&at))),
        ("last_run", last_run.as_ref().map(|run| text(run.as_str()))),
        ("switch", Some(text(switch.as_str()))),
        ("paused_by_hand", Some(AttributeValue::Bool(*paused_by_hand))),
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

pub(crate) fn tenant(id: &str) -> TenantId {
    TenantId::parse(id).unwrap()
}

pub(crate) fn dataset() -> DatasetId {
    DatasetId::parse(&dataset_of("acme")).unwrap()
}

pub(crate) fn run(id: &str) -> RunId {
    RunId::new(id)
}

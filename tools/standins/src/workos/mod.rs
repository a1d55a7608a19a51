//! WorkOS Directory Sync: the REST API, the events its changes cause, and the webhook sender.

mod control;
mod directory;
mod errors;
mod events;
mod load;
mod model;
mod page;
mod render;
mod routes;
mod scope;
mod switches;

pub mod webhook;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use http::StatusCode;
use reqwest::Client;
use serde_json::Value;

use crate::calls::Calls;
use crate::faults::{Fault, Matcher};
use crate::gate::Gate;
use crate::limits::Buckets;
use crate::server::Running;
use crate::store::{Store, lock};

pub use crate::limits::Rate;
pub use load::LoadError;
pub use model::{Model, UserSpec};
pub use switches::{DeletedCursor, Deprovisioning, Order, Presence, Switches, Timestamps, UnknownFilter, UserGroups};
pub use webhook::Delivery;

/// The parameters of a request by name.
pub(crate) type Query = BTreeMap<String, String>;

/// How the stand-in is started.
#[derive(Clone, Debug)]
pub struct Options {
    /// The port on the loopback interface; 0 is any free one.
    pub port: u16,
    /// The API key of the default environment.
    pub key: String,
    /// The secret webhooks are signed with.
    pub webhook_secret: String,
    /// Where the model is kept; it is read from there at the start if it exists.
    pub state_file: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self { port: 0, key: "sk_test_standin".to_owned(), webhook_secret: "whsec_standin".to_owned(), state_file: None }
    }
}

/// A handle on the running stand-in; clones are of the same one, and dropping the last shuts it down.
#[derive(Clone)]
pub struct WorkOs {
    shared: Shared,
    server: Arc<Running>,
    client: Client,
    options: Arc<Options>,
}

/// What the routes work on.
#[derive(Clone)]
pub(crate) struct Shared {
    store: Arc<Store<Model>>,
    gate: Arc<Gate<Model>>,
    buckets: Arc<Buckets>,
    environments: Arc<Mutex<BTreeMap<String, String>>>,
}

impl Shared {
    fn environment(&self, key: &str) -> Option<String> {
        lock(&self.environments).get(key).cloned()
    }
}

impl WorkOs {
    /// Starts the stand-in on the loopback interface.
    pub async fn start(options: Options) -> io::Result<Self> {
        let store = Arc::new(Store::open(options.state_file.clone())?);
        let environments = BTreeMap::from([(options.key.clone(), model::DEFAULT_ENVIRONMENT.to_owned())]);
        let shared = Shared {
            gate: Arc::new(Gate::new(store.clone(), routes::VOICE)),
            store,
            buckets: Arc::default(),
            environments: Arc::new(Mutex::new(environments)),
        };
        let server = Arc::new(Running::start(options.port, routes::router(shared.clone())).await?);
        let client = Client::builder().no_proxy().build().map_err(io::Error::other)?;
        Ok(Self { shared, server, client, options: Arc::new(options) })
    }

    /// Shuts the stand-in down for all handles.
    pub async fn stop(&self) {
        self.server.stop().await;
    }

    /// The base URL, such as `http://127.0.0.1:40123`.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The API key of the default environment.
    pub fn key(&self) -> &str {
        &self.options.key
    }

    /// The secret webhooks are signed with.
    pub fn webhook_secret(&self) -> &str {
        &self.options.webhook_secret
    }

    /// Accepts a further API key, which sees only the directories of `environment`.
    pub fn add_key(&self, key: &str, environment: &str) {
        lock(&self.shared.environments).insert(key.to_owned(), environment.to_owned());
    }

    /// Makes any number of changes as one.
    pub fn edit<R>(&self, change: impl FnOnce(&mut Model) -> R) -> R {
        self.shared.store.write(change)
    }

    /// See [`Model::add_directory`].
    pub fn add_directory(&self, id: &str) {
        self.edit(|model| model.add_directory(id));
    }

    /// See [`Model::add_directory_in`].
    pub fn add_directory_in(&self, environment: &str, id: &str) {
        self.edit(|model| model.add_directory_in(environment, id));
    }

    /// See [`Model::load_directory`].
    pub fn load_directory(&self, description: &Value) -> Result<String, LoadError> {
        self.edit(|model| model.load_directory(description))
    }

    /// Whether there is a directory with this id, in any environment.
    pub fn has_directory(&self, id: &str) -> bool {
        self.shared.store.read(|model| model.directories.contains_key(id))
    }

    /// See [`Model::set_directory_state`].
    pub fn set_directory_state(&self, id: &str, state: &str) {
        self.edit(|model| model.set_directory_state(id, state));
    }

    /// See [`Model::delete_directory`].
    pub fn delete_directory(&self, id: &str) {
        self.edit(|model| model.delete_directory(id));
    }

    /// See [`Model::put_user`].
    pub fn put_user(&self, directory: &str, user: UserSpec) -> String {
        self.edit(|model| model.put_user(directory, user))
    }

    /// See [`Model::remove_user`].
    pub fn remove_user(&self, directory: &str, idp_id: &str) {
        self.edit(|model| model.remove_user(directory, idp_id));
    }

    /// See [`Model::deactivate_user`].
    pub fn deactivate_user(&self, directory: &str, idp_id: &str) {
        self.edit(|model| model.deactivate_user(directory, idp_id));
    }

    /// See [`Model::put_group`].
    pub fn put_group(&self, directory: &str, name: &str) -> String {
        self.edit(|model| model.put_group(directory, name))
    }

    /// See [`Model::rename_group`].
    pub fn rename_group(&self, directory: &str, old: &str, new: &str) {
        self.edit(|model| model.rename_group(directory, old, new));
    }

    /// See [`Model::remove_group`].
    pub fn remove_group(&self, directory: &str, name: &str) {
        self.edit(|model| model.remove_group(directory, name));
    }

    /// See [`Model::add_member`].
    pub fn add_member(&self, directory: &str, group: &str, idp_id: &str) {
        self.edit(|model| model.add_member(directory, group, idp_id));
    }

    /// See [`Model::remove_member`].
    pub fn remove_member(&self, directory: &str, group: &str, idp_id: &str) {
        self.edit(|model| model.remove_member(directory, group, idp_id));
    }

    /// The events of all changes since the start, in order; the latest hundred thousand of them.
    pub fn emitted(&self) -> Vec<Value> {
        self.shared.store.read(|model| model.events.iter().map(|emitted| emitted.event.clone()).collect())
    }

    /// See [`Model::sample_event`].
    pub fn sample_event(&self, directory: &str) -> Value {
        self.edit(|model| model.sample_event(directory))
    }

    /// Signs an event and posts it to a webhook; gives the status of the last attempt.
    pub async fn deliver(&self, url: &str, event: &Value, delivery: Delivery) -> reqwest::Result<StatusCode> {
        webhook::deliver(&self.client, self.webhook_secret(), url, event, delivery).await
    }

    /// Sets behaviours that are unknown.
    pub fn switches<R>(&self, set: impl FnOnce(&mut Switches) -> R) -> R {
        self.shared.store.adjust(|model| set(&mut model.switches))
    }

    /// What was asked so far; the view is live.
    pub fn calls(&self) -> Calls {
        self.shared.gate.calls.clone()
    }

    /// Scripts a fault.
    pub fn fault(&self, fault: Fault) {
        self.shared.gate.faults.add(fault);
    }

    /// Takes back all faults.
    pub fn clear_faults(&self) {
        self.shared.gate.faults.clear();
    }

    /// Changes the model just before the `nth` matching request from now is answered, for example between two pages.
    pub fn before_call(&self, on: Matcher, nth: u32, change: impl FnOnce(&mut Model) + Send + 'static) {
        self.shared.gate.before_call(on, nth, Box::new(change));
    }
}

//! Orgvue: the dataset routes of its public API, over one Users dataset per tenant.

mod admit;
mod control;
mod errors;
mod exports;
mod filter;
mod items;
mod model;
mod params;
mod routes;
mod switches;
mod values;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};

use serde_json::Value;

use crate::calls::Calls;
use crate::faults::{Fault, Matcher};
use crate::gate::Gate;
use crate::limits::{Buckets, InFlight};
use crate::server::Running;
use crate::store::{Store, lock};

pub use crate::limits::Rate;
pub use model::{Model, Spelling};
pub use switches::{ActionEcho, BooleanForm, Empties, ExportEnd, Policy, RoleForm, Switches};

/// How the stand-in is started.
#[derive(Clone, Debug)]
pub struct Options {
    /// The port on the loopback interface; 0 is any free one.
    pub port: u16,
    /// The token that serves every tenant.
    pub token: String,
    /// Where the model is kept; it is read from there at the start if it exists.
    pub state_file: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self { port: 0, token: "orgvue_standin".to_owned(), state_file: None }
    }
}

/// A handle on the running stand-in; clones are of the same one, and dropping the last shuts it down.
#[derive(Clone)]
pub struct Orgvue {
    shared: Shared,
    server: Arc<Running>,
    token: Arc<str>,
}

/// What a token may be used for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Token {
    /// The only tenant it serves, or all.
    tenant: Option<String>,
    /// The code of the error every use gives.
    refused: Option<String>,
}

/// What the routes work on.
#[derive(Clone)]
pub(crate) struct Shared {
    store: Arc<Store<Model>>,
    gate: Arc<Gate<Model>>,
    buckets: Arc<Buckets>,
    in_flight: InFlight,
    tokens: Arc<Mutex<BTreeMap<String, Token>>>,
    url: Arc<OnceLock<String>>,
}

impl Shared {
    fn token(&self, token: &str) -> Option<Token> {
        lock(&self.tokens).get(token).cloned()
    }

    fn url(&self) -> &str {
        self.url.get().map_or("", String::as_str)
    }
}

impl Orgvue {
    /// Starts the stand-in on the loopback interface.
    pub async fn start(options: Options) -> io::Result<Self> {
        let store = Arc::new(Store::open(options.state_file)?);
        let shared = Shared {
            gate: Arc::new(Gate::new(store.clone(), routes::VOICE)),
            store,
            buckets: Arc::default(),
            in_flight: InFlight::default(),
            tokens: Arc::new(Mutex::new(BTreeMap::from([(options.token.clone(), Token::default())]))),
            url: Arc::default(),
        };
        let server = Arc::new(Running::start(options.port, routes::router(shared.clone())).await?);
        shared.url.get_or_init(|| server.url());
        Ok(Self { shared, server, token: options.token.into() })
    }

    /// Shuts the stand-in down for all handles.
    pub async fn stop(&self) {
        self.server.stop().await;
    }

    /// The base URL, such as `http://127.0.0.1:40123`.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The token that serves every tenant.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Accepts a further token, for one tenant.
    pub fn add_token(&self, token: &str, tenant: &str) {
        let added = Token { tenant: Some(tenant.to_owned()), refused: None };
        lock(&self.shared.tokens).insert(token.to_owned(), added);
    }

    /// Makes every use of a token give the error of this code, such as `40302` for an expired one.
    pub fn refuse_token(&self, token: &str, code: &str) {
        lock(&self.shared.tokens).entry(token.to_owned()).or_default().refused = Some(code.to_owned());
    }

    /// Makes any number of changes as one.
    pub fn edit_model<R>(&self, change: impl FnOnce(&mut Model) -> R) -> R {
        self.shared.store.write(change)
    }

    /// See [`Model::add_tenant`].
    pub fn add_tenant(&self, tenant: &str, dataset_id: &str, rows: Vec<Value>) {
        self.edit_model(|model| model.add_tenant(tenant, dataset_id, rows));
    }

    /// See [`Model::add_tenant_spelled`].
    pub fn add_tenant_spelled(&self, tenant: &str, dataset_id: &str, spelling: Spelling, rows: Vec<Value>) {
        self.edit_model(|model| model.add_tenant_spelled(tenant, dataset_id, spelling, rows));
    }

    /// Whether there is a tenant with this id.
    pub fn has_tenant(&self, tenant: &str) -> bool {
        self.shared.store.read(|model| model.tenants.contains_key(tenant))
    }

    /// The dataset id of every tenant.
    pub fn datasets(&self) -> BTreeMap<String, String> {
        self.shared.store.read(|model| model.tenants.iter().map(|(tenant, held)| (tenant.clone(), held.dataset_id.clone())).collect())
    }

    /// The rows of a tenant, by login, with `_id`; roles and booleans are in the form of the switches.
    pub fn rows(&self, tenant: &str) -> Vec<Value> {
        self.shared.store.read(|model| model.rows(tenant))
    }

    /// See [`Model::insert_row`].
    pub fn insert_row(&self, tenant: &str, row: Value) -> String {
        self.edit_model(|model| model.insert_row(tenant, row))
    }

    /// See [`Model::set_row`].
    pub fn set_row(&self, tenant: &str, row: Value) {
        self.edit_model(|model| model.set_row(tenant, row));
    }

    /// See [`Model::edit`].
    pub fn edit(&self, tenant: &str, login: &str, change: impl FnOnce(&mut Value)) {
        self.edit_model(|model| model.edit(tenant, login, change));
    }

    /// See [`Model::delete_row`].
    pub fn delete_row(&self, tenant: &str, login: &str) {
        self.edit_model(|model| model.delete_row(tenant, login));
    }

    /// Makes every write for this login fail validation.
    pub fn reject_login(&self, tenant: &str, login: &str) {
        self.edit_model(|model| model.reject_login(tenant, login, true));
    }

    /// Makes every write with this login in it break down with a 500 and no effect.
    pub fn break_at_login(&self, tenant: &str, login: &str) {
        self.edit_model(|model| model.break_at_login(tenant, login, true));
    }

    /// The bodies of all writes as they were received, also of those that were refused.
    pub fn writes(&self, tenant: &str) -> Vec<Value> {
        self.shared.store.read(|model| model.tenants.get(tenant).map_or_else(Vec::new, |held| held.writes.clone()))
    }

    /// Sets behaviours that are unknown.
    pub fn switches<R>(&self, set: impl FnOnce(&mut Switches) -> R) -> R {
        self.shared.store.adjust(|model| set(&mut model.switches))
    }

    /// What was asked so far; the view is live.
    pub fn calls(&self) -> Calls {
        self.shared.gate.calls.clone()
    }

    /// The most requests of a tenant that were answered at the same time.
    pub fn most_at_once(&self, tenant: &str) -> usize {
        self.shared.in_flight.most(tenant)
    }

    /// Scripts a fault.
    pub fn fault(&self, fault: Fault) {
        self.shared.gate.faults.add(fault);
    }

    /// Takes back all faults.
    pub fn clear_faults(&self) {
        self.shared.gate.faults.clear();
    }

    /// Changes the model just before the `nth` matching request from now is answered.
    pub fn before_call(&self, on: Matcher, nth: u32, change: impl FnOnce(&mut Model) + Send + 'static) {
        self.shared.gate.before_call(on, nth, Box::new(change));
    }
}

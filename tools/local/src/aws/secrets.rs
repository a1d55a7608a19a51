//! Secrets Manager: reads of a secret, over AWS JSON 1.1.
//!
//! Secrets are stored, marked for deletion and denied in code, as people and policies do it in production.
//! `local` itself gives its secrets directly; this is for tests of what reads them.
//! Absent on purpose: every other operation, earlier versions of a secret, and ARNs without their last six characters.

mod api;
mod store;

use std::io;
use std::sync::Arc;

use self::store::{Store, Value};
use super::endpoint::{self, Endpoint};
use super::recorder::{FaultKind, Times};

/// An in-process Secrets Manager; it stops when the last clone is dropped.
#[derive(Clone)]
pub struct SecretsManager(Arc<Running>);

struct Running {
    store: Arc<Store>,
    endpoint: Endpoint,
}

impl SecretsManager {
    /// Starts Secrets Manager on `port` of the loopback interface (0 is any free one), without any secret.
    pub async fn start(port: u16) -> io::Result<Self> {
        let store = Arc::new(Store::default());
        let endpoint = endpoint::bind(port).await?.serve::<api::AwsJson>(api::routes(Arc::clone(&store)));
        Ok(Self(Arc::new(Running { store, endpoint })))
    }

    /// The URL to give the SDK as its endpoint.
    pub fn url(&self) -> &str {
        &self.0.endpoint.url
    }

    /// Stores a text under this name, or a new version of it; returns the secret's ARN, which stays.
    pub fn put(&self, name: &str, text: &str) -> String {
        self.0.store.put(name, Value::Text(text.to_owned()))
    }

    /// Stores bytes under this name, which is the other kind of secret.
    pub fn put_bytes(&self, name: &str, bytes: &[u8]) -> String {
        self.0.store.put(name, Value::Bytes(bytes.to_owned()))
    }

    /// Marks a secret for deletion: from then on it cannot be read.
    pub fn mark_for_deletion(&self, name: &str) {
        self.0.store.mark_for_deletion(name);
    }

    /// Denies reads of this name or ARN, whether there is such a secret or not.
    pub fn deny(&self, id: &str) {
        self.0.store.deny(id);
    }

    /// How often `operation` was called, failed calls included.
    pub fn calls(&self, operation: &str) -> usize {
        self.0.endpoint.recorder.calls(operation)
    }

    /// Makes calls of `operation` fail.
    pub fn fault(&self, operation: &str, times: Times, kind: FaultKind) {
        self.0.endpoint.recorder.fault(operation, times, kind);
    }

    /// Makes no further call fail.
    pub fn clear_faults(&self) {
        self.0.endpoint.recorder.clear_faults();
    }
}

//! STS: who calls, over the AWS Query protocol.
//!
//! The caller is the access key id that the request is signed with, as if it were a session of the role `operator`:
//! two people with different access key ids are two callers.
//! Absent on purpose: every other operation, as nothing here hands out credentials.

mod api;

use std::io;
use std::sync::Arc;

use super::endpoint::{self, Endpoint};
use super::recorder::{FaultKind, Times};

/// An in-process STS; it stops when the last clone is dropped.
#[derive(Clone)]
pub struct Sts(Arc<Endpoint>);

impl Sts {
    /// Starts STS on `port` of the loopback interface (0 is any free one).
    pub async fn start(port: u16) -> io::Result<Self> {
        Ok(Self(Arc::new(endpoint::bind(port).await?.serve::<api::Query>(api::routes()))))
    }

    /// The URL to give the SDK as its endpoint.
    pub fn url(&self) -> &str {
        &self.0.url
    }

    /// How often `operation` was called, failed calls included; what is not built here counts as `GetCallerIdentity`.
    pub fn calls(&self, operation: &str) -> usize {
        self.0.recorder.calls(operation)
    }

    /// Makes calls of `operation` fail.
    pub fn fault(&self, operation: &str, times: Times, kind: FaultKind) {
        self.0.recorder.fault(operation, times, kind);
    }

    /// Makes no further call fail.
    pub fn clear_faults(&self) {
        self.0.recorder.clear_faults();
    }
}

//! SNS: notices that are published, over the AWS Query protocol, and kept to be looked at.
//!
//! Absent on purpose: subscriptions, attributes and every other operation. Topics are created in code, as a template creates them in production.

mod api;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use super::endpoint::{self, Endpoint};
use super::recorder::{FaultKind, Times};
use super::{ACCOUNT, REGION};

/// An in-process SNS; it stops when the last clone is dropped.
#[derive(Clone)]
pub struct Sns {
    endpoint: Arc<Endpoint>,
    topics: Topics,
}

/// A message as it was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// To which topic.
    pub topic_arn: String,
    /// Its subject, if it has one.
    pub subject: Option<String>,
    /// Its text.
    pub message: String,
    /// Its attributes, all of which are strings.
    pub attributes: BTreeMap<String, String>,
}

#[derive(Clone, Default)]
struct Topics(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    arns: BTreeSet<String>,
    published: Vec<Published>,
}

impl Topics {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().expect("nothing panics while it holds this lock")
    }
}

impl Sns {
    /// Starts SNS on `port` of the loopback interface (0 is any free one).
    pub async fn start(port: u16) -> io::Result<Self> {
        let topics = Topics::default();
        let endpoint = endpoint::bind(port).await?.serve::<api::Query>(api::routes(topics.clone()));
        Ok(Self { endpoint: Arc::new(endpoint), topics })
    }

    /// The URL to give the SDK as its endpoint.
    pub fn url(&self) -> &str {
        &self.endpoint.url
    }

    /// Makes a topic; returns its ARN.
    pub fn create_topic(&self, name: &str) -> String {
        let arn = format!("arn:aws:sns:{REGION}:{ACCOUNT}:{name}");
        self.topics.lock().arns.insert(arn.clone());
        arn
    }

    /// What was published so far, in its order.
    pub fn published(&self) -> Vec<Published> {
        self.topics.lock().published.clone()
    }

    /// Makes calls of `operation` fail; what is not built here counts as `Publish`.
    pub fn fault(&self, operation: &str, times: Times, kind: FaultKind) {
        self.endpoint.recorder.fault(operation, times, kind);
    }
}

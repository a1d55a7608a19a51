//! The sync function: messages become runs, and the sweep finds what no message asks for.
//!
//! A run claims the directory, reads it, decides, applies and records; see `run.rs`.

mod attempt;
mod config;
mod fault;
mod look;
mod metrics;
mod operate;
mod preview;
mod restore;
mod round;
mod run;
mod seen;
mod sweep;
mod tenant;

use std::time::Duration;

use adapters::aws::chain;
use adapters::clock::now_ms;
use adapters::http::Deadline;
use adapters::metrics::Metric;
use adapters::notices::Notices;
use adapters::orgvue::{Orgvue, OrgvueOptions};
use adapters::queue::Queue;
use adapters::secrets::{Secret, SecretError, Secrets};
use adapters::store::Store;
use adapters::workos::{self, WorkOs};
use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use domain::ids::TenantId;
use domain::message::SyncMessage;
use serde_json::Value;
use tracing::Instrument as _;
use tracing::field::Empty;

pub use config::{Config, TokenSource, Tokens};
pub use look::approval;
pub use operate::{DecidedOn, OperateError, Operator};
pub use preview::{Obstacle, Preview, PreviewError, TenantPreview, check_directory, groups_of, preview};
pub use restore::{Restoration, RestoreError, TenantRestoration, restoration, restore};
pub use sweep::{Swept, sweep};

/// One try of an AWS call, and all of them. Nobody waits for the answer but the invocation itself.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);
const OPERATION_TIMEOUT: Duration = Duration::from_secs(15);

/// What the handler works with, built once.
#[derive(Debug)]
pub struct Deps {
    config: Config,
    store: Store,
    queue: Queue,
    dead_letters: Queue,
    workos: WorkOs,
    orgvue: Orgvue,
    secrets: Secrets,
    notices: Option<Notices>,
}

/// The HTTP clients could not be made: a wrong URL or key, or a bug.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// WorkOS's.
    #[error(transparent)]
    WorkOs(#[from] workos::OptionsError),
    /// Orgvue's.
    #[error(transparent)]
    Orgvue(#[from] adapters::orgvue::BuildError),
}

impl Deps {
    /// Builds the clients.
    ///
    /// # Errors
    /// [`BuildError`].
    pub fn new(config: Config, aws: &SdkConfig) -> Result<Self, BuildError> {
        let timeouts = TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT_TIMEOUT).operation_timeout(OPERATION_TIMEOUT).build();
        let aws = aws.to_builder().timeout_config(timeouts).build();
        let secrets = Secrets::new(aws_sdk_secretsmanager::Client::new(&aws), config.secret_ages);
        let workos = workos::Options {
            timeout: config.http_timeout,
            users_interval: workos::users_interval(config.workos_users_per_second),
            tls: config.tls.clone(),
            ..workos::Options::new(config.workos_url.clone(), secrets.of(&config.workos_key))
        };
        let orgvue =
            OrgvueOptions { timeout: config.http_timeout, tls: config.tls.clone(), ..OrgvueOptions::new(config.orgvue_url.clone()) };
        let sqs = aws_sdk_sqs::Client::new(&aws);
        Ok(Self {
            store: Store::new(aws_sdk_dynamodb::Client::new(&aws), &config.table),
            queue: Queue::new(sqs.clone(), &config.queue_url),
            dead_letters: Queue::new(sqs, &config.dead_letter_queue_url),
            workos: WorkOs::new(workos)?,
            orgvue: Orgvue::new(orgvue)?,
            secrets,
            notices: config.notice_topic_arn.as_ref().map(|topic| Notices::new(aws_sdk_sns::Client::new(&aws), topic)),
            config,
        })
    }

    /// Reads the WorkOS key, so that what is wrong with it shows at the start and not with the first run.
    ///
    /// # Errors
    /// [`SecretError`], unless it passes: a function starts also while Secrets Manager is down.
    pub async fn check_secrets(&self) -> Result<(), SecretError> {
        self.secrets.of(&self.config.workos_key).value().await.map(drop).or_else(SecretError::unless_passing)
    }

    /// The API token of a tenant, unless none is configured. One that is kept elsewhere is not read yet.
    fn token(&self, tenant: &TenantId) -> Option<Secret> {
        match &self.config.orgvue_tokens {
            TokenSource::Given(tokens) => tokens.of(tenant).map(Secret::from),
            TokenSource::Kept { prefix } => Some(self.secrets.kept(&format!("{prefix}{tenant}"))),
        }
    }
}

/// What invokes the function.
#[derive(Debug)]
pub enum Invocation {
    /// Messages of the sync queue.
    Batch(Box<SqsEvent>),
    /// The recurring schedule.
    Sweep,
}

/// An event that is neither messages nor the sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(r#"not an SQS event and not {{"action":"sweep"}}"#)]
pub struct UnknownInvocation;

impl Invocation {
    /// Reads the event of an invocation.
    ///
    /// # Errors
    /// [`UnknownInvocation`].
    pub fn parse(event: Value) -> Result<Self, UnknownInvocation> {
        if event.get("action").and_then(Value::as_str) == Some("sweep") {
            return Ok(Self::Sweep);
        }
        if event.get("Records").is_none() {
            return Err(UnknownInvocation);
        }
        serde_json::from_value(event).map(Box::new).map(Self::Batch).map_err(|_| UnknownInvocation)
    }
}

/// Handles the messages of a batch, one by one; returns those that must come again.
///
/// A message comes again only if the table could not be used. Whatever else happens to a run is recorded and owed.
pub async fn handle_batch(deps: &Deps, event: SqsEvent, deadline: Deadline) -> SqsBatchResponse {
    let mut response = SqsBatchResponse::default();
    let mut measured = Vec::new();
    for message in event.records {
        let span = tracing::info_span!("message", run.id = Empty);
        if !handle_message(deps, &message, deadline, &mut measured).instrument(span).await {
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = message.message_id.unwrap_or_default();
            response.batch_item_failures.push(failure);
        }
    }
    deps.config.metrics.write(now_ms(), &measured);
    response
}

/// Whether the message is done with.
async fn handle_message(deps: &Deps, message: &SqsMessage, deadline: Deadline, measured: &mut Vec<Metric>) -> bool {
    let message_id = message.message_id.as_deref().unwrap_or_default();
    let body = message.body.as_deref().unwrap_or_default();
    let done = match SyncMessage::from_json(body) {
        // Boxed: the compiler gives up on futures within futures that are as deep as these.
        Ok(message) => match Box::pin(run::run(deps, &message, deadline)).await {
            Ok(record) => {
                measured.extend(record.iter().flat_map(metrics::of_run));
                Ok(())
            }
            Err(error) => Err(chain(&error)),
        },
        Err(error) => {
            // Another try cannot help, and must not hold up anything else: it goes where people look, at once.
            tracing::error!(message.id = message_id, %error, "malformed message goes to the dead-letter queue");
            measured.push(metrics::MALFORMED);
            deps.dead_letters.send_unread(body).await.map_err(|error| chain(&error))
        }
    };
    if let Err(error) = &done {
        tracing::error!(message.id = message_id, error, "message comes again");
    }
    done.is_ok()
}

//! The webhook function: a signed WorkOS webhook becomes pending work and a schedule for the end of its window.
//!
//! The answer is 2xx only when the event is durable; WorkOS sends again what was not. An answer never says why it refuses.

mod config;
mod metrics;
mod signers;

use std::net::IpAddr;
use std::time::Duration;

use adapters::aws::{AwsError, chain};
use adapters::clock::now_ms;
use adapters::queue::Queue;
use adapters::scheduler::Scheduler;
use adapters::secrets::{SecretError, Secrets};
use adapters::store::{EventRecord, Marked, Store, StoreError};
use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use domain::event::{self, DirectoryEvent, Event};
use domain::message::{Reason, SyncMessage};
use domain::pending::Pending;
use domain::signature::{self, SignatureError, VerifiedWebhook};
use ipnet::IpNet;
use lambda_http::http::{HeaderMap, Method, StatusCode};
use lambda_http::request::RequestContext;
use lambda_http::{Body, Request, RequestExt as _, Response};
use secrecy::ExposeSecret;
use subtle::ConstantTimeEq;
use tokio::time::timeout;
use tracing::field::Empty;
use tracing::{Instrument as _, Span};

use signers::{Read, Signers};

pub use config::{Config, WebhookSecrets};

/// WorkOS's signature header: <https://workos.com/docs/events/data-syncing/webhooks>.
const SIGNATURE_HEADER: &str = "workos-signature";
/// Largest body that is looked at. A directory event is a few KB.
const BODY_BYTES_MAX: usize = 1024 * 1024;
/// A window that ends sooner is not worth a schedule, and Scheduler takes no time in the past.
const SCHEDULE_AHEAD_MS_MIN: i64 = 1_000;
/// One try of an AWS call, and all of them.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(1);
const OPERATION_TIMEOUT: Duration = Duration::from_secs(3);
/// Longest that making an event durable may take, and recording it then: WorkOS waits for the answer, for how long it does not say.
const DURABLE_TIMEOUT: Duration = Duration::from_secs(4);
const RECORD_TIMEOUT: Duration = Duration::from_millis(500);
/// Longest that all of it may take, secrets that have to be read included: the invocation ends after ten seconds, and an answer must come before.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(8);

/// What the handler works with, built once.
#[derive(Debug)]
pub struct Deps {
    config: Config,
    store: Store,
    queue: Queue,
    scheduler: Scheduler,
    signers: Signers,
}

impl Deps {
    /// Builds the clients.
    pub fn new(config: Config, aws: &SdkConfig) -> Self {
        let timeouts = TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT_TIMEOUT).operation_timeout(OPERATION_TIMEOUT).build();
        let aws = aws.to_builder().timeout_config(timeouts).build();
        let secrets = Secrets::new(aws_sdk_secretsmanager::Client::new(&aws), config.secret_ages);
        Self {
            store: Store::new(aws_sdk_dynamodb::Client::new(&aws), &config.table),
            queue: Queue::new(aws_sdk_sqs::Client::new(&aws), &config.queue_url),
            scheduler: Scheduler::new(aws_sdk_scheduler::Client::new(&aws), config.schedule.clone()),
            signers: Signers::new(&config.secrets, &secrets),
            config,
        }
    }

    /// Reads the secrets, so that what is wrong with them shows at the start and not with the first webhook.
    ///
    /// # Errors
    /// [`SecretError`], unless it passes: a function starts also while Secrets Manager is down.
    pub async fn check_secrets(&self) -> Result<(), SecretError> {
        self.signers.read().await.map(drop).or_else(SecretError::unless_passing)
    }
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// The event is durable.
    Accepted,
    /// Signed, and nothing to do with us, or nothing that sending it again could help.
    Ignored(&'static str),
    /// Not let in.
    Refused(StatusCode, &'static str),
    /// Not let in for its path or its sender, though it bears a signature, which nobody has verified: perhaps WorkOS's.
    TurnedAway(&'static str),
    /// Not durable, or not verified because there are no secrets to be had: send it again.
    NotDurable,
}

/// Handles one webhook.
pub async fn handle(deps: &Deps, request: Request) -> Response<Body> {
    respond(deps, request).instrument(tracing::info_span!("webhook", event.id = Empty)).await
}

async fn respond(deps: &Deps, request: Request) -> Response<Body> {
    let outcome = timeout(ANSWER_TIMEOUT, settle(deps, request)).await.unwrap_or_else(|_| {
        tracing::error!(outcome = "out_of_time", "webhook was not dealt with in time");
        Outcome::NotDurable
    });
    let status = match outcome {
        Outcome::Accepted | Outcome::Ignored(_) => StatusCode::OK,
        Outcome::Refused(status, _) => status,
        Outcome::TurnedAway(_) => StatusCode::UNAUTHORIZED,
        Outcome::NotDurable => StatusCode::SERVICE_UNAVAILABLE,
    };
    match outcome {
        Outcome::Refused(_, why) | Outcome::TurnedAway(why) => {
            tracing::info!(outcome = "refused", why, status = status.as_u16(), "webhook refused")
        }
        Outcome::Ignored(why) => tracing::info!(outcome = "ignored", why, "webhook ignored"),
        Outcome::Accepted | Outcome::NotDurable => {}
    }
    deps.config.metrics.write(now_ms(), metrics::of(outcome).as_slice());
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = status;
    response
}

async fn settle(deps: &Deps, request: Request) -> Outcome {
    match admit(deps, request).await {
        Ok(webhook) => accept(deps, &webhook).await,
        Err(refused) => refused,
    }
}

/// The cheapest checks come first: unsigned traffic is turned away for the price of a comparison.
async fn admit(deps: &Deps, request: Request) -> Result<VerifiedWebhook, Outcome> {
    let config = &deps.config;
    if !has_path_token(config, request.uri().path()) {
        return Err(turned_away(&request, "path_token"));
    }
    if !comes_from(&config.sources, &request) {
        return Err(turned_away(&request, "source"));
    }
    if request.method() != Method::POST {
        return Err(Outcome::Refused(StatusCode::METHOD_NOT_ALLOWED, "method"));
    }
    let (head, body) = request.into_parts();
    if body.len() > BODY_BYTES_MAX {
        return Err(Outcome::Refused(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"));
    }
    let read = deps.signers.read().await.map_err(|error| without_secrets(&error))?;
    let mut verified = verify(config, &head.headers, &body, &read);
    // The secret may have been replaced since it was read.
    if matches!(verified, Err(SignatureError::Mismatch))
        && let Some(newer) = deps.signers.newer(&read).await
    {
        verified = verify(config, &head.headers, &body, &newer.map_err(|error| without_secrets(&error))?);
    }
    verified.map_err(|error| {
        let why = match error {
            // Signed with our secret, so either a replay or clocks that disagree: worth an alarm of its own.
            SignatureError::Stale { age_ms } => {
                tracing::warn!(outcome = "stale", age_ms, "valid signature outside the tolerance");
                "stale"
            }
            SignatureError::NoSecret => "no_secret",
            SignatureError::Missing => "signature_missing",
            SignatureError::Duplicate => "signature_duplicate",
            SignatureError::Malformed(_) => "signature_malformed",
            SignatureError::Mismatch => "signature_mismatch",
        };
        Outcome::Refused(StatusCode::UNAUTHORIZED, why)
    })
}

/// By the form of the signature alone: to have it verified is for those who are let in.
fn turned_away(request: &Request, why: &'static str) -> Outcome {
    if signature::is_formed(&signatures(request.headers())) {
        Outcome::TurnedAway(why)
    } else {
        Outcome::Refused(StatusCode::UNAUTHORIZED, why)
    }
}

fn signatures(headers: &HeaderMap) -> Vec<&[u8]> {
    headers.get_all(SIGNATURE_HEADER).iter().map(|value| value.as_bytes()).collect()
}

fn verify(config: &Config, headers: &HeaderMap, body: &Body, read: &Read) -> Result<VerifiedWebhook, SignatureError> {
    let secrets: Vec<&[u8]> = read.secrets.iter().map(|secret| secret.expose_secret().as_bytes()).collect();
    signature::verify(&signatures(headers), body.to_vec(), &secrets, now_ms(), config.tolerance_ms)
}

/// Nobody can tell whether it is WorkOS's.
fn without_secrets(error: &SecretError) -> Outcome {
    tracing::error!(outcome = "no_secrets", error = chain(error), "webhook cannot be verified");
    Outcome::NotDurable
}

fn has_path_token(config: &Config, path: &str) -> bool {
    let Some(token) = &config.path_token else { return true };
    let last = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    last.as_bytes().ct_eq(token.expose_secret().as_bytes()).into()
}

/// Whether the request comes from one of these networks, if any are named. Lambda's event tells the address; a header could be anybody's.
fn comes_from(sources: &[IpNet], request: &Request) -> bool {
    let text = match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => context.http.source_ip.as_deref(),
        Some(RequestContext::ApiGatewayV1(context)) => context.identity.source_ip.as_deref(),
        _ => None,
    };
    let address: Option<IpAddr> = text.and_then(|text| text.parse().ok());
    sources.is_empty() || address.is_some_and(|address| sources.iter().any(|network| network.contains(&address)))
}

async fn accept(deps: &Deps, webhook: &VerifiedWebhook) -> Outcome {
    let event = match event::parse(webhook) {
        Ok(Event::Directory(event)) => event,
        Ok(Event::Ignored { .. }) => return Outcome::Ignored("kind"),
        Err(error) => {
            // Sending it again cannot help, so it is taken; a person must look.
            tracing::warn!(outcome = "unparseable", %error, "signed webhook cannot be read");
            return Outcome::Ignored("unparseable");
        }
    };
    Span::current().record("event.id", event.id.as_ref().map(|id| id.as_str()));
    let received_at_ms = now_ms();
    let pending = match timeout(DURABLE_TIMEOUT, make_durable(deps, &event, received_at_ms)).await {
        Ok(Ok(Marked::Pending(pending))) => pending,
        // Such as a dashboard test event, or a customer who is not connected yet.
        Ok(Ok(Marked::UnknownDirectory)) => return Outcome::Ignored("unknown_directory"),
        Ok(Err(error)) => {
            tracing::error!(outcome = "not_durable", directory.id = %event.directory, error = chain(&error), "webhook is not durable");
            return Outcome::NotDurable;
        }
        Err(_) => {
            tracing::error!(outcome = "not_durable", directory.id = %event.directory, "webhook did not become durable in time");
            return Outcome::NotDurable;
        }
    };
    tracing::info!(
        outcome = "accepted",
        event.id = event.id.as_ref().map(|id| id.as_str()),
        event.kind = event.kind,
        directory.id = %event.directory,
        integration.id = %pending.integration,
        generation = pending.generation,
        "webhook accepted"
    );
    record(deps, event, received_at_ms).await;
    Outcome::Accepted
}

/// Marks the work, and sees to it that its window ends in a message.
async fn make_durable(deps: &Deps, event: &DirectoryEvent, now_ms: i64) -> Result<Marked, StoreError> {
    let marked = deps.store.mark(&event.directory, deps.config.delays.window_due(now_ms)).await?;
    if let Marked::Pending(pending) = &marked {
        schedule(deps, pending, now_ms).await?;
    }
    Ok(marked)
}

/// Sees to it that the open window ends in a message, whoever opened it.
async fn schedule(deps: &Deps, pending: &Pending, now_ms: i64) -> Result<(), AwsError> {
    let Some(due_ms) = pending.wants_schedule() else { return Ok(()) };
    let message = SyncMessage::new(pending.directory.clone(), pending.generation, Reason::Webhook);
    let scheduled = if due_ms - now_ms >= SCHEDULE_AHEAD_MS_MIN {
        deps.scheduler.schedule(&pending.integration, due_ms, &message).await
    } else {
        deps.queue.send(&message, 0).await
    };
    if let Err(error) = scheduled {
        tracing::warn!(directory.id = %pending.directory, error = chain(&error), "the queue delays the message instead of a schedule");
        // The tries took their time, so the delay is counted from here.
        deps.queue.send(&message, due_ms - adapters::clock::now_ms()).await?;
    }
    if let Err(error) = deps.store.scheduled(&pending.directory, due_ms).await {
        // The next event of the window schedules again, under the same name.
        tracing::warn!(directory.id = %pending.directory, error = chain(&error), "the schedule could not be noted");
    }
    Ok(())
}

async fn record(deps: &Deps, event: DirectoryEvent, received_at_ms: i64) {
    let Some(id) = event.id else { return };
    let record = EventRecord { id, kind: event.kind, directory: event.directory, received_at_ms };
    match timeout(RECORD_TIMEOUT, deps.store.put_event(&record)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(event.id = %record.id, error = chain(&error), "event could not be recorded"),
        Err(_) => tracing::warn!(event.id = %record.id, "event was not recorded in time"),
    }
}

//! What both vendor clients share: a bounded, counted, patient HTTP call.
//!
//! Every call has a time limit, a byte limit and a deadline that comes from the Lambda's own. Waits obey `Retry-After`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use bytes::{Bytes, BytesMut};
use reqwest::header::HeaderValue;
use reqwest::{RequestBuilder, StatusCode, header};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;

use crate::clock;
use crate::secrets::{Secret, SecretError};

/// Most tries of one call: with the waits between them, about 20 s before the run itself is tried again later.
const TRIES_MAX: usize = 6;
/// Wait before the second try, doubled for each one more, with jitter.
const WAIT_FIRST: Duration = Duration::from_millis(300);
/// Longest wait that we choose ourselves.
const WAIT_MAX: Duration = Duration::from_secs(8);
/// Longest `Retry-After` that we sit out. A server that asks for more is left alone until the run's own retry.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(60);
/// Longest name of a request that is kept. A trace id with all its parts has some 100 characters.
const REQUEST_ID_BYTES_MAX: usize = 128;
/// Most of the error body of a read that is kept for its code.
const ERROR_BYTES_MAX: usize = 16 * 1024;

/// The time until which a run may work: its invocation's deadline, less what is needed to record the run.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(Instant);

impl Deadline {
    /// So long from now.
    pub fn after(time: Duration) -> Self {
        Self(Instant::now() + time)
    }

    /// What is left; zero if it has passed.
    pub fn remaining(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// This much earlier.
    #[must_use]
    pub fn less(self, time: Duration) -> Self {
        Self(self.0.checked_sub(time).unwrap_or_else(Instant::now))
    }
}

/// Bytes that no log or error text shows.
#[derive(Clone, Default)]
pub struct Unshown(pub Bytes);

impl std::ops::Deref for Unshown {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for Unshown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

/// Why a call has no answer to use.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The server answered with an error.
    #[error("answered with status {status}")]
    Status {
        /// The HTTP status.
        status: StatusCode,
        /// The body; of a read it is cut to 16 KB. It may hold personal data.
        body: Unshown,
        /// How long the server asks to wait.
        retry_after: Option<Duration>,
        /// The vendor's name for the request, for their support.
        request_id: Option<String>,
    },
    /// There was no answer, or only a part of one: the request may have had its effect.
    #[error("no whole answer")]
    Transport(#[source] reqwest::Error),
    /// The answer is larger than we can hold.
    #[error("answer of more than {bytes_max} bytes")]
    TooLarge {
        /// The bound.
        bytes_max: usize,
    },
    /// The time of the run is over.
    #[error("out of time")]
    OutOfTime,
    /// There is no secret to send it with; it was not sent.
    #[error("nothing to be let in with")]
    Secret(#[source] SecretError),
}

impl CallError {
    /// Whether the server said that it did not do it and will later.
    pub fn is_throttled(&self) -> bool {
        matches!(self, Self::Status { status, .. } if *status == StatusCode::TOO_MANY_REQUESTS)
    }

    /// Whether it is worth another try of a call that has no effect.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Status { status, .. } => {
                status.is_server_error() || matches!(*status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT)
            }
            Self::Transport(_) => true,
            Self::TooLarge { .. } | Self::OutOfTime | Self::Secret(_) => false,
        }
    }

    /// Whether the server does not accept the secret, and did nothing. Behind a 403 a part of a write may have been done.
    fn refuses_secret(&self, effect: Effect) -> bool {
        match self {
            Self::Status { status: StatusCode::UNAUTHORIZED, .. } => true,
            Self::Status { status: StatusCode::FORBIDDEN, .. } => effect == Effect::None,
            Self::Status { .. } | Self::Transport(_) | Self::TooLarge { .. } | Self::OutOfTime | Self::Secret(_) => false,
        }
    }

    /// The vendor's name for the request, for their support.
    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::Status { request_id, .. } => request_id.as_deref(),
            Self::Transport(_) | Self::TooLarge { .. } | Self::OutOfTime | Self::Secret(_) => None,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            Self::Transport(_) | Self::TooLarge { .. } | Self::OutOfTime | Self::Secret(_) => None,
        }
    }
}

/// Which failures of a call are tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// The call only reads: whatever passes is tried again.
    None,
    /// The call writes: only what the server turned away is tried again; a lost answer is for the caller to look into. So is an error that
    /// breaks off, for its body may say of what a part was done.
    Writes,
}

/// The calls of one run to one vendor.
#[derive(Debug, Clone)]
pub struct Calls {
    count: Arc<AtomicU64>,
    deadline: Deadline,
    timeout: Duration,
}

impl Calls {
    /// Calls that take at most `timeout` each and end by the deadline.
    pub fn new(deadline: Deadline, timeout: Duration) -> Self {
        Self { count: Arc::default(), deadline, timeout }
    }

    /// Requests sent so far, retries included: the vendors' limits are in calls.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// When to be done.
    pub fn deadline(&self) -> Deadline {
        self.deadline
    }

    /// The longest that one try can take.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Sends a request as [`send`](Self::send) does, with a bearer token; once more if it is refused and there is a newer one, for then it
    /// is being rotated.
    ///
    /// # Errors
    /// [`CallError`]; without a token nothing is sent.
    pub async fn send_as<R: Future<Output = ()>>(
        &self,
        token: &Secret,
        effect: Effect,
        bytes_max: usize,
        request: impl Fn() -> RequestBuilder,
        ready: impl Fn() -> R,
    ) -> Result<Bytes, CallError> {
        let unusable = || CallError::Secret(token.unusable("holds a character that no http header may"));
        // Boxed: the SDK's futures are deep, and so are those around these.
        let value = self.in_time(Box::pin(token.value())).await?.map_err(CallError::Secret)?;
        let header = bearer(&value).ok_or_else(unusable)?;
        let refused = match self.send(effect, bytes_max, || request().header(header::AUTHORIZATION, header.clone()), &ready).await {
            Err(error) if error.refuses_secret(effect) => error,
            outcome => return outcome,
        };
        let Some(value) = self.in_time(Box::pin(token.newer(&value))).await? else { return Err(refused) };
        let header = bearer(&value).ok_or_else(unusable)?;
        self.send(effect, bytes_max, || request().header(header::AUTHORIZATION, header.clone()), &ready).await
    }

    async fn in_time<T>(&self, work: impl Future<Output = T>) -> Result<T, CallError> {
        tokio::time::timeout(self.deadline.remaining(), work).await.map_err(|_| CallError::OutOfTime)
    }

    /// Sends a request, again if need be, and returns the body of a 2xx answer.
    ///
    /// `ready` is awaited before each try: a throttle belongs there.
    ///
    /// # Errors
    /// [`CallError`], once the tries or the time are used up or another try would not help.
    pub async fn send<R: Future<Output = ()>>(
        &self,
        effect: Effect,
        bytes_max: usize,
        request: impl Fn() -> RequestBuilder,
        ready: impl Fn() -> R,
    ) -> Result<Bytes, CallError> {
        let backoff =
            ExponentialBuilder::default().with_min_delay(WAIT_FIRST).with_max_delay(WAIT_MAX).with_max_times(TRIES_MAX - 1).with_jitter();
        let attempt = || async {
            ready().await;
            self.send_once(effect, bytes_max, request()).await
        };
        attempt
            .retry(backoff)
            .sleep(clock::wait)
            .when(|error| error.is_throttled() || (effect == Effect::None && error.is_passing()))
            .adjust(|error, wait| self.wait_before_next(error, wait))
            .await
    }

    /// The wait before the next try; `None` when there is none to wait for. A little is added to `Retry-After` so that
    /// many callers do not come back at once.
    fn wait_before_next(&self, error: &CallError, wait: Option<Duration>) -> Option<Duration> {
        let wait = wait?;
        let wait = match error.retry_after() {
            Some(asked) if asked > RETRY_AFTER_MAX => return None,
            Some(asked) => asked + wait / 4,
            None => wait,
        };
        (wait + self.timeout / 4 < self.deadline.remaining()).then_some(wait)
    }

    async fn send_once(&self, effect: Effect, bytes_max: usize, request: RequestBuilder) -> Result<Bytes, CallError> {
        let remaining = self.deadline.remaining();
        let is_time_left = match effect {
            Effect::None => !remaining.is_zero(),
            // Nobody tells a write to stop whose answer does not come: one is begun only if there is time to wait for its end too.
            Effect::Writes => remaining >= 2 * self.timeout,
        };
        if !is_time_left {
            return Err(CallError::OutOfTime);
        }
        let timeout = self.timeout.min(remaining);
        self.count.fetch_add(1, Ordering::Relaxed);
        let response = request.timeout(timeout).send().await.map_err(transport)?;
        let status = response.status();
        if status.is_success() {
            return read_body(response, bytes_max).await;
        }
        let retry_after = response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()).and_then(retry_after);
        let request_id = request_id(response.headers());
        let body = match effect {
            Effect::None => read_body_start(response).await,
            Effect::Writes => read_body(response, bytes_max).await?,
        };
        Err(CallError::Status { status, body: Unshown(body), retry_after, request_id })
    }
}

/// The header for a token, if one can carry it. White space around the token is none of it.
pub(crate) fn bearer(token: &SecretString) -> Option<HeaderValue> {
    let mut header = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret().trim())).ok()?;
    header.set_sensitive(true);
    Some(header)
}

fn transport(error: reqwest::Error) -> CallError {
    // The URL of a call holds ids only, but an error is shown where nobody expects one.
    CallError::Transport(error.without_url())
}

/// `Retry-After` in its two forms would be seconds or a date. Both vendors use seconds; a date is taken for no advice.
fn retry_after(value: &str) -> Option<Duration> {
    value.trim().parse().ok().map(Duration::from_secs)
}

/// What the vendor's support asks for: WorkOS's `X-Request-Id`, Orgvue's `X-Amzn-Trace-Id`.
fn request_id(headers: &header::HeaderMap) -> Option<String> {
    ["x-request-id", "x-amzn-trace-id"]
        .into_iter()
        .find_map(|name| headers.get(name))
        .and_then(|value| value.to_str().ok())
        .filter(|id| is_request_id(id))
        .map(str::to_owned)
}

/// Whether it looks like a vendor's name for a request, and may be logged.
pub(crate) fn is_request_id(text: &str) -> bool {
    text.len() <= REQUEST_ID_BYTES_MAX && text.bytes().all(|byte| byte.is_ascii_graphic())
}

async fn read_body(mut response: reqwest::Response, bytes_max: usize) -> Result<Bytes, CallError> {
    // As long as it says it is, if it says so: a buffer that grows is copied time and again.
    let said = response.content_length().and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(0);
    let mut body = BytesMut::with_capacity(said.min(bytes_max));
    while let Some(chunk) = response.chunk().await.map_err(transport)? {
        if body.len() + chunk.len() > bytes_max {
            return Err(CallError::TooLarge { bytes_max });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

async fn read_body_start(mut response: reqwest::Response) -> Bytes {
    let mut body = BytesMut::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk[..chunk.len().min(ERROR_BYTES_MAX - body.len())]);
        if body.len() == ERROR_BYTES_MAX {
            break;
        }
    }
    body.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_looks_like_an_id_is_kept_as_one() {
        let kept = |id: &str| {
            let headers = [("x-amzn-trace-id".parse().unwrap(), HeaderValue::from_str(id).unwrap())];
            request_id(&header::HeaderMap::from_iter(headers))
        };
        assert_eq!(kept("Root=1-62bcb5d3-3b211f86").as_deref(), Some("Root=1-62bcb5d3-3b211f86"));
        assert!(kept(&"x".repeat(128)).is_some());
        for bad in ["x".repeat(129), "ada lovelace".to_owned(), "a\tb".to_owned()] {
            assert_eq!(kept(&bad), None);
        }
    }
}

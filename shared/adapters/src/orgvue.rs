//! Orgvue: a tenant's Users dataset, read whole and written account by account.
//!
//! * One request at a time per tenant, each bounded in time and bytes.
//! * Header names are sent in title case over HTTP/1.1, because Orgvue says of its API that
//!   [all request headers are case sensitive](https://orgvue.eu-west-1.concentra.io/app/docs/1.0.0/guide/your_first_call/).
//! * Writes are item actions (`create`, `update`, `delete`) by `_id`. Deliberately absent: `replace`, the `createOr…`
//!   upserts and `implicitDelete`, each of which can clear what we do not know or remove whom we did not name.
//! * No log line and no error holds a body, a login or the token.

mod error;
mod export;
mod wire;
mod write;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use domain::ids::{DatasetId, TenantId};
use domain::row::{ListError, Row};
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Method, RequestBuilder};
use url::Url;

pub use error::{OrgvueError, TooLarge};
pub use write::{AccountFailure, Applied, Refusal, StopCause, Stopped};

use crate::clock;
use crate::http::{CallError, Calls, Deadline, Effect, bearer};
use crate::secrets::Secret;
use crate::tls::Tls;

/// Asked of every call, reads too. <https://orgvue.eu-west-1.concentra.io/app/docs/1.0.0/guide/your_first_call/>
const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=UTF-8");
/// Largest metadata of a dataset: thousands of properties.
const METADATA_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Longest wait for a connection, within the time of a call.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// What the rows of a dataset come as.
const LIST: &str = "a list of items";
/// Idle connections are given up early: a frozen Lambda finds them cut, and a write on one would be an ambiguous one.
const IDLE_TIMEOUT: Duration = Duration::from_secs(15);

/// How Orgvue is talked to.
#[derive(Debug, Clone)]
pub struct OrgvueOptions {
    /// The region's host, such as `https://orgvue.eu-west-1.concentra.io`.
    pub base_url: Url,
    /// Longest that one request may take. The gateway in front of Orgvue gives up after 29 s.
    pub timeout: Duration,
    /// Most item actions in one write.
    pub batch_actions_max: usize,
    /// Largest body of one write, in bytes. Orgvue's limit is a strict 6 MB.
    pub batch_bytes_max: usize,
    /// Largest dataset that is held, in bytes of JSON.
    pub dataset_bytes_max: usize,
    /// Most rows of a dataset that are held. With what is made of them, 100,000 take 141 MB beside a directory of 40 MB and a plan of up to 204:
    /// 120,000 fit into the 512 MB that the sync function has by default.
    pub dataset_rows_max: usize,
    /// How long to wait before the dataset is read again behind an answer that is none. Where there was no answer the write may still be under way,
    /// and the wait is as long as a request may take.
    pub settle: Duration,
    /// Whose word is taken for who Orgvue is; Mozilla's authorities by default.
    pub tls: Tls,
}

impl OrgvueOptions {
    /// The defaults, for this region's host.
    pub fn new(base_url: Url) -> Self {
        Self {
            base_url,
            timeout: Duration::from_secs(30),
            batch_actions_max: 500,
            batch_bytes_max: 5_500_000,
            dataset_bytes_max: 64 * 1024 * 1024,
            dataset_rows_max: 120_000,
            settle: Duration::from_secs(2),
            tls: Tls::default(),
        }
    }
}

/// The HTTP client could not be made: a bug, or a machine without certificates.
#[derive(Debug, thiserror::Error)]
#[error("build the client for orgvue")]
pub struct BuildError(#[source] reqwest::Error);

/// One Orgvue region. Cheap to clone: clones share the connections.
#[derive(Debug, Clone)]
pub struct Orgvue {
    http: reqwest::Client,
    options: Arc<OrgvueOptions>,
}

impl Orgvue {
    /// Makes the client; no request is sent.
    ///
    /// # Errors
    /// [`BuildError`], when there is no TLS to be had.
    pub fn new(options: OrgvueOptions) -> Result<Self, BuildError> {
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(options.tls.offering(&["http/1.1"]))
            .http1_only()
            .http1_title_case_headers()
            .user_agent("orgvue-scim-sync")
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .build()
            .map_err(BuildError)?;
        Ok(Self { http, options: Arc::new(options) })
    }

    /// One run's view of one tenant. A token that is kept in Secrets Manager is read with the first request.
    ///
    /// # Errors
    /// [`OrgvueError::UnusableToken`] when the token that was given cannot be sent.
    pub fn users_dataset(
        &self,
        tenant: TenantId,
        dataset: &DatasetId,
        token: impl Into<Secret>,
        deadline: Deadline,
    ) -> Result<UsersDataset, OrgvueError> {
        let base = self.options.base_url.as_str().trim_end_matches('/');
        let url = format!("{base}/api/v1/{tenant}/datasets/{dataset}");
        let token = token.into();
        if token.given().is_some_and(|token| bearer(token).is_none()) {
            return Err(OrgvueError::UnusableToken);
        }
        Ok(UsersDataset {
            http: self.http.clone(),
            options: self.options.clone(),
            calls: Calls::new(deadline, self.options.timeout),
            tenant,
            url,
            token,
            is_exported: AtomicBool::new(false),
        })
    }
}

/// The Users dataset of one tenant, for the time of one run.
#[derive(Debug)]
pub struct UsersDataset {
    http: reqwest::Client,
    options: Arc<OrgvueOptions>,
    calls: Calls,
    tenant: TenantId,
    url: String,
    token: Secret,
    /// Whether the dataset was once had by an export: a further synchronous read is in vain.
    is_exported: AtomicBool,
}

impl UsersDataset {
    /// The keys of the dataset's properties, to be compared with the configured ones before anything else.
    ///
    /// # Errors
    /// [`OrgvueError`] says whether to retry or to refuse.
    pub async fn property_keys(&self) -> Result<BTreeSet<String>, OrgvueError> {
        let body = self.get("", METADATA_BYTES_MAX).await.map_err(OrgvueError::from_call)?;
        let metadata: wire::Metadata =
            serde_json::from_slice(&body).map_err(|error| OrgvueError::malformed("a dataset's metadata", &error))?;
        Ok(metadata.properties.into_iter().map(|property| property.key).collect())
    }

    /// Every row with every property. Orgvue [returns them in one piece](https://orgvue.eu-west-1.concentra.io/app/docs/1.0.0/egress/retrieve-items/),
    /// as stored; there are no pages. A dataset that is too large for that is exported.
    ///
    /// # Errors
    /// [`OrgvueError`] says whether to retry or to refuse.
    pub async fn rows(&self) -> Result<Vec<Row>, OrgvueError> {
        if self.is_exported.load(Ordering::Relaxed) {
            return self.exported_rows().await;
        }
        let error = match self.get("/items", self.options.dataset_bytes_max).await {
            Ok(body) => {
                return self.listed(body.into());
            }
            Err(error) => error,
        };
        // Where the limit of the synchronous read is, and how Orgvue says so, is not documented.
        let rows = match &error {
            CallError::Status { status, .. } if status.as_u16() == 413 => self.exported_rows().await?,
            // What AWS's gateway says of an answer that is too large for Lambda, or not ready in time; but then all of Orgvue may be out of order.
            CallError::Status { status, .. } if matches!(status.as_u16(), 502 | 504) => {
                self.exported_rows().await.map_err(|why| match why {
                    OrgvueError::DatasetTooLarge(why) => OrgvueError::DatasetTooLarge(why.perhaps()),
                    _ => OrgvueError::from_call(error),
                })?
            }
            _ => return Err(OrgvueError::from_call(error)),
        };
        self.is_exported.store(true, Ordering::Relaxed);
        Ok(rows)
    }

    /// Requests sent so far, retries included.
    pub fn calls(&self) -> u64 {
        self.calls.count()
    }

    /// The rows of a list.
    fn listed(&self, json: Vec<u8>) -> Result<Vec<Row>, OrgvueError> {
        let rows_max = self.options.dataset_rows_max;
        Row::list(json, rows_max).map_err(|error| match error {
            ListError::TooMany => OrgvueError::DatasetTooLarge(TooLarge::Rows(rows_max)),
            ListError::Json(error) => OrgvueError::malformed(LIST, &error),
        })
    }

    async fn get(&self, path: &str, bytes_max: usize) -> Result<Bytes, CallError> {
        let request = || self.request(Method::GET, path);
        self.calls.send_as(&self.token, Effect::None, bytes_max, request, || std::future::ready(())).await
    }

    /// Waits, unless the time of the run ends before.
    async fn wait(&self, time: Duration) -> Result<(), OrgvueError> {
        if time >= self.calls.deadline().remaining() {
            return Err(OrgvueError::OutOfTime);
        }
        clock::wait(time).await;
        Ok(())
    }

    /// Sends one write. `ready` is awaited before each try of it.
    async fn put<R: Future<Output = ()>>(&self, body: Bytes, bytes_max: usize, ready: impl Fn() -> R) -> Result<Bytes, CallError> {
        let request = || self.request(Method::PUT, "/items").body(body.clone());
        self.calls.send_as(&self.token, Effect::Writes, bytes_max, request, ready).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.url);
        self.http.request(method, url).header(CONTENT_TYPE, JSON)
    }
}

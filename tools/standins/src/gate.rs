//! What every request to a stand-in passes before and after the vendor's own behaviour: counting, hooks and faults.

use std::sync::{Arc, Mutex};

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use bytes::Bytes;
use futures::{StreamExt, stream};
use http::header::CONTENT_LENGTH;
use http::request::Parts;
use http::{HeaderMap, StatusCode, Uri};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::calls::Calls;
use crate::faults::{FaultKind, Faults, Matcher};
use crate::store::{Store, lock};
use crate::wire::Wire;

/// The largest body that is read at all; the vendors' own limits are far below.
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The header names of a request as they were on the wire.
#[derive(Clone, Debug)]
pub(crate) struct WireNames(pub(crate) Vec<String>);

/// How one vendor speaks when a fault makes it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Voice {
    /// The vendor's answer for a status, with a `Retry-After` if given.
    pub(crate) refuse: fn(StatusCode, Option<&str>) -> Response,
    /// The vendor's list without rows.
    pub(crate) empty_list: fn() -> Value,
    /// Puts the vendor's trace header on an answer.
    pub(crate) trace: fn(&mut HeaderMap),
}

type Change<M> = Box<dyn FnOnce(&mut M) + Send>;

struct Hook<M> {
    on: Matcher,
    remaining: u32,
    change: Change<M>,
}

/// The counters, hooks and faults of one stand-in.
pub(crate) struct Gate<M> {
    pub(crate) calls: Calls,
    pub(crate) faults: Faults,
    hooks: Mutex<Vec<Hook<M>>>,
    store: Arc<Store<M>>,
    voice: Voice,
}

impl<M: Serialize + DeserializeOwned + Default> Gate<M> {
    pub(crate) fn new(store: Arc<Store<M>>, voice: Voice) -> Self {
        Self { calls: Calls::default(), faults: Faults::default(), hooks: Mutex::default(), store, voice }
    }

    /// Runs `change` on the model just before the `nth` matching request from now is answered.
    pub(crate) fn before_call(&self, on: Matcher, nth: u32, change: Change<M>) {
        lock(&self.hooks).push(Hook { on, remaining: nth, change });
    }

    fn run_hooks(&self, request: &Parts) {
        let due: Vec<Hook<M>> = {
            let mut hooks = lock(&self.hooks);
            for hook in hooks.iter_mut().filter(|hook| hook.on.matches(request)) {
                hook.remaining = hook.remaining.saturating_sub(1);
            }
            hooks.extract_if(.., |hook| hook.remaining == 0).collect()
        };
        for hook in due {
            self.store.write(hook.change);
        }
    }

    fn count(&self, request: &Parts) {
        let path = request.extensions.get::<MatchedPath>().map_or_else(|| request.uri.path(), MatchedPath::as_str);
        self.calls.count(format!("{} {path}", request.method), format!("{} {}", request.method, request.uri));
    }

    async fn answer(&self, fault: Option<FaultKind>, request: Request, wire: &Wire, next: Next) -> Response {
        let Some(fault) = fault else {
            return next.run(request).await;
        };
        match fault {
            FaultKind::Status(status) => (self.voice.refuse)(status_of(status), None),
            FaultKind::TooMany { retry_after } => (self.voice.refuse)(StatusCode::TOO_MANY_REQUESTS, retry_after.as_deref()),
            FaultKind::Html(status) => {
                let page = "<html><body><h1>Something went wrong</h1></body></html>";
                (status_of(status), Html(page)).into_response()
            }
            FaultKind::Reset => {
                wire.cut();
                StatusCode::OK.into_response()
            }
            FaultKind::Slow(delay) => {
                tokio::time::sleep(delay).await;
                next.run(request).await
            }
            FaultKind::CutAfterCommit => {
                let response = next.run(request).await;
                wire.cut();
                response
            }
            FaultKind::TruncatedJson => truncated(next.run(request).await).await,
            FaultKind::CutBody => broken_off(next.run(request).await).await,
            FaultKind::WrongShape => Json(json!({})).into_response(),
            FaultKind::EmptyList | FaultKind::CursorEmpty => Json((self.voice.empty_list)()).into_response(),
            FaultKind::CursorError => (self.voice.refuse)(StatusCode::UNPROCESSABLE_ENTITY, None),
            FaultKind::CursorRestart => next.run(without_cursor(request)).await,
            FaultKind::RepeatedCursor => {
                let sent = cursor_of(request.uri());
                edited(next.run(request).await, |page| {
                    if let (Some(cursor), Some(metadata)) = (sent, page.get_mut("list_metadata")) {
                        metadata["after"] = json!(cursor);
                    }
                })
                .await
            }
            FaultKind::ForeignDirectoryRow => {
                edited(next.run(request).await, |page| {
                    if let Some(row) = page.pointer_mut("/data/0") {
                        row["directory_id"] = json!("directory_01FOREIGN000000000000000000");
                    }
                })
                .await
            }
        }
    }
}

/// The middleware: reads the whole request, counts it, runs hooks, and answers with the vendor or a fault.
pub(crate) async fn pass<M: Serialize + DeserializeOwned + Default>(
    State(gate): State<Arc<Gate<M>>>,
    ConnectInfo(wire): ConnectInfo<Wire>,
    request: Request,
    next: Next,
) -> Response {
    let names = WireNames(wire.header_names());
    let (mut parts, body) = request.into_parts();
    // The whole body is read before anything is written, or the rest of it would be taken for the next head.
    let Ok(body) = to_bytes(body, BODY_BYTES_MAX).await else {
        return (gate.voice.refuse)(StatusCode::PAYLOAD_TOO_LARGE, None);
    };
    gate.count(&parts);
    gate.run_hooks(&parts);
    let fault = gate.faults.meet(&parts);
    parts.extensions.insert(names);
    let request = Request::from_parts(parts, Body::from(body));
    let mut response = gate.answer(fault, request, &wire, next).await;
    (gate.voice.trace)(response.headers_mut());
    response
}

fn status_of(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn is_cursor(name: &str) -> bool {
    matches!(name, "after" | "before")
}

fn pairs(uri: &Uri) -> Vec<(String, String)> {
    url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect()
}

fn cursor_of(uri: &Uri) -> Option<String> {
    pairs(uri).into_iter().find(|(name, _)| is_cursor(name)).map(|(_, value)| value)
}

fn without_cursor(mut request: Request) -> Request {
    let kept = pairs(request.uri()).into_iter().filter(|(name, _)| !is_cursor(name));
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(kept).finish();
    let target = format!("{}?{query}", request.uri().path());
    *request.uri_mut() = target.parse().expect("a path and an encoded query make a target");
    request
}

async fn body_of(response: Response) -> (http::response::Parts, Bytes) {
    let (mut parts, body) = response.into_parts();
    parts.headers.remove(CONTENT_LENGTH);
    let bytes = to_bytes(body, usize::MAX).await.expect("a stand-in's own body is in memory");
    (parts, bytes)
}

async fn edited(response: Response, edit: impl FnOnce(&mut Value)) -> Response {
    let (parts, bytes) = body_of(response).await;
    let Ok(mut value) = serde_json::from_slice(&bytes) else {
        return Response::from_parts(parts, Body::from(bytes));
    };
    edit(&mut value);
    Response::from_parts(parts, Body::from(value.to_string()))
}

async fn truncated(response: Response) -> Response {
    let (parts, bytes) = body_of(response).await;
    Response::from_parts(parts, Body::from(bytes.slice(..bytes.len() / 2)))
}

async fn broken_off(response: Response) -> Response {
    let (mut parts, bytes) = body_of(response).await;
    parts.headers.insert(CONTENT_LENGTH, bytes.len().into());
    let half = bytes.slice(..bytes.len() / 2);
    let end = async {
        // Waiting makes hyper send the first half, which it would keep back if the end came with it.
        tokio::task::yield_now().await;
        Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset))
    };
    let chunks = stream::once(async { Ok(half) }).chain(stream::once(end));
    Response::from_parts(parts, Body::from_stream(chunks))
}

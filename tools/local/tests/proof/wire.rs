//! What stands between the functions and everything they call: it numbers the calls, and plays what the script says of them.
//!
//! One server, whose paths begin with the process that calls and the service it means: `/sync/DynamoDB/…`. All services share one count, so
//! that "before call 17" means the same whatever is called. Retries of the SDK and of the HTTP clients are calls of their own. A link in an
//! answer, to the files of an export, leads here again.
//!
//! A process that is killed never hears of it: its call is not answered, nor is any that it makes after that, and the harness, which is told,
//! drops what it does.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::weather::{Passing, Weather};

/// The process whose calls can be held.
pub(crate) const SYNC: &str = "sync";
/// Longest body of a request.
const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Longest wait for the connections of a killed process to end.
const BURIAL: Duration = Duration::from_secs(10);

/// A call of a function.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// Counted from 1.
    pub(crate) n: usize,
    pub(crate) service: String,
    /// The operation, with the partition it is about where that is known, or the method and path.
    pub(crate) operation: String,
    /// Which invocation of any process made it, counted from 1.
    pub(crate) invocation: usize,
    /// What that was.
    pub(crate) what: &'static str,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { n, service, operation, invocation, what } = self;
        write!(f, "{n:>4} {what} {invocation}: {service} {operation}")
    }
}

/// Whether a call has its effect when its process dies of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// It is not sent.
    Before,
    /// The server has done it, and the answer does not arrive.
    After,
}

/// The process that makes this call dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kill {
    /// The number of the call.
    pub(crate) at: usize,
    pub(crate) side: Side,
}

/// What a process must be told of.
pub(crate) enum Signal {
    Killed,
    /// The call waits until this is sent on, or dropped.
    Held(oneshot::Sender<()>),
}

/// The relay; it ends when it is dropped.
pub(crate) struct Wire {
    desk: Arc<Desk>,
    server: JoinHandle<()>,
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// One process as the wire knows it: where its calls go, and what is told of them.
pub(crate) struct Line {
    name: &'static str,
    desk: Arc<Desk>,
    base_url: String,
    signals: AsyncMutex<mpsc::UnboundedReceiver<Signal>>,
}

struct Desk {
    url: String,
    upstreams: BTreeMap<&'static str, String>,
    http: reqwest::Client,
    at_write: Box<dyn Fn(Side) + Send + Sync>,
    script: Mutex<Script>,
}

#[derive(Default)]
struct Script {
    calls: Vec<Call>,
    n_invocations: usize,
    kill: Option<Kill>,
    hold: Option<&'static str>,
    weather: Option<Weather>,
    lines: BTreeMap<&'static str, Known>,
}

struct Known {
    tell: mpsc::UnboundedSender<Signal>,
    is_dead: bool,
    n_open: usize,
    invocation: usize,
    what: &'static str,
}

impl Wire {
    /// Relays to these services by name; `at_write` is called before and behind each write to Orgvue that is done, before its answer goes on.
    pub(crate) async fn start(upstreams: BTreeMap<&'static str, String>, at_write: impl Fn(Side) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        // Orgvue sees no other header names; nobody else minds.
        let http = reqwest::Client::builder().no_proxy().http1_title_case_headers().build().unwrap();
        let desk = Arc::new(Desk { url, upstreams, http, at_write: Box::new(at_write), script: Mutex::default() });
        let app = Router::new().fallback(relay).with_state(desk.clone());
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap_or_default() });
        Self { desk, server }
    }

    /// Makes a process known.
    pub(crate) fn line(&self, name: &'static str) -> Line {
        let (tell, signals) = mpsc::unbounded_channel();
        self.desk.script().lines.insert(name, Known { tell, is_dead: false, n_open: 0, invocation: 0, what: name });
        Line { name, desk: self.desk.clone(), base_url: format!("{}/{name}", self.desk.url), signals: AsyncMutex::new(signals) }
    }

    /// Begins a new count, with this in store.
    pub(crate) fn begin(&self, kill: Option<Kill>) {
        let mut script = self.desk.script();
        (script.calls, script.n_invocations, script.kill, script.hold) = (Vec::new(), 0, kill, None);
    }

    /// The process that makes this call dies.
    pub(crate) fn kill(&self, kill: Kill) {
        self.desk.script().kill = Some(kill);
    }

    /// Holds no call.
    pub(crate) fn hold_none(&self) {
        self.desk.script().hold = None;
    }

    /// From now on nobody dies and nothing fails.
    pub(crate) fn calm(&self) {
        let mut script = self.desk.script();
        (script.kill, script.weather) = (None, None);
    }

    /// How many calls there were since the count began.
    pub(crate) fn n_calls(&self) -> usize {
        self.desk.script().calls.len()
    }

    /// Whether somebody is still to be killed.
    pub(crate) fn has_kill(&self) -> bool {
        self.desk.script().kill.is_some()
    }

    /// Holds the next call of the sync function whose operation has this part: its process is told, and the call goes on when it is let go.
    pub(crate) fn hold(&self, operation: &'static str) {
        self.desk.script().hold = Some(operation);
    }

    /// From now on this becomes of the calls that arrive.
    pub(crate) fn weather(&self, weather: Option<Weather>) {
        self.desk.script().weather = weather;
    }

    /// The calls since the count began.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.desk.script().calls.clone()
    }
}

impl Line {
    /// Where the process finds a service.
    pub(crate) fn url(&self, service: &str) -> String {
        format!("{}/{service}", self.base_url)
    }

    /// A new invocation begins, in a process that lives.
    pub(crate) fn begin(&self, what: &'static str) {
        let mut script = self.desk.script();
        script.n_invocations += 1;
        let invocation = script.n_invocations;
        let known = script.known(self.name);
        assert!(!known.is_dead, "{} was not buried", self.name);
        (known.invocation, known.what) = (invocation, what);
    }

    /// What happens next to the process from outside.
    pub(crate) async fn signal(&self) -> Signal {
        self.signals.lock().await.recv().await.expect("the wire lives as long as its lines")
    }

    /// Waits until nothing of the killed invocation, which was dropped, is on the wire any more. Then the process may live again.
    pub(crate) async fn bury(&self) {
        let gone = async {
            while self.desk.script().known(self.name).n_open > 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(BURIAL, gone).await.expect("the connections of a killed process end");
        self.desk.script().known(self.name).is_dead = false;
    }
}

impl Desk {
    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap()
    }

    async fn forward(&self, head: &Parts, upstream: &str, here: &str, path: &str, body: Bytes) -> Response {
        let mut request = self.http.request(head.method.clone(), format!("{upstream}{path}")).body(body);
        for (name, value) in head.headers.iter().filter(|(name, _)| **name != header::HOST && **name != header::CONTENT_LENGTH) {
            request = request.header(name, value);
        }
        let Ok(answer) = request.send().await else { return StatusCode::BAD_GATEWAY.into_response() };
        let (status, headers) = (answer.status(), answer.headers().clone());
        let Ok(body) = answer.bytes().await else { return StatusCode::BAD_GATEWAY.into_response() };
        let mut response = Response::new(Body::from(led_back(body, upstream, here)));
        *response.status_mut() = status;
        let passed_on = headers.iter().filter(|(name, _)| **name != header::CONTENT_LENGTH && **name != header::TRANSFER_ENCODING);
        response.headers_mut().extend(passed_on.map(|(name, value)| (name.clone(), value.clone())));
        response
    }
}

/// What becomes of a call.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Passes,
    /// Its process is dead already.
    Unheard,
    Kills(Side),
    Waits,
}

impl Script {
    fn known(&mut self, process: &str) -> &mut Known {
        self.lines.get_mut(process).expect("only processes that are known call")
    }

    /// Counts a call that arrived, and says what becomes of it.
    fn arrived(&mut self, process: &'static str, service: &str, operation: String) -> Fate {
        let known = self.known(process);
        known.n_open += 1;
        if known.is_dead {
            return Fate::Unheard;
        }
        let (invocation, what) = (known.invocation, known.what);
        let n = self.calls.len() + 1;
        let waits = process == SYNC && self.hold.is_some_and(|part| operation.contains(part));
        self.calls.push(Call { n, service: service.to_owned(), operation, invocation, what });
        if let Some(Kill { side, .. }) = self.kill.take_if(|kill| kill.at == n) {
            if side == Side::Before {
                self.kill(process);
            }
            return Fate::Kills(side);
        }
        if waits {
            self.hold = None;
            return Fate::Waits;
        }
        Fate::Passes
    }

    fn kill(&mut self, process: &str) {
        let known = self.known(process);
        known.is_dead = true;
        // The receiver is gone when the whole stage is.
        let _ = known.tell.send(Signal::Killed);
    }
}

/// Counts an open call down, whichever way it ends.
struct Open<'a>(&'a Desk, &'static str);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.script().known(self.1).n_open -= 1;
    }
}

async fn relay(State(desk): State<Arc<Desk>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, BODY_BYTES_MAX).await.unwrap_or_default();
    let target = head.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    let mut parts = target.trim_start_matches('/').splitn(3, '/');
    let (process, service, path) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let known = desk.script().lines.keys().find(|name| **name == process).copied();
    let upstream = desk.upstreams.get(service);
    let (Some(process), Some(upstream)) = (known, upstream) else { return StatusCode::BAD_GATEWAY.into_response() };

    let operation = operation(&head, &format!("/{path}"), &body);
    let is_write = service == "Orgvue" && operation.starts_with("PUT");
    let path = format!("/{path}");
    let fate = desk.script().arrived(process, service, operation);
    let storm = match &mut *desk.script() {
        Script { weather: Some(weather), calls, .. } if fate == Fate::Passes => {
            let authorization = head.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
            calls.last().and_then(|call| weather(&Passing { call, path: &path, method: head.method.as_str(), body: &body, authorization }))
        }
        _ => None,
    };
    let _open = Open(&desk, process);
    match fate {
        Fate::Passes | Fate::Kills(Side::After) => {}
        Fate::Unheard | Fate::Kills(Side::Before) => std::future::pending().await,
        Fate::Waits => {
            let (go, waits) = oneshot::channel();
            let _ = desk.script().known(process).tell.send(Signal::Held(go));
            let _ = waits.await;
        }
    }
    let here = format!("{}/{process}/{service}", desk.url);
    let forwarded = async {
        if is_write {
            (desk.at_write)(Side::Before);
        }
        let answer = desk.forward(&head, upstream, &here, &path, body).await;
        if is_write {
            (desk.at_write)(Side::After);
        }
        answer
    };
    let answer = match storm {
        Some(storm) => storm.play(forwarded).await,
        None => forwarded.await,
    };
    if fate == Fate::Kills(Side::After) {
        desk.script().kill(process);
    }
    let is_dead = desk.script().known(process).is_dead;
    if is_dead {
        std::future::pending::<()>().await;
    }
    answer
}

/// The body with its links to the service as links to the wire.
fn led_back(body: Bytes, upstream: &str, here: &str) -> Bytes {
    match std::str::from_utf8(&body) {
        Ok(text) if text.contains(upstream) => text.replace(upstream, here).into(),
        _ => body,
    }
}

/// What a request asks for, in the words of its service.
fn operation(head: &Parts, path: &str, body: &[u8]) -> String {
    let path = path.split('?').next().unwrap_or_default();
    if let Some(target) = head.headers.get("x-amz-target").and_then(|value| value.to_str().ok()) {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let partition = ["/Key/pk/S", "/Item/pk/S"].into_iter().find_map(|at| body.pointer(at)?.as_str());
        let operation = target.rsplit('.').next().unwrap_or_default();
        return [Some(operation), partition].into_iter().flatten().collect::<Vec<_>>().join(" ");
    }
    let text = String::from_utf8_lossy(body);
    match text.split('&').find_map(|pair| pair.strip_prefix("Action=")) {
        Some(action) => action.to_owned(),
        None => format!("{} {path}", head.method),
    }
}

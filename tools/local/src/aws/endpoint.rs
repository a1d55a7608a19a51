//! One HTTP server on loopback, with its calls recorded and its scripted faults played.

use std::future::Future;
use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::line::{Knife, Lines};
use super::recorder::{FaultKind, Recorder};

/// The largest request: a message of 1 MiB whose every byte is written as a JSON escape of six, and its envelope.
const REQUEST_BYTES_MAX: usize = 7 * 1024 * 1024;

/// What a service says about itself in its own protocol.
pub(super) trait Dialect: Send + Sync + 'static {
    /// A refusal in its own shape.
    type Refusal: IntoResponse;
    /// The name of the operation that a request calls, if it calls one.
    fn operation(request: &Request) -> Option<String>;
    /// The service's own failure.
    fn internal() -> Self::Refusal;
    /// The refusal of a caller that calls too often.
    fn throttled() -> Self::Refusal;
}

/// A listening socket whose server does not run yet.
pub(super) struct Bound {
    listener: TcpListener,
    url: String,
}

/// Binds a port of the loopback interface; 0 is any free one.
pub(super) async fn bind(port: u16) -> io::Result<Bound> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    Ok(Bound { listener, url })
}

impl Bound {
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Serves `routes` until the endpoint is dropped.
    pub(super) fn serve<D: Dialect>(self, routes: Router) -> Endpoint {
        let (running, until_dropped) = watch::channel(());
        let recorder = Arc::new(Recorder::default());
        let desk = Desk { recorder: Arc::clone(&recorder), until_dropped };
        let routes = routes
            .layer(DefaultBodyLimit::max(REQUEST_BYTES_MAX))
            .layer(middleware::from_fn_with_state(desk, attend::<D>))
            .into_make_service_with_connect_info::<Knife>();
        let endpoint = Endpoint { url: self.url, recorder, running };
        let server = axum::serve(Lines(self.listener), routes).with_graceful_shutdown(endpoint.stopped());
        tokio::spawn(async move { server.await });
        endpoint
    }

    /// The socket and its address, for a server that is not ours.
    pub(super) fn into_parts(self) -> (TcpListener, String) {
        (self.listener, self.url)
    }
}

/// A server that runs for as long as this value lives.
pub(super) struct Endpoint {
    pub(super) url: String,
    pub(super) recorder: Arc<Recorder>,
    running: watch::Sender<()>,
}

impl Endpoint {
    /// Completes when the endpoint has been dropped.
    pub(super) fn stopped(&self) -> impl Future<Output = ()> + Send + use<> {
        dropped(self.running.subscribe())
    }
}

/// Completes when the sender of `signal` has been dropped.
async fn dropped(mut signal: watch::Receiver<()>) {
    while signal.changed().await.is_ok() {}
}

/// What every request passes on its way to a handler.
#[derive(Clone)]
struct Desk {
    recorder: Arc<Recorder>,
    until_dropped: watch::Receiver<()>,
}

/// Answers one request, or drops it with its connection when the server stops: a long poll must not outlive it.
async fn attend<D: Dialect>(State(desk): State<Desk>, ConnectInfo(knife): ConnectInfo<Knife>, request: Request, next: Next) -> Response {
    let fault = D::operation(&request).and_then(|operation| desk.recorder.arrived(&operation));
    tokio::select! {
        response = answer::<D>(fault, &knife, request, next) => response,
        () = dropped(desk.until_dropped.clone()) => unheard(&knife),
    }
}

async fn answer<D: Dialect>(fault: Option<FaultKind>, knife: &Knife, request: Request, next: Next) -> Response {
    match fault {
        None => next.run(request).await,
        Some(FaultKind::Status500) => D::internal().into_response(),
        Some(FaultKind::Throttle) => D::throttled().into_response(),
        Some(FaultKind::Reset) => unheard(knife),
        Some(FaultKind::CutAfterCommit) => {
            next.run(request).await;
            unheard(knife)
        }
    }
}

/// A response that nobody hears, because the connection is cut before its first byte.
fn unheard(knife: &Knife) -> Response {
    knife.cut();
    StatusCode::SERVICE_UNAVAILABLE.into_response()
}

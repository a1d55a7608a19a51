//! What may become of a call on the wire, but for its process: the faults of whom it calls, and of the way there.

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::{StreamExt, stream};

use crate::wire::Call;

/// Says what becomes of each call that is neither held nor heard for the last time.
pub(crate) type Weather = Box<dyn FnMut(&Passing<'_>) -> Option<Storm> + Send>;

/// A call as it passes.
pub(crate) struct Passing<'a> {
    pub(crate) call: &'a Call,
}

/// What becomes of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Storm {
    /// It is answered so, and not done: the status, the headers, the body.
    Answered(u16, Vec<(&'static str, String)>, String),
    /// It is done, and answered so.
    Covered(u16, String),
    /// The connection is closed; it is not done.
    Reset,
    /// It is done, and the connection closed without an answer.
    CutAfterCommit,
    /// It is done, and the answer breaks off in the middle.
    CutBody,
    /// It is done, and the text of the whole answer stops in the middle.
    Truncated,
}

impl Storm {
    /// What the caller sees of it; awaiting `done` does what was asked.
    pub(crate) async fn play(self, done: impl Future<Output = Response>) -> Response {
        match self {
            Self::Answered(status, headers, body) => {
                let mut response = (status_of(status), body).into_response();
                for (name, value) in headers {
                    response.headers_mut().insert(name, value.parse().expect("a header of a test"));
                }
                response
            }
            Self::Covered(status, body) => {
                done.await;
                (status_of(status), body).into_response()
            }
            Self::Reset => hang_up(),
            Self::CutAfterCommit => {
                done.await;
                hang_up()
            }
            Self::CutBody => halved(done.await, true).await,
            Self::Truncated => halved(done.await, false).await,
        }
    }
}

fn status_of(code: u16) -> StatusCode {
    StatusCode::from_u16(code).expect("a status of a test")
}

/// The connection ends with the task that serves it. It is no panic, so that no hook tells of it.
fn hang_up() -> Response {
    std::panic::resume_unwind(Box::new("the connection is cut"))
}

async fn halved(response: Response, announced: bool) -> Response {
    let (mut parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let half: Bytes = bytes.slice(..bytes.len() / 2);
    if !announced {
        return Response::from_parts(parts, Body::from(half));
    }
    parts.headers.insert(header::CONTENT_LENGTH, bytes.len().max(1).into());
    let end = async {
        // Else the half would be kept back with the end.
        tokio::task::yield_now().await;
        Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset))
    };
    Response::from_parts(parts, Body::from_stream(stream::once(async { Ok(half) }).chain(stream::once(end))))
}

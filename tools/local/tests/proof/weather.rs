//! What may become of a call on the wire, but for its process: the faults of whom it calls, and of the way there.

use std::sync::Arc;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::{StreamExt, stream};
use serde_json::json;

use crate::dice::Dice;
use crate::wire::Call;

/// Says what becomes of each call that is neither held nor heard for the last time.
pub(crate) type Weather = Box<dyn FnMut(&Passing<'_>) -> Option<Storm> + Send>;

/// A call as it passes.
pub(crate) struct Passing<'a> {
    pub(crate) call: &'a Call,
    pub(crate) method: &'a str,
    /// As the service is to see it, with the query.
    pub(crate) path: &'a str,
    pub(crate) body: &'a [u8],
    /// The header `Authorization`.
    pub(crate) authorization: &'a str,
}

/// Makes another body of one.
pub(crate) type Change = Arc<dyn Fn(&[u8]) -> Vec<u8> + Send + Sync>;

/// What becomes of it.
#[derive(Clone)]
pub(crate) enum Storm {
    /// It is answered so, and not done: the status, the headers, the body.
    Answered(u16, Vec<(&'static str, String)>, String),
    /// It is done, and answered so.
    Covered(u16, String),
    /// It is done, and the body of the answer becomes another.
    Changed(Change),
    /// It is done later than others that come at the same time.
    Delayed(usize),
    /// The connection is closed; it is not done.
    Reset,
    /// It is done, and the connection closed without an answer.
    CutAfterCommit,
    /// It is done, and the answer breaks off in the middle.
    CutBody,
    /// It is done, and the text of the whole answer stops in the middle.
    Truncated,
    /// It is done, and the answer comes too late.
    Slow,
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
            Self::Changed(change) => {
                let (parts, body) = done.await.into_parts();
                let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
                Response::from_parts(parts, Body::from(change(&body)))
            }
            Self::Delayed(turns) => {
                for _ in 0..turns {
                    tokio::task::yield_now().await;
                }
                done.await
            }
            Self::Reset => hang_up(),
            Self::CutAfterCommit => {
                done.await;
                hang_up()
            }
            Self::CutBody => halved(done.await, true).await,
            Self::Truncated => halved(done.await, false).await,
            Self::Slow => {
                done.await;
                std::future::pending().await
            }
        }
    }
}

/// How a call of a service fails, by dice.
pub(crate) fn storm_of(service: &str, dice: &mut Dice) -> Storm {
    let json = |status, kind: &str| {
        Storm::Answered(
            status,
            vec![("content-type", "application/json".to_owned())],
            json!({"__type": kind, "code": kind, "message": "x"}).to_string(),
        )
    };
    match (dice.below(7), service) {
        (0, "DynamoDB") => json(400, "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"),
        (0, _) => json(429, "ThrottlingException"),
        (1, _) => json(500, "InternalServerError"),
        (2, _) => Storm::Reset,
        (3, _) => Storm::CutAfterCommit,
        (4, _) => Storm::CutBody,
        (5, _) => Storm::Covered(500, "{}".to_owned()),
        _ => Storm::Truncated,
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

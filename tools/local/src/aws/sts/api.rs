//! The one call, and its XML.
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html>

use axum::Router;
use axum::body::Bytes;
use axum::extract::Request;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::Response;

use crate::aws::ACCOUNT;
use crate::aws::endpoint::Dialect;
use crate::aws::query::{Refusal, Service, sender};

const STS: Service =
    Service { name: "sts", version: "2011-06-15", namespace: "https://sts.amazonaws.com/doc/2011-06-15/", operation: "GetCallerIdentity" };
/// The role that every caller is a session of, and its id.
const ROLE: &str = "operator";
const ROLE_ID: &str = "AROALOCALOPERATOR";

pub(super) fn routes() -> Router {
    Router::new().fallback(call)
}

async fn call(method: Method, uri: Uri, headers: HeaderMap, body: Result<Bytes, BytesRejection>) -> Response {
    identity(&method, &uri, &headers, body).map_or_else(|refusal| STS.refuse(refusal), |identity| STS.answer(&identity))
}

fn identity(method: &Method, uri: &Uri, headers: &HeaderMap, body: Result<Bytes, BytesRejection>) -> Result<String, Refusal> {
    let (key, parameters) = STS.read(method, uri, headers, body)?;
    if !is_session_name(&key) {
        let message = "the access key id cannot be the name of a session";
        return Err(Refusal::new(StatusCode::FORBIDDEN, "InvalidClientTokenId", message));
    }
    if let Some(name) = parameters.keys().next() {
        return Err(sender("InvalidQueryParameter", format!("{} has no parameter {name}", STS.operation)));
    }
    Ok(format!("<Arn>arn:aws:sts::{ACCOUNT}:assumed-role/{ROLE}/{key}</Arn><UserId>{ROLE_ID}:{key}</UserId><Account>{ACCOUNT}</Account>"))
}

/// Whether AWS takes this as the name of a role's session. None of these characters means anything in XML.
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
fn is_session_name(text: &str) -> bool {
    (2..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte))
}

/// What tells the endpoint's layer about STS.
pub(super) struct Query;

impl Dialect for Query {
    type Refusal = Response;

    /// The operation is named in the body, which is not read for this: the one that is built stands for all.
    fn operation(request: &Request) -> Option<String> {
        (request.method() == Method::POST).then(|| STS.operation.to_owned())
    }

    fn internal() -> Response {
        STS.refuse(Refusal::internal())
    }

    fn throttled() -> Response {
        STS.refuse(sender("Throttling", "the request was throttled"))
    }
}

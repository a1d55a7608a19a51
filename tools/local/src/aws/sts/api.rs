//! The one call, and its XML.
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html>

use std::borrow::Cow;
use std::collections::BTreeMap;

use axum::Router;
use axum::body::Bytes;
use axum::extract::Request;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use url::form_urlencoded;
use uuid::Uuid;

use crate::aws::endpoint::Dialect;
use crate::aws::{ACCOUNT, REGION};

const OPERATION: &str = "GetCallerIdentity";
const VERSION: &str = "2011-06-15";
const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";
/// The role that every caller is a session of, and its id.
const ROLE: &str = "operator";
const ROLE_ID: &str = "AROALOCALOPERATOR";

pub(super) fn routes() -> Router {
    Router::new().fallback(call)
}

async fn call(method: Method, uri: Uri, headers: HeaderMap, body: Result<Bytes, BytesRejection>) -> Result<Response, Refusal> {
    check_http(&method, &uri, &headers)?;
    let caller = Caller::signed(&headers)?;
    check_operation(&body.map_err(|_| malformed("the body cannot be read"))?)?;
    Ok(xml(StatusCode::OK, &caller.to_xml()))
}

fn check_http(method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
    let media_type = text(headers, header::CONTENT_TYPE).and_then(|value| value.split(';').next()).unwrap_or_default();
    if method != Method::POST || uri.path() != "/" || uri.query().is_some() {
        Err(malformed("only POST / without a query is built here"))
    } else if !media_type.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        Err(malformed("the parameters must be a form in the body"))
    } else {
        Ok(())
    }
}

fn check_operation(body: &[u8]) -> Result<(), Refusal> {
    let mut parameters = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(body) {
        if parameters.insert(name.clone(), value).is_some() {
            return Err(sender("InvalidQueryParameter", format!("the parameter {name} is given twice")));
        }
    }
    let action = parameters.remove("Action").ok_or_else(|| sender("MissingAction", "the request must contain the parameter Action"))?;
    let version = parameters.remove("Version").unwrap_or(Cow::Borrowed("NO_VERSION_SPECIFIED"));
    if action != OPERATION || version != VERSION {
        return Err(sender("InvalidAction", format!("could not find operation {action} for version {version}")));
    }
    match parameters.keys().next() {
        None => Ok(()),
        Some(name) => Err(sender("InvalidQueryParameter", format!("{OPERATION} has no parameter {name}"))),
    }
}

/// Who calls: the access key id that signed the request.
struct Caller(String);

impl Caller {
    /// The caller that the signature names. The signature itself is not checked.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-authentication-methods.html>
    fn signed(headers: &HeaderMap) -> Result<Self, Refusal> {
        let authorization = text(headers, header::AUTHORIZATION).ok_or_else(|| {
            Refusal::new(StatusCode::FORBIDDEN, "MissingAuthenticationToken", "the request is missing an authentication token")
        })?;
        let incomplete = |what: &str| sender("IncompleteSignature", format!("the authorization header has no {what}"));
        let parts = authorization.strip_prefix("AWS4-HMAC-SHA256 ").ok_or_else(|| incomplete("algorithm AWS4-HMAC-SHA256"))?;
        let parts: BTreeMap<&str, &str> = parts.split(',').filter_map(|part| part.trim().split_once('=')).collect();
        let part = |name: &str| parts.get(name).copied().filter(|value| !value.is_empty()).ok_or_else(|| incomplete(name));
        part("SignedHeaders")?;
        part("Signature")?;
        let (key, scope) = part("Credential")?.split_once('/').ok_or_else(|| incomplete("credential scope"))?;
        let (date, scope) = scope.split_once('/').unwrap_or_default();
        if date.len() != 8 || !date.bytes().all(|byte| byte.is_ascii_digit()) || scope != format!("{REGION}/sts/aws4_request") {
            let message = format!("the credential must be scoped to a date and {REGION}/sts/aws4_request");
            return Err(Refusal::new(StatusCode::FORBIDDEN, "SignatureDoesNotMatch", message));
        }
        if !is_session_name(key) {
            let message = "the access key id cannot be the name of a session";
            return Err(Refusal::new(StatusCode::FORBIDDEN, "InvalidClientTokenId", message));
        }
        Ok(Self(key.to_owned()))
    }

    fn to_xml(&self) -> String {
        let Self(key) = self;
        let request = Uuid::new_v4();
        format!(
            "<GetCallerIdentityResponse xmlns=\"{NAMESPACE}\"><GetCallerIdentityResult>\
             <Arn>arn:aws:sts::{ACCOUNT}:assumed-role/{ROLE}/{key}</Arn><UserId>{ROLE_ID}:{key}</UserId><Account>{ACCOUNT}</Account>\
             </GetCallerIdentityResult><ResponseMetadata><RequestId>{request}</RequestId></ResponseMetadata></GetCallerIdentityResponse>"
        )
    }
}

/// Whether AWS takes this as the name of a role's session. None of these characters means anything in XML.
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
fn is_session_name(text: &str) -> bool {
    (2..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte))
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

fn xml(status: StatusCode, body: &str) -> Response {
    (status, [(header::CONTENT_TYPE, "text/xml")], body.to_owned()).into_response()
}

/// What tells the endpoint's layer about STS.
pub(super) struct Query;

impl Dialect for Query {
    type Refusal = Refusal;

    /// The operation is named in the body, which is not read for this: the one that is built stands for all.
    fn operation(request: &Request) -> Option<String> {
        (request.method() == Method::POST).then(|| OPERATION.to_owned())
    }

    fn internal() -> Refusal {
        Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalFailure", "the service failed")
    }

    fn throttled() -> Refusal {
        sender("Throttling", "the request was throttled")
    }
}

/// A refusal in the XML of AWS Query.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: Cow<'static, str>,
}

impl Refusal {
    fn new(status: StatusCode, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, code, message: message.into() }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self { status, code, message } = self;
        let fault = if status.is_server_error() { "Receiver" } else { "Sender" };
        // The message may hold what the caller sent.
        let message = message.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let request = Uuid::new_v4();
        let body = format!(
            "<ErrorResponse xmlns=\"{NAMESPACE}\"><Error><Type>{fault}</Type><Code>{code}</Code><Message>{message}</Message></Error>\
             <RequestId>{request}</RequestId></ErrorResponse>"
        );
        xml(status, &body)
    }
}

fn sender(code: &'static str, message: impl Into<Cow<'static, str>>) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, code, message)
}

fn malformed(message: &'static str) -> Refusal {
    sender("MalformedHttpRequestException", message)
}

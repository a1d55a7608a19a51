//! AWS Query: a form in, XML out, as STS and SNS speak it. The signature is read for who calls, and not checked.

use std::borrow::Cow;
use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use url::form_urlencoded;
use uuid::Uuid;

use super::REGION;

/// The parameters of a call, by name.
pub(super) type Parameters = BTreeMap<String, String>;

/// A service, as its requests and answers name it.
pub(super) struct Service {
    /// In the scope of a signature.
    pub(super) name: &'static str,
    /// Of its API.
    pub(super) version: &'static str,
    /// Of its XML.
    pub(super) namespace: &'static str,
    /// The one operation that is built.
    pub(super) operation: &'static str,
}

impl Service {
    /// The access key id that a request is signed with, and the parameters of its operation.
    pub(super) fn read(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        body: Result<Bytes, BytesRejection>,
    ) -> Result<(String, Parameters), Refusal> {
        check_http(method, uri, headers)?;
        let key = self.signed(headers)?;
        let body = body.map_err(|_| malformed("the body cannot be read"))?;
        Ok((key, self.parameters(&body)?))
    }

    fn parameters(&self, body: &[u8]) -> Result<Parameters, Refusal> {
        let mut parameters = Parameters::new();
        for (name, value) in form_urlencoded::parse(body) {
            if parameters.insert(name.clone().into_owned(), value.into_owned()).is_some() {
                return Err(sender("InvalidQueryParameter", format!("the parameter {name} is given twice")));
            }
        }
        let action = parameters.remove("Action").ok_or_else(|| sender("MissingAction", "the request must contain the parameter Action"))?;
        let version = parameters.remove("Version").unwrap_or_else(|| "NO_VERSION_SPECIFIED".to_owned());
        if action != self.operation || version != self.version {
            return Err(sender("InvalidAction", format!("could not find operation {action} for version {version}")));
        }
        Ok(parameters)
    }

    /// The access key id that the signature names.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-authentication-methods.html>
    fn signed(&self, headers: &HeaderMap) -> Result<String, Refusal> {
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
        let expected = format!("{REGION}/{}/aws4_request", self.name);
        if date.len() != 8 || !date.bytes().all(|byte| byte.is_ascii_digit()) || scope != expected {
            let message = format!("the credential must be scoped to a date and {expected}");
            return Err(Refusal::new(StatusCode::FORBIDDEN, "SignatureDoesNotMatch", message));
        }
        Ok(key.to_owned())
    }

    /// The answer to the operation, whose result is this.
    pub(super) fn answer(&self, result: &str) -> Response {
        let Self { operation, namespace, .. } = self;
        let request = Uuid::new_v4();
        let body = format!(
            "<{operation}Response xmlns=\"{namespace}\"><{operation}Result>{result}</{operation}Result>\
             <ResponseMetadata><RequestId>{request}</RequestId></ResponseMetadata></{operation}Response>"
        );
        xml(StatusCode::OK, body)
    }

    /// A refusal in the service's own XML.
    pub(super) fn refuse(&self, refusal: Refusal) -> Response {
        let Refusal { status, code, message } = refusal;
        let fault = if status.is_server_error() { "Receiver" } else { "Sender" };
        // The message may hold what the caller sent.
        let message = message.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let (namespace, request) = (self.namespace, Uuid::new_v4());
        let body = format!(
            "<ErrorResponse xmlns=\"{namespace}\"><Error><Type>{fault}</Type><Code>{code}</Code><Message>{message}</Message></Error>\
             <RequestId>{request}</RequestId></ErrorResponse>"
        );
        xml(status, body)
    }
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

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

fn xml(status: StatusCode, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, "text/xml")], body).into_response()
}

/// Why a request is refused.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: Cow<'static, str>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, code, message: message.into() }
    }

    /// The service's own failure.
    pub(super) fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalFailure", "the service failed")
    }
}

/// The caller's fault.
pub(super) fn sender(code: &'static str, message: impl Into<Cow<'static, str>>) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, code, message)
}

fn malformed(message: &'static str) -> Refusal {
    sender("MalformedHttpRequestException", message)
}

//! Refusals of SQS and Scheduler, in the shape in which the SDK reads them.

use std::borrow::Cow;

use axum::Json;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// A refusal: an AWS error code with a message for a person.
///
/// `__type` and `message` are AWS JSON; `Message` and the header `x-amzn-errortype` are REST-JSON.
/// The SDK for one reads past what is meant for the other, so one shape serves both.
#[derive(Debug)]
pub(super) struct ApiError {
    status: StatusCode,
    code: &'static str,
    query_code: Option<&'static str>,
    message: Cow<'static, str>,
}

impl ApiError {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        let message = message.into();
        Self { status, code, query_code: None, message }
    }

    /// The code of SQS's older query protocol, which the SDK prefers where a service sends it.
    pub(super) fn query_code(mut self, code: &'static str) -> Self {
        self.query_code = Some(code);
        self
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = json!({ "__type": self.code, "message": self.message, "Message": self.message });
        let mut response = (self.status, [("x-amzn-errortype", self.code)], Json(body)).into_response();
        if let Some(code) = self.query_code {
            let fault = if self.status.is_server_error() { "Receiver" } else { "Sender" };
            let value = HeaderValue::try_from(format!("{code};{fault}")).expect("codes are plain ASCII words");
            response.headers_mut().insert("x-amzn-query-error", value);
        }
        response
    }
}

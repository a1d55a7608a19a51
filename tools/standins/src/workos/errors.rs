//! WorkOS's error bodies, one per status.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::RETRY_AFTER;
use serde_json::{Value, json};

/// A 422: the parameters at fault, each with its complaint.
#[derive(Debug)]
pub(crate) struct Invalid(Vec<(&'static str, &'static str)>);

impl Invalid {
    pub(crate) fn field(field: &'static str, complaint: &'static str) -> Self {
        Self(vec![(field, complaint)])
    }

    pub(crate) fn fields(fields: [&'static str; 2], complaint: &'static str) -> Self {
        Self(fields.map(|field| (field, complaint)).to_vec())
    }
}

/// Why a request is not answered with data.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// 422.
    Invalid(Invalid),
    /// 404 in the form that names the entity.
    NoSuchDirectory(String),
    /// 404 without detail.
    NotFound,
    /// 400 of the events route.
    NoEvents,
}

impl From<Invalid> for Refusal {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(invalid)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Invalid(Invalid(fields)) => {
                let errors: Vec<Value> = fields.iter().map(|(field, code)| json!({ "field": field, "code": code })).collect();
                let body = json!({ "message": "Validation failed", "errors": errors });
                (StatusCode::UNPROCESSABLE_ENTITY, Json(body)).into_response()
            }
            Self::NoSuchDirectory(id) => {
                let message = format!("Directory not found: '{id}'.");
                let body = json!({ "message": message, "code": "entity_not_found", "entity_id": id });
                (StatusCode::NOT_FOUND, Json(body)).into_response()
            }
            Self::NotFound => by_status(StatusCode::NOT_FOUND, None),
            Self::NoEvents => {
                let message = "One or more event names (e.g. dsync.user.created) must be provided using the events parameter.";
                let body = json!({ "message": message, "code": "invalid_events_request" });
                (StatusCode::BAD_REQUEST, Json(body)).into_response()
            }
        }
    }
}

/// The body WorkOS gives for a status when nothing more is known.
pub(crate) fn by_status(status: StatusCode, retry_after: Option<&str>) -> Response {
    let body = match status {
        // The specification has a bare JSON string here, not an object.
        StatusCode::TOO_MANY_REQUESTS => json!("Ratelimited"),
        StatusCode::UNPROCESSABLE_ENTITY => json!({ "message": "Validation failed", "errors": [] }),
        other => json!({ "message": other.canonical_reason().unwrap_or("Error") }),
    };
    match retry_after {
        Some(value) => (status, [(RETRY_AFTER, value)], Json(body)).into_response(),
        None => (status, Json(body)).into_response(),
    }
}

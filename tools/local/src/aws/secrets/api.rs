//! The one call, its limits, and its JSON.
//! <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html>

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::store::{Secret, Store, Unread, Value};
use crate::aws::endpoint::Dialect;
use crate::aws::error::ApiError;

const OPERATION: &str = "GetSecretValue";
const MEDIA_TYPE: &str = "application/x-amz-json-1.1";
const CURRENT: &str = "AWSCURRENT";
/// The longest name or ARN.
const ID_CHARS_MAX: usize = 2_048;

pub(super) fn routes(store: Arc<Store>) -> Router {
    Router::new().route("/", post(call)).with_state(store)
}

async fn call(State(store): State<Arc<Store>>, headers: HeaderMap, body: Bytes) -> Result<Response, ApiError> {
    if headers.get(header::CONTENT_TYPE).is_none_or(|value| value != MEDIA_TYPE) {
        return Err(refusal("SerializationException", format!("the body must be {MEDIA_TYPE}")));
    }
    if !headers.get(header::AUTHORIZATION).is_some_and(|value| value.to_str().is_ok_and(|text| text.contains("/secretsmanager/"))) {
        return Err(refusal("MissingAuthenticationTokenException", "the request must be signed for secretsmanager"));
    }
    let output = match target(&headers) {
        Some(OPERATION) => {
            let call = serde_json::from_slice(&body).map_err(|error| refusal("SerializationException", error.to_string()))?;
            get_secret_value(&store, &call)
        }
        other => Err(refusal("UnknownOperationException", format!("{other:?} is not built here"))),
    }?;
    Ok(([(header::CONTENT_TYPE, MEDIA_TYPE)], output.to_string()).into_response())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct GetSecretValue {
    #[serde(default)]
    secret_id: String,
    version_stage: Option<String>,
}

fn get_secret_value(store: &Store, call: &GetSecretValue) -> Result<Json, ApiError> {
    let GetSecretValue { secret_id, version_stage } = call;
    let is_id = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"/_+=.@!:-".contains(&b));
    if secret_id.is_empty() || secret_id.len() > ID_CHARS_MAX || !is_id(secret_id) {
        return Err(refusal("ValidationException", "invalid name: must be of letters, digits and -/_+=.@!"));
    }
    if version_stage.as_deref().is_some_and(|stage| stage != CURRENT) {
        return Err(refusal("ResourceNotFoundException", "only the current version is built here"));
    }
    let Secret { arn, name, value, version, created_at } = store.read(secret_id).map_err(|unread| unread.refusal(secret_id))?;
    let mut output = json!({
        "ARN": arn,
        "Name": name,
        "VersionId": version.to_string(),
        "VersionStages": [CURRENT],
        "CreatedDate": created_at.as_second(),
    });
    match value {
        Value::Text(text) => output["SecretString"] = text.into(),
        Value::Bytes(bytes) => output["SecretBinary"] = BASE64_STANDARD.encode(bytes).into(),
    }
    Ok(output)
}

impl Unread {
    fn refusal(self, id: &str) -> ApiError {
        match self {
            Self::Denied => refusal(
                "AccessDeniedException",
                format!("the caller is not authorized to perform: secretsmanager:{OPERATION} on resource: {id}"),
            ),
            Self::NotFound => refusal("ResourceNotFoundException", "Secrets Manager can't find the specified secret."),
            Self::MarkedForDeletion => {
                refusal("InvalidRequestException", "You can't perform this operation on the secret because it was marked for deletion.")
            }
        }
    }
}

/// What tells the endpoint's layer about Secrets Manager.
pub(super) struct AwsJson;

impl Dialect for AwsJson {
    type Refusal = ApiError;

    fn operation(request: &Request) -> Option<String> {
        target(request.headers()).map(str::to_owned)
    }

    fn internal() -> ApiError {
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalServiceError", "the service failed")
    }

    fn throttled() -> ApiError {
        refusal("ThrottlingException", "the request was throttled")
    }
}

fn target(headers: &HeaderMap) -> Option<&str> {
    headers.get("x-amz-target")?.to_str().ok()?.strip_prefix("secretsmanager.")
}

fn refusal(code: &'static str, message: impl Into<String>) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, code, message.into())
}

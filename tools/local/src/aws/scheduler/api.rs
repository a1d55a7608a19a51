//! The calls and their JSON.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Query, Request, State as Shared};
use axum::http::{Method, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::book::{Book, Entry, Key};
use super::request::{CreateSchedule, State};
use crate::aws::endpoint::Dialect;
use crate::aws::error::ApiError;

/// The most schedules on one page, and how many there are where the caller does not say.
const PAGE_MAX: usize = 100;

pub(super) fn routes(book: Arc<Book>) -> Router {
    Router::new()
        .route("/schedules", get(list_schedules))
        .route("/schedules/{name}", post(create_schedule).get(get_schedule).delete(delete_schedule))
        .fallback(unknown_operation)
        .method_not_allowed_fallback(unknown_operation)
        .with_state(book)
}

async fn create_schedule(Shared(book): Shared<Arc<Book>>, Path(name): Path<String>, body: Bytes) -> Result<Json<Value>, ApiError> {
    let request: CreateSchedule = serde_json::from_slice(&body).map_err(|error| invalid(error.to_string()))?;
    let key = Key::new(request.group_name.clone(), name);
    let arn = key.arn();
    book.create(key, request)?;
    Ok(Json(json!({ "ScheduleArn": arn })))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WhichGroup {
    group_name: Option<String>,
    /// Makes a repeated deletion the same call; here the second finds nothing.
    #[serde(rename = "clientToken")]
    _client_token: Option<String>,
}

async fn get_schedule(
    Shared(book): Shared<Arc<Book>>,
    Path(name): Path<String>,
    Query(which): Query<WhichGroup>,
) -> Result<Json<Value>, ApiError> {
    let key = Key::new(which.group_name, name);
    let entry = book.get(&key)?;
    Ok(Json(description(&key, &entry)))
}

async fn delete_schedule(
    Shared(book): Shared<Arc<Book>>,
    Path(name): Path<String>,
    Query(which): Query<WhichGroup>,
) -> Result<Json<Value>, ApiError> {
    book.delete(&Key::new(which.group_name, name))?;
    Ok(Json(json!({})))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ListSchedules {
    schedule_group: Option<String>,
    #[serde(default)]
    name_prefix: String,
    state: Option<State>,
    max_results: Option<usize>,
    next_token: Option<String>,
}

async fn list_schedules(Shared(book): Shared<Arc<Book>>, Query(call): Query<ListSchedules>) -> Result<Json<Value>, ApiError> {
    let n_max = call.max_results.unwrap_or(PAGE_MAX);
    if !(1..=PAGE_MAX).contains(&n_max) {
        return Err(invalid("MaxResults must be 1 to 100"));
    }
    let mut page = book.entries();
    // The token is the ARN of the last schedule of the page before; ARNs sort as the keys do within a group.
    page.retain(|(key, entry)| call.selects(key, entry) && call.next_token.as_ref().is_none_or(|last| key.arn() > *last));
    page.sort_by_key(|(key, _)| key.arn());
    let next_token = page.get(n_max).map(|_| page[n_max - 1].0.arn());
    page.truncate(n_max);
    let schedules: Vec<Value> = page.iter().map(|(key, entry)| summary(key, entry)).collect();
    Ok(Json(json!({ "Schedules": schedules, "NextToken": next_token })))
}

impl ListSchedules {
    fn selects(&self, key: &Key, entry: &Entry) -> bool {
        key.name.starts_with(&self.name_prefix)
            && self.schedule_group.as_ref().is_none_or(|group| *group == key.group)
            && self.state.is_none_or(|state| state == entry.request.state())
    }
}

fn summary(key: &Key, entry: &Entry) -> Value {
    let created = entry.created_at.as_second();
    json!({
        "Arn": key.arn(),
        "GroupName": key.group,
        "Name": key.name,
        "State": entry.request.state(),
        "CreationDate": created,
        "LastModificationDate": created,
        "Target": { "Arn": entry.request.target.arn },
    })
}

fn description(key: &Key, entry: &Entry) -> Value {
    let mut description = summary(key, entry);
    description["ActionAfterCompletion"] = json!(entry.request.after_completion());
    let asked = serde_json::to_value(&entry.request).expect("the request came as JSON");
    for (field, value) in asked.as_object().into_iter().flatten() {
        description[field] = value.clone();
    }
    description
}

async fn unknown_operation() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "UnknownOperationException", "the operation is not built here")
}

/// What tells the endpoint's layer about Scheduler.
pub(super) struct RestJson;

impl Dialect for RestJson {
    type Refusal = ApiError;

    fn operation(request: &Request) -> Option<String> {
        let rest = request.uri().path().strip_prefix("/schedules")?;
        let operation = match (request.method(), rest) {
            (&Method::GET, "" | "/") => "ListSchedules",
            (&Method::GET, _) => "GetSchedule",
            (&Method::POST, _) => "CreateSchedule",
            (&Method::DELETE, _) => "DeleteSchedule",
            _ => return None,
        };
        Some(operation.to_owned())
    }

    fn internal() -> ApiError {
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerException", "the service failed")
    }

    fn throttled() -> ApiError {
        ApiError::new(StatusCode::TOO_MANY_REQUESTS, "ThrottlingException", "the request was throttled")
    }
}

pub(super) fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, "ValidationException", message.into())
}

pub(super) fn not_found(message: impl Into<String>) -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "ResourceNotFoundException", message.into())
}

pub(super) fn conflict(message: impl Into<String>) -> ApiError {
    ApiError::new(StatusCode::CONFLICT, "ConflictException", message.into())
}

//! The routes of Orgvue that a Users dataset needs.

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, RawQuery, State};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Value, json};

use super::errors::{ApiError, Refusal, by_status};
use super::filter::Selection;
use super::model::{Model, Tenant};
use super::params::Params;
use super::{Shared, admit, control, exports, items};
use crate::gate::{Voice, pass};

/// How Orgvue speaks when a fault makes it.
pub(crate) const VOICE: Voice = Voice { refuse: by_status, empty_list: || json!([]), trace };

pub(crate) const JSON_TYPE: &str = "application/json; charset=UTF-8";

pub(crate) fn router(shared: Shared) -> Router {
    let items = get(read_items).post(select_items).put(write_items);
    Router::new()
        .route("/api/v1/{tenant}/datasets", get(list_datasets))
        .route("/api/v1/{tenant}/datasets/{dataset}", get(get_dataset))
        .route("/api/v1/{tenant}/datasets/{dataset}/items", items)
        .route("/api/v1/{tenant}/datasets/{dataset}/export", post(exports::order))
        .fallback(|| async { by_status(StatusCode::NOT_FOUND, None) })
        .layer(from_fn_with_state(shared.clone(), admit::admit))
        .merge(exports::files())
        .layer(from_fn_with_state(shared.gate.clone(), pass))
        .layer(from_fn_with_state(shared.clone(), admit::track))
        .merge(control::router())
        .with_state(shared.clone())
        .merge(crate::control::router(shared.gate))
        .layer(DefaultBodyLimit::disable())
}

fn trace(headers: &mut HeaderMap) {
    let id = uuid::Uuid::new_v4().simple().to_string();
    let root = format!("Root=1-{}-{}", &id[..8], &id[8..]);
    headers.insert("X-Amzn-Trace-Id", HeaderValue::from_str(&root).expect("hexadecimal digits are a header value"));
}

pub(crate) fn json_response(status: StatusCode, body: String) -> Response {
    (status, [(CONTENT_TYPE, JSON_TYPE)], body).into_response()
}

async fn list_datasets(State(shared): State<Shared>, Path(tenant): Path<String>) -> Response {
    let entry = shared.store.read(|model| model.tenants.get(&tenant).map(|held| list_entry(&shared, &tenant, held)));
    json_response(StatusCode::OK, Value::from_iter(entry).to_string())
}

fn list_entry(shared: &Shared, tenant: &str, held: &Tenant) -> Value {
    let url = format!("{}/api/v1/{tenant}/datasets/{}", shared.url(), held.dataset_id);
    json!({
        "isPermissionedView": false,
        "datasetId": held.dataset_id,
        "name": "Users",
        "type": "USERS",
        "_links": {
            "dataset:retrieve": { "url": url, "method": "GET", "type": JSON_TYPE },
            "dataset:export": { "url": format!("{url}/export"), "method": "POST", "type": JSON_TYPE },
        },
    })
}

async fn get_dataset(State(shared): State<Shared>, Path((tenant, dataset)): Path<(String, String)>) -> Response {
    shared.store.read(|model| match with_dataset(model, &tenant, &dataset) {
        Ok(held) => json_response(StatusCode::OK, held.metadata(&model.switches).to_string()),
        Err(error) => error.into_response(),
    })
}

async fn read_items(State(shared): State<Shared>, Path((tenant, dataset)): Path<(String, String)>) -> Response {
    rows(&shared, &tenant, &dataset, None).unwrap_or_else(ApiError::into_response)
}

async fn select_items(State(shared): State<Shared>, Path((tenant, dataset)): Path<(String, String)>, body: Bytes) -> Response {
    Selection::parse(&body).and_then(|selection| rows(&shared, &tenant, &dataset, Some(&selection))).unwrap_or_else(ApiError::into_response)
}

fn rows(shared: &Shared, tenant: &str, dataset: &str, selection: Option<&Selection>) -> Result<Response, ApiError> {
    shared.store.read(|model| {
        let held = with_dataset(model, tenant, dataset)?;
        let rows = held.rows.values().map(|row| held.exported(row, &model.switches));
        let rows: Value = match selection {
            None => rows.collect(),
            Some(selection) => rows.filter(|row| selection.fits(row)).map(|row| selection.project(row)).collect(),
        };
        let body = rows.to_string();
        if model.switches.sync_read_bytes_max.is_some_and(|max| body.len() > max) {
            return Ok(by_status(StatusCode::PAYLOAD_TOO_LARGE, None));
        }
        Ok(json_response(StatusCode::OK, body))
    })
}

async fn write_items(
    State(shared): State<Shared>,
    Path((tenant, dataset)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    let query = query.unwrap_or_default();
    let pairs: Vec<_> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let known = shared.store.read(|model| with_dataset(model, &tenant, &dataset).map(|_| model.switches.body_bytes_max));
    match known {
        Err(error) => error.into_response(),
        Ok(max) if body.len() > max => by_status(StatusCode::PAYLOAD_TOO_LARGE, None),
        Ok(_) => shared.store.write(|model| write(model, &tenant, &pairs, &body)).unwrap_or_else(Refusal::into_response),
    }
}

fn write(model: &mut Model, tenant: &str, pairs: &[(String, String)], body: &[u8]) -> Result<Response, Refusal> {
    let switches = model.switches.clone();
    let held = model.tenant_mut(tenant);
    let params = Params::parse(pairs, held, &switches)?;
    let actions: Vec<Value> = serde_json::from_slice(body).map_err(|error| ApiError::new("400604").message(error.to_string()))?;
    held.writes.push(actions.clone().into());
    if items::breaks_down(held, &actions) {
        return Ok(by_status(StatusCode::INTERNAL_SERVER_ERROR, None));
    }
    let outcome = items::apply(held, &params, &switches, &actions)?;
    let status = if outcome.is_complete { 200 } else { switches.partial_status };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    Ok(json_response(status, Value::from(outcome.results).to_string()))
}

pub(crate) fn with_dataset<'a>(model: &'a Model, tenant: &str, dataset: &str) -> Result<&'a Tenant, ApiError> {
    let held = model.tenants.get(tenant).filter(|held| held.dataset_id == dataset);
    held.ok_or_else(|| ApiError::new("404601").with("datasetId", dataset))
}

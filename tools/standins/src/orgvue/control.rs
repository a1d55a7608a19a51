//! The part of `/_standin` that is about tenants and their accounts.

use axum::extract::{Path, State};
use axum::routing::{delete, get, post, put};
use axum::{Json, Router};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Shared;
use super::model::{Row, Tenant};

#[derive(Deserialize)]
struct NewTenant {
    dataset_id: String,
    #[serde(default)]
    rows: Vec<Row>,
}

pub(crate) fn router() -> Router<Shared> {
    Router::new()
        .route("/_standin/state", get(state))
        .route("/_standin/tenants/{tenant}", put(add_tenant))
        .route("/_standin/tenants/{tenant}/rows", post(set_rows))
        .route("/_standin/tenants/{tenant}/rows/{login}", delete(delete_row))
}

async fn state(State(shared): State<Shared>) -> Json<Value> {
    shared.store.read(|model| {
        let tenant = |(name, held): (&String, &Tenant)| (name.clone(), json!({ "dataset_id": held.dataset_id, "rows": model.rows(name) }));
        Json(json!({ "tenants": model.tenants.iter().map(tenant).collect::<Value>() }))
    })
}

async fn add_tenant(
    State(shared): State<Shared>,
    Path(tenant): Path<String>,
    Json(NewTenant { dataset_id, rows }): Json<NewTenant>,
) -> StatusCode {
    let rows = rows.into_iter().map(Value::from).collect();
    shared.store.write(|model| model.add_tenant(&tenant, &dataset_id, rows));
    StatusCode::NO_CONTENT
}

/// Sets the given values of the rows with these logins, and adds the rows that are not there.
async fn set_rows(State(shared): State<Shared>, Path(tenant): Path<String>, Json(rows): Json<Vec<Row>>) -> StatusCode {
    if !shared.store.read(|model| model.tenants.contains_key(&tenant)) {
        return StatusCode::NOT_FOUND;
    }
    shared.store.write(|model| {
        for row in rows {
            model.set_row(&tenant, row.into());
        }
    });
    StatusCode::NO_CONTENT
}

async fn delete_row(State(shared): State<Shared>, Path((tenant, login)): Path<(String, String)>) -> StatusCode {
    if !shared.store.read(|model| model.has_row(&tenant, &login)) {
        return StatusCode::NOT_FOUND;
    }
    shared.store.write(|model| model.delete_row(&tenant, &login));
    StatusCode::NO_CONTENT
}

//! The part of `/_standin` that is about directories.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use serde_json::{Value, json};

use super::{Shared, load};

pub(crate) fn router() -> Router<Shared> {
    Router::new().route("/_standin/state", get(state)).route("/_standin/directories", post(load_directory))
}

async fn state(State(shared): State<Shared>) -> Json<Value> {
    let directories: Vec<Value> = shared.store.read(|model| model.directories.values().map(load::describe).collect());
    Json(json!({ "directories": directories }))
}

async fn load_directory(State(shared): State<Shared>, Json(description): Json<Value>) -> Response {
    match shared.store.write(|model| model.load_directory(&description)) {
        Ok(id) => Json(json!({ "id": id })).into_response(),
        Err(error) => (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    }
}

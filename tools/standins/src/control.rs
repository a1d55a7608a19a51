//! What people may ask of either stand-in, under `/_standin`: its calls and its faults.
//!
//! It needs no credentials, for the servers listen on the loopback interface only.

use std::sync::Arc;

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use serde_json::{Value, json};

use crate::faults::Fault;
use crate::gate::Gate;

pub(crate) fn router<M: Send + 'static>(gate: Arc<Gate<M>>) -> Router {
    Router::new().route("/_standin/calls", get(calls)).route("/_standin/faults", post(add_fault).delete(clear_faults)).with_state(gate)
}

async fn calls<M>(State(gate): State<Arc<Gate<M>>>) -> Json<Value> {
    Json(json!({ "total": gate.calls.total(), "by_route": gate.calls.by_route() }))
}

async fn add_fault<M>(State(gate): State<Arc<Gate<M>>>, Json(fault): Json<Fault>) -> StatusCode {
    gate.faults.add(fault);
    StatusCode::NO_CONTENT
}

async fn clear_faults<M>(State(gate): State<Arc<Gate<M>>>) -> StatusCode {
    gate.faults.clear();
    StatusCode::NO_CONTENT
}

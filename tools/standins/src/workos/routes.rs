//! The routes of WorkOS: who asks, for what, and which page of it.

use axum::extract::{DefaultBodyLimit, Path, Query as UrlQuery, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Value, json};

use super::directory::{Directory, Group};
use super::errors::{Invalid, Refusal, by_status};
use super::model::Model;
use super::page::{Key, Paging, Place};
use super::scope::Environment;
use super::switches::{Order, UnknownFilter};
use super::{Query, Shared, render};
use crate::gate::{Voice, pass};

/// How WorkOS speaks when a fault makes it.
pub(crate) const VOICE: Voice = Voice { refuse: by_status, empty_list, trace };

type Answer = Result<Json<Value>, Refusal>;

pub(crate) fn router(shared: Shared) -> Router {
    Router::new()
        .route("/directories", get(list_directories))
        .route("/directories/{id}", get(get_directory))
        .route("/directory_users", get(list_users))
        .route("/directory_users/{id}", get(get_user))
        .route("/directory_groups", get(list_groups))
        .route("/directory_groups/{id}", get(get_group))
        .route("/events", get(list_events))
        .fallback(|| async { Refusal::NotFound })
        .layer(from_fn_with_state(shared.clone(), admit))
        .layer(from_fn_with_state(shared.gate.clone(), pass))
        .merge(super::control::router())
        .with_state(shared.clone())
        .merge(crate::control::router(shared.gate))
        .layer(DefaultBodyLimit::disable())
}

fn empty_list() -> Value {
    json!({ "object": "list", "data": [], "list_metadata": { "before": null, "after": null } })
}

fn trace(headers: &mut HeaderMap) {
    let id = uuid::Uuid::new_v4().to_string();
    headers.insert("X-Request-Id", HeaderValue::from_str(&id).expect("a UUID is a header value"));
}

/// Checks the key and its own limit.
async fn admit(State(shared): State<Shared>, mut request: Request, next: Next) -> Response {
    let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let key = header.and_then(|value| value.strip_prefix("Bearer "));
    let Some((key, environment)) = key.and_then(|key| Some((key, shared.environment(key)?))) else {
        return by_status(StatusCode::UNAUTHORIZED, None);
    };
    let limited = shared.store.read(|model| {
        let is_granted = shared.buckets.take(&format!("key {key}"), model.switches.key_rate?);
        (!is_granted).then(|| too_many(model))
    });
    if let Some(refused) = limited {
        return refused;
    }
    request.extensions_mut().insert(Environment(environment));
    next.run(request).await
}

async fn list_directories(
    State(shared): State<Shared>,
    Extension(environment): Extension<Environment>,
    UrlQuery(query): UrlQuery<Query>,
) -> Answer {
    shared.store.read(|model| {
        let paging = Paging::parse(&query, model.switches.order_without)?;
        let is_asked = |directory: &&Directory| {
            query.get("organization_id").is_none_or(|id| *id == directory.organization_id)
                && query.get("domain").is_none_or(|domain| *domain == directory.domain)
                && query.get("search").is_none_or(|part| directory.name.contains(part))
        };
        let key = |directory: &Directory| (directory.created_ms, directory.id.clone());
        let rows = environment.directories(model).filter(is_asked).map(|directory| (key(directory), directory)).collect();
        let place = |id: &str| environment.directory(model, id).map_or(Place::Unknown, |found| Place::Present(key(found)));
        list(model, &paging, rows, place, |directory| render::directory(directory, &model.switches))
    })
}

async fn get_directory(State(shared): State<Shared>, Extension(environment): Extension<Environment>, Path(id): Path<String>) -> Answer {
    shared.store.read(|model| {
        let found = environment.directory(model, &id);
        let directory = found.ok_or_else(|| Refusal::NoSuchDirectory(id.clone()))?;
        Ok(Json(render::directory(directory, &model.switches)))
    })
}

async fn list_users(
    State(shared): State<Shared>,
    Extension(environment): Extension<Environment>,
    UrlQuery(query): UrlQuery<Query>,
) -> Response {
    shared.store.read(|model| match limited_users(&shared, model, &environment, &query) {
        Some(refused) => refused,
        None => users_page(model, &environment, &query).into_response(),
    })
}

/// The refusal of a call beyond the limit of its directory; a group counts as the directory it is in.
fn limited_users(shared: &Shared, model: &Model, environment: &Environment, query: &Query) -> Option<Response> {
    let group = query.get("group").and_then(|id| environment.group(model, id));
    let directory = query.get("directory").or(group.map(|(directory, _)| &directory.id))?;
    let is_granted = shared.buckets.take(&format!("directory {directory}"), model.switches.directory_rate?);
    (!is_granted).then(|| too_many(model))
}

fn users_page(model: &Model, environment: &Environment, query: &Query) -> Answer {
    let (by_directory, by_group) = (query.get("directory"), query.get("group"));
    if by_directory.is_none() && by_group.is_none() {
        let complaint = "Please provide either \"directory\" or \"group\" parameters.";
        return Err(Invalid::fields(["directory", "group"], complaint).into());
    }
    let (by_idp_id, by_email) = (query.get("idp_id"), query.get("email"));
    if by_directory.is_none() && (by_idp_id.is_some() || by_email.is_some()) {
        return Err(Invalid::field("directory", "Please provide the \"directory\" parameter.").into());
    }
    let paging = Paging::parse(query, model.switches.order_without)?;
    let group = by_group.map(|id| environment.group(model, id));
    let found = match by_directory {
        Some(id) => environment.directory(model, id),
        None => group.flatten().map(|(directory, _)| directory),
    };
    let Some(directory) = found else {
        return unknown_filter(model);
    };
    let is_member = |idp_id: &String| match group {
        None => true,
        Some(found) => found.is_some_and(|(_, group)| group.members.contains(idp_id)),
    };
    let rows = directory
        .users
        .values()
        .filter(|_| shows_rows(directory, model))
        .filter(|user| is_member(&user.idp_id))
        .filter(|user| by_idp_id.is_none_or(|idp_id| *idp_id == user.idp_id))
        .filter(|user| by_email.is_none_or(|email| user.email.as_ref() == Some(email)))
        .map(|user| ((user.created_ms, user.id.clone()), user))
        .collect();
    let render = |user| render::user(directory, user, &model.switches);
    list(model, &paging, rows, |id| directory.place(id), render)
}

async fn get_user(State(shared): State<Shared>, Extension(environment): Extension<Environment>, Path(id): Path<String>) -> Answer {
    shared.store.read(|model| {
        let (directory, user) = environment.user(model, &id).ok_or(Refusal::NotFound)?;
        Ok(Json(render::user(directory, user, &model.switches)))
    })
}

async fn list_groups(
    State(shared): State<Shared>,
    Extension(environment): Extension<Environment>,
    UrlQuery(query): UrlQuery<Query>,
) -> Answer {
    shared.store.read(|model| groups_page(model, &environment, &query))
}

fn groups_page(model: &Model, environment: &Environment, query: &Query) -> Answer {
    let (by_directory, by_user) = (query.get("directory"), query.get("user"));
    if by_directory.is_none() && by_user.is_none() {
        let complaint = "Please provide either \"directory\" or \"user\" parameters.";
        return Err(Invalid::fields(["directory", "user"], complaint).into());
    }
    let paging = Paging::parse(query, model.switches.order_without)?;
    let user = by_user.map(|id| environment.user(model, id));
    let found = match by_directory {
        Some(id) => environment.directory(model, id),
        None => user.flatten().map(|(directory, _)| directory),
    };
    let Some(directory) = found else {
        return unknown_filter(model);
    };
    let has_user = |group: &Group| match user {
        None => true,
        Some(found) => found.is_some_and(|(_, user)| group.members.contains(&user.idp_id)),
    };
    let rows = directory
        .groups
        .values()
        .filter(|_| shows_rows(directory, model))
        .filter(|group| has_user(group))
        .map(|group| ((group.created_ms, group.id.clone()), group))
        .collect();
    let render = |group| render::group(directory, group, &model.switches);
    list(model, &paging, rows, |id| directory.place(id), render)
}

async fn get_group(State(shared): State<Shared>, Extension(environment): Extension<Environment>, Path(id): Path<String>) -> Answer {
    shared.store.read(|model| {
        let (directory, group) = environment.group(model, &id).ok_or(Refusal::NotFound)?;
        Ok(Json(render::group(directory, group, &model.switches)))
    })
}

async fn list_events(
    State(shared): State<Shared>,
    Extension(environment): Extension<Environment>,
    UrlQuery(query): UrlQuery<Query>,
) -> Answer {
    let names = query.get("events").filter(|names| !names.is_empty()).ok_or(Refusal::NoEvents)?;
    shared.store.read(|model| {
        let paging = Paging::parse(&query, Order::Desc)?;
        let is_asked = |event: &Value| {
            let time = text(event, "/created_at");
            let organization = text(event, "/data/organization_id");
            names.split(',').any(|name| name == text(event, "/event"))
                && query.get("organization_id").is_none_or(|id| id == organization)
                && query.get("range_start").is_none_or(|start| start.as_str() <= time)
                && query.get("range_end").is_none_or(|end| end.as_str() >= time)
        };
        // The id alone is the key, for ids of events have the order of their times.
        let key = |event: &Value| (0, text(event, "/id").to_owned());
        let seen = model.events.iter().filter(|emitted| emitted.environment == environment.0);
        let events: Vec<&Value> = seen.map(|emitted| &emitted.event).collect();
        let rows = events.iter().filter(|event| is_asked(event)).map(|event| (key(event), *event)).collect();
        let place = |id: &str| {
            let found = events.iter().find(|event| text(event, "/id") == id);
            found.map_or(Place::Unknown, |event| Place::Present(key(event)))
        };
        let page = paging.cut(rows, place, model.switches.deleted_cursor)?;
        Ok(Json(page.into_events(Value::clone)))
    })
}

fn text<'a>(event: &'a Value, pointer: &str) -> &'a str {
    event.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The page of these rows; only what is on it is rendered, for a list may be long.
fn list<T>(model: &Model, paging: &Paging, rows: Vec<(Key, T)>, place: impl Fn(&str) -> Place, render: impl Fn(T) -> Value) -> Answer {
    let page = paging.cut(rows, place, model.switches.deleted_cursor)?;
    Ok(Json(page.into_list(render, model.switches.camel_case_metadata)))
}

fn unknown_filter(model: &Model) -> Answer {
    match model.switches.unknown_filter {
        UnknownFilter::Empty => Ok(Json(empty_list())),
        UnknownFilter::NotFound => Err(Refusal::NotFound),
    }
}

fn too_many(model: &Model) -> Response {
    by_status(StatusCode::TOO_MANY_REQUESTS, model.switches.retry_after.as_deref())
}

fn shows_rows(directory: &Directory, model: &Model) -> bool {
    model.switches.unlinked_keeps_rows || directory.state == "linked"
}

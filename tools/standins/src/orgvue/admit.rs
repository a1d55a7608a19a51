//! What every call to Orgvue must pass before it is about a dataset.
//!
//! The order: the token, its account, the tenant's usage plan, the limits, then path and content type, which are
//! reported together. The documentation lists these errors but not their order.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, Method};

use super::Shared;
use super::errors::{ApiError, Refusal, too_many};
use super::model::Model;
use crate::gate::WireNames;
use crate::limits::Rate;

/// How many requests of the tenant are being answered, this one included.
#[derive(Clone, Copy, Debug)]
struct Concurrent(usize);

/// The tenant and the dataset a path names, if it goes so far.
fn path_parameters(path: &str) -> (Option<&str>, Option<&str>) {
    let mut segments = path.strip_prefix("/api/v1/").unwrap_or_default().split('/');
    let tenant = segments.next().filter(|tenant| !tenant.is_empty());
    (tenant, segments.nth(1))
}

/// Counts the requests in flight, around everything else so that slow answers count.
pub(crate) async fn track(State(shared): State<Shared>, mut request: Request, next: Next) -> Response {
    let tenant = path_parameters(request.uri().path()).0.unwrap_or_default().to_owned();
    let (_entered, count) = shared.in_flight.enter(&tenant);
    request.extensions_mut().insert(Concurrent(count));
    next.run(request).await
}

/// Lets a request through to the datasets, or refuses it.
pub(crate) async fn admit(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let concurrent = request.extensions().get::<Concurrent>().map_or(0, |concurrent| concurrent.0);
    let names = request.extensions().get::<WireNames>().map_or(&[][..], |names| &names.0);
    let (tenant, dataset) = path_parameters(request.uri().path());
    let checked = shared.store.read(|model| {
        let headers = seen_headers(request.headers(), names, model.switches.strict_header_names);
        let tenant = tenant.unwrap_or_default();
        check_token(&shared, &headers, tenant)?;
        if is_tenant_id(tenant) {
            check_plan(model, tenant)?;
            check_limits(&shared, model, tenant, concurrent)?;
        }
        check_request(model, request.method(), &headers, tenant, dataset)
    });
    match checked {
        Ok(()) => next.run(request).await,
        Err(Stop::Refused(refusal)) => refusal.into_response(),
        Err(Stop::Limited(code, retry_after)) => too_many(code, retry_after.as_deref()),
    }
}

/// Why a request goes no further.
enum Stop {
    Refused(Refusal),
    Limited(&'static str, Option<String>),
}

impl From<ApiError> for Stop {
    fn from(error: ApiError) -> Self {
        Self::Refused(error.into())
    }
}

/// The headers Orgvue sees: those in title case, when it takes its documentation at its word.
fn seen_headers(headers: &HeaderMap, names: &[String], strict: bool) -> HeaderMap {
    let mut seen = headers.clone();
    for name in names.iter().filter(|name| strict && !is_title_case(name)) {
        seen.remove(name.as_str());
    }
    seen
}

fn is_title_case(name: &str) -> bool {
    name.split('-').all(|word| !word.starts_with(|first: char| first.is_ascii_lowercase()))
}

fn check_token(shared: &Shared, headers: &HeaderMap, tenant: &str) -> Result<(), Stop> {
    let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if header.is_empty() {
        return Err(ApiError::new("40101").into());
    }
    let token = header.strip_prefix("Bearer ").ok_or(ApiError::new("40103"))?;
    let token = shared.token(token).ok_or(ApiError::new("40102"))?;
    if let Some(code) = &token.refused {
        return Err(ApiError::new(code).into());
    }
    if token.tenant.is_some_and(|only| only != tenant) {
        return Err(ApiError::new("40325").into());
    }
    Ok(())
}

fn check_plan(model: &Model, tenant: &str) -> Result<(), Stop> {
    let has_plan = model.tenants.contains_key(tenant) && !model.switches.without_usage_plan.contains(tenant);
    if has_plan { Ok(()) } else { Err(ApiError::new("40345").into()) }
}

fn check_limits(shared: &Shared, model: &Model, tenant: &str, concurrent: usize) -> Result<(), Stop> {
    let switches = &model.switches;
    let limited = |code| Err(Stop::Limited(code, switches.retry_after.clone()));
    if switches.concurrent_max.is_some_and(|max| concurrent > max) {
        return limited("42901");
    }
    if switches.tenant_rate.is_some_and(|rate| !shared.buckets.take(&format!("rate {tenant}"), rate)) {
        return limited("42901");
    }
    let daily = switches.daily_max.map(|max| Rate { burst: f64::from(max), per_second: 0.0 });
    if daily.is_some_and(|rate| !shared.buckets.take(&format!("day {tenant}"), rate)) {
        return limited("42902");
    }
    Ok(())
}

fn check_request(model: &Model, method: &Method, headers: &HeaderMap, tenant: &str, dataset: Option<&str>) -> Result<(), Stop> {
    let mut errors = Vec::new();
    if !is_tenant_id(tenant) {
        errors.push(ApiError::new("400602").with("pathParameter", "{tenantId}"));
    }
    if dataset.is_some_and(|dataset| uuid::Uuid::try_parse(dataset).is_err()) {
        errors.push(ApiError::new("400603").with("pathParameter", "{datasetId}"));
    }
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let needs_type = method != Method::GET || model.switches.content_type_on_reads;
    if needs_type && !content_type.starts_with("application/json") {
        errors.push(ApiError::new("415001"));
    }
    if errors.is_empty() { Ok(()) } else { Err(Stop::Refused(Refusal(errors))) }
}

/// `^[A-Z][A-Z0-9_]{0,29}$`
fn is_tenant_id(text: &str) -> bool {
    let is_rest = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    (1..=30).contains(&text.len()) && text.starts_with(|c: char| c.is_ascii_uppercase()) && text.chars().all(is_rest)
}

//! `POST …/export`: a job whose ticket and result are files behind presigned URLs.
//!
//! The URLs lead past the API to where files are kept: they take no token, and a request that brings one is refused. Each look at the ticket
//! takes the job on: `created`, `running`, then how the switches let it end. What is exported is the dataset as it is at the end.

use std::io::Write;

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::Shared;
use super::errors::ApiError;
use super::model::{ID, Model};
use super::routes::{JSON_TYPE, json_response, with_dataset};
use super::switches::ExportEnd;
use crate::ids;

/// A job, as long as its files are kept.
#[derive(Clone, Debug)]
pub(crate) struct Export {
    tenant: String,
    is_gzip: bool,
    created_ms: i64,
    /// How often somebody looked at the ticket.
    looks: u32,
    /// What the URLs of its files end with.
    query: String,
    expires_ms: i64,
    /// The data, once the job is completed.
    result: Option<Bytes>,
}

/// The presigned URLs, which no token opens.
pub(crate) fn files() -> Router<Shared> {
    Router::new().route("/presigned/{export}/ticket", get(look)).route("/presigned/{export}/result", get(fetch))
}

/// Takes an order for an export.
pub(crate) async fn order(
    State(shared): State<Shared>,
    Path((tenant, dataset)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Response {
    let query = query.unwrap_or_default();
    shared
        .store
        .adjust(|model| {
            with_dataset(model, &tenant, &dataset)?;
            if model.switches.export_end == ExportEnd::Refused {
                return Err(ApiError::new("403603"));
            }
            let export = ids::upper_uuid();
            let expires_ms = ids::now_ms() + model.switches.presigned_ms;
            let job = Export {
                tenant,
                is_gzip: is_gzip(&query)?,
                created_ms: ids::now_ms(),
                looks: 0,
                query: format!(
                    "X-Amz-Date={}&X-Amz-Expires={}&X-Amz-Signature={}",
                    ids::now_ms(),
                    expires_ms,
                    uuid::Uuid::new_v4().simple()
                ),
                expires_ms,
                result: None,
            };
            let ticket = job.ticket(shared.url(), &export, "created");
            model.exports.insert(export, job);
            Ok(json_response(StatusCode::ACCEPTED, ticket.to_string()))
        })
        .unwrap_or_else(ApiError::into_response)
}

/// Whether the result is asked for in gzip; an error if it is asked for in a form that is not played.
fn is_gzip(query: &str) -> Result<bool, ApiError> {
    let mut is_gzip = false;
    let mut format = None;
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        match (&*name, &*value) {
            ("exportFormat", "jsonObjects") => format = Some(()),
            ("resultEncoding", "gzip") => is_gzip = true,
            ("resultEncoding", "identity") => {}
            _ => return Err(ApiError::new("400601").with("queryParameter", name.into_owned())),
        }
    }
    format.map(|()| is_gzip).ok_or_else(|| ApiError::new("400601").with("queryParameter", "exportFormat"))
}

async fn look(State(shared): State<Shared>, Path(export): Path<String>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    shared
        .store
        .adjust(|model| {
            let job = open(model, &export, query.as_deref(), &headers)?;
            job.looks += 1;
            let looks = job.looks;
            let status = match model.switches.export_end {
                ExportEnd::Never => "running",
                _ if looks < model.switches.export_looks => "running",
                ExportEnd::Failed | ExportEnd::Refused => "failed",
                ExportEnd::Completed => {
                    let tenant = model.exports[&export].tenant.clone();
                    let data = data(model, &tenant);
                    let job = model.exports.get_mut(&export).expect("it was just looked at");
                    job.result.get_or_insert_with(|| if job.is_gzip { gzip(&data) } else { data.into() });
                    "completed"
                }
            };
            let ticket = model.exports[&export].ticket(shared.url(), &export, status);
            Ok(json_response(StatusCode::OK, ticket.to_string()))
        })
        .unwrap_or_else(|refused: Refused| refused.into_response())
}

async fn fetch(State(shared): State<Shared>, Path(export): Path<String>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let opened = shared.store.adjust(|model| {
        let job = open(model, &export, query.as_deref(), &headers)?;
        job.result.clone().ok_or(Refused(StatusCode::NOT_FOUND, "NoSuchKey"))
    });
    match opened {
        Ok(result) => (StatusCode::OK, [(CONTENT_TYPE, JSON_TYPE)], result).into_response(),
        Err(refused) => refused.into_response(),
    }
}

/// How the store of files refuses: in XML, for it is not the API.
struct Refused(StatusCode, &'static str);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let Self(status, code) = self;
        let body = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code></Error>");
        (status, [(CONTENT_TYPE, "application/xml")], body).into_response()
    }
}

/// The job whose files these are, if the URL is good and nothing else was sent to be let in with.
fn open<'a>(model: &'a mut Model, export: &str, query: Option<&str>, headers: &HeaderMap) -> Result<&'a mut Export, Refused> {
    if headers.contains_key(AUTHORIZATION) {
        return Err(Refused(StatusCode::BAD_REQUEST, "InvalidArgument"));
    }
    match model.exports.get_mut(export) {
        None => Err(Refused(StatusCode::NOT_FOUND, "NoSuchKey")),
        Some(job) if query != Some(&job.query) => Err(Refused(StatusCode::FORBIDDEN, "SignatureDoesNotMatch")),
        Some(job) if job.expires_ms <= ids::now_ms() => Err(Refused(StatusCode::FORBIDDEN, "AccessDenied")),
        Some(job) => Ok(job),
    }
}

impl Export {
    fn ticket(&self, url: &str, export: &str, status: &str) -> Value {
        let link = |file: &str| {
            json!({
                "url": format!("{url}/presigned/{export}/{file}?{}", self.query),
                "contentType": JSON_TYPE,
                "type": "downloadLink",
            })
        };
        let mut ticket = json!({
            "_links": { "self": link("ticket") },
            "jobStatus": status,
            "_createdAt": ids::iso(self.created_ms),
            "_createdBy": "sync@orgvue.com",
            "X-Amzn-Trace-Id": "Root=1-62bcb5d3-3b211f8616879dea3bde593f",
        });
        match status {
            "completed" => ticket["_links"]["result"] = link("result"),
            "failed" => ticket["errors"] = json!([ApiError::new("500601").to_json()]),
            _ => {}
        }
        ticket
    }
}

/// The dataset with what an export makes up for each row.
fn data(model: &Model, tenant: &str) -> Vec<u8> {
    let switches = &model.switches;
    let row = |held: &super::model::Tenant, row| {
        let mut row = held.exported(row, switches);
        if !switches.export_ids {
            row.as_object_mut().map(|row| row.remove(ID));
        }
        for (key, value) in
            [("_change", json!("none")), ("_has_unique_id", json!(true)), ("_is_duplicate", json!(false)), ("_is_ghost", json!(false))]
        {
            row[key] = value;
        }
        row
    };
    let rows: Value =
        model.tenants.get(tenant).into_iter().flat_map(|held| held.rows.values().map(move |found| row(held, found))).collect();
    rows.to_string().into_bytes()
}

fn gzip(data: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(data).and_then(|()| encoder.finish()).expect("memory takes what is written to it").into()
}

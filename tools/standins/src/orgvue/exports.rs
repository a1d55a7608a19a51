//! `POST …/export`: a job whose ticket and result are files behind presigned URLs.
//!
//! The URLs lead past the API to where files are kept: they take no token, and a request that brings one is refused. Each look at the ticket
//! takes the job on: `created`, `running`, then how the switches let it end. What is exported is the dataset as it is at the end.

use std::collections::BTreeMap;
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
use super::model::{ID, Model, Row, Tenant};
use super::routes::{JSON_TYPE, json_response, with_dataset};
use super::switches::{ExportEnd, Switches};
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
    let ticket = shared.store.adjust(|model| begin(model, tenant, &dataset, &query, shared.url()));
    ticket.map_or_else(ApiError::into_response, |ticket| json_response(StatusCode::ACCEPTED, ticket.to_string()))
}

fn begin(model: &mut Model, tenant: String, dataset: &str, query: &str, url: &str) -> Result<Value, ApiError> {
    with_dataset(model, &tenant, dataset)?;
    let is_gzip = is_gzip(query)?;
    if model.switches.export_end == ExportEnd::Refused {
        return Err(ApiError::new("403603"));
    }
    let created_ms = ids::now_ms();
    let expires_ms = created_ms + model.switches.presigned_ms;
    let signature = uuid::Uuid::new_v4().simple();
    let query = format!("X-Amz-Date={created_ms}&X-Amz-Expires={expires_ms}&X-Amz-Signature={signature}");
    let job = Export { tenant, is_gzip, created_ms, looks: 0, query, expires_ms, result: None };
    let export = ids::upper_uuid();
    let ticket = job.ticket(url, &export, "created");
    model.exports.insert(export, job);
    Ok(ticket)
}

/// Whether the result is asked for in gzip; an error if it is asked for in a form that is not played.
fn is_gzip(query: &str) -> Result<bool, ApiError> {
    let invalid = |parameter: &str| ApiError::new("400601").with("queryParameter", parameter);
    let mut is_gzip = false;
    let mut has_format = false;
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        match (&*name, &*value) {
            ("exportFormat", "jsonObjects") => has_format = true,
            ("resultEncoding", "gzip") => is_gzip = true,
            ("resultEncoding", "identity") => {}
            _ => return Err(invalid(&name)),
        }
    }
    if has_format { Ok(is_gzip) } else { Err(invalid("exportFormat")) }
}

async fn look(State(shared): State<Shared>, Path(export): Path<String>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let ticket = shared.store.adjust(|model| {
        let job = open(&mut model.exports, &export, query.as_deref(), &headers)?;
        let status = job.go_on(&model.tenants, &model.switches);
        Ok(job.ticket(shared.url(), &export, status))
    });
    ticket.map_or_else(Refused::into_response, |ticket| json_response(StatusCode::OK, ticket.to_string()))
}

async fn fetch(State(shared): State<Shared>, Path(export): Path<String>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let result = shared.store.adjust(|model| {
        let job = open(&mut model.exports, &export, query.as_deref(), &headers)?;
        job.result.clone().ok_or(Refused(StatusCode::NOT_FOUND, "NoSuchKey"))
    });
    result.map_or_else(Refused::into_response, |result| (StatusCode::OK, [(CONTENT_TYPE, JSON_TYPE)], result).into_response())
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
fn open<'a>(
    exports: &'a mut BTreeMap<String, Export>,
    export: &str,
    query: Option<&str>,
    headers: &HeaderMap,
) -> Result<&'a mut Export, Refused> {
    if headers.contains_key(AUTHORIZATION) {
        return Err(Refused(StatusCode::BAD_REQUEST, "InvalidArgument"));
    }
    match exports.get_mut(export) {
        None => Err(Refused(StatusCode::NOT_FOUND, "NoSuchKey")),
        Some(job) if query != Some(&job.query) => Err(Refused(StatusCode::FORBIDDEN, "SignatureDoesNotMatch")),
        Some(job) if job.expires_ms <= ids::now_ms() => Err(Refused(StatusCode::FORBIDDEN, "AccessDenied")),
        Some(job) => Ok(job),
    }
}

impl Export {
    /// Takes the job on by a step, for each look at its ticket; gives its status.
    fn go_on(&mut self, tenants: &BTreeMap<String, Tenant>, switches: &Switches) -> &'static str {
        self.looks += 1;
        match switches.export_end {
            ExportEnd::Never => "running",
            _ if self.looks < switches.export_looks => "running",
            ExportEnd::Failed | ExportEnd::Refused => "failed",
            ExportEnd::Completed => {
                self.result.get_or_insert_with(|| data(&tenants[&self.tenant], switches, self.is_gzip));
                "completed"
            }
        }
    }

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
fn data(tenant: &Tenant, switches: &Switches, is_gzip: bool) -> Bytes {
    let row = |row: &Row| {
        let mut row = tenant.exported(row, switches);
        if !switches.export_ids {
            row.as_object_mut().map(|row| row.remove(ID));
        }
        row["_change"] = json!("none");
        for (key, value) in [("_has_unique_id", true), ("_is_duplicate", false), ("_is_ghost", false)] {
            row[key] = json!(value);
        }
        row
    };
    let text = tenant.rows.values().map(row).collect::<Value>().to_string();
    if is_gzip { gzip(text.as_bytes()) } else { text.into() }
}

fn gzip(data: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(data).and_then(|()| encoder.finish()).expect("memory takes what is written to it").into()
}

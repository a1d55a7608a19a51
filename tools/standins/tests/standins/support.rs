//! A running stand-in of each kind, and a client that speaks to it.

use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use standins::orgvue::{self, Orgvue};
use standins::workos::{self, UserSpec, WorkOs};

pub(crate) const DIRECTORY: &str = "directory_01TEST";
pub(crate) const TENANT: &str = "ACME";
pub(crate) const DATASET: &str = "0B533DE6-7107-9FCD-48FC-31C0856745CC";

/// A stand-in with one directory and no rate limit on its users.
pub(crate) async fn workos() -> WorkOs {
    let workos = WorkOs::start(workos::Options::default()).await.unwrap();
    workos.switches(|switches| switches.directory_rate = None);
    workos.add_directory(DIRECTORY);
    workos
}

/// A stand-in with one tenant and these rows.
pub(crate) async fn orgvue(rows: Vec<Value>) -> Orgvue {
    let orgvue = Orgvue::start(orgvue::Options::default()).await.unwrap();
    orgvue.add_tenant(TENANT, DATASET, rows);
    orgvue
}

pub(crate) fn put_users(workos: &WorkOs, n: usize) {
    workos.edit(|model| {
        for i in 0..n {
            model.put_user(DIRECTORY, UserSpec::new(&format!("idp-{i}"), &format!("user{i}@example.com")));
        }
    });
}

pub(crate) fn account(login: &str, role: &str) -> Value {
    json!({ "Login": login, "Role": role, "Enabled": true })
}

pub(crate) fn client() -> Client {
    Client::builder().no_proxy().http1_only().http1_title_case_headers().build().unwrap()
}

pub(crate) fn workos_get(workos: &WorkOs, target: &str) -> RequestBuilder {
    client().get(format!("{}{target}", workos.url())).bearer_auth(workos.key())
}

/// The status and JSON body of a WorkOS answer.
pub(crate) async fn get(workos: &WorkOs, target: &str) -> (StatusCode, Value) {
    read(workos_get(workos, target)).await
}

pub(crate) async fn read(request: RequestBuilder) -> (StatusCode, Value) {
    let response = request.send().await.unwrap();
    let status = response.status();
    (status, serde_json::from_str(&response.text().await.unwrap()).unwrap_or(Value::Null))
}

pub(crate) fn items_url(orgvue: &Orgvue, query: &str) -> String {
    format!("{}/api/v1/{TENANT}/datasets/{DATASET}/items{query}", orgvue.url())
}

/// A request with the headers Orgvue wants.
pub(crate) fn signed_in(orgvue: &Orgvue, request: RequestBuilder) -> RequestBuilder {
    request.bearer_auth(orgvue.token()).header("Content-Type", "application/json; charset=UTF-8")
}

pub(crate) async fn read_items(orgvue: &Orgvue) -> (StatusCode, Value) {
    read(signed_in(orgvue, client().get(items_url(orgvue, "")))).await
}

pub(crate) async fn put_items(orgvue: &Orgvue, query: &str, actions: Value) -> (StatusCode, Value) {
    read(signed_in(orgvue, client().put(items_url(orgvue, query)).body(actions.to_string()))).await
}

/// The `name` of the first error of an Orgvue answer.
pub(crate) fn error_codes(body: &Value) -> Vec<&str> {
    body["errors"].as_array().unwrap().iter().map(|error| error["code"].as_str().unwrap()).collect()
}

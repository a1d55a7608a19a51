//! Every kind of scripted fault, on either stand-in.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use standins::{Fault, FaultKind, Matcher, Nth};

use crate::support::{DIRECTORY, TENANT, client, get, items_url, orgvue, put_items, put_users, read_items, signed_in, workos, workos_get};

fn always(kind: FaultKind) -> Fault {
    Fault::new(Matcher::any(), Nth::From(1), kind)
}

fn users() -> String {
    format!("/directory_users?directory={DIRECTORY}&order=asc&limit=2")
}

#[tokio::test]
async fn picks_the_nth_matching_request() {
    let workos = workos().await;
    let on = || Matcher::path("/directory_users").method("GET").query("order=asc");
    workos.fault(Fault::new(on(), Nth::At(2), FaultKind::Status(500)));
    workos.fault(Fault::new(on(), Nth::From(4), FaultKind::Status(503)));
    assert_eq!(get(&workos, "/directories").await.0, 200);
    for expected in [200, 500, 200, 503, 503] {
        assert_eq!(get(&workos, &users()).await.0, expected);
    }
    workos.clear_faults();
    assert_eq!(get(&workos, &users()).await.0, 200);
}

#[tokio::test]
async fn each_vendor_has_its_own_body() {
    let (workos, orgvue) = (workos().await, orgvue(vec![]).await);
    for (status, ours, theirs) in [
        (401, json!({ "message": "Unauthorized" }), json!("40102")),
        (403, json!({ "message": "Forbidden" }), json!("40322")),
        (404, json!({ "message": "Not Found" }), json!("404601")),
        (429, json!("Ratelimited"), json!("42901")),
        (500, json!({ "message": "Internal Server Error" }), Value::Null),
        (503, json!({ "message": "Service Unavailable" }), Value::Null),
    ] {
        workos.clear_faults();
        orgvue.clear_faults();
        workos.fault(always(FaultKind::Status(status)));
        orgvue.fault(always(FaultKind::Status(status)));
        let (got, body) = get(&workos, "/directories").await;
        assert_eq!((got.as_u16(), body), (status, ours));
        let (got, body) = read_items(&orgvue).await;
        assert_eq!((got.as_u16(), &body["errors"][0]["code"]), (status, &theirs));
    }
}

#[tokio::test]
async fn too_many_may_say_when_to_retry() {
    let workos = workos().await;
    workos.fault(always(FaultKind::TooMany { retry_after: Some("3".to_owned()) }));
    let response = workos_get(&workos, "/directories").send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.headers()["Retry-After"].to_str().unwrap()), (429, "3"));
}

#[tokio::test]
async fn html_empty_and_wrong_shapes() {
    let workos = workos().await;
    workos.fault(Fault::new(Matcher::any(), Nth::At(1), FaultKind::Html(502)));
    workos.fault(Fault::new(Matcher::any(), Nth::At(2), FaultKind::WrongShape));
    workos.fault(Fault::new(Matcher::any(), Nth::At(3), FaultKind::EmptyList));
    let response = workos_get(&workos, "/directories").send().await.unwrap();
    assert_eq!(response.status(), 502);
    assert!(response.text().await.unwrap().starts_with("<html>"));
    assert_eq!(get(&workos, "/directories").await.1, json!({}));
    assert_eq!(get(&workos, "/directories").await.1["data"], json!([]));
}

#[tokio::test]
async fn a_reset_gives_no_answer_and_a_cut_body_half_of_one() {
    let workos = workos().await;
    workos.fault(Fault::new(Matcher::any(), Nth::At(1), FaultKind::Reset));
    workos.fault(Fault::new(Matcher::any(), Nth::At(2), FaultKind::CutBody));
    workos.fault(Fault::new(Matcher::any(), Nth::At(3), FaultKind::TruncatedJson));
    assert!(workos_get(&workos, "/directories").send().await.is_err());
    assert!(workos_get(&workos, "/directories").send().await.unwrap().text().await.is_err());
    let text = workos_get(&workos, "/directories").send().await.unwrap().text().await.unwrap();
    assert!(serde_json::from_str::<Value>(&text).is_err() && !text.is_empty());
}

#[tokio::test]
async fn a_slow_answer_is_still_an_answer() {
    let workos = workos().await;
    workos.fault(always(FaultKind::Slow(Duration::from_millis(120))));
    let start = Instant::now();
    assert_eq!(get(&workos, "/directories").await.0, 200);
    assert!(start.elapsed() >= Duration::from_millis(120));
}

#[tokio::test]
async fn cursors_go_wrong_in_four_ways() {
    let workos = workos().await;
    put_users(&workos, 5);
    let (_, first) = get(&workos, &users()).await;
    let cursor = first["list_metadata"]["after"].clone();
    let next = format!("{}&after={}", users(), cursor.as_str().unwrap());
    let kinds = [FaultKind::RepeatedCursor, FaultKind::CursorEmpty, FaultKind::CursorRestart, FaultKind::CursorError];
    for (nth, kind) in (1..).zip(kinds) {
        workos.fault(Fault::new(Matcher::any().query("after="), Nth::At(nth), kind));
    }
    assert_eq!(get(&workos, &next).await.1["list_metadata"]["after"], cursor);
    assert_eq!(get(&workos, &next).await.1["data"], json!([]));
    assert_eq!(get(&workos, &next).await.1, first);
    assert_eq!(get(&workos, &next).await.0, 422);
}

#[tokio::test]
async fn a_row_of_another_directory_slips_in() {
    let workos = workos().await;
    put_users(&workos, 1);
    workos.fault(always(FaultKind::ForeignDirectoryRow));
    assert_ne!(get(&workos, &users()).await.1["data"][0]["directory_id"], DIRECTORY);
}

#[tokio::test]
async fn a_cut_after_commit_has_committed() {
    let orgvue = orgvue(vec![]).await;
    orgvue.fault(Fault::new(Matcher::any().method("PUT"), Nth::At(1), FaultKind::CutAfterCommit));
    let create = json!([{ "_action": "create", "Login": "ada@example.com", "Role": "user", "Enabled": true }]);
    let put = signed_in(&orgvue, client().put(items_url(&orgvue, "")).body(create.to_string()));
    assert!(put.send().await.is_err());
    assert_eq!(orgvue.rows(TENANT)[0]["Login"], "ada@example.com");
    assert_eq!(orgvue.calls().total(), 1);
    assert_eq!(put_items(&orgvue, "", json!([])).await.0, 200);
}

#[tokio::test]
async fn people_script_faults_over_http() {
    let workos = workos().await;
    let fault = json!({ "on": { "path_contains": "/directories" }, "nth": { "first": 1 }, "kind": { "slow": 1 } });
    let faults = format!("{}/_standin/faults", workos.url());
    assert_eq!(client().post(&faults).json(&fault).send().await.unwrap().status(), 204);
    let fault = json!({ "nth": { "at": 2 }, "kind": { "too_many": {} } });
    assert_eq!(client().post(&faults).json(&fault).send().await.unwrap().status(), 204);
    assert_eq!(get(&workos, "/directories").await.0, 200);
    assert_eq!(get(&workos, "/directories").await.0, 429);
    let calls = client().get(format!("{}/_standin/calls", workos.url())).send().await.unwrap();
    assert_eq!(calls.json::<Value>().await.unwrap()["by_route"], json!({ "GET /directories": 2 }));
}

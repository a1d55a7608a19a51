//! What Orgvue checks before a request is about rows.

use reqwest::Client;
use serde_json::json;
use standins::orgvue::Rate;
use standins::{Fault, FaultKind, Matcher, Nth};

use crate::support::{DATASET, TENANT, account, client, error_codes, items_url, orgvue, put_items, read, read_items, signed_in};

#[tokio::test]
async fn checks_the_token_before_anything_else() {
    let orgvue = orgvue(vec![]).await;
    let get = || client().get(items_url(&orgvue, ""));
    orgvue.add_token("expired", TENANT);
    orgvue.refuse_token("expired", "40302");
    orgvue.add_token("elsewhere", "OTHER");
    for (request, status, code) in [
        (get(), 401, "40101"),
        (get().header("Authorization", "Basic YTpi"), 401, "40103"),
        (get().bearer_auth("nobody"), 401, "40102"),
        (get().bearer_auth("expired"), 403, "40302"),
        (get().bearer_auth("elsewhere"), 403, "40325"),
    ] {
        let (got, body) = read(request).await;
        assert_eq!((got.as_u16(), error_codes(&body)), (status, vec![code]));
    }
}

#[tokio::test]
async fn a_tenant_without_a_plan_is_refused() {
    let orgvue = orgvue(vec![]).await;
    let url = format!("{}/api/v1/NOBODY/datasets", orgvue.url());
    let (status, body) = read(signed_in(&orgvue, client().get(url))).await;
    assert_eq!((status.as_u16(), error_codes(&body)), (403, vec!["40345"]));
    orgvue.switches(|switches| switches.without_usage_plan.insert(TENANT.to_owned()));
    assert_eq!(error_codes(&read_items(&orgvue).await.1), ["40345"]);
}

#[tokio::test]
async fn reports_path_and_content_type_together() {
    let orgvue = orgvue(vec![]).await;
    let url = format!("{}/api/v1/{TENANT}/datasets/users/items", orgvue.url());
    let (status, body) = read(client().get(url).bearer_auth(orgvue.token())).await;
    assert_eq!((status.as_u16(), error_codes(&body)), (400, vec!["400603", "415001"]));
    assert_eq!(body["errors"][0]["pathParameter"], "{datasetId}");
    let url = format!("{}/api/v1/lower/datasets", orgvue.url());
    assert_eq!(read(signed_in(&orgvue, client().get(url))).await.0, 400);
    let url = format!("{}/api/v1/{TENANT}/datasets/{}/items", orgvue.url(), DATASET.replace('0', "1"));
    assert_eq!(read(signed_in(&orgvue, client().get(url))).await.0, 404);
}

#[tokio::test]
async fn does_not_see_lower_case_headers() {
    let orgvue = orgvue(vec![]).await;
    let lower_case = Client::builder().no_proxy().http1_only().build().unwrap();
    let get = || signed_in(&orgvue, lower_case.get(items_url(&orgvue, "")));
    let (status, body) = read(get()).await;
    assert_eq!((status.as_u16(), error_codes(&body)), (401, vec!["40101"]));
    assert_eq!(read_items(&orgvue).await.0, 200);
    orgvue.switches(|switches| switches.strict_header_names = false);
    assert_eq!(read(get()).await.0, 200);
}

#[tokio::test]
async fn sees_the_headers_of_every_request_of_a_connection() {
    let orgvue = orgvue(vec![]).await;
    let one_connection = client();
    for n in 0..5 {
        let noops = vec![json!({ "_action": "noop" }); n * 200];
        let put = one_connection.put(items_url(&orgvue, "?onActionValidationFailure=skip")).json(&noops);
        assert_eq!(read(put.bearer_auth(orgvue.token())).await.0, 200);
    }
}

#[tokio::test]
async fn every_answer_has_a_trace_id() {
    let orgvue = orgvue(vec![]).await;
    orgvue.fault(Fault::new(Matcher::any(), Nth::At(2), FaultKind::Html(502)));
    for _ in 0..3 {
        let response = client().get(items_url(&orgvue, "")).send().await.unwrap();
        let id = response.headers()["X-Amzn-Trace-Id"].to_str().unwrap();
        let parts: Vec<usize> = id.strip_prefix("Root=").unwrap().split('-').map(str::len).collect();
        assert_eq!(parts, [1, 8, 24]);
    }
}

#[tokio::test]
async fn limits_a_tenant_by_second_day_and_concurrency() {
    let orgvue = orgvue(vec![]).await;
    orgvue.switches(|switches| {
        switches.tenant_rate = Some(Rate { burst: 1.0, per_second: 0.0 });
        switches.retry_after = Some("1".to_owned());
    });
    assert_eq!(read_items(&orgvue).await.0, 200);
    let (status, body) = read_items(&orgvue).await;
    assert_eq!((status.as_u16(), error_codes(&body)), (429, vec!["42901"]));
    orgvue.switches(|switches| {
        switches.tenant_rate = None;
        switches.daily_max = Some(0);
    });
    assert_eq!(error_codes(&read_items(&orgvue).await.1), ["42902"]);
    orgvue.switches(|switches| {
        switches.daily_max = None;
        switches.concurrent_max = Some(0);
    });
    assert_eq!(error_codes(&read_items(&orgvue).await.1), ["42901"]);
}

#[tokio::test]
async fn refuses_bodies_and_answers_that_are_too_large() {
    let orgvue = orgvue(vec![account("ada@example.com", "user")]).await;
    let large = json!([{ "_action": "create", "Login": "b@example.com", "Role": "user".repeat(1_500_001) }]);
    assert_eq!(put_items(&orgvue, "", large).await.0, 413);
    orgvue.switches(|switches| switches.sync_read_bytes_max = Some(10));
    assert_eq!(read_items(&orgvue).await.0, 413);
}

#[tokio::test]
async fn an_export_is_a_job_behind_links_that_take_no_token() {
    let orgvue = orgvue(vec![account("ada@example.com", "user")]).await;
    let order = |query: &str| {
        let url = items_url(&orgvue, "").replace("/items", &format!("/export?{query}"));
        client().post(url).bearer_auth(orgvue.token()).header("Content-Type", "application/json").body("{}")
    };
    assert_eq!(read(order("exportFormat=csv")).await.0, 400);
    let (status, ticket) = read(order("exportFormat=jsonObjects&resultEncoding=identity")).await;
    assert_eq!((status.as_u16(), &ticket["jobStatus"]), (202, &json!("created")));
    let link = ticket["_links"]["self"]["url"].as_str().unwrap();
    assert_eq!(read(client().get(link).bearer_auth(orgvue.token())).await.0, 400);
    assert_eq!(read(client().get(format!("{link}0"))).await.0, 403, "it is signed");
    assert_eq!(read(client().get(link)).await.1["jobStatus"], "running");
    let (_, ticket) = read(client().get(link)).await;
    assert_eq!(ticket["jobStatus"], "completed");
    let result = ticket["_links"]["result"]["url"].as_str().unwrap();
    let (_, rows) = read(client().get(result)).await;
    assert_eq!((&rows[0]["Login"], &rows[0]["_change"]), (&json!("ada@example.com"), &json!("none")));
    orgvue.edit_model(|model| model.remove_exports());
    assert_eq!(read(client().get(result)).await.0, 404);
}

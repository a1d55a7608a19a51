//! `status`: who needs a person, and for what.

use std::time::Duration;

use adapters::clock::now_ms;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::delays::Delays;
use domain::fleet::Owed;
use domain::ids::{DirectoryId, RunId};
use serde_json::json;
use standins::{Fault, FaultKind, Matcher, Nth};

use crate::deployment::{Deployment, directory, file};
use crate::redacted::redacted;

#[tokio::test(flavor = "multi_thread")]
async fn status_is_quiet_while_nothing_needs_a_person() {
    let deployment = Deployment::with_acme("enforce", &["ada user"]).await;
    let ended = deployment.run(&["status", "acme", "--output", "json"]).await;
    let acme = &ended.json()["integrations"][0];
    assert_eq!((ended.code, &acme["health"], &acme["work"]["state"]), (0, &json!("ok"), &json!("idle")));
    assert_eq!((&acme["tenants"][0]["tenant"], &acme["tenants"][0]["fault"]), (&json!("ACME"), &json!(null)));
    let success = acme["last_success_at"].as_str().unwrap();
    assert!(success.parse::<jiff::Timestamp>().is_ok(), "{success}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_screen_tells_all_of_one_integration() {
    let deployment = Deployment::holding().await;
    let ended = deployment.run(&["status", "acme"]).await;
    assert_eq!(ended.code, 2);
    insta::assert_snapshot!(redacted(&ended.stdout), @"
    integration  acme, directory_01ACME
    health  held
    what to do  6 accounts held in ACME: see `orgvue-scim held acme`
    mode  enforce
    now  idle
    last success  TIME AGO
    last run  RUN
    findings  0
    next look  TIME SOON

    TENANT  MODE  LAST SUCCESS  HELD  HASH  HELD SINCE  FAILED  IN THE WAY  SINCE  NEXT
    ACME  enforce  AGO  6, waits for a decision  9acd2502b8f3  TIME  0
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_integration_has_one_line() {
    let deployment = Deployment::holding().await;
    let path = deployment.write("other.toml", &file("other", "paused"));
    deployment.run(&["integration", "apply", &path]).await;
    let ended = deployment.run(&["status"]).await;
    assert_eq!(ended.code, 2);
    insta::assert_snapshot!(redacted(&ended.stdout), @"
    ID  HEALTH  MODE  NOW  LAST SUCCESS  FINDINGS  HELD  WHAT TO DO
    acme  held  enforce  idle  AGO  0  6  6 accounts held in ACME: see `orgvue-scim held acme`
    other  paused  paused  a run is owed  0  paused by its file; give it another mode and `orgvue-scim integration apply` it
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quarantine_is_told_with_its_cause_until_when_and_the_way_out() {
    let deployment = Deployment::with_acme("enforce", &["ada user"]).await;
    deployment.orgvue.refuse_token(deployment.orgvue.token(), "40302");
    let synced = deployment.run(&["sync", "acme", "--wait"]).await;
    assert_eq!(synced.code, 2, "{} {}", synced.stdout, synced.stderr);
    let ended = deployment.run(&["status", "acme", "--output", "json"]).await;
    let acme = &ended.json()["integrations"][0];
    assert_eq!((ended.code, &acme["health"], &acme["needs_person"]), (2, &json!("quarantined"), &json!(true)));
    let fault = &acme["tenants"][0]["fault"];
    assert_eq!((&fault["code"], &fault["quarantined"]), (&json!("orgvue_40302"), &json!(true)));
    let advice = acme["advice"].as_str().unwrap();
    assert!(advice.starts_with("ACME: orgvue_40302: ") && advice.ends_with("or at once with `orgvue-scim sync acme`"), "{advice}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_tried_again_by_itself_needs_nobody() {
    let deployment = Deployment::with_acme("enforce", &["ada user"]).await;
    deployment.workos.fault(Fault::new(Matcher::any(), Nth::From(1), FaultKind::Status(503)));
    let synced = deployment.run(&["sync", "acme", "--wait"]).await;
    assert_eq!(synced.code, 2, "{} {}", synced.stdout, synced.stderr);
    let ended = deployment.run(&["status", "acme", "--output", "json"]).await;
    let acme = &ended.json()["integrations"][0];
    assert_eq!((ended.code, &acme["health"], &acme["fault"]["code"]), (0, &json!("waiting"), &json!("workos_unavailable")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_at_work_is_shown() {
    let deployment = Deployment::with_acme("enforce", &["ada user"]).await;
    deployment.workos.fault(Fault::new(Matcher::any(), Nth::From(1), FaultKind::Slow(Duration::from_secs(3))));
    let ended = deployment.run(&["sync", "acme", "--wait", "--timeout-seconds", "1"]).await;
    let line = "error: no run of acme has ended within 1 s: it goes on by itself; see `orgvue-scim status acme`\n";
    assert_eq!((ended.code, ended.stderr.as_str()), (1, line));
    let status = deployment.json(&["status", "acme"]).await;
    let acme = &status["integrations"][0];
    assert_eq!((&acme["work"]["state"], &acme["health"]), (&json!("running"), &json!("working")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_that_cannot_be_read_concerns_its_integration_alone() {
    let deployment = Deployment::with_acme("enforce", &["ada user"]).await;
    let path = deployment.write("other.toml", &file("other", "paused"));
    deployment.run(&["integration", "apply", &path]).await;
    deployment.spoil("TENANTS#acme", "ACME").await;
    let ended = deployment.run(&["status", "--output", "json"]).await;
    let integrations = &ended.json()["integrations"];
    assert_eq!((ended.code, &integrations[0]["health"], &integrations[1]["health"]), (2, &json!("unusable"), &json!("paused")));
    let problem = "item TENANTS#acme/ACME has no valid attempts: it must be repaired by hand";
    assert_eq!(integrations[0]["advice"], problem);
    let (all, one) = (deployment.run(&["held"]).await, deployment.run(&["held", "acme"]).await);
    assert_eq!((all.code, all.stderr.as_str()), (2, "the table must be repaired: item TENANTS#acme/ACME has no valid attempts\n"));
    assert_eq!((one.code, one.stdout.as_str()), (1, ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_run_is_one_that_can_be_shown() {
    let deployment = Deployment::with_acme("enforce", &["ada user"]).await;
    let erased = deployment.run(&["erase", "acme", "zoe@acme.com", "--yes"]).await;
    assert_eq!(erased.code, 0, "{}", erased.stderr);
    let (status, runs) = (deployment.json(&["status", "acme"]).await, deployment.json(&["runs", "acme"]).await);
    assert_eq!(status["integrations"][0]["last_run"], runs["runs"][0]["id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_integration_that_is_owed_a_run_for_too_long_wants_a_person() {
    let deployment = Deployment::with_acme("enforce", &["ada user"]).await;
    let (store, id) = (&deployment.system.store, DirectoryId::parse(&directory("acme")).unwrap());
    // A run that never ends holds off all others.
    let _claim = store.hold(&id, &RunId::new("other"), now_ms(), &Delays::default()).await.unwrap().unwrap();
    let generation = store.ask(&id, now_ms()).await.unwrap().unwrap();
    let owed_for = async |minutes: i64| {
        store.note_owed(&id, Some(Owed { generation, since_ms: now_ms() - minutes * 60_000 })).await.unwrap();
        deployment.run(&["status", "acme", "--output", "json"]).await
    };
    let soon = owed_for(29).await;
    assert_eq!((soon.code, &soon.json()["integrations"][0]["health"]), (0, &json!("working")));
    let late = owed_for(31).await;
    let acme = &late.json()["integrations"][0];
    assert_eq!((late.code, &acme["health"], &acme["needs_person"]), (2, &json!("stale"), &json!(true)));
    let advice = acme["advice"].as_str().unwrap();
    assert!(advice.starts_with("a run has been owed since 20") && advice.ends_with("is the queue read?"), "{advice}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_is_over_is_a_run_that_is_owed() {
    let deployment = Deployment::with_acme("paused", &[]).await;
    let id = DirectoryId::parse(&directory("acme")).unwrap();
    let state = async || deployment.json(&["status", "acme"]).await["integrations"][0]["work"]["state"].clone();
    deployment.system.store.mark(&id, now_ms() + 60_000).await.unwrap();
    assert_eq!(state().await, "window");
    deployment.set((&format!("PENDING#{id}"), "PENDING"), "window_due_ms", AttributeValue::N((now_ms() - 1).to_string())).await;
    assert_eq!(state().await, "owed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_item_of_what_is_held_quarantines_its_tenant_and_is_named() {
    let deployment = Deployment::holding().await;
    let chunk = format!("ACME#{}#0000", deployment.hash().await);
    deployment.spoil("HELD#acme", &chunk).await;
    let synced = deployment.run(&["sync", "acme", "--wait"]).await;
    assert!(synced.code == 2 && synced.stdout.contains(&format!("item HELD#acme/{chunk} has no valid chunk; ")), "{}", synced.stdout);
    let of = &deployment.json(&["status", "acme"]).await["integrations"][0];
    assert_eq!((&of["health"], &of["tenants"][0]["fault"]["code"]), (&json!("quarantined"), &json!("table_corrupt")), "{of}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_pending_item_is_named_and_can_be_paused_until_it_is_repaired() {
    let deployment = Deployment::with_acme("enforce", &["ada user"]).await;
    let pk = format!("PENDING#{}", directory("acme"));
    deployment.set((&pk, "PENDING"), "generation", AttributeValue::S("many".to_owned())).await;
    let problem = format!("item {pk}/PENDING has no valid generation: it must be repaired by hand");
    let (status, list) = (deployment.json(&["status"]).await, deployment.json(&["integration", "list"]).await);
    assert_eq!((&status["integrations"][0]["problem"], &list["integrations"][0]["problem"]), (&json!(problem), &json!(problem)));

    let paused = deployment.run(&["pause", "acme"]).await;
    assert!(paused.code == 0 && paused.stdout.starts_with("acme: paused by arn:aws:sts::"), "{} {}", paused.stdout, paused.stderr);
    deployment.set((&pk, "PENDING"), "generation", AttributeValue::N("9".to_owned())).await;
    assert_eq!(deployment.json(&["status"]).await["integrations"][0]["stopped"]["cause"], "hand");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_pending_item_is_no_reason_to_be_silent_about_what_stops_runs() {
    let deployment = Deployment::with_acme("enforce", &["ada user"]).await;
    let pk = format!("PENDING#{}", directory("acme"));
    deployment.set((&pk, "PENDING"), "generation", AttributeValue::S("many".to_owned())).await;
    let explained = deployment.run(&["explain", "acme", "ada@acme.com"]).await;
    let problem = format!("no run begins: item {pk}/PENDING has no valid generation: it must be repaired by hand\n");
    assert!(explained.code == 0 && explained.stdout.ends_with(&problem), "{} {}", explained.stdout, explained.stderr);

    deployment.run(&["pause", "--all"]).await;
    let (status, explained) = (deployment.json(&["status"]).await, deployment.json(&["explain", "acme", "ada@acme.com"]).await);
    let of = &status["integrations"][0];
    assert_eq!([&of["stopped"]["cause"], &explained["stopped"]["cause"]], ["deployment"; 2]);
    assert_eq!(of["problem"], explained["problem"]);
}

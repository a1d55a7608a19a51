//! `sync`, `runs`, `run show`, `findings` and `status`: what runs did, and who must look.

use std::time::Duration;

use serde_json::json;
use standins::{Fault, FaultKind, Matcher, Nth};

use crate::deployment::{Deployment, file};

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_is_waited_for_and_its_run_can_be_shown_again() {
    let deployment = Deployment::with_acme("enforce", &["ada user"]).await;
    deployment.customer("acme", &["grace admin"]);

    let synced = deployment.json(&["sync", "acme", "--wait"]).await;
    let run = &synced["integrations"][0]["run"];
    assert_eq!((&run["outcome"], &run["status"], &run["reason"]), (&json!("ended"), &json!("applied"), &json!("on_demand")));
    assert_eq!(run["tenants"][0]["created"], json!(["grace@acme.com"]));
    let id = run["id"].as_str().unwrap();
    let shown = deployment.run(&["run", "show", id]).await;
    assert!(shown.code == 0 && shown.stdout.contains("grace@acme.com") && shown.stdout.contains("asked for by on_demand"));
    let listed = deployment.json(&["runs", "acme", "--limit", "1"]).await;
    assert_eq!((&listed["runs"][0]["id"], &listed["runs"][0]["created"], &listed["runs"][1]), (&json!(id), &json!(1), &json!(null)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_ends_with_2_and_names_who_it_is_about() {
    let deployment = Deployment::with_acme("enforce", &["ada user", "grace admin"]).await;
    for name in ["a", "b", "c", "d", "e", "f"] {
        deployment.account(name);
    }
    let synced = deployment.run(&["sync", "acme", "--wait"]).await;
    assert!(synced.code == 2 && synced.stdout.contains("acme: partly_held") && synced.stdout.contains("f@acme.com"), "{}", synced.stdout);
    let status = deployment.run(&["status"]).await;
    assert!(status.code == 2 && status.stdout.contains("needs_person") && status.stdout.contains("6 held"), "{}", status.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_integration_is_not_asked_for() {
    let deployment = Deployment::start().await;
    let path = deployment.write("acme.toml", &file("acme", "paused"));
    deployment.run(&["integration", "apply", &path]).await;
    let ended = deployment.run(&["sync", "--all", "--wait"]).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (2, "acme: paused: nothing runs until its file has another mode\n"));
    let status = deployment.json(&["status", "acme"]).await;
    assert_eq!(status["integrations"][0]["health"], "paused");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_has_an_end() {
    let deployment = Deployment::with_acme("enforce", &["ada user"]).await;
    deployment.workos.fault(Fault::new(Matcher::any(), Nth::From(1), FaultKind::Slow(Duration::from_secs(3))));
    let ended = deployment.run(&["sync", "acme", "--wait", "--timeout-seconds", "1"]).await;
    let line = "error: no run of acme has ended within 1 s: it goes on by itself; see `orgvue-scim status acme`\n";
    assert_eq!((ended.code, ended.stderr.as_str()), (1, line));
    let status = deployment.json(&["status", "acme"]).await;
    assert_eq!(status["integrations"][0]["work"]["state"], "running");
}

#[tokio::test(flavor = "multi_thread")]
async fn findings_say_what_to_do_and_can_go_to_a_spreadsheet() {
    let deployment = Deployment::with_acme("enforce", &["ada user", "+bob"]).await;
    let table = deployment.run(&["findings", "acme"]).await;
    assert!(table.code == 0 && table.stdout.contains("+bob@acme.com") && table.stdout.contains("no_platform_role"), "{}", table.stdout);
    let csv = deployment.run(&["findings", "--all", "--csv"]).await;
    let mut lines = csv.stdout.lines();
    assert_eq!(lines.next(), Some("integration,account or group,tenant,code,\"why, and what to do\""));
    assert!(lines.next().is_some_and(|line| line.starts_with("acme,'+bob@acme.com,,no_platform_role,")), "{}", csv.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn status_is_quiet_while_nothing_needs_a_person() {
    let deployment = Deployment::with_acme("enforce", &["ada user"]).await;
    let ended = deployment.run(&["status", "acme", "--output", "json"]).await;
    let acme = &ended.json()["integrations"][0];
    assert_eq!((ended.code, &acme["health"], &acme["work"]["state"]), (0, &json!("ok"), &json!("idle")));
    assert_eq!((&acme["tenants"][0]["tenant"], &acme["tenants"][0]["status"]), (&json!("ACME"), &json!("applied")));
    let started = acme["last_run"]["started_at"].as_str().unwrap();
    assert!(started.parse::<jiff::Timestamp>().is_ok(), "{started}");
}

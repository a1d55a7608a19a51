//! `events`: webhooks and operators in one list.

use serde_json::json;
use standins::workos::Delivery;

use crate::deployment::{Deployment, directory};

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_and_what_operators_did_are_one_list() {
    let deployment = Deployment::with_acme("enforce", &["ada user"]).await;
    let event = deployment.workos.edit(|model| model.sample_event(&directory("acme")));
    let answer = deployment.workos.deliver(&deployment.system.webhook_url, &event, Delivery::default()).await.unwrap();
    assert!(answer.is_success(), "{answer}");
    deployment.run_as("grace", &["pause", "--all"]).await;
    deployment.run_as("grace", &["pause", "acme"]).await;

    let answer = deployment.json(&["events", "acme"]).await;
    let events = answer["events"].as_array().unwrap();
    let kinds: Vec<_> = events.iter().map(|event| event["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["operator", "deployment", "webhook", "operator"]);
    assert_eq!((&events[0]["action"], &events[2]["event"], &events[3]["action"]), (&json!("pause"), &event["event"], &json!("apply")));
    assert!(events[0]["by"].as_str().unwrap().ends_with("/operator/grace"), "{answer}");
    let table = deployment.run(&["events", "acme", "--limit", "2"]).await;
    assert_eq!((table.code, table.stdout.lines().count()), (0, 3), "{}", table.stdout);
    assert!(table.stdout.contains("pause --all") && !table.stdout.contains("@acme.com"), "{}", table.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_done_to_an_integration_outlives_it() {
    let deployment = Deployment::with_acme("simulate", &[]).await;
    deployment.run(&["integration", "remove", "acme", "--yes"]).await;
    let answer = deployment.json(&["events", "acme"]).await;
    let actions: Vec<_> = answer["events"].as_array().unwrap().iter().map(|event| &event["action"]).collect();
    assert_eq!(actions, [&json!("remove"), &json!("apply")], "{answer}");
    deployment.run(&["pause", "--all"]).await;
    let unknown = deployment.run(&["events", "globex"]).await;
    assert_eq!(unknown.stderr, "error: there is no integration globex: see `orgvue-scim integration list`\n");
}

//! `pause` and `resume`: of one integration, and of all.

use serde_json::json;

use crate::deployment::{Deployment, directory, end, file};

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_integration_runs_again_when_it_is_resumed() {
    let deployment = Deployment::with_acme("enforce", &["ada user"]).await;
    let paused = deployment.run(&["pause", "acme"]).await;
    assert!(paused.code == 0 && paused.stdout.starts_with("acme: paused by arn:aws:sts::"), "{}", paused.stdout);
    assert_eq!(paused.stderr, "`orgvue-scim resume acme` lets it run again\n");
    let synced = deployment.run(&["sync", "acme"]).await;
    assert_eq!((synced.code, synced.stdout.as_str()), (2, "acme: no run begins, paused by hand; `orgvue-scim resume acme` ends it\n"));
    let status = deployment.json(&["status"]).await;
    assert_eq!((&status["integrations"][0]["health"], &status["integrations"][0]["stopped"]["cause"]), (&json!("paused"), &json!("hand")));

    let resumed = deployment.json(&["resume", "acme", "--wait"]).await;
    assert_eq!((&resumed["run"]["status"], &resumed["run"]["reason"]), (&json!("applied"), &json!("resumed")));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_deployment_is_paused_by_one_and_resumed_by_another() {
    let deployment = Deployment::with_acme("enforce", &["ada user"]).await;
    deployment.run_as("ada", &["pause", "--all"]).await;
    let again = deployment.run_as("grace", &["pause", "--all"]).await;
    assert!(
        again.stdout.contains("/operator/ada since ") && again.stdout.contains("within a heartbeat (15 s by default; a minute"),
        "{}",
        again.stdout
    );
    let (synced, status) = (deployment.run(&["sync", "acme", "--wait"]).await, deployment.run(&["status"]).await);
    assert!(synced.code == 2 && synced.stdout.contains("`orgvue-scim resume --all` ends it"), "{}", synced.stdout);
    assert!(
        status.code == 0 && status.stdout.starts_with("every integration is paused with the whole deployment, by arn:"),
        "{}",
        status.stdout
    );

    deployment.run(&["pause", "acme"]).await;
    let resumed = deployment.json(&["resume", "--all"]).await;
    assert_eq!((&resumed["scope"], &resumed["still_stopped"]), (&json!("deployment"), &json!([{ "id": "acme", "cause": "hand" }])));
    let one = deployment.run(&["resume", "acme", "--wait"]).await;
    assert_eq!(one.code, 0, "{} {}", one.stdout, one.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_in_the_file_ends_with_the_file() {
    let deployment = Deployment::start().await;
    let path = deployment.write("acme.toml", &file("acme", "paused"));
    deployment.run(&["integration", "apply", &path]).await;
    let resumed = deployment.run(&["resume", "acme"]).await;
    assert_eq!(
        (resumed.code, resumed.stderr.as_str()),
        (1, "error: the integration file says mode = \"paused\": correct the file and apply it\n")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_integration_is_resumed_only_when_its_directory_is_linked_again() {
    let deployment = Deployment::with_acme("enforce", &["ada user"]).await;
    deployment.workos.set_directory_state(&directory("acme"), "unlinked");
    deployment.run(&["sync", "acme", "--wait"]).await;
    let status = deployment.run(&["status", "acme", "--output", "json"]).await;
    assert_eq!((status.code, &status.json()["integrations"][0]["health"]), (2, &json!("suspended")));
    let screen = deployment.run(&["status", "acme"]).await.stdout;
    assert!(!screen.contains("next look"), "{screen}");

    let refused = deployment.run(&["resume", "acme"]).await;
    assert!(
        refused.code == 1 && refused.stderr.starts_with("error: nothing has changed: directory no longer speaks"),
        "{}",
        refused.stderr
    );
    let mut keyless = deployment.program(&["resume", "acme"]);
    keyless.env_remove("WORKOS_API_KEY");
    let keyless = end(keyless).await;
    assert!(keyless.code == 1 && keyless.stderr.contains("`resume` needs the environment variable WORKOS_API_KEY"), "{}", keyless.stderr);
    assert_eq!(deployment.json(&["status"]).await["integrations"][0]["health"], "suspended");

    deployment.workos.set_directory_state(&directory("acme"), "linked");
    let resumed = deployment.run(&["resume", "acme", "--wait"]).await;
    assert!(resumed.code == 0 && resumed.stdout.contains("acme: applied, run "), "{} {}", resumed.stdout, resumed.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_vendors_keys_are_not_needed_to_end_a_pause() {
    let deployment = Deployment::with_acme("enforce", &["ada user"]).await;
    deployment.run(&["pause", "acme"]).await;
    let mut keyless = deployment.program(&["resume", "acme", "--wait"]);
    keyless.env_remove("WORKOS_API_KEY").env_remove("ORGVUE_TOKENS");
    assert_eq!(end(keyless).await.code, 0);
}

//! `doctor`: one row for each thing that must work, with what to do.

use crate::deployment::{Deployment, end};

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_has_a_remedy_and_the_rest_is_checked_all_the_same() {
    let deployment = Deployment::start().await;
    let mut command = deployment.program(&["doctor", "--output", "json"]);
    command.env("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1");
    let ended = end(command).await;
    let answer = ended.json();
    let checks = answer["checks"].as_array().unwrap();
    let failed: Vec<_> = checks.iter().filter(|check| check["ok"] == false).collect();
    assert_eq!((ended.code, failed.len(), checks.len()), (2, 1, 9), "{answer}");
    assert_eq!((&failed[0]["check"], failed[0]["remedy"].is_string()), (&"sts:GetCallerIdentity".into(), true));
    assert!(deployment.system.store.each_integration().await.unwrap().is_empty(), "it wrote something");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_is_told_by_name() {
    let ended = Deployment::start().await.run_as("grace", &["doctor", "--output", "json"]).await;
    let answer = ended.json();
    assert_eq!((ended.code, &answer["checks"][0]["ok"]), (0, &true.into()), "{answer}");
    assert!(answer["checks"][0]["detail"].as_str().unwrap().ends_with("/operator/grace"), "{answer}");
}

//! `plan`: what a sync would do now, and how it ends.

use serde_json::json;

use crate::deployment::{Deployment, end, file};

#[tokio::test(flavor = "multi_thread")]
async fn it_ends_with_0_when_nothing_differs_and_2_when_something_does() {
    let deployment = Deployment::with_acme("enforce", &["ada user"]).await;
    let same = deployment.run(&["plan", "acme", "--output", "json"]).await;
    assert_eq!((same.code, &same.json()["tenants"][0]["unchanged"]), (0, &json!(["ada@acme.com"])));
    assert_eq!(same.stderr, "acme is as the directory wants it\n");

    deployment.customer("acme", &["grace user", "bob Sales"]);
    deployment.account("zoe");
    let n_writes = deployment.orgvue.writes("ACME").len();
    let differs = deployment.run(&["plan", "acme", "--output", "json"]).await;
    let answer = differs.json();
    let tenant = &answer["tenants"][0];
    assert_eq!((differs.code, &tenant["created"], &tenant["removed"]), (2, &json!(["grace@acme.com"]), &json!(["zoe@acme.com"])));
    assert_eq!((&tenant["updated"], &tenant["held"], &tenant["code"]), (&json!([]), &json!([]), &json!(null)));
    assert_eq!((&answer["findings"][0]["code"], &answer["findings"][0]["login"]), (&json!("no_platform_role"), &json!("bob@acme.com")));
    assert_eq!(deployment.orgvue.writes("ACME").len(), n_writes, "it wrote something");

    let told = deployment.run(&["plan", "acme", "--color", "always"]).await.stdout;
    assert!(told.contains("\u{1b}[32m  + grace@acme.com  user\u{1b}[0m\n\u{1b}[31m  - zoe@acme.com  was user\u{1b}[0m\n"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_can_be_planned_before_it_is_applied() {
    let deployment = Deployment::start().await;
    deployment.customer("acme", &["ada user"]);
    deployment.account("zoe");
    let path = deployment.write("acme.toml", &file("acme", "enforce"));
    let ended = deployment.run(&["plan", "acme", "--file", &path, "--output", "json"]).await;
    let tenant = &ended.json()["tenants"][0];
    assert_eq!((ended.code, &tenant["created"], &tenant["removed"]), (2, &json!(["ada@acme.com"]), &json!([])));
    assert_eq!((&tenant["held"][0]["login"], &tenant["held"][0]["why"]), (&json!("zoe@acme.com"), &json!("new_scope")));
    assert!(deployment.orgvue.writes("ACME").is_empty());

    let other = deployment.run(&["plan", "globex", "--file", &path]).await;
    assert!(other.code == 1 && other.stderr.contains("is about the integration acme, not globex"), "{}", other.stderr);
    let unknown = deployment.run(&["plan", "acme", "--file", &path, "--tenant", "EU"]).await;
    assert_eq!(unknown.stderr, "error: acme has no tenant EU: it has ACME\n");
    let not_applied = deployment.run(&["plan", "acme"]).await;
    assert_eq!(not_applied.stderr, "error: there is no integration acme: see `orgvue-scim integration list`\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_obstacle_ends_with_1_behind_the_plans_of_the_others() {
    let deployment = Deployment::start().await;
    deployment.customer("acme", &["ada ACME_user"]);
    let second = "\n[[tenants]]\nid = \"EU\"\ndataset = \"0B533DE6-7107-9FCD-48FC-31C0856745CD\"\napi_account = \"sync@orgvue.com\"\n";
    let multi = file("acme", "enforce").replace("\"single\"", "\"multi\"") + second;
    let path = deployment.write("acme.toml", &multi);
    let mut command = deployment.program(&["plan", "acme", "--file", &path, "--output", "json"]);
    command.env("ORGVUE_TOKENS", json!({"ACME": deployment.orgvue.token()}).to_string());
    let ended = end(command).await;
    let answer = ended.json();
    assert_eq!((ended.code, &answer["tenants"][0]["created"]), (1, &json!(["ada@acme.com"])), "{answer}");
    assert_eq!((&answer["tenants"][1]["tenant"], &answer["tenants"][1]["code"]), (&json!("EU"), &json!("no_token")));
    let line = "error: EU: no_token: no API token is configured for the tenant: add the tenant's API token to ORGVUE_TOKENS, under its id or under \"*\"\n";
    assert_eq!(ended.stderr, line);
}

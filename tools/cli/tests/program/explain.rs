//! `explain`: one login, from what is stored and from what is there now.

use serde_json::{Value, json};

use crate::deployment::{Deployment, directory};

/// What the last answer of Orgvue was, in the one tenant.
fn answer(explanation: &Value) -> &Value {
    &explanation["tenants"][0]["answers"][0]["outcome"]
}

#[tokio::test(flavor = "multi_thread")]
async fn it_tells_from_what_is_stored_who_has_what_and_why() {
    let deployment = Deployment::start().await;
    deployment.customer("acme", &["ada user", "bob Sales", "dan user", "eve user"]);
    deployment.orgvue.reject_login("ACME", "eve@acme.com");
    deployment.put_in_force("acme", "enforce").await;
    deployment.workos.remove_member(&directory("acme"), "SCIM_user", "dan");
    deployment.run(&["sync", "acme", "--wait"]).await;
    let explain = async |login: &str| deployment.json(&["explain", "acme", login]).await;

    let fine = explain(" ADA@acme.com ").await;
    assert_eq!(
        (&fine["found"], &fine["tenants"][0]["decision"], &fine["tenants"][0]["roles"]),
        (&json!("one"), &json!("desired"), &json!(["user"]))
    );
    assert_eq!((answer(&fine), &fine["tenants"][0]["answers"][1]["outcome"]), (&json!("right_already"), &json!("created")));

    let no_role = explain("bob@acme.com").await;
    assert_eq!(no_role["tenants"][0]["findings"][0]["code"], "no_platform_role", "{no_role}");
    assert_eq!(no_role["users"][0]["groups"][0], json!({"name": "SCIM_Sales", "reading": "gives", "tenant": "ACME", "role": "Sales"}));

    let removed = explain("dan@acme.com").await;
    assert_eq!((&removed["tenants"][0]["decision"], answer(&removed)), (&json!("not_desired"), &json!("removed")), "{removed}");

    let refused = explain("eve@acme.com").await;
    assert_eq!((&refused["tenants"][0]["decision"], answer(&refused)), (&json!("desired"), &json!("refused")), "{refused}");

    let unknown = explain("nobody@acme.com").await;
    assert_eq!((&unknown["found"], &unknown["users"]), (&json!("not_stored"), &json!([])));

    let told = deployment.run(&["explain", "acme", "ada@acme.com"]).await;
    assert!(told.code == 0 && told.stdout.contains("2. In groups: SCIM_user\n3. What these give:\n"), "{}", told.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_a_restore_made_is_told_so_and_why_no_run_begins() {
    let deployment = Deployment::with_acme("enforce", &["ada admin"]).await;
    deployment.account("bob");
    deployment.run(&["sync", "acme", "--wait"]).await;
    let run = deployment.json(&["runs", "acme", "--limit", "1"]).await["runs"][0]["id"].as_str().unwrap().to_owned();
    deployment.put_in_force("acme", "simulate").await;
    deployment.run(&["pause", "acme"]).await;
    let restored = deployment.run(&["restore", "acme", &run, "--yes"]).await;
    assert_eq!(
        (restored.code, deployment.accounts()),
        (0, vec!["ada@acme.com".to_owned(), "bob@acme.com".to_owned()]),
        "{}",
        restored.stdout
    );

    let (bob, ada) =
        (deployment.json(&["explain", "acme", "bob@acme.com"]).await, deployment.json(&["explain", "acme", "ada@acme.com"]).await);
    assert_eq!((answer(&bob), answer(&ada)), (&json!("created"), &json!("right_already")), "{bob} {ada}");
    assert_eq!(bob["stopped"], json!({"cause": "hand"}));
    let told = deployment.run(&["explain", "acme", "bob@acme.com"]).await;
    assert!(told.stdout.ends_with("no run begins, paused by hand; `orgvue-scim resume acme` ends it\n"), "{}", told.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn live_it_also_tells_of_groups_that_are_not_ours_and_of_the_account_itself() {
    let deployment = Deployment::with_acme("enforce", &["ada user"]).await;
    deployment.customer("acme", &["cid "]);
    deployment.workos.edit(|model| {
        model.add_member(&directory("acme"), "SCM_user", "cid");
        model.add_member(&directory("acme"), "Everybody", "cid");
    });
    let slip = deployment.json(&["explain", "acme", "cid@acme.com", "--live"]).await;
    let readings: Vec<_> = slip["users"][0]["groups"].as_array().unwrap().iter().map(|group| [&group["name"], &group["reading"]]).collect();
    assert_eq!(json!(readings), json!([["Everybody", "not_ours"], ["SCM_user", "near_miss"]]));
    let hint = slip["findings"][0]["hint"].as_str().unwrap_or_default();
    assert!(hint.contains("SCM_user"), "{slip}");

    let fine = deployment.json(&["explain", "acme", "ada@acme.com", "--live"]).await;
    let tenant = &fine["tenants"][0];
    assert_eq!((&tenant["now"]["account"]["roles"], &tenant["now"]["next"]), (&json!(["user"]), &json!(null)), "{fine}");
    assert_eq!(answer(&fine), "created");
}

#[tokio::test(flavor = "multi_thread")]
async fn before_the_first_run_only_live_can_tell() {
    let deployment = Deployment::start().await;
    deployment.customer("acme", &["ada user"]);
    let path = deployment.write("acme.toml", &crate::deployment::file("acme", "paused"));
    deployment.run(&["integration", "apply", &path]).await;
    let ended = deployment.run(&["explain", "acme", "ada@acme.com"]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (1, "error: no run has read the directory of acme yet: ask with --live\n"));
    let live = deployment.json(&["explain", "acme", "ada@acme.com", "--live"]).await;
    assert_eq!((&live["found"], &live["tenants"][0]["now"]["next"]["action"]), (&json!("one"), &json!("create")));
}

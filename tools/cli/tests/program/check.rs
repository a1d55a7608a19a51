//! `check`: what stands between a customer and going live, each thing with what to do about it.

use futures::future::join_all;
use serde_json::{Value, json};
use standins::workos::UserSpec;

use crate::deployment::{Deployment, Ended, directory, end, file};

/// The first step of this name that is not ok.
fn trouble<'a>(answer: &'a Value, name: &str) -> &'a Value {
    let steps = answer["steps"].as_array().unwrap();
    steps.iter().find(|step| step["name"] == name && step["outcome"] != "ok").unwrap_or(&Value::Null)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guides_own_slip_is_named_with_the_prefix_that_the_groups_have() {
    let deployment = Deployment::start().await;
    deployment.customer("acme", &[]);
    let guide: [(&str, &[&str]); 6] = [
        ("testuser1", &["user"]),
        ("testuser2", &["admin"]),
        ("testuser3", &["user", "Retail", "ManagerRetail"]),
        ("testuser4", &["MyTenant_admin"]),
        ("testuser5", &["training", "Tech"]),
        ("testuser6", &["MyTenant_EuropeFinance"]),
    ];
    deployment.workos.edit(|model| {
        for (name, groups) in guide {
            model.put_user(&directory("acme"), UserSpec::new(name, &format!("{name}@testOrg.com")));
            groups.iter().for_each(|group| model.add_member(&directory("acme"), &format!("IMAPP_Orgvue_SCIM_{group}"), name));
        }
    });
    let path = deployment.write("acme.toml", &file("acme", "simulate").replace("SCIM_", "IAMAPP_Orgvue_SCIM_"));
    let answer = deployment.json(&["check", &path]).await;
    let groups = trouble(&answer, "groups");
    assert_eq!(groups["outcome"], "failed", "{answer}");
    assert!(text(&groups["message"]).starts_with("no group begins with \"IAMAPP_Orgvue_SCIM_\", but 8 groups with \"IMAPP_Orgvue_SCIM_\""));
    assert_eq!(groups["remedy"], "write prefix = \"IMAPP_Orgvue_SCIM_\" in the integration file, or have the groups renamed");
    assert_eq!((&answer["groups"]["slip"]["is_the_guides"], &answer["groups"]["n_users_left_out"]), (&json!(true), &json!(6)));
    let meant = &answer["groups"]["near"][3];
    assert_eq!((&meant["name"], &meant["meant"]["role"]), (&json!("IMAPP_Orgvue_SCIM_Retail"), &json!("Retail")));
}

#[tokio::test(flavor = "multi_thread")]
async fn before_the_first_apply_it_foresees_the_first_run_and_writes_nothing() {
    let deployment = Deployment::start().await;
    deployment.customer("acme", &["ada user", "grace admin", "bob Sales"]);
    deployment.account("zoe");
    let path = deployment.write("acme.toml", &file("acme", "enforce"));
    let ended = deployment.run(&["check", &path, "--output", "json"]).await;
    let answer = ended.json();
    let forecast = &answer["tenants"][0];
    assert_eq!((ended.code, &forecast["n_create"], &forecast["n_activation_emails"]), (2, &json!(2), &json!(2)), "{answer}");
    assert_eq!(forecast["removals"], json!([{"login": "zoe@acme.com", "cause": "by_hand", "held": "new_scope"}]));
    assert_eq!(forecast["n_failing"], json!({"no_platform_role": 1}));
    assert_eq!(answer["next"], format!("look at every warning, then `orgvue-scim integration apply {path}`"));
    assert!(deployment.orgvue.writes("ACME").is_empty());
    assert!(deployment.system.store.each_integration().await.unwrap().is_empty());

    let told = deployment.run(&["check", &path]).await.stdout;
    assert!(told.contains("ok       directory: linked") && told.contains("SCIM_Sales  the role Sales in ACME"), "{told}");
    assert!(told.contains("ok       emails of ACME: Orgvue would send 2 activation e-mails: tell"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_in_the_way_of_a_dataset_is_told_with_its_remedy() {
    let deployment = Deployment::start().await;
    deployment.customer("acme", &["ada user", "grace admin"]);
    let good = file("acme", "simulate");
    let cases = [
        (good.clone(), Some(r#"{"*": "wrong"}"#), "401", "make a new one on Orgvue's /tokens page"),
        (good.clone(), Some(r#"{"OTHER": "token"}"#), "no_token", "ORGVUE_TOKENS"),
        (good.replace("0B533DE6", "0B533DE7"), None, "404", "correct the tenant's id and dataset"),
        (format!("{good}[dataset]\nrole = \"Roles\"\n"), None, "no property \"Roles\"", "[dataset]"),
        (good.replace("sync@", "other@"), None, "api_account_missing", "api_account"),
    ];
    let checks = cases.iter().enumerate().map(|(at, (text, tokens, ..))| {
        let path = deployment.write(&format!("{at}.toml"), text);
        let mut command = deployment.program(&["check", &path, "--output", "json"]);
        tokens.map(|tokens| command.env("ORGVUE_TOKENS", tokens));
        end(command)
    });
    for (ended, (_, _, what, remedy)) in join_all(checks).await.iter().zip(&cases) {
        let answer = ended.json();
        let step = trouble(&answer, "dataset");
        assert_eq!((ended.code, &step["outcome"], &step["tenant"]), (2, &json!("failed"), &json!("ACME")), "{what}: {answer}");
        assert!(text(&step["message"]).contains(what) && text(&step["remedy"]).contains(remedy), "{step}");
        assert!(!text(&step["remedy"]).contains("orgvue answered"), "it tells twice what happened: {step}");
        assert_eq!(answer["tenants"], json!([]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unlinked_directory_is_for_the_customer_to_link() {
    let deployment = Deployment::with_acme("simulate", &["ada user"]).await;
    deployment.workos.set_directory_state(&directory("acme"), "unlinked");
    let ended = deployment.run(&["check", "acme", "--output", "json"]).await;
    let answer = ended.json();
    let step = trouble(&answer, "directory");
    assert_eq!((ended.code, &step["outcome"], &answer["groups"]), (2, &json!("failed"), &Value::Null));
    assert!(text(&step["message"]).contains("unlinked") && text(&step["remedy"]).contains("link the directory in WorkOS again"));
    assert_eq!(answer["next"], "put right what failed, then `orgvue-scim check acme` again");
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_in_the_file_and_things_of_others_are_told_before_anything_is_read() {
    let deployment = Deployment::with_acme("simulate", &["ada user"]).await;
    let wrong = deployment.write("wrong.toml", &file("acme", "often").replace("tenancy", "tenency"));
    let ended = deployment.run(&["check", &wrong]).await;
    let failed = ended.stdout.lines().filter(|line| line.starts_with("failed   file: ") && line.contains("wrong.toml:"));
    assert_eq!((ended.code, failed.count()), (2, 3), "{}", ended.stdout);

    let thief = deployment.write("thief.toml", &file("acme", "simulate").replace("id = \"acme\"", "id = \"thief\""));
    let answer = deployment.json(&["check", &thief]).await;
    let steps = answer["steps"].as_array().unwrap();
    let taken = steps.iter().filter(|step| text(&step["message"]).ends_with("belongs to the integration acme"));
    assert_eq!(taken.count(), 3, "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_variable_that_is_missing_or_wrong_is_named_with_the_command() {
    let deployment = Deployment::start().await;
    let path = deployment.write("acme.toml", &file("acme", "simulate"));
    let with = async |name: &str, value: &str| -> Ended {
        let mut command = deployment.program(&["check", &path]);
        command.env(name, value);
        end(command).await
    };
    let missing = with("WORKOS_API_KEY", "").await;
    assert_eq!(missing.code, 1);
    assert!(
        missing.stderr.starts_with("error: `check` needs the environment variable WORKOS_API_KEY or WORKOS_API_KEY_ARN, and not both: "),
        "{}",
        missing.stderr
    );
    let wrong = with("ORGVUE_URL", "orgvue.example").await;
    assert!(wrong.stderr.starts_with("error: `check` needs the environment variable ORGVUE_URL to be a URL"), "{}", wrong.stderr);
    let neither = deployment.run(&["check", "Acme Corp"]).await;
    assert!(neither.code == 1 && neither.stderr.contains("name an integration file, or an integration"), "{}", neither.stderr);
}

//! `erase`: a person leaves no trace in what the program shows.

use serde_json::json;

use crate::deployment::{Deployment, file};

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_is_shown_names_the_person_any_more() {
    let deployment = Deployment::start().await;
    deployment.customer("acme", &["ada user", "grace admin"]);
    for name in ["zoe", "a", "b", "c", "d", "e", "f"] {
        deployment.account(name);
    }
    deployment.put_in_force("acme", "enforce").await;
    let shown = async || {
        let mut text = String::new();
        for command in [&["runs"][..], &["findings"], &["held"], &["status"], &["events"], &["explain"]] {
            let login = if command[0] == "explain" { &["acme", "grace@acme.com"][..] } else { &["acme"] };
            text += &deployment.json(&[command, login].concat()).await.to_string();
        }
        for run in deployment.json(&["runs", "acme"]).await["runs"].as_array().unwrap() {
            text += &deployment.json(&["run", "show", run["id"].as_str().unwrap()]).await.to_string();
        }
        text
    };
    let before = shown().await;
    assert!(before.contains("ada@acme.com") && before.contains("zoe@acme.com"), "{before}");

    let asked = deployment.run(&["erase", "acme", "zoe@acme.com"]).await;
    assert!(asked.code == 2 && asked.stdout.starts_with("acme: would look for zoe@acme.com in 1 stored run record, "), "{}", asked.stdout);
    assert!(shown().await.contains("zoe@acme.com"), "it erased before it was told to");

    let erased = deployment.run(&["erase", "acme", "ZOE@acme.com", "--yes", "--output", "json"]).await;
    assert_eq!(erased.stderr, "");
    assert_eq!(erased.json()["erased"], json!({"runs": 1, "rows": 0, "held": 1, "snapshot": false}));
    let seen = deployment.json(&["erase", "acme", "ada@acme.com", "--yes"]).await;
    assert_eq!(seen["erased"], json!({"runs": 1, "rows": 0, "held": 0, "snapshot": true}));
    let after = shown().await;
    assert!(!after.contains("ada@acme.com") && !after.contains("zoe@acme.com"), "{after}");
    assert!(after.contains("grace@acme.com") && after.contains("\"erase\""), "{after}");
    assert!(deployment.orgvue.rows("ACME").iter().any(|row| row["Login"] == "zoe@acme.com"), "the account is left alone");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_says_what_it_leaves_and_where_the_file_names_the_login() {
    let deployment = Deployment::start().await;
    deployment.customer("acme", &[]);
    let protected = file("acme", "simulate").replace("prefix =", "protected = [\"zoe@acme.com\"]\nprefix =");
    let path = deployment.write("acme.toml", &protected);
    deployment.run(&["integration", "apply", &path, "--wait"]).await;
    let ended = deployment.run(&["erase", "acme", "zoe@acme.com", "--yes"]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (0, "nothing was found under this address: check its spelling\n"));
    for told in
        ["the integration file still names the login: correct protected", "are left alone", "stores the person again", "up to 35 days"]
    {
        assert!(ended.stdout.contains(told), "{told}: {}", ended.stdout);
    }
    deployment.run(&["integration", "remove", "acme", "--yes"]).await;
    let removed = deployment.run(&["erase", "acme", "zoe@acme.com", "--yes"]).await;
    assert_eq!(removed.code, 0, "records outlive the integration: {}", removed.stderr);
    let unknown = deployment.run(&["erase", "globex", "zoe@acme.com", "--yes"]).await;
    assert_eq!(unknown.stderr, "error: there is no integration globex: see `orgvue-scim integration list`\n");
}

//! `integration apply`, `list`, `show` and `diff`: what is in force.

use serde_json::json;

use crate::deployment::{Deployment, end, file, two_tenants};

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_put_in_force_once_and_shown_as_it_is() {
    let deployment = Deployment::start().await;
    deployment.customer("acme", &["ada user"]);
    let path = deployment.write("acme.toml", &file("acme", "enforce"));

    let first = deployment.json(&["integration", "apply", &path]).await;
    assert_eq!((&first["files"][0]["outcome"], &first["files"][0]["generation"]), (&json!("created"), &json!(1)));
    let again = deployment.run(&["integration", "apply", &path]).await;
    assert_eq!((again.code, again.stdout.as_str()), (0, "acme: in force already, unchanged\n"));
    let shown = deployment.run(&["integration", "show", "acme"]).await;
    assert_eq!(shown.stdout, file("acme", "enforce"));
    let listed = deployment.run(&["integration", "list"]).await;
    insta::assert_snapshot!(listed.stdout, @"
    ID    DIRECTORY         MODE     TENANCY  TENANTS  RUNS
    acme  directory_01ACME  enforce  single   ACME     live
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_compared_then_applied_and_its_run_shown() {
    let deployment = Deployment::with_acme("simulate", &["ada user"]).await;
    let path = deployment.write("acme.toml", &file("acme", "enforce"));

    let differs = deployment.run(&["integration", "diff", &path]).await;
    assert!(differs.code == 2 && differs.stdout.contains("-mode = \"simulate\"\n+mode = \"enforce\"\n"), "{}", differs.stdout);
    let applied = deployment.run(&["integration", "apply", &path, "--wait"]).await;
    assert!(applied.code == 0 && applied.stdout.starts_with("acme: in force, changed\n"), "{}", applied.stdout);
    assert!(applied.stdout.contains("+mode = \"enforce\"") && applied.stdout.contains("acme: applied, run "), "{}", applied.stdout);
    let same = deployment.run(&["integration", "diff", &path]).await;
    assert_eq!((same.code, same.stdout.as_str(), same.stderr.as_str()), (0, "", "acme is in force as the file says\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_file_keeps_all_of_them_from_being_applied() {
    let deployment = Deployment::start().await;
    let good = deployment.write("acme.toml", &file("acme", "enforce"));
    let bad = deployment.write("bad.toml", &file("bad", "often"));
    let ended = deployment.run(&["integration", "apply", &good, &bad]).await;
    assert!(ended.code == 1 && ended.stderr.contains("bad.toml:3: "), "{}", ended.stderr);
    assert_eq!(deployment.json(&["integration", "list"]).await["integrations"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_is_taken_fails_alone() {
    let deployment = Deployment::with_acme("simulate", &[]).await;
    let thief = file("thief", "simulate").replace("directory_01THIEF", "directory_01ACME");
    let (thief, other) = (deployment.write("thief.toml", &thief), deployment.write("other.toml", &file("other", "simulate")));
    let ended = deployment.run(&["integration", "apply", &thief, &other]).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (1, "thief: not applied\nother: in force, new\n"));
    assert!(ended.stderr.contains("thief: directory directory_01ACME belongs to another integration"), "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_integration_that_is_not_there_says_where_to_look() {
    let ended = Deployment::start().await.run(&["integration", "show", "acme"]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (1, "error: there is no integration acme: see `orgvue-scim integration list`\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_is_taken_names_whose_it_is() {
    let deployment = Deployment::with_acme("simulate", &[]).await;
    let thief = deployment.write("thief.toml", &file("thief", "simulate").replace("\"THIEF\"", "\"ACME\""));
    let ended = deployment.run(&["integration", "apply", &thief]).await;
    assert!(ended.code == 1 && ended.stderr.contains("tenant ACME belongs to the integration acme: "), "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_applied_a_file_is_shown_beside_it() {
    let deployment = Deployment::start().await;
    let path = deployment.write("acme.toml", &file("acme", "simulate"));
    deployment.run_as("grace", &["integration", "apply", &path]).await;
    let shown = deployment.run(&["integration", "show", "acme", "--output", "json"]).await.json();
    assert!(shown["applied_by"].as_str().unwrap().ends_with("/operator/grace"), "{shown}");
    assert!(shown["applied_at"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok(), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_is_shown_then_done_and_deprovisions_nobody() {
    let deployment = Deployment::with_acme("enforce", &["ada user"]).await;
    let shown = deployment.run(&["integration", "remove", "acme"]).await;
    assert!(shown.code == 2 && shown.stdout.starts_with("acme: would be removed\n"), "{}", shown.stdout);
    assert!(shown.stdout.contains("nobody is deprovisioned") && shown.stderr.contains("--yes"), "{}", shown.stdout);
    let removed = deployment.json(&["integration", "remove", "acme", "--yes"]).await;
    assert_eq!((&removed["outcome"], &removed["tenants"]), (&json!("removed"), &json!(["ACME"])));
    assert_eq!(deployment.accounts(), ["ada@acme.com"]);
    let again = deployment.run(&["integration", "remove", "acme", "--yes"]).await;
    assert_eq!((again.code, again.stderr.as_str()), (1, "error: there is no integration acme: see `orgvue-scim integration list`\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_tells_what_it_did_though_what_was_kept_of_a_tenant_is_not_readable() {
    let deployment = Deployment::with_acme("enforce", &["ada user"]).await;
    deployment.spoil("TENANTS#acme", "ACME").await;
    let shown = deployment.json(&["integration", "remove", "acme"]).await;
    assert_eq!((&shown["tenants"], &shown["n_held"]), (&json!(["ACME"]), &json!(null)));
    let removed = deployment.run(&["integration", "remove", "acme", "--yes"]).await;
    assert!(removed.code == 0 && removed.stdout.starts_with("acme: removed\n"), "{} {}", removed.stdout, removed.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants_of_different_modes_are_mixed() {
    let deployment = Deployment::start().await;
    let path = deployment.write("acme.toml", &two_tenants("paused", "simulate"));
    deployment.run(&["integration", "apply", &path]).await;
    for command in [&["integration", "list"][..], &["status"]] {
        assert_eq!(deployment.json(command).await["integrations"][0]["mode"], "mixed");
        assert!(deployment.run(command).await.stdout.contains("mixed"), "{command:?}");
    }
    let path = deployment.write("acme.toml", &two_tenants("paused", "paused"));
    deployment.run(&["integration", "apply", &path]).await;
    assert_eq!(deployment.json(&["integration", "list"]).await["integrations"][0]["mode"], "paused");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_look_for_drift_is_as_the_environment_says() {
    let deployment = Deployment::start().await;
    let path = deployment.write("acme.toml", &file("acme", "paused"));
    let apply = |seconds: &str| {
        let mut command = deployment.program(&["integration", "apply", &path]);
        command.env("DRIFT_SECONDS", seconds);
        end(command)
    };
    let wrong = apply("often").await;
    assert!(wrong.code == 1 && wrong.stderr.starts_with("error: `integration apply` needs the environment variable DRIFT_SECONDS"));
    assert_eq!(apply("2000000").await.code, 0);
    let status = deployment.json(&["status", "acme"]).await;
    let next: jiff::Timestamp = status["integrations"][0]["next_drift_at"].as_str().unwrap().parse().unwrap();
    assert!((next - jiff::Timestamp::now()).total(jiff::Unit::Second).unwrap() > 900_000.0, "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_of_a_file_are_a_line_each_above_one_error() {
    let deployment = Deployment::start().await;
    let path = deployment.write("bad.toml", &file("acme", "often").replace("tenancy", "tenency"));
    for command in [&["integration", "apply", &path][..], &["integration", "diff", &path], &["plan", "acme", "--file", &path]] {
        let ended = deployment.run(command).await;
        let (mistakes, error) = ended.stderr.trim_end().rsplit_once('\n').unwrap();
        assert!(mistakes.lines().all(|line| line.starts_with(&path) && !line.ends_with(": ")), "{}", ended.stderr);
        let n = mistakes.lines().count();
        assert_eq!((ended.code, error), (1, format!("error: {n} mistakes in 1 of 1 file: nothing was done; correct them").as_str()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_whose_run_does_not_begin_says_so() {
    let deployment = Deployment::with_acme("simulate", &["ada user"]).await;
    let apply = async |mode: &str| {
        let path = deployment.write("acme.toml", &file("acme", mode));
        deployment.run(&["integration", "apply", &path]).await
    };
    deployment.run(&["pause", "--all"]).await;
    let everything = apply("enforce").await;
    assert!(everything.code == 2 && everything.stdout.contains("no run begins, paused with the whole deployment"), "{}", everything.stdout);
    deployment.run(&["resume", "--all"]).await;
    deployment.run(&["pause", "acme"]).await;
    let by_hand = apply("simulate").await;
    assert!(by_hand.code == 2 && by_hand.stdout.contains("no run begins, paused by hand"), "{}", by_hand.stdout);
    assert!(!by_hand.stderr.contains("was asked for"), "{}", by_hand.stderr);
    // What the file itself wants is no surprise.
    deployment.run(&["resume", "acme"]).await;
    let by_file = apply("paused").await;
    assert_eq!((by_file.code, by_file.stdout.contains("no run begins, paused by its file")), (0, true), "{}", by_file.stdout);
}

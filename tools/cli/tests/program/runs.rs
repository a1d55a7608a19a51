//! `sync`, `runs`, `run show` and `findings`: what runs did, and what they could not.

use adapters::clock::now_ms;
use domain::delays::Delays;
use domain::ids::{IntegrationId, RunId};
use domain::pending::RunEnd;
use domain::run::{RunRecord, Status};
use serde_json::json;
use standins::workos::UserSpec;
use standins::{Fault, FaultKind, Matcher, Nth};

use crate::deployment::{Deployment, directory, file, two_tenants};
use crate::redacted::redacted;

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
async fn a_run_that_has_not_told_its_end_is_at_work_or_was_interrupted() {
    let deployment = Deployment::with_acme("enforce", &["ada user"]).await;
    let (store, run) = (&deployment.system.store, RunId::new("newest"));
    let head = store.latest_runs(&IntegrationId::parse("acme").unwrap(), 1).await.unwrap().remove(0);
    let record = store.run(&head.id).await.unwrap().unwrap();
    // As stored before its first write.
    let (status, code) = (Status::Superseded, Some("interrupted".to_owned()));
    store.put_run(&RunRecord { id: run.clone(), status, code, tenants: Vec::new(), ..record.clone() }).await.unwrap();
    let told = async |word: &str, at_work: bool| {
        let listed = deployment.run(&["runs", "acme", "--limit", "1"]).await;
        let row = redacted(&listed.stdout);
        assert!(row.ends_with(&format!("newest  TIME  {word}  applied\n")), "{row}");
        let shown = deployment.run(&["run", "show", "newest"]).await;
        assert!(shown.code == 0 && shown.stdout.starts_with(&format!("acme: {word}, run newest\n")), "{}", shown.stdout);
        assert_eq!(deployment.json(&["runs", "acme"]).await["runs"][0]["at_work"], at_work);
    };
    let claim = store.hold(&record.directory, &run, now_ms(), &Delays::default()).await.unwrap().unwrap();
    told("working", true).await;
    store.release(claim, RunEnd::Stopped).await.unwrap().unwrap();
    told("interrupted", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_ends_with_2_and_names_who_it_is_about() {
    let deployment = Deployment::holding().await;
    let synced = deployment.run(&["sync", "acme", "--wait"]).await;
    assert!(synced.code == 2 && synced.stdout.contains("acme: partly_held") && synced.stdout.contains("pia@acme.com"), "{}", synced.stdout);
    let hash = deployment.hash().await;
    assert!(synced.stdout.contains(&format!("held in ACME, hash {}:\n", &hash[..12])), "{}", synced.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_its_file_pauses_is_not_asked_for() {
    let deployment = Deployment::start().await;
    let path = deployment.write("acme.toml", &file("acme", "paused"));
    deployment.run(&["integration", "apply", &path]).await;
    let ended = deployment.run(&["sync", "--all", "--wait"]).await;
    let line = "acme: no run begins, paused by its file; give it another mode and `orgvue-scim integration apply` it\n";
    assert_eq!((ended.code, ended.stdout.as_str()), (2, line));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_integration_whose_pending_item_is_missing_is_told_beside_those_that_were_asked_for() {
    let deployment = Deployment::with_acme("enforce", &["ada user"]).await;
    deployment.customer("other", &["eve user"]);
    deployment.put_in_force("other", "enforce").await;
    deployment.lose(&format!("PENDING#{}", directory("acme")), "PENDING").await;
    let all = deployment.run(&["sync", "--all"]).await;
    let missing = "the pending item of acme is missing: apply its file again\n";
    assert_eq!((all.code, all.stderr), (2, format!("the table must be repaired: {missing}")));
    assert!(all.stdout.starts_with("other: "), "{}", all.stdout);
    for command in [&["sync", "acme"][..], &["pause", "acme"], &["resume", "acme"]] {
        let one = deployment.run(command).await;
        assert_eq!((one.code, one.stderr), (1, format!("error: {missing}")), "{command:?}");
    }
    deployment.put_in_force("acme", "enforce").await;
    assert_eq!(deployment.run(&["sync", "acme", "--wait"]).await.code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn findings_say_who_since_when_and_what_to_do() {
    let deployment = Deployment::with_acme("enforce", &["ada user", "bob HR"]).await;
    let table = deployment.run(&["findings", "acme"]).await;
    assert_eq!((table.code, table.stderr.as_str()), (0, ""));
    insta::assert_snapshot!(redacted(&table.stdout), @"
    ACCOUNT OR GROUP  USER  TENANT  GROUPS AS SEEN  CODE  WHY, AND WHAT TO DO  SINCE
    bob@acme.com  USER  ACME  SCIM_HR  no_platform_role  the user has HR but neither user nor admin; add the user to the group for the role user or admin  TIME
    ");
    let json = deployment.json(&["findings", "--all"]).await;
    let since = json["integrations"][0]["findings"][0]["since"].as_str().unwrap();
    assert!(since.parse::<jiff::Timestamp>().is_ok(), "{since}");
}

#[tokio::test(flavor = "multi_thread")]
async fn findings_go_to_a_spreadsheet_row_by_row() {
    let deployment = Deployment::with_acme("enforce", &["ada user", "+bob HR", "eve"]).await;
    let csv = deployment.run(&["findings", "--all", "--csv"]).await;
    let mut reader = csv::Reader::from_reader(csv.stdout.as_bytes());
    assert_eq!(
        reader.headers().unwrap().iter().skip(1).take(5).collect::<Vec<_>>(),
        ["account or group", "user", "tenant", "groups as seen", "code"]
    );
    let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
    let row = rows.iter().find(|row| row[1].contains("+bob")).unwrap();
    assert_eq!((&row[0], &row[1], &row[4], &row[5]), ("acme", "'+bob@acme.com", "SCIM_HR", "no_platform_role"));
    assert!(
        row[2].starts_with("directory_user_") && row[6].contains("add the user to the group") && row[7].parse::<jiff::Timestamp>().is_ok()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_address_is_found_by_the_identity_providers_id() {
    let deployment = Deployment::with_acme("enforce", &["ada user"]).await;
    deployment.workos.put_user(&directory("acme"), UserSpec { email: None, ..UserSpec::new("okta|7", "") });
    deployment.workos.add_member(&directory("acme"), "SCIM_user", "okta|7");
    deployment.run(&["sync", "acme", "--wait"]).await;
    let csv = deployment.run(&["findings", "acme", "--csv"]).await;
    let row = csv::Reader::from_reader(csv.stdout.as_bytes()).records().next().unwrap().unwrap();
    assert_eq!((&row[1], &row[4], &row[5]), ("okta|7", "SCIM_user", "no_email"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spreadsheet_without_rows_says_why() {
    let deployment = Deployment::start().await;
    let path = deployment.write("acme.toml", &file("acme", "paused"));
    deployment.run(&["integration", "apply", &path]).await;
    let csv = deployment.run(&["findings", "acme", "--csv"]).await;
    assert_eq!((csv.stdout.lines().count(), csv.stderr.as_str()), (1, "no run has read the directory of acme yet\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_tenant_is_only_simulated_is_not_counted_as_done() {
    let deployment = Deployment::start().await;
    deployment.customer("acme", &["ada ACME_user", "bob ACME_user", "eve EU_user"]);
    deployment.second_tenant();
    let path = deployment.write("acme.toml", &two_tenants("enforce", "simulate"));
    let applied = deployment.run(&["integration", "apply", &path, "--wait"]).await;
    let rows: Vec<_> = redacted(&applied.stdout)
        .lines()
        .filter(|line| line.starts_with("ACME  ") || line.starts_with("EU  "))
        .map(str::to_owned)
        .collect();
    assert_eq!(
        rows,
        ["ACME  simulate  simulated  would be 2  0  0  0  0  0", "EU  enforce  applied  1  0  0  0  0  0"],
        "{}",
        applied.stdout
    );
    let listed = deployment.run(&["runs", "acme"]).await;
    for text in [applied.stdout, listed.stdout] {
        assert!(text.contains("  UPDATED  REMOVED OR DISABLED  "), "{text}");
    }
    let runs = deployment.json(&["runs", "acme"]).await;
    assert_eq!((&runs["runs"][0]["created"], &runs["runs"][0]["removed"]), (&json!(1), &json!(0)), "{runs}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_stopped_midway_names_what_it_did_and_what_nobody_knows() {
    let deployment = Deployment::with_acme("enforce", &["ada user"]).await;
    deployment.customer("acme", &["grace user"]);
    deployment.account("zoe");
    // The write of the removals is lost on its way, and so is every read behind it.
    let fault = |method, nth, kind| deployment.orgvue.fault(Fault::new(Matcher::path("/items").method(method), nth, kind));
    fault("PUT", Nth::At(2), FaultKind::Reset);
    fault("GET", Nth::From(2), FaultKind::Status(403));

    let synced = deployment.run(&["sync", "acme", "--wait"]).await;
    assert_eq!(synced.code, 2, "{}", synced.stdout);
    for told in ["created in ACME: grace@acme.com\n", "not settled in ACME: zoe@acme.com\n"] {
        assert!(synced.stdout.contains(told), "{}", synced.stdout);
    }
}

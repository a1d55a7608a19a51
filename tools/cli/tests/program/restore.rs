//! `restore`: shown first, then done, and nothing that takes from somebody without its hash.

use std::time::Duration;

use adapters::clock::now_ms;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::delays::Delays;
use domain::ids::{DirectoryId, RunId};
use domain::run::RunRecord;
use serde_json::{Value, json};
use standins::{Fault, FaultKind, Matcher, Nth};

use crate::deployment::{Deployment, Ended, dataset, directory, end, file, two_tenants};

const NAMES: [&str; 4] = ["ann", "ben", "cat", "dov"];

/// The id of the newest run.
async fn last_run(deployment: &Deployment) -> String {
    let runs = deployment.json(&["runs", "acme", "--limit", "1"]).await;
    runs["runs"][0]["id"].as_str().unwrap().to_owned()
}

fn row(deployment: &Deployment, login: &str) -> Option<Value> {
    deployment.orgvue.rows("ACME").into_iter().find(|row| row["Login"] == login)
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_that_a_slip_in_the_prefix_removed_come_back_with_all_they_had() {
    let users = NAMES.map(|name| format!("{name} user"));
    let deployment = Deployment::with_acme("enforce", &users.each_ref().map(String::as_str)).await;
    for name in NAMES {
        deployment.orgvue.edit("ACME", &format!("{name}@acme.com"), |row| {
            row["ExpiryDate"] = json!("2099-12-31");
            row["Department"] = json!("Sales");
        });
    }
    // A slip that somebody else's group happens to fit, approved without looking.
    deployment.customer("acme", &["eva "]);
    deployment.workos.edit(|model| model.add_member(&directory("acme"), "SCUM_user", "eva"));
    let slip = deployment.write("slip.toml", &file("acme", "enforce").replace("SCIM_", "SCUM_"));
    deployment.run(&["integration", "apply", &slip, "--wait"]).await;
    let held = deployment.json(&["held", "acme"]).await;
    let hash = held["integrations"][0]["tenants"][0]["hash"].as_str().unwrap();
    deployment.run(&["approve", "acme", hash, "--wait"]).await;
    assert!(NAMES.iter().all(|name| row(&deployment, &format!("{name}@acme.com")).is_none()));
    let run = last_run(&deployment).await;

    let shown = deployment.run(&["restore", "acme", &run, "--output", "json"]).await;
    let tenant = &shown.json()["tenants"][0];
    let all = json!(NAMES.map(|name| format!("{name}@acme.com")));
    assert_eq!((shown.code, &tenant["restored"], &tenant["next_run_undoes"]), (2, &all, &all), "{}", shown.stdout);
    assert!(shown.stderr.contains("acme is live: mend what went wrong, or pause it"), "{}", shown.stderr);
    assert!(row(&deployment, "ann@acme.com").is_none(), "it wrote something");
    let told = deployment.run(&["restore", "acme", &run]).await.stdout;
    assert!(told.contains("  ^ ann@acme.com  restore user\n") && told.contains("the next run would undo again"), "{told}");

    deployment.run(&["pause", "acme"]).await;
    let mended = deployment.write("acme.toml", &file("acme", "enforce"));
    deployment.run(&["integration", "apply", &mended]).await;
    let mended = deployment.run(&["restore", "acme", &run, "--output", "json"]).await;
    assert_eq!((&mended.json()["tenants"][0]["next_run_undoes"], &mended.json()["seen"]), (&json!([]), &json!(null)));
    assert!(mended.stderr.contains("`orgvue-scim plan acme` tells") && !mended.stderr.contains("is live"), "{}", mended.stderr);

    let done = deployment.run(&["restore", "acme", &run, "--yes", "--output", "json"]).await;
    let record = done.json();
    assert_eq!((done.code, &record["status"], &record["restores"]), (0, &json!("applied"), &json!(run)), "{record}");
    for name in NAMES {
        let row = row(&deployment, &format!("{name}@acme.com")).unwrap();
        assert_eq!(
            (&row["Role"], &row["ExpiryDate"], &row["Department"]),
            (&json!("user"), &json!("2099-12-31"), &json!("Sales")),
            "{row}"
        );
    }
    let again = deployment.run(&["restore", "acme", &run]).await;
    assert!(again.code == 0 && again.stderr.starts_with("nothing to put back"), "{}{}", again.stdout, again.stderr);
    let audit = deployment.json(&["events", "acme"]).await.to_string();
    assert!(audit.contains("\"restore\"") && audit.contains(&run) && !audit.contains("@acme.com"), "{audit}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_saw_nothing_new_is_the_last_read_all_the_same() {
    let deployment = Deployment::start().await;
    deployment.customer("acme", &["ada admin", "cid HR"]);
    deployment.account("bob");
    deployment.put_in_force("acme", "enforce").await;
    let first = last_run(&deployment).await;
    deployment.run(&["approve", "acme", &deployment.hash().await, "--wait"]).await;
    let bad = last_run(&deployment).await;
    let path = deployment.write("acme.toml", &format!("protected = [\"@orgvue.com\"]\n{}", file("acme", "enforce")));
    assert_eq!(deployment.run(&["integration", "apply", &path, "--wait"]).await.code, 0);
    let last = last_run(&deployment).await;

    let shown = deployment.run(&["restore", "acme", &bad]).await;
    assert!(shown.stdout.contains(&format!("would undo again, as run {last} read")), "{} {}", shown.stdout, shown.stderr);
    assert!(!shown.stderr.contains("has not been read since"), "{}", shown.stderr);
    let findings = deployment.json(&["findings", "acme"]).await;
    assert_eq!(findings["integrations"][0]["run"], json!(last));
    let explained = deployment.json(&["explain", "acme", "ada@acme.com"]).await;
    assert_eq!((&explained["source"]["run"], &explained["source"]["unchanged_since"]), (&json!(last), &json!(first)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_takes_from_somebody_is_done_only_with_its_hash() {
    let deployment = Deployment::with_acme("enforce", &["grace user"]).await;
    deployment.workos.edit(|model| {
        model.remove_member(&directory("acme"), "SCIM_user", "grace");
        model.add_member(&directory("acme"), "SCIM_admin", "grace");
    });
    deployment.run(&["sync", "acme", "--wait"]).await;
    let run = last_run(&deployment).await;
    let role = || row(&deployment, "grace@acme.com").unwrap()["Role"].clone();

    let shown = deployment.json(&["restore", "acme", &run]).await;
    let (held, hash) = (&shown["tenants"][0]["held"][0], shown["tenants"][0]["held_hash"].as_str().unwrap());
    assert_eq!((&held["why"], &held["lost_roles"]), (&json!("last_admin"), &json!(["admin"])));
    let without = deployment.run(&["restore", "acme", &run, "--yes"]).await;
    assert_eq!((without.code, role()), (2, json!("admin,user")), "what takes nothing is done");
    assert!(without.stderr.contains(&format!("--agree {hash}")), "{}", without.stderr);
    let with = deployment.run(&["restore", "acme", &run, "--yes", "--agree", hash]).await;
    assert_eq!((with.code, role()), (0, json!("user")), "{} {}", with.stdout, with.stderr);
    assert!(with.stderr.starts_with("acme is live: what the directory does not ask for goes again"), "{}", with.stderr);
    let short = deployment.run(&["restore", "acme", &run, "--yes", "--agree", &hash[..12]]).await;
    assert!(short.code == 64 && short.stderr.contains("all 64 digits"), "{}", short.stderr);
}

/// A customer who is paused, and the run that removed an account before.
async fn with_a_run_that_removed_bob() -> (Deployment, String) {
    let deployment = Deployment::start().await;
    deployment.customer("acme", &["ada admin"]);
    deployment.account("bob");
    deployment.put_in_force("acme", "enforce").await;
    deployment.run(&["approve", "acme", &deployment.hash().await, "--wait"]).await;
    let run = last_run(&deployment).await;
    deployment.run(&["pause", "acme"]).await;
    (deployment, run)
}

/// How a restore ends whose lease another run takes while Orgvue answers these reads of the dataset slowly. One may take so many seconds.
async fn taken_over(deployment: &Deployment, run: &str, reads: Nth, read_seconds_max: &str) -> Ended {
    let slow = FaultKind::Slow(Duration::from_secs(3));
    deployment.orgvue.fault(Fault::new(Matcher::path("/items").method("GET"), reads, slow));
    let calls = deployment.orgvue.calls().total();
    let taken_over = async {
        while deployment.orgvue.calls().total() == calls {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let item = (&*format!("PENDING#{}", directory("acme")), "PENDING");
        deployment.set(item, "lease_run", AttributeValue::S("another".to_owned())).await;
    };
    let mut restore = deployment.program(&["restore", "acme", run, "--yes"]);
    restore.env("HEARTBEAT_SECONDS", "1").env("HTTP_TIMEOUT_SECONDS", read_seconds_max);
    tokio::join!(end(restore), taken_over).0
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_that_another_run_takes_over_wants_a_person() {
    let (deployment, run) = with_a_run_that_removed_bob().await;
    let ended = taken_over(&deployment, &run, Nth::At(1), "4").await;
    assert_eq!(ended.code, 2, "{} {}", ended.stdout, ended.stderr);
    assert!(ended.stdout.contains("superseded: the run stopped writing: the lease is lost; restore again\n"), "{}", ended.stdout);
    assert_eq!(deployment.accounts(), ["ada@acme.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_that_was_cut_short_does_not_say_that_nothing_was_put_back() {
    let (deployment, run) = with_a_run_that_removed_bob().await;
    let ended = taken_over(&deployment, &run, Nth::From(1), "1").await;
    assert_eq!((ended.code, ended.stderr.as_str()), (2, "what was put back where it stopped is not known: restore again\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_alone_is_told_with_the_reason() {
    let (deployment, run) = with_a_run_that_removed_bob().await;
    let blocking = deployment.write("acme.toml", &format!("blocked = [\"bob@acme.com\"]\n{}", file("acme", "enforce")));
    deployment.run(&["integration", "apply", &blocking]).await;

    let shown = deployment.run(&["restore", "acme", &run]).await;
    let nothing = format!("nothing to put back: run {run} overwrote accounts that are as they were, or are left alone\n");
    assert_eq!((shown.code, shown.stderr), (0, nothing));
    let done = deployment.run(&["restore", "acme", &run, "--yes"]).await;
    let why = "the account is blocked, so it is not put back";
    assert!(shown.stdout.contains("left alone:\n") && [shown.stdout, done.stdout].iter().all(|text| text.contains(why)), "{}", done.stderr);
    assert_eq!((done.code, deployment.accounts()), (0, vec!["ada@acme.com".to_owned()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_not_there_is_told_before_any_vendor_is_asked() {
    let deployment = Deployment::with_acme("simulate", &["ada user"]).await;
    let ended = deployment.run(&["restore", "acme", "elsewhere", "--yes"]).await;
    assert!(ended.code == 1 && ended.stderr.starts_with("error: there is no run elsewhere"), "{}", ended.stderr);
    let run = last_run(&deployment).await;
    let nothing = deployment.run(&["restore", "acme", &run]).await;
    assert_eq!((nothing.code, nothing.stderr), (0, format!("nothing to put back: run {run} overwrote no account\n")));
}

/// A customer of two tenants, and the run that overwrote accounts of one of them, EU.
async fn with_a_run_that_overwrote_accounts_of_eu() -> (Deployment, String) {
    let deployment = Deployment::start().await;
    deployment.customer("acme", &["ada ACME_user", "eve EU_user"]);
    deployment.second_tenant();
    deployment.orgvue.insert_row("EU", json!({"Login": "eve@acme.com", "Role": "", "Enabled": true}));
    let both = deployment.write("both.toml", &two_tenants("enforce", "enforce"));
    deployment.run(&["integration", "apply", &both, "--wait"]).await;
    let run = last_run(&deployment).await;
    (deployment, run)
}

/// Takes EU out of the file, and asks for accounts of EU to be put back.
async fn assert_told_when_eu_has_gone(deployment: &Deployment, run: &str) {
    let one = deployment.write("one.toml", &file("acme", "enforce").replace("\"single\"", "\"multi\""));
    deployment.run(&["integration", "apply", &one, "--wait"]).await;
    for command in [&["restore", "acme", run][..], &["restore", "acme", run, "--yes"]] {
        let ended = deployment.run(command).await;
        let told =
            format!("run {run} overwrote accounts of EU, which the file no longer has with the same dataset: apply a file that has it\n");
        assert_eq!((ended.code, ended.stderr), (2, format!("nothing to put back: {told}")), "{command:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_of_a_tenant_that_has_gone_from_the_file_are_told() {
    let (deployment, run) = with_a_run_that_overwrote_accounts_of_eu().await;
    let other = deployment.run(&["restore", "acme", &run, "--tenant", "ACME"]).await;
    assert_eq!((other.code, other.stderr), (0, format!("nothing to put back: run {run} overwrote no account of ACME\n")));
    assert_told_when_eu_has_gone(&deployment, &run).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_put_back_into_another_dataset_than_the_run_wrote_to() {
    let deployment = Deployment::start().await;
    deployment.customer("acme", &["ada ACME_user", "eve EU_user"]);
    deployment.second_tenant();
    let right = two_tenants("enforce", "enforce");
    let (acme, eu) = (dataset("acme"), dataset("eu"));
    let slip = right.replace(&acme, "*").replace(&eu, &acme).replace("*", &eu);
    let swap = || deployment.orgvue.edit_model(|model| model.swap_datasets("ACME", "EU"));
    // The dataset of ACME as EU's and the other way round.
    swap();
    deployment.orgvue.insert_row("EU", json!({"Login": "eve@acme.com", "Role": "", "Enabled": true}));
    let path = deployment.write("acme.toml", &slip);
    deployment.run(&["integration", "apply", &path, "--wait"]).await;
    let run = last_run(&deployment).await;
    swap();
    let path = deployment.write("acme.toml", &right);
    deployment.run(&["integration", "apply", &path, "--wait"]).await;
    let rows = || (deployment.orgvue.rows("ACME"), deployment.orgvue.rows("EU"));
    deployment.orgvue.delete_row("EU", "eve@acme.com");
    let before = rows();

    let told =
        format!("run {run} overwrote accounts of EU, which the file no longer has with the same dataset: apply a file that has it\n");
    for arguments in
        [&["restore", "acme", &run][..], &["restore", "acme", &run, "--tenant", "EU", "--yes"], &["restore", "acme", &run, "--yes"]]
    {
        let ended = deployment.run(arguments).await;
        assert_eq!((ended.code, ended.stderr), (2, format!("nothing to put back: {told}")), "{arguments:?}");
    }
    assert_eq!(rows(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_of_a_gone_tenant_are_told_for_an_interrupted_run() {
    let (deployment, run) = with_a_run_that_overwrote_accounts_of_eu().await;
    let store = &deployment.system.store;
    let record = store.run(&RunId::new(&*run)).await.unwrap().unwrap();
    // As stored before its first write.
    store.put_run(&RunRecord { code: Some("interrupted".to_owned()), tenants: Vec::new(), ..record }).await.unwrap();
    assert_told_when_eu_has_gone(&deployment, &run).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_run_is_at_work_nothing_is_put_back_or_erased() {
    let deployment = Deployment::start().await;
    deployment.customer("acme", &["ada admin"]);
    deployment.account("ada");
    deployment.put_in_force("acme", "enforce").await;
    let run = last_run(&deployment).await;
    let id = DirectoryId::parse(&directory("acme")).unwrap();
    let _claim = deployment.system.store.hold(&id, &RunId::new("other"), now_ms(), &Delays::default()).await.unwrap().unwrap();
    let restore: &[&str] = &["restore", "acme", &run, "--yes"];
    for command in [restore, &["erase", "acme", "ada@acme.com", "--yes"]] {
        let ended = deployment.run(command).await;
        let line = "error: a run is at work on this integration: try again when it has ended\n";
        assert_eq!((ended.code, ended.stderr.as_str()), (1, line), "{command:?}");
    }
    assert!(deployment.json(&["run", "show", &run]).await.to_string().contains("ada@acme.com"));
}

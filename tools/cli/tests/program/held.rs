//! `held`, `approve` and `reject`: what waits for a person, and what the person decides.

use adapters::clock::now_ms;
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::json;

use crate::deployment::{Deployment, Ended, directory};
use crate::redacted::redacted;

fn tenant(held: &serde_json::Value) -> &serde_json::Value {
    &held["integrations"][0]["tenants"][0]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_is_told_with_whose_accounts_why_and_the_command_to_approve() {
    let deployment = Deployment::holding().await;
    let ended = deployment.run(&["held", "acme"]).await;
    assert_eq!(ended.code, 2);
    insta::assert_snapshot!(redacted(&ended.stdout), @"
    INTEGRATION  TENANT  HASH  ACCOUNTS  HELD SINCE  BY RUN  DECISION  WHY
    acme  ACME  9acd2502b8f3  6  TIME  RUN  waits for a decision  6 over_limit: more accounts would be removed or lose access than the limit of one run and the 24 hours before it

    held in ACME:
    ACCOUNT  ACTION  LOST ROLES  WHY  RENAMED TO
    kay@acme.com  remove  user  over_limit
    lee@acme.com  remove  user  over_limit
    max@acme.com  remove  user  over_limit
    ned@acme.com  remove  user  over_limit
    oto@acme.com  remove  user  over_limit
    pia@acme.com  remove  user  over_limit
    ");
    let hash = deployment.hash().await;
    assert!(ended.stderr.ends_with(&format!("\n  orgvue-scim approve acme {}\n", &hash[..12])), "{}", ended.stderr);
    let all = deployment.run(&["held"]).await;
    assert!(all.code == 2 && all.stdout.contains(&hash[..12]), "{}", all.stdout);
    assert!(![&ended.stderr, &all.stderr, &all.stdout].iter().any(|text| text.contains('@')), "only who asks about one sees whom");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_does_exactly_what_was_shown() {
    let deployment = Deployment::holding().await;
    let before = deployment.json(&["held", "acme"]).await;
    let logins: Vec<_> = tenant(&before)["accounts"].as_array().unwrap().iter().map(|account| account["login"].clone()).collect();
    assert_eq!((logins.len(), &tenant(&before)["decision"]), (6, &json!("waits")));

    let hash = deployment.hash().await;
    let approved = deployment.json(&["approve", "acme", &hash[..8], "--wait"]).await;
    assert_eq!((&approved["hash"], &approved["n_accounts"], &approved["verdict"]), (&json!(hash), &json!(6), &json!("approved")));
    assert!(approved["by"].as_str().unwrap().ends_with("/operator/local"), "{approved}");
    assert_eq!((&approved["run"]["status"], &approved["run"]["tenants"][0]["removed"]), (&json!("applied"), &json!(logins)));
    assert_eq!(deployment.accounts(), ["ada@acme.com", "grace@acme.com"]);
    let none = deployment.run(&["held", "acme"]).await;
    assert_eq!((none.code, none.stdout.as_str(), none.stderr.as_str()), (0, "", "nothing is held\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hash_that_is_short_or_unknown_or_of_yesterday_is_refused_with_the_next_step() {
    let deployment = Deployment::holding().await;
    let old = deployment.hash().await;
    deployment.account("quin");
    deployment.run(&["sync", "acme", "--wait"]).await;
    assert_ne!(deployment.hash().await, old);
    let refused = async |hash: &str| {
        let Ended { code, stdout, stderr } = deployment.run(&["approve", "acme", hash]).await;
        assert_eq!((code, stdout.as_str()), (1, ""), "{stderr}");
        stderr
    };
    assert!(refused(&old).await.contains("it may have changed since you looked; `orgvue-scim held` shows what is held now"));
    assert!(refused("00000000").await.contains("nothing that is held now has the hash 00000000"));
    assert_eq!(refused(&old[..5]).await, format!("error: {:?} is too short: write at least 8 digits of the hash\n", &old[..5]));
    assert_eq!(deployment.accounts().len(), 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_approve_at_once_one_decides_and_the_other_is_told_by_whom() {
    let deployment = Deployment::holding().await;
    let hash = deployment.hash().await;
    // No run may use the first approval up before the second comes.
    deployment.run(&["pause", "acme"]).await;
    let arguments = ["approve", "acme", &hash, "--output", "json"];
    let (ada, grace) = tokio::join!(deployment.run_as("ada", &arguments), deployment.run_as("grace", &arguments));
    let (ada, grace) = (ada.json(), grace.json());
    let firsts: Vec<_> = [("ada", &ada), ("grace", &grace)].into_iter().filter(|(_, answer)| answer["already"] == false).collect();
    let [(first, _)] = firsts.as_slice() else { panic!("{ada} {grace}") };
    for answer in [&ada, &grace] {
        assert!(answer["by"].as_str().unwrap().ends_with(first), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_rejected_stays_held_and_nobody_is_asked_again() {
    let deployment = Deployment::holding().await;
    let hash = deployment.hash().await;
    let rejected = deployment.run_as("ada", &["reject", "acme", &hash]).await;
    assert!(
        rejected.code == 0 && rejected.stdout.contains("acme: rejected, 6 accounts in ACME"),
        "{} {}",
        rejected.stdout,
        rejected.stderr
    );
    let again = deployment.run_as("grace", &["reject", "acme", &hash]).await;
    assert!(again.code == 0 && again.stdout.contains("rejected already") && again.stdout.contains("/operator/ada"), "{}", again.stdout);

    let synced = deployment.run(&["sync", "acme", "--wait"]).await;
    assert!(synced.code == 0 && synced.stdout.contains(", rejected:\n"), "{}", synced.stdout);
    let (held, status) = (deployment.run(&["held", "acme", "--output", "json"]).await, deployment.run(&["status"]).await);
    assert_eq!((held.code, status.code, &tenant(&held.json())["decision"]), (0, 0, &json!("rejected")));
    assert_eq!(deployment.accounts().len(), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_rejects_while_a_run_is_at_work_is_told_that_it_may_go_on() {
    let deployment = Deployment::holding().await;
    let hash = deployment.hash().await;
    let (item, until_ms) = ((&*format!("PENDING#{}", directory("acme")), "PENDING"), now_ms() + 60_000);
    deployment.set(item, "lease_run", AttributeValue::S("another".to_owned())).await;
    deployment.set(item, "lease_until_ms", AttributeValue::N(until_ms.to_string())).await;
    let Ended { code, stdout, .. } = deployment.run(&["reject", "acme", &hash]).await;
    assert!(code == 0 && stdout.contains("a run is at work") && stdout.contains("`orgvue-scim pause acme` stops it"), "{stdout}");
    assert!(!stdout.contains("nobody is asked again"), "{stdout}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_while_nothing_runs_says_so() {
    let deployment = Deployment::holding().await;
    let hash = deployment.hash().await;
    deployment.run(&["pause", "acme"]).await;
    let approved = deployment.run(&["approve", "acme", &hash]).await;
    assert!(approved.code == 2 && approved.stdout.contains("no run begins, paused by hand"), "{}", approved.stdout);
    let resumed = deployment.json(&["resume", "acme", "--wait"]).await;
    assert_eq!((&resumed["run"]["status"], deployment.accounts().len()), (&json!("applied"), 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_approved_is_no_longer_shown_as_held() {
    let deployment = Deployment::holding().await;
    let hash = deployment.hash().await;
    deployment.run(&["pause", "acme"]).await;
    deployment.run(&["approve", "acme", &hash]).await;

    let planned = deployment.json(&["plan", "acme"]).await;
    let tenant = &planned["tenants"][0];
    assert_eq!((tenant["removed"].as_array().unwrap().len(), &tenant["held"]), (6, &json!([])), "{planned}");
    for command in [&["explain", "acme", "kay@acme.com"][..], &["explain", "acme", "kay@acme.com", "--live"]] {
        let told = deployment.run(command).await.stdout;
        assert!(told.contains("approved: the next run does it"), "{told}");
    }
    let resumed = deployment.json(&["resume", "acme", "--wait"]).await;
    assert_eq!((&resumed["run"]["tenants"][0]["removed"], deployment.accounts().len()), (&tenant["removed"], 2));
}

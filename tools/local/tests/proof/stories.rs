//! The stories in which processes die.

use serde_json::json;

use crate::crash::{Act, Story, at_every_call};
use crate::customer::{API_ACCOUNT, multi, single};
use crate::oracle::End;
use crate::stage::Stage;
use crate::words::{User, account, email, people};

const SIX_HOURS_MS: i64 = 6 * 3_600_000;

crate::tests![
    the_first_sync,
    mixed_changes,
    an_event_in_mid_run,
    a_held_part_and_its_approval,
    one_of_two_tenants_fails,
    what_no_message_asks_for,
];

/// There is nobody yet.
async fn nobody(_: &Stage) {}

/// A customer of whom two people are in step with Orgvue.
async fn in_step(stage: &Stage) {
    stage.onboard(single("ACME")).await;
    stage.add(User::new("root").in_group("admin"));
    stage.add(User::new("old").in_group("user"));
    stage.desire("ACME", &["old user", "root admin"]);
    stage.ask().await;
    stage.settles().await;
}

async fn the_first_sync() {
    let (before, act): (Act, Act) = (|stage| Box::pin(nobody(stage)), |stage| Box::pin(first_sync(stage)));
    at_every_call(Story { name: "the first sync", before, act, n_calls_min: 25 }).await;
}

async fn first_sync(stage: &Stage) {
    stage.onboard(single("ACME")).await;
    stage.account("ACME", "ada", "user");
    stage.add(User::new("ada").in_group("user").in_group("Retail"));
    stage.add(User::new("bob").in_group("admin"));
    stage.tells();
    stage.desire("ACME", &["ada Retail,user", "bob admin"]);
    stage.settles().await;
}

async fn mixed_changes() {
    let (before, act): (Act, Act) = (|stage| Box::pin(in_step(stage)), |stage| Box::pin(changes(stage)));
    at_every_call(Story { name: "mixed changes", before, act, n_calls_min: 30 }).await;
}

async fn changes(stage: &Stage) {
    stage.leaves("old");
    stage.add(User::new("new").in_group("user"));
    stage.joins("root", "Tech");
    stage.account("ACME", "ghost", "user");
    stage.orgvue.edit("ACME", &email("root"), |row| row["Enabled"] = json!(false));
    stage.tells();
    stage.desire("ACME", &["new user", "root Tech,admin"]);
    stage.settles().await;
}

async fn an_event_in_mid_run() {
    let (before, act): (Act, Act) = (|stage| Box::pin(in_step(stage)), |stage| Box::pin(event_in_mid_run(stage)));
    at_every_call(Story { name: "an event in mid run", before, act, n_calls_min: 55 }).await;
}

/// The directory changes when it was read.
async fn event_in_mid_run(stage: &Stage) {
    stage.add(User::new("ada").in_group("user"));
    stage.add(User::new("bob").in_group("user"));
    stage.tells();
    stage.desire("ACME", &["ada user", "bob user", "old user", "root admin"]);
    stage.at_the_call("/items", |stage| {
        stage.leaves("bob");
        stage.add(User::new("cy").in_group("admin"));
        stage.desire("ACME", &["ada user", "cy admin", "old user", "root admin"]);
        stage.tells();
    });
    stage.settles().await;
}

async fn a_held_part_and_its_approval() {
    let (before, act): (Act, Act) = (|stage| Box::pin(in_step(stage)), |stage| Box::pin(held_and_approved(stage)));
    at_every_call(Story { name: "a held part and its approval", before, act, n_calls_min: 55 }).await;
}

async fn held_and_approved(stage: &Stage) {
    let many = people(0..7);
    many.iter().for_each(|name| stage.account("ACME", name, "user"));
    stage.add(User::new("new").in_group("user"));
    stage.tells();
    let held = ["new user", "old user", "p00 user", "p01 user", "p02 user", "p03 user", "p04 user", "p05 user", "p06 user", "root admin"];
    stage.desire("ACME", &held);
    stage.settles().await;

    assert_eq!(stage.state("ACME").await.held.map(|held| held.n_actions), Some(7));
    stage.approve("ACME").await;
    stage.desire("ACME", &["new user", "old user", "root admin"]);
    stage.settles().await;
    assert_eq!(stage.state("ACME").await.held, None);
}

async fn one_of_two_tenants_fails() {
    let (before, act): (Act, Act) = (|stage| Box::pin(nobody(stage)), |stage| Box::pin(one_tenant_fails(stage)));
    at_every_call(Story { name: "one of two tenants fails", before, act, n_calls_min: 55 }).await;
}

async fn one_tenant_fails(stage: &Stage) {
    stage.onboard(multi(&["ACME", "BETA"])).await;
    stage.add(User::new("ada").in_group("ACME_user").in_group("BETA_user"));
    // A person must mend it, so that it is in quarantine at once.
    stage.orgvue.delete_row("BETA", API_ACCOUNT);
    stage.tells();
    stage.desire("ACME", &["ada user"]);
    stage.ends(End::Quarantined).await;
    assert!(stage.state("BETA").await.backoff.is_quarantined());

    stage.orgvue.insert_row("BETA", account(API_ACCOUNT, "admin"));
    stage.until_retry("BETA").await;
    stage.desire("BETA", &["ada user"]);
    stage.settles().await;
    assert_eq!(stage.state("BETA").await.fault, None);
}

async fn what_no_message_asks_for() {
    let (before, act): (Act, Act) = (|stage| Box::pin(in_step(stage)), |stage| Box::pin(without_a_message(stage)));
    at_every_call(Story { name: "what no message asks for", before, act, n_calls_min: 55 }).await;
}

/// A schedule is lost, and what a person did in Orgvue is found by the look for drift. Only the sweep can bring it about.
async fn without_a_message(stage: &Stage) {
    stage.add(User::new("new").in_group("user"));
    stage.tells();
    while stage.scheduler.schedules().is_empty() {
        stage.step().await;
    }
    stage.scheduler.lose_all();
    stage.desire("ACME", &["new user", "old user", "root admin"]);
    stage.settles().await;

    stage.orgvue.delete_row("ACME", &email("old"));
    stage.later(SIX_HOURS_MS);
    stage.desire("ACME", &["new user", "old user", "root admin"]);
    stage.settles().await;
}

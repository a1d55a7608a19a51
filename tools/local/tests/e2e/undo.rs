//! What a run overwrote is put back, guarded like anything else.

use std::collections::BTreeSet;
use std::time::Duration;

use adapters::store::AfterApply;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::delays::Delays;
use domain::held::HeldHash;
use domain::ids::RunId;
use domain::integration::Integration;
use domain::message::Reason;
use domain::run::{RunRecord, Status};
use serde_json::Value;
use standins::{FaultKind, Matcher, Nth};
use sync::RestoreError;

use crate::words::Run;
use crate::world::{Setup, User, World, deadline, email, fault, people, single, until};

crate::tests![
    #[both]
    removed_accounts_come_back_with_all_they_had,
    what_a_run_gave_is_taken_back_over_the_limit_by_its_hash_alone,
    nothing_is_put_back_beside_a_run,
    what_a_killed_run_overwrote_is_put_back,
    what_a_simulation_may_leave_out_a_restore_needs,
    a_restore_that_fails_is_told_and_may_be_repeated_at_once,
];

async fn restore(world: &World, run: &RunId, agreed: &[&HeldHash]) -> Result<Run, RestoreError> {
    let agreed: BTreeSet<HeldHash> = agreed.iter().copied().cloned().collect();
    let record: RunRecord = sync::restore(world.sync(), &world.id(), run, None, &agreed, deadline()).await?;
    Ok(Run(record))
}

/// The rows without what Orgvue itself puts into them.
fn own_rows(world: &World) -> Vec<Value> {
    let mut rows = world.orgvue.rows("ACME");
    rows.iter_mut().filter_map(Value::as_object_mut).for_each(|row| row.retain(|key, _| !key.starts_with('_')));
    rows.sort_by_key(|row| row["Login"].to_string());
    rows
}

async fn removed_accounts_come_back_with_all_they_had() {
    let world = World::in_step(5).await;
    for name in people(0..4) {
        world.orgvue.edit("ACME", &email(&name), |row| {
            row["ExpiryDate"] = "2099-01-31".into();
            row["Cost centre"] = "4711".into();
            row["Level"] = 3.5.into();
        });
    }
    world.orgvue.edit("ACME", &email("p04"), |row| row["Enabled"] = true.into());
    let before = own_rows(&world);

    // Under a slip in the prefix four of five seem to leave, and somebody approves it without reading the list.
    world.workos.add_member(&world.directory(), "IMAPP_Orgvue_SICM_user", "p04");
    world.apply(&single("ACME").prefix("IMAPP_Orgvue_SICM_").section("[limits]\nremovals_percent = 100")).await;
    world.settled().await;
    let bad = world.approved("ACME").await;
    assert_eq!((bad.removed(), world.rows("ACME").len()), (vec!["p00", "p01", "p02", "p03"], 1));

    world.operator().pause(&world.id()).await.unwrap();
    let restored = restore(&world, &bad.id, &[]).await.unwrap();
    assert_eq!((restored.status, restored.reason, restored.restores.as_ref()), (Status::Applied, Reason::Restored, Some(&bad.id)));
    assert_eq!((restored.created(), own_rows(&world)), (vec!["p00", "p01", "p02", "p03"], before.clone()));
    assert_eq!(world.last_run().await.id, restored.id, "it is a run of its own");

    let puts = world.puts();
    restore(&world, &bad.id, &[]).await.unwrap().assert_nothing_was_done();
    assert_eq!(world.puts(), puts);

    world.apply(&single("ACME")).await;
    world.operator().resume(&world.id(), async |_| Ok(())).await.unwrap();
    world.settled().await;
    assert_eq!((own_rows(&world), world.last_run().await.held().len(), world.puts()), (before, 0, puts));
    world.end().await;
}

async fn what_a_run_gave_is_taken_back_over_the_limit_by_its_hash_alone() {
    let world = World::in_step(20).await;
    world.add(User::new("boss").in_group("admin"));
    world.asked().await;
    let before = own_rows(&world);
    people(0..6).iter().for_each(|name| world.joins(name, "admin"));
    let bad = world.asked().await;
    assert_eq!(bad.updated().len(), 6);
    world.operator().pause(&world.id()).await.unwrap();

    let puts = world.puts();
    let shown = sync::restoration(world.sync(), &world.id(), &bad.id, None, deadline()).await.unwrap();
    let hash = shown.tenants.into_values().next().unwrap().unwrap().hash.unwrap();
    let held = restore(&world, &bad.id, &[]).await.unwrap();
    assert_eq!(
        (held.status, held.held_why(), held.tenants[0].held_hash.as_ref()),
        (Status::PartlyHeld, vec![("over_limit".to_owned(), 6)], Some(&hash))
    );
    let wrong = HeldHash::new("0".repeat(64));
    assert_eq!(restore(&world, &bad.id, &[&wrong]).await.unwrap().held().len(), 6);
    assert_eq!(world.puts(), puts);

    let restored = restore(&world, &bad.id, &[&hash]).await.unwrap();
    assert_eq!((restored.updated().len(), own_rows(&world)), (6, before));
    people(0..6).iter().for_each(|name| world.quits(name, "admin"));
    world.operator().resume(&world.id(), async |_| Ok(())).await.unwrap();
    world.end().await;
}

async fn nothing_is_put_back_beside_a_run() {
    let world = World::in_step(2).await;
    world.leaves("p00");
    let bad = world.asked().await;
    let slow = FaultKind::Slow(Duration::from_secs(1));
    world.orgvue.fault(fault(Matcher::path("/items").method("GET"), Nth::At(1), slow));
    let calls = world.orgvue.calls().total();
    world.ask().await;
    until("the run", || world.orgvue.calls().total() > calls).await;

    assert!(matches!(restore(&world, &bad.id, &[]).await, Err(RestoreError::Busy)));
    world.settled().await;
    assert_eq!(world.rows("ACME"), ["p01 user"]);
    world.end().await;
}

async fn what_a_killed_run_overwrote_is_put_back() {
    let mut world = World::start(Setup { on_disk: true, ..Setup::from(single("ACME")) }).await;
    ["ada", "old"].iter().for_each(|name| world.add(User::new(name).in_group("user")));
    world.asked().await;
    world.joins("ada", "Retail");
    world.leaves("old");
    world.orgvue.fault(fault(Matcher::path("/items").method("PUT"), Nth::At(2), FaultKind::Slow(Duration::from_secs(3))));
    world.ask().await;
    until("the removals", || world.puts() == 3).await;
    world.kill().await;
    world.restart().await;
    world.operator().pause(&world.id()).await.unwrap();
    assert_eq!(world.rows("ACME"), ["ada Retail,user", "old user"], "killed midway");

    let killed = world.interrupted_runs().await.remove(0);
    let restored = loop {
        match restore(&world, &killed.id, &[]).await {
            // The killed run's lease has not ended yet.
            Err(RestoreError::Busy) => tokio::time::sleep(Duration::from_millis(200)).await,
            done => break done.unwrap(),
        }
    };
    assert_eq!((restored.updated(), world.rows("ACME")), (vec!["ada"], vec!["ada user".to_owned(), "old user".to_owned()]));
    world.operator().resume(&world.id(), async |_| Ok(())).await.unwrap();
    world.settled().await;
    assert_eq!(world.rows("ACME"), ["ada Retail,user"]);
    world.end().await;
}

async fn what_a_simulation_may_leave_out_a_restore_needs() {
    let world = World::in_step(2).await;
    world.leaves("p00");
    let bad = world.asked().await;
    let file = single("ACME").mode("simulate").toml().replace("api_account", "# api_account");
    let integration = Integration::parse(&file).unwrap();
    world.operator().apply(&integration, &file, AfterApply::Wait, &Delays::default()).await.unwrap();
    let refused = restore(&world, &bad.id, &[]).await.unwrap();
    assert_eq!((refused.status, refused.tenants[0].code.as_deref()), (Status::Refused, Some("api_account_missing")));
    assert_eq!(world.rows("ACME"), ["p01 user"]);

    world.apply(&single("ACME").mode("simulate")).await;
    world.settled().await;
    assert_eq!(restore(&world, &bad.id, &[]).await.unwrap().created(), ["p00"]);
    world.end().await;
}

async fn a_restore_that_fails_is_told_and_may_be_repeated_at_once() {
    let world = World::in_step(2).await;
    world.leaves("p00");
    let bad = world.asked().await;
    world.operator().pause(&world.id()).await.unwrap();
    world.set_item("TENANTS#acme", "ACME", "attempts", AttributeValue::S("broken".to_owned())).await;
    let failed = restore(&world, &bad.id, &[]).await;
    assert!(matches!(failed, Err(RestoreError::Store(_))), "{failed:?}");
    let told = world.last_run().await;
    assert_eq!((told.restores.as_ref(), told.status, told.code.as_deref()), (Some(&bad.id), Status::Failed, Some("not_saved")));

    world.set_item("TENANTS#acme", "ACME", "attempts", AttributeValue::N("0".to_owned())).await;
    assert_eq!(restore(&world, &bad.id, &[]).await.unwrap().created(), ["p00"]);
    world.add(User::new("p00").in_group("user"));
    world.operator().resume(&world.id(), async |_| Ok(())).await.unwrap();
    world.settled().await;
    world.end().await;
}

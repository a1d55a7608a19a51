//! Whom the integration file blocks has no access, whatever the directory says.

use std::collections::BTreeSet;

use domain::run::Status;

use crate::world::{User, World, deadline, people, single};

crate::tests![
    blocked_accounts_are_disabled_over_the_limit_and_enabled_again,
    a_first_run_disables_who_is_blocked,
    who_is_blocked_stays_so_through_leaving_and_sharing_an_address,
    who_is_blocked_gets_no_account,
    who_is_blocked_comes_back_under_no_other_address,
    a_block_that_orgvue_refuses_is_tried_again,
    the_last_admin_is_blocked_by_an_approval_alone,
];

/// The usual customer, whose file blocks these.
fn blocking(names: &[impl AsRef<str>]) -> crate::world::Customer {
    let logins: Vec<String> = names.iter().map(|name| format!("\"{}@acme.com\"", name.as_ref())).collect();
    single("ACME").line(&format!("blocked = [{}]", logins.join(", ")))
}

async fn blocked_accounts_are_disabled_over_the_limit_and_enabled_again() {
    let world = World::in_step(10).await;
    let rows = world.rows("ACME");
    world.apply(&blocking(&people(0..7))).await;
    world.settled().await;
    let run = world.last_run().await;
    assert_eq!((run.removed().len(), run.held().len(), run.findings().len()), (7, 0, 7), "the limit is five");
    assert_eq!((world.rows("ACME")[6].as_str(), world.rows("ACME")[7].as_str()), ("p06 user off", "p07 user"));
    world.depart(7..10);
    let run = world.asked().await;
    assert_eq!((run.removed().len(), run.held().len()), (3, 0), "the limit is not used up by those who are blocked");

    world.arrive(7..10);
    world.asked().await;
    world.apply(&single("ACME")).await;
    world.settled().await;
    assert_eq!((world.last_run().await.updated().len(), world.rows("ACME")), (7, rows));
    world.end().await;
}

async fn a_first_run_disables_who_is_blocked() {
    let world = World::start(blocking(&["eve"])).await;
    for name in ["ada", "eve", "old"] {
        world.account("ACME", name, "user");
    }
    world.add(User::new("ada").in_group("user"));
    world.add(User::new("eve").in_group("user"));
    let run = world.synced().await;

    assert_eq!((run.removed(), run.held()), (vec!["eve"], vec!["old remove new_scope".to_owned()]));
    assert_eq!(world.rows("ACME"), ["ada user", "eve user off", "old user"]);
    world.end().await;
}

async fn who_is_blocked_stays_so_through_leaving_and_sharing_an_address() {
    let world = World::in_step(3).await;
    world.add(User::new("twin").email("p00@acme.com").in_group("admin"));
    world.apply(&blocking(&["p00"])).await;
    world.settled().await;
    assert_eq!(world.rows("ACME"), ["p00 user off", "p01 user", "p02 user"], "two users have the address");

    world.leaves("p00");
    world.asked().await;
    assert_eq!(world.rows("ACME")[0], "p00 user off", "only the one who would be an administrator is left");
    world.leaves("twin");
    let run = world.asked().await;
    assert_eq!((world.rows("ACME")[0].as_str(), run.held().len()), ("p00 user off", 0), "nobody of the address is left");

    world.orgvue.edit("ACME", "p00@acme.com", |row| row["Enabled"] = true.into());
    assert_eq!(world.asked().await.removed(), ["p00"], "by hand it is no use either");
    assert_eq!(world.rows("ACME")[0], "p00 user off");

    world.apply(&single("ACME")).await;
    world.settled().await;
    assert_eq!(world.rows("ACME"), ["p01 user", "p02 user"], "off the list, the account is as the directory says");
    world.end().await;
}

async fn who_is_blocked_gets_no_account() {
    let world = World::start(blocking(&["eve"])).await;
    world.add(User::new("ada").in_group("user"));
    world.add(User::new("eve").in_group("user"));
    let run = world.synced().await;

    assert_eq!((world.rows("ACME"), run.findings()), (vec!["ada user".to_owned()], vec!["blocked eve".to_owned()]));
    world.end().await;
}

async fn who_is_blocked_comes_back_under_no_other_address() {
    let world = World::in_step(3).await;
    world.apply(&blocking(&["p00"])).await;
    world.settled().await;

    world.leaves("p00");
    world.asked().await;
    world.account("ACME", "eve", "user");
    world.add(User::new("p00").email("eve@acme.com").in_group("user"));
    let disabled = world.asked().await;
    assert_eq!((disabled.removed(), world.rows("ACME")[0].as_str()), (vec!["eve"], "eve user off"), "not behind an absence either");
    let restored = sync::restore(world.sync(), &world.id(), &disabled.id, None, &BTreeSet::new(), deadline()).await.unwrap();
    assert_eq!((restored.status, world.rows("ACME")[0].as_str()), (Status::Applied, "eve user off"));
    world.end().await;
}

async fn a_block_that_orgvue_refuses_is_tried_again() {
    let world = World::in_step(2).await;
    let deny = |is_denied| world.orgvue.edit_model(|model| model.deny_item("ACME", "p00@acme.com", is_denied));
    deny(true);
    world.apply(&blocking(&["p00"])).await;
    world.drained().await;
    assert_eq!(world.state("ACME").await.fault.unwrap().code, "accounts_not_settled");
    deny(false);
    world.settled().await;
    assert_eq!(world.rows("ACME")[0], "p00 user off");
    world.end().await;
}

async fn the_last_admin_is_blocked_by_an_approval_alone() {
    let world = World::start(single("ACME")).await;
    world.add(User::new("ada").in_group("admin"));
    world.add(User::new("bob").in_group("user"));
    world.asked().await;
    world.apply(&blocking(&["ada", "bob"])).await;
    world.settled().await;
    assert_eq!(world.last_run().await.held(), ["ada disable last_admin"]);
    assert_eq!(world.rows("ACME"), ["ada admin", "bob user off"]);

    assert_eq!(world.approved("ACME").await.removed(), ["ada"]);
    assert_eq!(world.rows("ACME"), ["ada admin off", "bob user off"]);
    world.end().await;
}

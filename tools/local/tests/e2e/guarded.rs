//! What does harm is held when it looks like a mistake; what does none goes through.

use std::time::Duration;

use domain::held::Verdict;
use domain::run::Status;
use futures::future::join_all;
use standins::orgvue::Policy;
use standins::{FaultKind, Matcher, Nth};

use crate::world::{Setup, User, World, email, fault, single, until};

crate::tests![
    a_refused_new_admin_does_not_cost_the_old_one,
    a_new_admin_without_the_role_does_not_cost_the_old_one,
    a_renamed_user_whose_new_account_got_no_role_keeps_the_old_one,
    the_last_admin_keeps_the_role,
    #[both]
    the_first_run_holds_removals_and_applies_the_rest,
    a_first_run_is_over_though_orgvue_refuses_an_approved_removal,
    a_changed_prefix_holds_removals_again,
    #[both]
    more_harm_than_the_limit_is_held_whole,
    simulate_writes_nothing_and_lists_what_it_would,
    disable_leaves_the_roles_and_enables_who_returns,
    an_empty_directory_removes_nobody,
    additions_at_which_orgvue_breaks_down_keep_no_leaver_in,
    removals_that_failed_do_not_count_against_their_next_try,
    removals_that_a_pause_stopped_do_not_count_against_their_next_try,
    removals_that_a_pause_came_too_late_for_count,
    removals_that_a_crash_stopped_do_not_count_against_their_next_try,
];

async fn a_refused_new_admin_does_not_cost_the_old_one() {
    let world = World::start(single("ACME")).await;
    world.add(User::new("old").in_group("admin"));
    world.add(User::new("bob").in_group("user"));
    world.asked().await;
    world.leaves("old");
    world.add(User::new("new").in_group("admin"));
    world.orgvue.reject_login("ACME", "new@acme.com");
    let run = world.synced().await;

    assert_eq!((run.status, run.held()), (Status::PartlyHeld, vec!["old remove last_admin".to_owned()]));
    assert_eq!(run.findings(), ["refused_by_orgvue new"]);
    assert_eq!(world.rows("ACME"), ["bob user", "old admin"]);

    world.orgvue.edit_model(|model| model.reject_login("ACME", "new@acme.com", false));
    world.asked().await;
    assert_eq!(world.rows("ACME"), ["bob user", "new admin"]);
    world.end().await;
}

/// Orgvue leaves out the roles, which the token may not write, and tells of success.
fn skip_roles(world: &World) {
    world.orgvue.switches(|switches| switches.default_policy = Policy::Skip);
    world.orgvue.edit_model(|model| model.deny_property("ACME", "Role", true));
}

async fn a_new_admin_without_the_role_does_not_cost_the_old_one() {
    let world = World::start(single("ACME")).await;
    world.add(User::new("old").in_group("admin"));
    world.asked().await;
    world.leaves("old");
    world.add(User::new("new").in_group("admin"));
    skip_roles(&world);
    let run = world.synced().await;

    assert_eq!(
        (run.created(), run.held(), run.findings()),
        (vec![], vec!["old remove last_admin".to_owned()], vec!["refused_by_orgvue new".to_owned()])
    );
    assert_eq!(world.rows("ACME"), ["new -", "old admin"]);
    world.orgvue.edit_model(|model| model.deny_property("ACME", "Role", false));
    world.asked().await;
    assert_eq!(world.rows("ACME"), ["new admin"]);
    world.end().await;
}

async fn a_renamed_user_whose_new_account_got_no_role_keeps_the_old_one() {
    let world = World::start(single("ACME")).await;
    world.add(User::new("ada").in_group("user"));
    world.asked().await;
    world.add(User::new("ada").email("eve@acme.com").in_group("user"));
    skip_roles(&world);
    let run = world.synced().await;

    assert_eq!(
        (run.held(), world.rows("ACME")),
        (vec!["ada remove renamed_not_created".to_owned()], vec!["ada user".to_owned(), "eve -".to_owned()])
    );
    world.orgvue.edit_model(|model| model.deny_property("ACME", "Role", false));
    world.asked().await;
    assert_eq!(world.rows("ACME"), ["eve user"]);
    world.end().await;
}

async fn the_last_admin_keeps_the_role() {
    let world = World::start(single("ACME")).await;
    world.add(User::new("ada").in_group("admin").in_group("Old"));
    world.asked().await;
    world.quits("ada", "admin");
    world.quits("ada", "Old");
    world.joins("ada", "user");
    let run = world.synced().await;

    assert_eq!(run.held(), ["ada update last_admin"]);
    assert_eq!(world.rows("ACME"), ["ada Old,admin,user"], "what is added goes through");
    world.end().await;
}

async fn the_first_run_holds_removals_and_applies_the_rest() {
    let world = World::start(single("ACME")).await;
    for (name, role) in [("ada", "user"), ("bob", "user"), ("old", "user")] {
        world.account("ACME", name, role);
    }
    world.add(User::new("ada").in_group("user"));
    world.add(User::new("bob").in_group("admin"));
    world.add(User::new("new").in_group("user"));
    let run = world.synced().await;

    assert_eq!((run.status, run.held()), (Status::PartlyHeld, vec!["old remove new_scope".to_owned()]));
    assert_eq!(world.rows("ACME"), ["ada user", "bob admin", "new user", "old user"]);
    world.end().await;
}

async fn a_first_run_is_over_though_orgvue_refuses_an_approved_removal() {
    let world = World::start(single("ACME")).await;
    ["old", "older"].iter().for_each(|name| world.account("ACME", name, "user"));
    ["ada", "bob"].iter().for_each(|name| world.add(User::new(name).in_group("user")));
    assert_eq!(world.synced().await.held().len(), 2);
    world.orgvue.edit_model(|model| model.deny_item("ACME", "old@acme.com", true));
    world.decide("ACME", Verdict::Approved).await.unwrap();
    until("the other removal", || world.rows("ACME").len() == 3).await;

    world.leaves("ada");
    world.poke().await;
    until("a removal that nobody approved", || world.rows("ACME") == ["bob user", "old user"]).await;
    world.orgvue.edit_model(|model| model.deny_item("ACME", "old@acme.com", false));
    world.settled().await;
    assert_eq!(world.rows("ACME"), ["bob user"]);
    world.end().await;
}

async fn a_changed_prefix_holds_removals_again() {
    let world = World::start(single("ACME").line(r#"domains = ["acme.com", "acme.org"]"#)).await;
    world.add(User::new("ada").in_group("user"));
    world.add(User::new("bob").email("bob@acme.org").in_group("user"));
    world.asked().await;
    world.apply(&single("ACME").line(r#"domains = ["acme.com"]"#)).await;
    let run = world.synced().await;

    assert_eq!(run.held(), ["bob@acme.org remove new_scope"]);
    assert_eq!(world.rows("ACME"), ["ada user", "bob@acme.org user"]);
    world.end().await;
}

async fn more_harm_than_the_limit_is_held_whole() {
    for (n_leavers, n_left) in [(5, 4), (6, 9)] {
        let world = World::start(single("ACME")).await;
        let names: Vec<String> = (1..=9).map(|n| format!("user{n}")).collect();
        names.iter().for_each(|name| world.add(User::new(name).in_group("user")));
        world.asked().await;
        names.iter().take(n_leavers).for_each(|name| world.leaves(name));
        let run = world.asked().await;

        assert_eq!(world.rows("ACME").len(), n_left, "{n_leavers} leave");
        assert_eq!(run.held().len(), if n_leavers > 5 { n_leavers } else { 0 });
        assert!(run.held().iter().all(|held| held.ends_with("remove over_limit")));
        world.end().await;
    }
}

async fn simulate_writes_nothing_and_lists_what_it_would() {
    let world = World::start(single("ACME").mode("simulate")).await;
    world.account("ACME", "bob", "user");
    world.add(User::new("ada").in_group("user"));
    world.add(User::new("bob").in_group("admin"));
    let run = world.synced().await;

    assert_eq!((run.status, run.created(), run.updated()), (Status::Simulated, vec!["ada"], vec!["bob"]));
    assert_eq!((world.rows("ACME"), world.puts()), (vec!["bob user".to_owned()], 0));
    world.end().await;
}

async fn disable_leaves_the_roles_and_enables_who_returns() {
    let world = World::start(single("ACME").line(r#"deprovision = "disable""#)).await;
    world.add(User::new("ada").in_group("user"));
    world.add(User::new("bob").in_group("user").in_group("Retail"));
    world.asked().await;
    world.leaves("bob");
    let run = world.synced().await;
    assert_eq!((run.removed(), world.rows("ACME")), (vec!["bob"], vec!["ada user".to_owned(), "bob Retail,user off".to_owned()]));
    world.asked().await.assert_nothing_was_done();

    world.add(User::new("bob").in_group("user"));
    assert_eq!(world.asked().await.updated(), ["bob"]);
    assert_eq!(world.rows("ACME"), ["ada user", "bob user"]);
    world.end().await;
}

async fn an_empty_directory_removes_nobody() {
    let world = World::start(single("ACME")).await;
    world.add(User::new("ada").in_group("user"));
    world.asked().await;
    world.leaves("ada");
    let run = world.synced().await;

    assert_eq!(run.held(), ["ada remove nothing_desired"]);
    assert_eq!(world.rows("ACME"), ["ada user"]);
    world.end().await;
}

/// 20 people in step; as many leave as the limit lets, and one comes.
async fn five_of_twenty_leave(setup: Setup) -> World {
    let world = World::start(setup).await;
    world.arrive(0..20);
    world.asked().await;
    world.depart(0..5);
    world.add(User::new("new").in_group("user"));
    world
}

fn writes() -> Matcher {
    Matcher::path("/items").method("PUT")
}

async fn additions_at_which_orgvue_breaks_down_keep_no_leaver_in() {
    let world = World::in_step(2).await;
    world.leaves("p00");
    let joiners: Vec<String> = (0..9).map(|n| format!("new{n}")).collect();
    for name in &joiners {
        world.add(User::new(name).in_group("user"));
        world.orgvue.break_at_login("ACME", &email(name));
    }
    world.ask().await;
    until("the leaver has gone", || world.rows("ACME") == ["p01 user"]).await;
    world.orgvue.edit_model(|model| joiners.iter().for_each(|name| model.break_at_login("ACME", &email(name), false)));
    world.settled().await;
    assert_eq!(world.rows("ACME").len(), 10);
    world.end().await;
}

async fn removals_that_failed_do_not_count_against_their_next_try() {
    // The additions, and the removals.
    let stories = [1, 2].map(async |nth| {
        let world = five_of_twenty_leave(single("ACME").into()).await;
        world.orgvue.fault(fault(writes(), Nth::At(nth), FaultKind::TooMany { retry_after: Some("3600".to_owned()) }));
        let run = world.asked().await;
        assert_eq!((run.status, run.held(), run.removed().len(), world.runs().await.len()), (Status::Applied, vec![], 5, 3), "write {nth}");
        world.end().await;
    });
    join_all(stories).await;
}

/// The same, paused while this write is slow, and resumed.
async fn paused_and_resumed(slow_write: u32) -> World {
    let world = five_of_twenty_leave(single("ACME").into()).await;
    world.orgvue.fault(fault(writes(), Nth::At(slow_write), FaultKind::Slow(Duration::from_millis(2_500))));
    world.ask().await;
    until("the slow write", || world.puts() == 1 + u64::from(slow_write)).await;
    world.operator().pause(&world.id()).await.unwrap();
    world.run_where("paused", |run| run.status == Status::Superseded).await;
    world.drained().await;
    world.operator().resume(&world.id(), async |_| Ok(())).await.unwrap();
    world.settled().await;
    world
}

async fn removals_that_a_pause_stopped_do_not_count_against_their_next_try() {
    let world = paused_and_resumed(1).await;
    let run = world.last_run().await;
    assert_eq!((run.status, run.held(), run.removed().len()), (Status::Applied, vec![], 5));
    world.end().await;
}

async fn removals_that_a_pause_came_too_late_for_count() {
    let world = paused_and_resumed(2).await;
    assert_eq!(world.rows("ACME").len(), 16);
    world.depart(5..6);
    assert_eq!(world.asked().await.held(), ["p05 remove over_limit"]);
    world.end().await;
}

async fn removals_that_a_crash_stopped_do_not_count_against_their_next_try() {
    let mut world = five_of_twenty_leave(Setup { on_disk: true, ..Setup::from(single("ACME")) }).await;
    world.orgvue.fault(fault(writes(), Nth::At(1), FaultKind::Slow(Duration::from_secs(3))));
    world.ask().await;
    until("the additions", || world.puts() == 2).await;
    world.kill().await;
    world.restart().await;
    world.settled().await;

    let run = world.last_run().await;
    assert_eq!((run.status, run.held(), run.removed().len()), (Status::Applied, vec![], 5));
    world.end().await;
}

//! What does harm is held when it looks like a mistake; what does none goes through.

use domain::run::Status;

use crate::world::{User, World, single};

crate::tests![
    a_refused_new_admin_does_not_cost_the_old_one,
    the_last_admin_keeps_the_role,
    the_first_run_holds_removals_and_applies_the_rest,
    a_changed_prefix_holds_removals_again,
    more_harm_than_the_limit_is_held_whole,
    simulate_writes_nothing_and_lists_what_it_would,
    disable_leaves_the_roles_and_enables_who_returns,
    an_empty_directory_removes_nobody,
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

//! A run behind an event reads no more of the directory than it wants: the members of groups of ours, and the whole list of users only where
//! something is to be taken from somebody.

use domain::run::Status;
use standins::{FaultKind, Matcher, Nth};

use crate::world::{Setup, User, World, email, fault, multi, single, until};

crate::tests![
    #[both]
    who_joins_is_read_among_the_members_alone,
    who_leaves_is_missed_in_the_list_of_users,
    a_role_that_goes_is_looked_for_in_the_list_of_users,
    who_is_renamed_between_the_two_reads_is_known_again,
    only_the_tenant_that_loses_somebody_wants_the_list_of_users,
    who_shares_an_address_with_an_outsider_stays_untouched,
    who_joins_with_the_address_of_an_outsider_gets_no_account,
    many_who_join_are_looked_for_in_the_list_of_users,
    the_list_of_users_is_read_again_in_time,
];

/// How often the whole list of users was read.
fn n_user_lists(world: &World) -> usize {
    let of_all = |line: &&String| line.starts_with("GET /directory_users?directory=") && !line.contains("email=");
    world.workos.calls().lines().iter().filter(of_all).count()
}

/// Ada is a member and Zed is nobody; the list of users is known.
async fn known(setup: impl Into<Setup>) -> World {
    let world = World::start(setup).await;
    world.add(User::new("ada").in_group("user"));
    world.add(User::new("zed"));
    assert_eq!(world.asked().await.findings(), ["no_platform_role zed"]);
    world.workos.calls().reset();
    world
}

async fn who_joins_is_read_among_the_members_alone() {
    let world = known(single("ACME")).await;
    world.add(User::new("bob").in_group("user"));
    world.add(User::new("yan"));
    let run = world.synced().await;

    assert_eq!((run.created(), n_user_lists(&world)), (vec!["bob"], 0));
    assert_eq!(run.findings(), ["no_platform_role zed"], "of outsiders what was known stays told");
    world.joins("zed", "user");
    let run = world.synced().await;

    assert_eq!((run.created(), run.findings(), n_user_lists(&world)), (vec!["zed"], vec![], 0));
    assert_eq!(world.asked().await.findings(), ["no_platform_role yan"]);
    world.end().await;
}

async fn who_leaves_is_missed_in_the_list_of_users() {
    let world = known(single("ACME")).await;
    world.leaves("ada");
    world.add(User::new("bob").in_group("user"));
    let run = world.synced().await;

    assert_eq!((run.created(), run.removed(), n_user_lists(&world)), (vec!["bob"], vec!["ada"], 1));
    assert_eq!(run.orgvue_calls, world.orgvue.calls().total() - 3, "both looks are counted");
    world.end().await;
}

async fn a_role_that_goes_is_looked_for_in_the_list_of_users() {
    let world = known(single("ACME")).await;
    world.joins("ada", "Retail");
    world.synced().await;
    assert_eq!((world.rows("ACME"), n_user_lists(&world)), (vec!["ada Retail,user".to_owned()], 0));
    world.quits("ada", "Retail");
    world.synced().await;
    assert_eq!((world.rows("ACME"), n_user_lists(&world)), (vec!["ada user".to_owned()], 1));
    world.quits("ada", "user");
    world.joins("ada", "admin");
    world.synced().await;

    assert_eq!((world.rows("ACME"), n_user_lists(&world)), (vec!["ada admin".to_owned()], 2), "also where another makes up for it");
    world.end().await;
}

async fn who_is_renamed_between_the_two_reads_is_known_again() {
    let world = World::start(multi(&["ACME", "BETA"])).await;
    world.add(User::new("ada").in_group("ACME_user").in_group("BETA_user"));
    world.add(User::new("bob").in_group("BETA_user"));
    world.asked().await;
    let directory = world.directory();
    world.quits("bob", "BETA_user");
    world.workos.before_call(Matcher::path("/directory_users").query("directory="), 1, move |model| {
        model.put_user(&directory, standins::workos::UserSpec::new("ada", &email("eve")));
    });
    world.synced().await;
    assert_eq!((world.rows("ACME"), world.rows("BETA")), (vec!["ada user".to_owned()], vec!["eve user".to_owned()]));

    world.orgvue.reject_login("ACME", &email("eve"));
    let run = world.asked().await;
    assert_eq!(
        (run.status, world.rows("ACME")),
        (Status::PartlyHeld, vec!["ada user".to_owned()]),
        "her account stays until she has another"
    );
    world.close().await;
}

async fn only_the_tenant_that_loses_somebody_wants_the_list_of_users() {
    let world = World::start(multi(&["ACME", "BETA"])).await;
    world.add(User::new("ada").in_group("ACME_user").in_group("BETA_user"));
    world.add(User::new("bob").in_group("BETA_user"));
    world.asked().await;
    world.workos.calls().reset();
    world.quits("bob", "BETA_user");
    world.add(User::new("cy").in_group("ACME_user"));
    let users = Matcher::path("/directory_users").query(&format!("directory={}&order", world.directory()));
    world.workos.fault(fault(users, Nth::From(1), FaultKind::Status(403)));
    world.poke().await;
    until("the tenant that loses nobody", || world.rows("ACME") == ["ada user", "cy user"]).await;
    let run = world.run_where("the list is refused", |run| run.status == Status::Refused).await;
    assert_eq!(run.tenants.iter().map(|one| one.tenant.as_str()).collect::<Vec<_>>(), ["ACME"]);
    assert_eq!(world.rows("BETA"), ["ada user", "bob user"]);

    world.workos.clear_faults();
    world.asked().await;
    assert_eq!(world.rows("BETA"), ["ada user"]);
    world.end().await;
}

async fn who_shares_an_address_with_an_outsider_stays_untouched() {
    let world = World::start(single("ACME")).await;
    world.add(User::new("ada").in_group("user"));
    world.add(User::new("zed").email(&email("ada")));
    world.asked().await;
    world.add(User::new("bob").in_group("user"));
    let run = world.synced().await;

    assert_eq!((run.findings().len(), world.rows("ACME")), (3, vec!["bob user".to_owned()]));
    assert_eq!(n_user_lists(&world), 2);
    world.end().await;
}

async fn who_joins_with_the_address_of_an_outsider_gets_no_account() {
    let world = known(single("ACME")).await;
    world.add(User::new("bob").email(&email("zed")).in_group("admin"));
    let run = world.synced().await;

    assert_eq!((world.rows("ACME"), n_user_lists(&world)), (vec!["ada user".to_owned()], 1));
    assert_eq!(run.findings(), ["no_platform_role zed", "duplicate_login zed", "duplicate_login zed"]);
    world.end().await;
}

async fn many_who_join_are_looked_for_in_the_list_of_users() {
    let world = known(single("ACME")).await;
    world.arrive(0..2);
    let run = world.synced().await;
    assert_eq!((run.created(), n_user_lists(&world)), (vec!["p00", "p01"], 1), "it is one page, and they are two");
    world.end().await;
}

async fn the_list_of_users_is_read_again_in_time() {
    let world = World::start(Setup { drift_ms: 3_000, ..Setup::from(single("ACME")) }).await;
    world.add(User::new("ada").in_group("user"));
    until("the first look for drift", || world.rows("ACME") == ["ada user"]).await;
    let n_before = n_user_lists(&world);
    until("the next look for drift", || n_user_lists(&world) > n_before).await;
}

//! What WorkOS answers while a directory is read: many pages, few calls, and no trust in what looks like everybody leaving.

use std::time::Duration;

use domain::run::Status;
use futures::future::join_all;
use standins::workos::DeletedCursor;
use standins::{FaultKind, Matcher, Nth};

use crate::world::{GET_DATASET, GET_ITEMS, PUT_ITEMS, Setup, User, World, email, fault, group, multi, people, single};

crate::tests![
    a_directory_of_1234_users_takes_the_fewest_calls_there_are,
    the_limit_of_four_calls_a_second_is_kept,
    who_moves_between_groups_while_they_are_read_keeps_the_account,
    a_list_of_groups_that_is_empty_by_mistake_writes_nothing,
    who_leaves_between_two_pages_costs_nobody_the_account,
    a_page_that_fails_once_is_asked_for_again,
    a_page_that_keeps_failing_ends_the_run_and_the_next_one_makes_up_for_it,
    an_empty_list_of_users_is_made_up_for_by_their_groups,
    empty_lists_of_members_write_nothing,
    who_loses_a_role_in_two_tenants_is_looked_at_again_once,
    who_cannot_be_read_again_keeps_everything_for_as_long_as_it_takes,
    empty_lists_everywhere_hold_every_removal,
    a_storm_of_429s_is_sat_out,
    a_refused_key_changes_nothing_and_recovers,
];

async fn a_directory_of_1234_users_takes_the_fewest_calls_there_are() {
    let world = World::start(single("ACME")).await;
    let directory = world.directory();
    world.workos.edit(|model| {
        for n in 0..1_234 {
            let name = format!("user{n:04}");
            model.put_user(&directory, standins::workos::UserSpec::new(&name, &email(&name)));
            model.add_member(&directory, &group("user"), &name);
            if n < 150 {
                model.add_member(&directory, &group("Retail"), &name);
            }
            model.add_member(&directory, "Everybody", &name);
        }
    });
    let run = world.synced().await;

    let (workos, orgvue) = (world.workos.calls(), world.orgvue.calls());
    assert_eq!(workos.of("GET /directories/{id}"), 2, "before and after");
    assert_eq!(workos.of("GET /directory_users"), 13 + 13 + 2, "users, members of user, members of Retail");
    assert_eq!(workos.of("GET /directory_groups"), 2, "before and after their members");
    assert_eq!((orgvue.of(GET_DATASET), orgvue.of(GET_ITEMS), orgvue.of(PUT_ITEMS)), (1, 1, 3));
    assert_eq!((run.workos_calls, run.orgvue_calls), (workos.total(), orgvue.total()));
    assert_eq!((workos.total(), orgvue.total()), (32, 5));
    let rows = world.rows("ACME");
    assert_eq!((rows.len(), rows[0].as_str(), rows[1_233].as_str()), (1_234, "user0000 Retail,user", "user1233 user"));
    world.end().await;
}

async fn the_limit_of_four_calls_a_second_is_kept() {
    let world = World::start(Setup { users_per_second: Some(4), ..Setup::from(single("ACME")) }).await;
    let ada = ["a", "b", "c", "d", "e", "f", "g"].into_iter().fold(User::new("ada").in_group("user"), User::in_group);
    world.add(ada);
    let run = world.synced().await;

    assert_eq!(world.rows("ACME"), ["ada a,b,c,d,e,f,g,user"]);
    assert_eq!(run.workos_calls, 2 + 1 + 2 + 8, "no call was turned away");
    world.end().await;
}

async fn who_moves_between_groups_while_they_are_read_keeps_the_account() {
    let world = World::start(Setup { users_per_second: Some(20), ..Setup::from(single("ACME")) }).await;
    world.workos.switches(|switches| switches.directory_rate = None);
    world.add(User::new("bob").in_group("admin"));
    world.add(User::new("ada").in_group("user"));
    world.asked().await;
    let directory = world.directory();
    // The group that was made first is read first: by then ada is not in it, and soon she is not in the other either.
    world.workos.before_call(Matcher::path("/directory_users").query("group="), 2, move |model| {
        model.remove_member(&directory, &group("user"), "ada");
        model.add_member(&directory, &group("admin"), "ada");
    });
    let run = world.synced().await;

    assert_eq!((run.removed(), run.updated()), (vec![], vec!["ada"]));
    assert_eq!(world.rows("ACME"), ["ada admin", "bob admin"]);
    assert_eq!(run.findings(), [""; 0], "nobody is without a group");
    world.end().await;
}

async fn a_list_of_groups_that_is_empty_by_mistake_writes_nothing() {
    let world = World::start(single("ACME")).await;
    for name in ["ada", "bob", "cy"] {
        world.add(User::new(name).in_group("user"));
    }
    world.asked().await;
    world.leaves("cy");
    world.add(User::new("di").in_group("user"));
    world.workos.fault(fault(Matcher::path("/directory_groups"), Nth::At(1), FaultKind::EmptyList));
    world.poke().await;
    let run = world.run_where("failed", |run| run.status == Status::Failed).await;
    assert_eq!((run.tenants[0].code.as_deref(), run.removed().len(), run.created().len()), (Some("lists_contradicted"), 0, 0));

    world.settled().await;
    assert_eq!(world.rows("ACME"), ["ada user", "bob user", "di user"]);
    world.end().await;
}

async fn who_leaves_between_two_pages_costs_nobody_the_account() {
    let readings = [DeletedCursor::Keyset, DeletedCursor::Error, DeletedCursor::Empty, DeletedCursor::Restart];
    let stories = readings.map(async |reading| {
        let world = many_in_step().await;
        world.workos.switches(|switches| switches.deleted_cursor = reading);
        let directory = world.directory();
        let second_page = Matcher::path("/directory_users").query("after=");
        world.workos.before_call(second_page, 1, move |model| model.remove_user(&directory, "user099"));
        world.ask().await;
        world.settled().await;

        let rows = world.rows("ACME");
        assert_eq!(rows.len(), 149, "{reading:?}");
        assert!(!rows.contains(&"user099 user".to_owned()));
        world.end().await;
    });
    join_all(stories).await;
}

/// 150 users on two pages, in step with Orgvue.
async fn many_in_step() -> World {
    let world = World::start(single("ACME")).await;
    (0..150).for_each(|n| world.add(User::new(&format!("user{n:03}")).in_group("user")));
    world.asked().await;
    world
}

async fn a_page_that_fails_once_is_asked_for_again() {
    let faults = [
        FaultKind::Status(500),
        FaultKind::Html(502),
        FaultKind::TruncatedJson,
        FaultKind::CutBody,
        FaultKind::Reset,
        FaultKind::CursorEmpty,
        FaultKind::CursorError,
        FaultKind::CursorRestart,
        FaultKind::RepeatedCursor,
        FaultKind::WrongShape,
        FaultKind::TooMany { retry_after: None },
    ];
    let world = many_in_step().await;
    for kind in faults {
        world.workos.fault(fault(Matcher::path("/directory_users").query("after="), Nth::At(1), kind.clone()));
        let run = world.asked().await;
        assert_eq!((run.status, run.tenant("ACME").unchanged), (Status::Applied, 150), "{kind:?}");
        world.workos.clear_faults();
    }
    assert_eq!(world.puts(), 1);
    world.end().await;
}

async fn a_page_that_keeps_failing_ends_the_run_and_the_next_one_makes_up_for_it() {
    let faults = [
        FaultKind::Status(500),
        FaultKind::TruncatedJson,
        FaultKind::CursorError,
        FaultKind::RepeatedCursor,
        FaultKind::ForeignDirectoryRow,
        FaultKind::Status(404),
    ];
    let stories = faults.map(async |kind| {
        let world = many_in_step().await;
        world.workos.fault(fault(Matcher::path("/directory_users").query("after="), Nth::From(1), kind.clone()));
        world.leaves("user120");
        world.poke().await;
        let run = world.run_where("failed", |run| run.status == Status::Failed).await;
        assert_eq!((run.tenants.len(), world.rows("ACME").len(), world.puts()), (0, 150, 1), "{kind:?}");

        world.workos.clear_faults();
        world.settled().await;
        assert_eq!(world.rows("ACME").len(), 149, "without a further event");
        world.end().await;
    });
    join_all(stories).await;
}

/// Ada and Bob in step, and a list that from now on is empty.
async fn with_empty_list(list: &str) -> World {
    let world = World::start(single("ACME")).await;
    world.add(User::new("ada").in_group("user").in_group("Retail"));
    world.add(User::new("bob").in_group("user").in_group("admin"));
    world.asked().await;
    world.workos.fault(fault(Matcher::path("/directory_users").query(list), Nth::From(1), FaultKind::EmptyList));
    world
}

async fn an_empty_list_of_users_is_made_up_for_by_their_groups() {
    let world = with_empty_list("directory=").await;
    let run = world.synced().await;

    assert_eq!((run.removed(), run.updated()), (vec![], vec![]));
    assert_eq!(world.rows("ACME"), ["ada Retail,user", "bob admin,user"]);
    world.end().await;
}

async fn empty_lists_of_members_write_nothing() {
    let world = with_empty_list("group=").await;
    world.poke().await;
    let run = world.run_where("failed", |run| run.status == Status::Failed).await;
    assert_eq!(run.tenants[0].code.as_deref(), Some("lists_contradicted"));
    assert_eq!(world.rows("ACME"), ["ada Retail,user", "bob admin,user"]);

    world.workos.clear_faults();
    world.settled().await;
    world.end().await;
}

async fn who_loses_a_role_in_two_tenants_is_looked_at_again_once() {
    let world = World::start(multi(&["ACME", "BETA"])).await;
    for name in people(0..20) {
        let user = User::new(&name).in_group("ACME_user").in_group("BETA_user");
        world.add(user.in_group("ACME_Retail").in_group("BETA_Retail"));
    }
    world.asked().await;
    world.workos.calls().reset();
    for name in people(0..4) {
        ["ACME_Retail", "BETA_Retail"].iter().for_each(|role| world.quits(&name, role));
    }
    let run = world.asked().await;

    assert_eq!((run.updated().len(), run.held().len()), (8, 0));
    assert_eq!(world.workos.calls().lines().iter().filter(|line| line.starts_with("GET /directory_groups?user=")).count(), 4);
    world.end().await;
}

async fn who_cannot_be_read_again_keeps_everything_for_as_long_as_it_takes() {
    let world = World::in_step(6).await;
    world.add(User::new("p00").email("ada@acme.com").in_group("Retail"));
    world.quits("p00", "user");
    world.workos.fault(fault(Matcher::path("/directory_groups").query("user="), Nth::From(1), FaultKind::Status(400)));
    let mut last = world.last_run().await.id.clone();
    for _ in 0..2 {
        world.poke().await;
        let run = world.run_where("failed", |run| run.id > last && run.status == Status::Failed).await;
        assert_eq!((run.tenants[0].code.as_deref(), run.held()), (Some("users_not_confirmed"), vec!["p00 remove unconfirmed".to_owned()]));
        last = run.id.clone();
    }
    world.apply(&single("ACME").mode("simulate")).await;
    let run = world.run_where("simulated", |run| run.id > last && run.status == Status::Simulated).await;
    assert_eq!((run.tenants[0].code.as_deref(), run.held().len()), (None, 1), "it is told, and not tried again");

    world.workos.clear_faults();
    world.apply(&single("ACME")).await;
    world.settled().await;
    assert_eq!(world.rows("ACME").len(), 5);
    world.end().await;
}

async fn empty_lists_everywhere_hold_every_removal() {
    let world = World::start(single("ACME")).await;
    world.add(User::new("ada").in_group("user"));
    world.add(User::new("bob").in_group("user"));
    world.asked().await;
    world.workos.fault(fault(Matcher::path("/directory_users"), Nth::From(1), FaultKind::EmptyList));
    let run = world.synced().await;

    assert_eq!(run.held(), ["ada remove nothing_desired", "bob remove nothing_desired"]);
    assert_eq!(world.rows("ACME"), ["ada user", "bob user"]);
    world.end().await;
}

async fn a_storm_of_429s_is_sat_out() {
    let world = World::start(single("ACME")).await;
    world.add(User::new("ada").in_group("user"));
    let busy = FaultKind::TooMany { retry_after: Some("1".to_owned()) };
    world.workos.fault(fault(Matcher::path("/directory_users"), Nth::First(2), busy.clone()));
    world.orgvue.fault(fault(Matcher::any().method("PUT"), Nth::First(2), busy));
    let run = world.synced().await;

    assert_eq!((run.status, world.rows("ACME")), (Status::Applied, vec!["ada user".to_owned()]));
    assert_eq!((run.workos_calls, run.orgvue_calls, world.runs().await.len()), (6 + 2, 3 + 2, 1));
    assert!(Duration::from_secs_f64(run.seconds) >= Duration::from_secs(4), "each time the second that was asked for");
    world.end().await;
}

async fn a_refused_key_changes_nothing_and_recovers() {
    let world = World::start(single("ACME")).await;
    world.add(User::new("ada").in_group("user"));
    world.workos.fault(fault(Matcher::any(), Nth::From(1), FaultKind::Status(401)));
    world.poke().await;
    let run = world.run_where("refused", |run| run.status == Status::Refused).await;
    assert!(run.error.as_ref().is_some_and(|error| error.contains("api key")), "{run:?}");

    world.workos.clear_faults();
    world.settled().await;
    assert_eq!(world.rows("ACME"), ["ada user"]);
    world.end().await;
}

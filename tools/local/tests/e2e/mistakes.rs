//! Mistakes upstream of us: answers that are not whole, a slip in a file, a group renamed, a directory drained bit by bit. None of them costs
//! anybody an account, and what was held goes by itself once the mistake is mended.

use domain::run::Status;
use futures::future::join_all;
use standins::{FaultKind, Matcher, Nth};

use crate::world::{Run, User, World, fault, group, people, single};

crate::tests![
    empty_answers_remove_none_of_200,
    a_missing_second_page_removes_nobody,
    what_a_flapping_directory_held_goes_by_itself,
    a_slip_in_the_prefix_holds_every_removal_until_it_is_mended,
    a_group_that_is_renamed_out_of_the_prefix_takes_its_role_from_nobody,
    a_group_that_is_renamed_within_the_prefix_gives_the_new_role_and_takes_the_old_from_nobody,
    runs_just_under_the_limit_are_counted_together,
];

const USERS: &str = "/directory_users";

/// A slip of the pen in the prefix of [`crate::words::PREFIX`].
const SLIP: &str = "IMAPP_Orgvue_SICM_";

fn reason(code: &str, n: usize) -> Vec<(String, usize)> {
    vec![(code.to_owned(), n)]
}

async fn empty_answers_remove_none_of_200() {
    let world = World::in_step(200).await;
    world.add(User::new("boss").in_group("admin"));
    world.asked().await;
    let members = format!("group={}", world.workos.put_group(&world.directory(), &group("user")));
    let empty = |matcher: Matcher| world.workos.fault(fault(matcher, Nth::From(1), FaultKind::EmptyList));
    let lists = || Matcher::path(USERS);
    let puts = world.puts();

    empty(lists().query("directory="));
    let run = world.asked().await;
    assert_eq!((run.status, run.held_why()), (Status::Applied, vec![]), "whoever is in a group is a user");

    empty(lists().query(&members));
    let run = world.asked().await;
    assert_eq!((run.status, run.held_why()), (Status::PartlyHeld, reason("directory_looks_incomplete", 200)), "boss is seen");

    empty(lists());
    let run = world.asked().await;
    assert_eq!((run.status, run.held_why()), (Status::PartlyHeld, reason("nothing_desired", 201)));

    world.workos.clear_faults();
    assert_eq!((world.asked().await.held_why(), world.rows("ACME").len(), world.puts()), (vec![], 201, puts));
    world.end().await;
}

async fn a_missing_second_page_removes_nobody() {
    let users = "directory=directory_01ACME&order=asc&limit=100&after=";
    let cases = [
        (users, "the groups have the rest", Status::Applied, vec![]),
        ("after=", "the directory counts more", Status::PartlyHeld, reason("directory_looks_incomplete", 50)),
    ];
    for (page, why, status, held) in cases {
        let world = World::in_step(150).await;
        world.workos.fault(fault(Matcher::path(USERS).query(page), Nth::From(1), FaultKind::EmptyList));
        let run = world.asked().await;
        assert_eq!((run.status, run.held_why(), world.rows("ACME").len()), (status, held, 150), "{why}");
        world.workos.clear_faults();
        world.end().await;
    }

    let world = World::in_step(150).await;
    world.workos.switches(|switches| switches.directory_metadata = false);
    world.workos.fault(fault(Matcher::path(USERS).query("after="), Nth::From(1), FaultKind::EmptyList));
    assert_eq!(world.asked().await.held_why(), reason("over_limit", 50), "even where the directory counts nobody");
    world.workos.clear_faults();

    let members = format!("group={}&order=asc&limit=100&after=", world.workos.put_group(&world.directory(), &group("user")));
    world.workos.fault(fault(Matcher::path(USERS).query(&members), Nth::From(1), FaultKind::EmptyList));
    world.ask().await;
    let run = world.run_where("failed", |run| run.status == Status::Failed).await;
    assert_eq!((run.tenants[0].code.as_deref(), world.puts()), (Some("lists_contradicted"), 1), "their own groups say otherwise");
    world.workos.clear_faults();
    world.end().await;
}

async fn what_a_flapping_directory_held_goes_by_itself() {
    let world = World::in_step(150).await;
    for _ in 0..2 {
        world.workos.fault(fault(Matcher::path(USERS).query("after="), Nth::From(1), FaultKind::EmptyList));
        let thin = world.asked().await;
        assert_eq!((thin.held().len(), world.state("ACME").await.held.is_some()), (50, true));

        world.workos.clear_faults();
        let whole = world.asked().await;
        assert_eq!((whole.status, whole.held().len(), world.state("ACME").await.held), (Status::Applied, 0, None));
    }
    assert_eq!((world.rows("ACME").len(), world.puts()), (150, 1));
    world.end().await;
}

async fn a_slip_in_the_prefix_holds_every_removal_until_it_is_mended() {
    type Case = (usize, Option<&'static str>, &'static str);
    // Whether the slip happens to name a group that there is, so that not everybody seems to leave.
    let cases: [Case; 3] = [(30, None, "nothing_desired"), (30, Some("p00"), "over_limit"), (5, Some("p00"), "new_scope")];
    let stories = cases.map(async |(n, stays, why): Case| {
        let world = World::in_step(n).await;
        if let Some(name) = stays {
            world.workos.add_member(&world.directory(), &format!("{SLIP}user"), name);
        }
        world.apply(&single("ACME").prefix(SLIP)).await;
        world.settled().await;
        let run = world.last_run().await;
        let n_held = n - usize::from(stays.is_some());
        assert_eq!((run.status, run.held_why()), (Status::PartlyHeld, reason(why, n_held)));

        world.apply(&single("ACME")).await;
        world.settled().await;
        let run = world.last_run().await;
        assert_eq!((run.status, run.held_why(), world.state("ACME").await.held), (Status::Applied, vec![], None));
        assert_eq!((world.rows("ACME").len(), world.puts()), (n, 1), "nothing was lost, nothing is held");
        world.end().await;
    });
    join_all(stories).await;
}

/// The message of the finding that a group was renamed.
fn renamed(run: &Run) -> &str {
    let finding = run.findings.iter().find(|finding| finding.code.as_str() == "group_renamed");
    finding.map_or("", |finding| finding.message.as_str())
}

/// 40 people with the roles `user` and `Retail`, and an administrator.
async fn forty_in_retail() -> World {
    let world = World::start(single("ACME")).await;
    people(0..40).iter().for_each(|name| world.add(User::new(name).in_group("user").in_group("Retail")));
    world.add(User::new("boss").in_group("admin"));
    world.asked().await;
    world
}

async fn a_group_that_is_renamed_out_of_the_prefix_takes_its_role_from_nobody() {
    let stories = [("Retail", "roles_over_limit"), ("user", "over_limit")].map(async |(role, why)| {
        let world = forty_in_retail().await;
        let rows = world.rows("ACME");
        world.workos.rename_group(&world.directory(), &group(role), "All of Retail");
        for _ in 0..2 {
            let run = world.asked().await;
            assert_eq!((run.status, run.held_why()), (Status::PartlyHeld, reason(why, 40)));
            let message = renamed(&run);
            let names = [format!("the group was {:?}", group(role)), "now it gives nothing".to_owned()];
            assert!(names.iter().all(|name| message.contains(name)), "{message}");
            let finding = run.findings.iter().find(|finding| finding.group.is_some()).unwrap();
            assert_eq!(finding.group.as_deref(), Some("All of Retail"));
        }

        world.workos.rename_group(&world.directory(), "All of Retail", &group(role));
        let run = world.asked().await;
        assert_eq!((run.status, run.held_why(), run.findings()), (Status::Applied, vec![], vec![]));
        assert_eq!((world.rows("ACME"), world.puts()), (rows, 1));
        world.end().await;
    });
    join_all(stories).await;
}

async fn a_group_that_is_renamed_within_the_prefix_gives_the_new_role_and_takes_the_old_from_nobody() {
    let world = forty_in_retail().await;
    world.workos.rename_group(&world.directory(), &group("Retail"), &group("Shops"));
    let run = world.asked().await;
    assert_eq!((run.held_why(), run.updated().len()), (reason("roles_over_limit", 40), 40));
    assert!(renamed(&run).contains("now it gives the role Shops in ACME"), "{}", renamed(&run));
    assert_eq!(world.rows("ACME")[1], "p00 Retail,Shops,user");

    world.workos.rename_group(&world.directory(), &group("Shops"), &group("Retail"));
    let run = world.asked().await;
    assert_eq!(run.held_why(), reason("roles_over_limit", 40), "the role that was given meanwhile is not taken away unasked either");
    assert_eq!(world.approved("ACME").await.updated().len(), 40);
    assert_eq!(world.rows("ACME")[1], "p00 Retail,user");
    world.end().await;
}

async fn runs_just_under_the_limit_are_counted_together() {
    let world = World::in_step(30).await;
    for n in 0..10 {
        world.depart(n * 2..n * 2 + 2);
        world.add(User::new(&format!("new{n}")).in_group("user"));
        let run = world.asked().await;
        // Six of thirty are the limit, and each run is far below.
        let n_held = if n < 3 { 0 } else { (n - 2) * 2 };
        assert_eq!((run.created().len(), run.removed().len(), run.held().len()), (1, if n < 3 { 2 } else { 0 }, n_held), "run {n}");
        assert!(run.held().iter().all(|held| held.ends_with("remove over_limit")));
    }
    assert_eq!(world.rows("ACME").len(), 30 - 6 + 10);
    world.end().await;
}

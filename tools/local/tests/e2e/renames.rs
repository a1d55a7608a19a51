//! A user whose address changes is told as one, keeps an account throughout, and is nobody else.

use domain::run::Status;
use standins::{FaultKind, Matcher, Nth};

use crate::words::Run;
use crate::world::{User, World, email, fault, single};

crate::tests![
    a_new_address_is_told_with_the_removal_of_the_old_account,
    an_account_whose_successor_is_refused_stays,
    who_loses_the_address_keeps_the_own_account_and_holds_no_other,
    who_is_given_the_address_of_another_keeps_the_own_account,
    who_shares_an_address_keeps_the_own_account_behind_lists_that_were_not_whole,
    who_gets_the_address_of_a_leaver_takes_over_the_account,
];

fn plan(run: &Run) -> &str {
    &run.tenants[0].plan
}

async fn a_new_address_is_told_with_the_removal_of_the_old_account() {
    let world = World::in_step(3).await;
    world.add(User::new("p00").email("ada@acme.com"));
    let run = world.synced().await;

    assert_eq!((run.created(), run.removed()), (vec!["ada"], vec!["p00"]));
    assert!(plan(&run).contains("- p00@acme.com  was user, renamed to ada@acme.com"), "{}", plan(&run));
    assert_eq!(world.rows("ACME"), ["ada user", "p01 user", "p02 user"]);
    world.end().await;
}

async fn an_account_whose_successor_is_refused_stays() {
    let world = World::in_step(3).await;
    world.add(User::new("p00").email("ada@acme.com"));
    world.leaves("p02");
    world.orgvue.reject_login("ACME", "ada@acme.com");
    for removed in [vec!["p02"], vec![]] {
        let run = world.asked().await;
        assert_eq!(
            (run.status, run.held(), run.removed()),
            (Status::PartlyHeld, vec!["p00 remove renamed_not_created".to_owned()], removed)
        );
        assert_eq!(run.tenants[0].held[0].renamed_to.as_ref().unwrap().as_str(), "ada@acme.com");
        assert_eq!(
            (run.findings(), world.rows("ACME")),
            (vec!["refused_by_orgvue ada".to_owned()], vec!["p00 user".to_owned(), "p01 user".to_owned()])
        );
    }

    world.orgvue.edit_model(|model| model.reject_login("ACME", "ada@acme.com", false));
    let run = world.asked().await;
    assert_eq!((run.created(), run.removed(), run.held().len()), (vec!["ada"], vec!["p00"], 0));
    assert!(plan(&run).contains("renamed to ada@acme.com"), "{}", plan(&run));
    world.end().await;
}

async fn who_loses_the_address_keeps_the_own_account_and_holds_no_other() {
    let world = World::in_step(4).await;
    world.add(User::new("p02").no_email());
    world.leaves("p00");
    world.leaves("p03");
    for removed in [vec!["p00", "p03"], vec![]] {
        let run = world.asked().await;
        assert_eq!((run.removed(), run.held()), (removed, vec!["p02 remove unknown_owner".to_owned()]));
    }

    world.add(User::new("p02").email("ada@acme.com"));
    let run = world.asked().await;
    assert_eq!((run.created(), run.removed()), (vec!["ada"], vec!["p02"]));
    assert!(plan(&run).contains("renamed to ada@acme.com"), "{}", plan(&run));
    world.end().await;
}

async fn who_is_given_the_address_of_another_keeps_the_own_account() {
    let world = World::in_step(4).await;
    world.add(User::new("p02").email(&email("p01")));
    for _ in 0..3 {
        assert_eq!(world.asked().await.held(), ["p02 remove unknown_owner"]);
    }

    world.add(User::new("p02"));
    world.asked().await.assert_nothing_was_done();
    assert_eq!(world.rows("ACME").len(), 4);
    world.end().await;
}

async fn who_shares_an_address_keeps_the_own_account_behind_lists_that_were_not_whole() {
    let world = World::in_step(4).await;
    world.add(User::new("p02").email(&email("p01")));
    let told = world.asked().await.findings();
    world.workos.fault(fault(Matcher::path("/directory_users").query("group="), Nth::At(1), FaultKind::EmptyList));
    world.poke().await;
    let run = world.run_where("failed", |run| run.status == Status::Failed).await;
    assert_eq!((run.tenants[0].code.as_deref(), run.findings()), (Some("lists_contradicted"), told), "nobody is told to be in no group");

    world.settled().await;
    assert_eq!((world.last_run().await.held(), world.rows("ACME").len()), (vec!["p02 remove unknown_owner".to_owned()], 4));
    world.end().await;
}

async fn who_gets_the_address_of_a_leaver_takes_over_the_account() {
    let world = World::start(single("ACME")).await;
    world.add(User::new("ada").in_group("user").in_group("Retail"));
    world.add(User::new("bob").in_group("admin"));
    world.asked().await;
    world.leaves("ada");
    world.add(User::new("bob").email(&email("ada")));
    let run = world.synced().await;

    assert_eq!((run.updated(), run.removed(), run.held()), (vec!["ada"], vec!["bob"], vec![]));
    assert_eq!(world.rows("ACME"), ["ada admin"]);
    world.end().await;
}

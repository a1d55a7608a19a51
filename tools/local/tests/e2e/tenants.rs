//! One bad account never stops a tenant, one bad tenant never stops the others, one customer never delays another.

use std::time::Duration;

use domain::run::Status;
use futures::future::join_all;
use standins::{FaultKind, Matcher, Nth};

use crate::world::{API_ACCOUNT, Customer, Setup, User, World, account, email, fault, multi, own_token, single, until};

crate::tests![
    a_smaller_limit_of_a_write_is_found_by_halving,
    #[both]
    a_refused_account_stops_no_other,
    a_tenant_where_orgvue_refuses_everybody_is_not_taken_for_right,
    a_tenant_where_orgvue_refuses_more_than_can_be_asked_about_is_not_taken_for_right,
    a_leaver_whose_removal_is_refused_is_tried_again_without_an_event,
    an_expired_token_stops_its_own_tenant_alone,
    tenants_fail_each_on_their_own,
    a_tenant_that_failed_is_tried_again_without_an_event,
    a_dataset_of_another_kind_is_refused_before_any_write,
    #[both]
    one_customer_never_delays_another,
    #[both]
    a_tenant_may_simulate_while_another_writes,
];

async fn a_smaller_limit_of_a_write_is_found_by_halving() {
    let world = World::start(single("ACME")).await;
    world.orgvue.switches(|switches| switches.body_bytes_max = 1_000);
    (0..50).for_each(|n| world.add(User::new(&format!("user{n:02}")).in_group("user")));
    let run = world.synced().await;

    assert_eq!((run.status, run.created().len(), world.rows("ACME").len()), (Status::Applied, 50, 50));
    world.end().await;
}

async fn a_refused_account_stops_no_other() {
    let world = World::start(single("ACME")).await;
    for name in ["ada", "bob", "cy", "di", "ed", "flo", "gus"] {
        world.add(User::new(name).in_group("user"));
    }
    world.orgvue.reject_login("ACME", "cy@acme.com");
    world.orgvue.reject_login("ACME", "flo@acme.com");
    let run = world.asked().await;

    assert_eq!(run.findings(), ["refused_by_orgvue cy", "refused_by_orgvue flo"]);
    assert_eq!(world.rows("ACME"), ["ada user", "bob user", "di user", "ed user", "gus user"]);
    assert_eq!(run.status, Status::Applied);

    world.orgvue.edit_model(|model| ["cy@acme.com", "flo@acme.com"].map(|login| model.reject_login("ACME", login, false)));
    assert_eq!(world.asked().await.created(), ["cy", "flo"]);
    world.end().await;
}

async fn a_tenant_where_orgvue_refuses_everybody_is_not_taken_for_right() {
    let world = World::start(single("ACME")).await;
    for name in ["ada", "bob", "cy", "di", "ed"] {
        world.add(User::new(name).in_group("user"));
        world.orgvue.reject_login("ACME", &email(name));
    }
    world.poke().await;
    let run = world.run_where("refused", |run| run.status == Status::Refused).await;
    assert_eq!((run.tenants[0].code.as_deref(), run.findings.len()), (Some("all_writes_refused"), 5));

    world.orgvue.edit_model(|model| ["ada", "bob", "cy", "di", "ed"].map(|name| model.reject_login("ACME", &email(name), false)));
    world.settled().await;
    assert_eq!(world.rows("ACME").len(), 5);
    world.end().await;
}

async fn a_tenant_where_orgvue_refuses_more_than_can_be_asked_about_is_not_taken_for_right() {
    let world = World::start(single("ACME")).await;
    world.orgvue.switches(|switches| switches.tenant_rate = None);
    let names: Vec<String> = (0..300).map(|n| format!("user{n:03}")).collect();
    let refuse = |is_on| world.orgvue.edit_model(|model| names.iter().for_each(|name| model.reject_login("ACME", &email(name), is_on)));
    names.iter().for_each(|name| world.add(User::new(name).in_group("user")));
    refuse(true);
    world.poke().await;
    let run = world.run_where("refused", |run| run.status == Status::Refused).await;
    assert_eq!(run.tenants[0].code.as_deref(), Some("all_writes_refused"));
    assert!(run.findings.len() >= 5, "{}", run.findings.len());

    refuse(false);
    world.settled().await;
    assert_eq!(world.rows("ACME").len(), 300);
    world.end().await;
}

async fn a_leaver_whose_removal_is_refused_is_tried_again_without_an_event() {
    let world = World::start(single("ACME")).await;
    for name in ["ada", "bob", "cy"] {
        world.add(User::new(name).in_group("user"));
    }
    world.asked().await;
    world.leaves("bob");
    world.leaves("cy");
    world.orgvue.edit_model(|model| model.deny_item("ACME", "bob@acme.com", true));
    world.poke().await;
    let run = world.run_where("failed", |run| run.status == Status::Failed).await;
    assert_eq!((run.removed(), run.findings()), (vec!["cy"], vec!["refused_by_orgvue bob".to_owned()]));

    world.orgvue.edit_model(|model| model.deny_item("ACME", "bob@acme.com", false));
    world.settled().await;
    assert_eq!(world.rows("ACME"), ["ada user"]);
    world.end().await;
}

/// One user in each of two tenants, each with a token of its own.
async fn two_tenants() -> World {
    let customers = vec![multi(&["ACME", "BETA"])];
    let world = World::start(Setup { customers, own_tokens: vec!["ACME", "BETA"], ..Setup::default() }).await;
    world.add(User::new("ada").in_group("ACME_user").in_group("BETA_user"));
    world
}

async fn an_expired_token_stops_its_own_tenant_alone() {
    let world = two_tenants().await;
    world.orgvue.refuse_token(&own_token("BETA"), "40302");
    world.poke().await;
    let run = world.run_where("recorded", |_| true).await;

    assert_eq!((run.tenant("ACME").status, run.tenant("BETA").status), (Status::Applied, Status::Refused));
    let error = run.tenant("BETA").error.clone().unwrap();
    assert!(error.contains("40302") && error.contains("make a new one"), "{error}");
    assert_eq!((world.rows("ACME").len(), world.rows("BETA").len()), (1, 0));

    world.orgvue.add_token(&own_token("BETA"), "BETA");
    world.settled().await;
    assert_eq!(world.rows("BETA"), ["ada user"], "without a further event");
    let later = world.runs().await;
    assert!(later[1..].iter().all(|run| run.tenants.iter().all(|tenant| tenant.tenant.as_str() == "BETA")), "{later:?}");
    world.end().await;
}

async fn tenants_fail_each_on_their_own() {
    let world = World::start(multi(&["ACME", "BETA", "GAMMA"])).await;
    world.add(User::new("ada").in_group("ACME_user").in_group("BETA_user").in_group("GAMMA_user"));
    world.orgvue.fault(fault(Matcher::path("/ACME/"), Nth::From(1), FaultKind::Status(400)));
    world.orgvue.delete_row("BETA", API_ACCOUNT);
    world.poke().await;
    let run = world.run_where("recorded", |_| true).await;
    let statuses = ["ACME", "BETA", "GAMMA"].map(|tenant| run.tenant(tenant).status);
    assert_eq!(statuses, [Status::Refused, Status::Refused, Status::Applied]);

    // While the others wait for their next try, a new event is for GAMMA at once.
    world.joins("ada", "GAMMA_Retail");
    world.poke().await;
    until("the change of GAMMA", || world.rows("GAMMA") == ["ada Retail,user"]).await;
    assert_eq!((world.rows("ACME").len(), world.rows("BETA").len()), (0, 0));

    world.orgvue.clear_faults();
    world.orgvue.insert_row("BETA", account(API_ACCOUNT, "admin"));
    world.settled().await;
    assert_eq!((world.rows("ACME"), world.rows("BETA")), (vec!["ada user".to_owned()], vec!["ada user".to_owned()]));
    world.end().await;
}

async fn a_tenant_that_failed_is_tried_again_without_an_event() {
    let world = two_tenants().await;
    world.orgvue.fault(fault(Matcher::path("/ACME/").method("GET"), Nth::First(6), FaultKind::Html(503)));
    world.poke().await;
    let run = world.run_where("recorded", |_| true).await;
    assert_eq!((run.tenant("ACME").status, run.tenant("BETA").status), (Status::Failed, Status::Applied));

    world.settled().await;
    assert_eq!((world.rows("ACME"), world.rows("BETA")), (vec!["ada user".to_owned()], vec!["ada user".to_owned()]));
    world.end().await;
}

async fn a_dataset_of_another_kind_is_refused_before_any_write() {
    type Break = fn(&World);
    let cases: [(&str, Customer, Break, Break); 3] = [
        (
            "does not contain the tenant's api_account",
            single("ACME"),
            |world| world.orgvue.delete_row("ACME", API_ACCOUNT),
            |world| drop(world.orgvue.insert_row("ACME", account(API_ACCOUNT, "admin"))),
        ),
        (
            "has no property \"Roles\"",
            single("ACME").section("[dataset]\nrole = \"Roles\""),
            |_| {},
            |world| world.orgvue.set_row("ACME", serde_json::json!({ "Login": API_ACCOUNT, "Roles": "admin" })),
        ),
        (
            "an array in \"Role\" where text is configured",
            single("ACME"),
            |world| world.orgvue.switches(|switches| switches.role_form = standins::orgvue::RoleForm::Array),
            |world| world.orgvue.switches(|switches| switches.role_form = standins::orgvue::RoleForm::Text),
        ),
    ];
    let stories = cases.map(async |(why, customer, spoil, mend): (&str, Customer, Break, Break)| {
        let world = World::start(customer).await;
        world.account("ACME", "bob", "user");
        world.add(User::new("ada").in_group("user"));
        world.add(User::new("bob").in_group("user"));
        spoil(&world);
        world.poke().await;
        let run = world.run_where("recorded", |_| true).await;

        let (status, error) = (run.status, run.tenant("ACME").error.clone().unwrap_or_default());
        assert_eq!((status, error.contains(why), world.puts()), (Status::Refused, true, 0), "{error}");

        mend(&world);
        world.settled().await;
        assert_eq!(world.last_run().await.status, Status::Applied, "{why}");
        assert_eq!(world.rows("ACME").len(), 2);
    });
    join_all(stories).await;
}

async fn one_customer_never_delays_another() {
    let (slow, quick) = (single("SLOW"), single("QUICK"));
    let world = World::start(Setup { customers: vec![slow.clone(), quick.clone()], ..Setup::default() }).await;
    world.add_to(&slow, User::new("ada").in_group("user"));
    world.add_to(&quick, User::new("bob").in_group("user"));
    world.orgvue.fault(fault(Matcher::path("/SLOW/"), Nth::First(3), FaultKind::Slow(Duration::from_secs(3))));
    world.ask_of(&slow).await;
    world.ask_of(&quick).await;
    until("the quick customer's account", || world.rows("QUICK") == ["bob user"]).await;

    assert_eq!(world.rows("SLOW"), [""; 0]);
    world.settled().await;
    assert_eq!(world.rows("SLOW"), ["ada user"]);
    world.end().await;
}

async fn a_tenant_may_simulate_while_another_writes() {
    let world = World::start(multi(&["ACME", "BETA"]).tenant_line("BETA", r#"mode = "simulate""#)).await;
    world.add(User::new("ada").in_group("ACME_user").in_group("BETA_user"));
    let run = world.asked().await;

    assert_eq!((run.tenant("ACME").status, run.tenant("BETA").status), (Status::Applied, Status::Simulated));
    assert_eq!((world.rows("ACME").len(), world.rows("BETA").len()), (1, 0));
    world.end().await;
}

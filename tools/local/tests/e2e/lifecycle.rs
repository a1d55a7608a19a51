//! People come, change, leave and come back.

use domain::run::Status;
use standins::workos::Deprovisioning;

use crate::world::{User, World, group, single};

crate::tests![
    #[both]
    who_leaves_is_removed,
    who_is_deactivated_is_removed,
    who_comes_back_under_a_new_id_has_an_account_again,
    the_case_of_an_address_means_nothing,
    an_address_of_two_users_is_nobodys,
    users_without_a_usable_address_hold_as_many_removals,
    #[both]
    a_group_that_is_renamed_out_of_the_prefix_takes_its_roles_along,
    an_expired_account_is_corrected_and_reported,
    only_allowed_domains_have_accounts,
];

async fn who_leaves_is_removed() {
    let world = World::start(single("ACME")).await;
    world.add(User::new("ada").in_group("user"));
    world.add(User::new("bob").in_group("user"));
    assert_eq!(world.asked().await.created(), ["ada", "bob"]);
    world.leaves("bob");
    let run = world.synced().await;

    assert_eq!((run.removed(), run.status), (vec!["bob"], Status::Applied));
    assert_eq!(world.rows("ACME"), ["ada user"]);
    world.end().await;
}

async fn who_is_deactivated_is_removed() {
    let world = World::start(single("ACME")).await;
    world.workos.switches(|switches| switches.deprovisioning = Deprovisioning::Custom);
    world.add(User::new("ada").in_group("user"));
    world.add(User::new("bob").in_group("user"));
    world.asked().await;
    world.workos.deactivate_user(&world.directory(), "bob");
    world.synced().await;

    assert_eq!(world.rows("ACME"), ["ada user"]);
    world.end().await;
}

async fn who_comes_back_under_a_new_id_has_an_account_again() {
    let world = World::start(single("ACME")).await;
    world.add(User::new("ada").in_group("user"));
    world.add(User::new("bob").in_group("user"));
    world.asked().await;
    world.leaves("bob");
    world.asked().await;
    assert_eq!(world.rows("ACME"), ["ada user"]);
    world.add(User::new("bob").in_group("user").in_group("Retail"));
    let run = world.synced().await;

    assert_eq!(run.created(), ["bob"]);
    assert_eq!(world.rows("ACME"), ["ada user", "bob Retail,user"]);
    world.end().await;
}

async fn the_case_of_an_address_means_nothing() {
    let world = World::start(single("ACME")).await;
    world.account("ACME", "Ada.Lovelace", "user");
    world.add(User::new("ada").email("ADA.LOVELACE@ACME.COM ").in_group("user"));
    let run = world.synced().await;

    assert_eq!(run.tenant("ACME").unchanged, 1);
    assert_eq!((world.rows("ACME"), world.puts()), (vec!["Ada.Lovelace user".to_owned()], 0));
    world.end().await;
}

async fn an_address_of_two_users_is_nobodys() {
    let world = World::start(single("ACME")).await;
    world.account("ACME", "ada", "user,Retail");
    world.add(User::new("1").email("ada@acme.com").in_group("admin"));
    world.add(User::new("2").email("Ada@acme.com").in_group("user"));
    world.add(User::new("bob").in_group("user"));
    let run = world.synced().await;

    assert_eq!(world.rows("ACME"), ["ada user,Retail", "bob user"]);
    assert_eq!(run.findings(), ["duplicate_login ada", "duplicate_login ada"]);
    world.end().await;
}

async fn users_without_a_usable_address_hold_as_many_removals() {
    let world = World::start(single("ACME")).await;
    for name in ["ada", "bob", "cy", "di", "ed"] {
        world.add(User::new(name).in_group("user"));
    }
    world.asked().await;
    ["bob", "cy", "di", "ed"].into_iter().for_each(|name| world.leaves(name));
    world.add(User::new("null").no_email().in_group("user"));
    world.add(User::new("blank").email("  ").in_group("user"));
    world.add(User::new("malformed").email("not an address").in_group("user"));
    let run = world.synced().await;

    assert_eq!(run.held(), ["bob remove unknown_owner", "cy remove unknown_owner", "di remove unknown_owner"]);
    assert_eq!(run.removed(), ["ed"]);
    assert_eq!(run.findings(), ["no_email", "no_email", "invalid_email not an address"]);
    assert_eq!(world.rows("ACME"), ["ada user", "bob user", "cy user", "di user"]);

    world.add(User::new("null").email("bob@acme.com"));
    world.add(User::new("blank").email("cy@acme.com"));
    world.add(User::new("malformed").email("di@acme.com"));
    assert_eq!(world.asked().await.held(), [""; 0]);
    assert_eq!(world.rows("ACME"), ["ada user", "bob user", "cy user", "di user"]);
    world.end().await;
}

async fn a_group_that_is_renamed_out_of_the_prefix_takes_its_roles_along() {
    let world = World::start(single("ACME")).await;
    world.add(User::new("ada").in_group("admin").in_group("Retail"));
    world.add(User::new("bob").in_group("user"));
    world.asked().await;
    world.workos.rename_group(&world.directory(), &group("user"), "Orgvue users");
    world.workos.rename_group(&world.directory(), &group("Retail"), &group("Shops"));
    let run = world.asked().await;

    assert_eq!(world.rows("ACME"), ["ada Shops,admin"]);
    assert_eq!(run.findings(), ["no_platform_role bob", "group_renamed", "group_renamed"]);
    assert_eq!(world.asked().await.findings(), ["no_platform_role bob"], "it is told once where nothing is held");
    world.end().await;
}

async fn an_expired_account_is_corrected_and_reported() {
    let world = World::start(single("ACME")).await;
    world.account("ACME", "ada", "user");
    world.orgvue.edit("ACME", "ada@acme.com", |row| row["ExpiryDate"] = "2020-01-31".into());
    world.add(User::new("ada").in_group("admin"));
    let run = world.synced().await;

    assert_eq!(run.findings(), ["expired_in_orgvue ada"]);
    assert_eq!(world.rows("ACME"), ["ada admin"]);
    assert_eq!(world.orgvue.rows("ACME")[0]["ExpiryDate"], "2020-01-31");
    world.end().await;
}

async fn only_allowed_domains_have_accounts() {
    let world = World::start(single("ACME").line(r#"domains = ["acme.com"]"#)).await;
    world.add(User::new("ada").in_group("user"));
    world.add(User::new("eve").email("eve@elsewhere.com").in_group("user"));
    world.add(User::new("mia").email("mia@sub.acme.com").in_group("user"));
    let run = world.synced().await;

    assert_eq!(world.rows("ACME"), ["ada user"]);
    assert_eq!(run.findings(), ["domain_not_allowed eve@elsewhere.com", "domain_not_allowed mia@sub.acme.com"]);
    world.end().await;
}

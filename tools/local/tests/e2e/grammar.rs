//! From group names to accounts: the guide's example, several tenants, and whatever the optional fields look like.

use domain::run::Status;
use futures::future::join_all;
use standins::workos::{Presence, Switches, Timestamps, UserGroups};

use crate::world::{Setup, User, World, group, multi, single};

crate::tests![
    #[both]
    the_guides_six_users,
    the_longest_tenant_name_counts,
    an_alias_replaces_the_tenants_id,
    memberships_are_read_however_users_and_groups_look,
    groups_without_the_prefix_are_not_even_read,
    a_name_that_cannot_be_read_is_a_finding_and_stops_nobody,
];

async fn the_guides_six_users() {
    let (testorg, mytenant) = (single("TESTORG"), multi(&["MYTENANT"]));
    let world = World::start(Setup { customers: vec![testorg.clone(), mytenant.clone()], ..Setup::default() }).await;
    let user = |n: u8| User::new(&n.to_string()).email(&format!("testuser{n}@testOrg.com"));
    world.add(user(1).in_group("user"));
    world.add(user(2).in_group("admin"));
    world.add(user(3).in_group("user").in_group("Retail").in_group("ManagerRetail"));
    world.add_to(&mytenant, user(4).in_group("MyTenant_admin"));
    world.add(user(5).in_group("training").in_group("Tech"));
    world.add_to(&mytenant, user(6).in_group("MyTenant_EuropeFinance"));
    world.poke_of(&mytenant).await;
    let single_run = world.synced().await;
    let multi_run = world.runs_of(&mytenant).await.pop().unwrap();

    let three = ["testuser1@testOrg.com user", "testuser2@testOrg.com admin", "testuser3@testOrg.com ManagerRetail,Retail,user"];
    assert_eq!(world.rows("TESTORG"), three);
    assert_eq!(world.rows("MYTENANT"), ["testuser4@testOrg.com admin"]);
    assert_eq!(single_run.findings(), ["no_platform_role testuser5@testOrg.com"]);
    assert_eq!(multi_run.findings(), ["no_platform_role testuser6@testOrg.com"]);
    assert_eq!((single_run.status, multi_run.status), (Status::Applied, Status::Applied));
    world.end().await;
}

async fn the_longest_tenant_name_counts() {
    let world = World::start(multi(&["ACME", "ACME_EU"])).await;
    world.add(User::new("ada").in_group("ACME_EU_user").in_group("ACME_user"));
    world.add(User::new("bob").in_group("acme_eu_ADMIN").in_group("ACME_EU_Sales_North"));
    world.add(User::new("cy").in_group("ACME_EU"));
    let run = world.synced().await;

    assert_eq!(world.rows("ACME"), ["ada user"]);
    assert_eq!(world.rows("ACME_EU"), ["ada user", "bob Sales_North,admin"]);
    assert_eq!(run.findings(), ["no_tenant cy", "empty_role"]);
    world.end().await;
}

async fn an_alias_replaces_the_tenants_id() {
    let world = World::start(multi(&["ACME", "ACME_EU"]).tenant_line("ACME_EU", r#"alias = "Europe""#)).await;
    world.add(User::new("ada").in_group("Europe_user"));
    world.add(User::new("bob").in_group("ACME_EU_user").in_group("ACME_user"));
    world.synced().await;

    assert_eq!(world.rows("ACME_EU"), ["ada user"]);
    assert_eq!(world.rows("ACME"), ["bob EU_user,user"]);
    world.end().await;
}

async fn memberships_are_read_however_users_and_groups_look() {
    type Set = fn(&mut Switches);
    let looks: [Set; 5] = [
        |look| look.user_groups = UserGroups::Filled,
        |look| look.user_groups = UserGroups::Absent,
        |look| (look.raw_attributes, look.legacy_user_fields, look.organization_id) = (Presence::Null, Presence::Absent, Presence::Null),
        |look| (look.object_field, look.extra_fields, look.timestamps) = (Presence::Absent, true, Timestamps::Spaced),
        |look| (look.directory_metadata, look.camel_case_metadata, look.coarse_clock) = (false, true, true),
    ];
    let stories = looks.map(async |look: Set| {
        let world = World::start(single("ACME")).await;
        world.workos.switches(look);
        world.add(User::new("ada").in_group("user"));
        world.add(User::new("bob").in_group("admin"));
        world.synced().await;
        assert_eq!(world.rows("ACME"), ["ada user", "bob admin"]);
        world.end().await;
    });
    join_all(stories).await;
}

async fn groups_without_the_prefix_are_not_even_read() {
    let world = World::start(single("ACME")).await;
    world.add(User::new("ada").in_group("user").in_other_group("user").in_other_group("Everybody"));
    let run = world.synced().await;

    assert_eq!(world.rows("ACME"), ["ada user"]);
    assert_eq!(world.workos.calls().of("GET /directory_users"), 2, "the users, and the members of one group");
    assert_eq!(run.findings(), [""; 0]);
    world.end().await;
}

async fn a_name_that_cannot_be_read_is_a_finding_and_stops_nobody() {
    let world = World::start(single("ACME")).await;
    world.add(User::new("ada").in_group("user").in_group("superAdmin").in_group("Sales,HR"));
    world.workos.put_group(&world.directory(), &group(""));
    let run = world.synced().await;

    assert_eq!(world.rows("ACME"), ["ada user"]);
    assert_eq!(run.findings(), ["empty_role", "bad_role_name", "reserved_role"]);
    world.end().await;
}

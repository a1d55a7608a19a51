//! Roles that are no platform roles: losing them is no harm, but many losses are often a group that was renamed.

use domain::harm::Harmed;
use domain::integration::Limits;
use insta::assert_snapshot;

use crate::words::{Case, Person, account, case, tenant, user};

/// The limit is two; an administrator stays, and these are as they are.
fn two_at_most(people: impl IntoIterator<Item = Person>, rows: impl IntoIterator<Item = crate::words::Line>) -> Case {
    let people: Vec<_> = people.into_iter().chain([user("boss").in_group("admin")]).collect();
    let rows = rows.into_iter().chain([account("boss").role("admin")]);
    case(people, rows).with(|acme| acme.limits = Limits { removals_percent: 0, removals_floor: 2 })
}

/// These lose the role `hr`.
fn losing_hr(names: &[&str]) -> Case {
    two_at_most(names.iter().map(|name| user(name).in_group("user")), names.iter().map(|name| account(name).role("hr,user")))
}

#[test]
fn many_losses_of_another_role_are_held_while_gains_and_removals_under_the_limit_go() {
    let people = [user("ada").in_group("user").in_group("it"), user("bob").in_group("user"), user("cid").in_group("user")];
    let rows = ["ada", "bob", "cid"].map(|name| account(name).role("hr,user")).into_iter().chain(["x", "y"].map(account));
    assert_snapshot!(two_at_most(people, rows).verdict(), @r"
    add ~ ada@acme.com  +it
    take - x@acme.com  was user
    take - y@acme.com  was user
    hold ~ ada@acme.com  +it -hr  RolesOverLimit
    hold ~ bob@acme.com  -hr  RolesOverLimit
    hold ~ cid@acme.com  -hr  RolesOverLimit
    ");
}

#[test]
fn as_many_losses_of_another_role_as_the_limit_go() {
    assert_snapshot!(losing_hr(&["ada", "bob"]).verdict(), @r"
    add ~ ada@acme.com  -hr
    add ~ bob@acme.com  -hr
    ");
}

#[test]
fn losses_of_another_role_add_up_over_a_day_and_do_not_count_as_accounts() {
    let with = |lately| Case { lately, ..losing_hr(&["ada"]) }.held().len();
    let roles = |n_roles| Harmed { n_roles, ..Harmed::default() };
    let accounts = Harmed { n_accounts: 9, n_removed: 9, n_roles: 1 };
    assert_eq!([roles(1), accounts, roles(2)].map(with), [0, 0, 1]);
}

#[test]
fn approved_losses_of_another_role_go() {
    let case = losing_hr(&["ada", "bob", "cid"]);
    let approved = case.held();
    let case = case.approving(approved.clone());
    assert_eq!((case.held().len(), case.guard().0.counted(&approved, &tenant("ACME"))), (0, Harmed::default()));
}

#[test]
fn a_user_who_becomes_admin_loses_nothing() {
    let names = ["ada", "bob", "cid", "dan"];
    let swapped = two_at_most(names.map(|name| user(name).in_group("admin")), names.map(account)).without_limits();
    assert_eq!(swapped.held().len(), 0);
    assert_eq!(swapped.guard().0.counted(&Default::default(), &tenant("ACME")), Harmed::default());
}

#[test]
fn a_disabled_account_has_no_role_to_lose() {
    let names = ["ada", "bob", "cid"];
    let rows = names.map(|name| account(name).role("hr,user").disabled());
    assert_eq!(two_at_most(names.map(|name| user(name).in_group("user")), rows).held().len(), 0);
}

#[test]
fn a_role_that_changes_its_case_is_another_role() {
    let names = ["ada", "bob", "cid"];
    let people = names.map(|name| user(name).in_group("user").in_group("HR"));
    let case = two_at_most(people, names.map(|name| account(name).role("hr,user")));
    assert!(case.verdict().contains("hold ~ ada@acme.com  +HR -hr  RolesOverLimit"), "{}", case.verdict());
}

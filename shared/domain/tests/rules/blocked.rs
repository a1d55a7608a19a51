//! Accounts that the integration keeps disabled, whatever the directory says.

use domain::guard::{Completeness, Scope};
use domain::integration::Deprovision;
use insta::assert_snapshot;

use crate::words::{Case, account, case, told, user};

fn boss() -> [crate::words::Line; 1] {
    [account("boss").role("admin")]
}

/// Ada is blocked and her account enabled; the directory asks for it or not.
fn ada(groups: &[&str]) -> Case {
    let ada = groups.iter().fold(user("ada"), |ada, group| ada.in_group(group));
    case([ada, user("boss").in_group("admin")], boss().into_iter().chain([account("ada")])).blocking("ada")
}

#[test]
fn a_blocked_account_is_disabled_though_the_directory_asks_for_it() {
    let case = ada(&["user"]);
    assert_snapshot!(case.verdict(), @"take o ada@acme.com  disable, blocked, was user");
    assert_snapshot!(told(&case.plan().findings), @"blocked ada@acme.com in ACME");
}

#[test]
fn a_blocked_account_is_disabled_whatever_holds_removals() {
    let blocked = "take o ada@acme.com  disable, blocked, was user\n";
    let incomplete = Case { completeness: Completeness::Doubtful, ..ada(&[]) };
    let new = Case { scope: Scope::New, ..ada(&[]) };
    for case in [ada(&[]).without_limits(), ada(&[]).lately(99), incomplete, new, ada(&["user"]).unconfirmed("ada")] {
        assert_eq!(case.verdict(), blocked);
        assert_eq!(case.guard().0.counted(&Default::default(), &case.tenant().id), Default::default());
    }
    assert_eq!(case([], [account("ada")]).blocking("ada").verdict(), blocked, "nothing is desired");
}

#[test]
fn a_blocked_account_is_disabled_though_two_users_have_its_address() {
    let twins = ["one", "two"].map(|name| user(name).with_email("ada@acme.com").in_group("user"));
    assert_snapshot!(case(twins, [account("ada")]).blocking("ADA").verdict(), @"take o ada@acme.com  disable, blocked, was user");
}

#[test]
fn a_blocked_account_is_neither_created_nor_removed_nor_given_roles() {
    let groups = |ada: &[&str]| ada.iter().fold(user("ada"), |ada, group| ada.in_group(group));
    for how in [Deprovision::Delete, Deprovision::Disable] {
        for case in [
            case([groups(&["user"])], []),
            case([groups(&["admin"])], [account("ada").disabled()]),
            case([groups(&[])], [account("ada").disabled()]),
        ] {
            assert_eq!(case.blocking("ada").with(|acme| acme.deprovision = how).plan().actions, []);
        }
    }
}

#[test]
fn the_last_administrator_is_not_blocked_without_a_person() {
    let case = case([user("ada").in_group("user")], boss().into_iter().chain([account("ada")])).blocking("boss");
    assert_snapshot!(case.verdict(), @"hold o boss@acme.com  disable, blocked, was admin  LastAdmin");
    let approved = case.held();
    assert_snapshot!(case.approving(approved).verdict(), @"take o boss@acme.com  disable, blocked, was admin");
}

#[test]
fn a_blocked_administrator_waits_for_the_one_who_follows() {
    let case = case([user("new").in_group("admin")], boss()).blocking("boss");
    assert_snapshot!(case.verdict(), @r"
    add + new@acme.com  admin
    take o boss@acme.com  disable, blocked, was admin
    ");
    assert!(case.verdict_if_refused(&["new"]).contains("hold late o boss@acme.com"));
}

#[test]
fn an_account_that_is_blocked_no_longer_is_enabled_again() {
    let case = case([user("ada").in_group("user")], [account("ada").disabled()]);
    assert_eq!(case.clone().blocking("ada").plan().actions, []);
    assert_snapshot!(case.verdict(), @"add ~ ada@acme.com  enable");
}

#[test]
fn nobody_is_told_of_a_blocked_account_that_the_directory_does_not_ask_for() {
    assert!(!told(&ada(&[]).plan().findings).contains("blocked"));
}

#[test]
fn a_blocked_account_takes_no_unknown_owners_place() {
    let people = [user("x").without_email().in_group("user"), user("boss").in_group("admin")];
    let rows = boss().into_iter().chain(["ada", "bob"].map(account));
    assert_snapshot!(case(people, rows).blocking("ada").verdict(), @r"
    take o ada@acme.com  disable, blocked, was user
    hold - bob@acme.com  was user  UnknownOwner
    ");
}

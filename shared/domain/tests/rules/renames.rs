//! A user whose address changed has a new account, and loses the old one only for it.

use insta::assert_snapshot;

use crate::words::{Case, Line, account, case, login, told, user};

/// Ada's address was `ada` and is `eve`; she had an account under the first.
fn renamed() -> Case {
    case([user("ada").with_email("eve@acme.com").in_group("user")], [account("ada")]).once([user("ada").in_group("user")])
}

#[test]
fn the_removal_names_the_new_login() {
    assert_snapshot!(renamed().plan(), @r"
    ACME: 1 to create, 0 to update, 1 to remove, 0 right already
      - ada@acme.com  was user, renamed to eve@acme.com
      + eve@acme.com  user
    ");
}

#[test]
fn a_user_who_came_back_under_another_id_is_known_by_the_identity_providers() {
    let people = || user("first id").with_email("ada@acme.com").with_idp_id("00u1").in_group("user");
    let back = user("second id").with_email("eve@acme.com").with_idp_id("00u1").in_group("user");
    let case = case([people().inactive(), back], [account("ada")]).once([people()]);
    assert!(case.plan().to_string().contains("- ada@acme.com  was user, renamed to eve@acme.com"), "{}", case.plan());
}

#[test]
fn another_case_of_the_same_address_is_no_rename() {
    let case = case([user("ada").with_email("ADA@acme.com").in_group("user")], [account("ada")]);
    assert_eq!(case.once([user("ada").in_group("user")]).plan().actions, []);
}

#[test]
fn who_has_another_address_and_is_in_no_group_by_the_lists_is_looked_at_again() {
    let people = || [user("ada").with_email("eve@acme.com"), user("zoe").in_group("user")];
    let case = case(people(), ["ada", "zoe"].map(account)).formerly("ada", "ada");
    assert_snapshot!(case.verdict(), @"take - ada@acme.com  was user");
    assert_snapshot!(case.unconfirmed("ada").verdict(), @"hold - ada@acme.com  was user  Unconfirmed");
}

#[test]
fn two_users_who_exchange_their_addresses_lose_nothing() {
    let people = [user("ada").with_email("bob@acme.com").in_group("user"), user("bob").with_email("ada@acme.com").in_group("user")];
    let case = case(people, ["ada", "bob"].map(account)).once(["ada", "bob"].map(|name| user(name).in_group("user")));
    assert_eq!(case.plan().actions, []);
}

#[test]
fn the_old_account_stays_while_the_new_one_is_refused() {
    assert_snapshot!(renamed().verdict(), @r"
    add + eve@acme.com  user
    take - ada@acme.com  was user, renamed to eve@acme.com
    ");
    assert_snapshot!(renamed().verdict_if_refused(&["eve"]), @r"
    add + eve@acme.com  user
    hold late - ada@acme.com  was user, renamed to eve@acme.com  RenamedNotCreated
    ");
}

#[test]
fn the_old_account_goes_without_the_new_one_when_a_person_agreed() {
    let approved = renamed().without_limits().held();
    assert_snapshot!(renamed().approving(approved).verdict_if_refused(&["eve"]), @r"
    add + eve@acme.com  user
    take - ada@acme.com  was user, renamed to eve@acme.com
    ");
}

#[test]
fn an_administrator_whose_new_account_is_refused_still_counts_as_one() {
    let people = [user("ada").with_email("eve@acme.com").in_group("admin"), user("bob").in_group("user")];
    let case = case(people, [account("ada").role("admin"), account("bob").role("admin,user")]).formerly("ada", "ada");
    assert_snapshot!(case.verdict_if_refused(&["eve"]), @r"
    add + eve@acme.com  admin
    take ~ bob@acme.com  -admin
    hold late - ada@acme.com  was admin, renamed to eve@acme.com  RenamedNotCreated
    ");
}

/// The accounts `ada` to `dan` have no user any more, as far as anybody knows.
const ACCOUNTS: [&str; 4] = ["ada", "bob", "cid", "dan"];

#[test]
fn the_account_that_a_user_without_an_address_had_is_the_one_that_is_held() {
    let people = [user("x").without_email(), user("zoe")].map(|person| person.in_group("user"));
    let case = case(people, ACCOUNTS.map(account)).once([user("x").with_email("cid@acme.com").in_group("user")]);
    assert_snapshot!(case.verdict(), @r"
    add + zoe@acme.com  user
    take - ada@acme.com  was user
    take - bob@acme.com  was user
    take - dan@acme.com  was user
    hold - cid@acme.com  was user  UnknownOwner
    ");
}

#[test]
fn a_user_without_an_address_who_came_back_under_another_id_is_known_all_the_same() {
    let people = [user("new id").without_email().with_idp_id("00u1").in_group("user"), user("zoe").in_group("user")];
    let before = user("old id").with_email("bob@acme.com").with_idp_id("00u1").in_group("user");
    assert_snapshot!(case(people, ACCOUNTS.map(account)).once([before]).verdict(), @r"
    add + zoe@acme.com  user
    take - ada@acme.com  was user
    take - cid@acme.com  was user
    take - dan@acme.com  was user
    hold - bob@acme.com  was user  UnknownOwner
    ");
}

#[test]
fn beside_the_accounts_that_are_known_as_many_are_held_as_there_are_users_of_whom_nothing_is() {
    let people = [user("x").without_email(), user("y").without_email(), user("zoe")].map(|person| person.in_group("user"));
    assert_snapshot!(case(people, ACCOUNTS.map(account)).formerly("x", "cid").verdict(), @r"
    add + zoe@acme.com  user
    take - bob@acme.com  was user
    take - dan@acme.com  was user
    hold - ada@acme.com  was user  UnknownOwner
    hold - cid@acme.com  was user  UnknownOwner
    ");
}

#[test]
fn a_user_who_had_no_account_here_under_the_known_address_may_own_any() {
    let people = [user("x").without_email(), user("zoe")].map(|person| person.in_group("user"));
    assert_eq!(case(people, ACCOUNTS.map(account)).formerly("x", "x").held().len(), 1);
}

#[test]
fn every_account_that_a_user_without_an_address_may_have_had_is_held() {
    let people = [user("x").without_email(), user("zoe")].map(|person| person.in_group("user"));
    let case = case(people, ACCOUNTS.map(account)).formerly("x", "bob").formerly("x", "dan");
    assert_eq!(case.held().actions().map(|held| held.login.clone()).collect::<Vec<_>>(), [login("bob"), login("dan")]);
}

#[test]
fn who_is_given_the_address_of_another_keeps_the_own_account() {
    let people = [user("ada").with_email("bob@acme.com"), user("bob"), user("zoe")].map(|person| person.in_group("user"));
    let case = case(people, ["ada", "bob", "zoe"].map(account)).formerly("ada", "ada");
    assert_snapshot!(case.verdict(), @"hold - ada@acme.com  was user  UnknownOwner");
}

#[test]
fn the_old_account_stays_while_the_new_one_is_left_alone() {
    let new = account("eve");
    let case = case([user("ada").with_email("eve@acme.com").in_group("user")], [account("ada"), new.clone(), new.again()]);
    assert_snapshot!(case.formerly("ada", "ada").verdict_if_refused(&[]), @"hold late - ada@acme.com  was user, renamed to eve@acme.com  RenamedNotCreated");
}

#[test]
fn the_old_account_goes_where_the_new_one_is_there_already() {
    let people = [user("ada").with_email("eve@acme.com").in_group("user")];
    let case = case(people, [account("ada"), account("eve")]).formerly("ada", "ada");
    assert_snapshot!(case.verdict_if_refused(&[]), @"take - ada@acme.com  was user, renamed to eve@acme.com");
}

#[test]
fn who_is_blocked_is_not_let_in_under_another_address() {
    let people = || [user("ada").with_email("eve@acme.com").in_group("user"), user("zoe").in_group("user")];
    let with = |rows: &[Line]| {
        let rows = [account("ada").disabled(), account("zoe")].into_iter().chain(rows.iter().cloned());
        case(people(), rows).formerly("ada", "ada").blocking("ada")
    };
    for case in [with(&[]), with(&[account("eve").disabled()])] {
        assert_eq!(case.plan().actions, []);
        assert_eq!(told(&case.plan().findings), "blocked eve@acme.com in ACME\n");
    }
    assert_snapshot!(with(&[account("eve")]).verdict(), @"take o eve@acme.com  disable, blocked, was user");
}

#[test]
fn the_old_account_does_not_wait_for_one_that_is_blocked() {
    assert_snapshot!(renamed().blocking("eve").verdict(), @"take - ada@acme.com  was user");
    let blocked_before = renamed().formerly("ada", "eva").blocking("eva");
    assert_snapshot!(blocked_before.verdict(), @"take - ada@acme.com  was user");
}

#[test]
fn the_old_account_of_a_renamed_user_is_the_last_to_be_held_for_an_unknown_owner() {
    let people = [user("ada").with_email("eve@acme.com").in_group("user"), user("x").without_email().in_group("user")];
    assert_snapshot!(case(people, ["ada", "zoe"].map(account)).formerly("ada", "ada").verdict(), @r"
    add + eve@acme.com  user
    take - ada@acme.com  was user, renamed to eve@acme.com
    hold - zoe@acme.com  was user  UnknownOwner
    ");
}

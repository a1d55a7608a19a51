//! Putting accounts back as a run had found them.

use std::collections::BTreeSet;

use domain::plan::{Action, Change, Plan, Trace, Weight, restore};
use insta::assert_snapshot;
use serde_json::{Map, Value};

use crate::words::{Case, Line, account, case, login, told, user};

/// The dataset as it is now; an administrator is there and desired.
fn now(rows: impl IntoIterator<Item = Line>) -> Case {
    case([user("boss").in_group("admin")], rows.into_iter().chain([account("boss").role("admin")]))
}

/// What puts these back.
fn back(saved: impl IntoIterator<Item = Line>, now: &Case) -> Plan {
    let saved = case([], saved).current().unwrap();
    restore(&saved, &now.current().unwrap(), now.tenant(), &now.integration, &BTreeSet::from([login("barred")]))
}

#[test]
fn accounts_are_put_back_as_they_were() {
    let saved = [account("ada").role("admin,hr"), account("bob"), account("cid").disabled(), account("dan"), account("same")];
    let rows = [account("ada"), account("bob").disabled(), account("cid"), account("new"), account("same")];
    assert_snapshot!(back(saved, &now(rows)), @r"
    ACME: 0 to create, 0 to update, 4 to restore, 0 to remove, 1 right already
      ^ ada@acme.com  restore admin, hr
      ^ bob@acme.com  restore user
      ^ cid@acme.com  restore user, disabled
      ^ dan@acme.com  restore user
    ");
}

#[test]
fn a_deleted_account_comes_back_with_all_its_properties() {
    let plan = back([account("ada").with("Phone", "1").expired()], &now([]));
    let [Action { change: Change::Restore { before: None, properties, .. }, .. }] = &plan.actions[..] else { panic!("{plan}") };
    assert_eq!(**properties, Map::from_iter([("Phone".to_owned(), "1".into()), ("ExpiryDate".to_owned(), "2020-01-31".into())]));
    assert_eq!(plan.actions[0].weight(), Weight::None);
}

#[test]
fn an_account_that_was_made_anew_since_gets_back_what_it_had() {
    let old = || {
        account("ada").with("_id", "old").with("_rev", 7).with("Phone", "1").with("Cost centre", "4711").with("Note", Value::Null).expired()
    };
    let new = || account("ada").with("Cost centre", "4711").with("Note", "new").with("Level", 3);
    let plan = back([old()], &now([new()]));
    assert_snapshot!(plan, @r"
    ACME: 0 to create, 0 to update, 1 to restore, 0 to remove, 0 right already
      ^ ada@acme.com  restore user, with ExpiryDate, Phone
    ");
    let action = &plan.actions[0];
    assert_eq!((action.weight(), action.is_expired_after()), (Weight::None, true));
    let trace = |row: Line| action.trace_in(&now([row]).current().unwrap());
    assert_eq!((trace(new()), trace(new().with("Phone", "1").expired())), (Trace::NotDone, Trace::Done));
    assert_eq!(back([old()], &now([old().with("_id", "new")])).unchanged, 1);
    assert_eq!(back([old()], &now([account("ada").with("_id", "old")])).unchanged, 1, "what people changed of the same row is theirs");
}

#[test]
fn what_is_protected_blocked_under_any_login_or_there_twice_is_left_alone() {
    let saved = ["breakglass", "ada", "bob", "barred"].map(|name| account(name).role("admin"));
    let rows = [account("breakglass"), account("ada"), account("bob"), account("bob").again(), account("barred").disabled()];
    let now = now(rows).blocking("ada");
    assert_eq!(back(saved, &now).actions, []);
}

#[test]
fn what_differs_and_is_left_alone_is_told() {
    let saved = ["breakglass", "ada", "bob", "barred"].map(account);
    let doubled = [account("bob"), account("bob").again(), account("cid"), account("cid").again()];
    assert_snapshot!(told(&back(saved, &now(doubled).blocking("ada")).findings), @r"
    duplicate_account bob@acme.com in ACME
    blocked ada@acme.com in ACME
    blocked barred@acme.com in ACME
    protected_differs breakglass@acme.com in ACME
    ");
    let as_they_were = || [account("breakglass"), account("ada").disabled(), account("barred").disabled()];
    assert_eq!(back(as_they_were(), &now(as_they_were()).blocking("ada")).findings, []);
}

#[test]
fn what_is_taken_back_counts_as_harm_like_any_other_loss() {
    let saved = || [account("ada"), account("bob").disabled(), account("cid")];
    let now = now([account("ada").role("admin"), account("bob"), account("cid").role("hr,user")]);
    let weights: Vec<_> = back(saved(), &now).actions.iter().map(Action::weight).collect();
    assert_eq!(weights, [Weight::Harm, Weight::Harm, Weight::Role]);
    let now = now.without_limits();
    let (approved, held) = now.guard_of(back(saved(), &now));
    assert_eq!(approved.actions().map(ToString::to_string).collect::<Vec<_>>(), ["~ ada@acme.com  +user"]);
    assert_eq!(held.len(), 3);
}

#[test]
fn an_account_that_is_to_be_switched_off_gains_no_role_on_the_way() {
    let now = now([account("ada")]).without_limits();
    let plan = back([account("ada").role("admin,user").disabled()], &now);
    assert_eq!(plan.actions[0].without_loss(), None);
    assert_eq!(now.guard_of(plan).0.actions().count(), 0);
}

#[test]
fn the_last_administrator_is_not_put_back_to_a_user() {
    let people = [user("ada").in_group("user")];
    let now = case(people, [account("ada").role("admin")]);
    let (_, held) = now.guard_of(back([account("ada")], &now));
    assert_eq!(held[0].why, domain::guard::HoldReason::LastAdmin);
}

#[test]
fn an_expired_administrator_who_is_put_back_replaces_nobody() {
    let now = case([user("ada").in_group("user")], [account("ada").role("admin")]);
    let held = |old: Line| now.guard_of(back([account("ada"), old], &now)).1.len();
    assert_eq!((held(account("old").role("admin")), held(account("old").role("admin").expired())), (0, 1));
}

#[test]
fn whoever_is_still_active_needs_no_second_read_to_be_put_back() {
    let plan = back([account("boss").role("user")], &now([]));
    assert_eq!(plan.actions[0].takes_from_active(&BTreeSet::new()), None);
}

#[test]
fn what_is_restored_leaves_its_trace() {
    let traces =
        |saved: Line, before: Vec<Line>, after: Vec<Line>| back([saved], &now(before)).actions[0].trace_in(&now(after).current().unwrap());
    let was = || account("ada").role("hr,user");
    assert_eq!(traces(was(), vec![], vec![was()]), Trace::Done);
    assert_eq!(traces(was(), vec![], vec![]), Trace::NotDone);
    assert_eq!(traces(was(), vec![], vec![account("ada")]), Trace::Unclear);
    assert_eq!(traces(was(), vec![], vec![was(), was().again()]), Trace::Unclear);
    assert_eq!(traces(was(), vec![account("ada")], vec![was()]), Trace::Done);
    assert_eq!(traces(was(), vec![account("ada")], vec![account("ada")]), Trace::NotDone);
    assert_eq!(traces(was().disabled(), vec![account("ada")], vec![was()]), Trace::NotDone);
}

#[test]
fn only_what_becomes_enabled_sends_its_owner_an_email() {
    let sends = |saved: Line, before: Vec<Line>| back([saved], &now(before)).actions[0].sends_activation();
    assert!(sends(account("ada"), vec![]));
    assert!(sends(account("ada"), vec![account("ada").disabled()]));
    assert!(!sends(account("ada").disabled(), vec![]));
    assert!(!sends(account("ada").role("hr"), vec![account("ada")]));
}

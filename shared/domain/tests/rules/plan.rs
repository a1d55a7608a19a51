use std::collections::BTreeSet;

use domain::group_name::Role;
use domain::integration::Deprovision;
use domain::login::Login;
use domain::plan::Trace;
use insta::assert_snapshot;

use crate::words::{account, case, login, told, user};

#[test]
fn a_plan_reads_like_a_plan() {
    let people = [
        user("ada").in_group("user").in_group("hr"),
        user("bob").in_group("admin"),
        user("cid").in_group("user"),
        user("dan").in_group("user"),
    ];
    let rows = [account("bob").role("user,Sales"), account("cid").disabled(), account("dan"), account("eve").role(""), account("fay")];
    assert_snapshot!(case(people, rows).plan(), @r"
    ACME: 1 to create, 2 to update, 2 to remove, 1 right already
      + ada@acme.com  hr, user
      ~ bob@acme.com  +admin -Sales -user
      ~ cid@acme.com  enable
      - eve@acme.com  was no role
      - fay@acme.com  was user
    ");
}

#[test]
fn what_is_as_desired_plans_nothing_in_whatever_order_its_roles_are() {
    let people = [user("ada").in_group("user").in_group("hr").in_group("admin")];
    let plan = case(people, [account("ada").role("hr, admin,user,hr")]).plan();
    assert_eq!((plan.actions, plan.unchanged), (vec![], 1));
}

#[test]
fn a_login_is_never_rewritten_for_its_case() {
    let plan = case([user("ada").in_group("user")], [account("ADA@Acme.COM")]).plan();
    assert_eq!((plan.actions, plan.unchanged), (vec![], 1));
}

#[test]
fn a_disabled_account_that_is_desired_is_enabled_again() {
    let people = || [user("ada").in_group("user").in_group("hr")];
    assert_snapshot!(case(people(), [account("ada").role("admin").disabled()]).plan(), @r"
    ACME: 0 to create, 1 to update, 0 to remove, 0 right already
      ~ ada@acme.com  enable +hr +user -admin
    ");
    let blank = case(people(), [account("ada").role("user,hr").with("Enabled", "")]).plan();
    assert_eq!(blank.actions[0].to_string(), "~ ada@acme.com  enable");
}

#[test]
fn a_leaver_is_disabled_once_where_the_integration_says_so() {
    let disable = |rows| case([user("ada").in_group("user")], rows).with(|acme| acme.deprovision = Deprovision::Disable).plan();
    assert_snapshot!(disable([account("ada"), account("bob").role("hr,user")]), @r"
    ACME: 0 to create, 0 to update, 1 to disable, 0 to remove, 1 right already
      o bob@acme.com  disable, was hr, user
    ");
    assert_eq!(disable([account("ada"), account("bob").disabled()]).actions, []);
    assert_eq!(disable([account("ada").disabled(), account("bob").disabled()]).actions[0].to_string(), "~ ada@acme.com  enable");
}

#[test]
fn a_disabled_leaver_is_deleted_where_leavers_are_deleted() {
    let plan = case([user("ada").in_group("user")], [account("ada"), account("bob").disabled()]).plan();
    assert_eq!(plan.actions[0].to_string(), "- bob@acme.com  was user");
}

#[test]
fn what_was_changed_by_hand_is_put_back() {
    let people = [user("removed").in_group("user"), user("demoted").in_group("admin"), user("disabled").in_group("user")];
    let rows = [account("added").role("admin"), account("demoted"), account("disabled").disabled()];
    assert_snapshot!(case(people, rows).plan(), @r"
    ACME: 1 to create, 2 to update, 1 to remove, 0 right already
      - added@acme.com  was admin
      ~ demoted@acme.com  +admin -user
      ~ disabled@acme.com  enable
      + removed@acme.com  user
    ");
}

#[test]
fn roles_are_corrected_to_the_case_of_the_group() {
    let rows = [account("ada").role("USER,sales")];
    assert_snapshot!(case([user("ada").in_group("user").in_group("Sales")], rows).plan(), @r"
    ACME: 0 to create, 1 to update, 0 to remove, 0 right already
      ~ ada@acme.com  +Sales +user -USER -sales
    ");
}

#[test]
fn a_protected_account_is_in_no_plan() {
    let rows = [account("breakglass").role("admin"), account("Anybody@ORGVUE.com"), account("eve@sub.orgvue.com")];
    assert_snapshot!(case([], rows).plan(), @r"
    ACME: 0 to create, 0 to update, 1 to remove, 0 right already
      - eve@sub.orgvue.com  was user
    ");
}

#[test]
fn a_protected_account_that_differs_from_the_directory_is_told() {
    let people = ["breakglass", "sync@orgvue.com", "new@orgvue.com", "same@orgvue.com"].map(|name| user(name).in_group("user"));
    let plan = case(people, [account("breakglass").role("admin"), account("same@orgvue.com")]).plan();
    assert_eq!(plan.actions, []);
    assert_snapshot!(told(&plan.findings), @r"
    protected_differs breakglass@acme.com in ACME
    protected_differs new@orgvue.com in ACME
    protected_differs sync@orgvue.com in ACME
    ");
}

#[test]
fn the_account_of_the_token_is_protected_without_being_listed() {
    let plan = case([], []).with(|acme| acme.protected = domain::integration::Protected::default()).plan();
    assert_eq!((plan.actions, plan.managed), (vec![], 0));
}

#[test]
fn an_expired_account_is_told_and_corrected_as_usual() {
    let people = [user("ada").in_group("user"), user("bob").in_group("admin")];
    let plan = case(people, [account("ada").expired(), account("bob").expired(), account("eve").expired()]).plan();
    assert_snapshot!(plan, @r"
    ACME: 0 to create, 1 to update, 1 to remove, 1 right already
      ~ bob@acme.com  +admin -user
      - eve@acme.com  was user
    ");
    assert_snapshot!(told(&plan.findings), @r"
    expired_in_orgvue ada@acme.com in ACME
    expired_in_orgvue bob@acme.com in ACME
    ");
}

#[test]
fn findings_are_sorted_whatever_comes_first_in_the_dataset() {
    let people = ["ada", "breakglass"].map(|name| user(name).in_group("user"));
    let plan = case(people, [account("ada").expired(), account("breakglass").disabled(), account("zoe"), account("zoe").again()]).plan();
    assert!(plan.findings.is_sorted());
    assert_snapshot!(told(&plan.findings), @r"
    duplicate_account zoe@acme.com in ACME
    protected_differs breakglass@acme.com in ACME
    expired_in_orgvue ada@acme.com in ACME
    ");
}

#[test]
fn a_disabled_account_is_never_let_in_with_the_roles_it_is_to_lose() {
    let plan = |before| case([user("ada").in_group("user")], [before]).plan();
    let returner = plan(account("ada").role("admin").disabled());
    assert_eq!(returner.actions[0].without_loss(), None);
    assert_eq!(returner.actions[0].takes_from_active(&BTreeSet::new()), None);
    let demoted = plan(account("ada").role("admin"));
    assert_eq!(demoted.actions[0].without_loss().unwrap().to_string(), "~ ada@acme.com  +user");
    assert!(demoted.actions[0].takes_from_active(&BTreeSet::new()).is_some());
}

#[test]
fn a_login_with_two_rows_is_untouched_desired_or_not() {
    let twice = |name| [account(name), account(name).again().role("admin").disabled()];
    let plan = case([user("ada").in_group("user")], twice("ada").into_iter().chain(twice("bob"))).plan();
    assert_eq!(plan.actions, []);
    assert_snapshot!(told(&plan.findings), @r"
    duplicate_account ada@acme.com in ACME
    duplicate_account bob@acme.com in ACME
    ");
}

#[test]
fn an_account_that_two_users_could_own_is_untouched_there_or_not() {
    let twins = ["one", "two"].map(|name| user(name).with_email("ada@acme.com").in_group("admin"));
    assert_eq!(case(twins.clone(), [account("ada").disabled()]).plan().actions, []);
    assert_eq!(case(twins, []).plan().actions, []);
}

#[test]
fn a_row_without_a_login_is_untouched() {
    let plan = case([user("ada").in_group("user")], [account("ada"), account("blank").with("Login", " ")]).plan();
    assert_eq!((plan.actions.len(), plan.findings.len()), (0, 1));
}

#[test]
fn managed_are_the_enabled_and_unprotected() {
    let rows = [account("ada"), account("bob").disabled(), account("breakglass"), account("cid").expired(), account("x@orgvue.com")];
    assert_eq!(case([], rows).plan().managed, 2);
}

#[test]
fn only_what_locks_somebody_out_is_harm() {
    for (before, groups, harm) in [
        (account("ada"), ["admin", "admin"], false),
        (account("ada").role("admin"), ["user", "user"], true),
        (account("ada").role("admin,user"), ["user", "user"], true),
        (account("ada").role("admin,user"), ["admin", "admin"], false),
        (account("ada").role("user,hr"), ["user", "user"], false),
        (account("ada").role("admin").disabled(), ["user", "user"], false),
        (account("ada").role("Admin"), ["admin", "admin"], false),
        (account("ada").role("ADMIN"), ["user", "hr"], true),
    ] {
        let plan = case([user("ada").in_group(groups[0]).in_group(groups[1])], [before]).plan();
        assert_eq!(plan.actions[0].is_harm(), harm, "{plan}");
    }
}

#[test]
fn a_platform_role_written_in_another_case_is_not_lost() {
    let plan = case([user("ada").in_group("admin")], [account("ada").role("Admin,hr")]).plan();
    assert_eq!(plan.actions[0].to_string(), "~ ada@acme.com  +admin -Admin -hr");
    assert_eq!(plan.actions[0].lost_roles().into_iter().collect::<Vec<_>>(), [Role::as_found("hr")]);
    assert_eq!(plan.actions[0].without_loss().unwrap().to_string(), "~ ada@acme.com  +admin -Admin");
}

#[test]
fn a_removal_names_the_user_who_is_still_active() {
    let plan = case([user("ada"), user("bob").inactive()], [account("ada"), account("bob"), account("eve")]).plan();
    let users: Vec<_> = plan.actions.iter().map(|action| action.user.as_ref().map(domain::ids::UserId::as_str)).collect();
    assert_eq!(users, [Some("ada"), None, None]);
}

/// What a dataset of these rows tells of each action of the plan.
fn traces(planned: &crate::words::Case, rows: impl IntoIterator<Item = crate::words::Line>) -> Vec<Trace> {
    let now = case([], rows).current().unwrap();
    planned.plan().actions.iter().map(|action| action.trace_in(&now)).collect()
}

/// Whether each action of the plan is done, when the dataset is this.
fn done(planned: &crate::words::Case, rows: impl IntoIterator<Item = crate::words::Line>) -> Vec<bool> {
    traces(planned, rows).into_iter().map(|trace| trace == Trace::Done).collect()
}

#[test]
fn a_write_is_done_when_the_dataset_is_as_it_would_make_it() {
    let planned = case([user("new").in_group("user"), user("old").in_group("admin")], [account("gone"), account("old")]);
    assert_eq!(done(&planned, [account("new"), account("old").role("admin")]), [true, true, true]);
    assert_eq!(done(&planned, [account("gone"), account("old")]), [false, false, false]);
    assert_eq!(done(&planned, [account("gone").again(), account("old").role("admin").disabled()]), [true, false, false]);
}

#[test]
fn a_creation_is_neither_repeated_nor_believed_where_the_login_is_there_and_differs() {
    let planned = case([user("ada").in_group("admin")], []);
    assert_eq!(traces(&planned, [account("ada").disabled()]), [Trace::Unclear]);
    assert_eq!(traces(&planned, [account("ada"), account("ada").again()]), [Trace::Unclear]);
}

#[test]
fn what_takes_an_account_away_is_not_done_while_its_login_is_there_twice() {
    let planned = |how| case([user("bob").in_group("user")], [account("ada"), account("bob")]).with(|acme| acme.deprovision = how);
    for how in [Deprovision::Delete, Deprovision::Disable] {
        assert_eq!(done(&planned(how), [account("ada"), account("ada").again()]), [false]);
    }
}

#[test]
fn a_disable_is_done_when_the_account_is_disabled_or_gone() {
    let planned =
        case([user("bob").in_group("user")], [account("ada"), account("bob")]).with(|acme| acme.deprovision = Deprovision::Disable);
    assert_eq!(done(&planned, [account("ada").disabled()]), [true]);
    assert_eq!(done(&planned, []), [true]);
    assert_eq!(done(&planned, [account("ada")]), [false]);
}

#[test]
fn the_case_of_a_created_login_is_the_directorys() {
    let plan = case([user("Ada@Acme.com").in_group("user")], []).plan();
    assert_eq!(plan.actions[0].login.as_str(), "Ada@Acme.com");
    assert_eq!(plan.actions[0].login, Login::as_found("ada@acme.com"));
    assert_eq!(plan.actions[0].login, login("ada"));
}

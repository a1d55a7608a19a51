use domain::desired::Desired;
use domain::guard::{Completeness, HoldReason, Scope, lists_are_believable};
use domain::ids::{DatasetId, DirectoryId};
use domain::integration::{Deprovision, Integration, Limits, Tenant};
use domain::login::Domain;
use insta::assert_snapshot;

use crate::words::{Case, Line, account, case, login, multi, rows, single, tenant, user};

/// `n_accounts` accounts, all as desired but for `n_leavers` whose users have gone.
fn leavers(n_leavers: usize, n_accounts: usize) -> Case {
    let name = |n| format!("u{n:03}");
    let people: Vec<_> = (n_leavers..n_accounts).map(|n| user(&name(n)).in_group("user")).collect();
    case(people, (0..n_accounts).map(|n| account(&name(n))))
}

/// How much harm is approved and how much is held, and why the first of it is.
fn counts(case: &Case) -> (usize, usize, Option<HoldReason>) {
    let (approved, held) = case.guard();
    (approved.actions().filter(|action| action.is_harm()).count(), held.len(), held.first().map(|held| held.why))
}

#[test]
fn the_limit_is_a_fifth_rounded_down_and_never_under_five() {
    let over = Some(HoldReason::OverLimit);
    for (n_leavers, n_accounts, expected) in [
        (5, 10, (5, 0, None)),
        (6, 10, (0, 6, over)),
        (5, 29, (5, 0, None)),
        (6, 29, (0, 6, over)),
        (6, 30, (6, 0, None)),
        (20, 100, (20, 0, None)),
        (21, 100, (0, 21, over)),
        (20, 104, (20, 0, None)),
        (21, 104, (0, 21, over)),
        (21, 105, (21, 0, None)),
    ] {
        assert_eq!(counts(&leavers(n_leavers, n_accounts)), expected, "{n_leavers} of {n_accounts}");
    }
}

#[test]
fn limits_are_configuration() {
    let limited = |percent, floor| {
        let limits = Limits { removals_percent: percent, removals_floor: floor };
        counts(&leavers(1, 100).with(|acme| acme.limits = limits)).0
    };
    assert_eq!((limited(0, 0), limited(1, 0), limited(0, 1), limited(100, 0)), (0, 1, 1, 1));
}

#[test]
fn the_base_of_the_limit_is_what_is_enabled_and_unprotected() {
    let with_disabled = |n_leavers| {
        let mut case = leavers(n_leavers, 50);
        case.rows.extend(rows((0..50).map(|n| account(&format!("d{n}@orgvue.com")))));
        case
    };
    assert_eq!(counts(&with_disabled(10)), (10, 0, None));
    assert_eq!(counts(&with_disabled(11)).0, 0);
    let mut disabled = leavers(6, 30);
    disabled.rows[29]["Enabled"] = false.into();
    assert_eq!(counts(&disabled).0, 0);
}

#[test]
fn removals_disables_and_demotions_share_the_limit() {
    let limits = Limits { removals_percent: 0, removals_floor: 2 };
    let people = ["ada", "bob", "zoe"].map(|name| user(name).in_group("user"));
    let rows = [account("ada").role("admin"), account("bob").role("admin,user"), account("eve"), account("zoe")];
    let case = case(people, rows).with(|acme| acme.limits = limits);
    assert_eq!(counts(&case), (0, 3, Some(HoldReason::OverLimit)));
    assert_eq!(counts(&case.with(|acme| acme.deprovision = Deprovision::Disable)), (0, 3, Some(HoldReason::OverLimit)));
}

#[test]
fn what_does_no_harm_is_written_while_the_harm_is_held() {
    let none = Limits { removals_percent: 0, removals_floor: 0 };
    let people = [
        user("boss").in_group("admin"),
        user("dem").in_group("user").in_group("hr"),
        user("new").in_group("user"),
        user("off").in_group("user"),
    ];
    let rows = [account("boss").role("admin"), account("dem").role("admin,it"), account("off").disabled(), account("out")];
    assert_snapshot!(case(people, rows).with(|acme| acme.limits = none).verdict(), @r"
    add ~ dem@acme.com  +hr +user
    add + new@acme.com  user
    add ~ off@acme.com  enable
    hold ~ dem@acme.com  +hr +user -admin -it  OverLimit
    hold - out@acme.com  was user  OverLimit
    ");
}

#[test]
fn a_held_demotion_that_adds_nothing_writes_nothing() {
    let none = Limits { removals_percent: 0, removals_floor: 0 };
    let rows = [account("boss").role("admin"), account("dem").role("admin,user")];
    let people = [user("boss").in_group("admin"), user("dem").in_group("user")];
    assert_snapshot!(case(people, rows).with(|acme| acme.limits = none).verdict(), @"hold ~ dem@acme.com  -admin  OverLimit");
}

#[test]
fn when_nothing_is_desired_all_harm_is_held() {
    assert_snapshot!(case([user("ada")], [account("ada"), account("bob").role("admin")]).verdict(), @r"
    hold - ada@acme.com  was user  NothingDesired
    hold - bob@acme.com  was admin  NothingDesired
    ");
}

#[test]
fn when_the_directory_looks_incomplete_all_harm_is_held() {
    let rows = [account("ada").role("admin"), account("bob").role("admin"), account("eve")];
    let case = case([user("ada").in_group("user"), user("bob").in_group("admin"), user("new").in_group("user")], rows);
    assert_snapshot!(Case { completeness: Completeness::Doubtful, ..case }.verdict(), @r"
    add ~ ada@acme.com  +user
    add + new@acme.com  user
    hold ~ ada@acme.com  +user -admin  DirectoryLooksIncomplete
    hold - eve@acme.com  was user  DirectoryLooksIncomplete
    ");
}

#[test]
fn a_count_is_doubtful_when_more_than_a_tenth_and_more_than_ten_are_missing() {
    let doubtful = |read, counted| Completeness::judge(read, Some(counted)) == Completeness::Doubtful;
    for (read, counted, expected) in [
        (0, 0, false),
        (0, 10, false),
        (0, 11, true),
        (90, 100, false),
        (89, 100, true),
        (900, 1_000, false),
        (899, 1_000, true),
        (7, 3, false),
    ] {
        assert_eq!(doubtful(read, counted), expected, "{read} of {counted}");
    }
    assert_eq!(Completeness::judge(0, None), Completeness::Plausible);
}

#[test]
fn a_new_scope_holds_removals_and_nothing_else() {
    let rows = [account("ada").role("admin"), account("bob").role("admin"), account("eve")];
    let case = case([user("ada").in_group("user"), user("bob").in_group("admin"), user("new").in_group("user")], rows);
    let case = Case { scope: Scope::New, ..case };
    assert_snapshot!(case.verdict(), @r"
    add + new@acme.com  user
    take ~ ada@acme.com  +user -admin
    hold - eve@acme.com  was user  NewScope
    ");
    assert_snapshot!(case.with(|acme| acme.deprovision = Deprovision::Disable).verdict(), @r"
    add + new@acme.com  user
    take ~ ada@acme.com  +user -admin
    hold o eve@acme.com  disable, was user  NewScope
    ");
}

#[test]
fn as_many_removals_are_held_as_there_are_users_without_a_usable_address() {
    let people = [user("x").without_email(), user("y").with_email("y"), user("zoe")].map(|person| person.in_group("user"));
    assert_snapshot!(case(people, ["ada", "bob", "cid", "zoe"].map(account)).verdict(), @r"
    take - cid@acme.com  was user
    hold - ada@acme.com  was user  UnknownOwner
    hold - bob@acme.com  was user  UnknownOwner
    ");
}

#[test]
fn an_unknown_owner_holds_no_demotion() {
    let people = [user("x").without_email().in_group("user"), user("ada").in_group("user"), user("bob").in_group("admin")];
    let rows = [account("ada").role("admin"), account("bob").role("admin")];
    assert_snapshot!(case(people, rows).verdict(), @"take ~ ada@acme.com  +user -admin");
}

#[test]
fn an_account_that_an_active_user_owns_is_the_last_to_be_held_for_an_unknown_owner() {
    let people = [user("x").without_email().in_group("user"), user("ada"), user("bob").in_group("user")];
    assert_snapshot!(case(people, ["ada", "bob", "zoe"].map(account)).verdict(), @r"
    take - ada@acme.com  was user
    hold - zoe@acme.com  was user  UnknownOwner
    ");
}

#[test]
fn an_active_user_whose_groups_were_not_read_again_loses_nothing() {
    let people = [user("ada"), user("bob").in_group("user"), user("cid").in_group("user"), user("zoe").in_group("admin")];
    let rows = [account("ada"), account("bob").role("admin"), account("cid").role("user,hr"), account("eve"), account("zoe").role("admin")];
    let case = case(people, rows).unconfirmed("ada").unconfirmed("bob").unconfirmed("cid");
    assert_snapshot!(case.verdict(), @r"
    add ~ bob@acme.com  +user
    take - eve@acme.com  was user
    hold - ada@acme.com  was user  Unconfirmed
    hold ~ bob@acme.com  +user -admin  Unconfirmed
    hold ~ cid@acme.com  -hr  Unconfirmed
    ");
}

#[test]
fn an_active_user_gains_without_a_second_read() {
    let case = case([user("ada").in_group("user").in_group("hr"), user("new").in_group("user")], [account("ada")]);
    assert_snapshot!(case.unconfirmed("ada").unconfirmed("new").verdict(), @r"
    add ~ ada@acme.com  +hr
    add + new@acme.com  user
    ");
}

#[test]
fn a_promotion_is_no_harm_and_a_demotion_is() {
    let none = Limits { removals_percent: 0, removals_floor: 0 };
    let people = [user("dem").in_group("user"), user("pro").in_group("admin")];
    let rows = [account("dem").role("admin"), account("pro")];
    assert_snapshot!(case(people, rows).with(|acme| acme.limits = none).verdict(), @r"
    add ~ dem@acme.com  +user
    add ~ pro@acme.com  +admin -user
    hold ~ dem@acme.com  +user -admin  OverLimit
    ");
}

#[test]
fn refuses_to_remove_the_last_admin() {
    let people = || [user("ada").in_group("user")];
    assert_snapshot!(case(people(), [account("ada"), account("boss").role("admin"), account("eve")]).verdict(), @r"
    take - eve@acme.com  was user
    hold - boss@acme.com  was admin  LastAdmin
    ");
    assert_snapshot!(case(people(), [account("ada").role("admin")]).verdict(), @r"
    add ~ ada@acme.com  +user
    hold ~ ada@acme.com  +user -admin  LastAdmin
    ");
    let disable = case(people(), [account("ada"), account("boss").role("admin")]).with(|acme| acme.deprovision = Deprovision::Disable);
    assert_snapshot!(disable.verdict(), @"hold o boss@acme.com  disable, was admin  LastAdmin");
}

#[test]
fn refuses_to_remove_the_last_admins_whatever_the_case_of_their_role() {
    let rows = [account("ada").role("Admin"), account("bob").role("ADMIN,hr"), account("cid")];
    assert_snapshot!(case([user("ada").in_group("user"), user("cid").in_group("user")], rows).verdict(), @r"
    add ~ ada@acme.com  +user
    hold ~ ada@acme.com  +user -Admin  LastAdmin
    hold - bob@acme.com  was ADMIN, hr  LastAdmin
    ");
}

#[test]
fn another_admin_lets_the_last_but_one_go() {
    let rows = [account("ada").role("admin"), account("boss").role("admin")];
    assert_snapshot!(case([user("ada").in_group("admin")], rows).verdict(), @"take - boss@acme.com  was admin");
}

#[test]
fn admins_who_cannot_be_used_do_not_count() {
    let admin = |name| account(name).role("admin");
    let readonly = || account("ada").role("admin,ReadOnly");
    for others in [
        vec![readonly()],
        vec![admin("ada").expired()],
        vec![admin("breakglass")],
        vec![admin("two"), admin("two").again()],
        vec![admin("ada").disabled()],
    ] {
        let people = [user("bob").in_group("user"), user("gone").in_group("hr")];
        let verdict = case(people, others.into_iter().chain([account("bob"), admin("boss")])).verdict();
        assert!(verdict.contains("hold - boss@acme.com  was admin  LastAdmin"), "{verdict}");
    }
}

#[test]
fn an_administrator_who_becomes_readonly_loses_admin() {
    let people = [user("boss").in_group("admin").in_group("hr").in_group("readonly")];
    assert_snapshot!(case(people.clone(), [account("boss").role("admin")]).verdict(), @r"
    add ~ boss@acme.com  +hr
    hold ~ boss@acme.com  +hr +readonly  LastAdmin
    ");
    let people = [&people[..], &[user("ada").in_group("admin")]].concat();
    let rows = [account("ada").role("admin"), account("boss").role("admin")];
    assert_snapshot!(case(people, rows).verdict(), @"take ~ boss@acme.com  +hr +readonly");
}

#[test]
fn what_an_addition_must_make_up_for_relies_on_it() {
    let relies = |case: Case, refused: &[&str]| {
        let (additions, harm) = case.guard().0.split();
        harm.relies_on(&additions, &refused.iter().map(|name| login(name)).collect())
    };
    let successor = || case([user("new").in_group("admin")], [account("boss").role("admin")]);
    assert!(relies(successor(), &[]) && !relies(successor(), &["new"]));
    let renamed = |rows: &[Line]| case([user("new").in_group("user")], rows.to_vec()).formerly("new", "old");
    assert!(relies(renamed(&[account("old")]), &[]) && !relies(renamed(&[account("old"), account("new").role("hr,user")]), &[]));
    assert!(!relies(case([user("new").in_group("user")], [account("old")]), &[]));
}

#[test]
fn an_expired_account_gains_nothing_from_being_made_admin() {
    let case = case([user("ada").in_group("admin")], [account("ada").expired(), account("boss").role("admin")]);
    assert_snapshot!(case.verdict(), @r"
    add ~ ada@acme.com  +admin -user
    hold - boss@acme.com  was admin  LastAdmin
    ");
}

#[test]
fn a_new_admin_that_orgvue_refuses_does_not_cost_the_old_one() {
    let case = case([user("new").in_group("admin"), user("boss").in_group("user")], [account("boss").role("admin"), account("eve")]);
    assert_snapshot!(case.verdict(), @r"
    add + new@acme.com  admin
    take ~ boss@acme.com  +user -admin
    take - eve@acme.com  was user
    ");
    assert_snapshot!(case.verdict_if_refused(&["new"]), @r"
    add + new@acme.com  admin
    take ~ boss@acme.com  +user
    take - eve@acme.com  was user
    hold late ~ boss@acme.com  +user -admin  LastAdmin
    ");
}

#[test]
fn one_of_two_new_admins_is_enough() {
    let people = [user("new").in_group("admin"), user("pro").in_group("admin")];
    let case = case(people, [account("boss").role("admin"), account("pro").disabled()]);
    for refused in ["new", "pro"] {
        assert!(case.verdict_if_refused(&[refused]).contains("take - boss"));
    }
    assert!(case.verdict_if_refused(&["new", "pro"]).contains("hold late - boss"));
}

#[test]
fn where_nobody_administers_nobody_is_held_for_it() {
    let case = case([user("ada").in_group("user")], [account("ada"), account("boss").role("admin").disabled()]);
    assert_snapshot!(case.verdict(), @"take - boss@acme.com  was admin");
}

#[test]
fn what_is_approved_can_be_listed_without_writing_it() {
    let (approved, _) = case([user("new").in_group("user")], [account("old")]).guard();
    let actions: Vec<_> = approved.actions().map(ToString::to_string).collect();
    assert_eq!(actions, ["+ new@acme.com  user", "- old@acme.com  was user"]);
    assert!(approved.actions().any(|action| action.is_harm()));
}

#[test]
fn the_scope_is_what_decides_whose_account_a_group_means() {
    let acme = || multi(&["ACME", "BETA=B"]);
    let prefixed = |prefix: &str| Integration { prefix: prefix.to_owned(), ..acme() };
    let limits = Limits { removals_percent: 1, removals_floor: 1 };
    let same = [Integration { limits, ..acme() }, prefixed("iamapp_orgvue_scim_"), multi(&["ACME", "BETA=b"])];
    assert!(same.iter().all(|integration| integration.scope() == acme().scope()));
    let domains = [Domain::parse("acme.com").unwrap()].into();
    let others = [Integration { domains, ..acme() }, prefixed("IMAPP_Orgvue_SCIM_"), multi(&["ACME", "BETA"]), multi(&["ACME"]), single()];
    let elsewhere = Integration { directory: DirectoryId::parse("directory_02OTHER").unwrap(), ..acme() };
    let moved = Integration {
        tenants: vec![Tenant { dataset: DatasetId::parse("F97434FC-D1B0-701E-D310-A44CC4C84947").unwrap(), ..acme().tenants[0].clone() }],
        ..acme()
    };
    assert!([elsewhere, moved].iter().all(|integration| integration.scope() != acme().scope()));
    assert!(others.iter().all(|integration| integration.scope() != acme().scope()));
}

#[test]
fn every_reason_is_stable_in_records_and_explains_itself() {
    assert_eq!(
        serde_json::to_string(HoldReason::ALL).unwrap(),
        r#"["nothing_desired","directory_looks_incomplete","over_limit","roles_over_limit","new_scope","unknown_owner","unconfirmed","renamed_not_created","last_admin","held_set_lost"]"#
    );
    assert!(HoldReason::ALL.iter().all(|why| !why.explain().is_empty()));
}

#[test]
fn lists_that_many_or_all_users_contradict_are_not_believed() {
    let somebody = case([user("ada").in_group("user")], []).decision().tenants.remove(&tenant("ACME")).unwrap();
    let nobody = Desired::default();
    assert!([0, 1, 3].into_iter().all(|n_users| lists_are_believable(&somebody, n_users)));
    assert!(!lists_are_believable(&somebody, 4));
    assert!(lists_are_believable(&nobody, 0) && !lists_are_believable(&nobody, 1));
}

//! What the last read saw.

use std::collections::BTreeSet;

use domain::directory::Directory;
use domain::finding::{Finding, FindingCode};
use domain::ids::{GroupId, RunId, TenantId, UserId};
use domain::login::Login;
use domain::snapshot::{Snapshot, Undone};
use insta::assert_snapshot;

use crate::words::{PREFIX, Person, account, case, directory, login, multi, seen, single, tenant, told, user};

/// What the next run sees that leaves the renames of these undone.
fn next(before: &Snapshot, people: impl IntoIterator<Item = Person>, renamed: &[&str]) -> Snapshot {
    let renamed = renamed.iter().map(|name| UserId::new(*name)).collect();
    take(before, people, Undone { renamed: &renamed, holds: false })
}

fn take(before: &Snapshot, people: impl IntoIterator<Item = Person>, undone: Undone<'_>) -> Snapshot {
    Snapshot::take(&directory(people), &single(), &RunId::new("next run"), 1, Some(before), undone)
}

fn logins_of(snapshot: &Snapshot, name: &str) -> Vec<Login> {
    snapshot.users[&UserId::new(name)].logins().into_iter().collect()
}

fn names(snapshot: &Snapshot) -> Vec<&str> {
    snapshot.groups.values().map(String::as_str).collect()
}

#[test]
fn a_snapshot_holds_the_users_of_groups_that_give_something_and_nobody_else() {
    let people = [
        user("ada").in_group("user").in_group("hr"),
        user("bob").in_group_named("Everyone"),
        user("cid").in_group(""),
        user("dan"),
        user("eve").in_group("user").inactive(),
    ];
    let snapshot = seen(people, &single());
    assert_eq!(snapshot.users.keys().map(UserId::as_str).collect::<Vec<_>>(), ["ada", "eve"]);
    assert_eq!(names(&snapshot), ["IAMAPP_Orgvue_SCIM_hr", "IAMAPP_Orgvue_SCIM_user"]);
    assert_eq!(snapshot.users[&UserId::new("ada")].groups.len(), 2);
    assert!(!snapshot.users[&UserId::new("eve")].active);
}

#[test]
fn a_newcomer_is_an_active_member_with_an_address_that_was_not_theirs() {
    let before = seen([user("ada").in_group("user"), user("bob").in_group("user"), user("eve").in_group("user").inactive()], &single());
    let now = [
        user("ada").in_group("admin"),
        user("bob").with_email("zed@acme.com").in_group("user"),
        user("cid").in_group("user"),
        user("dan").in_group("user").inactive(),
        user("eve").in_group("user"),
    ];
    let now = directory(now);
    let names: Vec<_> = before.newcomers(&now).into_iter().map(|user| user.id.as_str()).collect();
    assert_eq!(names, ["bob", "cid", "eve"]);
}

#[test]
fn the_former_login_is_kept_until_the_account_under_it_is_gone() {
    let ada = |email| [user("ada").with_email(email).in_group("user")];
    let first = seen(ada("ada@acme.com"), &single());
    let unfinished = next(&first, ada("eve@acme.com"), &["ada"]);
    assert_eq!(logins_of(&unfinished, "ada"), [login("ada"), login("eve")]);
    let still = next(&unfinished, ada("zoe@acme.com"), &["ada"]);
    assert_eq!(logins_of(&still, "ada"), [login("ada"), login("eve"), login("zoe")]);
    assert_eq!(logins_of(&next(&still, ada("zoe@acme.com"), &[]), "ada"), [login("zoe")]);
}

#[test]
fn a_user_who_lost_the_address_is_known_by_the_one_of_before_for_as_long_as_it_takes() {
    let first = seen([user("ada").in_group("user")], &single());
    let without = next(&first, [user("ada").without_email().in_group("user")], &[]);
    let nonsense = next(&without, [user("ada").with_email("nonsense").in_group("user")], &[]);
    assert_eq!([&without, &nonsense].map(|snapshot| logins_of(snapshot, "ada")), [[login("ada")], [login("ada")]]);
    assert_eq!(logins_of(&seen([user("ada").without_email().in_group("user")], &single()), "ada"), []);
}

#[test]
fn a_blocked_address_of_before_is_never_forgotten() {
    let ada = |email| [user("ada").with_email(email).in_group("user")];
    let acme = case([], []).blocking("ada").integration;
    let first = seen(ada("ada@acme.com"), &acme);
    let undone = Undone { renamed: &BTreeSet::new(), holds: false };
    let later = Snapshot::take(&directory(ada("eve@acme.com")), &acme, &RunId::new("2"), 2, Some(&first), undone);
    assert_eq!(logins_of(&later, "ada"), [login("ada"), login("eve")]);
}

#[test]
fn who_is_blocked_is_known_again_however_long_the_absence() {
    let ada = |email| user("ada").with_email(email).with_idp_id("idp_ada").in_group("user");
    let acme = case([], []).blocking("ada").integration;
    let next = |before: &Snapshot, people: Vec<Person>| {
        let undone = Undone { renamed: &BTreeSet::new(), holds: false };
        Snapshot::take(&directory(people), &acme, &RunId::new("next"), 1, Some(before), undone)
    };
    let first = seen([ada("ada@acme.com")], &acme);
    let outside = next(&first, vec![user("ada").with_idp_id("idp_ada")]);
    let gone = next(&outside, vec![user("zoe").in_group("user")]);
    assert!(!gone.users[&UserId::new("ada")].active);
    assert_eq!(gone.blocked_logins(&acme), BTreeSet::from([login("ada")]));
    let other_id = user("new").with_email("eve@acme.com").with_idp_id("idp_ada").in_group("user");
    for (id, person) in [("ada", ada("eve@acme.com")), ("new", other_id)] {
        let back = directory([person.clone()]);
        assert_eq!(gone.former_logins(&back)[&UserId::new(id)], BTreeSet::from([login("ada")]));
        assert_eq!(gone.newcomers(&back).len(), 1);
        let again = next(&gone, vec![person]);
        assert_eq!((again.users.len(), again.blocked_logins(&acme)), (1, BTreeSet::from([login("ada"), login("eve")])));
    }
    let unblocked =
        Snapshot::take(&directory([]), &single(), &RunId::new("3"), 3, Some(&gone), Undone { renamed: &BTreeSet::new(), holds: false });
    assert!(unblocked.users.is_empty());
}

#[test]
fn who_is_in_no_group_any_more_is_known_again_while_something_is_held() {
    let ada = |id: &str, email| user(id).with_email(email).with_idp_id("idp_ada");
    let before = seen([ada("ada", "ada@acme.com").in_group("user")], &single());
    let after = |holds| take(&before, [ada("ada", "eve@acme.com")], Undone { renamed: &BTreeSet::new(), holds });
    assert!(after(false).users.is_empty());
    assert_eq!(logins_of(&after(true), "ada"), [login("ada")]);
    let back = next(&after(true), [ada("new", "zoe@acme.com").in_group("user")], &["new"]);
    assert_eq!((back.users.len(), logins_of(&back, "new")), (1, vec![login("ada"), login("zoe")]));
}

#[test]
fn a_renamed_group_keeps_its_old_name_while_something_is_held() {
    let hr = |name: &str| [user("ada").in_group("user").in_renamed_group("hr", name)];
    let before = seen(hr("IAMAPP_Orgvue_SCIM_hr"), &single());
    let renamed = |holds| take(&before, hr("Payroll"), Undone { renamed: &BTreeSet::new(), holds });
    assert_eq!(names(&renamed(true)), ["IAMAPP_Orgvue_SCIM_hr", "IAMAPP_Orgvue_SCIM_user"]);
    assert_eq!(names(&renamed(false)), ["IAMAPP_Orgvue_SCIM_user"]);
    let deleted = take(&before, [user("ada").in_group("user")], Undone { renamed: &BTreeSet::new(), holds: true });
    assert_eq!(names(&deleted), ["IAMAPP_Orgvue_SCIM_user"]);
}

/// The findings about groups when the group `hr` has this name.
fn renamed_to(name: &str) -> Vec<Finding> {
    let before = seen([user("ada").in_group("hr")], &single());
    before.renamed_groups(&directory([user("ada").in_renamed_group("hr", name)]), &single())
}

#[test]
fn a_group_that_was_renamed_out_of_the_prefix_is_named_beside_what_is_held_for_it() {
    let boss = || [user("boss").in_group("admin")];
    let six = |group: &str, name: &str| -> Vec<_> {
        let person = |n| user(&format!("u{n}")).in_renamed_group(group, name);
        (0..6).map(person).chain(boss()).collect()
    };
    let rows = (0..6).map(|n| account(&format!("u{n}"))).chain([account("boss").role("admin")]);
    let (before, after) = (six("user", &format!("{PREFIX}user")), six("user", "Staff"));
    let case = case(after.clone(), rows);
    assert_eq!(case.verdict().matches("OverLimit").count(), 6);
    let findings = seen(before, &single()).renamed_groups(&directory(after), &single());
    assert_snapshot!(told(&findings), @"group_renamed Staff in ACME");
    assert!(findings[0].message.starts_with(
        r#"the group was "IAMAPP_Orgvue_SCIM_user" and gave the role user in ACME; now it gives nothing; rename the group back"#
    ));
}

#[test]
fn a_group_of_another_role_that_was_renamed_is_named_and_its_losses_are_held() {
    let six = |name: &str| -> Vec<_> { (0..6).map(|n| user(&format!("u{n}")).in_group("user").in_renamed_group("hr", name)).collect() };
    let case = case(six("Payroll"), (0..6).map(|n| account(&format!("u{n}")).role("hr,user")));
    assert_eq!(case.verdict().matches("RolesOverLimit").count(), 6);
    let findings = seen(six(&format!("{PREFIX}hr")), &single()).renamed_groups(&directory(six("Payroll")), &single());
    assert_snapshot!(told(&findings), @"group_renamed Payroll in ACME");
}

#[test]
fn a_group_that_gives_something_else_under_its_new_name_is_told() {
    assert!(renamed_to(&format!("{PREFIX}it"))[0].message.contains("now it gives the role it in ACME"));
    assert_eq!(renamed_to(&format!("{PREFIX}HR")).len(), 1, "another case is another role");
    let acme = multi(&["ACME", "BETA"]);
    let moved = directory([user("ada").in_renamed_group("ACME_hr", &format!("{PREFIX}BETA_hr"))]);
    let findings = seen([user("ada").in_group("ACME_hr")], &acme).renamed_groups(&moved, &acme);
    assert!(findings[0].message.contains("gave the role hr in ACME; now it gives the role hr in BETA"));
    assert_eq!(findings[0].tenant, Some(tenant("ACME")));
}

#[test]
fn a_rename_that_gives_the_same_is_none_and_neither_is_a_deleted_group() {
    assert_eq!(renamed_to("iamapp_ORGVUE_scim_hr"), []);
    let before = seen([user("ada").in_group("hr").in_group("USER")], &single());
    assert_eq!(before.renamed_groups(&directory([user("ada").in_renamed_group("USER", &format!("{PREFIX}user"))]), &single()), []);
}

#[test]
fn a_group_that_another_prefix_made_ours_was_not_renamed() {
    let before = seen([user("ada").in_group("hr")], &single());
    let moved = domain::integration::Integration { prefix: "ORG_".to_owned(), ..single() };
    assert_eq!(before.renamed_groups(&directory([user("ada").in_group("hr")]), &moved), []);
}

fn finding(code: FindingCode, name: &str, id: &str) -> Finding {
    Finding::new(code, "x").login(&login(name)).tenant(&tenant(id))
}

/// The findings of the run at 20, when one at 10 found these.
fn carried(before: Vec<Finding>, found: Vec<Finding>, others: &[&str]) -> Vec<Finding> {
    let before = Snapshot { findings: Snapshot::carried(None, before, &BTreeSet::new(), 10), ..seen([], &single()) };
    let others: BTreeSet<TenantId> = others.iter().map(|id| tenant(id)).collect();
    Snapshot::carried(Some(&before), found, &others, 20)
}

#[test]
fn a_finding_keeps_its_date_while_every_run_finds_it() {
    let expired = |name| finding(FindingCode::ExpiredInOrgvue, name, "ACME");
    let findings = carried(vec![expired("ada"), expired("bob")], vec![expired("ada"), expired("cid")], &[]);
    let since: Vec<_> = findings.iter().map(|found| (found.login.clone().unwrap(), found.since_ms.unwrap())).collect();
    assert_eq!(since, [(login("ada"), 10), (login("cid"), 20)]);
}

#[test]
fn a_finding_of_one_tenant_says_nothing_of_another() {
    let expired = |id| finding(FindingCode::ExpiredInOrgvue, "ada", id);
    let findings = carried(vec![expired("ACME")], vec![expired("ACME"), expired("BETA")], &[]);
    assert_eq!(findings.iter().map(|found| found.since_ms.unwrap()).collect::<Vec<_>>(), [10, 20]);
}

#[test]
fn a_finding_in_other_words_is_the_same_matter() {
    let found = Finding { message: "other words".to_owned(), groups: vec!["G".to_owned()], ..finding(FindingCode::NoEmail, "ADA", "ACME") };
    assert_eq!(carried(vec![finding(FindingCode::NoEmail, "ada", "ACME")], vec![found], &[])[0].since_ms, Some(10));
}

#[test]
fn what_is_wrong_with_a_dataset_stays_told_while_no_run_works_on_the_tenant() {
    let expired = |id| finding(FindingCode::ExpiredInOrgvue, "ada", id);
    let no_role = finding(FindingCode::NoPlatformRole, "ada", "BETA");
    let blocked = |id| finding(FindingCode::Blocked, "eve", id);
    let findings = carried(vec![expired("ACME"), expired("BETA"), blocked("ACME"), blocked("BETA"), no_role], vec![], &["BETA"]);
    assert_snapshot!(told(&findings), @r"
    expired_in_orgvue ada@acme.com in BETA
    blocked eve@acme.com in BETA
    ");
    assert_eq!(findings.iter().map(|found| found.since_ms).collect::<Vec<_>>(), [Some(10); 2]);
}

/// What was found when Ada was in no group of ours, and had no role in ACME.
fn outsiders(members: &Directory) -> Vec<Finding> {
    let found = |code| Finding::new(code, "x").user(&UserId::new("ada"));
    let findings = vec![
        found(FindingCode::NoTenant),
        found(FindingCode::NoPlatformRole).tenant(&tenant("ACME")),
        Finding::new(FindingCode::NoTenant, "1,001 users"),
    ];
    Snapshot { findings, ..seen([], &single()) }.outsiders(members)
}

#[test]
fn what_was_found_of_outsiders_stays_until_they_are_members() {
    let told = |members: &Directory| outsiders(members).into_iter().map(|found| (found.user.is_some(), found.tenant)).collect::<Vec<_>>();
    assert_eq!(told(&directory([user("bob").in_group("user")])), [(true, None), (false, None)]);
    assert_eq!(told(&directory([user("ada").in_group("user")])), [(false, None)]);
}

#[test]
fn the_members_do_not_tell_of_an_address_that_an_outsider_may_share() {
    let with = |findings| Snapshot { findings, ..seen([], &single()) };
    assert!(with(vec![finding(FindingCode::NoEmail, "ada", "ACME")]).is_told_by_members());
    assert!(!with(vec![finding(FindingCode::DuplicateLogin, "ada", "ACME")]).is_told_by_members());
}

#[test]
fn a_person_who_is_erased_is_in_no_snapshot() {
    let snapshot = seen([user("ada").in_group("user"), user("bob").in_group("user")], &single());
    let findings = ["ada", "bob"].map(|name| finding(FindingCode::NoEmail, name, "ACME")).into();
    let snapshot = Snapshot { findings, ..snapshot }.without(&login("ADA"));
    assert_eq!((snapshot.users.len(), snapshot.findings.len()), (1, 1));
    assert!(!serde_json::to_string(&snapshot).unwrap().contains("ada@"));
}

/// What version 1 looks like in the table. It stays as long as one of them may be read.
const VERSION_1: &str = r#"{
  "v": 1,
  "run": "0199b3c0-0000-7000-8000-000000000001",
  "at_ms": 1763800000000,
  "groups": {
    "directory_group_1": "IAMAPP_Orgvue_SCIM_user"
  },
  "users": {
    "directory_user_1": {
      "idp_id": "00u1",
      "login": "Ada@acme.com",
      "active": true,
      "groups": [
        "directory_group_1"
      ]
    },
    "directory_user_2": {
      "active": false,
      "groups": []
    }
  },
  "findings": [
    {
      "code": "no_email",
      "user": "directory_user_2",
      "tenant": "ACME",
      "groups": [
        "IAMAPP_Orgvue_SCIM_user"
      ],
      "since_ms": 1763700000000,
      "message": "the user has no e-mail address"
    }
  ]
}"#;

#[test]
fn version_1_is_read_and_written_the_same() {
    let snapshot: Snapshot = serde_json::from_str(VERSION_1).unwrap();
    assert_eq!(serde_json::to_string_pretty(&snapshot).unwrap(), VERSION_1);
    assert_eq!(snapshot.groups[&GroupId::new("directory_group_1")], "IAMAPP_Orgvue_SCIM_user");
    assert_eq!(logins_of(&snapshot, "directory_user_1"), [login("ada")]);
}

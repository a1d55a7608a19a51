use domain::desired::{Decision, desired};
use domain::finding::FindingCode;
use domain::integration::Integration;
use domain::login::Domain;
use insta::assert_snapshot;

use crate::words::{Person, directory, login, multi, single, tenant, told, user, wanted};

fn decide(integration: &Integration, people: impl IntoIterator<Item = Person>) -> Decision {
    desired(&directory(people), integration)
}

#[test]
fn the_guides_table_of_six() {
    let guide = |integration| Integration { prefix: "IMAPP_Orgvue_SCIM_".to_owned(), ..integration };
    let testuser = |n, groups: &[&str]| {
        let person = user(&format!("testuser{n}@testOrg.com"));
        groups.iter().fold(person, |person, group| person.in_group_named(&format!("IMAPP_Orgvue_SCIM_{group}")))
    };
    let single = decide(
        &guide(single()),
        [
            testuser(1, &["user"]),
            testuser(2, &["admin"]),
            testuser(3, &["user", "Retail", "ManagerRetail"]),
            testuser(5, &["training", "Tech"]),
        ],
    );
    assert_snapshot!(wanted(&single), @r"
    ACME testuser1@testOrg.com user
    ACME testuser2@testOrg.com admin
    ACME testuser3@testOrg.com ManagerRetail,Retail,user
    ");
    assert_snapshot!(told(&single.findings), @"no_platform_role testuser5@testOrg.com in ACME");

    let multi = decide(&guide(multi(&["MYTENANT"])), [testuser(4, &["MyTenant_admin"]), testuser(6, &["MyTenant_EuropeFinance"])]);
    assert_snapshot!(wanted(&multi), @"MYTENANT testuser4@testOrg.com admin");
    assert_snapshot!(told(&multi.findings), @"no_platform_role testuser6@testOrg.com in MYTENANT");
}

#[test]
fn the_longest_tenant_wins_and_a_tenant_without_a_role_gives_nothing() {
    let people = [user("ada").in_group("ACME_EU_user"), user("bob").in_group("ACME_EU"), user("cid").in_group("ACME_user")];
    let decision = decide(&multi(&["ACME", "ACME_EU"]), people);
    assert_snapshot!(wanted(&decision), @r"
    ACME cid@acme.com user
    ACME_EU ada@acme.com user
    ");
    assert_snapshot!(told(&decision.findings), @r"
    no_tenant bob@acme.com
    empty_role IAMAPP_Orgvue_SCIM_ACME_EU
    ");
}

#[test]
fn case_means_nothing_in_prefix_tenant_and_platform_role_and_something_in_every_other_role() {
    let ada = user("ada").in_group_named("iamapp_orgvue_scim_acme_USER").in_group("Acme_Admin").in_group("ACME_hrPartner");
    assert_snapshot!(wanted(&decide(&multi(&["ACME"]), [ada])), @"ACME ada@acme.com admin,hrPartner,user");
}

#[test]
fn either_spelling_of_the_prefix_is_configuration_and_the_other_one_is_not_ours() {
    let (one, other) = ("IAMAPP_Orgvue_SCIM_", "IMAPP_Orgvue_SCIM_");
    for (configured, used, n_accounts) in [(one, one, 1), (other, other, 1), (one, other, 0), (other, one, 0)] {
        let integration = Integration { prefix: configured.to_owned(), ..single() };
        let decision = decide(&integration, [user("ada").in_group_named(&format!("{used}user"))]);
        assert_eq!(decision.tenants[&tenant("ACME")].accounts.len(), n_accounts, "{configured} {used}");
        assert_eq!(decision.findings.len(), 1 - n_accounts);
    }
}

#[test]
fn a_role_from_two_groups_is_one_and_both_platform_roles_are_kept() {
    let ada = user("ada").in_group("user").in_group("User").in_group("ADMIN");
    let decision = decide(&single(), [ada]);
    assert_snapshot!(wanted(&decision), @"ACME ada@acme.com admin,user");
    assert_eq!(decision.findings, []);
}

#[test]
fn roles_that_differ_by_case_are_both_kept_with_a_warning() {
    let decision = decide(&single(), [user("ada").in_group("user").in_group("Sales"), user("bob").in_group("user").in_group("sales")]);
    assert_snapshot!(wanted(&decision), @r"
    ACME ada@acme.com Sales,user
    ACME bob@acme.com sales,user
    ");
    assert_snapshot!(told(&decision.findings), @"roles_differ_by_case IAMAPP_Orgvue_SCIM_sales in ACME");
}

#[test]
fn roles_that_differ_by_case_in_two_tenants_are_nobodys_business() {
    let decision = decide(&multi(&["ACME", "BETA"]), [user("ada").in_group("ACME_Sales").in_group("BETA_sales").in_group("ACME_user")]);
    assert!(decision.findings.iter().all(|finding| finding.code != FindingCode::RolesDifferByCase));
}

#[test]
fn only_active_users_count() {
    let decision = decide(&single(), [user("ada").in_group("user").inactive(), user("bob").inactive()]);
    assert_eq!((wanted(&decision), decision.findings), (String::new(), vec![]));
}

#[test]
fn a_recycled_address_belongs_to_the_active_user() {
    let leaver = user("leaver").with_email("ada@acme.com").in_group("admin").inactive();
    let decision = decide(&single(), [leaver, user("ada").in_group("user")]);
    assert_snapshot!(wanted(&decision), @"ACME ada@acme.com user");
    assert_eq!(decision.findings, []);
}

#[test]
fn users_in_no_orgvue_group_lack_the_platform_role_or_the_tenant() {
    let people = || [user("ada"), user("bob").in_group_named("Everyone"), user("cid").without_email(), user("dan").with_email(" ")];
    assert_snapshot!(told(&decide(&single(), people()).findings), @r"
    no_platform_role cid
    no_platform_role dan
    no_platform_role ada@acme.com
    no_platform_role bob@acme.com
    ");
    assert_snapshot!(told(&decide(&multi(&["ACME"]), people()).findings), @r"
    no_tenant cid
    no_tenant dan
    no_tenant ada@acme.com
    no_tenant bob@acme.com
    ");
}

#[test]
fn who_has_no_address_is_named_by_the_identity_providers_id() {
    let people = [user("ada").with_idp_id("00u1").in_group("hr"), user("cid").without_email().with_idp_id("00u2").in_group("user")];
    let findings = decide(&single(), people).findings;
    let named: Vec<_> = findings.iter().map(|finding| (finding.code.as_str(), finding.idp_id.as_deref())).collect();
    assert_eq!(named, [("no_platform_role", None), ("no_email", Some("00u2"))]);
}

#[test]
fn above_a_thousand_users_in_no_orgvue_group_are_one_finding_with_their_number() {
    let crowd = |n_users| (0..n_users).map(|n| user(&format!("u{n}"))).chain([user("ada").in_group("user")]);
    assert_eq!(decide(&single(), crowd(1_000)).findings.len(), 1_000);
    let decision = decide(&single(), crowd(1_001));
    assert_snapshot!(told(&decision.findings), @"no_platform_role");
    assert!(decision.findings[0].message.starts_with("1001 users are in no Orgvue group; "), "{}", decision.findings[0].message);
    assert_snapshot!(wanted(&decision), @"ACME ada@acme.com user");
}

#[test]
fn an_address_outside_the_domains_gets_no_account() {
    let acme = Integration { domains: [Domain::parse("acme.com").unwrap()].into(), ..single() };
    let people = [user("ada@ACME.com"), user("bob@sub.acme.com"), user("eve@acme.com.evil.org")].map(|person| person.in_group("user"));
    let decision = decide(&acme, people);
    assert_snapshot!(wanted(&decision), @"ACME ada@ACME.com user");
    assert_snapshot!(told(&decision.findings), @r"
    domain_not_allowed bob@sub.acme.com in ACME
    domain_not_allowed eve@acme.com.evil.org in ACME
    ");
    assert_eq!(decision.tenants[&tenant("ACME")].unknown_owners.len(), 0);
}

#[test]
fn one_address_of_two_active_users_is_untouched_in_every_tenant() {
    let people = [user("ada1").with_email("ada@acme.com").in_group("ACME_user"), user("ada2").with_email(" Ada@Acme.com")];
    let decision = decide(&multi(&["ACME", "BETA"]), people);
    assert_eq!(wanted(&decision), "");
    assert!(decision.tenants.values().all(|desired| desired.untouched.contains(&login("ada"))));
    assert_snapshot!(told(&decision.findings), @r"
    no_tenant Ada@Acme.com
    duplicate_login ada@acme.com
    duplicate_login ada@acme.com
    ");
}

#[test]
fn users_without_a_usable_address_are_told_and_counted_as_unknown_owners() {
    let people = [
        user("no").without_email(),
        user("blank").with_email(" \t"),
        user("bad").with_email("ada@localhost"),
        user("hidden").with_email("ada\u{200b}@acme.com"),
    ];
    let mut people: Vec<_> = people.map(|person| person.in_group("user")).into();
    people.push(user("no right to an account").without_email().in_group("hr"));
    let decision = decide(&single(), people);
    assert_snapshot!(told(&decision.findings).escape_debug().to_string().replace("\\n", "\n"), @r"
    no_platform_role no right to an account in ACME
    no_email blank in ACME
    no_email no in ACME
    invalid_email ada@localhost in ACME
    invalid_email ada\u{200b}@acme.com in ACME
    ");
    assert_eq!(decision.tenants[&tenant("ACME")].unknown_owners.len(), 4);
    assert_eq!(wanted(&decision), "");
}

#[test]
fn an_unknown_owner_counts_in_the_tenants_of_his_groups_only() {
    let decision = decide(&multi(&["ACME", "BETA"]), [user("ada").without_email().in_group("ACME_user").in_group("BETA_hr")]);
    let unknown = decision.tenants.values().map(|desired| desired.unknown_owners.len());
    assert_eq!(unknown.collect::<Vec<_>>(), [1, 0]);
}

#[test]
fn a_role_in_an_unknown_tenant_is_a_finding_and_costs_nothing_elsewhere() {
    let people = [user("ada").in_group("ACME_user").in_group("NOPE_admin"), user("bob").in_group("NOPE_user")];
    let decision = decide(&multi(&["ACME"]), people);
    assert_snapshot!(wanted(&decision), @"ACME ada@acme.com user");
    assert_snapshot!(told(&decision.findings), @r"
    no_tenant bob@acme.com
    unknown_tenant IAMAPP_Orgvue_SCIM_NOPE_admin
    unknown_tenant IAMAPP_Orgvue_SCIM_NOPE_user
    ");
}

#[test]
fn roles_stay_in_the_tenant_of_their_group() {
    let ada = user("ada").in_group("ACME_user").in_group("ACME_hr").in_group("BETA_admin");
    assert_snapshot!(wanted(&decide(&multi(&["ACME", "BETA"]), [ada])), @r"
    ACME ada@acme.com hr,user
    BETA ada@acme.com admin
    ");
}

#[test]
fn a_platform_role_in_one_tenant_is_none_in_another() {
    let decision = decide(&multi(&["ACME", "BETA", "GAMMA"]), [user("ada").in_group("ACME_user").in_group("BETA_hr")]);
    assert_snapshot!(wanted(&decision), @"ACME ada@acme.com user");
    assert_snapshot!(told(&decision.findings), @"no_platform_role ada@acme.com in BETA");
    assert_eq!(decision.tenants.len(), 3);
}

#[test]
fn a_group_whose_role_cannot_be_given_stops_no_other() {
    let ada = user("ada").in_group("user").in_group("").in_group("a,b").in_group("SUPERADMIN");
    let decision = decide(&single(), [ada]);
    assert_snapshot!(wanted(&decision), @"ACME ada@acme.com user");
    assert_snapshot!(told(&decision.findings), @r"
    empty_role IAMAPP_Orgvue_SCIM_
    bad_role_name IAMAPP_Orgvue_SCIM_a,b
    reserved_role IAMAPP_Orgvue_SCIM_SUPERADMIN
    ");
}

#[test]
fn what_a_user_is_in_by_a_later_read_takes_the_place_of_what_the_lists_said() {
    let mut read = directory([user("ada").in_group("user").in_group("hr"), user("bob").in_group("admin")]);
    let admin = read.groups.values().find(|group| group.name.ends_with("admin")).cloned().unwrap();
    read.correct_memberships(&domain::ids::UserId::new("ada"), vec![admin]);
    assert_snapshot!(wanted(&desired(&read, &single())), @r"
    ACME ada@acme.com admin
    ACME bob@acme.com admin
    ");
}

#[test]
fn an_address_is_that_of_the_only_active_user_who_has_it() {
    let people = [
        user("ada"),
        user("leaver").with_email("ADA@acme.com").inactive(),
        user("bob"),
        user("twin").with_email("Bob@acme.com"),
        user("cid").inactive(),
        user("x").without_email(),
    ];
    let directory = directory(people);
    let found = ["ada", "bob", "cid", "zoe"].map(|name| directory.active_user(&login(name)).map(|user| user.id.as_str()));
    assert_eq!(found, [Some("ada"), None, None, None]);
}

use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, proptest};

use super::*;
use crate::integration::RoleForm;

const PREFIX: &str = "IAMAPP_Orgvue_SCIM_";

fn single() -> Integration {
    integration("single", &["MYTENANT"])
}

/// `names` are tenant ids, or `ID=alias`.
fn multi(names: &[&str]) -> Integration {
    integration("multi", names)
}

fn integration(tenancy: &str, names: &[&str]) -> Integration {
    let mut toml = format!("id = \"acme\"\ndirectory = \"directory_01\"\ntenancy = \"{tenancy}\"\nprefix = \"{PREFIX}\"\n");
    for (at, name) in names.iter().enumerate() {
        let (id, alias) = name.split_once('=').unwrap_or((name, ""));
        toml += &format!("[[tenants]]\nid = \"{id}\"\ndataset = \"0B533DE6-7107-9FCD-48FC-{at:012}\"\n");
        if !alias.is_empty() {
            toml += &format!("alias = \"{alias}\"\n");
        }
    }
    Integration::parse(&toml).unwrap()
}

/// `TENANT/role`, or the code of the finding and the text it is about; the prefix is added to `rest`.
fn read(rest: &str, integration: &Integration) -> String {
    let name = format!("{}{rest}", integration.prefix);
    match parse(&name, integration).expect("the prefix is there") {
        Ok(GroupName { tenant, role }) => format!("{tenant}/{role}"),
        Err(error) => format!("{} {:?}", error.code(), &name[error.span()]),
    }
}

#[test]
fn the_guides_table() {
    let single = Integration { prefix: "IMAPP_Orgvue_SCIM_".to_owned(), ..single() };
    for role in ["user", "admin", "Retail", "ManagerRetail", "training", "Tech"] {
        assert_eq!(read(role, &single), format!("MYTENANT/{role}"));
    }
    let multi = Integration { prefix: "IMAPP_Orgvue_SCIM_".to_owned(), ..multi(&["MYTENANT"]) };
    assert_eq!(read("MyTenant_admin", &multi), "MYTENANT/admin");
    assert_eq!(read("MyTenant_EuropeFinance", &multi), "MYTENANT/EuropeFinance");
    assert_eq!(read("MYTENANT_user", &multi), "MYTENANT/user");
}

#[test]
fn the_prefix_is_configuration_and_without_it_a_group_is_not_ours() {
    let single = single();
    assert_eq!(parse("IMAPP_Orgvue_SCIM_user", &single), None);
    for name in ["", "user", "IAMAPP_Orgvue_SCIM", " IAMAPP_Orgvue_SCIM_user", "X_IAMAPP_Orgvue_SCIM_user"] {
        assert_eq!(parse(name, &single), None, "{name}");
    }
    assert!(parse("iamapp_ORGVUE_scim_user", &single).unwrap().is_ok());
}

#[test]
fn case_is_ignored_but_in_roles_other_than_the_platforms() {
    let tenancy = multi(&["ACME"]);
    assert_eq!(read("acme_USER", &tenancy), "ACME/user");
    assert_eq!(read("Acme_Admin", &tenancy), "ACME/admin");
    assert_eq!(read("ACME_hR", &tenancy), "ACME/hR");
    assert_eq!(read("ACME_Users", &tenancy), "ACME/Users");
}

#[test]
fn the_longest_tenant_that_fits_is_meant() {
    let both = multi(&["ACME", "ACME_EU"]);
    assert_eq!(read("ACME_EU_user", &both), "ACME_EU/user");
    assert_eq!(read("ACME_user", &both), "ACME/user");
    assert_eq!(read("ACME_EUROPE_user", &both), "ACME/EUROPE_user");
    assert_eq!(read("ACME_EUROPE", &both), "ACME/EUROPE");
    assert_eq!(read("ACME_EU_UK_user", &both), "ACME_EU/UK_user");
    assert_eq!(read("ACME_EU", &multi(&["ACME"])), "ACME/EU");
}

#[test]
fn a_tenant_without_a_role_is_no_role_of_a_shorter_tenant() {
    let both = multi(&["ACME", "ACME_EU"]);
    assert_eq!(read("ACME_EU", &both), r#"empty_role """#);
    assert_eq!(read("acme_eu_", &both), r#"empty_role """#);
    assert_eq!(read("ACME_EU_ ", &both), r#"empty_role " ""#);
    assert_eq!(read("ACME", &both), r#"empty_role """#);
    assert_eq!(read("ACME_", &both), r#"empty_role """#);
}

#[test]
fn an_alias_replaces_the_id() {
    let aliased = multi(&["ACME_EU=Europe", "ACME_US"]);
    assert_eq!(read("europe_user", &aliased), "ACME_EU/user");
    assert_eq!(read("ACME_US_user", &aliased), "ACME_US/user");
    assert_eq!(read("ACME_EU_user", &aliased), r#"unknown_tenant "ACME_EU_user""#);
    assert_eq!(read("Süd_user", &multi(&["ACME=Süd"])), "ACME/user");
}

#[test]
fn tenants_that_are_not_configured_are_findings() {
    let acme = multi(&["ACME"]);
    for rest in ["user", "admin", "ACMEX_user", "_user", "ACM_user", "ACME-user", " ACME_user"] {
        assert_eq!(read(rest, &acme), format!("unknown_tenant {rest:?}"));
    }
    assert_eq!(read("", &acme), r#"empty_role """#);
}

#[test]
fn a_prefix_alone_gives_no_role() {
    assert_eq!(read("", &single()), r#"empty_role """#);
    assert_eq!(read("  ", &single()), r#"empty_role "  ""#);
}

#[test]
fn roles_that_cannot_be_written_are_findings() {
    let single = single();
    assert_eq!(read("hr,sales", &single), r#"bad_role_name ",""#);
    assert_eq!(read("hr\nsales", &single), r#"bad_role_name "\n""#);
    assert_eq!(read("hr\u{2028}", &single), r#"bad_role_name "\u{2028}""#);
    assert_eq!(read("user ", &single), r#"bad_role_name "user ""#);
    assert_eq!(read(" user", &single), r#"bad_role_name " user""#);
    assert_eq!(read("user\u{a0}", &single), r#"bad_role_name "user\u{a0}""#);
    assert_eq!(read(&"é".repeat(128), &single), format!("MYTENANT/{}", "é".repeat(128)));
    assert_eq!(read(&"é".repeat(129), &single), format!("bad_role_name {:?}", "é".repeat(129)));
    assert_eq!(read("Head of HR", &single), "MYTENANT/Head of HR");
}

#[test]
fn the_separator_is_that_of_the_dataset() {
    let with = |role_form| {
        let mut single = single();
        single.dataset.role_form = role_form;
        single
    };
    let text = |separator: &str| with(RoleForm::Text { separator: separator.to_owned() });
    assert_eq!(read("hr sales", &text(" ")), r#"bad_role_name " ""#);
    assert_eq!(read("hr,sales", &text("; ")), "MYTENANT/hr,sales");
    assert_eq!(read("hr;sales", &text("; ")), r#"bad_role_name ";""#);
    assert_eq!(read("hr;sales", &text(";;")), "MYTENANT/hr;sales");
    assert_eq!(read("hr;", &text(";;")), r#"bad_role_name ";""#);
    assert_eq!(read("hr,sales", &with(RoleForm::Array)), "MYTENANT/hr,sales");
}

#[test]
fn reserved_roles_are_not_given_by_groups() {
    assert_eq!(read("superadmin", &single()), r#"reserved_role "superadmin""#);
    assert_eq!(read("ACME_superAdmin", &multi(&["ACME"])), r#"reserved_role "superAdmin""#);
    assert_eq!(read("superAdmins", &single()), "MYTENANT/superAdmins");
    let none = Integration { reserved_roles: std::collections::BTreeSet::new(), ..single() };
    assert_eq!(read("superAdmin", &none), "MYTENANT/superAdmin");
}

#[test]
fn errors_tell_an_administrator_where_to_look() {
    let error = |rest: &str| parse(&format!("{PREFIX}{rest}"), &multi(&["ACME"])).unwrap().unwrap_err();
    let explained = |rest: &str| parse(&format!("{PREFIX}{rest}"), &multi(&["ACME"])).unwrap().unwrap_err().explain();
    assert_eq!(explained("Acne_user"), r#""Acne_user" in the group's name begins with no configured tenant"#);
    assert_eq!(explained("ACME_"), "the group's name ends where its role should be");
    assert_eq!(explained("ACME_superAdmin"), r#""superAdmin" in the group's name: role is reserved"#);
    insta::assert_snapshot!(error("ACME_"), @r#"role is empty at 24..24 in "IAMAPP_Orgvue_SCIM_ACME_""#);
    insta::assert_snapshot!(error("Acne_user"), @r#"tenant is not configured at 19..28 in "IAMAPP_Orgvue_SCIM_Acne_user""#);
    insta::assert_snapshot!(error("ACME_hr,sales"), @r#"role holds the text that separates roles at 26..27 in "IAMAPP_Orgvue_SCIM_ACME_hr,sales""#);
    insta::assert_snapshot!(error("ACME_a\nb"), @r#"role holds a control character at 25..26 in "IAMAPP_Orgvue_SCIM_ACME_a\nb""#);
    insta::assert_snapshot!(error("ACME_user "), @r#"role begins or ends with a space at 24..29 in "IAMAPP_Orgvue_SCIM_ACME_user ""#);
    insta::assert_snapshot!(error("ACME_superAdmin"), @r#"role is reserved at 24..34 in "IAMAPP_Orgvue_SCIM_ACME_superAdmin""#);
}

#[test]
fn characters_of_several_bytes_across_the_end_of_the_prefix_are_no_prefix() {
    let single = single();
    assert_eq!(parse("IAMAPP_Orgvue_SCIMé", &single), None);
    assert_eq!(parse("IAMAPP_Orgvue_SCI🦀user", &single), None);
    let umlaut = Integration { prefix: "Zürich_".to_owned(), ..single };
    assert_eq!(read("user", &umlaut), "MYTENANT/user");
    assert_eq!(parse("Zurich_user", &umlaut), None);
}

#[test]
fn near_misses_are_within_two_edits_of_the_prefix() {
    assert_eq!(near_miss("IMAPP_Orgvue_SCIM_user", PREFIX), Some(1));
    assert_eq!(near_miss("iamap_orgvue-scim_user", PREFIX), Some(2));
    assert_eq!(near_miss("IAMAPP_Orgvue_SCIM-user", PREFIX), Some(1));
    assert_eq!(near_miss(" IAMAPP_Orgvue_SCIM_user", PREFIX), Some(1));
    assert_eq!(near_miss("ÏAMAPP_Orgvue_SCIM_user", PREFIX), Some(1));
    assert_eq!(near_miss("IAMAPP_Orgvue_SC", PREFIX), None);
    assert_eq!(near_miss("iamapp_orgvue_scim_user", PREFIX), None);
    assert_eq!(near_miss("All staff", PREFIX), None);
    assert_eq!(near_miss("", PREFIX), None);
}

#[test]
fn of_a_short_prefix_only_a_third_may_differ() {
    assert_eq!(near_miss("OV-user", "OV_"), Some(1));
    assert_eq!(near_miss("HR_user", "OV_"), None);
    assert_eq!(near_miss("user", "x"), None);
    assert_eq!(near_miss("user", ""), None);
}

/// The same text, the case of each ASCII letter by chance.
fn recased(text: String) -> impl Strategy<Value = String> {
    let length = text.chars().count();
    (Just(text), proptest::collection::vec(any::<bool>(), length)).prop_map(|(text, upper)| {
        text.chars().zip(upper).map(|(c, upper)| if upper { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() }).collect()
    })
}

/// Tenants whose names begin alike, and one of them.
fn tenants() -> impl Strategy<Value = (Vec<String>, String)> {
    proptest::collection::btree_set("[AB](_?[AB]){0,4}", 1..5)
        .prop_map(|ids| ids.into_iter().collect::<Vec<_>>())
        .prop_flat_map(|ids| (Just(ids.clone()), proptest::sample::select(ids)))
}

proptest! {
    #[test]
    fn a_rendered_group_name_is_read_back(
        (ids, tenant, written) in tenants().prop_flat_map(|(ids, tenant)| (Just(ids), Just(tenant.clone()), recased(tenant))),
        prefix in recased(PREFIX.to_owned()),
        role in "[c-z0-9é][A-Za-zé0-9 _.-]{0,20}[a-z0-9é]",
    ) {
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let read = parse(&format!("{prefix}{written}_{role}"), &multi(&ids)).unwrap().unwrap();
        prop_assert_eq!((read.tenant.as_str(), read.role.as_str()), (tenant.as_str(), role.as_str()));
    }

    #[test]
    fn no_name_panics_and_spans_lie_between_characters(name: String, rest in "[A_Bé,\u{a0} \n🦀]{0,12}", prefix: String) {
        let integration = multi(&["A", "A_B"]);
        for name in [name.clone(), format!("{PREFIX}{name}"), format!("{PREFIX}{rest}"), format!("{PREFIX}A_{rest}")] {
            if let Some(Err(error)) = parse(&name, &integration) {
                prop_assert!(name.get(error.span()).is_some());
            }
            let _ = near_miss(&name, &prefix);
            let _ = near_miss(&name, PREFIX);
        }
    }

    #[test]
    fn a_role_that_was_read_survives_the_dataset(role in "[ab;, ]{1,8}", separator in "[;, ]{1,4}") {
        let mut integration = single();
        integration.dataset.role_form = RoleForm::Text { separator: separator.clone() };
        if let Some(Ok(GroupName { role, .. })) = parse(&format!("{PREFIX}{role}"), &integration) {
            let written = [role.as_str(), "user"].join(&separator);
            let found: Vec<_> = written.split(&separator).map(Role::as_found).filter(|role| !role.as_str().is_empty()).collect();
            prop_assert_eq!(found, [role, Role::user()]);
        }
    }
}

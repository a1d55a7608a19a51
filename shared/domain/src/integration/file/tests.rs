use proptest::prelude::{prop_assert, proptest};

use super::*;
use crate::ids::TenantId;

const FULL: &str = r#"
id          = "acme"
directory   = "directory_01HZX"
mode        = "enforce"
tenancy     = "multi"
prefix      = "IAMAPP_Orgvue_SCIM_"
domains     = ["acme.com"]
deprovision = "delete"
protected   = ["breakglass@acme.com", "@orgvue.com"]

[[tenants]]
id      = "ACME_US"
dataset = "1B533DE6-7107-9FCD-48FC-31C0856745CC"
api_account = "sync@orgvue.com"

[[tenants]]
id      = "ACME_EU"
dataset = "0b533de6-7107-9FCD-48FC-31C0856745CC"
alias   = "EU"
mode    = "simulate"

[limits]
removals_percent = 10
removals_floor   = 3

[dataset]
login = "login"
role = "Roles"
enabled = "Active"
expiry_date = "Until"
role_form = "text"
role_separator = "; "
enabled_form = "text"
"#;

const MINIMAL: &str = r#"
id = "acme"
directory = "directory_01HZX"
tenancy = "single"
prefix = "IAMAPP_Orgvue_SCIM_"
[[tenants]]
id = "ACME"
dataset = "0B533DE6-7107-9FCD-48FC-31C0856745CC"
"#;

/// What is wrong with the text.
#[track_caller]
fn problems(toml: &str) -> String {
    Integration::parse(toml).expect_err("it is refused").to_string()
}

/// What is wrong with one of the good files when a line of it is another.
#[track_caller]
fn instead(file: &str, line: &str, other: &str) -> String {
    assert_eq!(file.matches(line).count(), 1, "{line}");
    problems(&file.replacen(line, other, 1))
}

#[test]
fn the_full_example_says_everything() {
    let acme = Integration::parse(FULL).unwrap();
    assert_eq!((acme.id.as_str(), acme.directory.as_str()), ("acme", "directory_01HZX"));
    assert_eq!((acme.mode, acme.tenancy, acme.deprovision), (Mode::Enforce, Tenancy::Multi, Deprovision::Delete));
    assert_eq!(acme.domains, BTreeSet::from([Domain::parse("acme.com").unwrap()]));
    assert_eq!(acme.protected.logins, BTreeSet::from([Login::parse("breakglass@acme.com").unwrap()]));
    assert_eq!(acme.protected.domains, BTreeSet::from([Domain::parse("orgvue.com").unwrap()]));
    assert_eq!(acme.limits, Limits { removals_percent: 10, removals_floor: 3 });
    let [eu, us] = &acme.tenants[..] else { panic!("{:?}", acme.tenants) };
    assert_eq!((eu.id.as_str(), eu.name.as_str(), eu.mode, &eu.api_account), ("ACME_EU", "EU", Mode::Simulate, &None));
    assert_eq!((us.id.as_str(), us.name.as_str(), us.mode), ("ACME_US", "ACME_US", Mode::Enforce));
    assert_eq!(eu.dataset.as_str(), "0b533de6-7107-9FCD-48FC-31C0856745CC");
    assert_eq!(acme.dataset.login, "login");
    assert_eq!(acme.dataset.expiry_date, "Until");
    assert_eq!(acme.dataset.role_form, RoleForm::Text { separator: "; ".to_owned() });
    assert_eq!(acme.dataset.enabled_form, EnabledForm::Text);
}

#[test]
fn the_minimal_file_takes_the_defaults() {
    let acme = Integration::parse(MINIMAL).unwrap();
    assert_eq!((acme.mode, acme.deprovision), (Mode::Simulate, Deprovision::Delete));
    assert!(acme.domains.is_empty());
    assert_eq!(acme.protected, Protected::default());
    assert_eq!(acme.reserved_roles, BTreeSet::from(["superAdmin".to_owned()]));
    assert_eq!(acme.limits, Limits::default());
    assert_eq!(acme.dataset, DatasetSpelling::default());
    assert_eq!(acme.tenants[0].id, TenantId::parse("ACME").unwrap());
}

#[test]
fn windows_line_ends_and_byte_order_marks_are_fine() {
    assert_eq!(Integration::parse(&format!("\u{feff}{}", FULL.replace('\n', "\r\n"))), Integration::parse(FULL));
    insta::assert_snapshot!(problems(&MINIMAL.replace("prefix", "prefx").replace('\n', "\r\n")), @r#"
    prefix is missing; write prefix = "IAMAPP_Orgvue_SCIM_", as agreed with the customer
    line 5: "prefx" is no key of the top of the file; did you mean prefix?
    "#);
}

#[test]
fn reserved_roles_and_array_form_can_be_set() {
    let parse = |more: &str| Integration::parse(&MINIMAL.replace("[[tenants]]", &format!("{more}\n[[tenants]]"))).unwrap();
    assert!(parse("reserved_roles = []").reserved_roles.is_empty());
    assert_eq!(parse("reserved_roles = [\"guest\"]").reserved_roles, BTreeSet::from(["guest".to_owned()]));
    assert_eq!(parse("dataset.role_form = \"array\"").dataset.role_form, RoleForm::Array);
}

#[test]
fn an_empty_file_lacks_everything() {
    insta::assert_snapshot!(problems(""), @r#"
    id is missing; write id = "acme"
    directory is missing; write directory = "directory_…", the id that WorkOS gave the directory
    tenancy is missing; write tenancy = "single" or tenancy = "multi"
    prefix is missing; write prefix = "IAMAPP_Orgvue_SCIM_", as agreed with the customer
    tenants is missing; write one section that begins with [[tenants]] for each tenant
    "#);
    insta::assert_snapshot!(problems("tenants = []"), @r#"
    id is missing; write id = "acme"
    directory is missing; write directory = "directory_…", the id that WorkOS gave the directory
    tenancy is missing; write tenancy = "single" or tenancy = "multi"
    prefix is missing; write prefix = "IAMAPP_Orgvue_SCIM_", as agreed with the customer
    line 1: tenants is empty; write one section that begins with [[tenants]] for each tenant
    "#);
    insta::assert_snapshot!(instead(MINIMAL, "id = \"ACME\"\ndataset = \"0B533DE6-7107-9FCD-48FC-31C0856745CC\"", ""), @r#"
    line 6: id is missing; write id = "…", Orgvue's id of the tenant
    line 6: dataset is missing; write dataset = "…", the id of the tenant's Users dataset
    "#);
}

#[test]
fn what_is_no_toml_is_told_with_its_line() {
    insta::assert_snapshot!(problems("id = \"acme\"\nprefix = oops\nmode ="), @"
    line 2: this is not TOML: string values must be quoted, expected literal string
    line 3: this is not TOML: string values must be quoted, expected literal string
    ");
    insta::assert_snapshot!(problems("id = \"acme\"\nid = \"acme\""), @"line 2: this is not TOML: duplicate key");
    assert!(problems(&format!("id = {}", "[".repeat(100_000))).starts_with("line 1: this is not TOML"));
}

#[test]
fn unknown_keys_are_refused_with_where_they_belong() {
    insta::assert_snapshot!(instead(FULL, "prefix  ", "prefx"), @r#"
    prefix is missing; write prefix = "IAMAPP_Orgvue_SCIM_", as agreed with the customer
    line 6: "prefx" is no key of the top of the file; did you mean prefix?
    "#);
    insta::assert_snapshot!(instead(FULL, "alias   =", "protected ="), @r#"line 19: "protected" is no key of [[tenants]]; move it to the top of the file"#);
    insta::assert_snapshot!(instead(FULL, "removals_floor", "colour"), @r#"line 24: "colour" is no key of [limits]; take it out; the keys are removals_percent, removals_floor"#);
    insta::assert_snapshot!(instead(FULL, "role_form", "roleForm"), @r#"line 31: "roleForm" is no key of [dataset]; did you mean role_form?"#);
    insta::assert_snapshot!(problems(&format!("removals_floor = 5{MINIMAL}")), @r#"line 1: "removals_floor" is no key of the top of the file; move it to [limits]"#);
}

#[test]
fn wrong_types_are_refused() {
    insta::assert_snapshot!(instead(FULL, r#""acme""#, "7"), @"line 2: id is a number; write a text in quotes");
    insta::assert_snapshot!(instead(FULL, r#"["acme.com"]"#, r#""acme.com""#), @r#"line 7: domains is a text; write a list such as ["…", "…"]"#);
    insta::assert_snapshot!(instead(FULL, r#""@orgvue.com"]"#, "true,\n 2026-01-01]"), @"
    line 9: an entry of protected is true or false; write a text in quotes
    line 10: an entry of protected is a date; write a text in quotes
    ");
    insta::assert_snapshot!(instead(FULL, "removals_percent = 10", "removals_percent = \"10\""), @"line 23: removals_percent is a text; write a whole number");
    insta::assert_snapshot!(instead(FULL, "removals_percent = 10", "removals_percent = 10.0"), @"line 23: removals_percent is a number; write a whole number");
    insta::assert_snapshot!(instead(MINIMAL, "[[tenants]]", "[tenants]"), @"line 6: tenants is a section; write a list of sections, each begun by [[tenants]]");
    insta::assert_snapshot!(problems(&format!("dataset = \"0B533DE6\"{MINIMAL}")), @"line 1: dataset is a text; write a section begun by [dataset]");
    insta::assert_snapshot!(problems(&MINIMAL.replace("[[tenants]]", "tenants = [{}, 7]\n[limits]")), @r#"
    line 6: tenants is a number; write a section begun by [[tenants]]
    line 6: id is missing; write id = "…", Orgvue's id of the tenant
    line 6: dataset is missing; write dataset = "…", the id of the tenant's Users dataset
    line 8: "id" is no key of [limits]; move it to the top of the file
    line 9: "dataset" is no key of [limits]; move it to the top of the file
    "#);
}

#[test]
fn ids_that_are_none_are_refused() {
    insta::assert_snapshot!(instead(FULL, r#""acme""#, r#""Acme""#), @r#"line 2: integration id "Acme" must be 1 to 32 of a-z, 0-9 and -, beginning with a letter or digit"#);
    insta::assert_snapshot!(instead(FULL, "directory_01HZX", "org_01HZX"), @r#"line 3: directory "org_01HZX" must be a WorkOS directory id: directory_ and 1 to 64 letters, digits or _"#);
    insta::assert_snapshot!(instead(FULL, r#""ACME_US""#, r#""acme\nus""#), @r#"line 12: tenant id "acme\nus" must be 1 to 30 of A-Z, 0-9 and _, beginning with a letter"#);
    insta::assert_snapshot!(instead(FULL, "1B533DE6-", ""), @r#"line 13: dataset "7107-9FCD-48FC-31C0856745CC" must be a UUID such as 0B533DE6-7107-9FCD-48FC-31C0856745CC"#);
}

#[test]
fn choices_are_listed() {
    insta::assert_snapshot!(instead(FULL, r#""enforce""#, r#""Enforced""#), @r#"line 4: mode is "Enforced"; write one of "simulate", "enforce", "paused"; did you mean "enforce"?"#);
    insta::assert_snapshot!(instead(FULL, r#""multi""#, r#""many""#), @r#"line 5: tenancy is "many"; write one of "single", "multi""#);
    insta::assert_snapshot!(instead(FULL, r#""delete""#, r#""remove""#), @r#"line 8: deprovision is "remove"; write one of "delete", "disable""#);
    insta::assert_snapshot!(instead(FULL, r#"enabled_form = "text""#, r#"enabled_form = "bool""#), @r#"line 33: enabled_form is "bool"; write one of "boolean", "text"; did you mean "boolean"?"#);
    insta::assert_snapshot!(instead(FULL, r#"role_form = "text""#, r#"role_form = "list""#), @r#"line 31: role_form is "list"; write one of "text", "array""#);
    insta::assert_snapshot!(instead(FULL, r#"mode    = "simulate""#, r#"mode = "off""#), @r#"
    line 16: api_account is missing; write api_account = "…", the account that owns the API token, or mode = "simulate"
    line 20: mode is "off"; write one of "simulate", "enforce", "paused"
    "#);
}

#[test]
fn prefixes_that_would_take_every_group_or_none_are_refused() {
    let with = |prefix: &str| instead(MINIMAL, r#""IAMAPP_Orgvue_SCIM_""#, prefix);
    insta::assert_snapshot!(with(r#""""#), @"line 5: prefix is blank, which would take every group of the directory; write the prefix agreed with the customer");
    insta::assert_snapshot!(with(r#"" \t""#), @"line 5: prefix is blank, which would take every group of the directory; write the prefix agreed with the customer");
    insta::assert_snapshot!(with(r#""SCIM_ ""#), @r#"line 5: prefix "SCIM_ " begins or ends with a space; take the space out"#);
    insta::assert_snapshot!(with(r#""SC\nIM_""#), @r#"line 5: prefix "SC\nIM_" holds a control character; take it out"#);
}

#[test]
fn lists_of_addresses_are_checked_entry_by_entry() {
    insta::assert_snapshot!(instead(FULL, r#"["acme.com"]"#, r#"["acme.com", "acme", "*.acme.com", ""]"#), @r#"
    line 7: domains holds "acme"; write e-mail domains such as "acme.com"
    line 7: domains holds "*.acme.com"; write e-mail domains such as "acme.com"
    line 7: domains holds ""; write e-mail domains such as "acme.com"
    "#);
    insta::assert_snapshot!(instead(FULL, r#"["breakglass@acme.com", "@orgvue.com"]"#, r#"["orgvue.com", "@orgvue", "ada"]"#), @r#"
    line 9: protected holds "orgvue.com"; write an e-mail address, or @ and a domain for everybody in it
    line 9: protected holds "@orgvue"; write an e-mail address, or @ and a domain for everybody in it
    line 9: protected holds "ada"; write an e-mail address, or @ and a domain for everybody in it
    "#);
}

#[test]
fn blocked_accounts_are_single_addresses() {
    let with = |blocked: &str| MINIMAL.replace("[[tenants]]", &format!("blocked = {blocked}\n[[tenants]]"));
    let acme = Integration::parse(&with(r#"["Ada@acme.com", "ada@acme.com", "bob@acme.com"]"#)).unwrap();
    assert_eq!(acme.blocked, ["ada@acme.com", "bob@acme.com"].map(|text| Login::parse(text).unwrap()).into());
    assert!(Integration::parse(MINIMAL).unwrap().blocked.is_empty());
    insta::assert_snapshot!(problems(&with(r#"["ada", "@acme.com"]"#)), @r#"
    line 6: blocked holds "ada"; write an e-mail address
    line 6: blocked holds "@acme.com"; write an e-mail address
    "#);
}

#[test]
fn nobody_is_both_blocked_and_never_touched() {
    let with = |blocked: &str| instead(FULL, "deprovision = \"delete\"", &format!("blocked = {blocked}"));
    insta::assert_snapshot!(with(r#"["ada@acme.com", "BREAKGLASS@acme.com",\n "ops@orgvue.com"]"#.replace("\\n", "\n").as_str()), @r#"
    line 8: blocked holds "BREAKGLASS@acme.com", which is protected and so never touched; take it out of one of the two
    line 9: blocked holds "ops@orgvue.com", which is protected and so never touched; take it out of one of the two
    "#);
    let unprotected = FULL.replace(", \"@orgvue.com\"", "").replace("deprovision = \"delete\"", "blocked = [\"sync@orgvue.com\"]");
    insta::assert_snapshot!(problems(&unprotected), @r#"line 8: blocked holds "sync@orgvue.com", the account of an API token, which would stop every run; replace the token first"#);
}

#[test]
fn platform_and_blank_roles_cannot_be_reserved() {
    let with = |roles: &str| instead(MINIMAL, "[[tenants]]", &format!("reserved_roles = {roles}\n[[tenants]]"));
    insta::assert_snapshot!(with(r#"["User", "admin", " ", " hr"]"#), @r#"
    line 6: reserved_roles holds "User", which every account needs; take it out
    line 6: reserved_roles holds "admin", which every account needs; take it out
    line 6: reserved_roles holds a blank text; take it out
    line 6: reserved role " hr" begins or ends with a space; take the space out
    "#);
}

#[test]
fn the_number_of_tenants_fits_the_tenancy() {
    insta::assert_snapshot!(problems(&FULL.replace("\"multi\"", "\"single\"").replace("alias   = \"EU\"", "")), @r#"line 5: tenancy is "single", with 2 tenants; write "multi", or keep one of the tenants"#);
    insta::assert_snapshot!(instead(MINIMAL, "id = \"ACME\"", "id = \"ACME\"\nalias = \"EU\""), @"line 8: alias has no meaning in single tenancy, where group names name no tenant; take it out");
}

#[test]
fn aliases_are_parts_of_group_names() {
    insta::assert_snapshot!(instead(FULL, r#""EU""#, r#""""#), @"line 19: alias is blank; write the tenant's name inside group names, or take the line out");
    insta::assert_snapshot!(instead(FULL, r#""EU""#, r#"" EU""#), @r#"line 19: alias " EU" begins or ends with a space; take the space out"#);
    insta::assert_snapshot!(instead(FULL, r#""EU""#, r#""E\tU""#), @r#"line 19: alias "E\tU" holds a control character; take it out"#);
    insta::assert_snapshot!(instead(FULL, r#""EU""#, r#""EU_""#), @r#"line 19: alias "EU_" ends with _, which group names have behind the tenant anyway; take the _ out"#);
}

#[test]
fn tenants_have_nothing_in_common() {
    insta::assert_snapshot!(instead(FULL, r#""ACME_EU""#, r#""ACME_US""#), @"line 17: tenant ACME_US is there twice; take one of the two out");
    insta::assert_snapshot!(instead(FULL, "0b533de6-7107-9FCD", "1b533de6-7107-9fcd"), @"line 18: dataset 1b533de6-7107-9fcd-48FC-31C0856745CC is that of tenant ACME_US too; give each tenant its own Users dataset");
    insta::assert_snapshot!(instead(FULL, r#""EU""#, r#""acme_us""#), @r#"line 19: "acme_us" is the name of tenant ACME_US too; give each tenant a name of its own"#);
    insta::assert_snapshot!(instead(FULL, r#"id      = "ACME_US""#, "id = \"ACME_US\"\nalias = \"eu\""), @r#"line 20: "EU" is the name of tenant ACME_US too; give each tenant a name of its own"#);
    insta::assert_snapshot!(instead(FULL, r#"id      = "ACME_US""#, "id = \"ACME_US\"\nalias = \"acme_eu\""), @r#"line 13: "acme_eu" is the name of tenant ACME_EU too; give each tenant a name of its own"#);
}

#[test]
fn tenants_that_may_write_need_the_account_of_their_token() {
    let account = r#"api_account = "sync@orgvue.com""#;
    insta::assert_snapshot!(instead(FULL, account, ""), @r#"line 11: api_account is missing; write api_account = "…", the account that owns the API token, or mode = "simulate""#);
    insta::assert_snapshot!(instead(FULL, account, r#"api_account = "sync""#), @r#"line 14: api_account "sync" is no e-mail address; write the login of the account that owns the API token"#);
    insta::assert_snapshot!(instead(MINIMAL, "tenancy", "mode = \"paused\"\ntenancy"), @r#"line 7: api_account is missing; write api_account = "…", the account that owns the API token, or mode = "simulate""#);
    assert!(Integration::parse(&FULL.replace(account, "mode = \"simulate\"")).is_ok());
}

#[test]
fn limits_are_counts() {
    insta::assert_snapshot!(instead(FULL, "removals_percent = 10", "removals_percent = 101"), @"line 23: removals_percent is 101; write a whole number from 0 to 100");
    insta::assert_snapshot!(instead(FULL, "removals_percent = 10", "removals_percent = -1"), @"line 23: removals_percent is -1; write a whole number from 0 to 100");
    insta::assert_snapshot!(instead(FULL, "removals_floor   = 3", "removals_floor = -5"), @"line 24: removals_floor is -5; write a whole number from 0 to 4294967295");
    insta::assert_snapshot!(instead(FULL, "removals_floor   = 3", "removals_floor = 99999999999"), @"line 24: removals_floor is 99999999999; write a whole number from 0 to 4294967295");
}

#[test]
fn properties_are_there_and_unlike_each_other() {
    insta::assert_snapshot!(instead(FULL, r#"login = "login""#, r#"login = " ""#), @"line 27: login is blank; write the key of the dataset's property, or take the line out");
    insta::assert_snapshot!(instead(FULL, r#"login = "login""#, r#"login = "Login ""#), @r#"line 27: login "Login " begins or ends with a space; take the space out"#);
    insta::assert_snapshot!(instead(FULL, r#"login = "login""#, r#"login = "_id""#), @r#"line 27: login is "_id", one of Orgvue's own properties; write the key of the dataset's property"#);
    insta::assert_snapshot!(instead(FULL, r#"enabled = "Active""#, r#"enabled = "login""#), @r#"line 29: enabled and login are both the property "login"; give each its own"#);
    insta::assert_snapshot!(problems(&format!("{MINIMAL}\n[dataset]\nlogin = \"Role\"")), @r#"line 11: role and login are both the property "Role"; give each its own"#);
}

#[test]
fn separators_are_no_part_of_a_role() {
    insta::assert_snapshot!(instead(FULL, r#""; ""#, r#""""#), @r#"line 32: role_separator is empty; write what stands between two roles, such as ",""#);
    insta::assert_snapshot!(instead(FULL, r#""; ""#, r#"" and ""#), @r#"line 32: role_separator " and " holds a letter or digit, as roles do; write another mark, such as ",""#);
    insta::assert_snapshot!(instead(FULL, r#"role_form = "text""#, r#"role_form = "array""#), @r#"line 32: role_separator has no meaning with role_form = "array"; take one of the two out"#);
    assert!(Integration::parse(&FULL.replace(r#""; ""#, r#"" ""#)).is_ok());
}

#[test]
fn all_problems_are_told_at_once_in_the_order_of_the_file() {
    let broken =
        FULL.replace("\"acme\"", "\"Acme\"").replace("\"EU\"", "\"ACME_US\"").replace("= 10", "= 110").replace("tenancy", "tenency");
    insta::assert_snapshot!(problems(&broken), @r#"
    tenancy is missing; write tenancy = "single" or tenancy = "multi"
    line 2: integration id "Acme" must be 1 to 32 of a-z, 0-9 and -, beginning with a letter or digit
    line 5: "tenency" is no key of the top of the file; did you mean tenancy?
    line 19: "ACME_US" is the name of tenant ACME_US too; give each tenant a name of its own
    line 23: removals_percent is 110; write a whole number from 0 to 100
    "#);
    let error = Integration::parse(&broken).unwrap_err();
    assert_eq!(error.problems().len(), error.to_string().lines().count());
}

proptest! {
    #[test]
    fn no_text_panics(text: String, at in 0..FULL.len(), cut in 0..60_usize) {
        let _ = Integration::parse(&text);
        let mangled = format!("{}{text}{}", &FULL[..at], &FULL[(at + cut).min(FULL.len())..]);
        if let Err(error) = Integration::parse(&mangled) {
            prop_assert!(!error.problems().is_empty());
            prop_assert_lines(&error)?;
        }
    }
}

/// Each problem is one line, of the file too.
fn prop_assert_lines(error: &FileError) -> Result<(), proptest::test_runner::TestCaseError> {
    prop_assert!(error.to_string().lines().count() == error.problems().len(), "{error}");
    prop_assert!(error.problems().iter().all(|problem| problem.line.is_none_or(|line| line > 0)));
    Ok(())
}

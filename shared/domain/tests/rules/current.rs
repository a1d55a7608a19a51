use std::collections::BTreeSet;

use domain::current::{Account, Current, DatasetRefusal, check_properties, spell_account, spell_enabled};
use domain::group_name::Role;
use domain::integration::{DatasetSpelling, EnabledForm, RoleForm};
use domain::row::Row;
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::words::{Line, TODAY, account, as_read, line, login, rows, single, told};

fn text(separator: &str) -> DatasetSpelling {
    DatasetSpelling { role_form: RoleForm::Text { separator: separator.to_owned() }, ..DatasetSpelling::default() }
}

fn array() -> DatasetSpelling {
    DatasetSpelling { role_form: RoleForm::Array, ..DatasetSpelling::default() }
}

fn read(lines: impl IntoIterator<Item = Line>, spelling: &DatasetSpelling) -> Result<Current, DatasetRefusal> {
    // The account that owns the API token has no role here, so that it fits every form.
    let mut rows = rows(lines);
    rows.last_mut().unwrap().remove(&spelling.role);
    Current::read(as_read(&rows), &single().tenants[0], spelling, TODAY)
}

fn read_one(line: Line) -> Account {
    read([line], &DatasetSpelling::default()).unwrap().accounts.remove(&login("ada")).expect("ada is there")
}

/// Roles as the dataset spells them, read and joined by `|`; or why they are refused.
fn roles(value: Value, spelling: &DatasetSpelling) -> String {
    match read([account("ada").with("Role", value)], spelling) {
        Ok(current) => current.accounts[&login("ada")].roles.iter().map(Role::as_str).collect::<Vec<_>>().join("|"),
        Err(refusal) => refusal.to_string(),
    }
}

#[test]
fn roles_are_split_trimmed_and_a_set() {
    for (value, expected) in
        [(" user , hr ", "hr|user"), ("user,,user,", "user"), ("user", "user"), ("", ""), (" , ", ""), ("Hr,hr", "Hr|hr")]
    {
        assert_eq!(roles(value.into(), &text(",")), expected, "{value:?}");
    }
    assert_eq!(roles("a b; c;d".into(), &text(";")), "a b|c|d");
    assert_eq!(roles("a, b; c".into(), &text("; ")), "a, b|c");
}

#[test]
fn an_array_of_roles_is_trimmed_and_a_set() {
    assert_eq!(roles(json!([" user", "a,b", "", "user"]), &array()), "a,b|user");
    assert_eq!(roles(json!([]), &array()), "");
}

#[test]
fn no_role_at_all_is_an_account_without_roles_in_either_form() {
    for spelling in [text(","), array()] {
        assert_eq!(roles(Value::Null, &spelling), "");
    }
    assert!(read_one(line(json!({"_id": "1", "Login": "ada@acme.com"}))).roles.is_empty());
}

#[test]
fn a_role_in_another_form_than_configured_refuses_the_dataset() {
    assert_snapshot!(
        roles(json!(["user"]), &text(",")),
        @r#"item item ada has an array in "Role" where text is configured: correct [dataset] in the integration file"#
    );
    for (value, spelling) in
        [(json!(1), text(",")), (json!(true), text(",")), (json!({}), text(",")), (json!("user"), array()), (json!(["user", 1]), array())]
    {
        assert!(roles(value.clone(), &spelling).contains("is configured"), "{value}");
    }
}

#[test]
fn what_cannot_be_read_concerns_nobody_where_it_is_none_of_ours() {
    let read = |odd: &str| {
        let odd = format!(r#"{{"_id":"1","Login":"ada@acme.com","Role":"user","Enabled":true,{odd}}}"#);
        let rows = format!(r#"[{odd},{{"_id":"2","Login":"sync@orgvue.com"}}]"#);
        Current::read(Row::list(rows.into(), 9).unwrap(), &single().tenants[0], &text(","), TODAY)
    };
    for odd in [r#""Note":"\ud83d""#, r#""Level":1e999"#, r#""\ud83d":1"#] {
        let current = read(odd).unwrap();
        let ada = &current.accounts[&login("ada")];
        assert!(current.accounts.len() == 2 && ada.enabled && ada.roles.len() == 1, "{odd}");
    }
    let refusal = read(r#""Role":"user\ud83d""#).unwrap_err();
    assert_snapshot!(refusal, @r#"item 1 has what cannot be read in "Role" where text is configured: correct [dataset] in the integration file"#);
    assert!(!read(r#""Enabled":"TRUE\ud83d""#).unwrap().accounts[&login("ada")].enabled);
}

#[test]
fn a_login_that_is_no_text_refuses_the_dataset() {
    let refusal = read([account("ada").with("Login", 7)], &text(",")).unwrap_err();
    assert!(matches!(refusal, DatasetRefusal::WrongForm { found: "a number", expected: "text", .. }), "{refusal}");
}

#[test]
fn only_true_is_enabled() {
    for (value, enabled) in [
        (json!(true), true),
        (json!("TRUE"), true),
        (json!(false), false),
        (json!("FALSE"), false),
        (json!(""), false),
        (json!("yes"), false),
        (json!(1), false),
        (Value::Null, false),
    ] {
        assert_eq!(read_one(account("ada").with("Enabled", value.clone())).enabled, enabled, "{value}");
    }
    assert!(!read_one(line(json!({"_id": "1", "Login": "ada@acme.com"}))).enabled);
}

#[test]
fn the_expiry_date_is_read_in_either_form_and_today_is_not_past() {
    for (value, expired) in [
        (json!("2026-11-21"), true),
        (json!("2026-11-22"), false),
        (json!("2026-11-21T23:00:00.000Z"), true),
        (json!("21/11/2026"), true),
        (json!("22/11/2026"), false),
        (json!(" 01/02/2020 "), true),
        (json!("some day"), false),
        (json!("ééééééé"), false),
        (json!(""), false),
        (json!(20200101), false),
        (Value::Null, false),
    ] {
        assert_eq!(read_one(account("ada").with("ExpiryDate", value.clone())).expired, expired, "{value}");
    }
}

#[test]
fn a_usable_admin_is_enabled_unexpired_and_admin_in_any_case() {
    let admin = || account("ada").role("admin,hr");
    assert!(read_one(admin()).is_usable_admin());
    assert!(read_one(account("ada").role("Admin")).is_usable_admin());
    for not in [admin().disabled(), admin().expired(), account("ada"), account("ada").role("administrator")] {
        assert!(!read_one(not.clone()).is_usable_admin(), "{not:?}");
    }
}

#[test]
fn a_row_that_cannot_be_written_to_refuses_the_dataset() {
    for id in [Value::Null, json!(""), json!(7)] {
        assert_eq!(read([account("ada").with("_id", id)], &text(",")), Err(DatasetRefusal::MissingItemId));
    }
}

#[test]
fn a_property_that_is_not_there_is_named() {
    let keys = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect::<BTreeSet<_>>();
    let spelling = DatasetSpelling::default();
    assert_eq!(check_properties(&keys(&["Enabled", "Login", "Role"]), &spelling), Ok(()));
    for missing in ["Login", "Role", "Enabled"] {
        let others: Vec<_> = ["Login", "Role", "Enabled", "login"].into_iter().filter(|key| *key != missing).collect();
        let refusal = check_properties(&keys(&others), &spelling);
        assert_eq!(refusal, Err(DatasetRefusal::MissingProperty { key: missing.to_owned() }));
    }
}

#[test]
fn a_dataset_without_the_account_of_the_token_is_not_worked_on() {
    let acme = single();
    let only = |line| as_read(&rows([line])[..1]);
    let read = |rows| Current::read(rows, &acme.tenants[0], &acme.dataset, TODAY).map(|current| current.accounts.len());
    assert_eq!(read(only(account("ada"))), Err(DatasetRefusal::ApiAccountMissing));
    assert_eq!(read(vec![]), Err(DatasetRefusal::ApiAccountMissing));
    assert_eq!(read(only(account("SYNC@orgvue.com"))), Ok(1));
}

#[test]
fn rows_with_one_login_are_duplicates_and_none_of_them_is_an_account() {
    let current = read([account("ada"), account("ADA@acme.com").again(), account("bob")], &text(",")).unwrap();
    assert_eq!(current.duplicates.into_iter().collect::<Vec<_>>(), [(login("ada"), 2)]);
    assert!(!current.accounts.contains_key(&login("ada")) && current.accounts.contains_key(&login("bob")));
}

#[test]
fn the_account_of_the_token_may_be_there_twice() {
    assert!(read([account("sync@orgvue.com").again()], &text(",")).is_ok());
}

#[test]
fn duplicates_and_rows_without_a_login_are_told() {
    let blank = |id: &str, login: Value| line(json!({"_id": id, "Login": login, "Role": "admin"}));
    let lines = [blank("1", Value::Null), blank("2", json!("  ")), account("ada"), account("ada").again()];
    let current = read(lines, &text(",")).unwrap();
    assert_eq!(current.blanks.len(), 2);
    assert_snapshot!(told(&current.findings(&single().tenants[0].id)), @r"
    duplicate_account ada@acme.com in ACME
    blank_login in ACME
    blank_login in ACME
    ");
}

#[test]
fn other_property_keys_are_read_and_written_as_configured() {
    let spelling = DatasetSpelling {
        login: "mail".to_owned(),
        role: "Roles".to_owned(),
        enabled: "Active".to_owned(),
        expiry_date: "Until".to_owned(),
        role_form: RoleForm::Array,
        enabled_form: EnabledForm::Text,
    };
    let row = json!({"_id": "1", "mail": "ada@acme.com", "Roles": ["hr"], "Active": "TRUE", "Until": "2020-01-01", "Login": 7});
    let current = Current::read(
        as_read(&rows([line(row)])[..1]),
        &domain::integration::Tenant { api_account: None, ..single().tenants[0].clone() },
        &spelling,
        TODAY,
    );
    let ada = &current.unwrap().accounts[&login("ada")];
    assert_eq!((ada.enabled, ada.expired, &*ada.roles), (true, true, &BTreeSet::from([Role::as_found("hr")])));
    assert_eq!(Value::from(spell_account(&ada.roles, false, &spelling)), json!({"Roles": ["hr"], "Active": "FALSE"}));
}

#[test]
fn accounts_are_spelled_in_the_datasets_form_and_in_a_stable_order() {
    let roles = ["user", "Hr", "admin"].into_iter().map(Role::as_found).collect();
    assert_eq!(Value::from(spell_account(&roles, true, &text("; "))), json!({"Role": "Hr; admin; user", "Enabled": true}));
    assert_eq!(spell_enabled(false, EnabledForm::Boolean), json!(false));
    assert_eq!((spell_enabled(true, EnabledForm::Text), spell_enabled(false, EnabledForm::Text)), (json!("TRUE"), json!("FALSE")));
}

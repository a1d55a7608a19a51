use serde_json::json;

use super::*;

macro_rules! fixture {
    ($path:literal) => {
        include_str!(concat!("../../../tests/fixtures/workos/", $path))
    };
}

/// The body of a recorded answer.
fn recorded(answer: &str) -> String {
    serde_json::from_str::<Value>(answer).unwrap()["response"]["body"].to_string()
}

fn list(rows: Value) -> String {
    json!({ "data": rows, "list_metadata": { "before": null, "after": null } }).to_string()
}

fn user_page(body: impl AsRef<[u8]>) -> Result<Page<User>, Distrust> {
    page(body.as_ref(), &DirectoryId::parse("directory_1").unwrap(), |row: UserRow<'_>| User::from(row))
}

fn group_page(body: &str) -> Result<Page<Group>, Distrust> {
    page(body.as_bytes(), &DirectoryId::parse("directory_1").unwrap(), |row: GroupRow<'_>| Group::from(row))
}

fn users(body: &str) -> Result<Vec<User>, Distrust> {
    user_page(body).map(|page| page.rows)
}

fn groups(body: &str) -> Result<Vec<Group>, Distrust> {
    group_page(body).map(|page| page.rows)
}

#[test]
fn every_null_variant_of_a_user_parses() {
    for body in [
        fixture!("null-variants/directory_user_with_groups_nulls.json"),
        fixture!("null-variants/directory_users_find_response_nulls.json"),
    ] {
        let users = users(&list(json!([serde_json::from_str::<Value>(body).unwrap()]))).unwrap();
        assert!(matches!(&users[..], [User { active: true, email: None, .. }]));
    }
}

#[test]
fn the_providers_id_is_a_text_or_nothing_and_never_makes_a_user_unreadable() {
    let idp_id = |idp_id: Value| {
        let row = json!({ "id": "u1", "directory_id": "d1", "state": "active", "idp_id": idp_id });
        users(&list(json!([row]))).unwrap().remove(0).idp_id
    };
    assert_eq!(idp_id(json!("8931")), Some("8931".to_owned()));
    for other in [Value::Null, json!(8931), json!(""), json!(["8931"]), json!({ "id": "8931" })] {
        assert_eq!(idp_id(other.clone()), None, "{other}");
    }
    let without = json!({ "id": "u1", "directory_id": "d1", "state": "active" });
    assert_eq!(users(&list(json!([without]))).unwrap()[0].idp_id, None);
}

#[test]
fn every_null_variant_of_a_group_and_a_directory_parses() {
    for body in [fixture!("null-variants/directory_group_nulls.json"), fixture!("null-variants/directory_groups_find_response_nulls.json")]
    {
        assert_eq!(groups(&list(json!([serde_json::from_str::<Value>(body).unwrap()]))).unwrap().len(), 1);
    }
    let directory = directory(fixture!("null-variants/directory_nulls.json").as_bytes()).unwrap();
    assert_eq!((directory.active_users(), directory.users()), (None, 0));
}

#[test]
fn recorded_lists_parse() {
    for (body, n_users) in [
        (fixture!("recorded/list_users__with_directory.json"), 4),
        (fixture!("recorded/list_users__with_group.json"), 1),
        (fixture!("recorded/list_users__with_limit.json"), 2),
    ] {
        let users = users(&recorded(body)).unwrap();
        assert_eq!(users.len(), n_users);
        assert!(users.iter().all(|user| user.active));
    }
    for (body, n_groups) in
        [(fixture!("recorded/list_groups__with_directory.json"), 10), (fixture!("recorded/list_groups__with_user.json"), 3)]
    {
        assert_eq!(groups(&recorded(body)).unwrap().len(), n_groups);
    }
}

#[test]
fn a_recorded_directory_parses_without_metadata() {
    let directory = directory(recorded(fixture!("recorded/get_directory_with_valid_id.json")).as_bytes()).unwrap();
    assert_eq!((directory.id.as_str(), directory.state.as_str()), ("directory_01FK17DWRHH7APAFXT5B52PV0W", "linked"));
}

#[test]
fn the_recorded_normal_order_is_recognised() {
    let limited = group_page(&recorded(fixture!("recorded/list_groups__with_limit.json"))).unwrap();
    assert!(limited.is_reversed());
    let whole = user_page(recorded(fixture!("recorded/list_users__with_group.json"))).unwrap();
    assert!(!whole.is_reversed());
}

#[test]
fn recorded_errors_are_workoss_own_and_no_lists() {
    for body in [fixture!("recorded/get_directory_with_invalid_id.json"), fixture!("recorded/list_users__with_no_options.json")] {
        assert!(is_workos_error(recorded(body).as_bytes()));
        assert!(users(&recorded(body)).is_err());
    }
    assert!(!is_workos_error(b"<html>Not Found</html>"));
}

#[test]
fn only_active_is_active() {
    for (state, active) in [("active", true), ("inactive", false), ("suspended", false), ("Active", false), ("new", false)] {
        let rows = json!([{ "id": "u", "directory_id": "d", "state": state, "created_at": 7, "groups": null, "else": {} }]);
        assert_eq!(users(&list(rows)).unwrap()[0].active, active, "{state}");
    }
}

#[test]
fn the_metadata_of_a_directory_is_counted_as_far_as_it_goes() {
    for (metadata, active, all) in [
        (json!({ "users": { "active": 42, "inactive": 3 }, "groups": 5 }), Some(42), 45),
        (json!({ "users": { "active": 42 } }), Some(42), 42),
        (json!({ "users": null }), None, 0),
        (json!("many"), None, 0),
    ] {
        let body = json!({ "id": "d", "state": "linked", "metadata": metadata }).to_string();
        let directory = directory(body.as_bytes()).unwrap();
        assert_eq!((directory.active_users(), directory.users()), (active, all));
    }
}

#[test]
fn metadata_is_read_in_both_spellings_and_missed_when_there_is_none() {
    let row = json!({ "id": "g", "directory_id": "d", "name": "n" });
    for name in ["list_metadata", "listMetadata"] {
        let body = json!({ "data": [row], name: { "after": "g" } }).to_string();
        assert_eq!(group_page(&body).unwrap().after.as_deref(), Some("g"));
    }
    for body in [json!({ "data": [row] }), json!({ "data": [], "list_metadata": null })] {
        assert_eq!(groups(&body.to_string()), Err(Distrust::NoMetadata));
    }
}

#[test]
fn what_is_no_list_is_not_taken_for_an_empty_one() {
    for body in ["", "{}", "[]", "null", "<html></html>", r#"{"data":null,"list_metadata":{}}"#, r#"{"data":[{"id":"a"#] {
        assert!(matches!(users(body), Err(Distrust::Shape { .. })), "{body}");
    }
    assert_eq!(groups(&list(json!([{ "id": "", "directory_id": "d" }]))), Err(Distrust::NoId));
}

#[test]
fn bytes_that_are_no_text_matter_only_in_what_is_used() {
    let row = |email: &[u8], title: &[u8]| {
        [
            br#"{"data":[{"id":"u1","directory_id":"d1","state":"active","email":""#,
            email,
            br#"","job_title":""#,
            title,
            br#""}],"list_metadata":{}}"#,
        ]
        .concat()
    };
    assert!(user_page(row(b"p1@x.example", b"Dean")).is_ok());
    assert!(user_page(row(b"p1@x.example", b"Doyen\xe9")).is_ok());
    assert!(matches!(user_page(row(b"p\xe9@x.example", b"Dean")), Err(Distrust::Shape { line: 1, .. })));
}

#[test]
fn the_text_of_an_error_quotes_nothing_of_the_answer() {
    let error = users(&list(json!([{ "id": "u", "directory_id": "d", "state": "active", "email": ["ada@example.com"] }]))).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("ada"), "{error}");
}

#[test]
fn a_page_with_a_row_of_another_directory_says_so() {
    let page = |directory: &str| group_page(&list(json!([{ "id": "g", "directory_id": directory }]))).unwrap();
    assert!(page("directory_2").is_foreign);
    assert!(!page("directory_1").is_foreign);
}

#[test]
fn a_row_is_known_again_by_all_that_is_kept_of_it_however_it_is_escaped() {
    let known = User { id: UserId::new("ädä"), idp_id: Some("é1".to_owned()), email: Some("ä@acme.com".to_owned()), active: true };
    let is_known = |row: &str| serde_json::from_str::<UserRow<'_>>(row).unwrap().is(&known);
    assert!(is_known(r#"{"id":"ädä","directory_id":"d","state":"active","email":"ä@acme.com","idp_id":"é1"}"#));
    assert!(is_known(r#"{"id":"\u00e4d\u00e4","directory_id":"d","state":"active","email":"\u00e4@acme.com","idp_id":"\u00e91"}"#));
    for other in [
        r#"{"id":"x","directory_id":"d","state":"active","email":"ä@acme.com","idp_id":"é1"}"#,
        r#"{"id":"ädä","directory_id":"d","state":"inactive","email":"ä@acme.com","idp_id":"é1"}"#,
        r#"{"id":"ädä","directory_id":"d","state":"active","email":null,"idp_id":"é1"}"#,
        r#"{"id":"ädä","directory_id":"d","state":"active","email":"ä@acme.com","idp_id":["é1"]}"#,
    ] {
        assert!(!is_known(other), "{other}");
    }
}

//! Reading and writing rows.

use reqwest::StatusCode;
use serde_json::{Value, json};
use standins::orgvue::{ActionEcho, BooleanForm, Empties, Orgvue, RoleForm, Spelling};

use crate::support::{DATASET, TENANT, account, client, error_codes, items_url, orgvue, put_items, read, read_items, signed_in};

const ADA: &str = "ada@example.com";
const BOB: &str = "bob@example.com";

async fn with_ada_and_bob() -> Orgvue {
    orgvue(vec![account(ADA, "user"), account(BOB, "user,admin")]).await
}

fn id(orgvue: &Orgvue, login: &str) -> Value {
    orgvue.rows(TENANT).into_iter().find(|row| row["Login"] == login).unwrap()["_id"].clone()
}

fn logins(orgvue: &Orgvue) -> Vec<Value> {
    orgvue.rows(TENANT).iter().map(|row| row["Login"].clone()).collect()
}

fn statuses(results: &Value) -> Vec<&str> {
    results.as_array().unwrap().iter().map(|result| result["_status"].as_str().unwrap()).collect()
}

/// Performs one action that must succeed, and gives the rows afterwards.
async fn after(orgvue: &Orgvue, query: &str, action: Value) -> Vec<Value> {
    let (status, results) = put_items(orgvue, query, json!([action])).await;
    assert_eq!(status, 200, "{results}");
    assert_eq!(results[0]["_status"], "success");
    orgvue.rows(TENANT)
}

#[tokio::test]
async fn create_update_and_delete_by_id() {
    let orgvue = with_ada_and_bob().await;
    let actions = json!([
        { "_action": "create", "Login": "cleo@example.com", "Role": "user", "Enabled": true },
        { "_action": "update", "_id": id(&orgvue, ADA), "Role": "admin" },
        { "_action": "delete", "_id": id(&orgvue, BOB) },
        { "_action": "noop", "_id": id(&orgvue, ADA) },
    ]);
    let (_, results) = put_items(&orgvue, "", actions.clone()).await;
    assert_eq!(statuses(&results), ["success"; 4]);
    assert_eq!(results[0]["_id"], id(&orgvue, "cleo@example.com"));
    assert_eq!(logins(&orgvue), [ADA, "cleo@example.com"]);
    assert_eq!(orgvue.rows(TENANT)[0], json!({"_id": id(&orgvue, ADA), "Login": ADA, "Role": "admin", "Enabled": true}));
    assert_eq!(orgvue.writes(TENANT), [actions]);
}

#[tokio::test]
async fn replace_clears_what_it_does_not_name() {
    let orgvue = orgvue(vec![json!({ "Login": ADA, "Role": "user", "Region": "EU" })]).await;
    let rows = after(&orgvue, "?autoId=true", json!({ "_action": "replace", "Login": ADA, "Role": "admin" })).await;
    assert_eq!(rows[0], json!({ "_id": id(&orgvue, ADA), "Login": ADA, "Role": "admin" }));
}

#[tokio::test]
async fn create_or_update_and_create_or_replace_do_either() {
    let orgvue = with_ada_and_bob().await;
    let both = |verb: &str| json!([{ "_action": verb, "Login": ADA, "Role": "admin" }, { "_action": verb, "Login": "new@example.com", "Role": "user" }]);
    let (_, results) = put_items(&orgvue, "?idKey=Login", both("createOrUpdate")).await;
    assert_eq!(results[0]["_action"], "createOrUpdate");
    assert_eq!(orgvue.rows(TENANT)[0]["Enabled"], true);
    orgvue.switches(|switches| switches.action_echo = ActionEcho::Resolved);
    let (_, results) = put_items(&orgvue, "?idKey=Login", both("createOrReplace")).await;
    assert_eq!(results[1]["_action"], "replace");
    assert_eq!(orgvue.rows(TENANT)[0].get("Enabled"), None);
    assert_eq!(logins(&orgvue).len(), 3);
}

#[tokio::test]
async fn merge_keys_may_fit_several_rows_and_id_keys_may_not() {
    let orgvue = orgvue(vec![account(ADA, "user"), account(ADA, "user"), account(BOB, "user")]).await;
    let action = json!({ "_action": "update", "Login": ADA, "Role": "admin" });
    let (status, _) = put_items(&orgvue, "?idKey=Login", json!([action.clone()])).await;
    assert_eq!(status, 400);
    let rows = after(&orgvue, "?mergeKey=Login", action).await;
    assert_eq!(rows.iter().filter(|row| row["Role"] == "admin").count(), 2);
}

#[tokio::test]
async fn only_one_way_to_identify_items_is_allowed() {
    let orgvue = with_ada_and_bob().await;
    for query in ["?autoId=true&idKey=Login", "?idKey=Login&mergeKey=Role", "?idKey=login", "?autoId=yes"] {
        let (status, body) = put_items(&orgvue, query, json!([])).await;
        assert_eq!((status.as_u16(), error_codes(&body)), (400, vec!["400601"]), "{query}");
    }
}

#[tokio::test]
async fn implicit_delete_removes_what_the_payload_does_not_name() {
    let orgvue = with_ada_and_bob().await;
    let rows = after(&orgvue, "?implicitDelete=true&autoId=true", json!({ "_action": "noop", "Login": ADA })).await;
    assert_eq!((rows.len(), &rows[0]["Login"]), (1, &json!(ADA)));
}

#[tokio::test]
async fn tokens_leave_or_clear_a_value_and_so_does_null() {
    let orgvue = orgvue(vec![json!({ "Login": ADA, "Role": "user", "Region": "EU", "Team": "x", "Site": "y" })]).await;
    let action = json!({ "_action": "update", "Login": ADA, "Region": "KEEP", "Team": "CLEAR", "Site": null });
    let rows = after(&orgvue, "?autoId=true&noopToken=KEEP&clearToken=CLEAR", action).await;
    assert_eq!(rows[0], json!({ "_id": id(&orgvue, ADA), "Login": ADA, "Role": "user", "Region": "EU" }));
}

#[tokio::test]
async fn dates_are_read_in_the_format_of_the_call() {
    let orgvue = with_ada_and_bob().await;
    let action = json!({ "_action": "update", "Login": ADA, "ExpiryDate": "31/12/2030" });
    assert_eq!(put_items(&orgvue, "?autoId=true", json!([action.clone()])).await.0, 400);
    let rows = after(&orgvue, "?autoId=true&dateFormat=DD/MM/YYYY", action).await;
    assert_eq!(rows[0]["ExpiryDate"], "2030-12-31");
}

#[tokio::test]
async fn one_bad_item_fails_the_call_unless_it_is_to_be_skipped() {
    let orgvue = with_ada_and_bob().await;
    orgvue.reject_login(TENANT, BOB);
    let actions = || json!([{ "_action": "update", "Login": ADA, "Role": "admin" }, { "_action": "update", "Login": BOB, "Role": "user" }]);
    let (status, body) = put_items(&orgvue, "?autoId=true", actions()).await;
    assert_eq!((status, error_codes(&body)), (StatusCode::BAD_REQUEST, vec!["400610"]));
    assert_eq!(orgvue.rows(TENANT)[0]["Role"], "user");
    orgvue.switches(|switches| switches.not_applied = "skipped".to_owned());
    let (status, results) = put_items(&orgvue, "?autoId=true&onActionValidationFailure=skip", actions()).await;
    assert_eq!((status.as_u16(), statuses(&results)), (200, vec!["success", "skipped"]));
    assert_eq!(orgvue.rows(TENANT)[0]["Role"], "admin");
}

#[tokio::test]
async fn access_is_denied_by_item_or_by_property() {
    let orgvue = with_ada_and_bob().await;
    orgvue.edit_model(|model| {
        model.deny_item(TENANT, BOB, true);
        model.deny_property(TENANT, "Enabled", true);
    });
    let actions =
        || json!([{ "_action": "update", "Login": ADA, "Role": "admin", "Enabled": false }, { "_action": "delete", "Login": BOB }]);
    let (status, body) = put_items(&orgvue, "?autoId=true", actions()).await;
    assert_eq!((status.as_u16(), error_codes(&body)), (403, vec!["403602", "403601"]));
    let skip = "?autoId=true&onItemAccessDenied=skip&onPropertyAccessDenied=skip";
    let (_, results) = put_items(&orgvue, skip, actions()).await;
    assert_eq!(statuses(&results), ["success", "failed"]);
    assert_eq!((&orgvue.rows(TENANT)[0]["Role"], &orgvue.rows(TENANT)[0]["Enabled"]), (&json!("admin"), &json!(true)));
}

#[tokio::test]
async fn refuses_values_and_actions_that_are_not_valid() {
    let orgvue = with_ada_and_bob().await;
    for action in [
        json!({ "_action": "create", "Login": "not an address", "Role": "user" }),
        json!({ "_action": "create", "Role": "user" }),
        json!({ "_action": "create", "Login": "c@example.com", "role": "user" }),
        json!({ "_action": "create", "Login": "c@example.com", "Role": ["user"] }),
        json!({ "_action": "create", "Login": "c@example.com", "Role": "editor" }),
        json!({ "_action": "create", "Login": "c@example.com", "Role": "user", "Enabled": "TRUE" }),
        json!({ "_action": "merge", "Login": "c@example.com" }),
        json!({ "_action": "update", "_id": "none", "Role": "user" }),
        json!({ "_action": "delete" }),
        json!("delete"),
    ] {
        let (status, body) = put_items(&orgvue, "", json!([action])).await;
        assert_eq!((status.as_u16(), error_codes(&body)), (400, vec!["400610"]), "{action}");
    }
    assert_eq!(put_items(&orgvue, "", json!({})).await.0, 400);
    assert_eq!(logins(&orgvue), [ADA, BOB]);
}

#[tokio::test]
async fn roles_booleans_and_empties_have_the_form_of_the_switches() {
    let orgvue = orgvue(vec![account(BOB, "user,admin")]).await;
    let (_, rows) = read_items(&orgvue).await;
    assert_eq!(rows[0]["ExpiryDate"], Value::Null);
    assert!(rows[0].as_object().unwrap().contains_key("ExpiryDate"));
    orgvue.switches(|switches| {
        switches.role_form = RoleForm::Array;
        switches.boolean_form = BooleanForm::Text;
        switches.empties = Empties::Omitted;
    });
    let (_, rows) = read_items(&orgvue).await;
    assert_eq!(rows, json!([{"_id": id(&orgvue, BOB), "Login": BOB, "Role": ["user", "admin"], "Enabled": "TRUE"}]));
    let action = json!({ "_action": "create", "Login": ADA, "Role": ["user"], "Enabled": "FALSE" });
    after(&orgvue, "", action).await;
}

#[tokio::test]
async fn metadata_names_the_properties_and_changes_its_key_with_every_write() {
    let orgvue = with_ada_and_bob().await;
    orgvue.add_tenant_spelled("OTHER", DATASET, Spelling { login: "login".into(), ..Spelling::default() }, vec![]);
    let get = |tenant: &str| signed_in(&orgvue, client().get(format!("{}/api/v1/{tenant}/datasets/{DATASET}", orgvue.url())));
    let (_, before) = read(get(TENANT)).await;
    let keys: Vec<&Value> = before["properties"].as_array().unwrap().iter().map(|property| &property["key"]).collect();
    assert_eq!(keys, ["Enabled", "ExpiryDate", "Login", "Role", "TokenAccess"]);
    put_items(&orgvue, "?autoId=true", json!([{ "_action": "delete", "Login": ADA }])).await;
    assert_ne!(read(get(TENANT)).await.1["cacheKey"], before["cacheKey"]);
    assert_eq!(read(get("OTHER")).await.1["autoId"], "login");
}

#[tokio::test]
async fn a_filter_and_a_projection_select() {
    let orgvue = with_ada_and_bob().await;
    let body = json!({ "filter": { "Role": { "$ne": "user" }, "Enabled": true }, "projection": { "Login": 1 } });
    let (_, rows) = read(signed_in(&orgvue, client().post(items_url(&orgvue, "")).body(body.to_string()))).await;
    assert_eq!(rows, json!([{ "_id": id(&orgvue, BOB), "Login": BOB }]));
}

#[tokio::test]
async fn people_edit_rows_over_http() {
    let orgvue = with_ada_and_bob().await;
    let rows = format!("{}/_standin/tenants/{TENANT}/rows", orgvue.url());
    let edits = json!([{ "Login": ADA, "Role": "readonly" }, { "Login": "new@example.com" }]);
    assert_eq!(client().post(&rows).json(&edits).send().await.unwrap().status(), 204);
    assert_eq!(client().delete(format!("{rows}/{BOB}")).send().await.unwrap().status(), 204);
    assert_eq!(logins(&orgvue), [ADA, "new@example.com"]);
    assert_eq!(orgvue.rows(TENANT)[0]["Enabled"], true);
    let state = client().get(format!("{}/_standin/state", orgvue.url())).send().await.unwrap();
    assert_eq!(state.json::<Value>().await.unwrap()["tenants"][TENANT]["rows"], json!(orgvue.rows(TENANT)));
}

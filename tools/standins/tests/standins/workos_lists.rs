//! Lists: pages, orders, filters and the objects in them.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use standins::Matcher;
use standins::workos::{DeletedCursor, UnknownFilter, UserGroups, UserSpec, WorkOs};

use crate::support::{DIRECTORY, client, get, put_users, read, workos};

/// All rows and the number of pages of a list that goes on with this cursor.
async fn walk(workos: &WorkOs, list: &str, cursor: &str) -> (Vec<String>, usize) {
    let (mut ids, mut n_pages, mut next) = (Vec::new(), 0, String::new());
    loop {
        let (status, page) = get(workos, &format!("{list}{next}")).await;
        assert_eq!(status, 200, "{page}");
        n_pages += 1;
        ids.extend(page["data"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()));
        match page["list_metadata"][cursor].as_str() {
            Some(id) => next = format!("&{cursor}={id}"),
            None => return (ids, n_pages),
        }
    }
}

fn users(parameters: &str) -> String {
    format!("/directory_users?directory={DIRECTORY}{parameters}")
}

#[tokio::test]
async fn reads_1234_users_on_13_pages() {
    let workos = workos().await;
    put_users(&workos, 1_234);
    let (ids, n_pages) = walk(&workos, &users("&limit=100&order=asc"), "after").await;
    assert_eq!((ids.len(), n_pages), (1_234, 13));
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 1_234);
    assert_eq!(workos.calls().of("GET /directory_users"), 13);
}

#[tokio::test]
async fn descending_is_the_reverse_of_ascending() {
    let workos = workos().await;
    put_users(&workos, 25);
    let (ascending, _) = walk(&workos, &users("&order=asc"), "after").await;
    let (mut descending, _) = walk(&workos, &users("&order=desc"), "after").await;
    descending.reverse();
    assert_eq!(ascending, descending);
}

#[tokio::test]
async fn without_order_a_client_that_follows_after_reads_one_page() {
    let workos = workos().await;
    put_users(&workos, 25);
    let (ids, n_pages) = walk(&workos, &users(""), "after").await;
    assert_eq!((ids.len(), n_pages), (10, 1));
    let (ids, n_pages) = walk(&workos, &users("&order=normal"), "before").await;
    assert_eq!((ids.len(), n_pages), (25, 3));
}

#[tokio::test]
async fn goes_back_with_before() {
    let workos = workos().await;
    put_users(&workos, 5);
    let (_, first) = get(&workos, &users("&order=asc&limit=2")).await;
    let after = first["list_metadata"]["after"].as_str().unwrap();
    let (_, second) = get(&workos, &users(&format!("&order=asc&limit=2&after={after}"))).await;
    let before = second["list_metadata"]["before"].as_str().unwrap();
    let (_, back) = get(&workos, &users(&format!("&order=asc&limit=2&before={before}"))).await;
    assert_eq!(back["data"], first["data"]);
}

#[tokio::test]
async fn rows_with_the_same_time_are_read_once_each() {
    let workos = workos().await;
    workos.switches(|switches| switches.coarse_clock = true);
    put_users(&workos, 50);
    let (ids, _) = walk(&workos, &users("&order=asc&limit=7"), "after").await;
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 50);
}

#[tokio::test]
async fn refuses_a_missing_or_misnamed_filter() {
    let workos = workos().await;
    let (status, body) = get(&workos, &format!("/directory_users?directory_id={DIRECTORY}&order=asc")).await;
    assert_eq!(status, 422);
    let complaint = "Please provide either \"directory\" or \"group\" parameters.";
    let errors = json!([{"field": "directory", "code": complaint}, {"field": "group", "code": complaint}]);
    assert_eq!(body, json!({ "message": "Validation failed", "errors": errors }));
    let (status, body) = get(&workos, "/directory_groups?user_id=directory_user_1").await;
    assert_eq!((status.as_u16(), body["errors"][1]["field"].as_str()), (422, Some("user")));
}

#[tokio::test]
async fn refuses_a_limit_or_order_that_does_not_exist() {
    let workos = workos().await;
    for parameters in ["&limit=0", "&limit=101", "&limit=ten", "&order=ascending", "&after=directory_user_none"] {
        assert_eq!(get(&workos, &users(parameters)).await.0, 422, "{parameters}");
    }
    assert_eq!(get(&workos, "/directory_users?group=g&idp_id=1").await.0, 422);
}

#[tokio::test]
async fn knows_who_is_in_a_group_only_by_the_group() {
    let workos = workos().await;
    put_users(&workos, 3);
    let group = workos.put_group(DIRECTORY, "Engineering");
    workos.add_member(DIRECTORY, "Engineering", "idp-1");
    let (_, members) = get(&workos, &format!("/directory_users?group={group}&order=asc")).await;
    assert_eq!(members["data"][0]["idp_id"], "idp-1");
    assert_eq!(members["data"][0]["groups"], json!([]));
    let user = members["data"][0]["id"].as_str().unwrap();
    let (_, groups) = get(&workos, &format!("/directory_groups?user={user}&order=asc")).await;
    assert_eq!(groups["data"][0]["id"], group.as_str());
    workos.switches(|switches| switches.user_groups = UserGroups::Filled);
    let (_, filled) = get(&workos, &format!("/directory_users/{user}")).await;
    assert_eq!(filled["groups"][0]["name"], "Engineering");
}

#[tokio::test]
async fn tells_the_counts_of_a_directory_and_404_of_another() {
    let workos = workos().await;
    put_users(&workos, 3);
    workos.put_user(DIRECTORY, UserSpec { state: "inactive".into(), ..UserSpec::new("leaver", "l@example.com") });
    workos.put_group(DIRECTORY, "Engineering");
    let (_, directory) = get(&workos, &format!("/directories/{DIRECTORY}")).await;
    assert_eq!(directory["metadata"], json!({ "users": { "active": 3, "inactive": 1 }, "groups": 1 }));
    assert_eq!((&directory["type"], &directory["state"]), (&json!("azure scim v2.0"), &json!("linked")));
    let (status, body) = get(&workos, "/directories/invalid").await;
    assert_eq!(status, 404);
    let message = "Directory not found: 'invalid'.";
    assert_eq!(body, json!({ "message": message, "code": "entity_not_found", "entity_id": "invalid" }));
}

#[tokio::test]
async fn lists_of_an_unknown_directory_are_empty_or_404() {
    let workos = workos().await;
    let target = "/directory_users?directory=directory_none&order=asc";
    assert_eq!(get(&workos, target).await.1["data"], json!([]));
    workos.switches(|switches| switches.unknown_filter = UnknownFilter::NotFound);
    assert_eq!(get(&workos, target).await, (reqwest::StatusCode::NOT_FOUND, json!({ "message": "Not Found" })));
}

#[tokio::test]
async fn refuses_a_missing_or_wrong_key() {
    let workos = workos().await;
    let request = || client().get(format!("{}/directories", workos.url()));
    for request in [request(), request().bearer_auth("sk_other"), request().header("Authorization", workos.key())] {
        let response = request.send().await.unwrap();
        assert!(response.headers().contains_key("X-Request-Id"));
        assert_eq!(response.status(), 401);
        assert_eq!(response.json::<Value>().await.unwrap(), json!({ "message": "Unauthorized" }));
    }
}

#[tokio::test]
async fn a_key_sees_its_own_environment_only() {
    let workos = workos().await;
    workos.add_key("sk_other", "other");
    workos.add_directory_in("other", "directory_other");
    let other = |target: &str| client().get(format!("{}{target}", workos.url())).bearer_auth("sk_other");
    let (_, list) = read(other("/directories?order=asc")).await;
    let ids: Vec<&Value> = list["data"].as_array().unwrap().iter().map(|row| &row["id"]).collect();
    assert_eq!(ids, ["directory_other"]);
    assert_eq!(read(other(&format!("/directories/{DIRECTORY}"))).await.0, 404);
    assert_eq!(get(&workos, "/directories/directory_other").await.0, 404);
}

#[tokio::test]
async fn a_deleted_cursor_row_does_what_the_switch_says() {
    let workos = workos().await;
    put_users(&workos, 4);
    let (_, first) = get(&workos, &users("&order=asc&limit=2")).await;
    let next = users(&format!("&order=asc&limit=2&after={}", first["list_metadata"]["after"].as_str().unwrap()));
    workos.remove_user(DIRECTORY, "idp-1");
    let row = |page: Value| page["data"][0]["idp_id"].clone();
    assert_eq!(row(get(&workos, &next).await.1), "idp-2");
    workos.switches(|switches| switches.deleted_cursor = DeletedCursor::Restart);
    assert_eq!(row(get(&workos, &next).await.1), "idp-0");
    workos.switches(|switches| switches.deleted_cursor = DeletedCursor::Empty);
    assert_eq!(row(get(&workos, &next).await.1), Value::Null);
    workos.switches(|switches| switches.deleted_cursor = DeletedCursor::Error);
    assert_eq!(get(&workos, &next).await.0, 422);
}

#[tokio::test]
async fn the_model_can_change_between_two_pages() {
    let workos = workos().await;
    put_users(&workos, 4);
    workos.before_call(Matcher::path("/directory_users"), 2, |model| model.remove_user(DIRECTORY, "idp-3"));
    let (ids, _) = walk(&workos, &users("&order=asc&limit=2"), "after").await;
    assert_eq!(ids.len(), 3);
}

#[tokio::test]
async fn loading_a_directory_again_keeps_the_ids_of_those_who_stay() {
    let workos = workos().await;
    let user = |idp_id: &str, group: &str| json!({"idp_id": idp_id, "email": null, "state": "active", "groups": [group]});
    let describe = |users: Value| json!({ "id": DIRECTORY, "state": "linked", "users": users });
    workos.load_directory(&describe(json!([user("a", "X"), user("b", "Y")]))).unwrap();
    let (_, before) = get(&workos, &users("&order=asc")).await;
    workos.load_directory(&describe(json!([user("b", "X"), user("c", "X")]))).unwrap();
    let (_, after) = get(&workos, &users("&order=asc")).await;
    assert_eq!(after["data"][0]["id"], before["data"][1]["id"]);
    let (_, groups) = get(&workos, &format!("/directory_groups?directory={DIRECTORY}")).await;
    assert_eq!(groups["data"].as_array().unwrap().len(), 1);
}

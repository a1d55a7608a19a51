//! The events a change emits, held against the documented samples.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use standins::workos::{Deprovisioning, UserSpec, WorkOs};

use crate::support::{DIRECTORY, get, workos};

const SAMPLES: &str = include_str!("../../../../shared/adapters/tests/fixtures/workos/docs-sample-events/dsync-events.json");

/// The paths of all fields, without those of the free-form attributes.
fn fields(value: &Value) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    collect("", value, &mut paths);
    paths
}

fn collect(path: &str, value: &Value, paths: &mut BTreeSet<String>) {
    if path.ends_with("custom_attributes") || path.ends_with("previous_attributes") {
        return;
    }
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                let path = format!("{path}/{key}");
                paths.insert(path.clone());
                collect(&path, value, paths);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(path, item, paths)),
        _ => {}
    }
}

fn names(workos: &WorkOs) -> Vec<String> {
    workos.emitted().iter().map(|event| event["event"].as_str().unwrap().to_owned()).collect()
}

/// Everything that can happen to a directory, once.
fn live_a_life(workos: &WorkOs) {
    workos.put_user(DIRECTORY, UserSpec::new("1", "ada@example.com"));
    workos.put_user(DIRECTORY, UserSpec::new("1", "ada.l@example.com"));
    workos.put_group(DIRECTORY, "Engineering");
    workos.add_member(DIRECTORY, "Engineering", "1");
    workos.remove_member(DIRECTORY, "Engineering", "1");
    workos.rename_group(DIRECTORY, "Engineering", "Science");
    workos.remove_group(DIRECTORY, "Science");
    workos.deactivate_user(DIRECTORY, "1");
    workos.delete_directory(DIRECTORY);
}

#[tokio::test]
async fn have_the_fields_of_the_documented_samples() {
    let workos = workos().await;
    live_a_life(&workos);
    let samples: Value = serde_json::from_str(SAMPLES).unwrap();
    let by_name = |events: &[Value]| -> BTreeMap<String, BTreeSet<String>> {
        events.iter().map(|event| (event["event"].as_str().unwrap().to_owned(), fields(event))).collect()
    };
    assert_eq!(by_name(&workos.emitted()), by_name(samples["events"].as_array().unwrap()));
}

#[tokio::test]
async fn come_in_the_order_of_the_changes() {
    let workos = workos().await;
    live_a_life(&workos);
    let expected = [
        "dsync.activated",
        "dsync.user.created",
        "dsync.user.updated",
        "dsync.group.created",
        "dsync.group.user_added",
        "dsync.group.user_removed",
        "dsync.group.updated",
        "dsync.group.deleted",
        "dsync.user.deleted",
        "dsync.deleted",
    ];
    assert_eq!(names(&workos), expected);
    let update = &workos.emitted()[2];
    assert_eq!(update["data"]["previous_attributes"], json!({ "email": "ada@example.com" }));
}

#[tokio::test]
async fn nothing_is_emitted_when_nothing_changes() {
    let workos = workos().await;
    for _ in 0..2 {
        workos.put_user(DIRECTORY, UserSpec::new("1", "ada@example.com"));
        workos.add_member(DIRECTORY, "Engineering", "1");
    }
    assert_eq!(names(&workos).len(), 4);
}

#[tokio::test]
async fn who_comes_back_has_a_new_id_in_the_secure_flow_and_the_old_one_in_the_custom_flow() {
    let workos = workos().await;
    let ada = || UserSpec::new("1", "ada@example.com");
    let first = workos.put_user(DIRECTORY, ada());
    workos.deactivate_user(DIRECTORY, "1");
    let second = workos.put_user(DIRECTORY, ada());
    assert_ne!(first, second);
    workos.switches(|switches| switches.deprovisioning = Deprovisioning::Custom);
    workos.deactivate_user(DIRECTORY, "1");
    let (_, user) = get(&workos, &format!("/directory_users/{second}")).await;
    assert_eq!(user["state"], "inactive");
    let last = workos.emitted().pop().unwrap();
    assert_eq!(last["event"], "dsync.user.updated");
    assert_eq!(last["data"]["previous_attributes"], json!({ "state": "active" }));
    assert_eq!(workos.put_user(DIRECTORY, ada()), second);
}

#[tokio::test]
async fn can_be_read_from_the_events_route() {
    let workos = workos().await;
    live_a_life(&workos);
    assert_eq!(get(&workos, "/events").await.1["code"], "invalid_events_request");
    let (_, page) = get(&workos, "/events?events=dsync.user.created,dsync.user.deleted&order=asc&limit=1").await;
    assert_eq!(page["data"][0]["event"], "dsync.user.created");
    let after = page["list_metadata"]["after"].as_str().unwrap();
    let next = format!("/events?events=dsync.user.created,dsync.user.deleted&order=asc&after={after}");
    let (_, page) = get(&workos, &next).await;
    assert_eq!(page["data"][0]["event"], "dsync.user.deleted");
    assert_eq!(page["list_metadata"], json!({ "after": null }));
}

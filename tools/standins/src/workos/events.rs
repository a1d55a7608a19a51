//! The events of directory sync, with the shapes of the documented samples.
//!
//! They differ from the REST objects: no `object` in users and groups, no `groups`, and a linked directory is `active`.

use serde_json::{Map, Value, json};

use super::directory::{Directory, Group, User};
use super::switches::Switches;
use crate::ids;

/// What happened, with the object as it is afterwards.
#[derive(Debug)]
pub(crate) enum Emission {
    Activated,
    Deleted,
    UserCreated(User),
    UserUpdated(User, Value),
    UserDeleted(User),
    GroupCreated(Group),
    GroupUpdated(Group, Value),
    GroupDeleted(Group),
    UserAdded(User, Group),
    UserRemoved(User, Group),
}

/// The whole event.
pub(crate) fn event(directory: &Directory, emission: Emission, now_ms: i64, switches: &Switches) -> Value {
    let (name, data) = match emission {
        Emission::Activated => ("dsync.activated", activated(directory)),
        Emission::Deleted => ("dsync.deleted", directory_data(directory)),
        Emission::UserCreated(user) => ("dsync.user.created", user_data(directory, &user)),
        Emission::UserUpdated(user, previous) => ("dsync.user.updated", with_previous(user_data(directory, &user), previous)),
        Emission::UserDeleted(user) => ("dsync.user.deleted", user_data(directory, &user)),
        Emission::GroupCreated(group) => ("dsync.group.created", group_data(directory, &group)),
        Emission::GroupUpdated(group, previous) => ("dsync.group.updated", with_previous(group_data(directory, &group), previous)),
        Emission::GroupDeleted(group) => ("dsync.group.deleted", group_data(directory, &group)),
        Emission::UserAdded(user, group) => ("dsync.group.user_added", membership(directory, &user, &group)),
        Emission::UserRemoved(user, group) => ("dsync.group.user_removed", membership(directory, &user, &group)),
    };
    let mut event = json!({
        "id": ids::prefixed("event", now_ms),
        "event": name,
        "data": data,
        "created_at": ids::iso(now_ms),
        "context": {},
    });
    if switches.event_object {
        event["object"] = json!("event");
    }
    event
}

/// The former values of what differs between two states of a user, or nothing when nothing does.
///
/// An attribute that is new is null, and custom attributes are compared one level deep.
pub(crate) fn user_change(old: &User, new: &User) -> Option<Value> {
    let mut previous = changed(&attributes(old), &attributes(new));
    let custom = changed(&old.custom_attributes, &new.custom_attributes);
    if !custom.is_empty() {
        previous.insert("custom_attributes".to_owned(), custom.into());
    }
    (!previous.is_empty()).then_some(previous.into())
}

fn attributes(user: &User) -> Map<String, Value> {
    let User { email, first_name, last_name, state, role, .. } = user;
    [
        ("email", json!(email)),
        ("first_name", json!(first_name)),
        ("last_name", json!(last_name)),
        ("state", json!(state)),
        ("role", json!({ "slug": role })),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into_iter()
    .collect()
}

fn changed(old: &Map<String, Value>, new: &Map<String, Value>) -> Map<String, Value> {
    let value = |map: &Map<String, Value>, key: &String| map.get(key).cloned().unwrap_or(Value::Null);
    old.keys().chain(new.keys()).filter(|key| value(old, key) != value(new, key)).map(|key| (key.clone(), value(old, key))).collect()
}

fn user_data(directory: &Directory, user: &User) -> Value {
    json!({
        "id": user.id,
        "directory_id": directory.id,
        "organization_id": directory.organization_id,
        "idp_id": user.idp_id,
        "email": user.email,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "state": user.state,
        "created_at": ids::iso(user.created_ms),
        "updated_at": ids::iso(user.updated_ms),
        "custom_attributes": user.custom_attributes,
        "role": { "slug": user.role },
        "roles": [{ "slug": user.role }],
    })
}

fn group_data(directory: &Directory, group: &Group) -> Value {
    json!({
        "id": group.id,
        "idp_id": group.idp_id,
        "directory_id": directory.id,
        "organization_id": directory.organization_id,
        "name": group.name,
        "created_at": ids::iso(group.created_ms),
        "updated_at": ids::iso(group.updated_ms),
    })
}

fn membership(directory: &Directory, user: &User, group: &Group) -> Value {
    json!({
        "directory_id": directory.id,
        "user": user_data(directory, user),
        "group": group_data(directory, group),
    })
}

fn directory_data(directory: &Directory) -> Value {
    json!({
        "object": "directory",
        "id": directory.id,
        "organization_id": directory.organization_id,
        "type": directory.kind,
        "state": event_state(&directory.state),
        "name": directory.name,
        "created_at": ids::iso(directory.created_ms),
        "updated_at": ids::iso(directory.updated_ms),
    })
}

fn activated(directory: &Directory) -> Value {
    let mut data = directory_data(directory);
    let domain = json!({
        "object": "organization_domain",
        "id": ids::prefixed("org_domain", directory.created_ms),
        "domain": directory.domain,
    });
    data["external_key"] = json!(directory.external_key);
    data["domains"] = json!([domain]);
    data
}

fn event_state(rest_state: &str) -> &str {
    match rest_state {
        "linked" => "active",
        "unlinked" => "inactive",
        other => other,
    }
}

fn with_previous(mut data: Value, previous: Value) -> Value {
    data["previous_attributes"] = previous;
    data
}

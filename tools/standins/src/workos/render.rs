//! The REST objects of WorkOS, as the switches want them.

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::directory::{Directory, Group, User};
use super::switches::{Presence, Switches, Timestamps, UserGroups};
use crate::ids;

pub(crate) fn directory(directory: &Directory, switches: &Switches) -> Value {
    let n_active = directory.users.values().filter(|user| user.state == "active").count();
    let mut object = json!({
        "id": directory.id,
        "organization_id": directory.organization_id,
        "external_key": directory.external_key,
        "type": directory.kind,
        "state": directory.state,
        "name": directory.name,
        "domain": directory.domain,
        "created_at": time(directory.created_ms, switches),
        "updated_at": time(directory.updated_ms, switches),
    });
    if switches.directory_metadata {
        object["metadata"] = json!({
            "users": { "active": n_active, "inactive": directory.users.len() - n_active },
            "groups": directory.groups.len(),
        });
    }
    finish(object, "directory", switches)
}

pub(crate) fn user(directory: &Directory, user: &User, switches: &Switches) -> Value {
    let mut object = json!({
        "id": user.id,
        "directory_id": directory.id,
        "idp_id": user.idp_id,
        "email": user.email,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "state": switches.user_state.as_ref().unwrap_or(&user.state),
        "custom_attributes": user.custom_attributes,
        "role": { "slug": user.role },
        "roles": [{ "slug": user.role }],
        "created_at": time(user.created_ms, switches),
        "updated_at": time(user.updated_ms, switches),
    });
    put(&mut object, "organization_id", json!(directory.organization_id), switches.organization_id);
    put(&mut object, "raw_attributes", json!({}), switches.raw_attributes);
    put(&mut object, "emails", json!([]), switches.legacy_user_fields);
    put(&mut object, "username", Value::Null, switches.legacy_user_fields);
    put(&mut object, "job_title", Value::Null, switches.legacy_user_fields);
    match switches.user_groups {
        UserGroups::Empty => object["groups"] = json!([]),
        UserGroups::Filled => {
            let held = directory.groups.values().filter(|held| held.members.contains(&user.idp_id));
            object["groups"] = held.map(|held| group(directory, held, switches)).collect();
        }
        UserGroups::Absent => {}
    }
    finish(object, "directory_user", switches)
}

pub(crate) fn group(directory: &Directory, group: &Group, switches: &Switches) -> Value {
    let mut object = json!({
        "id": group.id,
        "idp_id": group.idp_id,
        "directory_id": directory.id,
        "name": group.name,
        "created_at": time(group.created_ms, switches),
        "updated_at": time(group.updated_ms, switches),
    });
    put(&mut object, "organization_id", json!(directory.organization_id), switches.organization_id);
    put(&mut object, "raw_attributes", json!({}), switches.raw_attributes);
    finish(object, "directory_group", switches)
}

fn finish(mut object: Value, name: &str, switches: &Switches) -> Value {
    put(&mut object, "object", json!(name), switches.object_field);
    if switches.extra_fields {
        object["field_of_tomorrow"] = json!({ "nested": [1, null, "text"] });
    }
    object
}

fn put(object: &mut Value, name: &str, value: Value, presence: Presence) {
    match presence {
        Presence::Filled => object[name] = value,
        Presence::Null => object[name] = Value::Null,
        Presence::Absent => {}
    }
}

fn time(ms: i64, switches: &Switches) -> String {
    let utc = ids::timestamp(ms).to_zoned(TimeZone::UTC);
    match switches.timestamps {
        Timestamps::Iso => ids::iso(ms),
        Timestamps::Offset => utc.strftime("%Y-%m-%dT%H:%M:%S%z").to_string(),
        Timestamps::Spaced => utc.strftime("%Y-%m-%d %H:%M:%S.%3f").to_string(),
    }
}

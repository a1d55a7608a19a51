//! A directory described as a whole, the way a person writes it in a file.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Value, json};

use super::directory::Directory;
use super::model::{Model, UserSpec};

/// A description that could not be read.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct LoadError(#[from] serde_json::Error);

#[derive(Deserialize)]
struct Description {
    id: String,
    #[serde(default = "linked")]
    state: String,
    users: Vec<UserEntry>,
    /// Groups to keep although nobody is in them.
    #[serde(default)]
    groups: BTreeSet<String>,
}

#[derive(Deserialize)]
struct UserEntry {
    idp_id: String,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    first_name: Option<String>,
    #[serde(default)]
    last_name: Option<String>,
    #[serde(default = "active")]
    state: String,
    #[serde(default)]
    groups: BTreeSet<String>,
}

fn linked() -> String {
    "linked".to_owned()
}

fn active() -> String {
    "active".to_owned()
}

impl Model {
    /// Makes a directory exactly as described by `{"id","state","users":[{"idp_id","email","state","groups":["…"]}]}`.
    ///
    /// Users and groups that stay keep their ids; what is not described is removed. Gives the id of the directory.
    pub fn load_directory(&mut self, description: &Value) -> Result<String, LoadError> {
        let Description { id, state, users, groups } = Description::deserialize(description)?;
        self.add_directory(&id);
        let kept: BTreeSet<&str> = users.iter().map(|user| user.idp_id.as_str()).collect();
        let gone = self.directories[&id].users.keys().filter(|idp_id| !kept.contains(idp_id.as_str()));
        for idp_id in gone.cloned().collect::<Vec<_>>() {
            self.remove_user(&id, &idp_id);
        }
        let mut wanted: BTreeMap<String, BTreeSet<String>> = groups.into_iter().map(|name| (name, BTreeSet::new())).collect();
        for user in users {
            for group in user.groups {
                wanted.entry(group).or_default().insert(user.idp_id.clone());
            }
            let spec = UserSpec {
                idp_id: user.idp_id,
                email: user.email,
                state: user.state,
                id: user.id,
                first_name: user.first_name,
                last_name: user.last_name,
                ..UserSpec::default()
            };
            self.put_user(&id, spec);
        }
        self.set_groups(&id, &wanted);
        if self.directories[&id].state != state {
            self.set_directory_state(&id, &state);
        }
        Ok(id)
    }

    fn set_groups(&mut self, directory: &str, wanted: &BTreeMap<String, BTreeSet<String>>) {
        let current: BTreeMap<String, BTreeSet<String>> =
            self.directories[directory].groups.values().map(|group| (group.name.clone(), group.members.clone())).collect();
        for name in current.keys().filter(|name| !wanted.contains_key(*name)) {
            self.remove_group(directory, name);
        }
        let nobody = BTreeSet::new();
        for (name, members) in wanted {
            self.put_group(directory, name);
            let held = current.get(name).unwrap_or(&nobody);
            for idp_id in held.difference(members) {
                self.remove_member(directory, name, idp_id);
            }
            for idp_id in members.difference(held) {
                self.add_member(directory, name, idp_id);
            }
        }
    }
}

/// The description of a directory as it is now; loading it again changes nothing.
pub(crate) fn describe(directory: &Directory) -> Value {
    let users: Vec<Value> = directory
        .users
        .values()
        .map(|user| {
            let groups = directory.groups.values().filter(|group| group.members.contains(&user.idp_id));
            json!({
                "idp_id": user.idp_id,
                "id": user.id,
                "email": user.email,
                "first_name": user.first_name,
                "last_name": user.last_name,
                "state": user.state,
                "groups": groups.map(|group| &group.name).collect::<Vec<_>>(),
            })
        })
        .collect();
    let groups: Vec<&String> = directory.groups.keys().collect();
    json!({ "id": directory.id, "state": directory.state, "users": users, "groups": groups })
}

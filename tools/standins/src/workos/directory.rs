//! A directory with its users and groups, as it is kept.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::page::Place;

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Directory {
    pub(crate) id: String,
    pub(crate) environment: String,
    pub(crate) organization_id: String,
    pub(crate) external_key: String,
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) domain: String,
    pub(crate) state: String,
    pub(crate) created_ms: i64,
    pub(crate) updated_ms: i64,
    pub(crate) users: BTreeMap<String, User>,
    pub(crate) groups: BTreeMap<String, Group>,
    /// When the deleted rows were made, for cursors that still name them.
    pub(crate) deleted: BTreeMap<String, i64>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct User {
    pub(crate) id: String,
    pub(crate) idp_id: String,
    pub(crate) email: Option<String>,
    pub(crate) first_name: Option<String>,
    pub(crate) last_name: Option<String>,
    pub(crate) state: String,
    pub(crate) role: String,
    pub(crate) custom_attributes: Map<String, Value>,
    pub(crate) created_ms: i64,
    pub(crate) updated_ms: i64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Group {
    pub(crate) id: String,
    pub(crate) idp_id: String,
    pub(crate) name: String,
    pub(crate) members: BTreeSet<String>,
    pub(crate) created_ms: i64,
    pub(crate) updated_ms: i64,
}

impl Directory {
    /// Where the row with this id is, or was.
    pub(crate) fn place(&self, id: &str) -> Place {
        let users = self.users.values().map(|user| (&user.id, user.created_ms));
        let groups = self.groups.values().map(|group| (&group.id, group.created_ms));
        match users.chain(groups).find(|(row, _)| *row == id) {
            Some((_, created_ms)) => Place::Present((created_ms, id.to_owned())),
            None => match self.deleted.get(id) {
                Some(created_ms) => Place::Deleted((*created_ms, id.to_owned())),
                None => Place::Unknown,
            },
        }
    }
}

impl Group {
    /// The group itself: events do not tell who is in it, and copying large groups for each would take minutes.
    pub(crate) fn without_members(&self) -> Self {
        Self {
            id: self.id.clone(),
            idp_id: self.idp_id.clone(),
            name: self.name.clone(),
            members: BTreeSet::new(),
            created_ms: self.created_ms,
            updated_ms: self.updated_ms,
        }
    }
}

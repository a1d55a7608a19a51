//! What WorkOS knows: directories with their users, groups and memberships, and the events their changes cause.
//!
//! Every change is made here, by a test, a hook or the control endpoint alike, and emits the events WorkOS would.
//! A user is known by `idp_id` within a directory and a group by its name; the ids WorkOS gives are never reused.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::directory::{Directory, Group, User};
use super::events::{self, Emission};
use super::switches::{Deprovisioning, Switches};
use crate::ids;

/// The environment of [`Options::key`](super::Options::key).
pub(crate) const DEFAULT_ENVIRONMENT: &str = "default";

/// How many emitted events are kept.
const EVENTS_MAX: usize = 100_000;

/// A user as a test describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct UserSpec {
    /// The id at the identity provider; with the directory it names the user.
    pub idp_id: String,
    /// The e-mail address, which may be missing.
    pub email: Option<String>,
    /// `active`, `inactive` or, long ago, `suspended`.
    pub state: String,
    /// The id of a new user, if it matters; otherwise one is made.
    pub id: Option<String>,
    /// The given name.
    pub first_name: Option<String>,
    /// The family name.
    pub last_name: Option<String>,
    /// The slug of the WorkOS role.
    pub role: String,
    /// Further attributes.
    pub custom_attributes: Map<String, Value>,
}

impl Default for UserSpec {
    fn default() -> Self {
        Self {
            idp_id: String::new(),
            email: None,
            state: "active".to_owned(),
            id: None,
            first_name: None,
            last_name: None,
            role: "member".to_owned(),
            custom_attributes: Map::new(),
        }
    }
}

impl UserSpec {
    /// An active user.
    pub fn new(idp_id: &str, email: &str) -> Self {
        Self { idp_id: idp_id.to_owned(), email: Some(email.to_owned()), ..Self::default() }
    }
}

/// The whole model; hooks get it to change it between two calls.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Model {
    /// The behaviours in force; they are not part of the kept state.
    #[serde(skip)]
    pub switches: Switches,
    #[serde(skip)]
    pub(crate) events: VecDeque<Emitted>,
    pub(crate) directories: BTreeMap<String, Directory>,
    clock_ms: i64,
}

/// An event and the environment whose key may read it.
#[derive(Debug)]
pub(crate) struct Emitted {
    pub(crate) environment: String,
    pub(crate) event: Value,
}

/// Changes of the model.
///
/// # Panics
///
/// Those that take a directory panic when there is none with this id, and those that take a user or a group to change
/// or remove do when it is not there: the script of a test is wrong then.
impl Model {
    /// Adds a linked directory, unless it is there.
    pub fn add_directory(&mut self, id: &str) {
        self.add_directory_in(DEFAULT_ENVIRONMENT, id);
    }

    /// Adds a linked directory to the environment of another key, unless it is there.
    pub fn add_directory_in(&mut self, environment: &str, id: &str) {
        if self.directories.contains_key(id) {
            return;
        }
        let now = self.tick();
        let directory = Directory {
            id: id.to_owned(),
            environment: environment.to_owned(),
            organization_id: ids::prefixed("org", now),
            external_key: "sPa12dwRQ".to_owned(),
            name: "Foo Corp's Directory".to_owned(),
            kind: "azure scim v2.0".to_owned(),
            domain: "foo-corp.com".to_owned(),
            state: "linked".to_owned(),
            created_ms: now,
            updated_ms: now,
            users: BTreeMap::new(),
            groups: BTreeMap::new(),
            deleted: BTreeMap::new(),
        };
        self.directories.insert(id.to_owned(), directory);
        self.emit(id, Emission::Activated);
    }

    /// Sets the state of a directory; becoming `linked` is an activation.
    pub fn set_directory_state(&mut self, id: &str, state: &str) {
        let now = self.tick();
        let directory = self.directory_mut(id);
        let activated = state == "linked" && directory.state != state;
        directory.state = state.to_owned();
        directory.updated_ms = now;
        if activated {
            self.emit(id, Emission::Activated);
        }
    }

    /// Deletes a directory with all that is in it, which is a single event.
    pub fn delete_directory(&mut self, id: &str) {
        self.directory_mut(id).state = "deleting".to_owned();
        self.emit(id, Emission::Deleted);
        self.directories.remove(id);
    }

    /// Adds a user, or updates the one with this `idp_id`; gives the WorkOS id.
    pub fn put_user(&mut self, directory: &str, spec: UserSpec) -> String {
        let now = self.tick();
        let known = self.directory_mut(directory).users.get(&spec.idp_id).cloned();
        let mut user = User {
            id: spec.id.unwrap_or_else(|| ids::prefixed("directory_user", now)),
            idp_id: spec.idp_id,
            email: spec.email,
            first_name: spec.first_name,
            last_name: spec.last_name,
            state: spec.state,
            role: spec.role,
            custom_attributes: spec.custom_attributes,
            created_ms: self.row_time(now),
            updated_ms: now,
        };
        let emission = match known {
            None => Some(Emission::UserCreated(user.clone())),
            Some(old) => {
                user.id.clone_from(&old.id);
                user.created_ms = old.created_ms;
                events::user_change(&old, &user).map(|previous| Emission::UserUpdated(user.clone(), previous))
            }
        };
        let id = user.id.clone();
        if let Some(emission) = emission {
            self.directory_mut(directory).users.insert(user.idp_id.clone(), user);
            self.emit(directory, emission);
        }
        id
    }

    /// Deletes a user; coming back, they get a new WorkOS id.
    pub fn remove_user(&mut self, directory: &str, idp_id: &str) {
        let held = self.directory_mut(directory);
        let mut user = held.users.remove(idp_id).unwrap_or_else(|| panic!("no user {idp_id} in {directory}"));
        for group in held.groups.values_mut() {
            group.members.remove(idp_id);
        }
        held.deleted.insert(user.id.clone(), user.created_ms);
        user.state = "inactive".to_owned();
        self.emit(directory, Emission::UserDeleted(user));
    }

    /// Makes a user inactive at the identity provider, with the effect of the deprovisioning flow in force.
    pub fn deactivate_user(&mut self, directory: &str, idp_id: &str) {
        if self.switches.deprovisioning == Deprovisioning::Secure {
            return self.remove_user(directory, idp_id);
        }
        let now = self.tick();
        let user = self.user_mut(directory, idp_id);
        let previous = json!({ "state": user.state });
        user.state = "inactive".to_owned();
        user.updated_ms = now;
        let user = user.clone();
        self.emit(directory, Emission::UserUpdated(user, previous));
    }

    /// Adds a group, unless there is one of this name; gives the WorkOS id.
    pub fn put_group(&mut self, directory: &str, name: &str) -> String {
        if let Some(group) = self.directory_mut(directory).groups.get(name) {
            return group.id.clone();
        }
        let now = self.tick();
        let group = Group {
            id: ids::prefixed("directory_group", now),
            idp_id: uuid::Uuid::new_v4().to_string(),
            name: name.to_owned(),
            members: BTreeSet::new(),
            created_ms: self.row_time(now),
            updated_ms: now,
        };
        self.directory_mut(directory).groups.insert(name.to_owned(), group.clone());
        let id = group.id.clone();
        self.emit(directory, Emission::GroupCreated(group));
        id
    }

    /// Renames a group, which keeps its id and members.
    pub fn rename_group(&mut self, directory: &str, old: &str, new: &str) {
        let now = self.tick();
        let groups = &mut self.directory_mut(directory).groups;
        let mut group = groups.remove(old).unwrap_or_else(|| panic!("no group {old} in {directory}"));
        group.name = new.to_owned();
        group.updated_ms = now;
        groups.insert(new.to_owned(), group.clone());
        self.emit(directory, Emission::GroupUpdated(group, json!({ "name": old })));
    }

    /// Deletes a group; no event tells of its members.
    pub fn remove_group(&mut self, directory: &str, name: &str) {
        let held = self.directory_mut(directory);
        let group = held.groups.remove(name).unwrap_or_else(|| panic!("no group {name} in {directory}"));
        held.deleted.insert(group.id.clone(), group.created_ms);
        self.emit(directory, Emission::GroupDeleted(group));
    }

    /// Puts a user into a group, which is made if need be; the user's `updated_at` stays, as at WorkOS.
    pub fn add_member(&mut self, directory: &str, group: &str, idp_id: &str) {
        self.put_group(directory, group);
        self.set_member(directory, group, idp_id, |members| members.insert(idp_id.to_owned()), Emission::UserAdded);
    }

    /// Takes a user out of a group.
    pub fn remove_member(&mut self, directory: &str, group: &str, idp_id: &str) {
        self.set_member(directory, group, idp_id, |members| members.remove(idp_id), Emission::UserRemoved);
    }

    fn set_member(
        &mut self,
        directory: &str,
        group: &str,
        idp_id: &str,
        change: impl FnOnce(&mut BTreeSet<String>) -> bool,
        emission: impl FnOnce(User, Group) -> Emission,
    ) {
        let user = self.user_mut(directory, idp_id).clone();
        let groups = &mut self.directory_mut(directory).groups;
        let held = groups.get_mut(group).unwrap_or_else(|| panic!("no group {group} in {directory}"));
        if change(&mut held.members) {
            let group = held.without_members();
            self.emit(directory, emission(user, group));
        }
    }

    /// An event as if something about a user had changed just now; nothing did, and it is not in the log.
    pub fn sample_event(&mut self, directory: &str) -> Value {
        let now = self.tick();
        let held = self.directory_mut(directory);
        let user = held.users.values().next().cloned().unwrap_or_else(|| User {
            id: ids::prefixed("directory_user", now),
            idp_id: "8931".to_owned(),
            email: Some("lela.block@example.com".to_owned()),
            first_name: Some("Lela".to_owned()),
            last_name: Some("Block".to_owned()),
            state: "active".to_owned(),
            role: "member".to_owned(),
            custom_attributes: Map::new(),
            created_ms: now,
            updated_ms: now,
        });
        self.event(directory, Emission::UserUpdated(user, json!({})))
    }

    fn emit(&mut self, directory: &str, emission: Emission) {
        let event = self.event(directory, emission);
        if self.events.len() == EVENTS_MAX {
            self.events.pop_front();
        }
        let environment = self.directory_mut(directory).environment.clone();
        self.events.push_back(Emitted { environment, event });
    }

    fn event(&mut self, directory: &str, emission: Emission) -> Value {
        let now = self.tick();
        let held = self.directories.get(directory).expect("events are emitted while the directory is there");
        events::event(held, emission, now, &self.switches)
    }

    /// A time no other call got, so that ids and lists have the order of the changes.
    fn tick(&mut self) -> i64 {
        self.clock_ms = ids::now_ms().max(self.clock_ms + 1);
        self.clock_ms
    }

    fn row_time(&self, now: i64) -> i64 {
        if self.switches.coarse_clock { now - now % 1000 } else { now }
    }

    fn directory_mut(&mut self, id: &str) -> &mut Directory {
        self.directories.get_mut(id).unwrap_or_else(|| panic!("no directory {id}"))
    }

    fn user_mut(&mut self, directory: &str, idp_id: &str) -> &mut User {
        self.directory_mut(directory).users.get_mut(idp_id).unwrap_or_else(|| panic!("no user {idp_id} in {directory}"))
    }
}

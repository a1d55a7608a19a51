//! What one API key can see: the directories of its environment.

use super::directory::{Directory, Group, User};
use super::model::Model;

/// The environment of the key a request came with.
#[derive(Clone, Debug)]
pub(crate) struct Environment(pub(crate) String);

impl Environment {
    pub(crate) fn directories<'a>(&self, model: &'a Model) -> impl Iterator<Item = &'a Directory> {
        model.directories.values().filter(|directory| directory.environment == self.0)
    }

    pub(crate) fn directory<'a>(&self, model: &'a Model, id: &str) -> Option<&'a Directory> {
        self.directories(model).find(|directory| directory.id == id)
    }

    pub(crate) fn user<'a>(&self, model: &'a Model, id: &str) -> Option<(&'a Directory, &'a User)> {
        self.directories(model).find_map(|directory| {
            let user = directory.users.values().find(|user| user.id == id)?;
            Some((directory, user))
        })
    }

    pub(crate) fn group<'a>(&self, model: &'a Model, id: &str) -> Option<(&'a Directory, &'a Group)> {
        self.directories(model).find_map(|directory| {
            let group = directory.groups.values().find(|group| group.id == id)?;
            Some((directory, group))
        })
    }
}

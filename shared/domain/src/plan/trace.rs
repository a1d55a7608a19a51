//! What a dataset tells of an action whose answer was lost.

use super::{Action, Change};
use crate::current::Current;
use crate::group_name::Roles;

/// What a dataset tells of an action whose answer was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trace {
    /// The dataset is as the action would make it.
    Done,
    /// It is not; the action may be sent again.
    NotDone,
    /// An account of that login is there, but not as it should be made: the next run's to correct.
    Unclear,
}

impl Action {
    /// What the dataset tells of the action: asked after a write whose answer was lost.
    pub fn trace_in(&self, current: &Current) -> Trace {
        let account = current.accounts.get(&self.login);
        let is_there_twice = current.duplicates.contains_key(&self.login);
        let as_wanted = |roles: &Roles| account.is_some_and(|account| account.enabled && account.roles == *roles);
        let done = match &self.change {
            Change::Create { roles } if as_wanted(roles) => true,
            // Sent again it would make a second account; taken for done it might pass for an administrator.
            Change::Create { .. } if account.is_some() || is_there_twice => return Trace::Unclear,
            Change::Create { .. } => false,
            Change::Update { roles, .. } => as_wanted(roles),
            Change::Restore { to, before, properties } => match (account, before) {
                (Some(account), _) if account.is_as(to) && account.lacks(properties).is_empty() => true,
                (Some(_), None) => return Trace::Unclear,
                (None, None) if is_there_twice => return Trace::Unclear,
                (Some(_), Some(_)) | (None, Some(_) | None) => false,
            },
            Change::Disable { .. } | Change::Block { .. } => !is_there_twice && account.is_none_or(|account| !account.enabled),
            Change::Remove { before } => !is_there_twice && account.is_none_or(|account| account.id != before.id),
        };
        if done { Trace::Done } else { Trace::NotDone }
    }
}

//! A plan as people read it.

use std::collections::BTreeSet;
use std::fmt;

use super::{Action, Change, Plan, Verb};
use crate::group_name::Role;

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |verb| self.actions.iter().filter(|action| action.verb() == verb).count();
        write!(f, "{}: {} to create, {} to update, ", self.tenant, count(Verb::Create), count(Verb::Update))?;
        for (verb, what) in [(Verb::Disable, "disable"), (Verb::Restore, "restore")] {
            match count(verb) {
                0 => {}
                n => write!(f, "{n} to {what}, ")?,
            }
        }
        writeln!(f, "{} to remove, {} right already", count(Verb::Remove), self.unchanged)?;
        self.actions.iter().try_for_each(|action| writeln!(f, "  {action}"))
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let login = &self.login;
        match &self.change {
            Change::Create { roles } => write!(f, "+ {login}  {}", role_list(roles)),
            Change::Disable { before } => write!(f, "o {login}  disable, was {}", role_list(&before.roles)),
            Change::Block { before } => write!(f, "o {login}  disable, blocked, was {}", role_list(&before.roles)),
            Change::Remove { before } => match &self.renamed_to {
                Some(new) => write!(f, "- {login}  was {}, renamed to {new}", role_list(&before.roles)),
                None => write!(f, "- {login}  was {}", role_list(&before.roles)),
            },
            Change::Restore { to, before, properties } => {
                let off = if to.enabled { "" } else { ", disabled" };
                write!(f, "^ {login}  restore {}{off}", role_list(&to.roles))?;
                match before {
                    Some(_) if !properties.is_empty() => {
                        write!(f, ", with {}", properties.keys().map(String::as_str).collect::<Vec<_>>().join(", "))
                    }
                    Some(_) | None => Ok(()),
                }
            }
            Change::Update { before, roles } => {
                write!(f, "~ {login} ")?;
                if !before.enabled {
                    write!(f, " enable")?;
                }
                for role in roles.difference(&before.roles) {
                    write!(f, " +{role}")?;
                }
                for role in before.roles.difference(roles) {
                    write!(f, " -{role}")?;
                }
                Ok(())
            }
        }
    }
}

/// Roles for people, in their order.
pub(crate) fn role_list(roles: &BTreeSet<Role>) -> String {
    if roles.is_empty() {
        return "no role".to_owned();
    }
    roles.iter().map(Role::as_str).collect::<Vec<_>>().join(", ")
}

//! Who is in the directory, and who is to have an account because of it: worked out here from the guide's rules, with none of the code that is
//! tested.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::file::File;
use crate::stage::Stage;
use crate::words::email;

/// The roles of each account that can be used, by its login in lower case.
pub(crate) type Accounts = BTreeMap<String, BTreeSet<String>>;
/// Those of each tenant.
pub(crate) type Tenants = BTreeMap<String, Accounts>;

/// What was so all the time.
pub(crate) struct Steady {
    /// The accounts that were to be there, with the roles that they were to have.
    pub(crate) desired: Tenants,
}

/// A directory, as the stand-in has it.
#[derive(Deserialize)]
pub(crate) struct Census {
    pub(crate) users: BTreeMap<String, Person>,
    pub(crate) groups: BTreeMap<String, Group>,
}

#[derive(Deserialize)]
pub(crate) struct Person {
    pub(crate) email: Option<String>,
    state: String,
}

#[derive(Deserialize)]
pub(crate) struct Group {
    pub(crate) members: BTreeSet<String>,
}

impl Person {
    pub(crate) fn is_active(&self) -> bool {
        self.state == "active"
    }

    pub(crate) fn state(&self) -> &str {
        &self.state
    }
}

impl Stage {
    /// The first customer's directory; while it is away, as it was.
    pub(crate) fn census(&self) -> Census {
        self.census_of(&self.directory())
    }

    /// A directory; while the first customer's is away, as it was.
    pub(crate) fn census_of(&self, directory: &str) -> Census {
        #[derive(Deserialize)]
        struct Model {
            directories: BTreeMap<String, Census>,
        }
        let away = self.play().away.clone();
        let model = away.unwrap_or_else(|| self.workos.edit(|model| serde_json::to_string(model)).unwrap());
        let mut model: Model = serde_json::from_str(&model).unwrap();
        model.directories.remove(directory).unwrap()
    }

    /// What is so now.
    pub(crate) fn steady(&self) -> Steady {
        Steady { desired: self.desired() }
    }

    /// What is not so now was not so all the time.
    pub(crate) fn note_desired(&self) {
        let (census, file) = (self.census(), self.file());
        let mut play = self.play();
        let unsaid = census.unsaid(&file, &play.had);
        let desired = census.desired(&file, &unsaid);
        play.consent.facts_change(&desired, &unsaid);
        if let Some(steady) = &mut play.steady {
            steady.desired = in_both(&steady.desired, &desired);
        }
        for (name, person) in census.users {
            play.had.entry(name).or_default().extend(person.email.map(|email| email.to_lowercase()));
        }
    }

    /// See [`Census::unsaid`].
    pub(crate) fn unsaid(&self) -> BTreeSet<String> {
        self.census().unsaid(&self.file(), &self.play().had)
    }

    /// See [`Census::desired`].
    pub(crate) fn desired(&self) -> Tenants {
        let (census, file) = (self.census(), self.file());
        census.desired(&file, &census.unsaid(&file, &self.play().had))
    }
}

impl Census {
    /// The addresses of whose accounts nothing is said: active people share them, or they are of somebody who is blocked under another one, of
    /// which a run may know. `had` is every address that somebody had, by name.
    pub(crate) fn unsaid(&self, file: &File, had: &BTreeMap<String, BTreeSet<String>>) -> BTreeSet<String> {
        let mut seen = BTreeSet::new();
        let was_blocked = |name: &String, login: &String| {
            !file.blocked().contains(login) && had.get(name).is_some_and(|had| !had.is_disjoint(file.blocked()))
        };
        let active = self.users.iter().filter(|(_, person)| person.is_active());
        let logins = active.filter_map(|(name, person)| Some((name, person.email.as_ref()?.to_lowercase())));
        logins.filter(|(name, login)| !seen.insert(login.clone()) || was_blocked(name, login)).map(|(_, login)| login).collect()
    }

    /// Who is to have an account now that can be used, but for those of whom nothing is said.
    pub(crate) fn desired(&self, file: &File, unsaid: &BTreeSet<String>) -> Tenants {
        let mut desired: Tenants = file.tenants().map(|tenant| (tenant.to_owned(), Accounts::new())).collect();
        for (name, group) in &self.groups {
            let Some((tenant, role)) = file.grant(name) else { continue };
            let active = group.members.iter().map(|member| &self.users[member]).filter(|person| person.is_active());
            for email in active.filter_map(|person| person.email.as_ref()) {
                desired.get_mut(tenant).unwrap().entry(email.to_lowercase()).or_default().insert(role.to_owned());
            }
        }
        for accounts in desired.values_mut() {
            accounts.retain(|login, roles| (roles.contains("user") || roles.contains("admin")) && file.is_said(login, unsaid));
        }
        desired
    }
}

/// The accounts that can be used, of rows as [`shown`](crate::words::shown) tells of them.
pub(crate) fn usable(rows: &[String]) -> Accounts {
    let mut accounts = Accounts::new();
    for row in rows.iter().filter(|row| !row.ends_with(" off")) {
        let (name, roles) = row.split_once(' ').unwrap();
        let login = login_of(name);
        let roles = roles.split(',').map(|role| role.trim().to_owned()).collect();
        assert!(accounts.insert(login, roles).is_none(), "somebody has two accounts: {rows:?}");
    }
    accounts
}

/// The rows of an account, whether it can be used or not.
pub(crate) fn of_login<'a>(rows: &'a [String], login: &str) -> Vec<&'a String> {
    rows.iter().filter(|row| row.split_once(' ').is_some_and(|(name, _)| login_of(name) == login)).collect()
}

fn login_of(name: &str) -> String {
    if name.contains('@') { name.to_lowercase() } else { email(&name.to_lowercase()) }
}

/// What is in both.
fn in_both(one: &Tenants, other: &Tenants) -> Tenants {
    let roles = |one: &BTreeSet<String>, other: &BTreeSet<String>| one & other;
    let accounts = |one: &Accounts, other: &Accounts| {
        one.iter().filter_map(|(login, held)| Some((login.clone(), roles(held, other.get(login)?)))).collect()
    };
    one.iter().filter_map(|(tenant, held)| Some((tenant.clone(), accounts(held, other.get(tenant)?)))).collect()
}

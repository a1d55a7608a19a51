//! Who is in the directory, and who is to have an account because of it: worked out here from the guide's rules, with none of the code that is
//! tested.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::stage::Stage;
use crate::words::PREFIX;

/// The roles of each account that can be used, by its login in lower case.
pub(crate) type Accounts = BTreeMap<String, BTreeSet<String>>;
/// Those of each tenant.
pub(crate) type Tenants = BTreeMap<String, Accounts>;

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
}

impl Stage {
    /// The first customer's directory.
    pub(crate) fn census(&self) -> Census {
        #[derive(Deserialize)]
        struct Model {
            directories: BTreeMap<String, Census>,
        }
        let model = self.workos.edit(|model| serde_json::to_string(model)).unwrap();
        let mut model: Model = serde_json::from_str(&model).unwrap();
        model.directories.remove(&self.directory()).unwrap()
    }

    /// Who is not to have an account now was not to have one all the time.
    pub(crate) fn note_desired(&self) {
        let now = self.desired();
        let steady = &mut self.play().steady;
        *steady = steady.take().map(|steady| in_both(&steady, &now));
    }

    /// The addresses that active people share: nothing is said of their accounts.
    pub(crate) fn shared(&self) -> BTreeSet<String> {
        let mut seen = BTreeSet::new();
        let census = self.census();
        let active = census.users.values().filter(|person| person.is_active());
        active
            .filter_map(|person| person.email.as_ref())
            .map(|email| email.to_lowercase())
            .filter(|email| !seen.insert(email.clone()))
            .collect()
    }

    /// Who is to have an account now.
    pub(crate) fn desired(&self) -> Tenants {
        let tenants: Vec<String> = self.customers()[0].tenants().map(str::to_owned).collect();
        let (census, shared) = (self.census(), self.shared());
        let mut desired: Tenants = tenants.iter().map(|tenant| (tenant.clone(), Accounts::new())).collect();
        for (name, group) in &census.groups {
            let Some(granted) = name.strip_prefix(PREFIX) else { continue };
            let (tenant, role) = match &tenants[..] {
                [one] => (one.as_str(), granted),
                _ => granted.split_once('_').unwrap(),
            };
            let active = group.members.iter().map(|member| &census.users[member]).filter(|person| person.is_active());
            for email in active.filter_map(|person| person.email.as_ref()) {
                desired.get_mut(tenant).unwrap().entry(email.to_lowercase()).or_default().insert(role.to_owned());
            }
        }
        for accounts in desired.values_mut() {
            accounts.retain(|login, roles| (roles.contains("user") || roles.contains("admin")) && !shared.contains(login));
        }
        desired
    }
}

/// The accounts that can be used, of rows as [`shown`](crate::words::shown) tells of them.
pub(crate) fn usable(rows: &[String]) -> Accounts {
    let mut accounts = Accounts::new();
    for row in rows.iter().filter(|row| !row.ends_with(" off")) {
        let (name, roles) = row.split_once(' ').unwrap();
        let login = if name.contains('@') { name.to_lowercase() } else { format!("{}@acme.com", name.to_lowercase()) };
        let roles = roles.split(',').map(|role| role.trim().to_owned()).collect();
        assert!(accounts.insert(login, roles).is_none(), "somebody has two accounts: {rows:?}");
    }
    accounts
}

/// What is in both.
fn in_both(one: &Tenants, other: &Tenants) -> Tenants {
    let roles = |one: &BTreeSet<String>, other: &BTreeSet<String>| one & other;
    let accounts = |one: &Accounts, other: &Accounts| {
        one.iter().filter_map(|(login, held)| Some((login.clone(), roles(held, other.get(login)?)))).collect()
    };
    one.iter().map(|(tenant, held)| (tenant.clone(), accounts(held, &other[tenant]))).collect()
}

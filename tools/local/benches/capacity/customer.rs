//! A customer: so many users, each in one group that gives a role in one of so many tenants; one in twenty is an administrator.

use serde_json::{Value, json};

pub(crate) struct Customer {
    pub(crate) id: usize,
    pub(crate) n_tenants: usize,
    pub(crate) users: Vec<User>,
    next: usize,
}

#[derive(Clone, Copy)]
pub(crate) struct User {
    number: usize,
    is_admin: bool,
}

impl Customer {
    pub(crate) fn new(id: usize, n_users: usize, n_tenants: usize) -> Self {
        let users = (0..n_users).map(|number| User { number, is_admin: (number / n_tenants).is_multiple_of(20) }).collect();
        Self { id, n_tenants, users, next: n_users }
    }

    /// Changes one user in a hundred: of ten changes, four come, three leave and three become administrators; a single one leaves.
    pub(crate) fn change_one_percent(&mut self) {
        let n = self.users.len() / 100;
        let (leave, promote) = ((n * 3).div_ceil(10), n * 3 / 10);
        self.users.drain(1..=leave);
        self.users.iter_mut().filter(|user| !user.is_admin).take(promote).for_each(|user| user.is_admin = true);
        self.join(n - leave - promote);
    }

    /// One user more for each hundred; nobody loses anything.
    pub(crate) fn join_one_percent(&mut self) {
        self.join(self.users.len() / 100);
    }

    fn join(&mut self, n: usize) {
        self.users.extend((self.next..self.next + n).map(|number| User { number, is_admin: false }));
        self.next += n;
    }

    pub(crate) fn directory_id(&self) -> String {
        format!("directory_01CUSTOMER{:05}", self.id)
    }

    pub(crate) fn name(&self) -> String {
        format!("customer-{:05}", self.id)
    }

    pub(crate) fn tenant(&self, at: usize) -> String {
        format!("C{:05}T{at:02}", self.id)
    }

    pub(crate) fn dataset(&self, at: usize) -> String {
        format!("0B533DE6-7107-9FCD-{:04}-{:012}", at, self.id)
    }

    /// The description that the stand-in reads.
    pub(crate) fn directory(&self) -> Value {
        let user = |user: &User| {
            let role = if user.is_admin { "admin" } else { "user" };
            let group = format!("IAMAPP_Orgvue_SCIM_{}_{role}", self.tenant(user.number % self.n_tenants));
            json!({
                "idp_id": format!("idp-{:05}-{:06}", self.id, user.number),
                "email": format!("firstname.lastname{:06}@customer{:05}.example", user.number, self.id),
                "groups": [group],
            })
        };
        json!({"id": self.directory_id(), "users": self.users.iter().map(user).collect::<Vec<_>>()})
    }

    /// The integration file.
    pub(crate) fn file(&self) -> String {
        let tenants: String = (0..self.n_tenants)
            .map(|at| {
                format!(
                    "\n[[tenants]]\nid = \"{}\"\ndataset = \"{}\"\napi_account = \"sync@orgvue.com\"\n",
                    self.tenant(at),
                    self.dataset(at)
                )
            })
            .collect();
        format!(
            "id = \"{}\"\ndirectory = \"{}\"\nmode = \"enforce\"\ntenancy = \"multi\"\nprefix = \"IAMAPP_Orgvue_SCIM_\"\n{tenants}",
            self.name(),
            self.directory_id(),
        )
    }
}

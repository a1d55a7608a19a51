//! The words in which tests tell of users, rows, faults and runs.

use std::collections::BTreeMap;
use std::ops::Range;

use domain::login::Login;
use domain::run::{RunRecord, Status, TenantRecord};
use serde_json::{Value, json};
use standins::workos::UserSpec;
use standins::{Fault, FaultKind, Matcher, Nth};

use crate::logs::PRIVATE;

/// The prefix of the guide's example.
pub(crate) const PREFIX: &str = "IMAPP_Orgvue_SCIM_";

/// A user of a directory as a test tells of one: `ada` has the address `ada@acme.com`.
pub(crate) struct User {
    pub(crate) spec: UserSpec,
    pub(crate) groups: Vec<String>,
}

impl User {
    pub(crate) fn new(name: &str) -> Self {
        let spec = UserSpec {
            first_name: Some(format!("First {PRIVATE}")),
            last_name: Some(format!("Last {PRIVATE}")),
            ..UserSpec::new(name, &email(name))
        };
        Self { spec, groups: Vec::new() }
    }

    /// In the group for a role, in single tenancy; in multi tenancy for `TENANT_role`.
    pub(crate) fn in_group(mut self, role: &str) -> Self {
        self.groups.push(group(role));
        self
    }

    /// In a group that is not ours.
    pub(crate) fn in_other_group(mut self, name: &str) -> Self {
        self.groups.push(name.to_owned());
        self
    }

    pub(crate) fn email(mut self, email: &str) -> Self {
        self.spec.email = Some(email.to_owned());
        self
    }

    pub(crate) fn no_email(mut self) -> Self {
        self.spec.email = None;
        self
    }
}

/// Names of users: `p00`, `p01` and so on.
pub(crate) fn people(numbers: Range<usize>) -> Vec<String> {
    numbers.map(|n| format!("p{n:02}")).collect()
}

/// The name of the group for a role.
pub(crate) fn group(role: &str) -> String {
    format!("{PREFIX}{role}")
}

pub(crate) fn email(name: &str) -> String {
    if name.contains('@') { name.to_owned() } else { format!("{name}@acme.com") }
}

/// A row of a Users dataset.
pub(crate) fn account(login: &str, roles: &str) -> Value {
    json!({ "Login": login, "Role": roles, "Enabled": true })
}

pub(crate) fn shown(row: &Value) -> String {
    let login = row["Login"].as_str().unwrap_or_default();
    let off = if row["Enabled"] == true || row["Enabled"] == "TRUE" { "" } else { " off" };
    let roles = match &row["Role"] {
        Value::Array(roles) => roles.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("+"),
        other => other.as_str().unwrap_or("-").to_owned(),
    };
    format!("{} {roles}{off}", short(login))
}

pub(crate) fn short(login: &str) -> &str {
    login.strip_suffix("@acme.com").unwrap_or(login)
}

/// A fault of a vendor.
pub(crate) fn fault(on: Matcher, nth: Nth, kind: FaultKind) -> Fault {
    Fault::new(on, nth, kind)
}

/// A run as a test looks at it.
#[derive(Debug)]
pub(crate) struct Run(pub(crate) RunRecord);

impl std::ops::Deref for Run {
    type Target = RunRecord;

    fn deref(&self) -> &RunRecord {
        &self.0
    }
}

impl Run {
    /// Whether it began to write and has not told its end.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.0.is_open()
    }

    pub(crate) fn tenant(&self, tenant: &str) -> &TenantRecord {
        self.tenants.iter().find(|record| record.tenant.as_str() == tenant).unwrap()
    }

    /// Over all tenants.
    pub(crate) fn created(&self) -> Vec<&str> {
        self.tenants.iter().flat_map(|tenant| names(&tenant.created)).collect()
    }

    /// Over all tenants.
    pub(crate) fn updated(&self) -> Vec<&str> {
        self.tenants.iter().flat_map(|tenant| names(&tenant.updated)).collect()
    }

    /// Over all tenants.
    pub(crate) fn removed(&self) -> Vec<&str> {
        self.tenants.iter().flat_map(|tenant| names(&tenant.removed)).collect()
    }

    /// Over all tenants, each as `name action why`.
    pub(crate) fn held(&self) -> Vec<String> {
        let held = self.tenants.iter().flat_map(|tenant| &tenant.held);
        held.map(|held| format!("{} {} {}", short(held.login.as_str()), word(&held.action), word(&held.why))).collect()
    }

    /// Why what is held is held, over all tenants: each reason with how many actions it holds.
    pub(crate) fn held_why(&self) -> Vec<(String, usize)> {
        let mut counts = BTreeMap::new();
        for held in self.tenants.iter().flat_map(|tenant| &tenant.held) {
            *counts.entry(word(&held.why)).or_insert(0) += 1;
        }
        counts.into_iter().collect()
    }

    /// Each as `code name`, or `code` alone where it is about no login.
    pub(crate) fn findings(&self) -> Vec<String> {
        let text = |finding: &domain::finding::Finding| match &finding.login {
            Some(login) => format!("{} {}", finding.code, short(login.as_str())),
            None => finding.code.to_string(),
        };
        self.0.findings.iter().map(text).collect()
    }

    /// Nothing was written, nor would be if the run were to write.
    pub(crate) fn assert_nothing_was_done(&self) {
        for tenant in self.tenants.iter().filter(|tenant| tenant.status != Status::Simulated) {
            let TenantRecord { created, updated, removed, .. } = tenant;
            assert!([created, updated, removed].iter().all(|list| list.is_empty()), "{self:?}");
        }
    }
}

fn names(logins: &[Login]) -> impl Iterator<Item = &str> {
    logins.iter().map(|login| short(login.as_str()))
}

/// A code as it is stored.
pub(crate) fn word(code: &impl serde::Serialize) -> String {
    serde_json::to_value(code).unwrap().as_str().unwrap().to_owned()
}

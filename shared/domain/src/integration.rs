//! An integration: one customer's configuration, checked.
//!
//! It is made from the integration file ([`Integration::parse`]); a value of this type keeps every rule of the file.

mod file;

use std::collections::BTreeSet;

use crate::ids::{DatasetId, DirectoryId, IntegrationId, TenantId};
use crate::login::{Domain, Login};

pub use file::{FileError, Problem};

/// One customer's configuration: its directory, its tenants and how their names and datasets are spelled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Integration {
    /// The name that operators use.
    pub id: IntegrationId,
    /// The WorkOS directory that is the truth.
    pub directory: DirectoryId,
    /// Whether runs write, for tenants that do not say otherwise.
    pub mode: Mode,
    /// How group names are read.
    pub tenancy: Tenancy,
    /// What marks a group as ours; compared without regard to ASCII case.
    pub prefix: String,
    /// The e-mail domains that may have accounts; empty: all.
    pub domains: BTreeSet<Domain>,
    /// What happens to an account that is not desired.
    pub deprovision: Deprovision,
    /// Accounts that are never touched. Holds no `api_account`; see [`Tenant::api_account`].
    pub protected: Protected,
    /// Accounts that are kept disabled, whatever the directory says: an emergency that must outlive the next run.
    pub blocked: BTreeSet<Login>,
    /// Role names that no group may give, compared without regard to ASCII case.
    pub reserved_roles: BTreeSet<String>,
    /// The tenants, by id. Exactly one in single tenancy.
    pub tenants: Vec<Tenant>,
    /// How much harm a run may do without a person's approval.
    pub limits: Limits,
    /// How the Users datasets spell things.
    pub dataset: DatasetSpelling,
}

/// One tenant of an integration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// Orgvue's tenant id.
    pub id: TenantId,
    /// The Users dataset.
    pub dataset: DatasetId,
    /// What names the tenant inside group names; the id where the file gives no alias.
    pub name: String,
    /// The account that owns the API token. Its presence proves that a read shows the right dataset, whole.
    /// `None` only where nothing is written.
    pub api_account: Option<Login>,
    /// Whether runs write to this tenant: the tenant's own mode or else the integration's.
    pub mode: Mode,
}

/// Whether runs write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Everything but the writes; the default of a new integration.
    Simulate,
    /// Plans are applied, under the guard.
    Enforce,
    /// Nothing runs; what is owed stays owed.
    Paused,
}

/// How group names are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tenancy {
    /// `<prefix><role>`
    Single,
    /// `<prefix><tenant>_<role>`
    Multi,
}

/// What happens to an account that is not desired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Deprovision {
    /// The account is deleted.
    #[default]
    Delete,
    /// `Enabled` is set false; the roles stay.
    Disable,
}

/// Accounts that never enter a plan.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Protected {
    /// Single accounts.
    pub logins: BTreeSet<Login>,
    /// Whole e-mail domains.
    pub domains: BTreeSet<Domain>,
}

impl Protected {
    /// Whether this account is never touched.
    pub fn covers(&self, login: &Login) -> bool {
        self.logins.contains(login) || login.is_of(&self.domains)
    }
}

/// How much harm a run may do without a person's approval: the larger of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Percent of the tenant's managed accounts, 0 to 100, rounded down to whole accounts.
    pub removals_percent: u32,
    /// Accounts.
    pub removals_floor: u32,
}

impl Default for Limits {
    /// 20 % and 5: Okta's import safeguard is on by default at 20 %; the floor lets small tenants work.
    fn default() -> Self {
        Self { removals_percent: 20, removals_floor: 5 }
    }
}

impl Limits {
    /// The most harm that a run may do to a tenant that has `managed` accounts.
    pub fn harm_max(self, managed: usize) -> usize {
        let percent = managed.saturating_mul(self.removals_percent as usize) / 100;
        percent.max(self.removals_floor as usize)
    }
}

/// How a customer's Users dataset spells things. Orgvue's property keys are case-sensitive and differ between tenants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatasetSpelling {
    /// Property key of the e-mail address.
    pub login: String,
    /// Property key of the roles.
    pub role: String,
    /// Property key of the switch.
    pub enabled: String,
    /// Property key of the expiry date; a dataset need not have it.
    pub expiry_date: String,
    /// How several roles are written.
    pub role_form: RoleForm,
    /// How the switch is written.
    pub enabled_form: EnabledForm,
}

impl Default for DatasetSpelling {
    /// The header names of Orgvue's bulk upload of users.
    fn default() -> Self {
        Self {
            login: "Login".to_owned(),
            role: "Role".to_owned(),
            enabled: "Enabled".to_owned(),
            expiry_date: "ExpiryDate".to_owned(),
            role_form: RoleForm::Text { separator: ",".to_owned() },
            enabled_form: EnabledForm::Boolean,
        }
    }
}

/// How several roles are written in one property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoleForm {
    /// One text, joined by a separator.
    Text {
        /// What stands between two roles.
        separator: String,
    },
    /// A JSON array of texts.
    Array,
}

/// How the switch is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnabledForm {
    /// JSON `true` and `false`.
    Boolean,
    /// `"TRUE"` and `"FALSE"`.
    Text,
}

impl Integration {
    /// Whether an account of this domain may exist.
    pub fn allows_domain(&self, login: &Login) -> bool {
        self.domains.is_empty() || login.is_of(&self.domains)
    }

    /// Whether this account of this tenant is never touched: it is on the list, or it owns the API token.
    pub fn protects(&self, tenant: &Tenant, login: &Login) -> bool {
        self.protected.covers(login) || tenant.api_account.as_ref() == Some(login)
    }

    /// The text between two roles, where roles are written as text.
    pub fn role_separator(&self) -> Option<&str> {
        match &self.dataset.role_form {
            RoleForm::Text { separator } => Some(separator),
            RoleForm::Array => None,
        }
    }

    /// What decides which group means which account of which dataset, as one text: it changes when the directory, the prefix, the tenancy,
    /// the tenants with their datasets, the domains or the property of the login do.
    ///
    /// The removals of the first run under a new scope are held, because a slip here looks like everybody leaving.
    pub fn scope(&self) -> String {
        let tenants: BTreeSet<_> = self.tenants.iter().map(|t| format!("{}={}@{}", t.id, t.name.to_ascii_lowercase(), t.dataset)).collect();
        let domains: Vec<_> = self.domains.iter().map(ToString::to_string).collect();
        format!(
            "{} {} {:?} {} [{}] [{}]",
            self.directory,
            self.dataset.login,
            self.tenancy,
            self.prefix.to_ascii_lowercase(),
            tenants.into_iter().collect::<Vec<_>>().join(" "),
            domains.join(" ")
        )
    }
}

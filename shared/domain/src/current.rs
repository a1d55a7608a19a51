//! The accounts that are in one tenant, as its Users dataset has them.
//!
//! A [`Current`] exists only for a dataset that has the configured properties, whose values have the configured form,
//! and that contains the account which owns the API token: that proves the right dataset and a whole view.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::civil::Date;
use serde::Deserialize as _;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::finding::{Finding, FindingCode};
use crate::group_name::{Role, Roles, administers};
use crate::ids::{ItemId, TenantId};
use crate::integration::{DatasetSpelling, EnabledForm, RoleForm, Tenant};
use crate::login::Login;
use crate::row::Row;

/// Why a dataset cannot be worked on. Nothing has been written when one of these is raised.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DatasetRefusal {
    /// The configuration names a property that the dataset does not have.
    #[error("the dataset has no property \"{key}\": correct [dataset] in the integration file, or add the property")]
    MissingProperty {
        /// The property key.
        key: String,
    },
    /// A row has no `_id`, so it could not be written safely.
    #[error("a row has no _id: this is no answer of the items endpoint")]
    MissingItemId,
    /// A value has another form than the configuration says.
    #[error("item {item} has {found} in \"{key}\" where {expected} is configured: correct [dataset] in the integration file")]
    WrongForm {
        /// The property key.
        key: String,
        /// The row.
        item: ItemId,
        /// The JSON type that is there.
        found: &'static str,
        /// What is configured.
        expected: &'static str,
    },
    /// The account that owns the API token is not in the dataset.
    #[error(
        "the dataset does not contain the tenant's api_account: it is another dataset, or has other property keys, or the token sees only a part of it"
    )]
    ApiAccountMissing,
}

impl DatasetRefusal {
    /// The stable code, for records.
    pub fn code(&self) -> &'static str {
        match self {
            Self::MissingProperty { .. } => "missing_property",
            Self::MissingItemId => "missing_item_id",
            Self::WrongForm { .. } => "wrong_form",
            Self::ApiAccountMissing => "api_account_missing",
        }
    }
}

/// The accounts of one tenant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Current {
    /// By login; a login with several rows is in none.
    pub accounts: BTreeMap<Login, Account>,
    /// Logins with several rows.
    pub duplicates: BTreeMap<Login, usize>,
    /// Rows without a login.
    pub blanks: Vec<ItemId>,
}

/// One account of a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The row to write to.
    pub id: ItemId,
    /// As the dataset writes it.
    pub login: Login,
    /// As a set: order and repetition in the dataset mean nothing.
    pub roles: Roles,
    /// Whether the account can be used, but for its expiry date.
    pub enabled: bool,
    /// Whether the expiry date is past.
    pub expired: bool,
    /// The whole row, kept so that what is overwritten can be put back.
    pub row: Row,
}

impl Account {
    /// Whether somebody can administer the tenant with this account today.
    pub fn is_usable_admin(&self) -> bool {
        self.enabled && !self.expired && administers(&self.roles)
    }

    /// Whether the other one has the same roles and switch.
    pub fn is_as(&self, other: &Self) -> bool {
        self.enabled == other.enabled && self.roles == other.roles
    }

    /// Which of these properties its row has not, or with another value.
    pub fn lacks(&self, properties: &Map<String, Value>) -> Map<String, Value> {
        if properties.is_empty() {
            return Map::new();
        }
        let has = self.row.properties();
        properties.iter().filter(|(key, value)| has.get(*key) != Some(value)).map(|(key, value)| (key.clone(), value.clone())).collect()
    }
}

impl Current {
    /// Reads the rows of a dataset.
    ///
    /// # Errors
    /// A [`DatasetRefusal`] when the rows cannot be worked on as configured.
    pub fn read(rows: Vec<Row>, tenant: &Tenant, spelling: &DatasetSpelling, today: Date) -> Result<Self, DatasetRefusal> {
        let mut known = KnownRoles::new();
        let mut blanks = Vec::new();
        let mut accounts = Vec::with_capacity(rows.len());
        for row in rows {
            let account = account(row, spelling, today, &mut known)?;
            if account.login.is_blank() {
                blanks.push(account.id);
            } else {
                accounts.push(account);
            }
        }
        if tenant.api_account.as_ref().is_some_and(|login| accounts.iter().all(|account| account.login != *login)) {
            return Err(DatasetRefusal::ApiAccountMissing);
        }
        accounts.sort_by(|a, b| a.login.cmp(&b.login));
        let several = accounts.chunk_by(|a, b| a.login == b.login).filter(|same| same.len() > 1);
        let duplicates: BTreeMap<_, _> = several.map(|same| (same[0].login.clone(), same.len())).collect();
        accounts.retain(|account| !duplicates.contains_key(&account.login));
        let accounts = accounts.into_iter().map(|account| (account.login.clone(), account)).collect();
        Ok(Self { accounts, duplicates, blanks })
    }

    /// What is wrong with the dataset itself, row by row.
    pub fn findings(&self, tenant: &TenantId) -> Vec<Finding> {
        let duplicates = self.duplicates.iter().map(|(login, n_rows)| {
            Finding::new(FindingCode::DuplicateAccount, format!("{n_rows} rows of the Users dataset have this login")).login(login)
        });
        let blanks = self
            .blanks
            .iter()
            .map(|item| Finding::new(FindingCode::BlankLogin, format!("the row {item} of the Users dataset has no login")));
        duplicates.chain(blanks).map(|finding| finding.tenant(tenant)).collect()
    }
}

/// Checks that a dataset has the properties that we read and write.
///
/// # Errors
/// [`DatasetRefusal::MissingProperty`] names the first that is not there.
pub fn check_properties(keys: &BTreeSet<String>, spelling: &DatasetSpelling) -> Result<(), DatasetRefusal> {
    let needed = [&spelling.login, &spelling.role, &spelling.enabled];
    match needed.into_iter().find(|key| !keys.contains(*key)) {
        Some(key) => Err(DatasetRefusal::MissingProperty { key: key.clone() }),
        None => Ok(()),
    }
}

/// The roles of each value that was read, by its JSON. Only asked for one after the other: the order of a hash map is nowhere to be seen.
type KnownRoles = HashMap<Box<str>, Roles>;

fn account(row: Row, spelling: &DatasetSpelling, today: Date, known: &mut KnownRoles) -> Result<Account, DatasetRefusal> {
    let values = row.only(&["_id", &spelling.login, &spelling.role, &spelling.enabled, &spelling.expiry_date]);
    let id = values.get("_id").and_then(|id| ItemId::deserialize(id).ok()).filter(|id| !id.as_str().is_empty());
    let id = id.ok_or(DatasetRefusal::MissingItemId)?;
    let login = match values.get(&spelling.login).map_or(Ok(None), Option::<Login>::deserialize) {
        Ok(login) => login.unwrap_or_else(|| Login::as_found("")),
        Err(_) => return Err(wrong_form(&spelling.login, &id, value(values.get(&spelling.login)).as_ref(), "text")),
    };
    let written = values.get(&spelling.role);
    let spelled = written.map_or("null", RawValue::get);
    let roles = match known.get(spelled) {
        Some(roles) => Arc::clone(roles),
        None => Arc::clone(known.entry(spelled.into()).or_insert(roles(value(written).as_ref(), &id, spelling)?.into())),
    };
    // Orgvue's list knows only true; blank is disabled, and a forgotten switch is its most common mistake.
    let enabled = match value(values.get(&spelling.enabled)) {
        Some(Value::Bool(enabled)) => enabled,
        Some(Value::String(text)) => text == "TRUE",
        Some(Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_)) | None => false,
    };
    let expires = value(values.get(&spelling.expiry_date));
    let expired = expires.as_ref().and_then(Value::as_str).and_then(expiry_date).is_some_and(|date| date < today);
    Ok(Account { id, login, roles, enabled, expired, row })
}

/// The value of a property, null if it is not there; `None` for one that cannot be read.
fn value(json: Option<&RawValue>) -> Option<Value> {
    json.map_or(Some(Value::Null), |json| Value::deserialize(json).ok())
}

fn roles(value: Option<&Value>, id: &ItemId, spelling: &DatasetSpelling) -> Result<BTreeSet<Role>, DatasetRefusal> {
    let refuse = |found, expected| Err(wrong_form(&spelling.role, id, found, expected));
    let texts: Vec<&str> = match (&spelling.role_form, value) {
        (_, Some(Value::Null)) => Vec::new(),
        (RoleForm::Text { separator }, Some(Value::String(text))) => text.split(bare(separator)).collect(),
        (RoleForm::Text { .. }, other) => return refuse(other, "text"),
        (RoleForm::Array, Some(Value::Array(values))) => match values.iter().find(|value| !value.is_string()) {
            other @ Some(_) => return refuse(other, "an array of texts"),
            None => values.iter().filter_map(Value::as_str).collect(),
        },
        (RoleForm::Array, other) => return refuse(other, "an array"),
    };
    Ok(texts.into_iter().map(str::trim).filter(|text| !text.is_empty()).map(Role::as_found).collect())
}

/// The separator without the spaces around it, which people leave out: `a,b` and `a, b` are the same two roles.
fn bare(separator: &str) -> &str {
    match separator.trim() {
        "" => separator,
        bare => bare,
    }
}

fn wrong_form(key: &str, item: &ItemId, found: Option<&Value>, expected: &'static str) -> DatasetRefusal {
    let found = match found {
        Some(Value::Null) => "nothing",
        Some(Value::Bool(_)) => "a boolean",
        Some(Value::Number(_)) => "a number",
        Some(Value::String(_)) => "a text",
        Some(Value::Array(_)) => "an array",
        Some(Value::Object(_)) => "an object",
        None => "what cannot be read",
    };
    DatasetRefusal::WrongForm { key: key.to_owned(), item: item.clone(), found, expected }
}

/// Reads the forms in which Orgvue's documentation writes dates. What is no date never expires.
fn expiry_date(text: &str) -> Option<Date> {
    let text = text.trim();
    text.get(..10).and_then(|day| day.parse().ok()).or_else(|| Date::strptime("%d/%m/%Y", text).ok())
}

/// The property values that an account with these roles must have, in the dataset's own form. Roles come in their order.
pub fn spell_account(roles: &BTreeSet<Role>, enabled: bool, spelling: &DatasetSpelling) -> Map<String, Value> {
    let texts: Vec<&str> = roles.iter().map(Role::as_str).collect();
    let role = match &spelling.role_form {
        RoleForm::Text { separator } => Value::from(texts.join(separator)),
        RoleForm::Array => Value::from(texts),
    };
    Map::from_iter([(spelling.role.clone(), role), (spelling.enabled.clone(), spell_enabled(enabled, spelling.enabled_form))])
}

/// The switch, in the dataset's own form.
pub fn spell_enabled(enabled: bool, form: EnabledForm) -> Value {
    match form {
        EnabledForm::Boolean => Value::from(enabled),
        EnabledForm::Text => Value::from(if enabled { "TRUE" } else { "FALSE" }),
    }
}

//! What Orgvue knows: tenants, each with its Users dataset.
//!
//! Rows keep whatever they are given, also values no client would write: people edit them by hand. How roles and
//! booleans are shown is decided by the switches when a row is read.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::exports::Export;
use super::switches::{BooleanForm, Empties, RoleForm, Switches};
use crate::ids;

/// One account: its values by property key, and `_id`.
pub(crate) type Row = Map<String, Value>;

/// The key of the id the server gives to every row.
pub(crate) const ID: &str = "_id";

/// How a dataset spells the properties of an account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spelling {
    /// The e-mail address, which is also the dataset's autoId.
    pub login: String,
    /// The roles.
    pub role: String,
    /// Whether the account can be used.
    pub enabled: String,
    /// The last day of the account.
    pub expiry_date: String,
    /// Whether the account may have API tokens.
    pub token_access: String,
}

impl Default for Spelling {
    fn default() -> Self {
        Self {
            login: "Login".to_owned(),
            role: "Role".to_owned(),
            enabled: "Enabled".to_owned(),
            expiry_date: "ExpiryDate".to_owned(),
            token_access: "TokenAccess".to_owned(),
        }
    }
}

/// The whole model; hooks get it to change it between two calls.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Model {
    /// The behaviours in force; they are not part of the kept state.
    #[serde(skip)]
    pub switches: Switches,
    pub(crate) tenants: BTreeMap<String, Tenant>,
    /// Nor are the jobs, which are gone in minutes.
    #[serde(skip)]
    pub(crate) exports: BTreeMap<String, Export>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Tenant {
    pub(crate) dataset_id: String,
    pub(crate) spelling: Spelling,
    pub(crate) properties: BTreeSet<String>,
    pub(crate) rows: BTreeMap<String, Row>,
    /// Changes with every change of the dataset.
    pub(crate) cache_key: String,
    /// Logins, in lower case, whose writes fail validation.
    pub(crate) rejected: BTreeSet<String>,
    /// Logins, in lower case, at which a whole write breaks down.
    #[serde(default)]
    pub(crate) breaking: BTreeSet<String>,
    /// Logins, in lower case, whose rows the API account may not touch.
    pub(crate) denied_items: BTreeSet<String>,
    /// Properties the API account may not write.
    pub(crate) denied_properties: BTreeSet<String>,
    #[serde(skip)]
    pub(crate) writes: Vec<Value>,
}

/// Changes of the model, as people make them in the Users list: nothing is validated.
///
/// # Panics
///
/// When there is no such tenant or row, or when a row is not an object: the script of a test is wrong then.
impl Model {
    /// Adds a tenant with a Users dataset, unless it is there.
    pub fn add_tenant(&mut self, tenant: &str, dataset_id: &str, rows: Vec<Value>) {
        self.add_tenant_spelled(tenant, dataset_id, Spelling::default(), rows);
    }

    /// Adds a tenant whose dataset has other property keys, unless it is there.
    pub fn add_tenant_spelled(&mut self, tenant: &str, dataset_id: &str, spelling: Spelling, rows: Vec<Value>) {
        if self.tenants.contains_key(tenant) {
            return;
        }
        let Spelling { login, role, enabled, expiry_date, token_access } = &spelling;
        let properties = [login, role, enabled, expiry_date, token_access].into_iter().cloned().collect();
        let added = Tenant {
            dataset_id: dataset_id.to_owned(),
            spelling,
            properties,
            rows: BTreeMap::new(),
            cache_key: ids::upper_uuid(),
            rejected: BTreeSet::new(),
            breaking: BTreeSet::new(),
            denied_items: BTreeSet::new(),
            denied_properties: BTreeSet::new(),
            writes: Vec::new(),
        };
        self.tenants.insert(tenant.to_owned(), added);
        for row in rows {
            self.insert_row(tenant, row);
        }
    }

    /// Has two tenants' datasets change places, with all that is in them.
    pub fn swap_datasets(&mut self, one: &str, other: &str) {
        let former = self.tenants.remove(one).expect("there is such a tenant");
        let latter = self.tenants.insert(other.to_owned(), former).expect("there is such a tenant");
        self.tenants.insert(one.to_owned(), latter);
    }

    /// Adds a row, even if there is one with its login; gives its `_id`.
    pub fn insert_row(&mut self, tenant: &str, row: Value) -> String {
        let Value::Object(mut row) = row else { panic!("a row is an object, not {row}") };
        let held = self.tenant_mut(tenant);
        held.properties.extend(row.keys().filter(|key| !key.starts_with('_')).cloned());
        let id = row.get(ID).and_then(Value::as_str).map_or_else(ids::upper_uuid, str::to_owned);
        row.insert(ID.to_owned(), json!(id));
        held.rows.insert(id.clone(), row);
        held.touch();
        id
    }

    /// Sets the given values of the row with the same login, or adds a row.
    pub fn set_row(&mut self, tenant: &str, row: Value) {
        let held = self.tenant_mut(tenant);
        let login = row.get(&held.spelling.login).and_then(Value::as_str).unwrap_or_default();
        match held.id_of(login).and_then(|id| held.rows.get(&id).cloned()) {
            None => {
                self.insert_row(tenant, row);
            }
            Some(mut current) => {
                current.extend(row.as_object().cloned().unwrap_or_default());
                self.insert_row(tenant, current.into());
            }
        }
    }

    /// Changes the row with this login in place.
    pub fn edit(&mut self, tenant: &str, login: &str, change: impl FnOnce(&mut Value)) {
        let mut row = self.tenant_mut(tenant).take(tenant, login).into();
        change(&mut row);
        self.insert_row(tenant, row);
    }

    /// Deletes the row with this login.
    pub fn delete_row(&mut self, tenant: &str, login: &str) {
        let held = self.tenant_mut(tenant);
        held.take(tenant, login);
        held.touch();
    }

    /// Makes every write for this login fail validation, or lets it pass again.
    pub fn reject_login(&mut self, tenant: &str, login: &str, rejected: bool) {
        set_member(&mut self.tenant_mut(tenant).rejected, login.to_lowercase(), rejected);
    }

    /// Makes every write with this login in it break down with a 500 and no effect, or lets it pass again.
    pub fn break_at_login(&mut self, tenant: &str, login: &str, breaks: bool) {
        set_member(&mut self.tenant_mut(tenant).breaking, login.to_lowercase(), breaks);
    }

    /// Denies the API account the row with this login, or allows it again.
    pub fn deny_item(&mut self, tenant: &str, login: &str, denied: bool) {
        set_member(&mut self.tenant_mut(tenant).denied_items, login.to_lowercase(), denied);
    }

    /// Denies the API account writes of a property, or allows them again.
    pub fn deny_property(&mut self, tenant: &str, key: &str, denied: bool) {
        set_member(&mut self.tenant_mut(tenant).denied_properties, key.to_owned(), denied);
    }

    /// Removes the files of all exports, as happens when they are old.
    pub fn remove_exports(&mut self) {
        self.exports.clear();
    }

    pub(crate) fn has_row(&self, tenant: &str, login: &str) -> bool {
        self.tenants.get(tenant).is_some_and(|held| held.id_of(login).is_some())
    }

    pub(crate) fn rows(&self, tenant: &str) -> Vec<Value> {
        let held = self.tenants.get(tenant).unwrap_or_else(|| panic!("no tenant {tenant}"));
        let mut rows: Vec<&Row> = held.rows.values().collect();
        rows.sort_by_key(|row| (login_of(row, &held.spelling).to_owned(), row[ID].to_string()));
        rows.into_iter().map(|row| held.shown(row, &self.switches)).collect()
    }

    pub(crate) fn tenant_mut(&mut self, tenant: &str) -> &mut Tenant {
        self.tenants.get_mut(tenant).unwrap_or_else(|| panic!("no tenant {tenant}"))
    }
}

fn set_member(set: &mut BTreeSet<String>, value: String, is_member: bool) {
    if is_member {
        set.insert(value);
    } else {
        set.remove(&value);
    }
}

/// The login of a row as it is written there, or nothing.
pub(crate) fn login_of<'a>(row: &'a Row, spelling: &Spelling) -> &'a str {
    row.get(&spelling.login).and_then(Value::as_str).unwrap_or_default()
}

impl Tenant {
    /// Notes that the dataset has changed.
    pub(crate) fn touch(&mut self) {
        self.cache_key = ids::upper_uuid();
    }

    fn id_of(&self, login: &str) -> Option<String> {
        let found = self.rows.iter().find(|(_, row)| login_of(row, &self.spelling) == login);
        found.map(|(id, _)| id.clone())
    }

    fn take(&mut self, tenant: &str, login: &str) -> Row {
        let row = self.id_of(login).and_then(|id| self.rows.remove(&id));
        row.unwrap_or_else(|| panic!("no row with the login {login} in {tenant}"))
    }

    /// The row with roles and booleans in the form the switches ask for.
    fn shown(&self, row: &Row, switches: &Switches) -> Value {
        let show = |key: &String, value: &Value| {
            if *key == self.spelling.role {
                show_role(value, switches)
            } else if *key == self.spelling.enabled || *key == self.spelling.token_access {
                show_boolean(value, switches)
            } else {
                value.clone()
            }
        };
        row.iter().map(|(key, value)| (key.clone(), show(key, value))).collect()
    }

    /// The row as the API gives it, with all properties of the dataset.
    pub(crate) fn exported(&self, row: &Row, switches: &Switches) -> Value {
        let mut shown = self.shown(row, switches);
        for key in &self.properties {
            let is_empty = shown.get(key).is_none_or(Value::is_null);
            match (is_empty, switches.empties) {
                (false, _) => {}
                (true, Empties::Null) => shown[key] = Value::Null,
                (true, Empties::Omitted) => drop(shown.as_object_mut().and_then(|row| row.remove(key))),
            }
        }
        if switches.extra_fields {
            shown["_modifiedAt"] = json!("2026-01-15T12:00:00.000Z");
            shown["_modifiedBy"] = json!("sync@orgvue.com");
        }
        shown
    }

    /// The dataset's metadata, with its properties and its cache key.
    pub(crate) fn metadata(&self, switches: &Switches) -> Value {
        let properties: Vec<Value> = self
            .properties
            .iter()
            .map(|key| {
                let is_login = *key == self.spelling.login;
                let mut property = json!({
                    "key": key, "name": key, "type": self.type_of(key, switches), "isRequired": is_login,
                });
                if is_login {
                    property["isAutoId"] = json!(true);
                    property["isLabelId"] = json!(true);
                    property["isCore"] = json!(true);
                }
                property
            })
            .collect();
        json!({
            "datasetId": self.dataset_id,
            "name": "Users",
            "type": "USERS",
            "autoId": self.spelling.login,
            "labelId": self.spelling.login,
            "tags": [],
            "properties": properties,
            "cacheKey": self.cache_key,
        })
    }

    fn type_of(&self, key: &str, switches: &Switches) -> &'static str {
        if key == self.spelling.expiry_date {
            "date"
        } else if key == self.spelling.enabled || key == self.spelling.token_access {
            match switches.boolean_form {
                BooleanForm::Boolean => "boolean",
                BooleanForm::Text => "text",
            }
        } else {
            "text"
        }
    }
}

fn show_role(value: &Value, switches: &Switches) -> Value {
    match (switches.role_form, value) {
        (RoleForm::Text, Value::Array(roles)) => {
            let roles: Vec<&str> = roles.iter().filter_map(Value::as_str).collect();
            json!(roles.join(&switches.role_separator))
        }
        (RoleForm::Array, Value::String(roles)) => {
            roles.split(&switches.role_separator).map(str::trim).filter(|role| !role.is_empty()).collect()
        }
        (RoleForm::Text | RoleForm::Array, other) => other.clone(),
    }
}

fn show_boolean(value: &Value, switches: &Switches) -> Value {
    match (switches.boolean_form, value) {
        (BooleanForm::Text, Value::Bool(true)) => json!("TRUE"),
        (BooleanForm::Text, Value::Bool(false)) => json!("FALSE"),
        (BooleanForm::Boolean, Value::String(text)) if text == "TRUE" => json!(true),
        (BooleanForm::Boolean, Value::String(text)) if text == "FALSE" => json!(false),
        (BooleanForm::Text | BooleanForm::Boolean, other) => other.clone(),
    }
}

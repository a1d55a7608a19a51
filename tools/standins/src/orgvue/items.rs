//! `PUT …/items`: a list of actions, performed one after the other and kept when nothing forbids it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::errors::{ApiError, Refusal};
use super::model::{ID, Row, Tenant, login_of};
use super::params::{Identify, Params};
use super::switches::{ActionEcho, Policy, Switches};
use super::values::{self, Change};
use crate::ids;

/// What became of a call.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// One result per action, in order.
    pub(crate) results: Vec<Value>,
    /// Whether every action was applied.
    pub(crate) is_complete: bool,
}

/// Performs the actions on the tenant's rows, all of them or, where the policies skip, those that are allowed.
pub(crate) fn apply(tenant: &mut Tenant, params: &Params, switches: &Switches, actions: &[Value]) -> Result<Outcome, Refusal> {
    let mut work = Work { changed: BTreeMap::new(), touched: BTreeSet::new(), tenant, params, switches };
    let mut results = Vec::with_capacity(actions.len());
    let mut errors = Vec::new();
    let mut is_complete = true;
    for (index, action) in actions.iter().enumerate() {
        match work.perform(action) {
            Ok(done) => results.push(json!({ "_id": done.id, "_action": done.action, "_status": "success" })),
            Err(failure) => {
                is_complete = false;
                let error = failure.error().with("actionIndex", index);
                let policy = failure.policy(params);
                results.push(not_applied(action, &error, switches));
                if policy == Policy::Fail {
                    errors.push(error);
                }
            }
        }
    }
    if !errors.is_empty() {
        return Err(Refusal(errors));
    }
    let Work { changed, touched, .. } = work;
    let mut has_changed = false;
    for (id, row) in changed {
        has_changed |= tenant.rows.get(&id) != row.as_ref();
        match row {
            Some(row) => drop(tenant.rows.insert(id, row)),
            None => drop(tenant.rows.remove(&id)),
        }
    }
    if params.implicit_delete {
        let n_rows = tenant.rows.len();
        tenant.rows.retain(|id, _| touched.contains(id));
        has_changed |= tenant.rows.len() < n_rows;
    }
    if has_changed {
        tenant.touch();
    }
    Ok(Outcome { results, is_complete })
}

/// Whether one of the actions is about an account at which a write breaks down.
pub(crate) fn breaks_down<'a>(tenant: &'a Tenant, actions: &'a [Value]) -> bool {
    let fields = |action: &'a Value| {
        let row = action.get(ID).and_then(Value::as_str).and_then(|id| tenant.rows.get(id));
        row.or_else(|| action.as_object())
    };
    actions.iter().filter_map(fields).any(|fields| tenant.breaking.contains(&login_of(fields, &tenant.spelling).to_lowercase()))
}

fn not_applied(action: &Value, error: &ApiError, switches: &Switches) -> Value {
    json!({
        "_id": action.get(ID),
        "_action": action.get("_action"),
        "_status": switches.not_applied,
        "errors": [error.to_json()],
    })
}

/// Why one action cannot be performed.
#[derive(Debug)]
enum Failure {
    Validation(String),
    ItemAccess,
    PropertyAccess(String),
}

impl Failure {
    fn error(&self) -> ApiError {
        match self {
            Self::Validation(message) => ApiError::new("400610").message(message),
            Self::ItemAccess => ApiError::new("403601"),
            Self::PropertyAccess(key) => ApiError::new("403602").with("property", key.as_str()),
        }
    }

    fn policy(&self, params: &Params) -> Policy {
        match self {
            Self::Validation(_) => params.on_action_validation_failure,
            Self::ItemAccess => params.on_item_access_denied,
            Self::PropertyAccess(_) => params.on_property_access_denied,
        }
    }
}

fn invalid<T>(message: impl Into<String>) -> Result<T, Failure> {
    Err(Failure::Validation(message.into()))
}

struct Done {
    id: String,
    action: &'static str,
}

/// What an action does once it is known whether its item exists.
#[derive(Clone, Copy)]
enum Step {
    Create,
    Update,
    Replace,
    Delete,
    Noop,
}

impl Step {
    fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Replace => "replace",
            Self::Delete => "delete",
            Self::Noop => "noop",
        }
    }
}

struct Work<'a> {
    /// The rows as they will be, as far as the call has changed them; none are those that it has deleted.
    changed: BTreeMap<String, Option<Row>>,
    /// The rows some action was about; the others are not in the payload.
    touched: BTreeSet<String>,
    tenant: &'a Tenant,
    params: &'a Params,
    switches: &'a Switches,
}

impl Work<'_> {
    /// The row of this id, behind the actions so far.
    fn row(&self, id: &str) -> Option<&Row> {
        self.changed.get(id).map_or_else(|| self.tenant.rows.get(id), Option::as_ref)
    }

    /// Every row, behind the actions so far.
    fn rows(&self) -> impl Iterator<Item = (&String, &Row)> {
        let unchanged = self.tenant.rows.iter().filter(|(id, _)| !self.changed.contains_key(*id));
        unchanged.chain(self.changed.iter().filter_map(|(id, row)| Some((id, row.as_ref()?))))
    }

    fn perform(&mut self, action: &Value) -> Result<Done, Failure> {
        let Value::Object(fields) = action else {
            return invalid("an action must be an object");
        };
        let asked = fields.get("_action").and_then(Value::as_str).unwrap_or_default();
        let ids = self.matching(fields)?;
        self.touched.extend(ids.iter().cloned());
        let (asked, step) = self.step(asked, !ids.is_empty())?;
        let changes = self.changes(fields)?;
        self.check_access(&ids, &changes)?;
        let id = match step {
            Step::Create => self.create(changes)?,
            Step::Update => self.update(&ids, &changes)?,
            Step::Replace => self.replace(&ids, &changes)?,
            Step::Delete => self.delete(&ids),
            Step::Noop => ids[0].clone(),
        };
        self.touched.insert(id.clone());
        let action = match self.switches.action_echo {
            ActionEcho::Asked => asked,
            ActionEcho::Resolved => step.name(),
        };
        Ok(Done { id, action })
    }

    /// The rows the identifier of an action fits.
    fn matching(&self, fields: &Row) -> Result<Vec<String>, Failure> {
        match &self.params.identify {
            Identify::Id => {
                let id = fields.get(ID).and_then(Value::as_str);
                Ok(id.filter(|id| self.row(id).is_some()).map(str::to_owned).into_iter().collect())
            }
            Identify::One(keys) => match self.with_values(keys, fields)? {
                ids if ids.len() > 1 => invalid("the identifier fits more than one item"),
                ids => Ok(ids),
            },
            Identify::Many(keys) => self.with_values(keys, fields),
        }
    }

    fn with_values(&self, keys: &[String], fields: &Row) -> Result<Vec<String>, Failure> {
        if let Some(key) = keys.iter().find(|key| fields.get(*key).is_none_or(Value::is_null)) {
            return invalid(format!("the action has no value for {key}"));
        }
        let fits = |row: &Row| keys.iter().all(|key| row.get(key) == fields.get(key));
        Ok(self.rows().filter(|(_, row)| fits(row)).map(|(id, _)| id.clone()).collect())
    }

    fn step(&self, asked: &str, exists: bool) -> Result<(&'static str, Step), Failure> {
        match (asked, exists) {
            ("create", false) => Ok(("create", Step::Create)),
            ("create", true) => invalid("the item already exists"),
            ("update", true) => Ok(("update", Step::Update)),
            ("replace", true) => Ok(("replace", Step::Replace)),
            ("delete", true) => Ok(("delete", Step::Delete)),
            ("noop", true) => Ok(("noop", Step::Noop)),
            ("update" | "replace" | "delete" | "noop", false) => invalid("the item does not exist"),
            ("createOrUpdate", false) => Ok(("createOrUpdate", Step::Create)),
            ("createOrUpdate", true) => Ok(("createOrUpdate", Step::Update)),
            ("createOrReplace", false) => Ok(("createOrReplace", Step::Create)),
            ("createOrReplace", true) => Ok(("createOrReplace", Step::Replace)),
            _ => invalid("_action is missing or unknown"),
        }
    }

    /// The values of an action, checked; those the account may not write are left out when the policy says so.
    fn changes(&self, fields: &Row) -> Result<BTreeMap<String, Change>, Failure> {
        let mut changes = BTreeMap::new();
        for (key, value) in fields.iter().filter(|(key, _)| !matches!(key.as_str(), ID | "_action")) {
            let change = values::read(self.tenant, self.params, self.switches, key, value).map_err(Failure::Validation)?;
            if !self.tenant.denied_properties.contains(key) {
                changes.insert(key.clone(), change);
            } else if self.params.on_property_access_denied == Policy::Fail {
                return Err(Failure::PropertyAccess(key.clone()));
            }
        }
        Ok(changes)
    }

    fn check_access(&self, ids: &[String], changes: &BTreeMap<String, Change>) -> Result<(), Failure> {
        let spelling = &self.tenant.spelling;
        let given = match changes.get(&spelling.login) {
            Some(Change::Set(Value::String(login))) => Some(login.as_str()),
            _ => None,
        };
        let held = ids.iter().filter_map(|id| Some(login_of(self.row(id)?, spelling)));
        for login in held.chain(given).map(str::to_lowercase) {
            if self.tenant.rejected.contains(&login) {
                return invalid("the account is not accepted");
            }
            if self.tenant.denied_items.contains(&login) {
                return Err(Failure::ItemAccess);
            }
        }
        Ok(())
    }

    fn create(&mut self, changes: BTreeMap<String, Change>) -> Result<String, Failure> {
        let id = ids::upper_uuid();
        self.store(&id, Row::new(), &changes)?;
        Ok(id)
    }

    fn update(&mut self, ids: &[String], changes: &BTreeMap<String, Change>) -> Result<String, Failure> {
        for id in ids {
            self.store(id, self.row(id).cloned().unwrap_or_default(), changes)?;
        }
        Ok(ids[0].clone())
    }

    fn replace(&mut self, ids: &[String], changes: &BTreeMap<String, Change>) -> Result<String, Failure> {
        for id in ids {
            let kept = self.row(id).into_iter().flatten().filter(|(key, _)| changes.get(*key) == Some(&Change::Keep));
            let row = kept.map(|(key, value)| (key.clone(), value.clone())).collect();
            self.store(id, row, changes)?;
        }
        Ok(ids[0].clone())
    }

    fn delete(&mut self, ids: &[String]) -> String {
        for id in ids {
            self.changed.insert(id.clone(), None);
        }
        ids[0].clone()
    }

    /// Puts the changed row in its place, unless its login is missing or taken.
    fn store(&mut self, id: &str, mut row: Row, changes: &BTreeMap<String, Change>) -> Result<(), Failure> {
        for (key, change) in changes {
            match change {
                Change::Keep => {}
                Change::Clear => drop(row.remove(key)),
                Change::Set(value) => drop(row.insert(key.clone(), value.clone())),
            }
        }
        let spelling = &self.tenant.spelling;
        let login = login_of(&row, spelling);
        if login.is_empty() {
            return invalid(format!("{} is required", spelling.login));
        }
        let is_taken = |(other, held): (&String, &Row)| other != id && login_of(held, spelling).eq_ignore_ascii_case(login);
        if !self.switches.duplicate_logins && self.rows().any(is_taken) {
            return invalid(format!("{} is taken", spelling.login));
        }
        row.insert(ID.to_owned(), json!(id));
        self.changed.insert(id.to_owned(), Some(row));
        Ok(())
    }
}

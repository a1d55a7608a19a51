//! Which values a write may give to a property.

use std::str::FromStr;

use email_address::EmailAddress;
use jiff::civil::Date;
use serde_json::{Value, json};

use super::model::Tenant;
use super::params::Params;
use super::switches::{BooleanForm, RoleForm, Switches};

/// What a write does to one property.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Change {
    Keep,
    Clear,
    Set(Value),
}

/// Reads one value of an action, or says why it is not valid.
pub(crate) fn read(tenant: &Tenant, params: &Params, switches: &Switches, key: &str, value: &Value) -> Result<Change, String> {
    if !tenant.properties.contains(key) {
        return Err(format!("the dataset has no property {key}"));
    }
    let is_token = |tokens: &[String]| value.as_str().is_some_and(|text| tokens.iter().any(|token| token == text));
    if is_token(&params.noop_tokens) {
        return Ok(Change::Keep);
    }
    if is_token(&params.clear_tokens) {
        return Ok(Change::Clear);
    }
    if value.is_null() {
        return if switches.null_clears { Ok(Change::Clear) } else { Err(format!("{key} must not be null")) };
    }
    let spelling = &tenant.spelling;
    let checked = if key == spelling.login {
        login(value)
    } else if key == spelling.role {
        role(value, switches)
    } else if key == spelling.enabled || key == spelling.token_access {
        boolean(value, switches)
    } else if key == spelling.expiry_date {
        return date(value, params).ok_or_else(|| format!("{key} is not a date of the format {}", params.date_format));
    } else {
        Ok(())
    };
    checked.map(|()| Change::Set(value.clone())).map_err(|why| format!("{key} {why}"))
}

fn login(value: &Value) -> Result<(), String> {
    let is_valid = value.as_str().is_some_and(|text| EmailAddress::from_str(text).is_ok());
    if is_valid { Ok(()) } else { Err("is not a valid e-mail address".to_owned()) }
}

fn role(value: &Value, switches: &Switches) -> Result<(), String> {
    let roles: Vec<&str> = match (switches.role_form, value) {
        (RoleForm::Text, Value::String(text)) => text.split(&switches.role_separator).map(str::trim).collect(),
        (RoleForm::Array, Value::Array(items)) if items.iter().all(Value::is_string) => items.iter().filter_map(Value::as_str).collect(),
        (RoleForm::Text, _) => return Err("is not a text".to_owned()),
        (RoleForm::Array, _) => return Err("is not an array of texts".to_owned()),
    };
    let has_platform_role = roles.iter().any(|role| matches!(*role, "user" | "admin"));
    if has_platform_role || !switches.platform_role_required { Ok(()) } else { Err("contains neither user nor admin".to_owned()) }
}

fn boolean(value: &Value, switches: &Switches) -> Result<(), String> {
    match (switches.boolean_form, value) {
        (BooleanForm::Boolean, Value::Bool(_)) => Ok(()),
        (BooleanForm::Text, Value::String(text)) if matches!(text.as_str(), "TRUE" | "FALSE") => Ok(()),
        (BooleanForm::Boolean, _) => Err("is not a boolean".to_owned()),
        (BooleanForm::Text, _) => Err("is neither TRUE nor FALSE".to_owned()),
    }
}

/// Dates are kept as `YYYY-MM-DD`, whatever format they were written in; a blank one clears.
fn date(value: &Value, params: &Params) -> Option<Change> {
    let text = value.as_str()?;
    if text.is_empty() {
        return Some(Change::Clear);
    }
    let date = Date::strptime(params.date_format, text).ok()?;
    Some(Change::Set(json!(date.to_string())))
}

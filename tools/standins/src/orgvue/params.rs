//! The query parameters of a write.

use super::errors::ApiError;
use super::model::Tenant;
use super::switches::{Policy, Switches};

/// How the items of a call are told apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Identify {
    /// By the `_id` the server gave.
    Id,
    /// By the values of these properties, which must fit one row at most.
    One(Vec<String>),
    /// By the values of these properties, which may fit several rows.
    Many(Vec<String>),
}

/// Everything a write can be asked to do differently.
#[derive(Clone, Debug)]
pub(crate) struct Params {
    pub(crate) identify: Identify,
    /// As a `strptime` format.
    pub(crate) date_format: &'static str,
    pub(crate) on_property_access_denied: Policy,
    pub(crate) on_action_validation_failure: Policy,
    pub(crate) on_item_access_denied: Policy,
    pub(crate) implicit_delete: bool,
    pub(crate) noop_tokens: Vec<String>,
    pub(crate) clear_tokens: Vec<String>,
}

impl Params {
    /// Reads the parameters, in the order they were sent; unknown ones are ignored.
    pub(crate) fn parse(pairs: &[(String, String)], tenant: &Tenant, switches: &Switches) -> Result<Self, ApiError> {
        let default = switches.default_policy;
        let policy = |name| last(pairs, name).map_or(Ok(default), |word| parse_policy(name, word));
        Ok(Self {
            identify: parse_identify(pairs, tenant)?,
            date_format: last(pairs, "dateFormat").map_or(Ok("%Y-%m-%d"), parse_date_format)?,
            on_property_access_denied: policy("onPropertyAccessDenied")?,
            on_action_validation_failure: policy("onActionValidationFailure")?,
            on_item_access_denied: policy("onItemAccessDenied")?,
            implicit_delete: flag(pairs, "implicitDelete")?,
            noop_tokens: all(pairs, "noopToken"),
            clear_tokens: all(pairs, "clearToken"),
        })
    }
}

fn parse_identify(pairs: &[(String, String)], tenant: &Tenant) -> Result<Identify, ApiError> {
    let auto_id = flag(pairs, "autoId")?;
    let (id_keys, merge_keys) = (keys(pairs, "idKey"), keys(pairs, "mergeKey"));
    if let Some(key) = id_keys.iter().chain(&merge_keys).find(|key| !tenant.properties.contains(*key)) {
        return Err(invalid(format!("the dataset has no property {key}")));
    }
    match (auto_id, id_keys.is_empty(), merge_keys.is_empty()) {
        (false, true, true) => Ok(Identify::Id),
        (true, true, true) => Ok(Identify::One(vec![tenant.spelling.login.clone()])),
        (false, false, true) => Ok(Identify::One(id_keys)),
        (false, true, false) => Ok(Identify::Many(merge_keys)),
        _ => Err(invalid("autoId, idKey and mergeKey exclude each other")),
    }
}

fn parse_policy(name: &str, word: &str) -> Result<Policy, ApiError> {
    match word {
        "skip" => Ok(Policy::Skip),
        "fail" => Ok(Policy::Fail),
        _ => Err(invalid(format!("{name} must be skip or fail"))),
    }
}

fn parse_date_format(word: &str) -> Result<&'static str, ApiError> {
    match word {
        "YYYY-MM-DD" => Ok("%Y-%m-%d"),
        "DD/MM/YYYY" => Ok("%d/%m/%Y"),
        "MM/DD/YYYY" => Ok("%m/%d/%Y"),
        _ => Err(invalid("dateFormat must be YYYY-MM-DD, DD/MM/YYYY or MM/DD/YYYY")),
    }
}

fn flag(pairs: &[(String, String)], name: &str) -> Result<bool, ApiError> {
    match last(pairs, name) {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(invalid(format!("{name} must be true or false"))),
    }
}

/// Several keys may come in several parameters or in one with commas; which of the two is not documented.
fn keys(pairs: &[(String, String)], name: &str) -> Vec<String> {
    let values = all(pairs, name);
    values.iter().flat_map(|value| value.split(',')).map(str::to_owned).collect()
}

fn all(pairs: &[(String, String)], name: &str) -> Vec<String> {
    pairs.iter().filter(|(key, _)| key == name).map(|(_, value)| value.clone()).collect()
}

fn last<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs.iter().rfind(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("400601").message(message)
}

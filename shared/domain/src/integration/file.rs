//! The integration file: TOML that people write, review and promote from staging to production.
//!
//! A person corrects the file, so everything that is wrong is told at once, each with its line and what to write instead.
//! Nothing is guessed: an unknown key or a value that cannot be meant is refused, because a slip here looks like everybody leaving.

mod reader;
mod tenants;

use std::collections::BTreeSet;
use std::fmt;

use crate::group_name::{Role, is_control};
use crate::ids::{DirectoryId, IntegrationId};
use crate::login::{Domain, Login};

use super::{DatasetSpelling, Deprovision, EnabledForm, Integration, Limits, Mode, Protected, RoleForm, Tenancy, Tenant};
use reader::{Reader, Section, Shape};

const TOP: Shape = Shape {
    name: "the top of the file",
    keys: &[
        "id",
        "directory",
        "mode",
        "tenancy",
        "prefix",
        "domains",
        "deprovision",
        "protected",
        "blocked",
        "reserved_roles",
        "tenants",
        "limits",
        "dataset",
    ],
};
const TENANT: Shape = Shape { name: "[[tenants]]", keys: &["id", "dataset", "alias", "api_account", "mode"] };
const LIMITS: Shape = Shape { name: "[limits]", keys: &["removals_percent", "removals_floor"] };
const DATASET: Shape =
    Shape { name: "[dataset]", keys: &["login", "role", "enabled", "expiry_date", "role_form", "role_separator", "enabled_form"] };
const SHAPES: &[Shape] = &[TOP, TENANT, LIMITS, DATASET];

const MODES: &[(&str, Mode)] = &[("simulate", Mode::Simulate), ("enforce", Mode::Enforce), ("paused", Mode::Paused)];
const TENANCIES: &[(&str, Tenancy)] = &[("single", Tenancy::Single), ("multi", Tenancy::Multi)];
const DEPROVISIONS: &[(&str, Deprovision)] = &[("delete", Deprovision::Delete), ("disable", Deprovision::Disable)];
const ENABLED_FORMS: &[(&str, EnabledForm)] = &[("boolean", EnabledForm::Boolean), ("text", EnabledForm::Text)];

/// Role names that no group may give where the file says nothing else: they are above `admin` and given by hand.
const RESERVED_ROLES: &[&str] = &["superAdmin"];

/// Everything that is wrong with an integration file; never empty. Only a corrected file helps.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct FileError {
    problems: Vec<Problem>,
}

impl FileError {
    /// Everything that is wrong, in the order of the file.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

/// One thing that is wrong with an integration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The line, from 1; `None` when the file as a whole lacks something.
    pub line: Option<usize>,
    /// What is wrong and what to write instead, in one line.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl Integration {
    /// Reads an integration file and checks every rule.
    ///
    /// # Errors
    /// [`FileError`] lists all that is wrong. A file that is no TOML is not looked at further.
    pub fn parse(toml: &str) -> Result<Self, FileError> {
        reader::read(toml, SHAPES, read_integration).map_err(|problems| FileError { problems })
    }
}

/// `None` only where a problem is noted; the reader refuses the file for any problem.
fn read_integration(reader: &mut Reader<'_>, top: &Section<'_>) -> Option<Integration> {
    let id = reader.required_text(top, "id", "id = \"acme\"");
    let id = reader.checked(id, IntegrationId::parse);
    let directory = reader.required_text(top, "directory", "directory = \"directory_…\", the id that WorkOS gave the directory");
    let directory = reader.checked(directory, DirectoryId::parse);
    let mode = reader.choice(top, "mode", MODES).unwrap_or(Mode::Simulate);
    reader.require(top, "tenancy", "tenancy = \"single\" or tenancy = \"multi\"");
    let tenancy = reader.choice(top, "tenancy", TENANCIES);
    let prefix = read_prefix(reader, top);
    let domains = read_domains(reader, top);
    let deprovision = reader.choice(top, "deprovision", DEPROVISIONS).unwrap_or_default();
    let protected = read_protected(reader, top);
    let reserved_roles = read_reserved_roles(reader, top);
    let tenants = tenants::read(reader, top, tenancy, mode);
    let blocked = read_blocked(reader, top, &protected, &tenants);
    let limits = read_limits(reader, top);
    let dataset = read_dataset(reader, top);
    Some(Integration {
        id: id?.value,
        directory: directory?.value,
        mode,
        tenancy: tenancy?,
        prefix: prefix?,
        domains,
        deprovision,
        protected,
        blocked,
        reserved_roles,
        tenants,
        limits,
        dataset,
    })
}

fn read_prefix(reader: &mut Reader<'_>, top: &Section<'_>) -> Option<String> {
    let prefix = reader.required_text(top, "prefix", "prefix = \"IAMAPP_Orgvue_SCIM_\", as agreed with the customer");
    let prefix = reader.checked(prefix, |text| {
        if text.trim().is_empty() {
            Err("prefix is blank, which would take every group of the directory; write the prefix agreed with the customer".to_owned())
        } else {
            check_name("prefix", text).map(|()| text.to_owned())
        }
    });
    Some(prefix?.value)
}

/// Refuses what cannot be a part of a group name, or cannot be seen in one.
fn check_name(key: &str, text: &str) -> Result<(), String> {
    if text.trim() != text {
        Err(format!("{key} \"{text}\" begins or ends with a space; take the space out"))
    } else if text.chars().any(is_control) {
        Err(format!("{key} \"{text}\" holds a control character; take it out"))
    } else {
        Ok(())
    }
}

/// Every entry of a list of texts that passes the check.
fn read_list<T>(reader: &mut Reader<'_>, top: &Section<'_>, key: &str, check: impl Fn(&str) -> Result<T, String>) -> Option<Vec<T>> {
    let entries = reader.texts(top, key)?;
    Some(entries.into_iter().filter_map(|entry| Some(reader.checked(Some(entry), &check)?.value)).collect())
}

fn read_domains(reader: &mut Reader<'_>, top: &Section<'_>) -> BTreeSet<Domain> {
    let domains = read_list(reader, top, "domains", |text| {
        Domain::parse(text).map_err(|_| format!("domains holds \"{text}\"; write e-mail domains such as \"acme.com\""))
    });
    domains.into_iter().flatten().collect()
}

fn read_protected(reader: &mut Reader<'_>, top: &Section<'_>) -> Protected {
    let mut protected = Protected::default();
    for entry in reader.texts(top, "protected").unwrap_or_default() {
        let text = entry.value.trim();
        let known = if text.starts_with('@') {
            Domain::parse(text).map(|domain| protected.domains.insert(domain))
        } else {
            Login::parse(text).map(|login| protected.logins.insert(login))
        };
        if known.is_err() {
            let remedy = "write an e-mail address, or @ and a domain for everybody in it";
            reader.problem(Some(entry.line), format!("protected holds \"{text}\"; {remedy}"));
        }
    }
    protected
}

/// Whom the file blocks. A protected account is never touched, so it cannot be kept disabled.
fn read_blocked(reader: &mut Reader<'_>, top: &Section<'_>, protected: &Protected, tenants: &[Tenant]) -> BTreeSet<Login> {
    let blocked = read_list(reader, top, "blocked", |text| {
        let login = Login::parse(text).map_err(|_| format!("blocked holds \"{text}\"; write an e-mail address"))?;
        if protected.covers(&login) {
            Err(format!("blocked holds \"{text}\", which is protected and so never touched; take it out of one of the two"))
        } else if tenants.iter().any(|tenant| tenant.api_account.as_ref() == Some(&login)) {
            Err(format!("blocked holds \"{text}\", the account of an API token, which would stop every run; replace the token first"))
        } else {
            Ok(login)
        }
    });
    blocked.into_iter().flatten().collect()
}

fn read_reserved_roles(reader: &mut Reader<'_>, top: &Section<'_>) -> BTreeSet<String> {
    let roles = read_list(reader, top, "reserved_roles", |text| {
        if Role::as_found(text).is_platform() {
            Err(format!("reserved_roles holds \"{text}\", which every account needs; take it out"))
        } else if text.trim().is_empty() {
            Err("reserved_roles holds a blank text; take it out".to_owned())
        } else {
            check_name("reserved role", text).map(|()| text.to_owned())
        }
    });
    roles.unwrap_or_else(|| RESERVED_ROLES.iter().map(|role| (*role).to_owned()).collect()).into_iter().collect()
}

fn read_limits(reader: &mut Reader<'_>, top: &Section<'_>) -> Limits {
    let default = Limits::default();
    let Some(section) = reader.section(top, "limits", LIMITS) else { return default };
    Limits {
        removals_percent: reader.number(&section, "removals_percent", 100).unwrap_or(default.removals_percent),
        removals_floor: reader.number(&section, "removals_floor", u32::MAX).unwrap_or(default.removals_floor),
    }
}

fn read_dataset(reader: &mut Reader<'_>, top: &Section<'_>) -> DatasetSpelling {
    let default = DatasetSpelling::default();
    let Some(section) = reader.section(top, "dataset", DATASET) else { return default };
    let mut earlier = Vec::new();
    let mut property = |key, default| read_property(reader, &section, key, default, &mut earlier);
    let login = property("login", default.login);
    let role = property("role", default.role);
    let enabled = property("enabled", default.enabled);
    let expiry_date = property("expiry_date", default.expiry_date);
    DatasetSpelling {
        login,
        role,
        enabled,
        expiry_date,
        role_form: read_role_form(reader, &section, default.role_form),
        enabled_form: reader.choice(&section, "enabled_form", ENABLED_FORMS).unwrap_or(default.enabled_form),
    }
}

/// One of our names for a property and the key that the dataset has for it.
struct Property {
    name: &'static str,
    key: String,
    line: Option<usize>,
}

/// The key of a property, unlike every `earlier` one.
fn read_property(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    name: &'static str,
    default: String,
    earlier: &mut Vec<Property>,
) -> String {
    let found = reader.text(section, name);
    let found = reader.checked(found, |text| check_property(name, text).map(|()| text.to_owned()));
    let line = found.as_ref().map(|found| found.line);
    let key = found.map_or(default, |found| found.value);
    if let Some(same) = earlier.iter().find(|other| other.key == key) {
        let message = format!("{name} and {} are both the property \"{key}\"; give each its own", same.name);
        reader.problem(line.max(same.line), message);
    }
    earlier.push(Property { name, key: key.clone(), line });
    key
}

/// Property keys that begin with `_` are made by Orgvue itself.
fn check_property(key: &str, text: &str) -> Result<(), String> {
    if text.trim().is_empty() {
        Err(format!("{key} is blank; write the key of the dataset's property, or take the line out"))
    } else if text.starts_with('_') {
        Err(format!("{key} is \"{text}\", one of Orgvue's own properties; write the key of the dataset's property"))
    } else {
        check_name(key, text)
    }
}

fn read_role_form(reader: &mut Reader<'_>, section: &Section<'_>, default: RoleForm) -> RoleForm {
    let array = reader.choice(section, "role_form", &[("text", false), ("array", true)]) == Some(true);
    let Some(found) = reader.text(section, "role_separator") else {
        return if array { RoleForm::Array } else { default };
    };
    if array {
        reader.problem(Some(found.line), "role_separator has no meaning with role_form = \"array\"; take one of the two out");
    }
    let separator = reader.checked(Some(found), |text| check_separator(text).map(|()| text.to_owned()));
    separator.map_or(default, |found| RoleForm::Text { separator: found.value })
}

fn check_separator(text: &str) -> Result<(), String> {
    if text.is_empty() {
        Err("role_separator is empty; write what stands between two roles, such as \",\"".to_owned())
    } else if text.chars().any(char::is_alphanumeric) {
        Err(format!("role_separator \"{text}\" holds a letter or digit, as roles do; write another mark, such as \",\""))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests;

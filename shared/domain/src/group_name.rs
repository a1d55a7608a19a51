//! Group names: which role in which tenant a group gives.
//!
//! `<prefix><role>` in single tenancy, `<prefix><tenant>_<role>` in multi tenancy. Prefix, tenant and the platform roles are compared
//! without regard to ASCII case; every other role keeps exactly the case it has.
//!
//! The tenant is the longest configured name that `_` follows, or that ends the group name; there is no second try with a shorter one.
//! With tenants `ACME` and `ACME_EU`, `…ACME_EU_user` is role `user` in `ACME_EU`, and `…ACME_EU` is a tenant without a role,
//! not role `EU` in `ACME`: a slip in a name must not give somebody a role in another tenant.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::finding::FindingCode;
use crate::ids::TenantId;
use crate::integration::{Integration, Tenancy, Tenant};

/// Most characters of a role.
const ROLE_CHARS_MAX: usize = 128;

/// The platform roles.
const USER: &str = "user";
const ADMIN: &str = "admin";

/// Whoever has this role may change nothing in the tenant, even as an administrator (article 203910852 of Orgvue's help centre).
const READONLY: &str = "readonly";

/// What stands between tenant and role.
const TENANT_MARK: char = '_';

/// Most edits between a prefix and the beginning of a group name for it to be a slip of the pen.
const NEAR_MISS_MAX: usize = 2;

/// A role: what gives rights in Orgvue. Roles that differ by case are two roles. A copy shares its text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Role(Arc<str>);

/// The roles of an account. Accounts with the same roles share them: there are few sets of roles among many accounts.
pub type Roles = Arc<BTreeSet<Role>>;

/// Whether somebody with these roles can administer the tenant: with `admin`, unless `readonly` is beside it.
pub fn administers(roles: &BTreeSet<Role>) -> bool {
    roles.iter().any(Role::is_admin) && !roles.iter().any(Role::is_readonly)
}

impl Role {
    /// The platform role of everybody who may log in.
    pub fn user() -> Self {
        Self(USER.into())
    }

    /// The platform role of those who manage the tenant.
    pub fn admin() -> Self {
        Self(ADMIN.into())
    }

    /// A role as it stands in a dataset: trimmed, its case kept.
    pub fn as_found(text: &str) -> Self {
        Self(text.trim().into())
    }

    /// A role as a group name gives it: the platform roles in lower case, every other one as it is.
    fn from_group(text: &str) -> Self {
        Self([USER, ADMIN].into_iter().find(|role| role.eq_ignore_ascii_case(text)).unwrap_or(text).into())
    }

    /// The role as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether both are one right: a platform role in any case, every other one as it is written.
    pub fn means(&self, other: &Self) -> bool {
        self == other || (self.is_platform() && self.0.eq_ignore_ascii_case(&other.0))
    }

    /// Whether the role is `user` or `admin`, in any case.
    pub fn is_platform(&self) -> bool {
        self.is_user() || self.is_admin()
    }

    /// Whether the role is `user`, in any case.
    pub fn is_user(&self) -> bool {
        self.0.eq_ignore_ascii_case(USER)
    }

    /// Whether the role is `admin`, in any case.
    pub fn is_admin(&self) -> bool {
        self.0.eq_ignore_ascii_case(ADMIN)
    }

    /// Whether the role is `readonly`, in any case.
    pub fn is_readonly(&self) -> bool {
        self.0.eq_ignore_ascii_case(READONLY)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a group gives its members. Valid because it exists.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct GroupName {
    /// In which tenant.
    pub tenant: TenantId,
    /// Which role.
    pub role: Role,
}

/// Why a group that bears the prefix gives no role. Its text is for the customer's IAM administrator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem} at {}..{} in {name:?}", span.start, span.end)]
pub struct GroupNameError {
    problem: Problem,
    span: Range<usize>,
    name: String,
}

impl GroupNameError {
    /// The code of the finding: `empty_role`, `unknown_tenant`, `bad_role_name` or `reserved_role`.
    pub fn code(&self) -> FindingCode {
        match self.problem {
            Problem::EmptyRole => FindingCode::EmptyRole,
            Problem::UnknownTenant => FindingCode::UnknownTenant,
            Problem::Separator | Problem::Control | Problem::OuterSpace | Problem::TooLong => FindingCode::BadRoleName,
            Problem::Reserved => FindingCode::ReservedRole,
        }
    }

    /// The same for somebody who does not count bytes: the part of the name that is wrong, and how.
    pub fn explain(&self) -> String {
        let part = &self.name[self.span.clone()];
        match self.problem {
            Problem::EmptyRole => "the group's name ends where its role should be".to_owned(),
            Problem::UnknownTenant => format!("{part:?} in the group's name begins with no configured tenant"),
            problem @ (Problem::Separator | Problem::Control | Problem::OuterSpace | Problem::TooLong | Problem::Reserved) => {
                format!("{part:?} in the group's name: {problem}")
            }
        }
    }

    /// Which bytes of the group name are wrong. Both ends lie between characters; nothing missing has a length.
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Problem {
    EmptyRole,
    UnknownTenant,
    Separator,
    Control,
    OuterSpace,
    TooLong,
    Reserved,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EmptyRole => "role is empty",
            Self::UnknownTenant => "tenant is not configured",
            Self::Separator => "role holds the text that separates roles",
            Self::Control => "role holds a control character",
            Self::OuterSpace => "role begins or ends with a space",
            Self::TooLong => "role is over 128 characters",
            Self::Reserved => "role is reserved",
        })
    }
}

/// A problem and the bytes of the group name it is about.
type Slip = (Problem, Range<usize>);

/// Reads a group name. `None`: the name does not begin with the prefix, so that the group is not ours.
///
/// The inner error is a finding about the group; it never stops the others.
pub fn parse(name: &str, integration: &Integration) -> Option<Result<GroupName, GroupNameError>> {
    let rest = strip_prefix_ignoring_case(name, &integration.prefix)?;
    let parsed = read(name, rest, integration);
    Some(parsed.map_err(|(problem, span)| GroupNameError { problem, span, name: name.to_owned() }))
}

/// How many edits the beginning of a name is away from the prefix, when it is nearly but not quite the prefix: 1 or 2.
///
/// Such a group was perhaps meant to be ours. Case does not count as an edit. Of a short prefix no more than a third may differ,
/// or else every name would be near.
pub fn near_miss(name: &str, prefix: &str) -> Option<usize> {
    let prefix = prefix.to_ascii_lowercase();
    let name = name.to_ascii_lowercase();
    if name.starts_with(&prefix) {
        return None;
    }
    let length = prefix.chars().count();
    let ends = name.char_indices().map(|(at, _)| at).chain([name.len()]);
    let near = ends.skip(length.saturating_sub(NEAR_MISS_MAX)).take(2 * NEAR_MISS_MAX + 1);
    let distance = near.map(|end| strsim::levenshtein(&name[..end], &prefix)).min()?;
    (distance <= NEAR_MISS_MAX.min(length / 3)).then_some(distance)
}

/// What is behind the prefix, where the name has it.
fn strip_prefix_ignoring_case<'a>(name: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, rest) = name.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// `rest` is the end of `name` that is behind the prefix.
fn read(name: &str, rest: &str, integration: &Integration) -> Result<GroupName, Slip> {
    if rest.trim().is_empty() {
        return Err((Problem::EmptyRole, name.len() - rest.len()..name.len()));
    }
    let (tenant, role) = split_tenant(rest, integration).ok_or((Problem::UnknownTenant, name.len() - rest.len()..name.len()))?;
    let start = name.len() - role.len();
    check_role(role, integration).map_err(|(problem, span)| (problem, start + span.start..start + span.end))?;
    Ok(GroupName { tenant: tenant.id.clone(), role: Role::from_group(role) })
}

/// The tenant and the role, which may be empty.
fn split_tenant<'a, 'i>(rest: &'a str, integration: &'i Integration) -> Option<(&'i Tenant, &'a str)> {
    match integration.tenancy {
        Tenancy::Single => integration.tenants.first().map(|tenant| (tenant, rest)),
        Tenancy::Multi => integration
            .tenants
            .iter()
            .filter_map(|tenant| Some((tenant, role_behind(rest, &tenant.name)?)))
            .max_by_key(|(tenant, _)| tenant.name.len()),
    }
}

/// The role behind a tenant's name; empty when the name is all there is.
fn role_behind<'a>(rest: &'a str, tenant: &str) -> Option<&'a str> {
    let behind = strip_prefix_ignoring_case(rest, tenant)?;
    if behind.is_empty() { Some(behind) } else { behind.strip_prefix(TENANT_MARK) }
}

/// Whether the role can be written to Orgvue and read back as it was. The span is within the role.
fn check_role(role: &str, integration: &Integration) -> Result<(), Slip> {
    let whole = 0..role.len();
    if role.trim().is_empty() {
        return Err((Problem::EmptyRole, whole));
    }
    if let Some((at, found)) = role.char_indices().find(|(_, c)| is_control(*c)) {
        return Err((Problem::Control, at..at + found.len_utf8()));
    }
    // What is read from Orgvue is trimmed: such a role would never compare equal and be corrected for ever.
    if role.trim() != role {
        return Err((Problem::OuterSpace, whole));
    }
    if let Some(span) = integration.role_separator().and_then(|separator| find_separator(role, separator)) {
        return Err((Problem::Separator, span));
    }
    if role.chars().count() > ROLE_CHARS_MAX {
        return Err((Problem::TooLong, whole));
    }
    if integration.reserved_roles.iter().any(|reserved| reserved.eq_ignore_ascii_case(role)) {
        return Err((Problem::Reserved, whole));
    }
    Ok(())
}

/// Control characters, and the line breaks of Unicode that are none.
pub(crate) fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Where a text of several roles would be split within this role.
///
/// A separator without the spaces around it counts too, because roles are trimmed when they are read. It is looked for across the end
/// of the role as well: with `;;` between roles, a role that ends in `;` would lose it.
fn find_separator(role: &str, separator: &str) -> Option<Range<usize>> {
    [separator, separator.trim()].into_iter().filter(|separator| !separator.is_empty()).find_map(|separator| {
        let at = format!("{role}{separator}").find(separator)?;
        (at < role.len()).then(|| at..role.len().min(at + separator.len()))
    })
}

#[cfg(test)]
mod tests;

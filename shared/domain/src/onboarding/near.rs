//! Groups that nearly have the prefix: what they would give if it were right.

use std::cmp::Reverse;
use std::fmt;

use serde::Serialize;

use super::checklist::counted;
use crate::group_name::{self, GroupName, Role, near_miss};
use crate::ids::TenantId;
use crate::integration::Integration;

/// The two beginnings that Orgvue's integration guide gives the prefix: one in its text, the other in its table.
const GUIDES_BEGINNINGS: [&str; 2] = ["iamapp_", "imapp_"];

/// A role in a tenant, as a group gives it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Grant {
    /// In which tenant.
    pub tenant: TenantId,
    /// Which role.
    pub role: Role,
}

impl From<GroupName> for Grant {
    fn from(GroupName { tenant, role }: GroupName) -> Self {
        Self { tenant, role }
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the role {} in {}", self.role, self.tenant)
    }
}

/// A group whose name nearly begins with the prefix: perhaps a slip of the pen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NearGroup {
    /// Its name.
    pub name: String,
    /// How many edits the beginning is away from the prefix.
    pub distance: usize,
    /// What it has in the place of the prefix.
    pub begins: String,
    /// What it would give if the prefix were right; `None`: nothing even then.
    pub meant: Option<Grant>,
    /// How many members it has, where they were read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n_members: Option<usize>,
}

impl NearGroup {
    /// Looks at a name; `None` when it has the prefix, or is not near it.
    pub fn of(name: &str, integration: &Integration) -> Option<Self> {
        let distance = near_miss(name, &integration.prefix)?;
        let (begins, meant) = split(name, distance, integration)?;
        Some(Self { name: name.to_owned(), distance, begins: begins.to_owned(), meant, n_members: None })
    }
}

/// Whether a group has the prefix or nearly has it: who explains or checks wants to know its members, whatever the rest of its name says.
pub fn looks_like_ours(name: &str, integration: &Integration) -> bool {
    group_name::parse(name, integration).is_some() || near_miss(name, &integration.prefix).is_some()
}

impl fmt::Display for NearGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is {} away from the prefix, ", self.name, counted(self.distance, "edit"))?;
        match &self.meant {
            Some(meant) => write!(f, "with which it would give {meant}"),
            None => write!(f, "with which it would give nothing either"),
        }?;
        match self.n_members {
            Some(n) => write!(f, " to {}", counted(n, "member")),
            None => Ok(()),
        }
    }
}

/// Where the misspelled prefix ends, and what the rest gives. Where the slip is at the very end there are several places: one behind
/// which a platform role stands is the likeliest.
fn split<'a>(name: &'a str, distance: usize, integration: &Integration) -> Option<(&'a str, Option<Grant>)> {
    let prefix = integration.prefix.to_ascii_lowercase();
    let is_near = |begins: &&str| strsim::levenshtein(&begins.to_ascii_lowercase(), &prefix) == distance;
    let beginnings = name.char_indices().map(|(at, _)| at).chain([name.len()]).map(|end| &name[..end]).filter(is_near);
    let read = |begins: &'a str| {
        let corrected = format!("{}{}", integration.prefix, &name[begins.len()..]);
        (begins, group_name::parse(&corrected, integration).and_then(Result::ok).map(Grant::from))
    };
    beginnings.map(read).max_by_key(|(begins, meant)| {
        let gives_platform_role = meant.as_ref().is_some_and(|grant| grant.role.is_platform());
        (gives_platform_role, meant.is_some(), begins.chars().last() == integration.prefix.chars().last(), Reverse(begins.len()))
    })
}

/// What several beginnings have in common, without regard to ASCII case.
pub(super) fn common_beginning<'a>(mut texts: impl Iterator<Item = &'a str>) -> &'a str {
    let Some(first) = texts.next() else { return "" };
    texts.fold(first, |common, text| {
        let same = common.chars().zip(text.chars()).take_while(|(a, b)| a.eq_ignore_ascii_case(b));
        &common[..same.map(|(c, _)| c.len_utf8()).sum()]
    })
}

/// Whether the two differ as Orgvue's own guide differs from itself.
pub(super) fn is_the_guides_slip(one: &str, other: &str) -> bool {
    let rest = |text: &str, beginning| text.to_ascii_lowercase().strip_prefix(beginning).map(str::to_owned);
    let [text, table] = GUIDES_BEGINNINGS;
    let differ = |one, other| rest(one, text).is_some_and(|end| rest(other, table) == Some(end));
    differ(one, other) || differ(other, one)
}

//! Identifiers: one type per meaning, so that none can stand in for another.
//!
//! Identifiers that people write (integration, directory, tenant, dataset) are checked when they are made.
//! Identifiers that programs hand to us (users, groups, items, runs, events) are taken as they are.
//!
//! A copy shares its text: a decision about a hundred thousand accounts names each of them several times.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize};

use crate::text;

/// A text that is not an identifier of the asked kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} \"{text}\" must be {rule}")]
pub struct InvalidId {
    kind: &'static str,
    text: String,
    rule: &'static str,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The identifier of this text, as a program handed it to us.
            pub fn new(text: impl AsRef<str>) -> Self {
                Self(text.as_ref().into())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                text::read(deserializer, |text| Self(text.into()))
            }
        }

        id!(@common $name);
    };
    ($(#[$doc:meta])* $name:ident, $kind:literal, $rule:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks the text.
            ///
            /// # Errors
            /// [`InvalidId`] names the rule that the text breaks.
            pub fn parse(text: &str) -> Result<Self, InvalidId> {
                let check: fn(&str) -> bool = $check;
                if check(text) {
                    Ok(Self(text.into()))
                } else {
                    Err(InvalidId { kind: $kind, text: text.to_owned(), rule: $rule })
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.as_str().to_owned()
            }
        }

        id!(@common $name);
    };
    (@common $name:ident) => {
        impl $name {
            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(
    /// One customer's integration, as operators name it.
    IntegrationId, "integration id", "1 to 32 of a-z, 0-9 and -, beginning with a letter or digit",
    |text| (1..=32).contains(&text.len())
        && !text.starts_with('-')
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
);
id!(
    /// One WorkOS directory.
    DirectoryId, "directory", "a WorkOS directory id: directory_ and 1 to 64 letters, digits or _",
    |text| text.strip_prefix("directory_").is_some_and(|rest| {
        (1..=64).contains(&rest.len()) && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    })
);
id!(
    /// One Orgvue tenant; the pattern is that of Orgvue's API reference.
    TenantId, "tenant id", "1 to 30 of A-Z, 0-9 and _, beginning with a letter",
    |text| (1..=30).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_uppercase())
        && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
);
id!(
    /// One dataset of a tenant: a UUID.
    DatasetId, "dataset", "a UUID such as 0B533DE6-7107-9FCD-48FC-31C0856745CC",
    |text| text.len() == 36
        && text.bytes().enumerate().all(|(at, b)| match at {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
);
id!(
    /// A WorkOS directory user: `directory_user_…`. A person who comes back may have a new one.
    UserId
);
id!(
    /// A WorkOS directory group: `directory_group_…`.
    GroupId
);
id!(
    /// An item of an Orgvue dataset: its `_id`.
    ItemId
);
id!(
    /// One run. Sorts by time of start.
    RunId
);
id!(
    /// A WorkOS event: `event_…`.
    EventId
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integration_ids_are_short_lower_case_and_safe_in_schedule_names() {
        for good in ["acme", "a", "0-a", "a23456789012345678901234567890xy"] {
            assert!(IntegrationId::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "Acme", "a.b", "a b", "a234567890123456789012345678901xyz"] {
            assert!(IntegrationId::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn tenant_ids_follow_orgvues_pattern() {
        for good in ["A", "MYTENANT", "ACME_EU", "T1"] {
            assert!(TenantId::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "1A", "_A", "acme", "MyTenant", "A-B", "A23456789012345678901234567890X"] {
            assert!(TenantId::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn directory_and_dataset_ids_are_checked() {
        assert!(DirectoryId::parse("directory_01HZX").is_ok());
        assert!(DirectoryId::parse("dir_01HZX").is_err());
        assert!(DatasetId::parse("0B533DE6-7107-9FCD-48FC-31C0856745CC").is_ok());
        assert!(DatasetId::parse("0B533DE6-7107-9FCD-48FC").is_err());
    }

    #[test]
    fn the_error_says_the_rule() {
        assert_eq!(
            TenantId::parse("acme").unwrap_err().to_string(),
            r#"tenant id "acme" must be 1 to 30 of A-Z, 0-9 and _, beginning with a letter"#
        );
    }
}

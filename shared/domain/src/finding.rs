//! Findings: accounts and groups that cannot be synced, and what a person can do about each.
//!
//! Findings never stop the others. Codes are stable: they are documented, counted and searched for.

use serde::{Deserialize, Serialize};

use crate::ids::{GroupId, TenantId, UserId};
use crate::login::Login;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal => $remedy:literal;)*) => {
        /// Why an account or group cannot be synced as it stands.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum FindingCode {
            $($(#[$doc])* $variant,)*
        }

        impl FindingCode {
            /// Every code, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The stable text of the code.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }

            /// What the customer's IAM administrator can do.
            pub fn remedy(self) -> &'static str {
                match self {
                    $(Self::$variant => $remedy,)*
                }
            }
        }
    };
}

codes! {
    /// A user of the directory is in no group that gives `user` or `admin`.
    NoPlatformRole = "no_platform_role" => "add the user to the group for the role user or admin";
    /// A user of the directory is in no group of any configured tenant.
    NoTenant = "no_tenant" => "add the user to a group that names one of the tenants, or leave it: the user gets no account";
    /// The e-mail address is outside the allowed domains.
    DomainNotAllowed = "domain_not_allowed" => "give the user an address in an allowed domain, or have the domain allowed";
    /// Two active users of the directory have one e-mail address.
    DuplicateLogin = "duplicate_login" => "give each user an address of its own, or deactivate the one that is not used";
    /// Two rows of the Users dataset have one login.
    DuplicateAccount = "duplicate_account" => "delete the row that is not used from Orgvue's user list";
    /// A row of the Users dataset has no login.
    BlankLogin = "blank_login" => "give the row a login or delete it from Orgvue's user list";
    /// The user has no e-mail address.
    NoEmail = "no_email" => "give the user an e-mail address in the identity provider";
    /// The user's e-mail address is not one.
    InvalidEmail = "invalid_email" => "correct the user's e-mail address in the identity provider";
    /// A protected account differs from what the directory says.
    ProtectedDiffers = "protected_differs" => "change the account in Orgvue by hand, or take it off the protected list";
    /// The account's expiry date is past, so it cannot be used.
    ExpiredInOrgvue = "expired_in_orgvue" => "clear or move the expiry date in Orgvue's user list";
    /// Two groups give roles that differ only by case.
    RolesDifferByCase = "roles_differ_by_case" => "name the groups alike if they mean one role; both roles were kept";
    /// A group name ends behind the prefix or the tenant.
    EmptyRole = "empty_role" => "name the role behind the prefix, or rename the group out of the prefix";
    /// A group name names no configured tenant.
    UnknownTenant = "unknown_tenant" => "correct the tenant in the group name, or have the tenant configured";
    /// A group name's role cannot be written.
    BadRoleName = "bad_role_name" => "take the list separator and control characters out of the group name, and keep the role within 128 characters";
    /// A group name's role may not be given by a group.
    ReservedRole = "reserved_role" => "have the role taken off the reserved list, or have the account protected and give it the role in Orgvue by hand";
    /// A group that gave a role is called otherwise now.
    GroupRenamed = "group_renamed" => "rename the group back if that was a mistake; if not, have what is held approved";
    /// The integration file blocks the account.
    Blocked = "blocked" => "nothing to do while the account is to stay disabled; else have it taken off the list of blocked accounts";
    /// Orgvue refused to write the account.
    RefusedByOrgvue = "refused_by_orgvue" => "correct what Orgvue names; the next run tries again";
}

impl FindingCode {
    /// Whether the code tells of a tenant's accounts, and not of the directory: only a run that worked on the tenant finds it.
    pub fn is_of_the_dataset(self) -> bool {
        match self {
            Self::DuplicateAccount
            | Self::BlankLogin
            | Self::ProtectedDiffers
            | Self::ExpiredInOrgvue
            | Self::Blocked
            | Self::RefusedByOrgvue => true,
            Self::NoPlatformRole
            | Self::NoTenant
            | Self::DomainNotAllowed
            | Self::DuplicateLogin
            | Self::NoEmail
            | Self::InvalidEmail
            | Self::RolesDifferByCase
            | Self::EmptyRole
            | Self::UnknownTenant
            | Self::BadRoleName
            | Self::ReservedRole
            | Self::GroupRenamed => false,
        }
    }
}

impl std::fmt::Display for FindingCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One account or group that cannot be synced as it stands.
///
/// Holds personal data (a login): it belongs in reports for people, never in a log.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Finding {
    /// Why.
    pub code: FindingCode,
    /// The account, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<Login>,
    /// The directory's user, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// The identity provider's own id of a user who has no login, by which its administrator finds the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idp_id: Option<String>,
    /// The name of the group, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The directory's group, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_id: Option<GroupId>,
    /// The tenant it is about; `None`: all of them, or none could be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantId>,
    /// The groups of ours that the user was seen in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// Since when every run has found it, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_ms: Option<i64>,
    /// What is wrong and what to do, for a person.
    pub message: String,
}

impl Finding {
    /// A finding whose message is `what` and the code's remedy.
    pub fn new(code: FindingCode, what: impl std::fmt::Display) -> Self {
        let message = format!("{what}; {}", code.remedy());
        Self {
            code,
            login: None,
            user: None,
            idp_id: None,
            group: None,
            group_id: None,
            tenant: None,
            groups: Vec::new(),
            since_ms: None,
            message,
        }
    }

    /// Whether it tells of users in no group of ours, of whom only the list of users knows.
    pub fn is_of_outsiders(&self) -> bool {
        // Who is in a group of ours is without a role in some tenant.
        matches!(self.code, FindingCode::NoPlatformRole | FindingCode::NoTenant) && self.tenant.is_none()
    }

    /// The same about an account.
    #[must_use]
    pub fn login(self, login: &Login) -> Self {
        Self { login: Some(login.clone()), ..self }
    }

    /// The same about a user of the directory.
    #[must_use]
    pub fn user(self, user: &UserId) -> Self {
        Self { user: Some(user.clone()), ..self }
    }

    /// The same about a group.
    #[must_use]
    pub fn group(self, id: &GroupId, name: &str) -> Self {
        Self { group: Some(name.to_owned()), group_id: Some(id.clone()), ..self }
    }

    /// The same with the groups that the user was seen in.
    #[must_use]
    pub fn groups(self, names: &[&str]) -> Self {
        Self { groups: names.iter().map(|name| (*name).to_owned()).collect(), ..self }
    }

    /// What makes two findings one matter, whatever else has changed about it.
    pub(crate) fn matter(&self) -> impl Ord + use<> {
        (self.code, self.login.clone(), self.user.clone(), self.group_id.clone(), self.tenant.clone())
    }

    /// The same about one tenant.
    #[must_use]
    pub fn tenant(self, tenant: &TenantId) -> Self {
        Self { tenant: Some(tenant.clone()), ..self }
    }
}

//! A checklist: what was looked at, how it is, and what to do about it.

use std::fmt;

use serde::Serialize;

use crate::ids::TenantId;

macro_rules! checks {
    ($($(#[$doc:meta])* $variant:ident = $text:literal => $asks:literal;)*) => {
        /// What is looked at before a customer goes live.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Check {
            $($(#[$doc])* $variant,)*
        }

        impl Check {
            /// Every check, in the order in which they are made.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The stable text.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }

            /// What the check asks, for a person.
            pub fn asks(self) -> &'static str {
                match self {
                    $(Self::$variant => $asks,)*
                }
            }
        }
    };
}

checks! {
    /// The integration file.
    File = "file" => "does the integration file keep every rule?";
    /// The directory at WorkOS.
    Directory = "directory" => "is the directory linked, and can it be read whole?";
    /// Groups that give something.
    Groups = "groups" => "do groups begin with the prefix of the file?";
    /// Groups that nearly have the prefix.
    NearMisses = "near_misses" => "do groups begin with nearly the prefix, as by a slip of the pen?";
    /// Groups with the prefix that give nothing.
    GroupNames = "group_names" => "can the name of every group with the prefix be read?";
    /// Tenants and the groups that name them.
    Tenants = "tenants" => "does each tenant have groups that let somebody in?";
    /// Groups for administrators.
    Administrators = "administrators" => "does each tenant have a group for administrators?";
    /// The Users dataset.
    Dataset = "dataset" => "can the Users dataset be read, and is it spelled as the file says?";
    /// The accounts that the directory asks for.
    Accounts = "accounts" => "does the directory ask for accounts in the tenant?";
    /// Activation e-mails.
    Emails = "emails" => "how many people will Orgvue send an activation e-mail?";
    /// Accounts that go away.
    Removals = "removals" => "which accounts would be removed or disabled?";
    /// Roles that accounts lose.
    Roles = "roles" => "which roles would accounts lose that they have in Orgvue?";
    /// What waits for a person.
    Held = "held" => "what would wait for a person's approval?";
    /// Accounts that cannot be synced.
    Findings = "findings" => "which accounts cannot be synced as they stand?";
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How a step of the checklist came out. The order is that of concern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// As it should be.
    Ok,
    /// Somebody should look at it before going live.
    Warning,
    /// The customer cannot go live like this.
    Failed,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
        })
    }
}

/// One line of the checklist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckStep {
    /// What was looked at.
    pub name: Check,
    /// Of which tenant; `None`: of all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantId>,
    /// How it came out.
    pub outcome: Outcome,
    /// What was seen.
    pub message: String,
    /// What to do; nothing where all is well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

impl CheckStep {
    /// All is well.
    pub fn ok(name: Check, message: impl Into<String>) -> Self {
        Self { name, tenant: None, outcome: Outcome::Ok, message: message.into(), remedy: None }
    }

    /// Somebody should look at it.
    pub fn warning(name: Check, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { outcome: Outcome::Warning, remedy: Some(remedy.into()), ..Self::ok(name, message) }
    }

    /// It does not work like this.
    pub fn failed(name: Check, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { outcome: Outcome::Failed, remedy: Some(remedy.into()), ..Self::ok(name, message) }
    }

    /// The same of one tenant.
    #[must_use]
    pub fn tenant(self, tenant: &TenantId) -> Self {
        Self { tenant: Some(tenant.clone()), ..self }
    }
}

impl fmt::Display for CheckStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<8} {}", self.outcome, self.name)?;
        if let Some(tenant) = &self.tenant {
            write!(f, " of {tenant}")?;
        }
        write!(f, ": {}", self.message)?;
        match &self.remedy {
            Some(remedy) => write!(f, "\n         to do: {remedy}"),
            None => Ok(()),
        }
    }
}

/// A whole checklist.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct Checklist {
    /// Its lines.
    pub steps: Vec<CheckStep>,
}

impl Checklist {
    /// How it came out as a whole: as the worst of its steps.
    pub fn outcome(&self) -> Outcome {
        self.steps.iter().map(|step| step.outcome).max().unwrap_or(Outcome::Ok)
    }
}

impl Extend<CheckStep> for Checklist {
    fn extend<I: IntoIterator<Item = CheckStep>>(&mut self, steps: I) {
        self.steps.extend(steps);
    }
}

impl fmt::Display for Checklist {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.steps.iter().try_for_each(|step| writeln!(f, "{step}"))
    }
}

/// Most things that a line for people names; the values hold them all.
const LISTED_MAX: usize = 20;

/// Things in one line, and how many more there are.
pub(super) fn listed<T: fmt::Display>(items: impl IntoIterator<Item = T>) -> String {
    let mut texts: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    let n_more = texts.len().saturating_sub(LISTED_MAX);
    texts.truncate(LISTED_MAX);
    texts.extend((n_more > 0).then(|| format!("and {n_more} more")));
    texts.join(", ")
}

/// So many of something.
pub(super) fn counted(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

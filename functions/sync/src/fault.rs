//! What stands in the way of a tenant, and what that makes of its run.

use adapters::orgvue::{OrgvueError, StopCause};
use adapters::store::{LeaseLost, StoreError};
use domain::backoff::FaultClass;
use domain::current::DatasetRefusal;
use domain::run::Status;

/// What stood in the way of a tenant.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TenantFault {
    #[error("no API token is configured for the tenant")]
    NoToken,
    #[error(transparent)]
    Dataset(#[from] DatasetRefusal),
    #[error(transparent)]
    Orgvue(#[from] OrgvueError),
    #[error("the table could not be used")]
    Store(#[source] StoreError),
    #[error(transparent)]
    Corrupt(StoreError),
    #[error("the run stopped writing: {0}")]
    LeaseLost(#[from] LeaseLost),
    #[error("{n_accounts} accounts could not be made as planned")]
    Unsettled { n_accounts: usize },
    #[error("orgvue refuses to take from {n_accounts} accounts what they are to lose; see the findings for its reason")]
    Kept { n_accounts: usize },
    #[error("the lists of groups and members say of {n_users} users what their own groups contradict")]
    Contradicted { n_users: usize },
    #[error("orgvue refuses every one of {n_accounts} accounts; see the findings for its reason")]
    AllRefused { n_accounts: usize },
    #[error("the groups of {n_users} users who seem to lose something were not read a second time")]
    Unconfirmed { n_users: usize },
}

impl From<StoreError> for TenantFault {
    fn from(error: StoreError) -> Self {
        if let StoreError::Corrupt { .. } = error { Self::Corrupt(error) } else { Self::Store(error) }
    }
}

impl From<StopCause<LeaseLost>> for TenantFault {
    fn from(cause: StopCause<LeaseLost>) -> Self {
        match cause {
            StopCause::Fence(lost) => lost.into(),
            StopCause::Orgvue(error) | StopCause::BreaksDown(error) => error.into(),
        }
    }
}

impl TenantFault {
    /// What to do about it, where the text does not say it.
    pub(crate) fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::Orgvue(error) => Some(error.remedy()),
            Self::Corrupt(_) => Some("a person must save the item and repair it"),
            Self::NoToken
            | Self::Dataset(_)
            | Self::Store(_)
            | Self::LeaseLost(_)
            | Self::Unsettled { .. }
            | Self::Kept { .. }
            | Self::Contradicted { .. }
            | Self::AllRefused { .. }
            | Self::Unconfirmed { .. } => None,
        }
    }

    /// What happened and what to do, for a record.
    pub(crate) fn told(&self) -> String {
        self.remedy().or_else(|| self.next_step()).map_or_else(|| self.to_string(), |next| format!("{self}; {next}"))
    }

    /// The same for the record of what nothing tries again by itself.
    pub(crate) fn told_once(&self) -> String {
        if self.status() == Status::Refused { self.told() } else { format!("{self}; restore again") }
    }

    /// What a run tells a person to do, or why there is nothing to do; nothing more where the text says it.
    fn next_step(&self) -> Option<&'static str> {
        match self {
            Self::Orgvue(_)
            | Self::Corrupt(_)
            | Self::Dataset(DatasetRefusal::MissingProperty { .. } | DatasetRefusal::WrongForm { .. }) => None,
            Self::NoToken => Some("complete ORGVUE_TOKENS, or store the token in Secrets Manager"),
            Self::Dataset(DatasetRefusal::ApiAccountMissing) => Some(
                "compare the tenant's dataset id and api_account, which a restore needs in any mode, with the Users list in Orgvue, and what the token may see",
            ),
            Self::Dataset(DatasetRefusal::MissingItemId) => Some("nothing to do: it is tried again; tell Orgvue's support if it lasts"),
            Self::Store(_) => Some("nothing to do: it is tried again; look at the state of AWS if it lasts"),
            Self::LeaseLost(_) => Some("nothing to do: what is owed stays owed"),
            Self::Unsettled { .. } => Some("nothing to do: the next try finds out; the record lists them"),
            Self::Kept { .. } => Some("correct what Orgvue names; it is tried again every 15 minutes at most"),
            Self::Contradicted { .. } => Some("nothing was written; the next try reads the lists again"),
            Self::AllRefused { .. } => Some("mostly [dataset] in the integration file is spelled otherwise than the dataset: correct it"),
            Self::Unconfirmed { .. } => Some("nothing to do: the next try goes on with them"),
        }
    }

    /// Whether a person must act.
    pub(crate) fn status(&self) -> Status {
        match self {
            Self::NoToken | Self::Dataset(_) | Self::Corrupt(_) | Self::AllRefused { .. } => Status::Refused,
            Self::Orgvue(error) if error.needs_person() => Status::Refused,
            Self::Orgvue(_)
            | Self::Store(_)
            | Self::Unsettled { .. }
            | Self::Kept { .. }
            | Self::Unconfirmed { .. }
            | Self::Contradicted { .. } => Status::Failed,
            Self::LeaseLost(_) => Status::Superseded,
        }
    }

    /// Whose it is, which says how soon it is tried again.
    pub(crate) fn class(&self) -> FaultClass {
        match self {
            Self::NoToken | Self::Corrupt(_) | Self::AllRefused { .. } => FaultClass::Configuration,
            Self::Dataset(DatasetRefusal::MissingItemId) => FaultClass::Vendor,
            Self::Dataset(
                DatasetRefusal::MissingProperty { .. } | DatasetRefusal::WrongForm { .. } | DatasetRefusal::ApiAccountMissing,
            ) => FaultClass::Configuration,
            Self::Orgvue(error) => error.class(),
            Self::Contradicted { .. } => FaultClass::Own,
            Self::Kept { .. } => FaultClass::Accounts,
            Self::Store(_) | Self::LeaseLost(_) => FaultClass::Vendor,
            // A quarantine would have every other leaver of the tenant wait for these.
            Self::Unconfirmed { .. } | Self::Unsettled { .. } => FaultClass::Vendor,
        }
    }

    /// The stable code, for records; `docs/reason-codes.md` lists them.
    pub(crate) fn code(&self) -> String {
        let code = match self {
            Self::Orgvue(error) => return error.code(),
            Self::Dataset(refusal) => refusal.code(),
            Self::NoToken => "no_token",
            Self::Store(_) => "not_saved",
            Self::Corrupt(_) => "table_corrupt",
            Self::LeaseLost(LeaseLost::TakenOver) => "superseded",
            Self::LeaseLost(LeaseLost::Paused) => "paused",
            Self::Unsettled { .. } | Self::Kept { .. } => "accounts_not_settled",
            Self::Unconfirmed { .. } => "users_not_confirmed",
            Self::Contradicted { .. } => "lists_contradicted",
            Self::AllRefused { .. } => "all_writes_refused",
        };
        code.to_owned()
    }

    /// Orgvue's name for the request, for their support.
    pub(crate) fn trace_id(&self) -> Option<&str> {
        if let Self::Orgvue(error) = self { error.trace_id() } else { None }
    }
}

//! What stands in the way of a tenant, and what that makes of its run.

use adapters::orgvue::OrgvueError;
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
    Store(#[from] StoreError),
    #[error("the run stopped writing: {0}")]
    LeaseLost(#[from] LeaseLost),
    #[error("{n_accounts} accounts could not be made as planned")]
    Unsettled { n_accounts: usize },
    #[error("the lists of groups and members say of {n_users} users what their own groups contradict")]
    Contradicted { n_users: usize },
    #[error("orgvue refuses every one of {n_accounts} accounts; see the findings for its reason")]
    AllRefused { n_accounts: usize },
    #[error("the groups of {n_users} users who seem to lose something could not be read a second time")]
    Unconfirmed { n_users: usize },
}

impl TenantFault {
    /// What to do about it, where the text does not say it.
    pub(crate) fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::Orgvue(error) => Some(error.remedy()),
            Self::NoToken
            | Self::Dataset(_)
            | Self::Store(_)
            | Self::LeaseLost(_)
            | Self::Unsettled { .. }
            | Self::Contradicted { .. }
            | Self::AllRefused { .. }
            | Self::Unconfirmed { .. } => None,
        }
    }

    /// What happened and what to do, for a record.
    pub(crate) fn told(&self) -> String {
        self.remedy().map_or_else(|| self.to_string(), |remedy| format!("{self}; {remedy}"))
    }

    /// Whether a person must act.
    pub(crate) fn status(&self) -> Status {
        match self {
            Self::NoToken | Self::Dataset(_) | Self::AllRefused { .. } => Status::Refused,
            Self::Orgvue(error) if error.needs_person() => Status::Refused,
            Self::Orgvue(_) | Self::Store(_) | Self::Unsettled { .. } | Self::Unconfirmed { .. } | Self::Contradicted { .. } => {
                Status::Failed
            }
            Self::LeaseLost(_) => Status::Superseded,
        }
    }

    /// Whose it is, which says how soon it is tried again.
    pub(crate) fn class(&self) -> FaultClass {
        match self {
            Self::NoToken | Self::AllRefused { .. } => FaultClass::Configuration,
            Self::Dataset(DatasetRefusal::MissingItemId) => FaultClass::Vendor,
            Self::Dataset(
                DatasetRefusal::MissingProperty { .. } | DatasetRefusal::WrongForm { .. } | DatasetRefusal::ApiAccountMissing,
            ) => FaultClass::Configuration,
            Self::Orgvue(error) => error.class(),
            Self::Unsettled { .. } | Self::Contradicted { .. } => FaultClass::Own,
            Self::Store(_) | Self::LeaseLost(_) | Self::Unconfirmed { .. } => FaultClass::Vendor,
        }
    }

    /// The stable code, for records; `docs/reason-codes.md` lists them.
    pub(crate) fn code(&self) -> String {
        let code = match self {
            Self::Orgvue(error) => return error.code(),
            Self::Dataset(refusal) => refusal.code(),
            Self::NoToken => "no_token",
            Self::Store(_) => "not_saved",
            Self::LeaseLost(LeaseLost::TakenOver) => "superseded",
            Self::LeaseLost(LeaseLost::Paused) => "paused",
            Self::Unsettled { .. } => "accounts_not_settled",
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

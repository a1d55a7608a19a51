//! Why a command failed: what happened and the next step, for one line on stderr, and the exit code.

mod aws;

use std::fmt;
use std::io;
use std::path::PathBuf;

use adapters::aws::AwsError;
use adapters::store::{ApplyError, RemoveError, StoreError};
use domain::ids::{IntegrationId, RunId};
use sync::OperateError;

pub(crate) use aws::{NO_PROFILE, Named, Place};

use crate::commands::files;
use crate::output::Exit;
use crate::vendors;

/// Why a command failed.
#[derive(Debug)]
pub(crate) enum CliError {
    /// No table is named.
    NoTable,
    /// No queue is named.
    NoQueue,
    /// No region is known.
    NoRegion,
    /// An AWS service did not do what was asked.
    Aws(AwsError),
    /// The table did not.
    Store(StoreError),
    /// What an operator wanted was not done.
    Operate(OperateError),
    /// Nothing has this id.
    UnknownIntegration(IntegrationId),
    /// Nothing has this id.
    UnknownRun(RunId),
    /// A file cannot be read.
    File(PathBuf, io::Error),
    /// Integration files have mistakes.
    Mistakes {
        /// Each told as `FILE:LINE: what`.
        mistakes: Vec<String>,
        n_bad: usize,
        n_files: usize,
    },
    /// The command line does not say enough, or too much; told whole.
    Usage(Advice),
    /// Something else, told whole.
    Advised(Advice),
    /// The answer could not be written.
    Output(io::Error),
}

/// What happened, and the next step, which may be told with what happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Advice {
    pub(crate) what: String,
    pub(crate) next: String,
}

impl Advice {
    pub(crate) fn new(what: impl Into<String>, next: impl Into<String>) -> Self {
        Self { what: what.into(), next: next.into() }
    }

    /// An error that tells its next step itself.
    pub(crate) fn told(error: &dyn std::error::Error) -> Self {
        Self::new(error.to_string(), "")
    }
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, next } = self;
        if next.is_empty() { f.write_str(what) } else { write!(f, "{what}: {next}") }
    }
}

impl CliError {
    /// The item of the table that must be repaired or made again, where that is why it failed.
    pub(crate) fn corrupt(&self) -> Option<String> {
        match self {
            Self::Store(error @ StoreError::Corrupt { .. }) | Self::Operate(OperateError::Store(error @ StoreError::Corrupt { .. })) => {
                Some(error.to_string())
            }
            Self::Operate(error @ OperateError::NoPendingItem(_)) => Some(error.to_string()),
            _ => None,
        }
    }

    /// What stands above it on stderr, a line each: the mistakes of files, which editors can follow.
    pub(crate) fn details(&self) -> &[String] {
        if let Self::Mistakes { mistakes, .. } = self { mistakes } else { &[] }
    }

    /// What happened, and the next step.
    pub(crate) fn advice(&self, place: &Place) -> Advice {
        match self {
            Self::NoTable => Advice::new("no table is named", "pass --table NAME or set TABLE_NAME"),
            Self::NoQueue => Advice::new("no queue is named", "pass --queue-url URL or set SYNC_QUEUE_URL"),
            Self::NoRegion => Advice::new("no AWS region is known", "pass --region, set AWS_REGION, or give the profile a region"),
            Self::Aws(error) => aws::advice(error, place),
            Self::Store(error) => store_advice(error, place),
            Self::Operate(error) => operate_advice(error, place),
            Self::UnknownIntegration(id) => unknown_integration(id),
            Self::UnknownRun(run) => {
                Advice::new(format!("there is no run {run}, or it is older than 90 days"), "see `orgvue-scim runs ID`")
            }
            Self::File(path, error) => Advice::new(format!("{} cannot be read", path.display()), error.to_string()),
            Self::Mistakes { mistakes, n_bad, n_files } => {
                let what = files::n_mistakes(mistakes.len(), *n_bad, *n_files);
                Advice::new(what, "nothing was done; correct them")
            }
            Self::Usage(advice) | Self::Advised(advice) => advice.clone(),
            Self::Output(error) => Advice::new("the answer could not be written", error.to_string()),
        }
    }
}

fn unknown_integration(id: &IntegrationId) -> Advice {
    Advice::new(format!("there is no integration {id}"), "see `orgvue-scim integration list`")
}

fn operate_advice(error: &OperateError, place: &Place) -> Advice {
    match error {
        OperateError::Store(error) | OperateError::Apply(ApplyError::Store(error)) | OperateError::Remove(RemoveError::Store(error)) => {
            store_advice(error, place)
        }
        OperateError::Remove(RemoveError::Left(error)) => {
            let Advice { what, next: _ } = store_advice(error, place);
            Advice::new(
                format!("it is removed, but not all that was kept of it: {what}"),
                "remove it again, until it says that there is no such integration",
            )
        }
        OperateError::UnknownIntegration(id) => unknown_integration(id),
        OperateError::Queue(error) => {
            let Advice { what, next } = aws::advice(error, place);
            Advice::new(format!("it is done, and its run begins some minutes later, for the queue could not be told: {what}"), next)
        }
        OperateError::Audit(error) => {
            let Advice { what, next } = store_advice(error, place);
            Advice::new(format!("it is done, but the audit does not tell of it: {what}"), next)
        }
        OperateError::NotAsked(error) => {
            let Advice { what, next: _ } = store_advice(error, place);
            Advice::new(format!("it is approved, but no run could be asked for: {what}"), "approve it again, or the next run does it")
        }
        OperateError::Directory(error) => {
            let Advice { what, next } = vendors::unread(error);
            Advice::new(format!("nothing has changed: {what}"), next)
        }
        OperateError::NoPendingItem(_)
        | OperateError::UnusableFile
        | OperateError::ShortHash(_)
        | OperateError::NotHeld(_)
        | OperateError::LeftAlone(_)
        | OperateError::Ambiguous(_)
        | OperateError::PausedByFile
        | OperateError::Running
        | OperateError::Changed
        | OperateError::Apply(
            ApplyError::DirectoryTaken { .. }
            | ApplyError::TenantTaken { .. }
            | ApplyError::DatasetTaken { .. }
            | ApplyError::TooManyTenants { .. }
            | ApplyError::Running
            | ApplyError::Contended,
        ) => Advice::told(error),
    }
}

fn store_advice(error: &StoreError, place: &Place) -> Advice {
    match error {
        StoreError::Aws(error) => aws::advice(error, place),
        StoreError::Throttled => Advice::new("DynamoDB turns reads away", "try again in a minute"),
        StoreError::Contended { .. } => Advice::new(error.to_string(), "try again"),
        StoreError::Corrupt { key, attribute } => {
            Advice::new(format!("item {key} has no valid {attribute}"), "no version wrote it so; it must be repaired by hand")
        }
    }
}

impl From<&CliError> for Exit {
    fn from(error: &CliError) -> Self {
        match error {
            CliError::NoTable | CliError::NoQueue | CliError::Usage(_) => Self::Usage,
            CliError::NoRegion
            | CliError::Aws(_)
            | CliError::Store(_)
            | CliError::Operate(_)
            | CliError::UnknownIntegration(_)
            | CliError::UnknownRun(_)
            | CliError::File(..)
            | CliError::Mistakes { .. }
            | CliError::Advised(_)
            | CliError::Output(_) => Self::Failed,
        }
    }
}

impl From<AwsError> for CliError {
    fn from(error: AwsError) -> Self {
        Self::Aws(error)
    }
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<OperateError> for CliError {
    fn from(error: OperateError) -> Self {
        Self::Operate(error)
    }
}

impl From<Advice> for CliError {
    fn from(advice: Advice) -> Self {
        Self::Advised(advice)
    }
}

impl From<io::Error> for CliError {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

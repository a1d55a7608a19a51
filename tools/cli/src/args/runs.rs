//! The commands about runs and what they found.

use std::convert::Infallible;

use clap::{Args as ClapArgs, Subcommand};
use domain::ids::{IntegrationId, RunId};

use super::{Wait, Which};

pub(super) const SYNC_HELP: &str = "\
Examples:
  orgvue-scim sync acme                      ask for a sync, do not wait for it
  orgvue-scim sync acme --wait               wait for its run and show it
  orgvue-scim sync --all                     ask for a sync of every integration

A quarantine ends with it: everything that failed is tried at once.
Exit code 2: it was not asked for, because the integration is paused or suspended; or, with --wait, its run ended failing,
or held, unless all that is held was rejected.";

pub(super) const RUNS_HELP: &str = "\
Examples:
  orgvue-scim runs acme                      the last 20 runs, newest first
  orgvue-scim runs acme --limit 100
  orgvue-scim runs acme --output json | jq -r '.runs[] | select(.status == \"partly_held\") | .id'

What each run came to is told of the last 20 alone; `orgvue-scim run show` tells it of any.";

pub(super) const RUN_HELP: &str = "\
Examples:
  orgvue-scim run show 01997f2e-5b1c-7d6e-9c3a-0d4f6b8a2c11
  orgvue-scim run show 01997f2e-5b1c-7d6e-9c3a-0d4f6b8a2c11 --output json | jq '.tenants[].created'

Exit code 2: it ended failing, or held, unless all that is held was rejected; or it is a restore that stopped midway.";

pub(super) const FINDINGS_HELP: &str = "\
Examples:
  orgvue-scim findings acme                  who cannot be synced, why, and what to do
  orgvue-scim findings acme --csv > acme.csv for the customer's IAM administrator
  orgvue-scim findings --all --output json

The answer holds personal data (logins): send it to those only who need it.";

pub(super) const STATUS_HELP: &str = "\
Examples:
  orgvue-scim status                         one line for each integration
  orgvue-scim status acme                    and its tenants
  orgvue-scim status --output json | jq -r '.integrations[] | select(.needs_person) | .id'

Exit code 2: something needs a person.";

#[derive(Debug, ClapArgs)]
pub(crate) struct SyncArgs {
    #[command(flatten)]
    pub(crate) which: Which,
    #[command(flatten)]
    pub(crate) wait: Wait,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct RunsArgs {
    /// The integration
    #[arg(value_name = "ID", value_parser = IntegrationId::parse)]
    pub(crate) id: IntegrationId,
    /// Most runs to list
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) limit: u32,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RunCommand {
    /// Show what a run decided and did, account by account
    #[command(after_help = RUN_HELP)]
    Show {
        /// The run, as `orgvue-scim runs` lists it
        #[arg(value_name = "RUN", value_parser = run_id)]
        run: RunId,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct FindingsArgs {
    #[command(flatten)]
    pub(crate) which: Which,
    /// Write them as CSV for a spreadsheet
    #[arg(long, conflicts_with = "output")]
    pub(crate) csv: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct StatusArgs {
    /// The integration; without it, all of them
    #[arg(value_name = "ID", value_parser = IntegrationId::parse)]
    pub(crate) id: Option<IntegrationId>,
}

/// Any text may be a run's id: it is looked up.
pub(super) fn run_id(text: &str) -> Result<RunId, Infallible> {
    Ok(RunId::new(text))
}

//! The command line: every command and option, with what `--help` says about it.

mod accounts;
mod diff;
mod integration;
mod operate;
mod runs;

use clap::error::ErrorKind;
use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use domain::ids::IntegrationId;

use accounts::{CHECK_HELP, ERASE_HELP, EXPLAIN_HELP, PLAN_HELP, RESTORE_HELP};
use operate::{APPROVE_HELP, EVENTS_HELP, HELD_HELP, PAUSE_HELP, REJECT_HELP, RESUME_HELP};
use runs::{FINDINGS_HELP, RUNS_HELP, STATUS_HELP, SYNC_HELP, run_id};

pub(crate) use accounts::{CheckArgs, EraseArgs, ExplainArgs, PlanArgs, RestoreArgs};
pub(crate) use diff::{DeploymentsArgs, DiffArgs, SideArgs};
pub(crate) use integration::{ApplyArgs, IntegrationCommand, RemoveArgs, ShowArgs, ValidateArgs};
pub(crate) use operate::{ApproveArgs, DecideArgs, EventsArgs, HeldArgs, PauseArgs, ResumeArgs};
pub(crate) use runs::{FindingsArgs, RunCommand, RunsArgs, StatusArgs, SyncArgs};

use crate::output::Exit;

const TOP_HELP: &str = "\
Examples:
  orgvue-scim doctor                         can I do my work from here?
  orgvue-scim status                         does anything need a person?
  orgvue-scim held                           what waits for somebody's decision?
  orgvue-scim integration apply acme.toml    put a reviewed file in force
  orgvue-scim sync acme --wait               sync now and show what it did
  orgvue-scim runs acme --output json | jq '.runs[0].status'

Exit codes:
  0   done; there are no differences
  1   it failed; stderr has one line with what happened and the next step
  2   there are differences, or something that a person must look at
  64  wrong usage

Credentials, the region and endpoints come from where the AWS CLI takes them: profiles, IAM Identity Center, AWS_* variables.";

const DOCTOR_HELP: &str = "\
It changes nothing: permissions to write are tried with writes whose condition cannot hold.

Exit code 2: a check failed.";

const COMPLETIONS_HELP: &str = "\
Examples:
  orgvue-scim completions bash > ~/.local/share/bash-completion/completions/orgvue-scim
  orgvue-scim completions zsh > \"${fpath[1]}/_orgvue-scim\"
  orgvue-scim completions fish > ~/.config/fish/completions/orgvue-scim.fish";

/// Looks after the sync of customers' directories into Orgvue.
#[derive(Debug, Parser)]
#[command(name = "orgvue-scim", version, after_help = TOP_HELP, arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, Clone, ClapArgs)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    // What variables say is looked up later: clap would tell it back among what somebody typed.
    /// The deployment's DynamoDB table [env: TABLE_NAME]
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) table: Option<String>,
    /// The deployment's sync queue [env: SYNC_QUEUE_URL]
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) queue_url: Option<String>,
    // The AWS SDK reads the variable itself: as with the AWS CLI, a profile that is named here comes before keys in the environment,
    // and one that the variable names comes behind them.
    /// The AWS profile [env: AWS_PROFILE]
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// The AWS region [env: AWS_REGION]; else the profile's
    #[arg(long, global = true, value_name = "REGION")]
    pub(crate) region: Option<String>,
    /// How the answer is written: for people, or as one JSON document
    #[arg(long, short, global = true, value_name = "FORM", value_enum, default_value_t = OutputForm::Table)]
    pub(crate) output: OutputForm,
    /// Whether the answer has colours; auto: on a terminal, unless NO_COLOR is set
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t = ColorWhen::Auto)]
    pub(crate) color: ColorWhen,
}

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputForm {
    Table,
    Json,
}

/// When an answer has colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorWhen {
    Auto,
    Always,
    Never,
}

/// What can be asked and done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Integration files: check, compare, put in force
    #[command(subcommand)]
    Integration(IntegrationCommand),
    /// Check an integration against its directory and its datasets, before it is applied or after
    #[command(after_help = CHECK_HELP)]
    Check(CheckArgs),
    /// Show what a sync would do now; nothing is written
    #[command(after_help = PLAN_HELP)]
    Plan(PlanArgs),
    /// Ask for a sync now, without waiting for an event
    #[command(after_help = SYNC_HELP)]
    Sync(SyncArgs),
    /// List the runs of an integration, newest first
    #[command(after_help = RUNS_HELP)]
    Runs(RunsArgs),
    /// One run
    #[command(subcommand)]
    Run(RunCommand),
    /// List the accounts and groups that cannot be synced, why, and what to do
    #[command(after_help = FINDINGS_HELP)]
    Findings(FindingsArgs),
    /// Say why a person has the roles that they have, or no account
    #[command(after_help = EXPLAIN_HELP)]
    Explain(ExplainArgs),
    /// List what waits for a person, with the hash to decide about it by
    #[command(after_help = HELD_HELP)]
    Held(HeldArgs),
    /// Let what is held be done
    #[command(after_help = APPROVE_HELP)]
    Approve(ApproveArgs),
    /// Keep what is held from being asked for again while it stays the same
    #[command(after_help = REJECT_HELP)]
    Reject(DecideArgs),
    /// Stop runs; what is owed stays owed
    #[command(after_help = PAUSE_HELP)]
    Pause(PauseArgs),
    /// Let runs go on, and ask for one
    #[command(after_help = RESUME_HELP)]
    Resume(ResumeArgs),
    /// Put accounts back as they were before a run
    #[command(after_help = RESTORE_HELP)]
    Restore(RestoreArgs),
    /// Take a person out of what is stored
    #[command(after_help = ERASE_HELP)]
    Erase(EraseArgs),
    /// List the webhooks that came and what operators did, newest first
    #[command(after_help = EVENTS_HELP)]
    Events(EventsArgs),
    /// Show how integrations are doing, and which need a person
    #[command(after_help = STATUS_HELP)]
    Status(StatusArgs),
    /// Check credentials and permissions, and say what to do about each that is missing
    #[command(after_help = DOCTOR_HELP)]
    Doctor,
    /// Print the completions for a shell
    #[command(after_help = COMPLETIONS_HELP)]
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// One integration, or all of them.
#[derive(Debug, ClapArgs)]
#[group(required = true, multiple = false)]
pub(crate) struct Which {
    /// The integration
    #[arg(value_name = "ID", value_parser = IntegrationId::parse)]
    pub(crate) id: Option<IntegrationId>,
    /// Every integration
    #[arg(long)]
    pub(crate) all: bool,
}

/// Whether to stay until the run has ended.
#[derive(Debug, ClapArgs)]
pub(crate) struct Wait {
    /// Stay until the run has ended, and show it
    #[arg(long)]
    pub(crate) wait: bool,
    /// Longest to stay
    #[arg(long, value_name = "N", default_value_t = 1_200, requires = "wait", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub(crate) timeout_seconds: u32,
}

/// Shows help where it was asked for; otherwise says what is wrong with the command line.
pub(crate) fn refuse(error: &clap::Error) -> Exit {
    // Nothing is left to do when nobody can read it.
    let _ = error.print();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Done,
        _ => Exit::Usage,
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Args::command().debug_assert();
    }
}

//! The commands about integration files.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};
use domain::ids::IntegrationId;

use super::Wait;
use super::diff::{DIFF_HELP, DIFF_USAGE, DiffArgs};

const VALIDATE_HELP: &str = "\
It asks nothing of AWS, so it can stand in any pipeline:
  orgvue-scim integration validate customers/*.toml

Exit code 1: a file has a mistake. Each is told as FILE:LINE: what is wrong and what to write instead.";

const APPLY_HELP: &str = "\
Examples:
  orgvue-scim integration diff acme.toml     see first what would change
  orgvue-scim integration apply acme.toml
  orgvue-scim integration apply customers/*.toml --wait

Every file is checked before the first one is applied. A file that is in force already changes nothing.
Exit code 2, with --wait: a run ended failing, or held, unless all that is held was rejected.";

const SHOW_HELP: &str = "\
Examples:
  orgvue-scim integration show acme > acme.toml";

const REMOVE_HELP: &str = "\
Examples:
  orgvue-scim integration remove acme        say what would go
  orgvue-scim integration remove acme --yes

Nobody is deprovisioned: every account stays in Orgvue as it is. Run records and the list of what operators did stay until they expire.
Exit code 2: nothing was removed, as --yes is missing.";

#[derive(Debug, Subcommand)]
pub(crate) enum IntegrationCommand {
    /// Check integration files, and tell every mistake with its line
    #[command(after_help = VALIDATE_HELP)]
    Validate(ValidateArgs),
    /// Put integration files in force and ask for a sync of each that changed
    #[command(after_help = APPLY_HELP)]
    Apply(ApplyArgs),
    /// List the integrations
    List,
    /// Print the file that is in force
    #[command(after_help = SHOW_HELP)]
    Show(ShowArgs),
    /// Compare a file with the one that is in force, or what is in force in two deployments
    #[command(after_help = DIFF_HELP, override_usage = DIFF_USAGE)]
    Diff(DiffArgs),
    /// Take an integration out of the deployment; accounts are left as they are
    #[command(after_help = REMOVE_HELP)]
    Remove(RemoveArgs),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ValidateArgs {
    /// Integration files
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ApplyArgs {
    /// Integration files
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) wait: Wait,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ShowArgs {
    /// The integration
    #[arg(value_name = "ID", value_parser = IntegrationId::parse)]
    pub(crate) id: IntegrationId,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct RemoveArgs {
    /// The integration
    #[arg(value_name = "ID", value_parser = IntegrationId::parse)]
    pub(crate) id: IntegrationId,
    /// Do it; without this, only say what would go
    #[arg(long)]
    pub(crate) yes: bool,
}

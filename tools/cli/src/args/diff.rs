//! `integration diff`: one command line with two meanings, told apart here once, so that the command is handed only what it needs.

use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{ArgMatches, Args as ClapArgs, Command, FromArgMatches};
use domain::ids::IntegrationId;

pub(super) const DIFF_USAGE: &str = "orgvue-scim integration diff [OPTIONS] FILE
       orgvue-scim integration diff [OPTIONS] --from PROFILE --to PROFILE [ID]...";

pub(super) const DIFF_HELP: &str = "\
Examples:
  orgvue-scim integration diff acme.toml --profile production
  orgvue-scim integration diff --from staging --to production
  orgvue-scim integration diff --from staging --to production acme --by-nature

With a file, lines with + are what the file has and what is in force has not.

With --from and --to, lines with + are what --from has in force and --to has not: what promoting would bring. Nothing is written.
What differs between deployments by nature is left out and counts as no difference: directory, mode, and id, dataset, api_account
and mode of a tenant. Integrations correspond by id; their tenants by id, else by alias, and always in single tenancy.

Each profile says where its deployment is: credentials, region and endpoints as ever, and the table in a line of its own:
  [profile staging]
  region = eu-west-1
  orgvue_scim_table = orgvue-scim-staging-Table-1ABCDEFGHIJKL      (the stack's output TableName)
TABLE_NAME names one deployment and is not asked; the profile's region comes before AWS_REGION, and --region is for both.

Exit code 2: there are differences.";

/// What is compared.
#[derive(Debug)]
pub(crate) enum DiffArgs {
    /// A file with what is in force.
    File(PathBuf),
    /// What is in force in one deployment with what is in force in another one.
    Deployments(Box<DeploymentsArgs>),
}

/// Two deployments.
#[derive(Debug)]
pub(crate) struct DeploymentsArgs {
    pub(crate) from: SideArgs,
    pub(crate) to: SideArgs,
    /// None: all of them.
    pub(crate) ids: Vec<IntegrationId>,
    pub(crate) by_nature: bool,
}

/// One of them.
#[derive(Debug)]
pub(crate) struct SideArgs {
    pub(crate) profile: String,
    /// None: what the profile says.
    pub(crate) table: Option<String>,
}

/// The command line as it is written.
#[derive(Debug, ClapArgs)]
struct DiffLine {
    /// An integration file; with --from and --to, integrations: all of them if none is named
    #[arg(value_name = "FILE|ID", required_unless_present = "from")]
    what: Vec<PathBuf>,
    /// Compare what the deployment of this AWS profile has in force with what that of --to has
    #[arg(long, value_name = "PROFILE", requires = "to")]
    from: Option<String>,
    /// The AWS profile of the deployment that --from is compared with
    #[arg(long, value_name = "PROFILE", requires = "from")]
    to: Option<String>,
    /// The table of --from; else what its profile says as orgvue_scim_table
    #[arg(long, value_name = "NAME", requires = "from")]
    from_table: Option<String>,
    /// The table of --to; else what its profile says as orgvue_scim_table
    #[arg(long, value_name = "NAME", requires = "to")]
    to_table: Option<String>,
    /// With --from and --to: show too what differs by nature
    #[arg(long, requires = "from")]
    by_nature: bool,
}

impl TryFrom<DiffLine> for DiffArgs {
    type Error = clap::Error;

    fn try_from(line: DiffLine) -> Result<Self, clap::Error> {
        let DiffLine { what, from, to, from_table, to_table, by_nature } = line;
        let (Some(from), Some(to)) = (from, to) else {
            return match <[PathBuf; 1]>::try_from(what) {
                Ok([file]) => Ok(Self::File(file)),
                Err(_) => Err(refusal(ErrorKind::TooManyValues, "without --from and --to, one file is compared")),
            };
        };
        let ids = what.iter().map(|text| integration(text)).collect::<Result<_, _>>()?;
        let (from, to) = (SideArgs { profile: from, table: from_table }, SideArgs { profile: to, table: to_table });
        Ok(Self::Deployments(Box::new(DeploymentsArgs { from, to, ids, by_nature })))
    }
}

fn integration(text: &std::path::Path) -> Result<IntegrationId, clap::Error> {
    let not_an_id = || format!("{} is no integration's id, and --from and --to take no file", text.display());
    text.to_str().and_then(|text| IntegrationId::parse(text).ok()).ok_or_else(|| refusal(ErrorKind::ArgumentConflict, &not_an_id()))
}

fn refusal(kind: ErrorKind, what: &str) -> clap::Error {
    clap::Error::raw(kind, format!("{what}: see `orgvue-scim integration diff --help`\n"))
}

impl FromArgMatches for DiffArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        DiffLine::from_arg_matches(matches)?.try_into()
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl ClapArgs for DiffArgs {
    fn augment_args(command: Command) -> Command {
        DiffLine::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        DiffLine::augment_args_for_update(command)
    }
}

//! The commands about one customer's people and their accounts.

use std::path::PathBuf;
use std::time::Duration;

use adapters::http::Deadline;
use clap::Args as ClapArgs;
use domain::held::HeldHash;
use domain::ids::{IntegrationId, RunId, TenantId};
use domain::login::Login;

use super::run_id;

pub(super) const CHECK_HELP: &str = "\
Examples:
  orgvue-scim check acme.toml                before the first apply: directory, groups, datasets, tokens
  orgvue-scim check acme                     the file in force

It writes nothing. It leaves WorkOS's calls to the runs but for one a second, in which it reads 100 users, or 100 members of a group.
The vendors' addresses, keys and tokens come from the sync function's own variables (WORKOS_API_KEY, ORGVUE_URL, ORGVUE_TOKENS, …).
Exit code 2: something is to be put right, or to be looked at before going live.";

pub(super) const PLAN_HELP: &str = "\
Examples:
  orgvue-scim plan acme                      what a sync would do now; nothing is written
  orgvue-scim plan acme --file acme.toml     what it would do under this file
  orgvue-scim plan acme --tenant ACME_EU
  orgvue-scim plan acme --output json | jq '.tenants[].removed'

Signs: + create, ~ update, o disable, - remove. What would be held is named below them, with the reason.
Exit code 2: it would change something; 1: something stands in the way of a tenant.";

pub(super) const EXPLAIN_HELP: &str = "\
Examples:
  orgvue-scim explain acme ada@acme.com      why this person has the roles she has, or no account
  orgvue-scim explain acme ada@acme.com --live

Without --live it tells from what the last run saw and from the latest runs, and asks no vendor.
The answer holds personal data: send it to those only who need it.";

pub(super) const RESTORE_HELP: &str = "\
Examples:
  orgvue-scim restore acme RUN               show what would be put back, and what the next run would undo again
  orgvue-scim restore acme RUN --yes         put it back
  orgvue-scim restore acme RUN --yes --agree HASH

The directory stays the truth: mend what went wrong, or pause the integration, before accounts are put back.
What takes something from somebody is held, and done only with --agree and the hash that was shown.
Exit code 2: there is something to put back, or something was held.";

pub(super) const ERASE_HELP: &str = "\
Examples:
  orgvue-scim erase acme ada@acme.com        say what would be searched
  orgvue-scim erase acme ada@acme.com --yes  do it; it cannot be undone

It takes a person out of run records, saved rows, what is held and the snapshot. The account and the directory are left alone.";

/// How long the vendors may take.
#[derive(Debug, Clone, Copy, ClapArgs)]
pub(crate) struct Patience {
    /// Longest to ask the vendors
    #[arg(long, value_name = "N", default_value_t = 1_800, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    timeout_seconds: u32,
}

impl Patience {
    /// From now on.
    pub(crate) fn deadline(self) -> Deadline {
        Deadline::after(Duration::from_secs(self.timeout_seconds.into()))
    }
}

#[derive(Debug, ClapArgs)]
pub(crate) struct CheckArgs {
    /// An integration file, or the id of an integration
    #[arg(value_name = "FILE|ID")]
    pub(crate) target: String,
    #[command(flatten)]
    pub(crate) patience: Patience,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct PlanArgs {
    /// The integration
    #[arg(value_name = "ID", value_parser = IntegrationId::parse)]
    pub(crate) id: IntegrationId,
    /// This tenant alone
    #[arg(long, value_name = "T", value_parser = TenantId::parse)]
    pub(crate) tenant: Option<TenantId>,
    /// Under this file instead of the one in force
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) patience: Patience,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ExplainArgs {
    /// The integration
    #[arg(value_name = "ID", value_parser = IntegrationId::parse)]
    pub(crate) id: IntegrationId,
    /// The person's e-mail address
    #[arg(value_name = "LOGIN", value_parser = login)]
    pub(crate) login: Login,
    /// Ask the directory and Orgvue now, instead of what the last run saw
    #[arg(long)]
    pub(crate) live: bool,
    #[command(flatten)]
    pub(crate) patience: Patience,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct RestoreArgs {
    /// The integration
    #[arg(value_name = "ID", value_parser = IntegrationId::parse)]
    pub(crate) id: IntegrationId,
    /// The run whose writes are to be undone
    #[arg(value_name = "RUN", value_parser = run_id)]
    pub(crate) run: RunId,
    /// This tenant alone
    #[arg(long, value_name = "T", value_parser = TenantId::parse)]
    pub(crate) tenant: Option<TenantId>,
    /// Do it; without this, only show it
    #[arg(long)]
    pub(crate) yes: bool,
    /// Do what is held under this hash, too; it may be given several times
    #[arg(long, value_name = "HASH", value_parser = hash, requires = "yes")]
    pub(crate) agree: Vec<HeldHash>,
    #[command(flatten)]
    pub(crate) patience: Patience,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct EraseArgs {
    /// The integration
    #[arg(value_name = "ID", value_parser = IntegrationId::parse)]
    pub(crate) id: IntegrationId,
    /// The person's e-mail address
    #[arg(value_name = "LOGIN", value_parser = address)]
    pub(crate) login: Login,
    /// Do it; it cannot be undone
    #[arg(long)]
    pub(crate) yes: bool,
}

/// As people write it; accounts are found under whatever stands in a dataset, so that it need not be an address.
fn login(text: &str) -> Result<Login, &'static str> {
    let login = Login::as_found(text);
    if login.is_blank() { Err("an e-mail address is needed") } else { Ok(login) }
}

/// What is erased cannot be brought back, so that a name or a tenant in its place is refused.
fn address(text: &str) -> Result<Login, &'static str> {
    let login = login(text)?;
    if login.as_str().contains('@') { Ok(login) } else { Err("write the whole e-mail address, with its @") }
}

/// A hash in full: what was agreed to is compared, not searched for.
fn hash(text: &str) -> Result<HeldHash, &'static str> {
    let digits = text.trim().to_ascii_lowercase();
    let is_whole = digits.len() == 64 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    if is_whole { Ok(HeldHash::new(digits)) } else { Err("write all 64 digits of the hash, as `orgvue-scim restore` shows them") }
}

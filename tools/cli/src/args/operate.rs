//! The commands with which people decide: what waits for them, and what stops runs.

use clap::Args as ClapArgs;
use domain::ids::{IntegrationId, TenantId};

use super::{Wait, Which};

pub(super) const HELD_HELP: &str = "\
Examples:
  orgvue-scim held                           everything that waits for a person
  orgvue-scim held acme                      and whose accounts it is about
  orgvue-scim held --output json | jq '.integrations[].tenants[].accounts'

The answer about one integration, and any in JSON, holds personal data (logins).
Exit code 2: something waits for a decision. What was rejected stays held, and waits for nobody.";

pub(super) const APPROVE_HELP: &str = "\
Examples:
  orgvue-scim held acme                      see first what waits, and its hash
  orgvue-scim approve acme 4f1d09bb36e2      its first eight digits are enough
  orgvue-scim approve acme 4f1d09bb36e2 --wait

Exactly what was shown under this hash is approved, once and for seven days; a run is asked for at once.
Exit code 2: nothing runs because it is paused; or, with --wait, the run ended failing, or held, unless all that is held was rejected.";

pub(super) const REJECT_HELP: &str = "\
Examples:
  orgvue-scim reject acme 4f1d09bb36e2

It stays held, and nobody is asked again until something else is held beside it. The newest decision counts: `approve` takes a rejection back.";

pub(super) const PAUSE_HELP: &str = "\
Examples:
  orgvue-scim pause acme                     no run of acme begins; one at work stops before its next write
  orgvue-scim pause --all                    the same for the whole deployment

What is owed stays owed, and webhooks are taken meanwhile. `orgvue-scim resume` undoes it.";

pub(super) const RESUME_HELP: &str = "\
Examples:
  orgvue-scim resume acme --wait             let it run again, now, and show the run
  orgvue-scim resume --all                   end `pause --all`; what was paused by itself stays so

It ends a pause, a suspension and a quarantine. The directory of a suspended integration is looked at first: that takes the sync function's
own variables (WORKOS_API_KEY, ORGVUE_URL, ORGVUE_TOKENS, …), and the integration stays suspended unless the directory is linked again.
A pause in the integration file ends with the file: correct its mode and apply it.
Exit code 2, with --wait: the run ended failing, or held, unless all that is held was rejected.";

pub(super) const EVENTS_HELP: &str = "\
Examples:
  orgvue-scim events acme                    webhooks that came, and what operators did, newest first
  orgvue-scim events acme --output json | jq '.events[] | select(.kind == \"webhook\")'";

#[derive(Debug, ClapArgs)]
pub(crate) struct HeldArgs {
    /// The integration; without it, all of them
    #[arg(value_name = "ID", value_parser = IntegrationId::parse)]
    pub(crate) id: Option<IntegrationId>,
}

/// What a decision is about.
#[derive(Debug, ClapArgs)]
pub(crate) struct DecideArgs {
    /// The integration
    #[arg(value_name = "ID", value_parser = IntegrationId::parse)]
    pub(crate) id: IntegrationId,
    /// What is held, as `orgvue-scim held` shows it
    #[arg(value_name = "HASH")]
    pub(crate) hash: String,
    /// This tenant alone
    #[arg(long, value_name = "T", value_parser = TenantId::parse)]
    pub(crate) tenant: Option<TenantId>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ApproveArgs {
    #[command(flatten)]
    pub(crate) decide: DecideArgs,
    #[command(flatten)]
    pub(crate) wait: Wait,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct PauseArgs {
    #[command(flatten)]
    pub(crate) which: Which,
}

#[derive(Debug, ClapArgs)]
#[command(mut_arg("wait", |wait| wait.conflicts_with("all")))]
pub(crate) struct ResumeArgs {
    #[command(flatten)]
    pub(crate) which: Which,
    #[command(flatten)]
    pub(crate) wait: Wait,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct EventsArgs {
    /// The integration
    #[arg(value_name = "ID", value_parser = IntegrationId::parse)]
    pub(crate) id: IntegrationId,
    /// Most entries to list
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) limit: u32,
}

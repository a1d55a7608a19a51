//! WorkOS and Orgvue as an operator reaches them: with the sync function's own variables and its own code.

use adapters::settings::{SettingError, Settings};
use adapters::tls::Tls;
use adapters::workos::ReadError;
use domain::delays::Delays;
use sync::{Config, Deps, Obstacle, PreviewError};

use crate::context::Context;
use crate::error::{Advice, CliError};

/// Calls of `/directory_users` a second. WorkOS allows four for a directory, whoever makes them: a person who reads beside a run, without its
/// lease, must leave it enough to end in time.
const USERS_PER_SECOND: &str = "1";

/// The sync function's parts, for `command`.
pub(crate) async fn connect(cx: &Context, command: &str) -> Result<Deps, CliError> {
    let (table, queue_url) = (cx.table()?, cx.queue_url()?);
    let environment = Settings::from_environment();
    let settings = Settings::new(|name: &str| match name {
        "TABLE_NAME" => Some(table.to_owned()),
        "SYNC_QUEUE_URL" => Some(queue_url.to_owned()),
        // Nothing is sent there from here, so nobody need know it.
        "DEAD_LETTER_QUEUE_URL" => environment.optional(name).or(Some(queue_url.to_owned())),
        "WORKOS_USERS_PER_SECOND" => Some(USERS_PER_SECOND.to_owned()),
        _ => environment.optional(name),
    });
    let config = Config { tls: Tls::of_machine(), ..Config::read(&settings).map_err(|error| needed(command, &error))? };
    let broken = |error| Advice::new(adapters::aws::chain(&error), "check the URLs");
    Ok(Deps::new(config, cx.aws().await?).map_err(broken)?)
}

/// The delays of this deployment, for `command`.
pub(crate) fn delays(command: &str) -> Result<Delays, CliError> {
    Settings::from_environment().delays().map_err(|error| needed(command, &error))
}

fn needed(command: &str, error: &SettingError) -> CliError {
    let next = "it has the same value as for the sync function; see docs/configuration.md";
    let what = match error {
        SettingError::Missing { name } => format!("`{command}` needs the environment variable {name}"),
        SettingError::OneOf { direct, kept } => format!("`{command}` needs the environment variable {direct} or {kept}, and not both"),
        SettingError::Malformed { name, expected } => format!("`{command}` needs the environment variable {name} to be {expected}"),
    };
    Advice::new(what, next).into()
}

impl From<PreviewError> for CliError {
    fn from(error: PreviewError) -> Self {
        match error {
            PreviewError::Directory(error) => Self::from(unread(&error)),
            PreviewError::Store(error) => Self::Store(error),
        }
    }
}

/// What stands in the way of a tenant, and what to do. Where nothing else tells it, the code does.
pub(crate) fn obstacle(Obstacle { code, error, remedy }: &Obstacle) -> Advice {
    let next = remedy.unwrap_or(match code.as_str() {
        "no_token" => "add the tenant's API token to ORGVUE_TOKENS, under its id or under \"*\"",
        "missing_property" | "wrong_form" => "compare [dataset] in the integration file with the Users list in Orgvue",
        "api_account_missing" => "compare the tenant's dataset id, its api_account and [dataset] with the Users list in Orgvue",
        _ => "ask again in some minutes; docs/reason-codes.md has more about the code",
    });
    Advice::new(error.as_str(), next)
}

/// Why a directory could not be read, and what to do: unlike behind a run, nothing has been suspended and nothing is tried again.
pub(crate) fn unread(error: &ReadError) -> Advice {
    let next = match error {
        ReadError::Gone { .. } => "have the customer's IAM administrator link the directory in WorkOS again, or correct its id",
        ReadError::NotFound => error.remedy(),
        ReadError::Unsettled { .. } => "have the customer's IAM administrator mend the connection in WorkOS, and ask again",
        ReadError::TooLarge { .. } => "give it more time with --timeout-seconds",
        ReadError::Key(_) => error.remedy(),
        ReadError::Refused { .. } => "set WORKOS_API_KEY to a valid key of the directory's environment",
        ReadError::Untrusted { .. } | ReadError::Unavailable(_) => "ask again in some minutes; tell WorkOS's support if it lasts",
        ReadError::OutOfTime => "ask again, or give it more time with --timeout-seconds",
    };
    Advice::new(adapters::aws::chain(error), next)
}

//! What the webhook function is configured with.

use adapters::metrics::Metrics;
use adapters::scheduler::ScheduleTarget;
use adapters::secrets::Ages;
use adapters::settings::{OneOf, SettingError, Settings, secret_arn};
use domain::delays::Delays;
use secrecy::SecretString;

/// The configuration. `docs/configuration.md` describes each variable.
#[derive(Debug, Clone)]
pub struct Config {
    /// The DynamoDB table.
    pub table: String,
    /// The sync queue.
    pub queue_url: String,
    /// Where windows are scheduled.
    pub schedule: ScheduleTarget,
    /// The secrets of the webhook endpoints in WorkOS; any of them may sign.
    pub secrets: WebhookSecrets,
    /// How long secrets that are kept elsewhere count.
    pub secret_ages: Ages,
    /// How far the clock of a signature may be off, either way.
    pub tolerance_ms: i64,
    /// What the URL's last segment must be, where one is configured.
    pub path_token: Option<SecretString>,
    /// The delays.
    pub delays: Delays,
    /// Where metrics go.
    pub metrics: Metrics,
}

/// Where the secrets of the webhook endpoints come from.
#[derive(Debug, Clone)]
pub enum WebhookSecrets {
    /// They are here.
    Given(Vec<SecretString>),
    /// They are kept in Secrets Manager, all in one secret with this ARN.
    Kept(String),
}

impl Config {
    /// Reads the environment variables.
    ///
    /// # Errors
    /// [`SettingError`] names the first variable that is missing or wrong.
    pub fn read<L: Fn(&str) -> Option<String>>(settings: &Settings<L>) -> Result<Self, SettingError> {
        Ok(Self {
            table: settings.required("TABLE_NAME")?,
            queue_url: settings.required("SYNC_QUEUE_URL")?,
            schedule: ScheduleTarget {
                group: settings.required("SCHEDULE_GROUP")?,
                queue_arn: settings.required("SYNC_QUEUE_ARN")?,
                role_arn: settings.required("SCHEDULE_ROLE_ARN")?,
                dead_letter_arn: settings.optional("SCHEDULE_DEAD_LETTER_ARN"),
            },
            secrets: webhook_secrets(settings)?,
            secret_ages: Ages::default(),
            tolerance_ms: i64::from(settings.parsed_or::<u32>("SIGNATURE_TOLERANCE_SECONDS", "a whole number of seconds", 180)?) * 1_000,
            path_token: path_token(settings)?,
            delays: settings.delays()?,
            metrics: Metrics::read(settings),
        })
    }
}

fn webhook_secrets<L: Fn(&str) -> Option<String>>(settings: &Settings<L>) -> Result<WebhookSecrets, SettingError> {
    const DIRECT: &str = "WORKOS_WEBHOOK_SECRETS";
    const KEPT: &str = "WORKOS_WEBHOOK_SECRETS_ARN";
    match settings.one_of(DIRECT, KEPT)? {
        OneOf::Direct => settings.secrets(DIRECT).map(WebhookSecrets::Given),
        OneOf::Kept(arn) => secret_arn(KEPT, arn).map(WebhookSecrets::Kept),
    }
}

/// A token that a URL would spell in another way, or that is two segments, would turn every webhook away.
fn path_token<L: Fn(&str) -> Option<String>>(settings: &Settings<L>) -> Result<Option<SecretString>, SettingError> {
    const NAME: &str = "WEBHOOK_PATH_TOKEN";
    let is_plain = |token: &str| token.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_~".contains(&b));
    match settings.optional(NAME) {
        Some(token) if !is_plain(&token) => {
            Err(SettingError::Malformed { name: NAME.to_owned(), expected: "of letters, digits, -, _ and ~ only" })
        }
        token => Ok(token.map(SecretString::from)),
    }
}

//! What the webhook function is configured with.

use std::net::IpAddr;

use adapters::metrics::Metrics;
use adapters::scheduler::ScheduleTarget;
use adapters::secrets::Ages;
use adapters::settings::{OneOf, SettingError, Settings, secret_arn};
use adapters::tls::Tls;
use domain::delays::Delays;
use ipnet::IpNet;
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
    /// The networks that webhooks may come from; none is any.
    pub sources: Vec<IpNet>,
    /// The delays.
    pub delays: Delays,
    /// Where metrics go.
    pub metrics: Metrics,
    /// Whose word is taken for who AWS is.
    pub tls: Tls,
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
            sources: sources(settings)?,
            delays: settings.delays()?,
            metrics: Metrics::read(settings),
            tls: Tls::read(settings)?,
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

/// Addresses and networks, separated by commas or white space.
fn sources<L: Fn(&str) -> Option<String>>(settings: &Settings<L>) -> Result<Vec<IpNet>, SettingError> {
    const NAME: &str = "WEBHOOK_SOURCES";
    let text = settings.optional(NAME).unwrap_or_default();
    let listed = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|part| !part.is_empty());
    let network = |part: &str| part.parse().or_else(|_| part.parse::<IpAddr>().map(IpNet::from)).ok();
    listed.map(network).collect::<Option<_>>().ok_or_else(|| SettingError::Malformed {
        name: NAME.to_owned(),
        expected: "IP addresses or networks such as 192.0.2.0/24, separated by commas",
    })
}

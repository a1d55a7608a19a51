//! What the sync function is configured with.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use adapters::metrics::Metrics;
use adapters::secrets::{Ages, Source};
use adapters::settings::{OneOf, SettingError, Settings};
use adapters::tls::Tls;
use adapters::workos;
use domain::delays::Delays;
use domain::ids::TenantId;
use secrecy::SecretString;
use url::Url;

const HTTP_TIMEOUT_EXPECTED: &str = "a whole number of seconds above 0 that, with HEARTBEAT_SECONDS, is below LEASE_SECONDS";

/// Longest beginning of a secret's name, whose 512 characters end in a tenant's id.
const PREFIX_CHARS_MAX: usize = 480;

/// The configuration. `docs/configuration.md` describes each variable.
#[derive(Debug, Clone)]
pub struct Config {
    /// The DynamoDB table.
    pub table: String,
    /// The sync queue.
    pub queue_url: String,
    /// Its dead-letter queue.
    pub dead_letter_queue_url: String,
    /// Where WorkOS is.
    pub workos_url: Url,
    /// The key of the WorkOS environment.
    pub workos_key: Source,
    /// How many calls of `/directory_users` a second WorkOS allows for one directory.
    pub workos_users_per_second: u32,
    /// Where Orgvue is.
    pub orgvue_url: Url,
    /// The tokens of the tenants.
    pub orgvue_tokens: TokenSource,
    /// How long secrets that are kept elsewhere count.
    pub secret_ages: Ages,
    /// Longest that one request may take.
    pub http_timeout: Duration,
    /// How many tenants of a directory are worked on at once.
    pub tenants_at_once: usize,
    /// The delays.
    pub delays: Delays,
    /// The topic of notices, if there is one.
    pub notice_topic_arn: Option<String>,
    /// Where metrics go.
    pub metrics: Metrics,
    /// Whose word is taken for who AWS, WorkOS and Orgvue are.
    pub tls: Tls,
}

/// Where Orgvue's API tokens come from.
#[derive(Debug, Clone)]
pub enum TokenSource {
    /// They are here.
    Given(Tokens),
    /// They are kept in Secrets Manager, each under this prefix and the tenant's id.
    Kept {
        /// The beginning of the secrets' names.
        prefix: String,
    },
}

/// Orgvue's API tokens: one for a tenant, or one for all that have none of their own.
#[derive(Debug, Clone, Default)]
pub struct Tokens {
    /// By tenant.
    pub by_tenant: BTreeMap<TenantId, SecretString>,
    /// For every other tenant.
    pub shared: Option<SecretString>,
}

impl Tokens {
    /// The token of a tenant.
    pub fn of(&self, tenant: &TenantId) -> Option<&SecretString> {
        self.by_tenant.get(tenant).or(self.shared.as_ref())
    }
}

impl Config {
    /// Reads the environment variables.
    ///
    /// # Errors
    /// [`SettingError`] names the first variable that is missing or wrong.
    pub fn read<L: Fn(&str) -> Option<String>>(settings: &Settings<L>) -> Result<Self, SettingError> {
        // `localhost:8080` is a URL too, of the scheme `localhost`.
        let url = |name: &str, text: String| {
            let url = Url::parse(&text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
            url.ok_or_else(|| SettingError::Malformed { name: name.to_owned(), expected: "a URL such as https://api.workos.com" })
        };
        let above_zero = |name: &str| {
            let four = const { NonZeroU32::new(4).expect("it is not zero") };
            settings.parsed_or(name, "a whole number above 0", four).map(NonZeroU32::get)
        };
        let delays = settings.delays()?;
        let http_timeout_seconds: u32 = settings.parsed_or("HTTP_TIMEOUT_SECONDS", HTTP_TIMEOUT_EXPECTED, 30)?;
        // No write is begun that could outlive the lease, so a lease shorter than a request would stop every write.
        if i64::from(http_timeout_seconds) * 1_000 + delays.heartbeat_ms >= delays.lease_ms || http_timeout_seconds == 0 {
            return Err(SettingError::Malformed { name: "HTTP_TIMEOUT_SECONDS".to_owned(), expected: HTTP_TIMEOUT_EXPECTED });
        }
        Ok(Self {
            table: settings.required("TABLE_NAME")?,
            queue_url: settings.required("SYNC_QUEUE_URL")?,
            dead_letter_queue_url: settings.required("DEAD_LETTER_QUEUE_URL")?,
            workos_url: url("WORKOS_URL", settings.optional("WORKOS_URL").unwrap_or_else(|| workos::BASE_URL.to_owned()))?,
            workos_key: settings.secret("WORKOS_API_KEY", "WORKOS_API_KEY_ARN")?,
            workos_users_per_second: above_zero("WORKOS_USERS_PER_SECOND")?,
            orgvue_url: url("ORGVUE_URL", settings.required("ORGVUE_URL")?)?,
            orgvue_tokens: token_source(settings)?,
            secret_ages: Ages::default(),
            http_timeout: Duration::from_secs(http_timeout_seconds.into()),
            tenants_at_once: usize::try_from(above_zero("TENANTS_AT_ONCE")?).unwrap_or(usize::MAX),
            delays,
            notice_topic_arn: settings.optional("NOTICE_TOPIC_ARN"),
            metrics: Metrics::read(settings),
            tls: Tls::read(settings)?,
        })
    }
}

/// A prefix is no secret, and takes only what may stand in the name of one.
/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html>
fn token_source<L: Fn(&str) -> Option<String>>(settings: &Settings<L>) -> Result<TokenSource, SettingError> {
    const KEPT: &str = "ORGVUE_TOKEN_PREFIX";
    let is_prefix =
        |text: &str| text.len() <= PREFIX_CHARS_MAX && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"/_+=.@-".contains(&b));
    match settings.one_of("ORGVUE_TOKENS", KEPT)? {
        OneOf::Direct => tokens(settings).map(TokenSource::Given),
        OneOf::Kept(prefix) if is_prefix(&prefix) => Ok(TokenSource::Kept { prefix }),
        OneOf::Kept(_) => Err(SettingError::Malformed {
            name: KEPT.to_owned(),
            expected: "the beginning of names in Secrets Manager, of letters, digits and /_+=.@-",
        }),
    }
}

/// `ORGVUE_TOKENS` is a JSON object of tenant ids and tokens; `*` stands for every other tenant.
fn tokens<L: Fn(&str) -> Option<String>>(settings: &Settings<L>) -> Result<Tokens, SettingError> {
    const NAME: &str = "ORGVUE_TOKENS";
    let malformed = || SettingError::Malformed {
        name: NAME.to_owned(),
        expected: r#"a JSON object of tenant ids and API tokens, such as {"MYTENANT": "…", "*": "…"}"#,
    };
    let by_name: BTreeMap<String, String> = serde_json::from_str(&settings.required(NAME)?).map_err(|_| malformed())?;
    let mut tokens = Tokens::default();
    for (name, token) in by_name {
        let token = SecretString::from(token);
        if name == "*" {
            tokens.shared = Some(token);
        } else {
            tokens.by_tenant.insert(TenantId::parse(&name).map_err(|_| malformed())?, token);
        }
    }
    Ok(tokens)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_tenant_without_a_token_of_its_own_takes_the_shared_one() {
        let settings = Settings::new(|_: &str| Some(r#"{"A":"one","*":"all"}"#.to_owned()));
        let tokens = tokens(&settings).unwrap();
        let of = |id| tokens.of(&TenantId::parse(id).unwrap()).map(ExposeSecret::expose_secret);
        assert_eq!((of("A"), of("B")), (Some("one"), Some("all")));
    }

    #[test]
    fn a_malformed_list_of_tokens_is_named_and_not_shown() {
        for text in [r#"{"acme":"s3cret"}"#, r#"["s3cret"]"#, "s3cret"] {
            let error = tokens(&Settings::new(|_: &str| Some(text.to_owned()))).unwrap_err().to_string();
            assert!(error.contains("ORGVUE_TOKENS") && !error.contains("s3cret"), "{error}");
        }
    }
}

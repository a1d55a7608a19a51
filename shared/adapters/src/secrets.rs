//! Secrets: given with the configuration, or kept in AWS Secrets Manager and read when they are needed.
//!
//! What is kept there is read at the first need and then at most every five minutes, and at once when what it opens refuses it, so
//! that a rotation needs no new deployment. For each secret one call is under way at a time; nobody from outside can make it many.
//!
//! Availability comes before freshness: while Secrets Manager does not answer, the last value is good for a day. A value that was
//! revoked is refused by its vendor all the same. A secret that was deleted, or that we may no longer read, is forgotten as soon as
//! Secrets Manager says so, which is asked within five minutes: that is a person's will, and no outage.
//!
//! No error, log line or `Debug` here shows a value; they name the secret by its id.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use secrecy::{ExposeSecret, SecretString};

use crate::aws::{AwsError, chain};
use crate::clock::now_ms;

/// How long a value is used before it is read again: short enough that a rotation without any refusal is over soon, long enough that
/// calls, which cost money and time, are rare.
pub const FRESH: Duration = Duration::from_secs(5 * 60);
/// How long the last value is used while Secrets Manager does not answer: longer than any of its outages, and short enough that a
/// secret does not outlive the day of its rotation.
pub const STALE_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// From one read that a refusal asks for to the next: whoever sends refusable requests drives one call a minute and no more. Also how
/// long Secrets Manager is left alone after a failed call where the last value will do.
pub const REFRESH_PAUSE: Duration = Duration::from_secs(60);
/// How long Secrets Manager is left alone after a failed call where there is no value: a request a second is not a call a second.
pub const FAILURE_PAUSE: Duration = Duration::from_secs(10);

/// Where a secret comes from, as configured.
#[derive(Debug, Clone)]
pub enum Source {
    /// It is here.
    Given(SecretString),
    /// It is kept in Secrets Manager under this name or ARN.
    Kept(String),
}

impl From<SecretString> for Source {
    fn from(value: SecretString) -> Self {
        Self::Given(value)
    }
}

/// How long values and failures count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ages {
    /// See [`FRESH`].
    pub fresh: Duration,
    /// See [`STALE_MAX`].
    pub stale_max: Duration,
    /// See [`REFRESH_PAUSE`].
    pub refresh_pause: Duration,
    /// See [`FAILURE_PAUSE`].
    pub failure_pause: Duration,
}

impl Default for Ages {
    fn default() -> Self {
        Self { fresh: FRESH, stale_max: STALE_MAX, refresh_pause: REFRESH_PAUSE, failure_pause: FAILURE_PAUSE }
    }
}

/// Why there is no secret to use. Which secret it is for decides whose fault that is.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SecretError {
    /// There is none under this id, or it is about to be deleted: a person must store it.
    #[error("the secret {id} is not in secrets manager")]
    NotFound {
        /// Its name or ARN.
        id: String,
        /// What AWS says.
        #[source]
        source: Arc<AwsError>,
    },
    /// We may not read it, or not use its key: a person must correct the role or the key's policy.
    #[error("the secret {id} may not be read")]
    Denied {
        /// Its name or ARN.
        id: String,
        /// What AWS says.
        #[source]
        source: Arc<AwsError>,
    },
    /// What is stored cannot be used: a person must store it again.
    #[error("the secret {id} {why}")]
    Unusable {
        /// Its name or ARN.
        id: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Secrets Manager does not answer, and there is no value that is young enough. Try again later.
    #[error("secrets manager did not give the secret {id}")]
    Unavailable {
        /// Its name or ARN.
        id: String,
        /// What went wrong.
        #[source]
        source: Arc<AwsError>,
    },
}

impl SecretError {
    /// Whether it may pass without a person.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unavailable { .. } => true,
            Self::NotFound { .. } | Self::Denied { .. } | Self::Unusable { .. } => false,
        }
    }

    /// Nothing, if it may pass without a person.
    ///
    /// # Errors
    /// Itself, if it may not.
    pub fn unless_passing(self) -> Result<(), Self> {
        if self.is_passing() { Ok(()) } else { Err(self) }
    }
}

/// The secrets of one process: whoever asks for the same one shares what was read.
#[derive(Debug, Clone)]
pub struct Secrets {
    client: Client,
    ages: Ages,
    kept: Arc<Mutex<BTreeMap<String, Arc<Kept>>>>,
}

impl Secrets {
    /// Makes no call yet.
    pub fn new(client: Client, ages: Ages) -> Self {
        Self { client, ages, kept: Arc::default() }
    }

    /// The secret that comes from there.
    pub fn of(&self, source: &Source) -> Secret {
        match source {
            Source::Given(value) => Secret(Inner::Given(value.clone())),
            Source::Kept(id) => self.kept(id),
        }
    }

    /// The secret that is kept under this name or ARN.
    pub fn kept(&self, id: &str) -> Secret {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let new =
            || Arc::new(Kept { id: id.to_owned(), client: self.client.clone(), ages: self.ages, slot: tokio::sync::Mutex::default() });
        Secret(Inner::Kept(kept.entry(id.to_owned()).or_insert_with(new).clone()))
    }
}

/// One secret. Clones share what was read.
#[derive(Debug, Clone)]
pub struct Secret(Inner);

#[derive(Debug, Clone)]
enum Inner {
    Given(SecretString),
    Kept(Arc<Kept>),
}

impl From<&SecretString> for Secret {
    fn from(value: &SecretString) -> Self {
        Self(Inner::Given(value.clone()))
    }
}

impl From<SecretString> for Secret {
    fn from(value: SecretString) -> Self {
        Self(Inner::Given(value))
    }
}

impl Secret {
    /// Its value now.
    ///
    /// # Errors
    /// [`SecretError`].
    pub async fn value(&self) -> Result<SecretString, SecretError> {
        match &self.0 {
            Inner::Given(value) => Ok(value.clone()),
            Inner::Kept(kept) => kept.value().await,
        }
    }

    /// A newer value than this one, which was refused. There is none if it is what is stored, or if that was asked less than a minute ago.
    pub async fn newer(&self, refused: &SecretString) -> Option<SecretString> {
        match &self.0 {
            Inner::Given(_) => None,
            Inner::Kept(kept) => kept.newer(refused).await,
        }
    }

    /// The value, where it was given.
    pub fn given(&self) -> Option<&SecretString> {
        match &self.0 {
            Inner::Given(value) => Some(value),
            Inner::Kept(_) => None,
        }
    }

    /// That its value is not what it should be.
    pub fn unusable(&self, why: &'static str) -> SecretError {
        let id = match &self.0 {
            Inner::Given(_) => "of the configuration".to_owned(),
            Inner::Kept(kept) => kept.id.clone(),
        };
        SecretError::Unusable { id, why }
    }
}

/// A secret in Secrets Manager.
struct Kept {
    id: String,
    client: Client,
    ages: Ages,
    /// Locked while a call is under way, so that there is one at a time.
    slot: tokio::sync::Mutex<Slot>,
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What is known of a secret. Times are the wall clock's: others may stand still while Lambda has the process frozen.
#[derive(Default)]
struct Slot {
    value: Option<SecretString>,
    read_at_ms: i64,
    failed: Option<(SecretError, i64)>,
    refreshed_at_ms: Option<i64>,
}

impl Slot {
    /// The last value, if it is not older than that.
    fn younger_than(&self, age: Duration) -> Option<&SecretString> {
        self.value.as_ref().filter(|_| is_within(self.read_at_ms, age))
    }

    /// What is to be used in place of a value that could not be read.
    fn instead(&self, error: &SecretError, ages: &Ages) -> Result<SecretString, SecretError> {
        self.younger_than(ages.stale_max).cloned().ok_or_else(|| error.clone())
    }
}

impl Kept {
    async fn value(&self) -> Result<SecretString, SecretError> {
        let mut slot = self.slot.lock().await;
        if let Some(value) = slot.younger_than(self.ages.fresh) {
            return Ok(value.clone());
        }
        if let Some((error, at_ms)) = &slot.failed {
            let instead = slot.instead(error, &self.ages);
            let pause = if instead.is_ok() { self.ages.refresh_pause } else { self.ages.failure_pause };
            if is_within(*at_ms, pause) {
                return instead;
            }
        }
        let error = match self.read(&mut slot).await {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let instead = slot.instead(&error, &self.ages);
        if instead.is_ok() {
            tracing::warn!(secret.id = self.id, error = chain(&error), "the secret could not be read again; its last value is used");
        }
        instead
    }

    async fn newer(&self, refused: &SecretString) -> Option<SecretString> {
        let mut slot = self.slot.lock().await;
        // It may have been read since the refused one was handed out.
        if let Some(value) = slot.value.as_ref().filter(|value| !is_same(value, refused)) {
            return Some(value.clone());
        }
        if slot.refreshed_at_ms.is_some_and(|at_ms| is_within(at_ms, self.ages.refresh_pause)) {
            return None;
        }
        slot.refreshed_at_ms = Some(now_ms());
        match self.read(&mut slot).await {
            Ok(value) => (!is_same(&value, refused)).then_some(value),
            Err(error) => {
                tracing::warn!(secret.id = self.id, error = chain(&error), "the secret was refused and could not be read again");
                None
            }
        }
    }

    /// Asks Secrets Manager, and notes the answer.
    async fn read(&self, slot: &mut Slot) -> Result<SecretString, SecretError> {
        match self.ask().await {
            Ok(value) => {
                if slot.value.as_ref().is_some_and(|last| !is_same(last, &value)) {
                    tracing::info!(secret.id = self.id, "the secret has a new value");
                }
                *slot = Slot { value: Some(value.clone()), read_at_ms: now_ms(), failed: None, refreshed_at_ms: slot.refreshed_at_ms };
                Ok(value)
            }
            Err(error) => {
                if !error.is_passing() {
                    // A person's will, which no outage behind it undoes.
                    slot.value = None;
                }
                slot.failed = Some((error.clone(), now_ms()));
                Err(error)
            }
        }
    }

    async fn ask(&self) -> Result<SecretString, SecretError> {
        let answer = self.client.get_secret_value().secret_id(&self.id).send().await.map_err(|error| self.refused(error))?;
        let unusable = |why| SecretError::Unusable { id: self.id.clone(), why };
        let text = SecretString::from(answer.secret_string.ok_or_else(|| unusable("holds no text"))?);
        // A line break behind a stored secret is common, and no part of any of ours.
        match text.expose_secret().trim() {
            "" => Err(unusable("is blank")),
            // What the console makes of a secret unless it is told "plaintext".
            object if object.starts_with('{') => Err(unusable("is a JSON object and not the text alone")),
            trimmed => Ok(SecretString::from(trimmed)),
        }
    }

    /// What the caller can do about it. <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html>
    fn refused(&self, error: SdkError<GetSecretValueError>) -> SecretError {
        let id = self.id.clone();
        let code = error.code().unwrap_or_default().to_owned();
        let source = Arc::new(AwsError::of("secretsmanager:GetSecretValue")(error));
        match code.as_str() {
            // An invalid request is one for a secret that is marked for deletion; the other two are for a name that can be nobody's.
            "ResourceNotFoundException" | "InvalidRequestException" | "InvalidParameterException" | "ValidationException" => {
                SecretError::NotFound { id, source }
            }
            "AccessDeniedException" | "DecryptionFailure" => SecretError::Denied { id, source },
            _ => SecretError::Unavailable { id, source },
        }
    }
}

fn is_same(a: &SecretString, b: &SecretString) -> bool {
    a.expose_secret() == b.expose_secret()
}

/// Whether that was less than so long ago. A time that is still to come was told by a wrong clock.
fn is_within(at_ms: i64, age: Duration) -> bool {
    u128::try_from(now_ms().saturating_sub(at_ms)).is_ok_and(|ms| ms < age.as_millis())
}

/// The secrets in a text: a JSON list of texts, or words separated by commas or white space. `None` if it is a list and malformed.
pub fn list(text: &SecretString) -> Option<Vec<SecretString>> {
    let text = text.expose_secret().trim();
    let secrets: Vec<String> = if text.starts_with('[') {
        serde_json::from_str(text).ok()?
    } else {
        text.split(|c: char| c == ',' || c.is_whitespace()).map(str::to_owned).collect()
    };
    Some(secrets.into_iter().filter(|secret| !secret.trim().is_empty()).map(SecretString::from).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(text: &str) -> Option<Vec<String>> {
        let secrets = list(&SecretString::from(text))?;
        Some(secrets.iter().map(|secret| secret.expose_secret().to_owned()).collect())
    }

    #[test]
    fn a_list_is_json_or_separated_by_commas_or_space() {
        for text in [r#"["a", "b"]"#, " [\"a\",\n\"\",\"b\"]\n", "a,b", "a b", "a,\r\n b\n"] {
            assert_eq!(listed(text), Some(vec!["a".to_owned(), "b".to_owned()]), "{text}");
        }
        assert_eq!(listed(" , "), Some(vec![]));
    }

    #[test]
    fn a_list_that_ends_early_is_malformed() {
        for text in [r#"["a", "b""#, r#"["a", 7]"#, r#"["a"] "b""#, "[a, b]"] {
            assert_eq!(listed(text), None, "{text}");
        }
    }

    #[test]
    fn no_value_shows() {
        let shown = format!("{:?} {:?}", Source::from(SecretString::from("s3cret")), Secret::from(SecretString::from("s3cret")));
        assert!(!shown.contains("s3cret"), "{shown}");
    }
}

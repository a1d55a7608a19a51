//! The secrets with which webhooks may be signed.

use adapters::secrets::{Secret, SecretError, Secrets, list};
use secrecy::SecretString;

use crate::config::WebhookSecrets;

/// Where they are while the function runs.
#[derive(Debug)]
pub(crate) enum Signers {
    Given(Vec<SecretString>),
    Kept(Secret),
}

/// The secrets as they were read.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) secrets: Vec<SecretString>,
    /// What they were read from, where it may change.
    text: Option<SecretString>,
}

impl Signers {
    /// Reads nothing yet.
    pub(crate) fn new(configured: &WebhookSecrets, secrets: &Secrets) -> Self {
        match configured {
            WebhookSecrets::Given(given) => Self::Given(given.clone()),
            WebhookSecrets::Kept(arn) => Self::Kept(secrets.kept(arn)),
        }
    }

    pub(crate) async fn read(&self) -> Result<Read, SecretError> {
        match self {
            Self::Given(given) => Ok(Read { secrets: given.clone(), text: None }),
            Self::Kept(secret) => parsed(secret, secret.value().await?),
        }
    }

    /// Newer secrets than those, by which a webhook was not signed; at most one call a minute, however many such webhooks there are.
    pub(crate) async fn newer(&self, read: &Read) -> Option<Result<Read, SecretError>> {
        let (Self::Kept(secret), Some(text)) = (self, &read.text) else { return None };
        Some(parsed(secret, secret.newer(text).await?))
    }
}

fn parsed(secret: &Secret, text: SecretString) -> Result<Read, SecretError> {
    let secrets = list(&text).ok_or_else(|| secret.unusable("is a malformed JSON list"))?;
    if secrets.is_empty() {
        return Err(secret.unusable("lists no secret"));
    }
    Ok(Read { secrets, text: Some(text) })
}

//! Webhook signatures: whether a request's body is WorkOS's, and fresh.
//!
//! The header is `WorkOS-Signature: t=<milliseconds>, v1=<hex>`; what is signed is the text of `t`, a full stop and the raw body,
//! with HMAC-SHA256 under the endpoint's whole secret (<https://workos.com/docs/events/data-syncing/webhooks>).
//! WorkOS cannot rotate a secret, so two endpoints overlap during a change and every configured secret counts.
//!
//! A [`VerifiedWebhook`] can only be made here: nothing that is unsigned can be parsed as an event.
//! Nothing here, errors included, ever shows a hash or a body.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Bytes of an HMAC-SHA256.
const HASH_BYTES: usize = 32;

/// Most `v1` hashes in one header. WorkOS sends one; without a bound a header of many would cost a hash each.
const HASHES_MAX: usize = 16;

/// A webhook's body that WorkOS signed a moment ago.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifiedWebhook {
    body: Vec<u8>,
}

impl VerifiedWebhook {
    /// The body, byte for byte as it was signed.
    pub fn body(&self) -> &[u8] {
        &self.body
    }
}

/// Shows no more than the size: bodies hold personal data.
impl fmt::Debug for VerifiedWebhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedWebhook").field("body_bytes", &self.body.len()).finish_non_exhaustive()
    }
}

/// Why a request is not taken. For logs and metrics: whoever sent the request is told nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// No secret is configured, or only blank ones: nothing can be verified, so nothing is.
    #[error("no webhook secret is configured")]
    NoSecret,
    /// The request has no signature.
    #[error("the signature header is missing")]
    Missing,
    /// The request has two signature headers.
    #[error("the signature header is there twice")]
    Duplicate,
    /// The header is not of WorkOS's form.
    #[error("the signature header is malformed: {0}")]
    Malformed(&'static str),
    /// No configured secret made any of the hashes.
    #[error("the signature is not by any configured secret")]
    Mismatch,
    /// WorkOS did sign this, but too long ago, or ahead of our clock: alarm on it, for a clock or the tolerance may be wrong.
    #[error("the signature is valid but {age_ms} ms old")]
    Stale {
        /// Milliseconds from the signature's time to now; negative when it is in the future.
        age_ms: i64,
    },
}

/// Checks that one of the `secrets` signed the body not more than `tolerance_ms` milliseconds before or after `now_ms`.
///
/// `headers` are all values of the request's `WorkOS-Signature` headers; `body` is the raw body, never trimmed or re-written.
/// Blank secrets count as none. The hash is checked before the age, so that [`SignatureError::Stale`] speaks of WorkOS.
///
/// # Errors
/// [`SignatureError`] says what is wrong; all of them mean that the request is not to be trusted, and sending it again does not help.
pub fn verify(
    headers: &[&[u8]],
    body: impl Into<Vec<u8>>,
    secrets: &[&[u8]],
    now_ms: i64,
    tolerance_ms: i64,
) -> Result<VerifiedWebhook, SignatureError> {
    let secrets: Vec<&[u8]> = secrets.iter().copied().filter(|secret| !secret.trim_ascii().is_empty()).collect();
    if secrets.is_empty() {
        return Err(SignatureError::NoSecret);
    }
    let header = Header::one_of(headers)?;
    let body = body.into();
    if !header.is_signed_by_any(&secrets, &body) {
        return Err(SignatureError::Mismatch);
    }
    let age_ms = now_ms.saturating_sub(header.signed_at_ms);
    if age_ms.saturating_abs() > tolerance_ms {
        return Err(SignatureError::Stale { age_ms });
    }
    Ok(VerifiedWebhook { body })
}

/// Whether the request has one signature of WorkOS's form, whoever made it. For metrics alone: of a request that is refused before anything is
/// verified, it tells WorkOS's from those of anybody who tries the URL.
pub fn is_formed(headers: &[&[u8]]) -> bool {
    Header::one_of(headers).is_ok()
}

/// The signature header, read.
struct Header<'a> {
    /// As it stands in the header: this text is what was signed.
    signed_at: &'a str,
    signed_at_ms: i64,
    hashes: Vec<[u8; HASH_BYTES]>,
}

impl<'a> Header<'a> {
    fn one_of(headers: &[&'a [u8]]) -> Result<Self, SignatureError> {
        match headers {
            [] => Err(SignatureError::Missing),
            [header] => Self::parse(header),
            [_, _, ..] => Err(SignatureError::Duplicate),
        }
    }

    /// Reads `t` and every `v1`, in any order. Other schemes are passed over, so that WorkOS may add one.
    fn parse(header: &'a [u8]) -> Result<Self, SignatureError> {
        let header = str::from_utf8(header).map_err(|_| SignatureError::Malformed("it is not UTF-8"))?;
        let mut signed_at = None;
        let mut hashes = Vec::new();
        for item in header.split(',') {
            match item.trim_matches([' ', '\t']).split_once('=') {
                Some(("t", _)) if signed_at.is_some() => return Err(SignatureError::Malformed("t is there twice")),
                Some(("t", text)) => signed_at = Some((text, parse_time(text)?)),
                Some(("v1", _)) if hashes.len() == HASHES_MAX => return Err(SignatureError::Malformed("too many v1")),
                Some(("v1", text)) => hashes.push(parse_hash(text)?),
                Some(_) => {}
                None => return Err(SignatureError::Malformed("an item has no =")),
            }
        }
        let (signed_at, signed_at_ms) = signed_at.ok_or(SignatureError::Malformed("t is missing"))?;
        if hashes.is_empty() {
            return Err(SignatureError::Malformed("v1 is missing"));
        }
        Ok(Self { signed_at, signed_at_ms, hashes })
    }

    /// Tries every secret with every hash, always all of them: the time taken tells nothing about which one fits.
    fn is_signed_by_any(&self, secrets: &[&[u8]], body: &[u8]) -> bool {
        let mut signed = false;
        for secret in secrets {
            let mac = self.mac(secret, body);
            for hash in &self.hashes {
                signed |= mac.clone().verify_slice(hash).is_ok();
            }
        }
        signed
    }

    fn mac(&self, secret: &[u8], body: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of any length");
        mac.update(self.signed_at.as_bytes());
        mac.update(b".");
        mac.update(body);
        mac
    }
}

fn parse_time(text: &str) -> Result<i64, SignatureError> {
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(SignatureError::Malformed("t is not all digits"));
    }
    text.parse().map_err(|_| SignatureError::Malformed("t is no time"))
}

fn parse_hash(text: &str) -> Result<[u8; HASH_BYTES], SignatureError> {
    let mut hash = [0; HASH_BYTES];
    hex::decode_to_slice(text, &mut hash).map_err(|_| SignatureError::Malformed("v1 is not 64 hexadecimal digits"))?;
    Ok(hash)
}

#[cfg(test)]
mod tests;

//! Logins: an account's e-mail address, compared without case and written as it was found.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::text;

/// Longest e-mail address that can be delivered to (RFC 5321 4.5.3.1.3, less the angle brackets).
const LOGIN_BYTES_MAX: usize = 254;

/// An account's e-mail address, trimmed.
///
/// Equality, order and hash ignore case; the text keeps the case it came with. A copy shares it.
#[derive(Clone)]
pub struct Login {
    /// The address, and the same in lower case behind it, where it is another.
    both: Arc<str>,
    /// Bytes of the address.
    len: usize,
}

/// A text that is no e-mail address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an e-mail address")]
pub struct InvalidLogin;

impl Login {
    /// Checks an e-mail address that comes from a person or a directory.
    ///
    /// # Errors
    /// [`InvalidLogin`] when it is no address of the form `name@host.domain`, or hides characters that nobody can see.
    pub fn parse(text: &str) -> Result<Self, InvalidLogin> {
        let text = text.trim();
        let options = email_address::Options::default().without_display_text().without_domain_literal().with_required_tld();
        let valid = text.len() <= LOGIN_BYTES_MAX
            && !text.chars().any(is_invisible)
            && email_address::EmailAddress::parse_with_options(text, options).is_ok();
        if valid { Ok(Self::as_found(text)) } else { Err(InvalidLogin) }
    }

    /// A login as it stands in a dataset, whatever it looks like.
    pub fn as_found(text: &str) -> Self {
        let text = text.trim();
        let is_folded = text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase());
        let both = if is_folded { text.into() } else { (text.to_owned() + &text.to_lowercase()).into() };
        Self { both, len: text.len() }
    }

    /// The address in the case it came with.
    pub fn as_str(&self) -> &str {
        &self.both[..self.len]
    }

    /// The address in lower case.
    pub(crate) fn folded(&self) -> &str {
        if self.len == self.both.len() { &self.both } else { &self.both[self.len..] }
    }

    /// Whether there is nothing there.
    pub fn is_blank(&self) -> bool {
        self.len == 0
    }

    /// Whether what follows the last `@` is one of these.
    pub fn is_of(&self, domains: &BTreeSet<Domain>) -> bool {
        self.folded().rsplit_once('@').is_some_and(|(_, domain)| domains.contains(domain))
    }
}

/// Characters that do not show: an address that holds one looks like another person's.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || c.is_whitespace()
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
}

impl<'de> Deserialize<'de> for Login {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text::read(deserializer, Self::as_found)
    }
}

impl Serialize for Login {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl PartialEq for Login {
    fn eq(&self, other: &Self) -> bool {
        self.folded() == other.folded()
    }
}

impl Eq for Login {}

impl PartialOrd for Login {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Login {
    fn cmp(&self, other: &Self) -> Ordering {
        self.folded().cmp(other.folded())
    }
}

impl Hash for Login {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.folded().hash(state);
    }
}

impl fmt::Display for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Login").field(&self.as_str()).finish()
    }
}

/// The part of an e-mail address behind the `@`, in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Domain(String);

impl Domain {
    /// Checks a domain that a person wrote, with or without a leading `@`.
    ///
    /// # Errors
    /// [`InvalidLogin`] when no e-mail address can end in it.
    pub fn parse(text: &str) -> Result<Self, InvalidLogin> {
        let text = text.trim();
        let bare = text.strip_prefix('@').unwrap_or(text);
        Login::parse(&format!("a@{bare}"))?;
        Ok(Self(bare.to_lowercase()))
    }
}

/// A domain is found by its text in lower case.
impl Borrow<str> for Domain {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_are_compared_without_case_and_keep_theirs() {
        let ada = Login::parse(" Ada@Example.com ").unwrap();
        assert_eq!(ada, Login::as_found("ada@example.COM"));
        assert_eq!(ada.as_str(), "Ada@Example.com");
        assert!(ada.is_of(&BTreeSet::from([Domain::parse("EXAMPLE.com").unwrap()])));
        assert!(!ada.is_of(&BTreeSet::from([Domain::parse("com.example.com").unwrap()])));
    }

    #[test]
    fn refuses_what_is_no_address_or_hides_something() {
        for bad in
            ["", " ", "ada", "ada@", "@example.com", "ada@example", "a b@example.com", "ada@exam\u{200b}ple.com", "Ada <ada@example.com>"]
        {
            assert_eq!(Login::parse(bad), Err(InvalidLogin), "{bad:?}");
        }
        for good in ["ada+tag@example.com", "o'neil@example.co.uk", "ädä@exämple.com"] {
            assert!(Login::parse(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn domains_may_begin_with_an_at_sign() {
        assert_eq!(Domain::parse("@Orgvue.com"), Domain::parse("orgvue.com"));
        assert!(Domain::parse("@").is_err());
    }
}

//! Settings from environment variables, read once, in `main`.
//!
//! From there on configuration is a value: nothing else looks at the environment, so the same code runs on Lambda, under
//! `cargo lambda watch`, in an emulator and in one process. `docs/configuration.md` lists every variable.

use std::str::FromStr;

use domain::delays::Delays;
use secrecy::SecretString;

use crate::queue::DELAY_SECONDS_MAX;
use crate::secrets::{self, Source};

/// A variable that is missing or wrong. Never shows a value: it may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// It is not there, or blank.
    #[error("the environment variable {name} is missing: see docs/configuration.md")]
    Missing {
        /// The variable.
        name: String,
    },
    /// Neither of the two is there, or both are.
    #[error("the environment variable {direct} or {kept} must be set, and not both: see docs/configuration.md")]
    OneOf {
        /// The variable that holds the value.
        direct: &'static str,
        /// The variable that says where the value is kept.
        kept: &'static str,
    },
    /// It cannot be read.
    #[error("the environment variable {name} must be {expected}: see docs/configuration.md")]
    Malformed {
        /// The variable.
        name: String,
        /// What it must be.
        expected: &'static str,
    },
}

/// Which of two variables is set, and what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OneOf {
    /// The one that holds the value.
    Direct,
    /// The one that says where the value is kept.
    Kept(String),
}

/// Looks variables up.
pub struct Settings<L>(L);

impl Settings<fn(&str) -> Option<String>> {
    /// The environment of the process.
    pub fn from_environment() -> Self {
        Self(|name| std::env::var(name).ok())
    }
}

impl<L: Fn(&str) -> Option<String>> Settings<L> {
    /// Any other source.
    pub fn new(lookup: L) -> Self {
        Self(lookup)
    }

    /// A text that may be missing; blank is missing.
    pub fn optional(&self, name: &str) -> Option<String> {
        (self.0)(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    /// A text.
    ///
    /// # Errors
    /// [`SettingError::Missing`].
    pub fn required(&self, name: &str) -> Result<String, SettingError> {
        self.optional(name).ok_or_else(|| SettingError::Missing { name: name.to_owned() })
    }

    /// A value that has a default.
    ///
    /// # Errors
    /// [`SettingError::Malformed`].
    pub fn parsed_or<T: FromStr>(&self, name: &str, expected: &'static str, default: T) -> Result<T, SettingError> {
        match self.optional(name) {
            None => Ok(default),
            Some(text) => text.parse().map_err(|_| SettingError::Malformed { name: name.to_owned(), expected }),
        }
    }

    /// Which one of two variables is set: the one that holds a value, or the one that says where it is kept.
    ///
    /// # Errors
    /// [`SettingError::OneOf`] if neither is, or both are.
    pub fn one_of(&self, direct: &'static str, kept: &'static str) -> Result<OneOf, SettingError> {
        match (self.optional(direct), self.optional(kept)) {
            (Some(_), None) => Ok(OneOf::Direct),
            (None, Some(place)) => Ok(OneOf::Kept(place)),
            (None, None) | (Some(_), Some(_)) => Err(SettingError::OneOf { direct, kept }),
        }
    }

    /// A secret: in one variable, or kept in Secrets Manager under the ARN in another one.
    ///
    /// # Errors
    /// [`SettingError`].
    pub fn secret(&self, direct: &'static str, kept: &'static str) -> Result<Source, SettingError> {
        match self.one_of(direct, kept)? {
            OneOf::Direct => self.required(direct).map(SecretString::from).map(Source::Given),
            OneOf::Kept(arn) => secret_arn(kept, arn).map(Source::Kept),
        }
    }

    /// One or more secrets, as a JSON list, or separated by commas or white space: while one is replaced, the old and the new both count.
    ///
    /// # Errors
    /// [`SettingError::Missing`] if there is none, [`SettingError::Malformed`].
    pub fn secrets(&self, name: &str) -> Result<Vec<SecretString>, SettingError> {
        let listed = secrets::list(&SecretString::from(self.required(name)?));
        let secrets = listed.ok_or_else(|| SettingError::Malformed {
            name: name.to_owned(),
            expected: "secrets separated by commas or white space, or a JSON list of them",
        })?;
        if secrets.is_empty() { Err(SettingError::Missing { name: name.to_owned() }) } else { Ok(secrets) }
    }

    /// The delays, each from its variable in whole seconds.
    ///
    /// # Errors
    /// [`SettingError::Malformed`].
    pub fn delays(&self) -> Result<Delays, SettingError> {
        let default = Delays::default();
        let milliseconds = |name, default_ms: i64| {
            let seconds: u32 =
                self.parsed_or(name, "a whole number of seconds above 0", u32::try_from(default_ms / 1_000).unwrap_or(u32::MAX))?;
            let positive = (seconds > 0).then_some(i64::from(seconds) * 1_000);
            positive.ok_or_else(|| SettingError::Malformed { name: name.to_owned(), expected: "a whole number of seconds above 0" })
        };
        let quarantine = "three whole numbers of seconds above 0, separated by commas";
        let quarantine_ms = match self.optional("QUARANTINE_SECONDS") {
            None => default.quarantine_ms,
            Some(text) => three_waits_ms(&text)
                .ok_or_else(|| SettingError::Malformed { name: "QUARANTINE_SECONDS".to_owned(), expected: quarantine })?,
        };
        let delays = Delays {
            window_ms: milliseconds("WINDOW_SECONDS", default.window_ms)?,
            lease_ms: milliseconds("LEASE_SECONDS", default.lease_ms)?,
            heartbeat_ms: milliseconds("HEARTBEAT_SECONDS", default.heartbeat_ms)?,
            overdue_ms: milliseconds("OVERDUE_SECONDS", default.overdue_ms)?,
            nudge_ms: milliseconds("NUDGE_SECONDS", default.nudge_ms)?,
            retry_first_ms: milliseconds("RETRY_FIRST_SECONDS", default.retry_first_ms)?,
            retry_max_ms: milliseconds("RETRY_MAX_SECONDS", default.retry_max_ms)?,
            quarantine_ms,
            drift_ms: milliseconds("DRIFT_SECONDS", default.drift_ms)?,
        };
        // Where Scheduler fails, the queue delays the message instead.
        if delays.window_ms > i64::from(DELAY_SECONDS_MAX) * 1_000 {
            return Err(SettingError::Malformed { name: "WINDOW_SECONDS".to_owned(), expected: "at most 900" });
        }
        if delays.heartbeat_ms * 2 > delays.lease_ms {
            return Err(SettingError::Malformed { name: "HEARTBEAT_SECONDS".to_owned(), expected: "at most half of LEASE_SECONDS" });
        }
        Ok(delays)
    }
}

/// The ARN of a secret. Ids of secrets are logged and told, and a secret that was put here by mistake must not be.
///
/// # Errors
/// [`SettingError::Malformed`] if it is none.
pub fn secret_arn(name: &str, text: String) -> Result<String, SettingError> {
    let is_arn = text.starts_with("arn:") && text.contains(":secretsmanager:") && text.contains(":secret:");
    let malformed = || SettingError::Malformed { name: name.to_owned(), expected: "the ARN of a secret in Secrets Manager" };
    if is_arn { Ok(text) } else { Err(malformed()) }
}

fn three_waits_ms(text: &str) -> Option<[i64; 3]> {
    let waits: Option<Vec<i64>> = text.split(',').map(|wait| Some(i64::from(wait.trim().parse::<u32>().ok()?) * 1_000)).collect();
    let waits: [i64; 3] = waits?.try_into().ok()?;
    waits.iter().all(|wait| *wait > 0).then_some(waits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &'static [(&'static str, &'static str)]) -> Settings<impl Fn(&str) -> Option<String>> {
        Settings::new(move |name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn a_blank_variable_is_missing_and_the_error_names_it() {
        let error = settings(&[("TABLE_NAME", "  ")]).required("TABLE_NAME").unwrap_err();
        assert_eq!(error.to_string(), "the environment variable TABLE_NAME is missing: see docs/configuration.md");
    }

    #[test]
    fn delays_default_to_productions() {
        assert_eq!(settings(&[]).delays(), Ok(Delays::default()));
    }

    #[test]
    fn refuses_a_delay_that_is_no_number_or_zero_and_never_shows_it() {
        for value in ["soon", "0", "-5", "1.5", "901"] {
            let settings = Settings::new(|name: &str| (name == "WINDOW_SECONDS").then(|| value.to_owned()));
            let error = settings.delays().unwrap_err().to_string();
            assert!(error.contains("WINDOW_SECONDS") && !error.contains(value.trim_start_matches('0')) || value == "0", "{error}");
        }
    }

    #[test]
    fn quarantine_is_three_waits() {
        let read = |value: &'static str| Settings::new(move |name: &str| (name == "QUARANTINE_SECONDS").then(|| value.to_owned())).delays();
        assert_eq!(read("60, 120,180").map(|delays| delays.quarantine_ms), Ok([60_000, 120_000, 180_000]));
        for value in ["60", "60,120", "60,120,180,240", "60,0,180", "60,120,soon", "60,-1,180"] {
            let error = read(value).unwrap_err().to_string();
            assert!(error.contains("QUARANTINE_SECONDS must be three whole numbers") && !error.contains(value), "{error}");
        }
    }

    #[test]
    fn a_lease_must_outlive_two_heartbeats() {
        assert!(settings(&[("LEASE_SECONDS", "20"), ("HEARTBEAT_SECONDS", "15")]).delays().is_err());
    }

    #[test]
    fn a_secret_is_given_or_kept_and_not_both() {
        let arn = "arn:aws:secretsmanager:eu-west-1:1:secret:key-AbCdEf";
        let read = |value: &'static str, place: &'static str| {
            Settings::new(move |name: &str| Some(if name == "KEY" { value } else { place }.to_owned())).secret("KEY", "KEY_ARN")
        };
        assert!(matches!(read("s3cret", " ").unwrap(), Source::Given(_)));
        assert!(matches!(read("", arn).unwrap(), Source::Kept(id) if id == arn));
        for (value, place) in [("", ""), ("s3cret", arn)] {
            let error = read(value, place).unwrap_err().to_string();
            assert_eq!(error, "the environment variable KEY or KEY_ARN must be set, and not both: see docs/configuration.md");
        }
        let error = read("", "s3cret").unwrap_err().to_string();
        assert_eq!(error, "the environment variable KEY_ARN must be the ARN of a secret in Secrets Manager: see docs/configuration.md");
    }

    #[test]
    fn several_secrets_are_separated_by_commas_or_space() {
        assert_eq!(settings(&[("S", "a, b\nc")]).secrets("S").unwrap().len(), 3);
        assert!(settings(&[("S", ",")]).secrets("S").is_err());
        assert!(!settings(&[("S", r#"["a", b]"#)]).secrets("S").unwrap_err().to_string().contains('['));
    }
}

//! What a caller may ask of CreateSchedule.
//! <https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html>

use std::ops::RangeInclusive;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::api::invalid;
use crate::aws::error::ApiError;

/// The longest name of a schedule or a group, and the longest client token.
const NAME_BYTES_MAX: usize = 64;

/// How far in the past a time may be. AWS does not say what it does with such a time, so nobody may rely on it;
/// a second is what a caller loses that rounds to the whole second.
const GRACE: Duration = Duration::from_secs(1);

const FLEXIBLE_MINUTES: RangeInclusive<u32> = 1..=1440;
const RETRY_AGE_SECONDS: RangeInclusive<u32> = 60..=86_400;
const RETRY_ATTEMPTS: RangeInclusive<u32> = 0..=185;

/// The body of CreateSchedule. What is not here is refused: it would be ignored otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct CreateSchedule {
    #[serde(skip_serializing)]
    pub(super) client_token: Option<String>,
    #[serde(skip_serializing)]
    pub(super) group_name: Option<String>,
    #[serde(skip_serializing)]
    state: Option<State>,
    #[serde(skip_serializing)]
    action_after_completion: Option<AfterCompletion>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    flexible_time_window: FlexibleTimeWindow,
    schedule_expression: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    schedule_expression_timezone: Option<String>,
    pub(super) target: Target,
}

/// Whether a schedule fires at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum State {
    Enabled,
    Disabled,
}

/// What becomes of a schedule that has fired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum AfterCompletion {
    #[serde(rename = "NONE")]
    Keep,
    Delete,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct FlexibleTimeWindow {
    mode: Mode,
    #[serde(skip_serializing_if = "Option::is_none")]
    maximum_window_in_minutes: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Mode {
    Off,
    Flexible,
}

/// Where a schedule sends, and what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Target {
    pub(super) arn: String,
    role_arn: String,
    pub(super) input: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    dead_letter_config: Option<DeadLetterConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_policy: Option<RetryPolicy>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct DeadLetterConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    arn: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RetryPolicy {
    #[serde(skip_serializing_if = "Option::is_none")]
    maximum_event_age_in_seconds: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    maximum_retry_attempts: Option<u32>,
}

impl CreateSchedule {
    /// The time at which the schedule fires, or the first thing that AWS refuses.
    pub(super) fn check(&self, name: &str, now: Timestamp) -> Result<Timestamp, ApiError> {
        let tokens = self.client_token.iter().chain(&self.group_name).map(String::as_str);
        if let Some(bad) = tokens.chain([name]).find(|name| !is_name(name)) {
            return Err(invalid(format!("{bad:?} does not match ^[0-9a-zA-Z-_.]{{1,{NAME_BYTES_MAX}}}$")));
        }
        self.flexible_time_window.check()?;
        self.target.check()?;
        if self.schedule_expression_timezone.as_deref().is_some_and(|zone| zone != "UTC") {
            return Err(invalid("time zones other than UTC are not built here"));
        }
        let at = one_time(&self.schedule_expression)?;
        if at < now - GRACE {
            return Err(invalid(format!("{} is in the past", self.schedule_expression)));
        }
        Ok(at)
    }

    pub(super) fn state(&self) -> State {
        self.state.unwrap_or(State::Enabled)
    }

    pub(super) fn after_completion(&self) -> AfterCompletion {
        self.action_after_completion.unwrap_or(AfterCompletion::Keep)
    }
}

impl FlexibleTimeWindow {
    fn check(&self) -> Result<(), ApiError> {
        match (self.mode, self.maximum_window_in_minutes) {
            (Mode::Off, None) => Ok(()),
            (Mode::Flexible, Some(minutes)) if FLEXIBLE_MINUTES.contains(&minutes) => Ok(()),
            (Mode::Off, Some(_)) => Err(invalid("MaximumWindowInMinutes must not be set when the mode is OFF")),
            (Mode::Flexible, _) => Err(invalid("MaximumWindowInMinutes must be 1 to 1440 when the mode is FLEXIBLE")),
        }
    }
}

impl Target {
    fn check(&self) -> Result<(), ApiError> {
        let dead_letters = self.dead_letter_config.iter().filter_map(|config| config.arn.as_ref());
        if let Some(bad) = dead_letters.chain([&self.arn]).find(|arn| !is_sqs_arn(arn)) {
            return Err(invalid(format!("{bad:?} is not the ARN of an SQS queue")));
        }
        if !is_role_arn(&self.role_arn) {
            return Err(invalid(format!("{:?} is not the ARN of a role", self.role_arn)));
        }
        if self.input.is_empty() {
            return Err(invalid("Target.Input is empty"));
        }
        self.retry_policy.as_ref().map_or(Ok(()), RetryPolicy::check)
    }
}

impl RetryPolicy {
    fn check(&self) -> Result<(), ApiError> {
        let age_is_valid = self.maximum_event_age_in_seconds.is_none_or(|age| RETRY_AGE_SECONDS.contains(&age));
        let attempts_are_valid = self.maximum_retry_attempts.is_none_or(|n| RETRY_ATTEMPTS.contains(&n));
        if age_is_valid && attempts_are_valid {
            Ok(())
        } else {
            Err(invalid("RetryPolicy takes an age of 60 to 86400 seconds and up to 185 attempts"))
        }
    }
}

/// Whether AWS takes this as the name of a schedule or a group.
pub(super) fn is_name(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(is_allowed)
}

/// `at(YYYY-MM-DDThh:mm:ss)`, in UTC, to the letter.
fn one_time(expression: &str) -> Result<Timestamp, ApiError> {
    let refused = || invalid(format!("invalid schedule expression {expression}: only at(YYYY-MM-DDThh:mm:ss) is built here"));
    let text = expression.strip_prefix("at(").and_then(|rest| rest.strip_suffix(')')).ok_or_else(refused)?;
    let time: DateTime = text.parse().map_err(|_| refused())?;
    if time.to_string() != text || time.subsec_nanosecond() != 0 {
        return Err(refused());
    }
    let zoned = time.to_zoned(TimeZone::UTC).map_err(|_| refused())?;
    Ok(zoned.timestamp())
}

fn is_sqs_arn(arn: &str) -> bool {
    matches!(arn.split(':').collect::<Vec<_>>()[..], ["arn", "aws", "sqs", region, account, name]
        if !region.is_empty() && is_account(account) && !name.is_empty())
}

fn is_role_arn(arn: &str) -> bool {
    matches!(arn.split(':').collect::<Vec<_>>()[..], ["arn", "aws", "iam", "", account, role]
        if is_account(account) && role.strip_prefix("role/").is_some_and(|name| !name.is_empty()))
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_whole_seconds_in_utc_and_no_other_spelling() {
        let at = one_time("at(2026-11-22T06:41:07)").map(Timestamp::as_second);
        assert_eq!(at.ok(), Some(1_795_329_667));
        for expression in [
            "at(2026-11-22T06:41:07Z)",
            "at(2026-11-22T06:41:07.5)",
            "at(2026-11-22T06:41:07+00:00)",
            "at(2026-11-22 06:41:07)",
            "at(2026-11-22t06:41:07)",
            "at(2026-11-22T06:41)",
            "at(2026-02-30T06:41:07)",
            "at(2026-11-22T06:41:60)",
            " at(2026-11-22T06:41:07)",
            "2026-11-22T06:41:07",
            "rate(5 minutes)",
        ] {
            assert!(one_time(expression).is_err(), "{expression}");
        }
    }

    #[test]
    fn takes_names_of_64_letters_and_not_of_65() {
        assert!(is_name(&"a".repeat(64)));
        assert!(is_name("acme.1795329667000_x-y"));
        for name in ["", "a b", "a/b", "é", &"a".repeat(65)] {
            assert!(!is_name(name), "{name}");
        }
    }
}

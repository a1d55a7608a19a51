//! The function's environment variables: a mistake is named in one line that shows no value.

use std::collections::BTreeMap;
use std::time::Duration;

use adapters::secrets::Source;
use adapters::settings::{SettingError, Settings};
use domain::delays::Delays;
use sync::{Config, TokenSource};

const GOOD: [(&str, &str); 6] = [
    ("TABLE_NAME", "table"),
    ("SYNC_QUEUE_URL", "https://sqs.eu-west-1.amazonaws.com/1/sync"),
    ("DEAD_LETTER_QUEUE_URL", "https://sqs.eu-west-1.amazonaws.com/1/dead"),
    ("WORKOS_API_KEY", "sk_s3cret"),
    ("ORGVUE_URL", "https://orgvue.example.com"),
    ("ORGVUE_TOKENS", r#"{"ACME":"s3cret"}"#),
];

/// The configuration when this variable is so instead.
fn read(name: &str, value: &str) -> Result<Config, SettingError> {
    let mut variables = BTreeMap::from(GOOD);
    variables.insert(name, value);
    Config::read(&Settings::new(|name: &str| variables.get(name).map(|value| (*value).to_owned())))
}

#[track_caller]
fn assert_names(name: &str, value: &str) {
    let error = read(name, value).expect_err(value).to_string();
    assert!(error.contains(&format!(" {name} ")) && error.lines().count() == 1, "{error}");
    assert!(!error.contains("s3cret"), "{error}");
}

#[test]
fn a_missing_variable_is_named() {
    for (name, _) in GOOD {
        assert_names(name, "");
    }
}

#[test]
fn a_malformed_variable_is_named_and_not_shown() {
    for (name, value) in [
        ("WORKOS_URL", "s3cret"),
        ("WORKOS_URL", "localhost:8080"),
        ("ORGVUE_URL", "orgvue.example.com"),
        ("ORGVUE_URL", "mailto:s3cret@example.com"),
        ("ORGVUE_URL", "file:///s3cret"),
        ("ORGVUE_TOKENS", "s3cret"),
        ("ORGVUE_TOKENS", r#"{"acme":"s3cret"}"#),
        ("ORGVUE_TOKENS", r#"{"ACME":7}"#),
        ("WORKOS_USERS_PER_SECOND", "four"),
        ("WORKOS_USERS_PER_SECOND", "0"),
        ("TENANTS_AT_ONCE", "-4"),
        ("TENANTS_AT_ONCE", "0"),
        ("HTTP_TIMEOUT_SECONDS", "0"),
        ("HTTP_TIMEOUT_SECONDS", "45"),
        ("HTTP_TIMEOUT_SECONDS", "soon"),
        ("NUDGE_SECONDS", "0"),
        ("OVERDUE_SECONDS", "1.5"),
        ("RETRY_FIRST_SECONDS", "1m"),
        ("RETRY_MAX_SECONDS", "-1"),
        ("DRIFT_SECONDS", "6h"),
        ("HEARTBEAT_SECONDS", "31"),
    ] {
        assert_names(name, value);
    }
}

#[test]
fn what_may_be_missing_has_its_default() {
    let config = read("TENANTS_AT_ONCE", "").unwrap();
    assert_eq!(config.workos_url.as_str(), "https://api.workos.com/");
    assert_eq!((config.workos_users_per_second, config.tenants_at_once), (4, 4));
    assert_eq!((config.http_timeout, config.delays), (Duration::from_secs(30), Delays::default()));
}

#[test]
fn the_configuration_shows_no_secret() {
    let shown = format!("{:?}", read("TENANTS_AT_ONCE", "2").unwrap());
    assert!(!shown.contains("s3cret"), "{shown}");
}

#[test]
fn keys_and_tokens_are_given_or_kept_and_not_both() {
    const ARN: &str = "arn:aws:secretsmanager:eu-west-1:1:secret:key-AbCdEf";
    let read = |changes: &[(&'static str, &'static str)]| {
        let mut variables = BTreeMap::from(GOOD);
        variables.extend(changes.iter().copied());
        Config::read(&Settings::new(move |name: &str| variables.get(name).map(|value| (*value).to_owned())))
    };
    let config = read(&[("WORKOS_API_KEY", ""), ("WORKOS_API_KEY_ARN", ARN)]).unwrap();
    assert!(matches!(config.workos_key, Source::Kept(id) if id == ARN));
    let config = read(&[("ORGVUE_TOKENS", ""), ("ORGVUE_TOKEN_PREFIX", "orgvue-scim/orgvue/")]).unwrap();
    assert!(matches!(config.orgvue_tokens, TokenSource::Kept { prefix } if prefix == "orgvue-scim/orgvue/"));

    for (changes, names) in [
        (&[("WORKOS_API_KEY_ARN", ARN)][..], "WORKOS_API_KEY or WORKOS_API_KEY_ARN"),
        (&[("WORKOS_API_KEY", "")], "WORKOS_API_KEY or WORKOS_API_KEY_ARN"),
        (&[("ORGVUE_TOKEN_PREFIX", "orgvue/")], "ORGVUE_TOKENS or ORGVUE_TOKEN_PREFIX"),
        (&[("ORGVUE_TOKENS", "")], "ORGVUE_TOKENS or ORGVUE_TOKEN_PREFIX"),
        (&[("WORKOS_API_KEY", ""), ("WORKOS_API_KEY_ARN", "sk_s3cret")], "WORKOS_API_KEY_ARN"),
        (&[("ORGVUE_TOKENS", ""), ("ORGVUE_TOKEN_PREFIX", r#"{"ACME":"s3cret"}"#)], "ORGVUE_TOKEN_PREFIX"),
    ] {
        let error = read(changes).unwrap_err().to_string();
        assert!(error.contains(&format!("variable {names} must be")) && !error.contains("s3cret"), "{error}");
    }
}

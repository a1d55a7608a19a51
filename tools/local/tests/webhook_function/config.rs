//! The function's environment variables: a mistake is named in one line that shows no value.

use std::collections::BTreeMap;

use adapters::settings::{SettingError, Settings};
use domain::delays::Delays;
use webhook::{Config, WebhookSecrets};

const GOOD: [(&str, &str); 8] = [
    ("TABLE_NAME", "table"),
    ("SYNC_QUEUE_URL", "https://sqs.eu-west-1.amazonaws.com/1/sync"),
    ("SCHEDULE_GROUP", "windows"),
    ("SYNC_QUEUE_ARN", "arn:aws:sqs:eu-west-1:1:sync"),
    ("SCHEDULE_ROLE_ARN", "arn:aws:iam::1:role/scheduler"),
    ("SCHEDULE_DEAD_LETTER_ARN", "arn:aws:sqs:eu-west-1:1:dead"),
    ("WORKOS_WEBHOOK_SECRETS", "one,two"),
    ("WEBHOOK_PATH_TOKEN", "token"),
];

/// The configuration when this variable is so instead.
fn read(name: &str, value: &str) -> Result<Config, SettingError> {
    let mut variables = BTreeMap::from(GOOD);
    variables.insert(name, value);
    Config::read(&Settings::new(|name: &str| variables.get(name).map(|value| (*value).to_owned())))
}

#[track_caller]
fn assert_names(name: &str, value: &str) {
    let error = read(name, value).unwrap_err().to_string();
    assert!(error.contains(&format!(" {name} ")) && error.lines().count() == 1, "{error}");
    assert!(value.is_empty() || !error.contains(value), "{error}");
}

#[test]
fn a_missing_variable_is_named() {
    for name in ["TABLE_NAME", "SYNC_QUEUE_URL", "SCHEDULE_GROUP", "SYNC_QUEUE_ARN", "SCHEDULE_ROLE_ARN", "WORKOS_WEBHOOK_SECRETS"] {
        assert_names(name, "");
    }
}

#[test]
fn a_malformed_variable_is_named_and_not_shown() {
    for (name, value) in [
        ("SIGNATURE_TOLERANCE_SECONDS", "3 minutes"),
        ("SIGNATURE_TOLERANCE_SECONDS", "-17"),
        ("WORKOS_WEBHOOK_SECRETS", ","),
        ("WORKOS_WEBHOOK_SECRETS", r#"["s3cret", s3cret]"#),
        ("WEBHOOK_PATH_TOKEN", "s3cret/path"),
        ("WEBHOOK_PATH_TOKEN", "s3cret path"),
        ("WEBHOOK_SOURCES", "192.0.2.0/33"),
        ("WEBHOOK_SOURCES", "192.0.2.1;192.0.2.2"),
        ("WINDOW_SECONDS", "five"),
        ("WINDOW_SECONDS", "00"),
        ("LEASE_SECONDS", "99999999999"),
        ("HEARTBEAT_SECONDS", "31"),
    ] {
        assert_names(name, value);
    }
}

#[test]
fn what_may_be_missing_has_its_default() {
    let config = read("WEBHOOK_PATH_TOKEN", " ").unwrap();
    assert!(config.path_token.is_none() && config.sources.is_empty());
    assert_eq!((config.tolerance_ms, config.delays), (180_000, Delays::default()));
    assert!(matches!(config.secrets, WebhookSecrets::Given(secrets) if secrets.len() == 2));
    assert_eq!(read("SCHEDULE_DEAD_LETTER_ARN", "").unwrap().schedule.dead_letter_arn, None);
}

#[test]
fn the_configuration_shows_no_secret() {
    let shown = format!("{:?}", read("WEBHOOK_PATH_TOKEN", "s3cret").unwrap());
    assert!(!shown.contains("s3cret") && !shown.contains("two"), "{shown}");
}

#[test]
fn the_secrets_are_given_or_kept_and_not_both() {
    const ARN: &str = "arn:aws:secretsmanager:eu-west-1:1:secret:webhook-AbCdEf";
    let read = |direct: &'static str, arn: &'static str| {
        let variables = BTreeMap::from(GOOD);
        Config::read(&Settings::new(move |name: &str| match name {
            "WORKOS_WEBHOOK_SECRETS" => Some(direct.to_owned()),
            "WORKOS_WEBHOOK_SECRETS_ARN" => Some(arn.to_owned()),
            _ => variables.get(name).map(|value| (*value).to_owned()),
        }))
    };
    assert!(matches!(read("", ARN).unwrap().secrets, WebhookSecrets::Kept(arn) if arn == ARN));
    for (direct, arn) in [("s3cret", ARN), ("", "")] {
        let error = read(direct, arn).unwrap_err().to_string();
        assert!(error.contains(" WORKOS_WEBHOOK_SECRETS or WORKOS_WEBHOOK_SECRETS_ARN ") && !error.contains("s3cret"), "{error}");
    }
    let error = read("", "s3cret").unwrap_err().to_string();
    assert!(error.contains(" WORKOS_WEBHOOK_SECRETS_ARN must be the ARN ") && !error.contains("s3cret"), "{error}");
}

//! Secrets that are kept in Secrets Manager: when they are read, for how long they count, and what is told about them.

#![expect(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]

mod bench;

use std::time::Duration;

use adapters::aws::chain;
use adapters::secrets::{Ages, Secret, SecretError, Secrets, Source};
use bench::Logs;
use futures::future::join_all;
use local::aws::{FaultKind, SecretsManager, Times};
use secrecy::{ExposeSecret, SecretString};

const GET: &str = "GetSecretValue";
const KEY: &str = "app/key";

/// Every read is a call, and every failure is forgotten at once.
const NO_AGE: Ages =
    Ages { fresh: Duration::ZERO, stale_max: Duration::from_secs(60), refresh_pause: Duration::ZERO, failure_pause: Duration::ZERO };

async fn service() -> SecretsManager {
    let service = SecretsManager::start(0).await.unwrap();
    service.put(KEY, "pr1vate one");
    service
}

fn secrets(service: &SecretsManager, ages: Ages) -> Secrets {
    Secrets::new(aws_sdk_secretsmanager::Client::new(&bench::aws([("Secrets Manager", service.url())])), ages)
}

async fn value(secret: &Secret) -> String {
    secret.value().await.unwrap().expose_secret().to_owned()
}

#[tokio::test]
async fn a_secret_that_is_given_needs_no_call() {
    let service = service().await;
    let secret = secrets(&service, Ages::default()).of(&Source::from(SecretString::from("given")));
    assert_eq!(value(&secret).await, "given");
    assert!(secret.newer(&SecretString::from("given")).await.is_none());
    assert_eq!(service.calls(GET), 0);
}

#[tokio::test]
async fn whoever_asks_for_the_same_secret_shares_one_call() {
    let service = service().await;
    let secrets = secrets(&service, Ages::default());
    let asked: Vec<_> = (0..20).map(|_| secrets.kept(KEY)).collect();
    assert_eq!(service.calls(GET), 0, "nothing is read before it is needed");
    assert_eq!(join_all(asked.iter().map(value)).await, ["pr1vate one"; 20]);
    assert_eq!(service.calls(GET), 1);

    service.put(KEY, "two");
    assert_eq!(value(&secrets.of(&Source::Kept(KEY.to_owned()))).await, "pr1vate one", "it is fresh");
    assert_eq!(service.calls(GET), 1);
}

#[tokio::test]
async fn a_value_that_is_not_fresh_is_read_again() {
    let service = service().await;
    let secret = secrets(&service, NO_AGE).kept(KEY);
    assert_eq!(value(&secret).await, "pr1vate one");
    service.put(KEY, " two\n");
    assert_eq!(value(&secret).await, "two", "without the white space around it");
}

#[tokio::test]
async fn a_refused_value_is_read_again_once_a_minute() {
    let service = service().await;
    let secret = secrets(&service, Ages::default()).kept(KEY);
    let one = secret.value().await.unwrap();
    assert!(secret.newer(&one).await.is_none(), "it is what is stored");
    service.put(KEY, "two");
    assert!(secret.newer(&one).await.is_none(), "and it was asked a moment ago");
    assert_eq!(service.calls(GET), 2);

    let secret = secrets(&service, Ages::default()).kept(KEY);
    secret.value().await.unwrap();
    service.put(KEY, "three");
    let refused = SecretString::from("two");
    let newer = join_all((0..20).map(|_| secret.newer(&refused))).await;
    assert!(newer.iter().all(|newer| newer.as_ref().is_some_and(|newer| newer.expose_secret() == "three")), "all have it from one call");
    assert_eq!(service.calls(GET), 4);
}

#[tokio::test]
async fn while_secrets_manager_is_down_the_last_value_is_used_and_it_is_left_alone() {
    let (logs, _listening) = Logs::listen();
    let service = service().await;
    let secret = secrets(&service, Ages { fresh: Duration::ZERO, ..Ages::default() }).kept(KEY);
    value(&secret).await;
    service.fault(GET, Times::Always, FaultKind::Status500);
    assert_eq!(value(&secret).await, "pr1vate one");
    let n_calls = service.calls(GET);
    assert_eq!(value(&secret).await, "pr1vate one");
    assert_eq!(service.calls(GET), n_calls);
    assert!(logs.have(r#""secret.id":"app/key""#) && !logs.have("pr1vate"), "{logs:?}");
}

#[tokio::test]
async fn a_value_of_yesterday_is_not_used() {
    let service = service().await;
    let secret = secrets(&service, Ages { stale_max: Duration::ZERO, ..NO_AGE }).kept(KEY);
    value(&secret).await;
    service.fault(GET, Times::Always, FaultKind::Reset);
    assert!(matches!(secret.value().await, Err(SecretError::Unavailable { .. })));
}

#[tokio::test]
async fn a_failure_without_a_value_is_not_a_call_for_each_who_asks() {
    let service = service().await;
    let secret = secrets(&service, Ages::default()).kept(KEY);
    service.fault(GET, Times::Always, FaultKind::Throttle);
    let asked = join_all((0..20).map(|_| secret.value())).await;
    assert!(asked.iter().all(|value| matches!(value, Err(SecretError::Unavailable { .. }))));
    assert_eq!(service.calls(GET), 3, "one, which the SDK tries three times");

    let secret = secrets(&service, NO_AGE).kept(KEY);
    assert!(secret.value().await.is_err());
    service.clear_faults();
    assert_eq!(value(&secret).await, "pr1vate one");
}

#[tokio::test]
async fn a_secret_that_was_deleted_or_denied_is_not_used_any_longer() {
    let service = service().await;
    let secret = secrets(&service, NO_AGE).kept(KEY);
    value(&secret).await;
    service.mark_for_deletion(KEY);
    assert!(matches!(secret.value().await, Err(SecretError::NotFound { .. })));
    service.put(KEY, "two");
    assert_eq!(value(&secret).await, "two");
    service.deny(KEY);
    assert!(matches!(secret.value().await, Err(SecretError::Denied { .. })));
}

#[tokio::test]
async fn an_error_says_what_to_do_and_names_the_secret_without_its_value() {
    let service = service().await;
    let secrets = secrets(&service, NO_AGE);
    service.put("blank", " \n");
    service.put("pairs", r#"{"key":"pr1vate"}"#);
    service.put_bytes("bytes", b"pr1vate");
    service.put("denied", "pr1vate");
    service.deny("denied");
    for (id, what) in [
        ("nothing", "the secret nothing is not in secrets manager: secretsmanager:GetSecretValue failed: service error: "),
        ("denied", "the secret denied may not be read: "),
        ("blank", "the secret blank is blank"),
        ("pairs", "the secret pairs is a JSON object and not the text alone"),
        ("bytes", "the secret bytes holds no text"),
    ] {
        let error = secrets.kept(id).value().await.unwrap_err();
        let shown = chain(&error);
        assert!(shown.starts_with(what) && !shown.contains("pr1vate") && !error.is_passing(), "{shown}");
    }
    let kept = secrets.kept(KEY);
    value(&kept).await;
    assert!(!format!("{secrets:?} {kept:?}").contains("pr1vate"));
}

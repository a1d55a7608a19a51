//! Webhook secrets that are kept in Secrets Manager.

use std::time::Duration;

use adapters::clock::now_ms;
use adapters::secrets::Ages;
use futures::future::join_all;
use lambda_http::Request;
use lambda_http::http::Method;
use local::aws::{FaultKind, SecretsManager, Times};
use secrecy::SecretString;
use standins::workos::webhook::sign;
use webhook::{Config, WebhookSecrets};

use crate::bench::{Bench, Logs};
use crate::{Function, OTHER_SECRET, SECRET, event, request, signed};

const GET: &str = "GetSecretValue";
const NAME: &str = "orgvue-scim/webhook";
const PATH_TOKEN: &str = "c2VjcmV0LXBhdGg";

/// The function with this value in Secrets Manager; no call is made for it yet.
async fn kept(value: &str) -> Function {
    kept_with(value, |_| {}).await
}

async fn kept_with(value: &str, change: impl FnOnce(&mut Config)) -> Function {
    let bench = Bench::with_acme().await;
    let arn = bench.secrets.put(NAME, value);
    Function::on(bench, |config| {
        config.secrets = WebhookSecrets::Kept(arn);
        change(config);
    })
}

fn signed_by(secret: &str) -> Request {
    request(event(), &sign(secret, now_ms(), event().as_bytes()))
}

fn manager(function: &Function) -> &SecretsManager {
    &function.bench.secrets
}

#[tokio::test]
async fn the_secrets_are_read_with_the_first_webhook_and_kept() {
    for value in [format!(r#"["{SECRET}", "{OTHER_SECRET}"]"#), format!("{SECRET},{OTHER_SECRET}"), format!("{SECRET}\n{OTHER_SECRET}\n")] {
        let function = kept(&value).await;
        assert_eq!(manager(&function).calls(GET), 0);
        for secret in [SECRET, OTHER_SECRET, SECRET] {
            assert_eq!(function.answer(signed_by(secret)).await, 200);
        }
        assert_eq!(manager(&function).calls(GET), 1);
    }
}

#[tokio::test]
async fn a_function_whose_secrets_are_missing_or_unusable_does_not_start() {
    for value in ["[", "[]", " "] {
        let function = kept(value).await;
        let error = function.deps.check_secrets().await.unwrap_err().to_string();
        assert!(error.contains(NAME) && error.lines().count() == 1, "{error}");
    }
    let function = kept(SECRET).await;
    function.deps.check_secrets().await.unwrap();
    assert_eq!((function.answer(signed_by(SECRET)).await, manager(&function).calls(GET)), (200, 1), "what was read at the start is used");
    let function = kept(SECRET).await;
    manager(&function).mark_for_deletion(NAME);
    assert!(function.deps.check_secrets().await.unwrap_err().to_string().contains(NAME));
}

#[tokio::test]
async fn a_function_starts_while_secrets_manager_is_down() {
    let function = kept(SECRET).await;
    manager(&function).fault(GET, Times::Always, FaultKind::Status500);
    function.deps.check_secrets().await.unwrap();
}

#[tokio::test]
async fn a_new_secret_is_accepted_without_a_restart() {
    let function = kept(SECRET).await;
    assert_eq!(function.answer(signed_by(SECRET)).await, 200);
    manager(&function).put(NAME, &format!(r#"["{OTHER_SECRET}"]"#));
    assert_eq!(function.answer(signed_by(OTHER_SECRET)).await, 200);
    assert_eq!(function.answer(signed_by(SECRET)).await, 401, "and the old one is not");
    assert_eq!(function.n_marks().await, 2);
    assert_eq!(manager(&function).calls(GET), 2);
}

#[tokio::test]
async fn forged_webhooks_drive_one_call_a_minute() {
    let (logs, _listening) = Logs::listen();
    let function = kept(SECRET).await;
    let forged = || async { function.answer(signed_by("forged")).await };
    assert_eq!(join_all((0..100).map(|_| forged())).await, [401; 100]);
    assert_eq!(manager(&function).calls(GET), 2, "the first read, and one more");
    assert_eq!(function.answer(signed_by(SECRET)).await, 200);
    assert!(logs.have("signature_mismatch") && !logs.have(SECRET), "{logs:?}");
}

#[tokio::test]
async fn what_the_cheap_checks_refuse_drives_no_call() {
    let function = kept_with(SECRET, |config| config.path_token = Some(SecretString::from(PATH_TOKEN))).await;
    let at = |path: &str, mut request: Request| {
        *request.uri_mut() = format!("https://example.com/{path}").parse().unwrap();
        request
    };
    let mut got = at(PATH_TOKEN, signed(&event()));
    *got.method_mut() = Method::GET;
    assert_eq!(function.answer(at("wrong", signed(&event()))).await, 401);
    assert_eq!(function.answer(got).await, 405);
    assert_eq!(function.answer(at(PATH_TOKEN, request("x".repeat(1024 * 1024 + 1), "unsigned"))).await, 413);
    assert_eq!(manager(&function).calls(GET), 0);
}

#[tokio::test]
async fn what_is_refused_for_its_header_or_age_is_not_looked_up_again() {
    let function = kept(SECRET).await;
    let old = request(event(), &sign(SECRET, now_ms() - 600_000, event().as_bytes()));
    assert_eq!(function.answer(old).await, 401);
    assert_eq!(function.answer(request(event(), "t=1, v1=00")).await, 401);
    assert_eq!(manager(&function).calls(GET), 1);
}

#[tokio::test]
async fn a_webhook_that_nobody_can_verify_is_to_come_again() {
    let (logs, _listening) = Logs::listen();
    let ages = Ages { failure_pause: Duration::ZERO, ..Ages::default() };
    let function = kept_with(SECRET, |config| config.secret_ages = ages).await;
    manager(&function).fault(GET, Times::Always, FaultKind::Status500);
    assert_eq!(function.answer(signed_by(SECRET)).await, 503);
    assert_eq!(function.n_marks().await, 0);
    assert!(logs.have(r#""level":"ERROR""#) && logs.have(NAME), "{logs:?}");

    manager(&function).clear_faults();
    assert_eq!(function.answer(signed_by(SECRET)).await, 200);
}

#[tokio::test]
async fn while_secrets_manager_is_down_the_last_secrets_count() {
    let ages = Ages { fresh: Duration::ZERO, ..Ages::default() };
    let function = kept_with(SECRET, |config| config.secret_ages = ages).await;
    assert_eq!(function.answer(signed_by(SECRET)).await, 200);
    for kind in [FaultKind::Status500, FaultKind::Throttle, FaultKind::Reset] {
        manager(&function).clear_faults();
        manager(&function).fault(GET, Times::Always, kind);
        assert_eq!(function.answer(signed_by(SECRET)).await, 200, "{kind:?}");
    }
    assert_eq!(function.answer(signed_by("forged")).await, 401);
}

#[tokio::test]
async fn secrets_that_were_deleted_do_not_come_back_with_an_outage() {
    let ages = Ages { fresh: Duration::ZERO, failure_pause: Duration::ZERO, ..Ages::default() };
    let function = kept_with(SECRET, |config| config.secret_ages = ages).await;
    assert_eq!(function.answer(signed_by(SECRET)).await, 200);
    manager(&function).mark_for_deletion(NAME);
    assert_eq!(function.answer(signed_by(SECRET)).await, 503);
    manager(&function).fault(GET, Times::Always, FaultKind::Status500);
    assert_eq!(function.answer(signed_by(SECRET)).await, 503);
}

#[tokio::test]
async fn secrets_that_cannot_be_used_are_named_without_their_value() {
    for (value, what) in [
        (r#"["pr1vate", "other""#, "is a malformed JSON list"),
        (r#"["pr1vate", 7]"#, "is a malformed JSON list"),
        (r#"{"secret":"pr1vate"}"#, "is a JSON object and not the text alone"),
        (" ", "is blank"),
        ("[]", "lists no secret"),
    ] {
        let (logs, _listening) = Logs::listen();
        let function = kept(value).await;
        assert_eq!(function.answer(signed_by("pr1vate")).await, 503, "{value}");
        assert!(logs.have(what) && logs.have(NAME) && !logs.have("pr1vate"), "{logs:?}");
    }
    let (logs, _listening) = Logs::listen();
    let function = kept(SECRET).await;
    manager(&function).mark_for_deletion(NAME);
    assert_eq!(function.answer(signed_by(SECRET)).await, 503);
    assert!(logs.have("is not in secrets manager") && logs.have(NAME) && !logs.have(SECRET), "{logs:?}");
}

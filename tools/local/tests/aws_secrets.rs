//! The in-process Secrets Manager, driven by the AWS SDK, and by requests that the SDK does not make.

#![expect(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]

use std::time::Duration;

use adapters::aws::http_client;
use adapters::tls::Tls;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::retry::RetryConfig;
use aws_sdk_secretsmanager::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_secretsmanager::error::ProvideErrorMetadata;
use local::aws::{FaultKind, REGION, SecretsManager, Times};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};

fn client(service: &SecretsManager) -> Client {
    let config = aws_sdk_secretsmanager::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(http_client(&Tls::default()))
        .region(Region::new(REGION))
        .credentials_provider(Credentials::new("id", "secret", None, None, "test"))
        .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(1)))
        .endpoint_url(service.url())
        .build();
    Client::from_conf(config)
}

/// The text of a secret, or the code of the refusal.
async fn read(service: &SecretsManager, id: &str) -> Result<String, String> {
    let answer = client(service).get_secret_value().secret_id(id).send().await;
    answer.map(|answer| answer.secret_string.unwrap()).map_err(|error| error.code().unwrap_or("no answer").to_owned())
}

fn refused<T>(code: &str) -> Result<T, String> {
    Err(code.to_owned())
}

#[tokio::test]
async fn a_secret_is_read_by_name_and_by_arn() {
    let service = SecretsManager::start(0).await.unwrap();
    let arn = service.put("app/key", "one");
    assert!(arn.starts_with("arn:aws:secretsmanager:us-east-1:000000000000:secret:app/key-"));
    assert_eq!(read(&service, "app/key").await.as_deref(), Ok("one"));
    assert_eq!(service.put("app/key", "two"), arn);
    assert_eq!(read(&service, &arn).await.as_deref(), Ok("two"));

    let answer = client(&service).get_secret_value().secret_id("app/key").version_stage("AWSCURRENT").send().await.unwrap();
    assert_eq!((answer.arn(), answer.name(), answer.version_stages()), (Some(&*arn), Some("app/key"), &["AWSCURRENT".to_owned()][..]));
    assert!(answer.version_id().is_some() && answer.created_date().is_some());
    assert_eq!(service.calls("GetSecretValue"), 3);
}

#[tokio::test]
async fn bytes_are_no_text() {
    let service = SecretsManager::start(0).await.unwrap();
    service.put_bytes("key", b"\0\xff");
    let answer = client(&service).get_secret_value().secret_id("key").send().await.unwrap();
    assert_eq!((answer.secret_string(), answer.secret_binary().unwrap().as_ref()), (None, &b"\0\xff"[..]));
}

#[tokio::test]
async fn refuses_what_is_not_there_going_denied_or_no_name() {
    let service = SecretsManager::start(0).await.unwrap();
    let arn = service.put("key", "one");
    for id in ["other", "ke", &arn[..arn.len() - 7]] {
        assert_eq!(read(&service, id).await, refused("ResourceNotFoundException"), "{id}");
    }
    for id in ["", "a b", "a\"b"] {
        assert_eq!(read(&service, id).await, refused("ValidationException"), "{id}");
    }
    service.mark_for_deletion("key");
    assert_eq!(read(&service, "key").await, refused("InvalidRequestException"));
    service.put("key", "again");
    service.deny("key");
    service.deny("other");
    for id in ["key", &arn, "other"] {
        assert_eq!(read(&service, id).await, refused("AccessDeniedException"), "{id}");
    }
}

#[tokio::test]
async fn what_is_not_built_here_is_refused() {
    let service = SecretsManager::start(0).await.unwrap();
    service.put("key", "one");
    let error = client(&service).list_secrets().send().await.unwrap_err();
    assert_eq!(error.code(), Some("UnknownOperationException"));
    let error = client(&service).get_secret_value().secret_id("key").version_stage("AWSPREVIOUS").send().await.unwrap_err();
    assert_eq!(error.code(), Some("ResourceNotFoundException"));
    let error = client(&service).get_secret_value().secret_id("key").version_id("a".repeat(32)).send().await.unwrap_err();
    assert_eq!(error.code(), Some("SerializationException"));
}

#[tokio::test]
async fn the_sdk_retries_faults_that_pass_and_tells_those_that_stay() {
    let service = SecretsManager::start(0).await.unwrap();
    service.put("key", "one");
    for kind in [FaultKind::Status500, FaultKind::Throttle, FaultKind::Reset] {
        service.fault("GetSecretValue", Times::Next(2), kind);
        assert!(read(&service, "key").await.is_ok(), "{kind:?}");
    }
    for (kind, code) in
        [(FaultKind::Status500, "InternalServiceError"), (FaultKind::Throttle, "ThrottlingException"), (FaultKind::Reset, "no answer")]
    {
        service.clear_faults();
        service.fault("GetSecretValue", Times::Always, kind);
        assert_eq!(read(&service, "key").await, refused(code));
    }
}

#[tokio::test]
async fn a_request_must_be_signed_aws_json() {
    const SIGNED: &str =
        "AWS4-HMAC-SHA256 Credential=ann/20261122/us-east-1/secretsmanager/aws4_request, SignedHeaders=host, Signature=00ff";
    const ASKED: &str = r#"{"SecretId":"key"}"#;
    let service = SecretsManager::start(0).await.unwrap();
    service.put("key", "one");
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for (media_type, signature, body, code) in [
        ("application/x-amz-json-1.1", SIGNED, ASKED, r#""SecretString":"one""#),
        ("application/x-amz-json-1.0", SIGNED, ASKED, "SerializationException"),
        ("application/x-amz-json-1.1", "Bearer one", ASKED, "MissingAuthenticationTokenException"),
        ("application/x-amz-json-1.1", SIGNED, r#"{"SecretId":"key","Colour":"red"}"#, "SerializationException"),
        ("application/x-amz-json-1.1", SIGNED, "key", "SerializationException"),
        ("application/x-amz-json-1.1", SIGNED, "{}", "ValidationException"),
    ] {
        let request = client.post(service.url()).header(CONTENT_TYPE, media_type).header(AUTHORIZATION, signature);
        let answer = request.header("x-amz-target", "secretsmanager.GetSecretValue").body(body).send().await.unwrap();
        let (status, text) = (answer.status().as_u16(), answer.text().await.unwrap());
        assert!(text.contains(code) && status == if code.contains("one") { 200 } else { 400 }, "{status} {text}");
    }
}

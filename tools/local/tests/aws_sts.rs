//! The in-process STS, driven by the AWS SDK, and by requests that the SDK does not make.

#![expect(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]

use std::time::Duration;

use adapters::aws::http_client;
use adapters::tls::Tls;
use aws_sdk_sts::Client;
use aws_sdk_sts::config::retry::RetryConfig;
use aws_sdk_sts::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};
use local::aws::{FaultKind, REGION, Sts, Times};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};

fn client(sts: &Sts, access_key_id: &str, region: &'static str) -> Client {
    let config = aws_sdk_sts::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(http_client(&Tls::default()))
        .region(Region::new(region))
        .credentials_provider(Credentials::new(access_key_id, "secret", None, None, "test"))
        .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(1)))
        .endpoint_url(sts.url())
        .build();
    Client::from_conf(config)
}

/// The ARN of the caller, or the code of the refusal.
async fn who(sts: &Sts, access_key_id: &str, region: &'static str) -> Result<String, String> {
    let answer = client(sts, access_key_id, region).get_caller_identity().send().await;
    answer.map(|caller| caller.arn.unwrap()).map_err(|error| code(&error))
}

fn code<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> String {
    error.code().unwrap_or("no answer").to_owned()
}

fn refused<T>(code: &str) -> Result<T, String> {
    Err(code.to_owned())
}

#[tokio::test]
async fn the_caller_is_the_access_key_id() {
    let sts = Sts::start(0).await.unwrap();
    let caller = client(&sts, "ann", REGION).get_caller_identity().send().await.unwrap();
    assert_eq!(caller.account(), Some("000000000000"));
    assert_eq!(caller.arn(), Some("arn:aws:sts::000000000000:assumed-role/operator/ann"));
    assert_eq!(caller.user_id(), Some("AROALOCALOPERATOR:ann"));
    assert_eq!(who(&sts, "bob", REGION).await.unwrap(), "arn:aws:sts::000000000000:assumed-role/operator/bob");
    assert_eq!(sts.calls("GetCallerIdentity"), 2);
}

#[tokio::test]
async fn refuses_other_operations_regions_and_names() {
    let sts = Sts::start(0).await.unwrap();
    let error = client(&sts, "ann", REGION).get_session_token().send().await.unwrap_err();
    assert_eq!(code(&error), "InvalidAction");
    assert_eq!(error.into_service_error().message(), Some("could not find operation GetSessionToken for version 2011-06-15"));
    assert_eq!(who(&sts, "ann", "eu-west-1").await, refused("SignatureDoesNotMatch"));
    assert_eq!(who(&sts, "<ann>", REGION).await, refused("InvalidClientTokenId"));
}

#[tokio::test]
async fn the_sdk_retries_faults_that_pass_and_tells_those_that_stay() {
    let sts = Sts::start(0).await.unwrap();
    for kind in [FaultKind::Status500, FaultKind::Throttle, FaultKind::Reset] {
        sts.fault("GetCallerIdentity", Times::Next(2), kind);
        assert!(who(&sts, "ann", REGION).await.is_ok(), "{kind:?}");
    }
    for (kind, code) in [(FaultKind::Status500, "InternalFailure"), (FaultKind::Throttle, "Throttling"), (FaultKind::Reset, "no answer")] {
        sts.clear_faults();
        sts.fault("GetCallerIdentity", Times::Always, kind);
        assert_eq!(who(&sts, "ann", REGION).await, refused(code));
    }
}

const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";
const SIGNED: &str = "AWS4-HMAC-SHA256 Credential=ann/20261122/us-east-1/sts/aws4_request, SignedHeaders=host;x-amz-date, Signature=00ff";
const ASKED: &str = "Action=GetCallerIdentity&Version=2011-06-15";

/// A request as a person could send it: its status, and its body.
async fn post(sts: &Sts, path: &str, media_type: &str, authorization: Option<&str>, body: &str) -> (u16, String) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut request = client.post(format!("{}{path}", sts.url())).header(CONTENT_TYPE, media_type).body(body.to_owned());
    if let Some(authorization) = authorization {
        request = request.header(AUTHORIZATION, authorization);
    }
    let response = request.send().await.unwrap();
    assert_eq!(response.headers()[CONTENT_TYPE], "text/xml");
    (response.status().as_u16(), response.text().await.unwrap())
}

#[track_caller]
fn assert_refused((status, body): (u16, String), expected_status: u16, code: &str) {
    let is_refusal = body.starts_with("<ErrorResponse ") && body.contains(&format!("<Type>Sender</Type><Code>{code}</Code>"));
    assert!(status == expected_status && is_refusal, "not {expected_status} {code}: {status} {body}");
}

#[tokio::test]
async fn a_request_must_be_signed() {
    let sts = Sts::start(0).await.unwrap();
    assert_eq!(post(&sts, "/", FORM, Some(SIGNED), ASKED).await.0, 200);
    assert_refused(post(&sts, "/", FORM, None, ASKED).await, 403, "MissingAuthenticationToken");
    for (part, other, status, code) in [
        ("AWS4-HMAC-SHA256 ", "Bearer ", 400, "IncompleteSignature"),
        ("Credential", "", 400, "IncompleteSignature"),
        ("SignedHeaders=", "", 400, "IncompleteSignature"),
        ("00ff", "", 400, "IncompleteSignature"),
        ("20261122", "today", 403, "SignatureDoesNotMatch"),
        ("/sts/", "/sqs/", 403, "SignatureDoesNotMatch"),
    ] {
        assert_refused(post(&sts, "/", FORM, Some(&SIGNED.replace(part, other)), ASKED).await, status, code);
    }
}

#[tokio::test]
async fn a_request_must_be_a_posted_form() {
    let sts = Sts::start(0).await.unwrap();
    let malformed = "MalformedHttpRequestException";
    assert_refused(post(&sts, "/", "application/json", Some(SIGNED), ASKED).await, 400, malformed);
    assert_refused(post(&sts, "/sts", FORM, Some(SIGNED), ASKED).await, 400, malformed);
    assert_refused(post(&sts, &format!("/?{ASKED}"), FORM, Some(SIGNED), "").await, 400, malformed);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let got = client.get(sts.url()).header(AUTHORIZATION, SIGNED).send().await.unwrap();
    assert_refused((got.status().as_u16(), got.text().await.unwrap()), 400, malformed);
}

#[tokio::test]
async fn a_request_must_name_the_operation_and_nothing_more() {
    let sts = Sts::start(0).await.unwrap();
    for (body, code) in [
        ("", "MissingAction"),
        ("Version=2011-06-15", "MissingAction"),
        ("Action=GetCallerIdentity", "InvalidAction"),
        ("Action=GetCallerIdentity&Version=2010-01-01", "InvalidAction"),
        ("Action=GetCallerIdentity&Version=2011-06-15&Colour=red", "InvalidQueryParameter"),
        ("Action=GetCallerIdentity&Version=2011-06-15&Version=2011-06-15", "InvalidQueryParameter"),
    ] {
        assert_refused(post(&sts, "/", FORM, Some(SIGNED), body).await, 400, code);
    }
    let (_, body) = post(&sts, "/", FORM, Some(SIGNED), "Action=%3Cb%3E%26&Version=2011-06-15").await;
    assert!(body.contains("could not find operation &lt;b&gt;&amp; for"), "{body}");
}

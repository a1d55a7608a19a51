//! The in-process SNS, driven by the AWS SDK.

use std::collections::BTreeMap;
use std::time::Duration;

use adapters::aws::http_client;
use adapters::tls::Tls;
use aws_sdk_sns::Client;
use aws_sdk_sns::config::retry::RetryConfig;
use aws_sdk_sns::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_sns::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sns::types::MessageAttributeValue;
use local::aws::{FaultKind, Published, REGION, Sns, Times};

fn client(sns: &Sns, region: &'static str) -> Client {
    let config = aws_sdk_sns::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(http_client(&Tls::default()))
        .region(Region::new(region))
        .credentials_provider(Credentials::new("id", "secret", None, None, "test"))
        .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(1)))
        .endpoint_url(sns.url())
        .build();
    Client::from_conf(config)
}

fn code<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> String {
    error.code().unwrap_or("no answer").to_owned()
}

async fn publish(sns: &Sns, topic: &str, subject: &str, message: &str) -> Result<(), String> {
    let request = client(sns, REGION).publish().topic_arn(topic).subject(subject).message(message);
    request.send().await.map(|answer| assert!(answer.message_id.is_some())).map_err(|error| code(&error))
}

#[tokio::test]
async fn what_is_published_to_a_topic_is_kept() {
    let sns = Sns::start(0).await.unwrap();
    let topic = sns.create_topic("notices");
    assert_eq!(topic, "arn:aws:sns:us-east-1:000000000000:notices");
    publish(&sns, &topic, "A & <b>", "one\ntwo é").await.unwrap();
    let kept =
        Published { topic_arn: topic, subject: Some("A & <b>".to_owned()), message: "one\ntwo é".to_owned(), attributes: BTreeMap::new() };
    assert_eq!(sns.published(), [kept]);
}

#[tokio::test]
async fn attributes_of_the_type_string_are_kept_and_others_refused() {
    let sns = Sns::start(0).await.unwrap();
    let topic = sns.create_topic("notices");
    let publish = async |kind: &str| {
        let value = MessageAttributeValue::builder().data_type(kind).string_value("7").build().unwrap();
        client(&sns, REGION).publish().topic_arn(&topic).message("m").message_attributes("integration", value).send().await.is_ok()
    };
    assert!(publish("String").await && !publish("Number").await);
    assert_eq!(sns.published()[0].attributes, BTreeMap::from([("integration".to_owned(), "7".to_owned())]));
}

#[tokio::test]
async fn what_sns_would_not_take_is_refused() {
    let sns = Sns::start(0).await.unwrap();
    let topic = &sns.create_topic("notices");
    let (long, longer) = ("s".repeat(100), "m".repeat(256 * 1024 + 1));
    for (subject, message) in [("é", "m"), (&long, "m"), (" s", "m"), ("a\nb", "m"), ("s", &longer), ("s", "")] {
        assert_eq!(publish(&sns, topic, subject, message).await, Err("InvalidParameter".to_owned()), "{subject:?}");
    }
    assert_eq!(publish(&sns, "arn:aws:sns:us-east-1:000000000000:other", "s", "m").await, Err("NotFound".to_owned()));
    let error = client(&sns, REGION).publish().phone_number("+1").message("m").send().await.unwrap_err();
    assert_eq!(code(&error), "InvalidParameter");
    let error = client(&sns, "eu-west-1").publish().topic_arn(topic).message("m").send().await.unwrap_err();
    assert_eq!(code(&error), "SignatureDoesNotMatch");
    assert_eq!(code(&client(&sns, REGION).list_topics().send().await.unwrap_err()), "InvalidAction");
    assert_eq!(sns.published(), []);
}

#[tokio::test]
async fn the_sdk_retries_faults_that_pass_and_tells_those_that_stay() {
    let sns = Sns::start(0).await.unwrap();
    let topic = sns.create_topic("notices");
    for kind in [FaultKind::Status500, FaultKind::Throttle, FaultKind::Reset] {
        sns.fault("Publish", Times::Next(2), kind);
        assert_eq!(publish(&sns, &topic, "s", "m").await, Ok(()), "{kind:?}");
    }
    sns.fault("Publish", Times::Always, FaultKind::Throttle);
    assert_eq!(publish(&sns, &topic, "s", "m").await, Err("Throttling".to_owned()));
}

//! The in-process SQS, driven by the AWS SDK.

#![expect(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]

use std::time::Duration;

use adapters::aws::http_client;
use adapters::tls::Tls;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName, QueueAttributeName};
use local::aws::{Clock, Depth, FaultKind, QueueSettings, REGION, Sqs, Times};

const WORK: &str = "work";

fn client(sqs: &Sqs) -> Client {
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(http_client(&Tls::default()))
        .region(Region::new(REGION))
        .credentials_provider(Credentials::new("id", "secret", None, None, "test"))
        .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(1)))
        .endpoint_url(sqs.url())
        .build();
    Client::from_conf(config)
}

/// A queue `work` with a visibility timeout, and how to talk to it.
struct Bench {
    sqs: Sqs,
    client: Client,
    url: String,
}

impl Bench {
    async fn with(settings: QueueSettings) -> Self {
        let sqs = Sqs::start(0).await.unwrap();
        sqs.create_queue("dead", QueueSettings::default());
        let url = sqs.create_queue(WORK, settings).into();
        Self { client: client(&sqs), sqs, url }
    }

    async fn hiding(visibility: Duration) -> Self {
        Self::with(QueueSettings { visibility, max_receive_count: None }).await
    }

    async fn new() -> Self {
        Self::with(QueueSettings::default()).await
    }

    async fn send(&self, body: &str, delay_seconds: i32) -> Result<(), String> {
        let send = self.client.send_message().queue_url(&self.url);
        outcome(send.message_body(body).delay_seconds(delay_seconds).send().await)
    }

    /// One message, waited for.
    async fn receive(&self) -> Message {
        self.look(10).await.expect("a message within the wait")
    }

    /// The next message, if one comes within the wait.
    async fn look(&self, wait_seconds: i32) -> Option<Message> {
        let receive = self.client.receive_message().queue_url(&self.url);
        let receive = receive.message_system_attribute_names(MessageSystemAttributeName::All);
        let output = receive.wait_time_seconds(wait_seconds).send().await.unwrap();
        output.messages.unwrap_or_default().pop()
    }

    async fn delete(&self, message: &Message) -> Result<(), String> {
        let delete = self.client.delete_message().queue_url(&self.url);
        outcome(delete.receipt_handle(message.receipt_handle().unwrap()).send().await)
    }

    async fn hide(&self, message: &Message, seconds: i32) -> Result<(), String> {
        let change = self.client.change_message_visibility().queue_url(&self.url);
        let change = change.receipt_handle(message.receipt_handle().unwrap());
        outcome(change.visibility_timeout(seconds).send().await)
    }
}

/// The error code, for an error that the service answered.
fn outcome<T, E: ProvideErrorMetadata, R>(result: Result<T, SdkError<E, R>>) -> Result<(), String> {
    match result {
        Ok(_) => Ok(()),
        Err(error) => Err(error.code().unwrap_or("no answer").to_owned()),
    }
}

fn refused(code: &str) -> Result<(), String> {
    Err(code.to_owned())
}

fn n_receives(message: &Message) -> &str {
    &message.attributes().unwrap()[&MessageSystemAttributeName::ApproximateReceiveCount]
}

#[tokio::test]
async fn delivers_a_message_until_it_is_deleted() {
    let bench = Bench::new().await;
    bench.send("hello", 0).await.unwrap();

    let message = bench.receive().await;
    assert_eq!(message.body(), Some("hello"));
    assert_eq!(bench.sqs.depth(WORK), Depth { in_flight: 1, ..Depth::default() });
    assert!(bench.look(0).await.is_none(), "hidden while in flight");

    bench.delete(&message).await.unwrap();
    bench.delete(&message).await.unwrap();
    assert_eq!(bench.sqs.depth(WORK), Depth::default());
}

#[tokio::test]
async fn a_waiting_receiver_gets_what_is_sent_later() {
    let bench = Bench::new().await;
    let (message, sent) = tokio::join!(bench.receive(), bench.send("late", 0));
    sent.unwrap();
    assert_eq!(message.body(), Some("late"));
}

#[tokio::test]
async fn a_delayed_message_waits_for_its_time() {
    let bench = Bench::new().await;
    bench.send("later", 1).await.unwrap();
    assert_eq!(bench.sqs.depth(WORK), Depth { delayed: 1, ..Depth::default() });
    assert!(bench.look(0).await.is_none());
    assert_eq!(bench.receive().await.body(), Some("later"));
}

#[tokio::test]
async fn a_message_that_was_not_deleted_comes_back_counted() {
    let bench = Bench::hiding(Duration::from_millis(50)).await;
    bench.send("again", 0).await.unwrap();
    let first = bench.receive().await;
    let second = bench.receive().await;
    assert_eq!((n_receives(&first), n_receives(&second)), ("1", "2"));
    bench.delete(&first).await.unwrap();
    assert_eq!(bench.sqs.bodies(WORK), ["again"], "an old receipt deletes nothing");
}

#[tokio::test]
async fn the_receiver_changes_how_long_a_message_is_hidden() {
    let bench = Bench::new().await;
    bench.send("work", 0).await.unwrap();
    let message = bench.receive().await;
    bench.hide(&message, 0).await.unwrap();
    let code = "AWS.SimpleQueueService.MessageNotInflight";
    assert_eq!(bench.hide(&message, 10).await, refused(code), "visible again");
    let again = bench.receive().await;
    assert_eq!(bench.hide(&again, 43_201).await, refused("InvalidParameterValue"));
}

#[tokio::test]
async fn a_message_received_too_often_moves_to_the_dead_letter_queue() {
    let visibility = Duration::from_millis(50);
    let max_receive_count = Some((2, "dead".to_owned()));
    let bench = Bench::with(QueueSettings { visibility, max_receive_count }).await;
    bench.send("poison", 0).await.unwrap();
    bench.receive().await;
    bench.receive().await;
    assert!(bench.look(1).await.is_none());
    assert_eq!(bench.sqs.bodies(WORK), [""; 0]);
    assert_eq!(bench.sqs.bodies("dead"), ["poison"]);
}

#[tokio::test]
async fn a_clock_that_is_put_forward_brings_a_message_back_and_at_last_to_the_dead_letters() {
    let clock = Clock::default();
    let sqs = Sqs::start_by(clock.clone(), 0).await.unwrap();
    sqs.create_queue("dead", QueueSettings::default());
    let settings = QueueSettings { visibility: Duration::from_secs(3_600), max_receive_count: Some((2, "dead".to_owned())) };
    let url = sqs.create_queue("work", settings);
    client(&sqs).send_message().queue_url(url.as_str()).message_body("hello").send().await.unwrap();

    let counts = [1, 2].map(|_| {
        let taken = sqs.take("work").unwrap();
        assert!(sqs.take("work").is_none(), "it is hidden");
        clock.advance(Duration::from_secs(3_601));
        (taken.body.clone(), taken.n_receives())
    });
    assert_eq!(counts, [("hello".to_owned(), 1), ("hello".to_owned(), 2)]);
    assert!(sqs.take("work").is_none());
    let dead = sqs.take("dead").unwrap();
    sqs.delete(&dead);
    assert_eq!((dead.body.as_str(), sqs.bodies("dead").len()), ("hello", 0));
}

#[tokio::test]
async fn refuses_what_sqs_refuses_in_a_message() {
    let bench = Bench::new().await;
    let largest = "x".repeat(1024 * 1024);
    assert_eq!(bench.send(&largest, 900).await, Ok(()));
    assert_eq!(bench.send(&(largest + "x"), 0).await, refused("InvalidParameterValue"));
    assert_eq!(bench.send("x", 901).await, refused("InvalidParameterValue"));
    assert_eq!(bench.send("x", -1).await, refused("InvalidParameterValue"));
    assert_eq!(bench.send("", 0).await, refused("MissingParameter"));
    assert_eq!(bench.send("\u{1}", 0).await, refused("InvalidMessageContents"));
    assert_eq!(bench.sqs.depth(WORK), Depth { delayed: 1, ..Depth::default() });
}

#[tokio::test]
async fn refuses_what_sqs_refuses_in_a_receive() {
    let bench = Bench::new().await;
    let receive = || bench.client.receive_message().queue_url(&bench.url);
    let bad = [
        receive().max_number_of_messages(0),
        receive().max_number_of_messages(11),
        receive().wait_time_seconds(21),
        receive().visibility_timeout(43_201),
    ];
    for call in bad {
        assert_eq!(outcome(call.send().await), refused("InvalidParameterValue"));
    }
    let delete = bench.client.delete_message().queue_url(&bench.url).receipt_handle("nonsense");
    assert_eq!(outcome(delete.send().await), refused("ReceiptHandleIsInvalid"));
}

#[tokio::test]
async fn receives_at_most_as_many_as_asked() {
    let bench = Bench::new().await;
    for body in ["a", "b", "c"] {
        bench.send(body, 0).await.unwrap();
    }
    let receive = bench.client.receive_message().queue_url(&bench.url).max_number_of_messages(2);
    let messages = receive.send().await.unwrap().messages.unwrap();
    let bodies: Vec<_> = messages.iter().filter_map(Message::body).collect();
    assert_eq!(bodies, ["a", "b"]);
}

#[tokio::test]
async fn names_the_error_for_an_unknown_queue_as_the_sdk_does() {
    let bench = Bench::new().await;
    let error = bench.client.get_queue_url().queue_name("none").send().await.unwrap_err();
    assert!(error.into_service_error().is_queue_does_not_exist());
    let send = bench.client.send_message().queue_url(format!("{}x", bench.url)).message_body("x");
    assert!(send.send().await.unwrap_err().into_service_error().is_queue_does_not_exist());
    let found = bench.client.get_queue_url().queue_name(WORK).send().await.unwrap();
    assert_eq!(found.queue_url(), Some(bench.url.as_str()));
}

#[tokio::test]
async fn describes_a_queue_and_empties_it() {
    let bench = Bench::new().await;
    bench.send("now", 0).await.unwrap();
    bench.send("later", 900).await.unwrap();
    let describe = || bench.client.get_queue_attributes().queue_url(&bench.url);
    let output = describe().attribute_names(QueueAttributeName::All).send().await.unwrap();
    let attributes = output.attributes.unwrap();
    assert_eq!(attributes[&QueueAttributeName::ApproximateNumberOfMessages], "1");
    assert_eq!(attributes[&QueueAttributeName::ApproximateNumberOfMessagesDelayed], "1");
    assert_eq!(attributes[&QueueAttributeName::ApproximateNumberOfMessagesNotVisible], "0");
    assert_eq!(attributes[&QueueAttributeName::QueueArn], bench.sqs.arn(WORK));
    let unknown = describe().attribute_names("Colour".into()).send().await;
    assert_eq!(outcome(unknown), refused("InvalidAttributeName"));

    bench.client.purge_queue().queue_url(&bench.url).send().await.unwrap();
    assert_eq!(bench.sqs.depth(WORK), Depth::default());
}

#[tokio::test]
async fn the_sdk_retries_faults_that_pass() {
    for kind in [FaultKind::Status500, FaultKind::Throttle, FaultKind::Reset] {
        let bench = Bench::new().await;
        bench.sqs.fault("SendMessage", Times::Next(2), kind);
        bench.send("hello", 0).await.unwrap();
        assert_eq!(bench.sqs.calls("SendMessage"), 3, "{kind:?}");
        assert_eq!(bench.sqs.bodies(WORK), ["hello"], "{kind:?}");
    }
}

#[tokio::test]
async fn a_fault_that_stays_reaches_the_caller() {
    let bench = Bench::new().await;
    bench.sqs.fault("SendMessage", Times::Always, FaultKind::Throttle);
    assert_eq!(bench.send("hello", 0).await, refused("RequestThrottled"));
    bench.sqs.clear_faults();
    bench.sqs.fault("SendMessage", Times::Always, FaultKind::Reset);
    assert_eq!(bench.send("hello", 0).await, refused("no answer"));
    assert_eq!(bench.sqs.bodies(WORK), [""; 0]);
}

#[tokio::test]
async fn a_response_cut_after_the_commit_sends_twice() {
    let bench = Bench::new().await;
    bench.sqs.fault("SendMessage", Times::Next(1), FaultKind::CutAfterCommit);
    bench.send("hello", 0).await.unwrap();
    assert_eq!(bench.sqs.bodies(WORK), ["hello", "hello"]);
}

#[tokio::test]
async fn stops_with_the_last_handle_even_under_a_long_poll() {
    let Bench { sqs, client, url } = Bench::new().await;
    let client = Client::from_conf(client.config().to_builder().retry_config(RetryConfig::disabled()).build());
    let poll = tokio::spawn(client.receive_message().queue_url(url).wait_time_seconds(20).send());
    while sqs.calls("ReceiveMessage") == 0 {
        tokio::task::yield_now().await;
    }
    drop(sqs);
    let ended = tokio::time::timeout(Duration::from_secs(5), poll).await;
    assert!(ended.expect("the poll ends with the server").unwrap().is_err());
}

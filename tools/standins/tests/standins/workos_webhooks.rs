//! The webhook sender, against a webhook that is a fault away from accepting.

use std::time::Duration;

use serde_json::json;
use standins::workos::webhook::{BodyEncoding, Gateway, SIGNATURE_HEADER, Stamp, lambda_event, sign};
use standins::workos::{Delivery, WorkOs};
use standins::{Fault, FaultKind, Matcher, Nth};

use crate::support::{DIRECTORY, workos};

/// A server that answers every path with 200 and `{}` and counts.
async fn webhook() -> WorkOs {
    let webhook = workos().await;
    webhook.fault(Fault::new(Matcher::any(), Nth::From(1), FaultKind::WrongShape));
    webhook
}

#[test]
fn signs_the_time_a_full_stop_and_the_body() {
    let expected = "t=1700000000000, v1=32850522003ebbce01a416e5d5df8ec8354a96e921cac7d0ebbaeef5732bdaea";
    assert_eq!(sign("secret", 1_700_000_000_000, b"body"), expected);
}

#[tokio::test]
async fn posts_an_event_as_often_as_asked() {
    let (workos, webhook) = (workos().await, webhook().await);
    let event = workos.sample_event(DIRECTORY);
    assert_eq!(event["event"], "dsync.user.updated");
    assert_eq!(event["data"]["directory_id"], DIRECTORY);
    let delivery = Delivery { copies: 2, stamp: Stamp::At(1), ..Delivery::default() };
    let status = workos.deliver(&webhook.url(), &event, delivery).await.unwrap();
    assert_eq!((status.as_u16(), webhook.calls().total()), (200, 2));
}

#[tokio::test]
async fn tries_again_until_the_event_is_accepted() {
    let (workos, webhook) = (workos().await, workos().await);
    webhook.fault(Fault::new(Matcher::any(), Nth::First(2), FaultKind::Status(503)));
    webhook.fault(Fault::new(Matcher::any(), Nth::From(3), FaultKind::EmptyList));
    let retries = vec![Duration::from_millis(1); 6];
    let delivery = Delivery { retries, ..Delivery::persistent() };
    let status = workos.deliver(&webhook.url(), &json!({}), delivery).await.unwrap();
    assert_eq!((status.as_u16(), webhook.calls().total()), (200, 3));
}

#[test]
fn wraps_a_webhook_as_lambda_gets_it() {
    let event = lambda_event(Gateway::Http, BodyEncoding::Base64, "t=1, v1=00", "body");
    assert_eq!((&event["body"], &event["isBase64Encoded"]), (&json!("Ym9keQ=="), &json!(true)));
    let event = lambda_event(Gateway::Rest, BodyEncoding::Plain, "t=1, v1=00", "body");
    assert_eq!(event["headers"][SIGNATURE_HEADER.to_lowercase()], "t=1, v1=00");
    assert_eq!((&event["body"], &event["httpMethod"]), (&json!("body"), &json!("POST")));
}

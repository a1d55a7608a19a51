//! What is counted of webhooks: one line for each, with one metric.

use adapters::clock::now_ms;
use lambda_http::http::Method;
use lambda_http::{Body, Request};
use standins::workos::webhook::sign;

use super::bench::emf::{measured, metrics};
use super::{Function, SECRET, event, event_of, request, signed};

#[tokio::test]
async fn every_outcome_is_counted_once() {
    let name = "webhooks";
    let function = Function::with(|config| config.metrics = metrics(name)).await;
    let stale = request(event(), &sign(SECRET, now_ms() - 200_000, event().as_bytes()));
    let mut got: Request = signed(&event());
    *got.method_mut() = Method::GET;
    for (request, status, expected) in [
        (signed(&event()), 200, Some("WebhooksAccepted=1")),
        (signed(r#"{"id":"event_02","event":"user.created","data":{}}"#), 200, Some("WebhooksIgnored=1")),
        (signed(&event_of("event_03", "directory_01UNKNOWN")), 200, Some("WebhooksIgnored=1")),
        (signed("no JSON"), 200, Some("WebhooksUnparseable=1")),
        (request(event(), "t=1, v1=00"), 401, Some("SignatureFailures=1")),
        (request(event(), &sign("another", now_ms(), event().as_bytes())), 401, Some("SignatureMismatches=1")),
        (request(event(), ""), 401, Some("SignatureFailures=1")),
        (stale, 401, Some("StaleSignatures=1")),
        (got, 405, None),
    ] {
        assert_eq!(function.answer(request).await, status, "{expected:?}");
        assert_eq!(measured(name), Vec::from_iter(expected));
    }
    function.bench.dynamodb.refuse("UpdateItem", "");
    assert_eq!((function.send(&event()).await, measured(name)), (503, vec!["WebhooksNotDurable=1".to_owned()]));
}

/// So a new address of WorkOS, or a token that is not as in WorkOS, is told of apart from anybody who tries the URL.
#[tokio::test]
async fn what_is_refused_for_its_path_or_source_is_counted_by_whether_it_bears_a_signature() {
    let name = "turned-away";
    let path_token = Function::with(|config| {
        config.metrics = metrics(name);
        config.path_token = Some("token".into());
    });
    let source = Function::with(|config| {
        config.metrics = metrics(name);
        config.sources = vec!["192.0.2.1/32".parse().unwrap()];
    });
    for function in [path_token.await, source.await] {
        for (request, expected) in [
            (signed(&event()), "WebhooksTurnedAway=1"),
            (request(event(), &sign("another", 0, event().as_bytes())), "WebhooksTurnedAway=1"),
            (request(event(), "t=1, v1=00"), "SignatureFailures=1"),
            (request(event(), ""), "SignatureFailures=1"),
            (lambda_http::http::Request::get("https://example.com/").body(Body::Empty).unwrap(), "SignatureFailures=1"),
        ] {
            assert_eq!(function.answer(request).await, 401, "{expected}");
            assert_eq!(measured(name), [expected]);
        }
    }
}

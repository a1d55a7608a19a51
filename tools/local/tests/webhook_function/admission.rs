//! Who is let in, and what is looked at first.

use adapters::clock::now_ms;
use lambda_http::http::Method;
use lambda_http::{Body, Request};
use secrecy::SecretString;
use serde_json::json;
use standins::workos::webhook::{BodyEncoding, Gateway, SIGNATURE_HEADER, lambda_event, sign};
use webhook::WebhookSecrets;

use crate::{Function, OTHER_SECRET, SECRET, event, request, signed};

const TOKEN: &str = "c2VjcmV0LXBhdGg";
const MEGABYTE: usize = 1024 * 1024;

async fn guarded() -> Function {
    Function::with(|config| config.path_token = Some(SecretString::from(TOKEN))).await
}

fn at(path: &str, mut request: Request) -> Request {
    *request.uri_mut() = format!("https://example.com{path}").parse().unwrap();
    request
}

fn with_method(method: Method, mut request: Request) -> Request {
    *request.method_mut() = method;
    request
}

fn signed_at(t_ms: i64) -> Request {
    request(event(), &sign(SECRET, t_ms, event().as_bytes()))
}

/// The request with the header as it is changed.
fn with_header(change: impl FnOnce(String) -> String) -> Request {
    request(event(), &change(sign(SECRET, now_ms(), event().as_bytes())))
}

/// That the function refuses the request, and does nothing about it.
async fn assert_refused(function: &Function, request: Request, status: u16) {
    let n_calls = function.bench.dynamodb.n_calls();
    let shown = format!("{} {} {:?}", request.method(), request.uri(), request.headers());
    assert_eq!(function.answer(request).await, status, "{shown}");
    assert_eq!(function.bench.dynamodb.n_calls(), n_calls, "{shown}");
}

#[tokio::test]
async fn every_configured_secret_may_sign_and_no_other() {
    let function = Function::new().await;
    for secret in [SECRET, OTHER_SECRET] {
        assert_eq!(function.answer(request(event(), &sign(secret, now_ms(), event().as_bytes()))).await, 200);
    }
    assert_eq!(function.n_marks().await, 2);
    assert_refused(&function, request(event(), &sign("another", now_ms(), event().as_bytes())), 401).await;
}

#[tokio::test]
async fn without_a_configured_secret_nobody_is_let_in() {
    for secrets in [vec![], vec![SecretString::from("")]] {
        let function = Function::with(|config| config.secrets = WebhookSecrets::Given(secrets)).await;
        assert_refused(&function, signed(&event()), 401).await;
        assert_refused(&function, request(event(), &sign("", now_ms(), event().as_bytes())), 401).await;
    }
}

#[tokio::test]
async fn a_signature_from_three_minutes_ago_or_ahead_is_refused() {
    let function = Function::new().await;
    assert_refused(&function, signed_at(now_ms() - 181_000), 401).await;
    assert_refused(&function, signed_at(now_ms() + 190_000), 401).await;
    assert_refused(&function, signed_at(now_ms() / 1_000), 401).await;
    assert_eq!(function.answer(signed_at(now_ms() - 170_000)).await, 200);
    assert_eq!(function.answer(signed_at(now_ms() + 170_000)).await, 200);
}

#[tokio::test]
async fn a_missing_doubled_or_malformed_header_is_refused() {
    let function = Function::new().await;
    let mut unsigned = signed(&event());
    unsigned.headers_mut().clear();
    assert_refused(&function, unsigned, 401).await;

    let mut twice = signed(&event());
    let signature = twice.headers()[&SIGNATURE_HEADER.to_lowercase()].clone();
    twice.headers_mut().append("workos-signature", signature);
    assert_refused(&function, twice, 401).await;

    assert_refused(&function, with_header(|header| format!("{header},{header}")), 401).await;
    assert_refused(&function, with_header(|header| header.replace("v1=", "v1=0")), 401).await;
    assert_refused(&function, with_header(|_| String::new()), 401).await;
}

#[tokio::test]
async fn spacing_and_case_of_the_header_do_not_matter() {
    let function = Function::new().await;
    for request in [
        with_header(|header| header.replace(", ", ",")),
        with_header(|header| format!("  {}  ", header.replace(", ", " ,\t "))),
        with_header(|header| {
            let (time, hash) = header.split_once("v1=").unwrap();
            format!("{time}v1={}", hash.to_uppercase())
        }),
    ] {
        assert_eq!(function.answer(request).await, 200);
    }
    assert_eq!(function.n_marks().await, 3);
}

#[tokio::test]
async fn every_byte_of_the_body_is_signed() {
    let function = Function::new().await;
    let newline = format!("{}\n", event());
    assert_eq!(function.send(&newline).await, 200);
    assert_eq!(function.n_marks().await, 1);
    let signature = sign(SECRET, now_ms(), event().as_bytes());
    assert_refused(&function, request(newline, &signature), 401).await;
    assert_refused(&function, request(format!("\u{feff}{}", event()), &signature), 401).await;
    assert_refused(&function, request(Body::Empty, &signature), 401).await;
}

#[tokio::test]
async fn a_signed_body_that_is_not_utf8_is_taken_and_does_nothing() {
    let function = Function::new().await;
    let body = [event().as_bytes(), b"\xff"].concat();
    let signature = sign(SECRET, now_ms(), &body);
    assert_eq!(function.answer(request(body, &signature)).await, 200);
    assert_eq!(function.n_marks().await, 0);
}

#[tokio::test]
async fn the_path_must_end_in_the_token_where_one_is_configured() {
    let function = guarded().await;
    for path in [format!("/{TOKEN}"), format!("/{TOKEN}/"), format!("/prod/{TOKEN}"), format!("/{TOKEN}?a=b")] {
        assert_eq!(function.answer(at(&path, signed(&event()))).await, 200, "{path}");
    }
    let upper = TOKEN.to_uppercase();
    for path in ["/", "", "/wrong", "/prod", &format!("/{TOKEN}/x"), &format!("/{TOKEN}x"), &format!("/x{TOKEN}"), &format!("/{upper}")] {
        assert_refused(&function, at(path, signed(&event())), 401).await;
    }
}

#[tokio::test]
async fn any_path_will_do_where_no_token_is_configured() {
    let function = Function::new().await;
    for path in ["/", "/webhook", "/prod/any/thing"] {
        assert_eq!(function.answer(at(path, signed(&event()))).await, 200, "{path}");
    }
}

#[tokio::test]
async fn only_post_is_a_webhook() {
    let function = Function::new().await;
    for method in [Method::GET, Method::PUT, Method::HEAD, Method::OPTIONS, Method::DELETE] {
        assert_refused(&function, with_method(method, signed(&event())), 405).await;
    }
}

#[tokio::test]
async fn a_body_over_a_megabyte_is_too_large_and_one_of_a_megabyte_is_not() {
    let function = Function::new().await;
    let padded = |n_bytes: usize| format!("{}{}", event(), " ".repeat(n_bytes - event().len()));
    assert_eq!(function.send(&padded(MEGABYTE)).await, 200);
    assert_eq!(function.n_marks().await, 1);
    assert_refused(&function, signed(&padded(MEGABYTE + 1)), 413).await;
}

#[tokio::test]
async fn the_cheapest_check_comes_first() {
    let function = guarded().await;
    let large = || request("x".repeat(MEGABYTE + 1), "unsigned");
    let right = format!("/{TOKEN}");
    assert_refused(&function, at("/wrong", with_method(Method::GET, large())), 401).await;
    assert_refused(&function, at("/wrong", large()), 401).await;
    assert_refused(&function, at(&right, with_method(Method::GET, large())), 405).await;
    assert_refused(&function, at(&right, large()), 413).await;
    assert_refused(&function, at(&right, request("x", "unsigned")), 401).await;
}

/// A signed request as a function URL hands it over, from this address.
fn from(address: &str) -> Request {
    let mut event = lambda_event(Gateway::Http, BodyEncoding::Plain, &sign(SECRET, now_ms(), event().as_bytes()), &event());
    event["requestContext"]["http"]["sourceIp"] = json!(address);
    lambda_http::request::from_str(&event.to_string()).unwrap()
}

#[tokio::test]
async fn only_the_sources_that_are_named_are_let_in() {
    let sources = ["192.0.2.7/32", "198.51.100.0/24", "2001:db8::/32"].map(|network| network.parse().unwrap());
    let function = Function::with(|config| config.sources = sources.into()).await;
    for address in ["192.0.2.7", "198.51.100.9", "2001:db8::1"] {
        assert_eq!(function.answer(from(address)).await, 200, "{address}");
    }
    for address in ["192.0.2.8", "2001:db9::1", "", "198.51.100.9, 192.0.2.7"] {
        assert_refused(&function, from(address), 401).await;
    }
    let mut forwarded = signed(&event());
    forwarded.headers_mut().insert("x-forwarded-for", "192.0.2.7".parse().unwrap());
    assert_refused(&function, forwarded, 401).await;
}

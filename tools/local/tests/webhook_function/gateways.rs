//! The events that Lambda hands over, as API Gateway and Function URLs make them.

use adapters::clock::now_ms;
use lambda_http::Request;
use lambda_http::request::from_str;
use secrecy::SecretString;
use serde_json::{Value, json};
use standins::workos::webhook::{BodyEncoding, Gateway, lambda_event, sign};

use crate::{Function, SECRET, event};

const GATEWAYS: [Gateway; 2] = [Gateway::Rest, Gateway::Http];

fn read(event: &Value) -> Request {
    from_str(&event.to_string()).expect("this is an event of Lambda")
}

fn signed(gateway: Gateway, encoding: BodyEncoding) -> Value {
    lambda_event(gateway, encoding, &sign(SECRET, now_ms(), event().as_bytes()), &event())
}

#[tokio::test]
async fn bodies_in_plain_and_in_base64_are_taken_from_every_gateway() {
    let function = Function::new().await;
    for gateway in GATEWAYS {
        for encoding in [BodyEncoding::Plain, BodyEncoding::Base64] {
            assert_eq!(function.answer(read(&signed(gateway, encoding))).await, 200, "{gateway:?} {encoding:?}");
        }
    }
    assert_eq!(function.n_marks().await, 4);
}

#[tokio::test]
async fn a_base64_body_is_decoded_once() {
    let function = Function::new().await;
    for gateway in GATEWAYS {
        let mut taken_as_text = signed(gateway, BodyEncoding::Base64);
        taken_as_text["isBase64Encoded"] = json!(false);
        assert_eq!(function.answer(read(&taken_as_text)).await, 401, "{gateway:?}");
    }
    assert_eq!(function.n_marks().await, 0);
}

#[tokio::test]
async fn a_function_urls_event_is_taken() {
    let function = Function::with(|config| config.path_token = Some(SecretString::from("token"))).await;
    let body = event();
    let host = "abcdefghijklmnop.lambda-url.eu-west-1.on.aws";
    let event = |path: &str| {
        json!({
            "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": "",
            "headers": {
                "workos-signature": sign(SECRET, now_ms(), body.as_bytes()), "content-type": "application/json", "host": host,
                "x-forwarded-proto": "https", "x-forwarded-port": "443", "x-forwarded-for": "3.217.146.166",
                "x-amzn-trace-id": "Root=1-5e1b4151-5ac6c58f5b3daa1234567890", "content-length": body.len().to_string(),
            },
            "requestContext": {
                "accountId": "anonymous", "apiId": "abcdefghijklmnop", "domainName": host, "domainPrefix": "abcdefghijklmnop",
                "http": {"method": "POST", "path": path, "protocol": "HTTP/1.1", "sourceIp": "3.217.146.166", "userAgent": "WorkOS"},
                "requestId": "8f5a6f0e-0000-0000-0000-000000000000", "routeKey": "$default", "stage": "$default",
                "time": "22/Nov/2026:00:00:00 +0000", "timeEpoch": 1_795_305_600_000_i64,
            },
            "body": body, "isBase64Encoded": false,
        })
    };
    assert_eq!(function.answer(read(&event("/token"))).await, 200);
    assert_eq!(function.answer(read(&event("/"))).await, 401);
    assert_eq!(function.n_marks().await, 1);
}

#[tokio::test]
async fn the_path_token_stands_behind_the_stage() {
    let function = Function::with(|config| config.path_token = Some(SecretString::from("token"))).await;
    let rest = |path: &str| {
        let mut event = signed(Gateway::Rest, BodyEncoding::Plain);
        event["path"] = json!(path);
        event["requestContext"]["stage"] = json!("prod");
        read(&event)
    };
    let http = |path: &str| {
        let mut event = signed(Gateway::Http, BodyEncoding::Plain);
        event["rawPath"] = json!(format!("/prod{path}"));
        event["requestContext"]["stage"] = json!("prod");
        read(&event)
    };
    for (request, status) in [(rest("/token"), 200), (http("/token"), 200), (rest("/"), 401), (http("/"), 401), (rest("/prod"), 401)] {
        let path = request.uri().path().to_owned();
        assert_eq!(function.answer(request).await, status, "{path}");
    }
}

#[tokio::test]
async fn two_signatures_joined_by_a_gateway_are_refused() {
    let function = Function::new().await;
    for gateway in GATEWAYS {
        let mut event = signed(gateway, BodyEncoding::Plain);
        let signature = event["headers"]["workos-signature"].as_str().unwrap().to_owned();
        event["headers"]["workos-signature"] = json!(format!("{signature},{signature}"));
        assert_eq!(function.answer(read(&event)).await, 401, "{gateway:?}");
    }
}

#[tokio::test]
async fn rest_gateways_give_every_header_twice_which_is_one_signature() {
    let function = Function::new().await;
    let mut event = signed(Gateway::Rest, BodyEncoding::Plain);
    let signature = event["headers"]["workos-signature"].clone();
    event["multiValueHeaders"] = json!({"WorkOS-Signature": [signature]});
    assert_eq!(function.answer(read(&event)).await, 200);
}

#[tokio::test]
async fn a_request_without_a_body_is_refused() {
    let function = Function::new().await;
    for gateway in GATEWAYS {
        let mut event = signed(gateway, BodyEncoding::Plain);
        event["body"] = Value::Null;
        assert_eq!(function.answer(read(&event)).await, 401, "{gateway:?}");
    }
}

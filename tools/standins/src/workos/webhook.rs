//! WorkOS's webhook sender: it signs an event, posts it, and tries again.
//!
//! The signature is over `t`, a full stop and the raw body; `t` is in milliseconds.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use reqwest::Client;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::ids;

/// The header of the signature.
pub const SIGNATURE_HEADER: &str = "WorkOS-Signature";

/// The value of the signature header: `t=<ms>, v1=<hex>`.
pub fn sign(secret: &str, t_ms: i64, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(t_ms.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    format!("t={t_ms}, v1={}", hex::encode(mac.finalize().into_bytes()))
}

/// Which `t` an attempt is signed with; whether WorkOS signs anew for each attempt is not documented.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stamp {
    /// The time of the attempt.
    #[default]
    EachAttempt,
    /// The time of the first attempt, for all of them.
    FirstAttempt,
    /// This time, in milliseconds.
    At(i64),
}

/// How an event is delivered; the default is one attempt, signed now with the secret of the stand-in.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Another secret than that of the stand-in.
    pub secret: Option<String>,
    /// See [`Stamp`].
    pub stamp: Stamp,
    /// How much older than that the signature claims to be; negative is the future.
    pub age_ms: i64,
    /// How often the event is sent after it was accepted: twice is a duplicate.
    pub copies: u32,
    /// The pause before each further attempt while none was answered with 2xx.
    pub retries: Vec<Duration>,
    /// How long an attempt waits for its answer.
    pub timeout: Duration,
}

impl Default for Delivery {
    fn default() -> Self {
        Self { secret: None, stamp: Stamp::default(), age_ms: 0, copies: 1, retries: Vec::new(), timeout: Duration::from_secs(5) }
    }
}

impl Delivery {
    /// The six further attempts of production, which take three days there, within a second and a half.
    pub fn persistent() -> Self {
        let retries = (0..6).map(|n| Duration::from_millis(25 << n)).collect();
        Self { retries, ..Self::default() }
    }
}

/// Delivers an event and gives the status of the last attempt.
pub(crate) async fn deliver(client: &Client, secret: &str, url: &str, event: &Value, delivery: Delivery) -> reqwest::Result<StatusCode> {
    let sender = Sender { client, url, body: event.to_string(), secret: delivery.secret.as_deref().unwrap_or(secret), delivery: &delivery };
    let mut status = sender.send_until_accepted().await;
    for _ in 1..delivery.copies {
        status = sender.send_until_accepted().await;
    }
    status
}

struct Sender<'a> {
    client: &'a Client,
    url: &'a str,
    body: String,
    secret: &'a str,
    delivery: &'a Delivery,
}

impl Sender<'_> {
    async fn send_until_accepted(&self) -> reqwest::Result<StatusCode> {
        let first_ms = ids::now_ms();
        let mut outcome = self.attempt(first_ms).await;
        for pause in &self.delivery.retries {
            if matches!(&outcome, Ok(status) if status.is_success()) {
                break;
            }
            tokio::time::sleep(*pause).await;
            outcome = self.attempt(first_ms).await;
        }
        outcome
    }

    async fn attempt(&self, first_ms: i64) -> reqwest::Result<StatusCode> {
        let t_ms = match self.delivery.stamp {
            Stamp::EachAttempt => ids::now_ms(),
            Stamp::FirstAttempt => first_ms,
            Stamp::At(t_ms) => t_ms,
        } - self.delivery.age_ms;
        let request = self
            .client
            .post(self.url)
            .timeout(self.delivery.timeout)
            .header(CONTENT_TYPE, "application/json")
            .header(SIGNATURE_HEADER, sign(self.secret, t_ms, self.body.as_bytes()))
            .body(self.body.clone());
        Ok(request.send().await?.status())
    }
}

/// The AWS front doors a webhook can reach a Lambda function by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gateway {
    /// API Gateway REST API, payload version 1.0.
    Rest,
    /// API Gateway HTTP API or a function URL, payload version 2.0.
    Http,
}

/// How a gateway hands the body over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyEncoding {
    /// As text.
    Plain,
    /// In base 64, with `isBase64Encoded` set.
    Base64,
}

/// The event a Lambda function gets for a signed webhook; header names are lower-case, as these gateways make them.
pub fn lambda_event(gateway: Gateway, encoding: BodyEncoding, signature: &str, body: &str) -> Value {
    let headers = json!({
        "content-type": "application/json",
        "host": "example.execute-api.eu-west-1.amazonaws.com",
        "workos-signature": signature,
    });
    let (body, is_base64) = match encoding {
        BodyEncoding::Plain => (body.to_owned(), false),
        BodyEncoding::Base64 => (STANDARD.encode(body), true),
    };
    match gateway {
        Gateway::Rest => json!({
            "version": "1.0",
            "resource": "/",
            "path": "/",
            "httpMethod": "POST",
            "headers": headers,
            "multiValueHeaders": {},
            "queryStringParameters": null,
            "multiValueQueryStringParameters": null,
            "pathParameters": null,
            "stageVariables": null,
            "requestContext": { "path": "/", "httpMethod": "POST", "stage": "$default", "requestId": "1", "identity": {} },
            "body": body,
            "isBase64Encoded": is_base64,
        }),
        Gateway::Http => json!({
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": "/",
            "rawQueryString": "",
            "headers": headers,
            "requestContext": {
                "http": { "method": "POST", "path": "/", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "" },
                "stage": "$default",
                "requestId": "1",
                "routeKey": "$default",
                "timeEpoch": 0,
            },
            "body": body,
            "isBase64Encoded": is_base64,
        }),
    }
}

//! Whose word is taken for who a server is, by the SDK and by the vendors' clients.

#![expect(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]

use std::sync::Arc;
use std::time::Duration;

use adapters::aws::http_client;
use adapters::http::Deadline;
use adapters::orgvue::{Orgvue, OrgvueOptions};
use adapters::settings::{SettingError, Settings};
use adapters::tls::Tls;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use domain::ids::{DatasetId, TenantId};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use secrecy::SecretString;
use tempfile::NamedTempFile;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// What satisfies both clients.
const ANSWER: &str = r#"{"TableNames":[],"properties":[]}"#;

/// A server that answers one request on each connection, behind a certificate that nobody knows; its URL, and the certificate in a file.
async fn server() -> (String, NamedTempFile) {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), cert.pem()).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let acceptor = TlsAcceptor::from(Arc::new(config.with_single_cert(vec![cert.der().clone()], key).unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // A client that does not believe it hangs up.
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut request = [0; 4096];
            if stream.read(&mut request).await.is_ok_and(|bytes| bytes > 0) {
                let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{ANSWER}", ANSWER.len());
                stream.write_all(answer.as_bytes()).await.unwrap();
                stream.shutdown().await.ok();
            }
        }
    });
    (url, file)
}

fn read(name: &'static str, value: &str) -> Result<Tls, SettingError> {
    Tls::read(&Settings::new(|asked: &str| (asked == name).then(|| value.to_owned())))
}

/// Whether the SDK and a vendor's client have an answer.
async fn answered(tls: &Tls, url: &str) -> [bool; 2] {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(http_client(tls))
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("id", "secret", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .endpoint_url(url)
        .build();
    let sdk = Client::from_conf(config).list_tables().send().await.is_ok();
    let options = OrgvueOptions { tls: tls.clone(), ..OrgvueOptions::new(url.parse().unwrap()) };
    let deadline = Deadline::after(Duration::from_secs(2));
    let (tenant, dataset) = (TenantId::parse("ACME").unwrap(), DatasetId::parse("0B533DE6-7107-9FCD-48FC-31C0856745CC").unwrap());
    let users = Orgvue::new(options).unwrap().users_dataset(tenant, &dataset, SecretString::from("token"), deadline).unwrap();
    [sdk, users.property_keys().await.is_ok()]
}

#[tokio::test]
async fn an_authority_of_ones_own_is_believed_where_it_is_configured() {
    let (url, file) = server().await;
    let tls = read("SSL_CERT_FILE", file.path().to_str().unwrap()).unwrap();
    assert_eq!(answered(&tls, &url).await, [true, true]);
}

#[tokio::test]
async fn nobody_else_is_believed() {
    let (url, _file) = server().await;
    assert_eq!(answered(&Tls::default(), &url).await, [false, false]);
}

#[test]
fn a_path_without_certificates_is_named() {
    let file = NamedTempFile::new().unwrap();
    for (name, path) in [("SSL_CERT_FILE", file.path().to_str().unwrap()), ("SSL_CERT_DIR", "/nowhere")] {
        let error = read(name, path).unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
    }
}

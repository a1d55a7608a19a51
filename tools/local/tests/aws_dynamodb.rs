//! The in-process DynamoDB, driven by the AWS SDK.

#![expect(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]

use std::path::Path;

use adapters::aws::http_client;
use adapters::tls::Tls;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::types::{AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType};
use local::aws::{Dynamodb, REGION};

fn client(dynamodb: &Dynamodb) -> Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(http_client(&Tls::default()))
        .region(Region::new(REGION))
        .credentials_provider(Credentials::new("id", "secret", None, None, "test"))
        .endpoint_url(dynamodb.url())
        .build();
    Client::from_conf(config)
}

async fn create_table(client: &Client) {
    let key = KeySchemaElement::builder().attribute_name("pk").key_type(KeyType::Hash).build();
    let attribute = AttributeDefinition::builder().attribute_name("pk").attribute_type(ScalarAttributeType::S);
    client
        .create_table()
        .table_name("pending")
        .key_schema(key.unwrap())
        .attribute_definitions(attribute.build().unwrap())
        .billing_mode(BillingMode::PayPerRequest)
        .send()
        .await
        .unwrap();
}

fn key() -> AttributeValue {
    AttributeValue::S("PENDING#1".to_owned())
}

async fn has_item(client: &Client) -> bool {
    client.get_item().table_name("pending").key("pk", key()).send().await.unwrap().item.is_some()
}

async fn write_item(file: Option<&Path>) {
    let dynamodb = Dynamodb::start(0, file).await.unwrap();
    let client = client(&dynamodb);
    create_table(&client).await;
    client.put_item().table_name("pending").item("pk", key()).send().await.unwrap();
    assert!(has_item(&client).await);
}

#[tokio::test]
async fn keeps_its_tables_in_memory() {
    write_item(None).await;
}

#[tokio::test]
async fn finds_in_its_file_what_was_written_before() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("local.db");
    write_item(Some(&file)).await;
    let dynamodb = Dynamodb::start(0, Some(&file)).await.unwrap();
    assert!(has_item(&client(&dynamodb)).await);
}

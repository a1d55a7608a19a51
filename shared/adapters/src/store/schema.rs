//! The table's shape, for emulators. In AWS the template makes the table.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType};

use crate::aws::AwsError;

/// Creates the table, unless it is there.
///
/// # Errors
/// [`AwsError`] when DynamoDB did not create it.
pub async fn create_table(client: &Client, table: &str) -> Result<(), AwsError> {
    let operation = "dynamodb:CreateTable";
    let mut request = client.create_table().table_name(table).billing_mode(BillingMode::PayPerRequest);
    for (name, kind) in [("pk", KeyType::Hash), ("sk", KeyType::Range)] {
        let attribute = AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S).build();
        let element = KeySchemaElement::builder().attribute_name(name).key_type(kind).build();
        request = request
            .attribute_definitions(attribute.map_err(AwsError::of(operation))?)
            .key_schema(element.map_err(AwsError::of(operation))?);
    }
    match request.send().await {
        Ok(_) => Ok(()),
        Err(SdkError::ServiceError(error)) if error.err().is_resource_in_use_exception() => Ok(()),
        Err(error) => Err(AwsError::of(operation)(error)),
    }
}

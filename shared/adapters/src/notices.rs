//! Notices to people, by SNS.

use aws_sdk_sns::Client;
use aws_sdk_sns::types::MessageAttributeValue;
use domain::ids::IntegrationId;
use domain::notice::Notice;

use crate::aws::AwsError;

/// The topic of a deployment's notices.
#[derive(Debug, Clone)]
pub struct Notices {
    client: Client,
    topic_arn: String,
}

impl Notices {
    /// The topic of this ARN.
    pub fn new(client: Client, topic_arn: impl Into<String>) -> Self {
        Self { client, topic_arn: topic_arn.into() }
    }

    /// Publishes a notice about an integration, whose id is also the message's attribute `integration`: a subscription may filter by it, so
    /// that a customer's administrator is told of that customer alone.
    ///
    /// # Errors
    /// [`AwsError`] when SNS did not take it.
    pub async fn send(&self, integration: &IntegrationId, notice: &Notice) -> Result<(), AwsError> {
        let Notice { subject, text } = notice;
        let id = MessageAttributeValue::builder().data_type("String").string_value(integration.as_str());
        let id = id.build().map_err(AwsError::of("sns:Publish"))?;
        let request = self.client.publish().message_attributes("integration", id).topic_arn(&self.topic_arn).subject(subject).message(text);
        request.send().await.map(drop).map_err(AwsError::of("sns:Publish"))
    }
}

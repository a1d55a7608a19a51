//! Notices to people, by SNS.

use aws_sdk_sns::Client;
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

    /// Publishes a notice.
    ///
    /// # Errors
    /// [`AwsError`] when SNS did not take it.
    pub async fn send(&self, notice: &Notice) -> Result<(), AwsError> {
        let Notice { subject, text } = notice;
        let request = self.client.publish().topic_arn(&self.topic_arn).subject(subject).message(text);
        request.send().await.map(drop).map_err(AwsError::of("sns:Publish"))
    }
}

//! The queues, in SQS: the sync queue, and the one for messages that nobody can read.

use aws_sdk_sqs::Client;
use domain::message::SyncMessage;

use crate::aws::AwsError;

/// Longest delay that SQS takes: 15 minutes.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>
pub(crate) const DELAY_SECONDS_MAX: i32 = 900;

/// One queue.
#[derive(Debug, Clone)]
pub struct Queue {
    client: Client,
    url: String,
}

impl Queue {
    /// The queue of this URL.
    pub fn new(client: Client, url: impl Into<String>) -> Self {
        Self { client, url: url.into() }
    }

    /// Sends a message that arrives `delay_ms` from now, or after 15 minutes if that is sooner.
    ///
    /// # Errors
    /// [`AwsError`] when SQS did not take it.
    pub async fn send(&self, message: &SyncMessage, delay_ms: i64) -> Result<(), AwsError> {
        // Whole seconds, rounded up: early would cut the window short.
        let delay_seconds = i32::try_from(delay_ms.max(0).saturating_add(999) / 1_000).unwrap_or(DELAY_SECONDS_MAX).min(DELAY_SECONDS_MAX);
        self.put(&message.to_json(), delay_seconds).await
    }

    /// Sends a text that nobody could read to where people look for such.
    ///
    /// # Errors
    /// [`AwsError`] when SQS did not take it: the message must then stay where it is.
    pub async fn send_unread(&self, body: &str) -> Result<(), AwsError> {
        // SQS takes no empty body.
        self.put(if body.is_empty() { "(empty)" } else { body }, 0).await
    }

    async fn put(&self, body: &str, delay_seconds: i32) -> Result<(), AwsError> {
        let request = self.client.send_message().queue_url(&self.url).delay_seconds(delay_seconds).message_body(body);
        request.send().await.map_err(AwsError::of("sqs:SendMessage"))?;
        Ok(())
    }
}

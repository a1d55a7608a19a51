//! The sync queue and its dead-letter queue, in SQS.

use aws_sdk_sqs::Client;
use domain::message::SyncMessage;

use crate::aws::AwsError;

/// Longest delay that SQS takes: 15 minutes.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>
const DELAY_SECONDS_MAX: i32 = 900;

/// Sends to the sync queue.
#[derive(Debug, Clone)]
pub struct Queue {
    client: Client,
    url: String,
    dead_letter_url: String,
}

impl Queue {
    /// The queues by their URLs.
    pub fn new(client: Client, url: impl Into<String>, dead_letter_url: impl Into<String>) -> Self {
        Self { client, url: url.into(), dead_letter_url: dead_letter_url.into() }
    }

    /// Sends a message that arrives `delay_ms` from now, or after 15 minutes if that is sooner.
    ///
    /// # Errors
    /// [`AwsError`] when SQS did not take it.
    pub async fn send(&self, message: &SyncMessage, delay_ms: i64) -> Result<(), AwsError> {
        // Whole seconds, rounded up: early would only be deferred.
        let delay_seconds = i32::try_from(delay_ms.max(0).saturating_add(999) / 1_000).unwrap_or(DELAY_SECONDS_MAX).min(DELAY_SECONDS_MAX);
        self.client
            .send_message()
            .queue_url(&self.url)
            .delay_seconds(delay_seconds)
            .message_body(message.to_json())
            .send()
            .await
            .map_err(AwsError::of("sqs:SendMessage"))?;
        Ok(())
    }

    /// Puts a message that nobody can read where people look for such.
    ///
    /// # Errors
    /// [`AwsError`] when SQS did not take it: the message must then stay in the queue.
    pub async fn dead_letter(&self, body: &str) -> Result<(), AwsError> {
        // SQS takes no empty body.
        let body = if body.is_empty() { "(empty)" } else { body };
        self.client
            .send_message()
            .queue_url(&self.dead_letter_url)
            .message_body(body)
            .send()
            .await
            .map_err(AwsError::of("sqs:SendMessage to the dead-letter queue"))?;
        Ok(())
    }
}

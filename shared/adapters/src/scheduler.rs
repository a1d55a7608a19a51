//! One-time schedules in EventBridge Scheduler: the end of a window, which SQS's 15 minutes would mostly reach but whose
//! name also makes sure that there is one for a window, whoever asks for it.

use aws_sdk_scheduler::Client;
use aws_sdk_scheduler::error::SdkError;
use aws_sdk_scheduler::types::{ActionAfterCompletion, DeadLetterConfig, FlexibleTimeWindow, FlexibleTimeWindowMode, RetryPolicy, Target};
use domain::ids::IntegrationId;
use domain::message::SyncMessage;
use jiff::Timestamp;

use crate::aws::AwsError;

/// How long Scheduler may try to hand the message over before it goes to the dead-letter queue. The sweep is quicker.
const TARGET_AGE_SECONDS_MAX: i32 = 3_600;
/// How often Scheduler may try; its default is 185 times over a day.
const TARGET_RETRIES_MAX: i32 = 10;

/// Creates schedules.
#[derive(Debug, Clone)]
pub struct Scheduler {
    client: Client,
    target: ScheduleTarget,
}

/// Where schedules live, and where they send.
#[derive(Debug, Clone)]
pub struct ScheduleTarget {
    /// The schedule group.
    pub group: String,
    /// The ARN of the sync queue.
    pub queue_arn: String,
    /// The ARN of the role that may send to it.
    pub role_arn: String,
    /// The ARN of the queue for messages that could not be sent.
    pub dead_letter_arn: Option<String>,
}

impl Scheduler {
    /// Schedules for this target.
    pub fn new(client: Client, target: ScheduleTarget) -> Self {
        Self { client, target }
    }

    /// Sees to it that the message is sent at the end of this window. A schedule that exists already is success.
    ///
    /// # Errors
    /// [`AwsError`] when the schedule may not exist; then the queue itself can delay the message.
    pub async fn schedule(&self, integration: &IntegrationId, due_ms: i64, message: &SyncMessage) -> Result<(), AwsError> {
        let operation = "scheduler:CreateSchedule";
        let at = Timestamp::from_millisecond(due_ms).map_err(AwsError::of(operation))?;
        let window = FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off).build().map_err(AwsError::of(operation))?;
        let target = &self.target;
        let created = self
            .client
            .create_schedule()
            .group_name(&target.group)
            .name(format!("{integration}.{due_ms}"))
            .schedule_expression(at.strftime("at(%Y-%m-%dT%H:%M:%S)").to_string())
            .schedule_expression_timezone("UTC")
            .flexible_time_window(window)
            .action_after_completion(ActionAfterCompletion::Delete)
            .target(
                Target::builder()
                    .arn(&target.queue_arn)
                    .role_arn(&target.role_arn)
                    .input(message.to_json())
                    .retry_policy(
                        RetryPolicy::builder()
                            .maximum_event_age_in_seconds(TARGET_AGE_SECONDS_MAX)
                            .maximum_retry_attempts(TARGET_RETRIES_MAX)
                            .build(),
                    )
                    .set_dead_letter_config(target.dead_letter_arn.as_ref().map(|arn| DeadLetterConfig::builder().arn(arn).build()))
                    .build()
                    .map_err(AwsError::of(operation))?,
            )
            .send()
            .await;
        match created {
            Ok(_) => Ok(()),
            Err(SdkError::ServiceError(error)) if error.err().is_conflict_exception() => Ok(()),
            Err(error) => Err(AwsError::of(operation)(error)),
        }
    }
}

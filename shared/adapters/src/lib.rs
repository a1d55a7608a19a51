//! The edges: WorkOS, Orgvue, DynamoDB, SQS and EventBridge Scheduler.

//! What AWS asks for each thing, and the sums.

use crate::fleet::Bill;
use crate::rig::Measured;

/// One unit price.
pub(crate) struct Price {
    pub(crate) what: &'static str,
    /// Of how many.
    pub(crate) per: f64,
    pub(crate) unit: &'static str,
    pub(crate) usd: f64,
}

impl Price {
    const fn new(what: &'static str, per: f64, unit: &'static str, usd: f64) -> Self {
        Self { what, per, unit, usd }
    }

    /// The price of so many.
    pub(crate) fn of(&self, n: f64) -> f64 {
        n / self.per * self.usd
    }
}

const MILLION: f64 = 1e6;

pub(crate) const LAMBDA_TIME: Price = Price::new("Lambda, arm64", MILLION, "GB-seconds", 13.3334);
pub(crate) const LAMBDA_CALLS: Price = Price::new("Lambda", MILLION, "invocations", 0.20);
pub(crate) const WRITES: Price = Price::new("DynamoDB on demand", MILLION, "write units", 0.625);
pub(crate) const READS: Price = Price::new("DynamoDB on demand", MILLION, "read units", 0.125);
pub(crate) const STORAGE: Price = Price::new("DynamoDB, stored and backed up (PITR)", 1.0, "GB-month", 0.45);
pub(crate) const SQS: Price = Price::new("SQS", MILLION, "requests", 0.40);
pub(crate) const SCHEDULER: Price = Price::new("EventBridge Scheduler", MILLION, "invocations", 1.00);
pub(crate) const SECRET_CALLS: Price = Price::new("Secrets Manager", MILLION, "calls", 5.00);
pub(crate) const SECRETS: Price = Price::new("Secrets Manager", 1.0, "secret-month", 0.40);
pub(crate) const SNS: Price = Price::new("SNS", MILLION, "notices", 0.50);
pub(crate) const LOGS: Price = Price::new("CloudWatch Logs", 1e9, "bytes ingested", 0.50);
pub(crate) const TRACES: Price = Price::new("X-Ray", MILLION, "traces", 5.00);
pub(crate) const METRICS: Price = Price::new("CloudWatch", 1.0, "metric-month", 0.30);
pub(crate) const ALARMS: Price = Price::new("CloudWatch", 1.0, "alarm-month", 0.10);
pub(crate) const DASHBOARDS: Price = Price::new("CloudWatch", 1.0, "dashboard-month", 3.00);

/// On-demand prices of us-east-1 as of 2026-11, free tiers left out.
pub(crate) const ALL: [Price; 15] = [
    LAMBDA_TIME,
    LAMBDA_CALLS,
    WRITES,
    READS,
    STORAGE,
    SQS,
    SCHEDULER,
    SECRET_CALLS,
    SECRETS,
    SNS,
    LOGS,
    TRACES,
    METRICS,
    ALARMS,
    DASHBOARDS,
];

/// Memory of the functions in GB, as in the template.
pub(crate) const SYNC_GB: f64 = 0.5;
pub(crate) const WEBHOOK_GB: f64 = 0.25;
/// With so much memory Lambda gives one whole processor.
const PROCESSOR_GB: f64 = 1_769.0 / 1_024.0;
/// What Lambda itself logs of an invocation.
const PLATFORM_LOG_BYTES: f64 = 400.0;
/// The event source mapping receives and deletes each message.
const SQS_CALLS_OF_THE_MAPPING: f64 = 2.0;

/// From one call of `/directory_users` to the next, in seconds: the limit of four a second and our 5 ms more.
pub(crate) const USERS_INTERVAL: f64 = 0.255;
/// What an answer is assumed to take, in seconds: nobody promises anything.
pub(crate) const WORKOS_SECONDS: f64 = 0.1;
const ORGVUE_READ_SECONDS: f64 = 0.5;
const ORGVUE_WRITE_SECONDS: f64 = 2.0;
pub(crate) const AWS_SECONDS: f64 = 0.008;
/// How many tenants a run works on at once.
pub(crate) const TENANTS_AT_ONCE: f64 = 4.0;
/// How many integrations a sweep sees to at once, and how many it reads in one call.
const SWEPT_AT_ONCE: f64 = 16.0;
const SWEPT_IN_A_CALL: f64 = 100.0;

impl Measured {
    /// What the limit of WorkOS alone makes the run take.
    pub(crate) fn limited_seconds(&self) -> f64 {
        self.workos_limited as f64 * USERS_INTERVAL
    }

    /// How long Orgvue answers, one call behind another.
    pub(crate) fn orgvue_seconds(&self) -> f64 {
        self.orgvue_reads as f64 * ORGVUE_READ_SECONDS + self.orgvue_writes as f64 * ORGVUE_WRITE_SECONDS
    }

    pub(crate) fn n_aws(&self) -> f64 {
        self.aws.calls.values().sum::<u64>() as f64
    }

    /// The same, as far as one waits for another: what a sweep does to single integrations goes side by side.
    fn aws_in_a_row(&self) -> f64 {
        let n_swept = self.n_aws() - self.aws.calls.get("DynamoDB BatchGetItem").map_or(self.n_aws(), |n| *n as f64);
        if n_swept > SWEPT_IN_A_CALL { self.n_aws() - n_swept + n_swept / SWEPT_AT_ONCE } else { self.n_aws() }
    }

    /// How long it takes on Lambda.
    pub(crate) fn seconds(&self, gb: f64, n_tenants: usize) -> f64 {
        self.limited_seconds()
            + self.workos_other as f64 * WORKOS_SECONDS
            + self.orgvue_seconds() / TENANTS_AT_ONCE.min(n_tenants.max(1) as f64)
            + self.aws_in_a_row() * AWS_SECONDS
            + on_lambda(self.cpu_seconds, gb)
    }

    /// What it costs beside the time of Lambda. `has_message`: whether the queue brought it.
    pub(crate) fn calls_usd(&self, has_message: bool) -> f64 {
        let sqs = self.aws.of("SQS") as f64 + if has_message { SQS_CALLS_OF_THE_MAPPING } else { 0.0 };
        LAMBDA_CALLS.of(1.0)
            + WRITES.of(self.aws.wcu)
            + READS.of(self.aws.rcu)
            + SQS.of(sqs)
            + SCHEDULER.of(self.aws.of("Scheduler") as f64)
            + SECRET_CALLS.of(self.aws.of("Secrets") as f64)
            + SNS.of(self.aws.of("SNS") as f64)
            + LOGS.of(self.log_bytes as f64 + PLATFORM_LOG_BYTES)
            + TRACES.of(1.0)
    }

    /// What one tenant's invocation of this memory is billed.
    pub(crate) fn bill(&self, gb: f64, has_message: bool) -> Bill {
        Bill {
            calls_usd: self.calls_usd(has_message),
            gb_seconds: self.seconds(gb, 1) * gb,
            write_units: self.aws.wcu,
            read_units: self.aws.rcu,
        }
    }

    pub(crate) fn usd(&self, gb: f64, n_tenants: usize, has_message: bool) -> f64 {
        self.calls_usd(has_message) + LAMBDA_TIME.of(self.seconds(gb, n_tenants) * gb)
    }
}

/// Seconds of a whole processor, on the part of one that comes with the memory.
pub(crate) fn on_lambda(cpu_seconds: f64, gb: f64) -> f64 {
    cpu_seconds * (PROCESSOR_GB / gb).max(1.0)
}

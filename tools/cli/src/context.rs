//! What commands work with. Nothing is looked up before a command needs it: `integration validate` runs without AWS.

mod clock;
mod profile;

use std::env;
use std::time::Duration;

use adapters::aws::AwsError;
use adapters::queue::Queue;
use adapters::store::Store;
use aws_config::default_provider::region::DefaultRegionChain;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use sync::Operator;
use tokio::sync::OnceCell;

use crate::args::{Global, SideArgs};
use clock::Watch;

use crate::error::{Advice, CliError, NO_PROFILE, Named, Place};

/// A person waits for the answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(8);
const OPERATION_TIMEOUT: Duration = Duration::from_secs(20);
const ATTEMPTS_MAX: u32 = 3;
/// How far this machine's clock may be from AWS's, as it is seen: more than an attempt takes, and far less than a lease.
const AHEAD_MS_MAX: i64 = 10_000;

/// What commands work with.
#[derive(Debug)]
pub(crate) struct Context {
    /// As it was typed.
    global: Global,
    table: Option<String>,
    queue_url: Option<String>,
    named: Named,
    aws: OnceCell<SdkConfig>,
}

/// The deployment in the hands of the caller.
#[derive(Debug)]
pub(crate) struct Hands {
    pub(crate) store: Store,
    pub(crate) queue: Queue,
    /// The ARN of the caller.
    pub(crate) by: String,
    /// How far this machine's clock is ahead of AWS's, where AWS says the time.
    ahead_ms: Option<i64>,
}

impl Hands {
    /// Whoever does something does it through this.
    pub(crate) fn operator(&self) -> Operator<'_> {
        Operator { store: &self.store, queue: &self.queue, by: &self.by }
    }

    /// The same, to keep runs off: that goes by the clock, so only where this machine's agrees with AWS's.
    pub(crate) fn in_time(self) -> Result<Self, CliError> {
        let Some(ahead_ms) = self.ahead_ms.filter(|ahead_ms| ahead_ms.abs() > AHEAD_MS_MAX) else { return Ok(self) };
        let differs = if ahead_ms > 0 { "ahead of" } else { "behind" };
        let what = format!("the clock of this machine is {} s {differs} AWS's", ahead_ms.abs() / 1_000);
        Err(Advice::new(what, "set it right, for what keeps runs off goes by it").into())
    }
}

impl Context {
    /// Looks nothing up yet.
    pub(crate) fn new(global: Global) -> Self {
        let table = named_or(&global.table, env::var("TABLE_NAME").ok());
        let queue_url = named_or(&global.queue_url, env::var("SYNC_QUEUE_URL").ok());
        Self { global, table, queue_url, named: Named::Alone, aws: OnceCell::new() }
    }

    /// One of two deployments that are compared: that of a profile, which says its table and region unless the command line does.
    /// `TABLE_NAME` and `AWS_REGION` are about the one deployment that the shell was made ready for, so they must not decide about two.
    pub(crate) async fn side(&self, named: Named, side: &SideArgs) -> Result<Self, CliError> {
        let (name, option) = (side.profile.as_str(), named.table_option());
        let of_one = |given: &str| {
            CliError::Usage(Advice::new(format!("{given} is about one deployment"), "leave it out beside --from and --to, which name two"))
        };
        if self.global.profile.is_some() {
            return Err(of_one("--profile"));
        }
        if self.global.table.is_some() {
            return Err(of_one("--table"));
        }
        let said = profile::read(name, named).await?;
        let table = named_or(&side.table, said.table).ok_or_else(|| {
            let next = format!(
                "write {} = NAME, the stack's output TableName, into its section of ~/.aws/config, or pass {option} NAME",
                profile::TABLE_KEY
            );
            CliError::Usage(Advice::new(format!("no table is known for the profile {name}"), next))
        })?;
        let global = Global { profile: Some(name.to_owned()), region: named_or(&self.global.region, said.region), ..self.global.clone() };
        Ok(Self { global, table: Some(table), queue_url: None, named, aws: OnceCell::new() })
    }

    /// The deployment's table.
    pub(crate) async fn store(&self) -> Result<Store, CliError> {
        let table = self.table()?;
        Ok(Store::new(self.dynamodb().await?, table))
    }

    /// The deployment's sync queue.
    pub(crate) async fn queue(&self) -> Result<Queue, CliError> {
        let url = self.queue_url()?;
        Ok(Queue::new(self.sqs().await?, url))
    }

    /// The deployment, to do something to it: what is done is noted with who did it.
    pub(crate) async fn hands(&self) -> Result<Hands, CliError> {
        let (store, queue, watch) = (self.store().await?, self.queue().await?, Watch::default());
        let by = self.caller_under(watch.clone()).await?;
        Ok(Hands { store, queue, by, ahead_ms: watch.ahead_ms() })
    }

    /// Who acts: the ARN that AWS knows the caller by.
    pub(crate) async fn caller(&self) -> Result<String, CliError> {
        self.caller_under(Watch::default()).await
    }

    async fn caller_under(&self, watch: Watch) -> Result<String, CliError> {
        let client = aws_sdk_sts::Client::new(self.aws().await?);
        let caller = client.get_caller_identity().customize().interceptor(watch).send().await;
        Ok(caller.map_err(AwsError::of("sts:GetCallerIdentity"))?.arn.unwrap_or_default())
    }

    /// DynamoDB itself.
    pub(crate) async fn dynamodb(&self) -> Result<aws_sdk_dynamodb::Client, CliError> {
        Ok(aws_sdk_dynamodb::Client::new(self.aws().await?))
    }

    /// SQS itself.
    pub(crate) async fn sqs(&self) -> Result<aws_sdk_sqs::Client, CliError> {
        Ok(aws_sdk_sqs::Client::new(self.aws().await?))
    }

    /// The table's name.
    pub(crate) fn table(&self) -> Result<&str, CliError> {
        named(&self.table).ok_or(CliError::NoTable)
    }

    /// The queue's URL.
    pub(crate) fn queue_url(&self) -> Result<&str, CliError> {
        named(&self.queue_url).ok_or(CliError::NoQueue)
    }

    /// What errors speak of.
    pub(crate) fn place(&self) -> Place {
        let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
        let from_environment = env::var("AWS_PROFILE").ok();
        let region = self.aws.get().and_then(SdkConfig::region).map(AsRef::as_ref);
        Place {
            table: text(named(&self.table)),
            queue_url: text(named(&self.queue_url)),
            profile: text(named(&self.global.profile).or(named(&from_environment)).or(Some(NO_PROFILE))),
            region: text(region),
            named: self.named,
        }
    }

    /// What every client of AWS is made of.
    pub(crate) async fn aws(&self) -> Result<&SdkConfig, CliError> {
        let aws = self.aws.get_or_init(|| load(&self.global)).await;
        if aws.region().is_none() { Err(CliError::NoRegion) } else { Ok(aws) }
    }
}

/// Credentials, region and endpoints from where the AWS CLI takes them. A profile that is named comes before keys in the environment.
async fn load(global: &Global) -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build();
    let retries = RetryConfig::standard().with_max_attempts(ATTEMPTS_MAX);
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts).retry_config(retries);
    let mut region = named(&global.region).map(|region| Region::new(region.to_owned()));
    if let Some(profile) = named(&global.profile) {
        if region.is_none() {
            region = DefaultRegionChain::builder().profile_name(profile).build().region().await;
        }
        let config = ProviderConfig::without_region().with_region(region.clone());
        let credentials = ProfileFileCredentialsProvider::builder().configure(&config).profile_name(profile).build();
        loader = loader.profile_name(profile).credentials_provider(credentials);
    }
    if let Some(region) = region {
        loader = loader.region(region);
    }
    loader.load().await
}

/// What the command line names, else something else.
fn named_or(text: &Option<String>, other: Option<String>) -> Option<String> {
    named(text).map(str::to_owned).or(other)
}

/// A variable that is set to nothing names nothing.
fn named(text: &Option<String>) -> Option<&str> {
    text.as_deref().filter(|text| !text.trim().is_empty())
}

//! The sync function on Lambda.

use std::time::{Duration, SystemTime};

use adapters::aws::{chain, http_client};
use adapters::http::Deadline;
use adapters::logs;
use adapters::settings::Settings;
use aws_config::BehaviorVersion;
use lambda_runtime::{Context, Error, LambdaEvent, service_fn};
use serde_json::Value;
use sync::{Config, Deps, Invocation, handle_batch, sweep};

/// What is left of an invocation for recording the run.
const RECORDING_TIME: Duration = Duration::from_secs(10);

/// The time of an invocation that claims to have ended before it began: `cargo lambda watch` tells no real deadline.
const UNTOLD_TIME: Duration = Duration::from_secs(600);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    logs::init("info");
    let config = Config::read(&Settings::from_environment()).inspect_err(|error| tracing::error!(%error, "the function cannot start"))?;
    let aws = aws_config::defaults(BehaviorVersion::latest()).http_client(http_client(&config.tls)).load().await;
    let deps = Deps::new(config, &aws)?;
    deps.check_secrets().await.inspect_err(|error| tracing::error!(error = chain(error), "the function cannot start"))?;
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| handle(&deps, event))).await
}

async fn handle(deps: &Deps, event: LambdaEvent<Value>) -> Result<Value, Error> {
    match Invocation::parse(event.payload)? {
        Invocation::Batch(batch) => Ok(serde_json::to_value(handle_batch(deps, *batch, deadline(&event.context)).await)?),
        Invocation::Sweep => {
            sweep(deps).await?;
            Ok(Value::Null)
        }
    }
}

fn deadline(context: &Context) -> Deadline {
    let left = context.deadline().duration_since(SystemTime::now()).unwrap_or(UNTOLD_TIME);
    Deadline::after(left).less(RECORDING_TIME)
}

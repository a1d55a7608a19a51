//! The webhook function on Lambda.

use adapters::aws::chain;
use adapters::logs;
use adapters::settings::Settings;
use lambda_http::{Error, service_fn};
use webhook::{Config, Deps, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    logs::init("info");
    let config = Config::read(&Settings::from_environment()).inspect_err(|error| tracing::error!(%error, "the function cannot start"))?;
    let deps = Deps::new(config, &aws_config::load_defaults(aws_config::BehaviorVersion::latest()).await);
    deps.check_secrets().await.inspect_err(|error| tracing::error!(error = chain(error), "the function cannot start"))?;
    lambda_http::run(service_fn(|request| async { Ok::<_, std::convert::Infallible>(handle(&deps, request).await) })).await
}

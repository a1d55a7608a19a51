//! The webhook function on Lambda.

use adapters::aws::{chain, http_client};
use adapters::logs;
use adapters::settings::Settings;
use aws_config::BehaviorVersion;
use lambda_http::{Error, service_fn};
use webhook::{Config, Deps, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    logs::init("info");
    let config = Config::read(&Settings::from_environment()).inspect_err(|error| tracing::error!(%error, "the function cannot start"))?;
    let aws = aws_config::defaults(BehaviorVersion::latest()).http_client(http_client(&config.tls)).load().await;
    let deps = Deps::new(config, &aws);
    deps.check_secrets().await.inspect_err(|error| tracing::error!(error = chain(error), "the function cannot start"))?;
    lambda_http::run(service_fn(|request| async { Ok::<_, std::convert::Infallible>(handle(&deps, request).await) })).await
}

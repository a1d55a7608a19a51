//! Structured logs: one JSON object a line, ids only.

use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// The crates that keep personal data out of every level. Others log whole requests below `info`.
const OURS: [&str; 6] = ["adapters", "domain", "local", "standins", "sync", "webhook"];

/// Sends logs to standard error. `RUST_LOG` sets the level; `default` is that without it. Of other crates, nothing below `info` is
/// logged whatever it says: the AWS SDK's traces hold the bodies of requests.
pub fn init(default: &str) {
    let level = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let lines = tracing_subscriber::fmt::layer().json().flatten_event(true).with_span_list(false).with_writer(std::io::stderr);
    tracing_subscriber::registry().with(level).with(filter_fn(may_be_logged)).with(lines).init();
}

fn may_be_logged(metadata: &Metadata<'_>) -> bool {
    let origin = metadata.target().split("::").next().unwrap_or_default();
    *metadata.level() <= Level::INFO || OURS.contains(&origin)
}

//! Structured logs: one JSON object a line, ids only.

use tracing_subscriber::EnvFilter;

/// Sends logs to standard error. `RUST_LOG` sets the level; `default` is that without it.
pub fn init(default: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    tracing_subscriber::fmt().json().flatten_event(true).with_span_list(false).with_env_filter(filter).with_writer(std::io::stderr).init();
}

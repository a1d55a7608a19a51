//! Structured logs: one JSON object a line, ids only.
//!
//! Each line has the spans around it, from the outside in: the Lambda runtime's with `requestId` and `xrayTraceId`, then ours with `event.id` or
//! `run.id`. With X-Ray's active tracing that is all there is to do: the trace and its lines are found from each other.

use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

/// The crates that keep personal data out of every level. Others log whole requests below `info`.
const OURS: [&str; 6] = ["adapters", "domain", "local", "standins", "sync", "webhook"];

/// Sends logs to standard error. `RUST_LOG` sets the level; `default` is that without it. Of other crates, nothing below `info` is
/// logged whatever it says: the AWS SDK's traces hold the bodies of requests.
pub fn init(default: &str) {
    let level = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    tracing_subscriber::registry().with(level).with(filter_fn(may_be_logged)).with(lines(std::io::stderr)).init();
}

fn lines<S, W>(writer: W) -> impl Layer<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    tracing_subscriber::fmt::layer().json().flatten_event(true).with_current_span(false).with_span_list(true).with_writer(writer)
}

fn may_be_logged(metadata: &Metadata<'_>) -> bool {
    let origin = metadata.target().split("::").next().unwrap_or_default();
    *metadata.level() <= Level::INFO || OURS.contains(&origin)
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_has_the_fields_of_every_span_around_it() {
        let kept = Kept::default();
        let writer = kept.clone();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(lines(move || writer.clone())), || {
            // As `lambda_runtime` calls its span and the fields of it.
            let outer =
                tracing::info_span!("Lambda runtime invoke", requestId = "r", xrayTraceId = "Root=1-5759e988-bd862e3fe1be46a994272793");
            let inner = tracing::info_span!(parent: &outer, "message", run.id = tracing::field::Empty);
            inner.record("run.id", "run_1");
            inner.in_scope(|| tracing::info!(n = 1, "told"));
        });
        let line: serde_json::Value = serde_json::from_slice(&kept.0.lock().unwrap()).unwrap();
        assert_eq!((&line["message"], &line["n"]), (&"told".into(), &1.into()));
        assert_eq!(line["spans"][0]["xrayTraceId"], "Root=1-5759e988-bd862e3fe1be46a994272793");
        assert_eq!((&line["spans"][1]["run.id"], line.get("span")), (&"run_1".into(), None));
    }
}

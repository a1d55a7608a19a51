//! Whether this machine's clock agrees with AWS's.

use std::sync::{Arc, OnceLock};

use adapters::clock::now_ms;
use aws_sdk_sts::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_sts::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_sts::error::BoxError;
use aws_sdk_sts::primitives::{DateTime, DateTimeFormat};

/// Compares the `Date` of an answer with the time at which it comes.
#[derive(Debug, Clone, Default)]
pub(super) struct Watch(Arc<OnceLock<i64>>);

impl Watch {
    /// How far this machine's clock is ahead, give or take a second and the time that the answer took; `None` where no answer had a date.
    pub(super) fn ahead_ms(&self) -> Option<i64> {
        self.0.get().copied()
    }
}

impl Intercept for Watch {
    fn name(&self) -> &'static str {
        "watch"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date").and_then(|date| DateTime::from_str(date, DateTimeFormat::HttpDate).ok());
        if let Some(date) = date {
            self.0.get_or_init(|| now_ms() - date.secs() * 1_000);
        }
        Ok(())
    }
}

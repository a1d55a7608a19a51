//! What all clients of AWS services share: their connections and their faults.

mod http;

use std::error::Error;

pub use http::http_client;

/// An AWS call that failed although the SDK tried again: everything that calls it is safe to repeat.
#[derive(Debug, thiserror::Error)]
#[error("{operation} failed")]
pub struct AwsError {
    operation: &'static str,
    #[source]
    source: Box<dyn Error + Send + Sync>,
}

impl AwsError {
    /// The error of one operation, for `map_err`.
    pub fn of<E: Error + Send + Sync + 'static>(operation: &'static str) -> impl Fn(E) -> Self {
        move |source| Self { operation, source: Box::new(source) }
    }
}

/// The whole chain of an error on one line: logged once, where the error is handled.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

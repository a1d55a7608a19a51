//! Texts in what is read: whoever keeps one is shown it where it lies, and makes the one copy that it keeps.

use std::fmt;

use serde::Deserializer;
use serde::de::{Error, Visitor};

/// What is kept of a text.
pub(crate) fn read<'de, D: Deserializer<'de>, T>(deserializer: D, keep: impl FnOnce(&str) -> T) -> Result<T, D::Error> {
    deserializer.deserialize_str(Keep(keep))
}

struct Keep<F>(F);

impl<T, F: FnOnce(&str) -> T> Visitor<'_> for Keep<F> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        Ok((self.0)(text))
    }
}
